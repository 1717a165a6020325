"""The control step as machine code: LLVM makes it of `control_step.ll`, which the package has, once in a process.

The file is `libero_gym.engine.stepper.control_step` in LLVM's language, for no processor in particular. It refers to
MuJoCo's functions and to the C library's sine and cosine, and to nothing else. `scripts/control_step.py` writes it.
Making machine code takes a tenth of a second, and nothing is kept on disk.

It has one function, `control_step`, with one argument: the address of a block of 64-bit numbers. Each parameter of the
source has its place in the block, in their order. An integer has its value there, a float its bits, and an array its
address, followed by those of its lengths that depend on the scene.
"""

from __future__ import annotations

import ctypes
import functools
import inspect
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np

from libero_gym.engine import mujoco_calls, stepper

TEXT = Path(__file__).with_name("control_step.ll")
NAME = "control_step"
#: The functions that the text calls.
CALLED = {
    "mj_step1": mujoco_calls.mj_step1,
    "mj_step2": mujoco_calls.mj_step2,
    "mj_fwdActuation": mujoco_calls.mj_fwd_actuation,
    "mj_fwdAcceleration": mujoco_calls.mj_fwd_acceleration,
    "mj_fwdConstraint": mujoco_calls.mj_fwd_constraint,
    "mj_jacSite": mujoco_calls.mj_jac_site,
}
#: Held while machine code is made: worlds of several threads wait for one of them.
_LOADING = threading.Lock()


class Parameter(NamedTuple):
    """A parameter of the control step."""

    name: str
    dtype: type
    """`int` or `float`, or the type of an array's elements."""
    shape: tuple[int | None, ...]
    """None is a length that depends on the scene; empty where it is a number."""

    @property
    def slots(self) -> int:
        """How many numbers of the block it takes."""
        return 1 + self.shape.count(None)


def parameters() -> list[Parameter]:
    """Return the parameters of `libero_gym.engine.stepper.control_step` in their order, from its annotations."""
    found = []
    for name, kind in inspect.get_annotations(stepper.control_step, eval_str=True).items():
        if name != "return":
            found.append(Parameter(name, *getattr(kind, "__metadata__", (kind, ()))))
    return found


class ControlStep:
    """The compiled control step of one world, with its arguments in place."""

    def __init__(self, **arguments: Any) -> None:
        """
        Args:
            arguments: those of `libero_gym.engine.stepper.control_step`, by name. Arrays are not copied: every call
                reads and writes them where they are, and they are kept alive.

        Raises:
            TypeError: an argument that is missing or unknown, or an array of another type or shape, or one that is not
                C-contiguous.
        """
        expected = parameters()
        if arguments.keys() != {parameter.name for parameter in expected}:
            names = arguments.keys() ^ {parameter.name for parameter in expected}
            raise TypeError(f"arguments missing or unknown: {', '.join(sorted(names))}")
        self._arguments = arguments
        self._block = np.zeros(sum(parameter.slots for parameter in expected), dtype=np.int64)
        slot = 0
        for parameter in expected:
            self._block[slot : slot + parameter.slots] = _numbers(parameter, arguments[parameter.name])
            slot += parameter.slots
        self._step = functools.partial(_machine_code(), self._block.ctypes.data)

    def __call__(self) -> None:
        """Take a control step, without the GIL."""
        self._step()


def _numbers(parameter: Parameter, value: Any) -> list[int]:
    """Return what stands in the block for an argument."""
    if parameter.dtype is int:
        return [int(value)]
    if parameter.dtype is float:
        return [int(np.float64(value).view(np.int64))]
    lengths = value.shape
    fits = len(lengths) == len(parameter.shape) and all(
        wanted in (None, length) for wanted, length in zip(parameter.shape, lengths, strict=True)
    )
    if value.dtype != parameter.dtype or not fits or not value.flags.c_contiguous:
        raise TypeError(
            f"{parameter.name} must be a C-contiguous array of {parameter.dtype.__name__} and shape {parameter.shape}, "
            f"and is {value.dtype} {lengths}"
        )
    free = [length for wanted, length in zip(parameter.shape, lengths, strict=True) if wanted is None]
    return [value.ctypes.data, *free]


def _machine_code() -> Callable[[int], None]:
    """Return the compiled function of a block's address; made by the first call in a process."""
    with _LOADING:
        return _compile()


@functools.cache
def _compile() -> Callable[[int], None]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(TEXT.read_text())
    triple = llvm.get_process_triple()
    module.triple = triple
    # As Numba sets it up; without `fast` arithmetic, so that results are those of the source to the last bit.
    machine = llvm.Target.from_triple(triple).create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=host_features(),
        opt=2,
        reloc="static" if triple.startswith(("x86", "i686")) else "default",
        codemodel="jitdefault",
        jit=True,
    )
    module.data_layout = str(machine.target_data)
    engine = llvm.create_mcjit_compiler(module, machine)
    for name, function in CALLED.items():
        engine.add_global_mapping(module.get_function(name), mujoco_calls.address(function))
    engine.finalize_object()
    pointer = engine.get_function_address(NAME)
    engine.detach()  # never freed: a thread may be in a step when the process ends
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(pointer)


def host_features() -> str:
    """Return what this processor can do, in LLVM's words; nothing where LLVM cannot tell."""
    try:
        return llvm.get_host_cpu_features().flatten()
    except RuntimeError:
        return ""
