"""Rollouts that a person can compute: e is an env step and r acting, of the environments of one stage."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vla_trainer import placement
from vla_trainer.errors import PlacementError
from vla_trainer.planner import Amounts, Line, RolloutPrediction, StageTimes, simulate

T = 5
ROOT = Path(__file__).parents[3]


def rollout(
    env: str = "0",
    policy: str = "1",
    *,
    e: Line,
    r: Line,
    gpus: int = 4,
    nodes: int = 1,
    stages: int = 1,
    cores: int | None = None,
    times: dict[str, Any] | None = None,
    **amounts: Any,
) -> RolloutPrediction:
    placed = placement.parse({"env": env, "rollout": policy}, nodes, gpus)
    stage_times = StageTimes(env_step=e, act=r, update=Line(), **(times or {}))
    each = Amounts(**{"workers": 1, "seed": None} | amounts)
    return simulate(stage_times, each, placed, stages=stages, cores_per_node=cores)


def test_one_stage_takes_turns() -> None:
    # T (r + e), and the values of the last observations: r
    found = rollout(e=Line(3), r=Line(1), num_envs=4, horizon=T)
    assert found == RolloutPrediction(seconds=T * 4 + 1, policy_steps=4 * T, env_busy=T * 3, rollout_busy=T + 1)
    # episodes need no last values
    assert rollout(e=Line(3), r=Line(1), num_envs=4, episodes=4, episode_lengths=(T,)).seconds == T * 4


@pytest.mark.parametrize(("e", "r"), [(3.0, 1.0), (1.0, 2.0), (2.0, 2.0)])
def test_two_stages(e: float, r: float) -> None:
    # stage 0 acts again when stage 1 has acted and its own step has ended: every P = max(2 r, r + e);
    # its last one begins at (T - 1) P, that of stage 1 r later, which then acts and steps: (T - 1) P + 2 r + e
    period = max(2 * r, r + e)
    seconds = (T - 1) * period + 2 * r + e
    found = rollout(e=Line(e), r=Line(r), stages=2, num_envs=4, episodes=4, episode_lengths=(T,))
    assert found.seconds == pytest.approx(seconds)
    assert found.policy_steps == 4 * T
    assert found.rollout_busy == pytest.approx(2 * T * r)
    # and the last values of each stage
    assert rollout(e=Line(e), r=Line(r), stages=2, num_envs=4, horizon=T).seconds == pytest.approx(seconds + 2 * r)


@pytest.mark.parametrize("policy", ["1", "1:0-1"])
def test_two_env_processes_share_a_policy(policy: str) -> None:
    # one rollout process, or two on one GPU: the second waits for r at first, then both go round in r + e > 2 r
    found = rollout("0:0-1", policy, e=Line(3), r=Line(1), num_envs=2, episodes=2, episode_lengths=(T,))
    assert found.seconds == 1 + T * 4
    # where acting is the longer side it never pauses: 2 T r, then the last step
    found = rollout("0:0-1", policy, e=Line(0.5), r=Line(1), num_envs=2, episodes=2, episode_lengths=(T,))
    assert found.seconds == 2 * T + 0.5
    # on GPUs of their own nobody waits
    found = rollout("0:0-1", "1-2", e=Line(3), r=Line(1), num_envs=2, episodes=2, episode_lengths=(T,))
    assert found.seconds == T * 4


def test_who_asks_whom() -> None:
    # env processes 0, 1 ask rollout process 0, and 2, 3 ask 1: each pair as above
    found = rollout("0:0-3", "1-2", e=Line(3), r=Line(1), num_envs=4, episodes=4, episode_lengths=(T,))
    assert found.seconds == 1 + T * 4


def test_gpus_in_common_are_a_queue_over_segments() -> None:
    # processes 0 and 1 share GPU 1 and take turns, 2 is alone on GPU 2
    times = {"e": Line(), "r": Line(1), "num_envs": 3, "episodes": 3, "episode_lengths": (T,)}
    assert rollout("0:0-2", "1:0-1,2:2", **times).seconds == 2 * T
    assert rollout("0:0-2", "1:0,2:1,3:2", **times).seconds == T


def test_more_rollout_than_env_processes() -> None:
    # four rows over two processes that act at once: 2 s instead of 4
    found = rollout("0", "1-2", e=Line(3), r=Line(0, 1), num_envs=4, episodes=4, episode_lengths=(T,))
    assert found.seconds == T * (2 + 3)
    assert found.rollout_busy == 2 * T


@pytest.mark.parametrize(
    ("lengths", "seconds", "policy_steps"),
    [
        # 1 s an environment to act and to step. Episode 0 ends after the first round of two, 2 takes its place and ends
        # with 1 after the third: 3 rounds of 4 s
        ((1, 3, 2), 12.0, 6),
        # episode 2 ends after the second round, so that the third is of one environment
        ((1, 3, 1), 10.0, 5),
    ],
)
def test_unequal_episodes_in_one_process(lengths: tuple[int, ...], seconds: float, policy_steps: int) -> None:
    found = rollout(e=Line(0, 1), r=Line(0, 1), num_envs=2, episodes=3, episode_lengths=lengths)
    assert (found.seconds, found.policy_steps) == (seconds, policy_steps)


def test_processes_share_the_queue_of_episodes() -> None:
    # 0 runs episode 0 until 2 and then takes episode 2, of 4 policy steps: 2 + 8; 1 runs episode 1 until 6
    pair = {"e": Line(1), "r": Line(1), "num_envs": 2}
    found = rollout("0-1", "2-3", **pair, episodes=3, episode_lengths=(1, 3, 4))
    assert (found.seconds, found.policy_steps) == (10.0, 8)


def test_an_environment_without_an_episode_costs_nothing() -> None:
    assert rollout(e=Line(0, 1), r=Line(0, 1), num_envs=4, episodes=1, episode_lengths=(T,)).seconds == 2 * T
    found = rollout("0:0-1", "1", stages=2, e=Line(1), r=Line(1), num_envs=4, episodes=1, episode_lengths=(T,))
    assert found.seconds == 2 * T


def test_resets_of_episodes() -> None:
    # both environments are reset, 2 x 0.5 s, and the one that takes episode 2 after the first round
    times = {"env_reset": Line(0, 0.5)}
    pair = {"e": Line(0, 1), "r": Line(0, 1), "num_envs": 2}
    assert rollout(**pair, episodes=3, episode_lengths=(1, 3, 2), times=times).seconds == 12.0 + 1.0 + 0.5


def test_resets_of_a_horizon() -> None:
    # episodes of 4 policy steps of which 4, 3, 2 and 1 are left: one reset after each of 4 policy steps
    four = {"e": Line(3), "r": Line(1), "num_envs": 4, "horizon": 4, "times": {"env_reset": Line(0.25)}}
    assert rollout(**four, episode_lengths=(4,)).seconds == 4 * 4 + 1 + 4 * 0.25
    assert rollout(**four).seconds == 4 * 4 + 1


def test_messages() -> None:
    pair: dict[str, Any] = {"e": Line(0, 1), "r": Line(0, 1), "num_envs": 2, "episodes": 2, "episode_lengths": (1,)}
    # two episodes are taken, and the policy is asked about two environments: 2 x 0.5, 0.25 + 2 x 0.125, 2 + 2
    times: dict[str, Any] = {"episode": 0.5, "request": Line(0.25, 0.125)}
    assert rollout(**pair, times=times).seconds == 1.0 + 0.5 + 4.0
    # of two rollout processes each is asked about one: 2 (0.25 + 0.125), 1 + 2
    assert rollout("0", "1-2", **pair, times=times).seconds == 1.0 + 0.75 + 3.0
    # two env processes on one core, an environment each: 0.5, 0.375 and the step take twice as long
    assert rollout("0:0-1", "1-2", **pair, cores=1, times=times).seconds == 2 * (0.5 + 0.375) + 1.0 + 2.0


def test_a_policy_without_a_gpu_on_a_machine_that_has_some() -> None:
    # rollout processes on processors: both want the one core, as the environments then do
    placed = placement.parse({"env": "0-1", "rollout": {"node_group": "node", "placement": "0:0-1"}}, 1, 4)
    amounts = Amounts(num_envs=2, episodes=2, episode_lengths=(1,), workers=1)
    assert simulate(StageTimes(Line(3), Line(1), Line()), amounts, placed, cores_per_node=1).seconds == 2 + 6


def test_threads_and_cores() -> None:
    four = {"e": Line(0.5, 1), "r": Line(1), "num_envs": 4, "episodes": 4, "episode_lengths": (1,)}
    assert rollout(**four, workers=1).seconds == 1 + 0.5 + 4
    assert rollout(**four, workers=2).seconds == 1 + 0.5 + 4 / 2
    assert rollout(**four, workers=8).seconds == 1 + 0.5 + 1
    # a half of each environment on one thread, the other on two: 0.5 + 4 (1/2 + 1/4); so 2 s on one core, 1.5 s on two
    serial = {"env_serial": 0.5}
    assert rollout(**four, workers=2, times=serial).seconds == 1 + 3.5
    # on one core 0.5 s and 1 s, which want two, take twice as long
    assert rollout(**four, workers=2, cores=1, times=serial).seconds == 1 + 2 * 1.5 + 2
    # two threads on one core: half the speed
    assert rollout(**four, workers=2, cores=1).seconds == 1 + 2 * (0.5 + 4 / 2)
    # as many threads as there are cores
    assert rollout(**four, workers=None, cores=2).seconds == 1 + 0.5 + 4 / 2


def test_processes_of_a_machine_share_its_cores() -> None:
    two = {"e": Line(3), "r": Line(1), "num_envs": 2, "episodes": 2, "episode_lengths": (1,)}
    assert rollout("0:0-1", "1-2", **two, cores=2).seconds == 1 + 3
    assert rollout("0:0-1", "1-2", **two, cores=1).seconds == 1 + 6
    # on two machines each has its own
    assert rollout("0,4", "1,5", **two, cores=1, nodes=2).seconds == 1 + 3
    # without GPUs acting needs them, too
    assert rollout("0:0-1", "0:0-1", gpus=0, **two, cores=1).seconds == 2 + 6
    assert rollout("0:0-1", "0:0-1", gpus=0, **two, cores=1, times={"act_cores": 0}).seconds == 1 + 6
    assert rollout("all", "all", gpus=0, nodes=2, **two, cores=1).seconds == 1 + 3


def test_drawing_slows_acting_on_the_same_gpu() -> None:
    # stage 0 acts 0-1 and steps 1-4; stage 1 acts from 1 at half the speed, until 3, and steps until 6
    two = {"e": Line(3), "r": Line(1), "num_envs": 2, "episodes": 2, "episode_lengths": (1,), "stages": 2}
    assert rollout("0", "0", **two, times={"act_slowdown": 2.0}).seconds == 6.0
    assert rollout("0", "1", **two, times={"act_slowdown": 2.0}).seconds == 5.0
    assert rollout("0", "0", **two).seconds == 5.0


@pytest.mark.parametrize(
    ("env", "policy", "stages", "num_envs", "message"),
    [
        ("0-1", "2", 1, 3, "num_envs=3 cannot be shared out over 2 env process"),
        ("0", "1", 2, 3, "=2 stage"),
        ("0", "1-2", 2, 2, r"1 environment\(s\) a stage, which 2 rollout processes"),
        ("0-1", "1-3", 1, 6, "2 env processes and 3 rollout processes; one number must divide the other"),
    ],
)
def test_numbers_that_do_not_divide(env: str, policy: str, stages: int, num_envs: int, message: str) -> None:
    with pytest.raises(PlacementError, match=message):
        rollout(env, policy, stages=stages, e=Line(1), r=Line(1), num_envs=num_envs, horizon=T)


def test_properties() -> None:
    """Of any times: slower stages are never quicker, and no layout beats its busiest part."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        e, r, slower = rng.uniform(0, 2, 3)
        stages, processes = int(rng.integers(1, 3)), int(rng.integers(1, 4))
        ranks = f"0-{processes - 1}" if processes > 1 else "0"
        size: dict[str, Any] = {"num_envs": 4 * processes, "horizon": T, "stages": stages}
        shared: dict[str, Any] = {"cores": int(rng.integers(1, 5)), "workers": 2, **size}
        found = rollout(ranks, ranks, e=Line(e, e), r=Line(r, r), **shared)
        assert found.seconds >= max(found.env_busy, found.rollout_busy) - 1e-9
        assert rollout(ranks, ranks, e=Line(e + slower, e), r=Line(r, r), **shared).seconds >= found.seconds - 1e-9
        assert rollout(ranks, ranks, e=Line(e, e), r=Line(r, r + slower), **shared).seconds >= found.seconds - 1e-9
        free = rollout(ranks, ranks, e=Line(e, e), r=Line(r, r), **{**shared, "cores": None})
        assert free.seconds <= found.seconds + 1e-9
        # what is proportional to the environments never loses by stages, nor is quicker than the longer side on a core
        core: dict[str, Any] = {"e": Line(0, e), "r": Line(0, r), "num_envs": 4, "horizon": T, "cores": 1}
        one, two = rollout(stages=1, **core), rollout(stages=2, **core)
        assert max(one.env_busy, one.rollout_busy) - 1e-9 <= two.seconds <= one.seconds + 1e-9


def test_the_measured_pipeline() -> None:
    """`benchmarks/pipeline.py`: 8 environments, 25 policy steps, and a policy that takes as long as they do, last
    values included. Measured times hold what the simulation leaves out, some 5% of them."""
    measured = json.loads((ROOT / "benchmarks/results/pipeline.json").read_text())
    num_envs, policy_steps = 8, 25
    assert measured["env_steps_of_a_round"] == num_envs * policy_steps * 8
    for measurement in measured["rounds"]:
        alone = measurement["environments_alone"]
        e, r = Line(0, alone / (num_envs * policy_steps)), Line(0, alone / (num_envs * (policy_steps + 1)))
        predicted = [
            rollout(e=e, r=r, num_envs=num_envs, horizon=policy_steps, stages=stages, cores=2, gpus=4).seconds
            for stages in (1, 2)
        ]
        # 2 alone; 24 (r + e) + 2 r + e + 2 r of half the environments, e = alone / 50, r = alone / 52: 1.038 alone
        assert predicted == pytest.approx([2 * alone, (25 / 50 + 28 / 52) * alone])
        assert measurement["one_stage"] == pytest.approx(predicted[0], rel=0.1)
        assert measurement["two_stages"] == pytest.approx(predicted[1], rel=0.1)
        assert measurement["one_stage"] / measurement["two_stages"] == pytest.approx(
            predicted[0] / predicted[1], rel=0.03
        )
