"""MuJoCo's C functions by address: the compiled control step calls them, and so can Python, without the GIL.

`mjModel*` and `mjData*` are passed as integers: the `_address` of `mujoco.MjModel` and `mujoco.MjData`.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import mujoco

from libero_gym.errors import LiberoGymError
from libero_gym.scene.mujoco_log import library_file


def _load_library() -> ctypes.CDLL:
    library = library_file()
    if library is None:
        folder = Path(mujoco.__file__).parent
        raise LiberoGymError(f"mujoco {mujoco.__version__} has no library in {folder}; expected mujoco>=3.3.0,<3.3.3")
    return ctypes.CDLL(str(library))


_LIBRARY = _load_library()
_POINTER = ctypes.c_void_p


def _function(name: str, result: type | None, *arguments: type) -> Any:
    function = getattr(_LIBRARY, name)
    function.restype, function.argtypes = result, arguments
    return function


#: void mj_step1(const mjModel*, mjData*): all that does not depend on the control.
mj_step1 = _function("mj_step1", None, _POINTER, _POINTER)
#: void mj_step2(const mjModel*, mjData*): the rest, with the control.
mj_step2 = _function("mj_step2", None, _POINTER, _POINTER)
#: void mj_fwdActuation(const mjModel*, mjData*), and so on: what a control's forces and accelerations follow from.
mj_fwd_actuation = _function("mj_fwdActuation", None, _POINTER, _POINTER)
mj_fwd_acceleration = _function("mj_fwdAcceleration", None, _POINTER, _POINTER)
mj_fwd_constraint = _function("mj_fwdConstraint", None, _POINTER, _POINTER)
#: void mj_jacSite(const mjModel*, const mjData*, mjtNum* jacp (3 nv), mjtNum* jacr (3 nv), int site)
mj_jac_site = _function("mj_jacSite", None, _POINTER, _POINTER, _POINTER, _POINTER, ctypes.c_int)
#: mjData* mj_copyData(mjData* dest, const mjModel*, const mjData* src)
_mj_copy_data = _function("mj_copyData", _POINTER, _POINTER, _POINTER, _POINTER)


def address(function: Any) -> int:
    """Return where one of these functions is in this process."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def copy_data(destination: int, model: int, source: int) -> None:
    """Copy all of an `mjData`, contacts and derived quantities too; about 30 microseconds."""
    _mj_copy_data(destination, model, source)
