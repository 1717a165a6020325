"""The compiled control step: it is the Python source, to the last bit, on any processor and without Numba."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from importlib.metadata import version
from pathlib import Path

import gymnasium
import llvmlite.binding as llvm
import mujoco
import numpy as np
import pytest

from libero_gym.engine import compiled
from libero_gym.engine.compiled import CALLED, TEXT, ControlStep
from libero_gym.engine.mujoco_calls import copy_data
from libero_gym.engine.stepper import control_step

REPOSITORY = Path(__file__).resolve().parents[3]
MADE_WITH = dict(re.findall(r"(numba|llvmlite) (\d+\.\d+\.\d+)", TEXT.read_text()))


@pytest.fixture(scope="module")
def env():
    made = gymnasium.make(
        "libero_gym:libero/Spatial-v0", task=1, assets="builtin", cameras=(), settle_steps=1
    ).unwrapped
    made.reset(seed=0)
    yield made
    made.close()


@pytest.mark.slow
def test_the_file_is_what_the_script_makes_of_the_source():
    assert set(MADE_WITH) == {"numba", "llvmlite"}
    if other := {name: version(name) for name, known in MADE_WITH.items() if version(name) != known}:
        pytest.skip(f"made with {MADE_WITH}, and {other} is installed")
    code = "import sys; sys.path.insert(0, 'scripts'); import control_step; sys.stdout.write(control_step.translate())"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == TEXT.read_text(), "run scripts/control_step.py"


def test_it_refers_to_mujoco_and_the_c_library_alone():
    text = TEXT.read_text()
    declared = set(re.findall(r"^declare .*@([\w.]+)\(", text, re.MULTILINE))
    assert declared == {*CALLED, "llvm.sqrt.f64", "llvm.sin.f64", "llvm.cos.f64"}  # no memory, no part of Numba
    assert re.findall(r"^define .*@(\w+)\(", text, re.MULTILINE) == ["control_step"]
    assert not re.search(r"^target|^attributes|^@|^!|<\d+ x |\bfast\b|contract|reassoc|fmuladd", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("triple", "cpu", "fused"),
    [
        ("x86_64-unknown-linux-gnu", "x86-64-v3", r"\bvfn?m(add|sub)"),
        ("aarch64-unknown-linux-gnu", "generic", r"\bfn?m(add|sub|la|ls)\b"),
        ("arm64-apple-macosx11.0.0", "apple-m1", r"\bfn?m(add|sub|la|ls)\b"),
    ],
)
def test_no_processor_rounds_otherwise(triple, cpu, fused):
    """A fused multiply-add rounds once where the source rounds twice."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        target = llvm.Target.from_triple(triple)
    except RuntimeError:
        pytest.skip("this build of LLVM has no such target")
    machine = target.create_target_machine(cpu=cpu, opt=2)
    module = llvm.parse_assembly(TEXT.read_text())
    module.triple, module.data_layout = triple, str(machine.target_data)
    assert len(machine.emit_object(module)) > 3000
    code = machine.emit_assembly(module)
    assert "mj_step2" in code
    assert not re.search(fused, code)


def twin(world, data: mujoco.MjData) -> dict:
    """The arguments of a control step of `data`, with arrays of their own in place of the world's."""
    arguments = dict(world._step_arguments)
    owner = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    for name, value in owner.items():
        arguments[name] = value.copy()
    for name, attribute in {"mass_matrix": "qM", "bias": "qfrc_bias"}.items():
        arguments[name] = getattr(data, attribute)
    for name in ("qpos", "qvel", "ctrl", "site_xpos", "site_xmat"):
        arguments[name] = getattr(data, name)
    return {**arguments, "data": data._address}


@pytest.mark.parametrize("substeps", [25, 10])
def test_it_is_the_python_source_to_the_last_bit(env, substeps):
    world, rng = env.world, np.random.default_rng(substeps)
    env.reset(seed=substeps)
    sides = []
    for _ in range(2):
        data = mujoco.MjData(world.model)
        copy_data(data._address, world.model._address, world.data._address)
        arguments = {**twin(world, data), "substeps": substeps, "step_ratio": 25 / substeps}
        arguments["unseen"][0] = 1  # the first step takes the arm to be at home
        sides.append(arguments)
    machine_code = ControlStep(**sides[0])
    for step in range(6):
        action = rng.uniform(-1.5, 1.5, 7)
        if step == 3:
            action[3:] = 0.0  # no turn, and a gripper that holds
        for arguments in sides:
            arguments["action"][:] = action
        machine_code()
        control_step(**sides[1])
        for name, value in sides[0].items():
            if isinstance(value, np.ndarray):
                assert value.tobytes() == sides[1][name].tobytes(), (step, name)
    assert np.abs(sides[0]["qvel"]).max() > 0.01


def test_the_step_lets_other_threads_run(env):
    data = mujoco.MjData(env.model)
    copy_data(data._address, env.model._address, env.data._address)
    step = ControlStep(**{**twin(env.world, data), "substeps": 3000})
    begun, counted = threading.Event(), 0

    def run() -> None:
        begun.set()
        step()

    thread = threading.Thread(target=run)
    thread.start()
    begun.wait()
    while thread.is_alive():
        counted += 1
    # Some 0.3 s. A step that held the interpreter would let this thread count for the 5 ms of one switch at most.
    assert counted > 100_000
    thread.join()


def test_machine_code_is_made_once_however_many_threads_ask():
    compiled._compile.cache_clear()
    found = []
    threads = [threading.Thread(target=lambda: found.append(compiled._machine_code())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
    assert compiled._compile.cache_info().misses == 1


def test_arguments_of_another_type_or_shape_are_named(env):
    arguments = env.world._step_arguments
    for name, value in (
        ("goal_pos", np.zeros(4)),
        ("goal_pos", np.zeros(3, dtype=np.float32)),
        ("home_mass", np.asfortranarray(np.arange(49.0).reshape(7, 7))),
        ("qpos", np.zeros((2, 2))),
    ):
        with pytest.raises(TypeError, match=f"{name} must be a C-contiguous array of float64 and shape"):
            ControlStep(**{**arguments, name: value})
    with pytest.raises(TypeError, match="missing or unknown: extra, qpos"):
        ControlStep(**{name: value for name, value in arguments.items() if name != "qpos"}, extra=1)


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_nothing_imports_numba():
    done = run_python(
        "import sys, gymnasium, libero_gym\n"
        "env = gymnasium.make('libero_gym:libero/Spatial-v0', task=1, assets='builtin', cameras=(), settle_steps=1)\n"
        "env.reset(seed=0)\n"
        "env.step(env.action_space.sample())\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'numba'])"
    )
    assert done.stdout == "[]\n", done.stderr


def test_a_mujoco_without_its_library_is_named():
    done = run_python(
        "from libero_gym.scene import mujoco_log\n"
        "mujoco_log.library_file = lambda: None\n"
        "import libero_gym.engine.world"
    )
    assert re.search(r"LiberoGymError: mujoco 3\.3\.\d has no library in .*; expected mujoco>=", done.stderr)
