"""Worker processes: the same results as threads, and what is left when one crashes, hangs or loses its caller."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import gymnasium
import multiprocess
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from libero_gym.errors import ActionError, InitStateError, OptionError, TaskError, WorkerError

SPATIAL = "libero_gym:libero/Spatial-v0"
OPTIONS = {"assets": "builtin", "image_size": 32, "render_quality": "fast", "settle_steps": 1, "action_chunk": 2}
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")


def make(num_envs=2, **kwargs):
    given = {"worker_kind": "process", "workers": 2, "task": [1, 4], **OPTIONS, **kwargs}
    return gymnasium.make_vec(SPATIAL, num_envs=num_envs, vectorization_mode="vector_entry_point", **given)


@pytest.fixture
def opened():
    """`make`, with what it makes closed after the test, so that a failure leaves no processes to the next one."""
    made = []

    def open_envs(*args, **kwargs):
        made.append(make(*args, **kwargs))
        return made[-1]

    yield open_envs
    for envs in made:
        envs.close()


def random_actions(steps, num_envs=2, chunk=2):
    return np.random.default_rng(5).uniform(-1, 1, (steps, num_envs, chunk, 7)).astype(np.float32)


def worker_pids():
    """Process ids by the worker's index, where one `LiberoVectorEnv` has processes."""
    return {
        int(process.name.split()[-1]): process.pid
        for process in multiprocess.active_children()
        if process.name.startswith("libero-gym worker")
    }


def eventually(holds, seconds=10):
    """Whether a condition comes true within some seconds."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


def runs(pid):
    """Whether a process exists and is not a zombie, which init may leave for a while."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone_within(seconds, pids):
    deadline = time.monotonic() + seconds
    while any(runs(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [pid for pid in pids if runs(pid)] == []


def assert_same(got, other):
    """Equal to the last bit, type and order of keys."""
    assert type(got) is type(other)
    if isinstance(got, dict):
        assert list(got) == list(other)
        for key in got:
            assert_same(got[key], other[key])
    elif isinstance(got, np.ndarray) and got.dtype != object:
        assert got.dtype == other.dtype
        np.testing.assert_array_equal(got, other)
    elif isinstance(got, (tuple, list, np.ndarray)):
        assert len(got) == len(other)
        for left, right in zip(got, other, strict=True):
            assert_same(left, right)
    else:
        assert got == other


def record(opened, mode, **kwargs):
    """All that three environments return: their episodes end at 4 control steps, after 2 steps."""
    envs = opened(num_envs=3, autoreset_mode=mode, max_episode_steps=4, render_mode="rgb_array", **kwargs)
    returned = [envs.reset(seed=20)]
    actions = random_actions(6, 3)
    for number, action in enumerate(actions):
        returned.append(envs.step(action))
        if number == 0:  # so that the environments are at different places afterwards
            mask = np.array([False, True, False])
            returned.append(envs.reset(seed=[None, 9, None], options={"reset_mask": mask, "task": 4, "init_state": 3}))
    envs.step_async(actions[0])
    returned += [envs.render(), envs.step_wait()]
    envs.reset(seed=1)
    # A reset ends a step that is under way.
    envs.step_async(actions[0])
    returned += [envs.reset(options={"reset_mask": np.array([True, False, False]), "init_state": 0})]
    returned += [envs.step(actions[1])]
    envs.close()
    return returned


@pytest.mark.parametrize(("mode", "workers"), [("NextStep", 3), ("SameStep", 1), ("Disabled", 1)])
def test_equals_threads_bit_for_bit(opened, mode, workers):
    threads = record(opened, mode, worker_kind="thread", workers=1)
    processes = record(opened, mode, workers=workers)
    assert_same(threads, processes)


def in_mid_step(envs, action, worker, number):
    """Have a signal sent to a worker whose step is under way."""
    pid = worker_pids()[worker]
    os.kill(pid, signal.SIGSTOP)
    envs.step_async(action)
    os.kill(pid, number)
    return pid


def lose_worker_0(envs, actions, caplog):
    """Kill worker 0 of three environments in the second step; environments 0 and 2 are its own.

    Returns:
        The last observation that was seen of its environments, and what the step returned.
    """
    envs.reset(seed=3)
    seen = envs.step(actions[0])[0]
    pid = in_mid_step(envs, actions[1], 0, signal.SIGKILL)
    with caplog.at_level(logging.WARNING):
        observation, reward, terminated, truncated, info = envs.step_wait()
    assert worker_pids()[0] != pid
    assert "a new process takes over its 2 environments" in caplog.text
    assert not terminated.any()
    assert list(truncated) == [True, False, True]
    assert list(reward) == [0.0, 0.0, 0.0]
    assert list(info["worker_error"]) == ["worker 0 was killed by signal 9", None, "worker 0 was killed by signal 9"]
    return [{key: seen[key][number] for key in seen} for number in (0, 2)], observation, info


def test_a_killed_worker_with_autoreset_in_the_next_step(opened, caplog):
    envs = opened(num_envs=3)
    actions = random_actions(3, 3)
    seen, observation, info = lose_worker_0(envs, actions, caplog)
    assert_same([{key: observation[key][number] for key in observation} for number in (0, 2)], seen)
    assert list(info["elapsed_steps"]) == [2, 4, 2]  # as far as they were seen
    assert list(info["chunk_length"]) == [0, 2, 0]
    _, _, _, truncated, info = envs.step(actions[2])
    assert not truncated.any()
    assert "worker_error" not in info
    assert list(info["elapsed_steps"]) == [0, 6, 0]
    # The generators go on: the episodes are those that would have followed.
    threads = opened(num_envs=3, worker_kind="thread", workers=1, max_episode_steps=4)
    threads.reset(seed=3)
    for action in actions:
        expected = threads.step(action)[4]
    for key in ("seed", "task_id", "init_state_id"):
        assert list(info[key][[0, 2]]) == list(expected[key][[0, 2]])


def test_a_killed_worker_with_autoreset_in_the_same_step(opened, caplog):
    envs = opened(num_envs=3, autoreset_mode="SameStep")
    actions = random_actions(3, 3)
    seen, observation, info = lose_worker_0(envs, actions, caplog)
    assert_same([{key: info["final_obs"][number][key] for key in observation} for number in (0, 2)], seen)
    assert list(info["final_info"]["elapsed_steps"]) == [2, 0, 2]
    assert list(info["_final_info"]) == [True, False, True]
    assert list(info["elapsed_steps"]) == [0, 4, 0]
    info = envs.step(actions[2])[4]
    assert "worker_error" not in info
    assert list(info["elapsed_steps"]) == [2, 6, 2]


def test_a_hanging_worker_is_killed_after_its_time(opened):
    envs = opened(num_envs=1, worker_timeout=2.0)
    actions = random_actions(2, 1)
    envs.reset(seed=0)
    pid = in_mid_step(envs, actions[0], 0, signal.SIGSTOP)
    start = time.monotonic()
    _, _, _, truncated, info = envs.step_wait()
    assert 1.5 < time.monotonic() - start < 15
    assert not runs(pid)
    assert list(truncated) == [True]
    assert list(info["worker_error"]) == ["worker 0 gave no sign of life for 2 s and was killed"]
    assert list(envs.step(actions[1])[4]["elapsed_steps"]) == [0]
    # A stopped process hears no polite request to end.
    os.kill(worker_pids()[0], signal.SIGSTOP)
    pids = list(worker_pids().values())
    envs.close()
    assert gone_within(1, pids)


def test_worker_timeout_is_checked():
    for bad in (0, -1.0, float("nan"), "2", True):
        with pytest.raises(OptionError, match=r"worker_timeout .* in libero/Spatial-v0; allowed: seconds above 0"):
            make(worker_timeout=bad)


def test_close_leaves_nothing_behind_in_the_middle_of_a_step_too(opened):
    before = set(os.listdir("/dev/shm"))
    envs = opened(action_chunk=400, image_size=64, max_episode_steps=-1)
    envs.reset(seed=0)
    pids = list(worker_pids().values())
    assert len(pids) == 2
    memory = [line for line in Path("/proc/self/maps").read_text().splitlines() if "/pym-" in line]
    assert memory  # observations do go through it; its file has no name any more
    envs.step_async(random_actions(1, chunk=400)[0])
    start = time.monotonic()
    envs.close()
    envs.close()
    assert time.monotonic() - start < 10
    assert not any(runs(pid) for pid in pids)
    assert eventually(lambda: worker_pids() == {})  # once the fork server has told how they ended
    assert set(os.listdir("/dev/shm")) - before == set()


CALLER = f"""
import sys, time
import gymnasium, numpy as np
options = {OPTIONS!r}
envs = gymnasium.make_vec({SPATIAL!r}, num_envs=1, vectorization_mode="vector_entry_point", worker_kind="process",
                          task=1, **dict(options, action_chunk=1000, max_episode_steps=-1))
envs.reset(seed=0)
import multiprocess
print(*[process.pid for process in multiprocess.active_children()], flush=True)
if sys.argv[1] == "in a step":
    envs.step_async(np.zeros((1, 1000, 7)))
    time.sleep(600)
"""


@pytest.mark.parametrize("when", ["in a step", "ends"])
def test_a_caller_that_is_gone_leaves_no_process(when, tmp_path):
    """Killed, or ended without close(). It has no `if __name__ == "__main__"`, and its workers do not run it again."""
    before = set(os.listdir("/dev/shm"))
    script = tmp_path / "caller.py"
    script.write_text(CALLER)
    caller = subprocess.Popen([sys.executable, script, when], stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in caller.stdout.readline().split()]
    assert len(pids) == 1
    if when == "ends":
        assert caller.wait(timeout=30) == 0
    else:
        assert all(runs(pid) for pid in pids)
        time.sleep(0.3)  # in the middle of the chunk, which takes seconds
        caller.kill()
        caller.wait()
    assert caller.stdout.read() == ""  # also ends when nobody holds its end of the pipe any more
    assert gone_within(10, pids)
    assert set(os.listdir("/dev/shm")) - before == set()


@pytest.fixture(scope="module")
def shared():
    """Three environments whose workers several tests kill, one after another: 0 and 2 in worker 0, 1 in worker 1."""
    envs = make(num_envs=3, autoreset_mode=AutoresetMode.DISABLED, render_mode="rgb_array")
    yield envs
    envs.close()


def test_a_killed_worker_without_autoreset(shared, caplog):
    actions = random_actions(4, 3)
    seen, observation, _ = lose_worker_0(shared, actions, caplog)
    assert_same([{key: observation[key][number] for key in observation} for number in (0, 2)], seen)
    # Its environments stand still until they are reset.
    observation, _, _, truncated, info = shared.step(actions[2])
    assert_same([{key: observation[key][number] for key in observation} for number in (0, 2)], seen)
    assert list(truncated) == [True, False, True]
    assert "worker_error" not in info
    assert list(info["chunk_length"]) == [0, 2, 0]
    info = shared.reset(seed=[7, None, 7], options={"reset_mask": np.array([True, False, True])})[1]
    assert list(info["elapsed_steps"]) == [0, 0, 0]
    assert list(shared.step(actions[3])[4]["elapsed_steps"]) == [2, 8, 2]


def test_a_worker_that_dies_between_calls_is_noticed_in_the_next_one(shared):
    shared.reset(seed=0)
    os.kill(worker_pids()[1], signal.SIGSEGV)
    images = shared.render()
    assert images[0].any()
    assert not images[1].any()
    # An episode that was lost outside of a step is truncated in the next one, also where others were reset meanwhile.
    shared.reset(options={"reset_mask": np.array([True, False, False])})
    _, _, _, truncated, info = shared.step(random_actions(1, 3)[0])
    assert list(truncated) == [False, True, False]
    assert list(info["worker_error"]) == [None, "worker 1 was killed by signal 11", None]


def test_errors_of_a_worker_keep_their_class_and_message(shared, opened):
    shared.reset(seed=0)
    threads = opened(worker_kind="thread", num_envs=3, workers=1)
    threads.reset(seed=0)
    for options, error in (
        ({"task": 1, "init_state": 50}, InitStateError),
        ({"task": 2}, TaskError),
        ({"task": np.array([1, 4, 77])}, TaskError),
        ({"task": 4, "sim_state": np.zeros(3)}, InitStateError),
        ({"init_state": 0, "sim_state": np.zeros(3)}, InitStateError),
        ({"init_state": "first"}, InitStateError),
    ):
        with pytest.raises(error) as raised:
            shared.reset(options=options)
        with pytest.raises(error) as expected:
            threads.reset(options=options)
        assert type(raised.value) is type(expected.value)
        assert str(raised.value) == str(expected.value)
    # options are checked before a worker gets them; what a worker raises says where it was
    with pytest.raises(InitStateError) as raised:
        shared.call("set_sim_state", np.zeros(3))
    with pytest.raises(InitStateError) as expected:
        threads.call("set_sim_state", np.zeros(3))
    assert str(raised.value) == str(expected.value)
    assert "In a worker process:\nTraceback" in raised.value.__notes__[0]
    bad = random_actions(1, 3)[0]
    bad[1, 1, 2] = np.nan
    with pytest.raises(ActionError, match=r"nan at \(1, 1, 2\)"):
        shared.step(bad)
    shared.reset(seed=0)  # nothing is broken
    assert list(shared.step(random_actions(1, 3)[0])[4]["elapsed_steps"]) == [2, 2, 2]


def test_a_worker_that_dies_of_every_start_is_given_up(shared, tmp_path, monkeypatch):
    expected = shared.reset(seed=0)
    # New processes find a module of that name in their way, and end while they import.
    (tmp_path / "mujoco.py").write_text("import os\nos._exit(3)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    os.kill(worker_pids()[1], signal.SIGKILL)
    with pytest.raises(WorkerError, match=r"environments \[1\] cannot be reset.*worker 1 ended with exit status 3"):
        shared.reset(seed=0)
    monkeypatch.undo()
    # The next one begins the same episodes as the one that was killed.
    assert_same(shared.reset(seed=0), expected)
    assert not shared.step(random_actions(1, 3)[0])[3].any()
