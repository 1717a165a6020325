"""MuJoCo's C functions, callable from compiled code.

Numba caches a compiled function on disk only if it refers to C functions by name, so MuJoCo's library is made visible
to LLVM here and its functions are declared by name. `mjModel*` and `mjData*` are passed as integers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import mujoco
from numba import types

from libero_gym.engine.jit import cached_njit
from libero_gym.errors import LiberoGymError
from libero_gym.scene.mujoco_log import library_file


def _load_library() -> None:
    library = library_file()
    if library is None:
        folder = Path(mujoco.__file__).parent
        raise LiberoGymError(f"mujoco {mujoco.__version__} has no library in {folder}; expected mujoco>=3.3.0,<3.3.3")
    llvm.load_library_permanently(str(library))


_load_library()

_POINTER: Any = types.intp
#: void mj_step1(const mjModel*, mjData*): all that does not depend on the control.
mj_step1: Any = types.ExternalFunction("mj_step1", types.void(_POINTER, _POINTER))
#: void mj_step2(const mjModel*, mjData*): the rest, with the control.
mj_step2: Any = types.ExternalFunction("mj_step2", types.void(_POINTER, _POINTER))
#: void mj_jacSite(const mjModel*, const mjData*, mjtNum* jacp (3 nv), mjtNum* jacr (3 nv), int site)
mj_jac_site: Any = types.ExternalFunction("mj_jacSite", types.void(_POINTER, _POINTER, _POINTER, _POINTER, types.int32))
#: mjData* mj_copyData(mjData* dest, const mjModel*, const mjData* src)
_mj_copy_data: Any = types.ExternalFunction("mj_copyData", _POINTER(_POINTER, _POINTER, _POINTER))


@cached_njit()
def copy_data(destination: int, model: int, source: int) -> None:
    """Copy all of an `mjData`, contacts and derived quantities too; about 30 microseconds."""
    _mj_copy_data(destination, model, source)
