"""Write `control_step.ll` of libero_gym anew, after every change of the control step: `python scripts/control_step.py`.

Numba translates the Python source to LLVM's language, for no processor in particular and without optimizing. LLVM's
passes then make one function of it, which refers to MuJoCo's functions and to the C library's sine and cosine. They are
told a processor, and do not look at this one, so the text is the same on every machine.
`tests/libero_gym/engine/test_compiled.py` holds the file to what this writes.
"""

from __future__ import annotations

import itertools
import os
import re
import types
from collections.abc import Callable
from typing import Any

# Read by Numba when it is imported: no passes of its own, and no processor's instructions.
os.environ |= {
    "NUMBA_OPT": "0",
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "NUMBA_DISABLE_INTEL_SVML": "1",
    "NUMBA_LOOP_VECTORIZE": "0",
    "NUMBA_SLP_VECTORIZE": "0",
}

import llvmlite
import llvmlite.binding as llvm
import numba
import numpy as np
from numba import cfunc, njit
from numba.core import cgutils
from numba.core import types as numba_types
from numba.extending import intrinsic
from numba.np import arrayobj

from libero_gym.engine import gripper, osc, stepper
from libero_gym.engine.compiled import CALLED, NAME, TEXT, parameters
from libero_gym.engine.mujoco_calls import address

#: No exception can arise in it: no bounds are checked, a division by zero gives infinity, and nothing is allocated.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "boundscheck": False, "nogil": True, "_nrt": False}
#: What the passes take the processor to be. What they know of it is costs, which the text does not show.
PROCESSOR = "x86_64-unknown-linux-gnu"
HEADER = f"""\
; libero_gym's control step in LLVM's language, for no processor in particular. Do not edit: scripts/control_step.py
; makes it of stepper.py, osc.py and gripper.py. numba {numba.__version__}, llvmlite {llvmlite.__version__}.

"""
#: What is left out of the text: attributes, metadata, and flags that LLVM knows from some version on.
PROMISES = (
    r"(?<=[)\w]) #\d+",
    r", !\S+ !\d+",
    r" (local_)?unnamed_addr\b",
    r"\b(noundef|nonnull|noalias|signext|zeroext|writeonly|readonly|captures\(\w+\)|range\([^()]*\))(?= |\)) ?",
    r"(?<=getelementptr )(inbounds |nusw |nuw )+",
    r"(?<=icmp )samesign ",
    r"(?<=or )disjoint ",
    r"(?<=zext )nneg ",
    r"(?<=trunc )((nuw|nsw) )+",
    r" *; preds = .*",
)
_ADDRESS = numba_types.intp
_VOID = numba_types.void
#: MuJoCo's functions, by their names in the source: their names in C, and their types.
FUNCTIONS = {
    "mj_step1": numba_types.ExternalFunction("mj_step1", _VOID(_ADDRESS, _ADDRESS)),
    "mj_step2": numba_types.ExternalFunction("mj_step2", _VOID(_ADDRESS, _ADDRESS)),
    "mj_fwd_actuation": numba_types.ExternalFunction("mj_fwdActuation", _VOID(_ADDRESS, _ADDRESS)),
    "mj_fwd_acceleration": numba_types.ExternalFunction("mj_fwdAcceleration", _VOID(_ADDRESS, _ADDRESS)),
    "mj_fwd_constraint": numba_types.ExternalFunction("mj_fwdConstraint", _VOID(_ADDRESS, _ADDRESS)),
    "mj_jac_site": numba_types.ExternalFunction(
        "mj_jacSite", _VOID(_ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS, numba_types.int32)
    ),
}


@intrinsic
def array_at(_: Any, address: Any, shape: Any, element: Any) -> Any:
    """Return the C-contiguous array of a shape, a tuple, and a type of elements at an address; nothing owns it."""
    kind = numba_types.Array(element.dtype, shape.count, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = arrayobj.make_array(kind)(context, builder)
        size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
        lengths, stride, strides = cgutils.unpack_tuple(builder, arguments[1]), context.get_constant(_ADDRESS, size), []
        for length in reversed(lengths):
            strides.insert(0, stride)
            stride = builder.mul(stride, length)
        data = builder.inttoptr(arguments[0], array.data.type)
        arrayobj.populate_array(array, data, lengths, strides, context.get_constant(_ADDRESS, size), None)
        return array._getvalue()

    return kind(address, shape, element), generate


def with_globals(function: Callable[..., Any], **names: Any) -> Any:
    """Return a function whose global names are other ones, for Numba to compile."""
    changed = types.FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__)
    return njit(**OPTIONS)(changed)


def compilable() -> Any:
    """Return the control step with what it calls, for Numba."""
    cholesky, solve = njit(**OPTIONS)(osc.cholesky), njit(**OPTIONS)(osc.solve)
    return with_globals(
        stepper.control_step,
        set_goal=njit(**OPTIONS)(osc.set_goal),
        torques=with_globals(osc.torques, cholesky=cholesky, solve=solve),
        move_targets=njit(**OPTIONS)(gripper.move_targets),
        **FUNCTIONS,
    )


def entry() -> Callable[[int], None]:
    """Return the function of a block's address that calls the control step.

    `libero_gym.engine.compiled` says how the block is laid out.
    """
    arguments: list[str] = []
    slots = 0
    for parameter in parameters():
        free = itertools.count(slots + 1)
        if parameter.dtype in (int, float):
            arguments.append(f"{parameter.dtype.__name__}s[{slots}]")
        else:
            shape = "".join(f"ints[{next(free)}]," if length is None else f"{length}," for length in parameter.shape)
            arguments.append(f"array_at(ints[{slots}], ({shape}), np.{parameter.dtype.__name__})")
        slots += parameter.slots
    code = (
        "def entry(block):\n"
        f"    ints, floats = array_at(block, ({slots},), np.int64), array_at(block, ({slots},), np.float64)\n"
        f"    step({', '.join(arguments)})\n"
    )
    names: dict[str, Any] = {"array_at": array_at, "np": np, "step": compilable()}
    exec(code, names)
    return names["entry"]


def translate() -> str:
    """Return the text that belongs into the file."""
    for name, function in CALLED.items():
        llvm.add_symbol(name, address(function))  # Numba also makes machine code, which nothing here runs
    compiled = cfunc(numba_types.void(numba_types.intp), **OPTIONS)(entry())
    llvm.initialize_all_targets()
    text = compiled._library.get_llvm_str()
    # Numba keeps the function apart from its wrapper; and a square root is an instruction, not the C library's.
    text = re.sub(r"\bnoinline\b", "alwaysinline", text).replace("@sqrt(", "@llvm.sqrt.f64(")
    module = llvm.parse_assembly(text)
    for function in module.functions:
        if function.name == compiled.native_name:
            function.name = NAME
        elif not function.is_declaration:
            function.linkage = "internal"
    for variable in module.global_variables:
        if not variable.is_declaration:
            variable.linkage = "internal"
    machine = llvm.Target.from_triple(PROCESSOR).create_target_machine(opt=2)
    module.triple, module.data_layout = PROCESSOR, str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_unrolling = options.loop_vectorization = options.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, options)
    for _ in range(2):  # what is used in one place after the first is inlined by the second
        builder.getModulePassManager().run(module, builder)
    strip = llvm.create_new_module_pass_manager()
    strip.add_strip_symbols_pass()  # names have counters and hashes in them
    strip.run(module, builder)
    return HEADER + portable(str(module))


def portable(text: str) -> str:
    """Return a module's text without what is of one machine or of one version of LLVM.

    Attributes, flags and metadata are promises to the passes, which have run.
    """
    lines = [line for line in text.splitlines() if not re.match(r"source_filename|target |attributes |!|;|$", line)]
    text = "\n".join(lines)
    for promise in PROMISES:
        text = re.sub(promise, "", text)
    # What Numba takes to return a pointer returns nothing.
    text = re.sub(r"%\w+ = (tail )?call ptr (@mj_)", r"call void \2", text)
    text = text.replace("declare ptr @mj_", "declare void @mj_")
    text = text.replace(f"define ptr @{NAME}", f"define void @{NAME}").replace("ret ptr null", "ret void")
    return text + "\n"


def main() -> None:
    """Write the file, and say how long it is."""
    text = translate()
    TEXT.write_text(text)
    print(f"{TEXT.name}: {len(text)} characters, {len(text.splitlines())} lines")


if __name__ == "__main__":
    main()
