"""Groups of processes that keep step, and that simulating one of them changes nothing."""

import numpy as np
import pytest

from vla_trainer import placement
from vla_trainer.placement import ComponentPlacement, Placement, Process
from vla_trainer.planner import Amounts, Line, StageTimes, simulate
from vla_trainer.planner.rollout import _Rollout
from vla_trainer.planner.symmetry import part_of, whole

LAYOUTS = {
    "collocated": ("all", "all"),
    "hybrid": ("0-7", "8-15"),
    "apart": ("0-3", "4-11"),
    "two env processes share a policy": ("0-7", "8-11"),
    "a gpu of two rollout processes": ("0-3:0-7", "4-7:0-7"),
}


@pytest.mark.parametrize(
    ("env", "policy", "copies", "sharing"),
    [
        # on two machines of 8 GPUs: 16 groups, 8 a machine
        ("all", "all", 16, (8,)),
        # env processes on the first machine; that the policies on GPUs are on the second does not matter
        ("0-7", "8-15", 8, (8,)),
        ("0-3", "4-11", 4, (4,)),
        ("0-7", "8-11", 4, (4,)),
        # six on the first machine, two on the second: these have more cores each
        ("0-5,8-9", "all", 1, (1, 1)),
        # the second env process draws on a GPU of a policy, the first does not
        ("0-1", "1-2", 1, (1, 1)),
        # one policy for everyone
        ("0-3", "8", 1, (1, 1)),
    ],
)
def test_groups(env: str, policy: str, copies: int, sharing: tuple[int, ...]) -> None:
    part = part_of(placement.parse({"env": env, "rollout": policy}, 2, 8))
    assert (part.copies, part.sharing) == (copies, sharing)


def test_the_first_group_stands_for_all() -> None:
    # two env processes, on GPUs 2 and 3, share the rollout process on GPU 8, which is on the other machine
    part = part_of(placement.parse({"env": "2-5", "rollout": "8-9"}, 2, 8))
    assert part.copies == 2
    assert part.placement["env"].processes == (Process(0, 0, (0,)), Process(1, 0, (1,)))
    assert part.placement["rollout"].processes == (Process(0, 0, (2,)),)


def test_without_gpus_a_policy_shares_the_cores_of_its_machine() -> None:
    # machine 0 has environments, machine 1 policies: two groups share both
    part = part_of(placement.parse({"env": "0:0-1", "rollout": "1:0-1"}, 2, 0))
    assert (part.copies, part.sharing) == (2, (2, 2))
    # group 0 has its policy on machine 1, group 1 on machine 0: a machine is not the same to both
    env = ComponentPlacement("env", (Process(0, 0, ()), Process(1, 1, ())))
    rollout = ComponentPlacement("rollout", (Process(0, 1, ()), Process(1, 0, ())))
    assert part_of(Placement({"env": env, "rollout": rollout}, 2, 0)).copies == 1


@pytest.mark.parametrize("name", LAYOUTS)
def test_one_of_them_takes_what_all_take(name: str) -> None:
    rng = np.random.default_rng(0)
    env, policy = LAYOUTS[name]
    placed = placement.parse({"env": env, "rollout": policy}, 2, 8)
    for stages in (1, 2):
        for episodes, horizon in ((32, None), (64, None), (320, None), (None, 7)):
            a, b, c, d = rng.uniform(0, 2, 4)
            times = StageTimes(Line(a, b), Line(c, d), Line(), env_reset=Line(0.0 if horizon else a, 0.0))
            amounts = Amounts(num_envs=32, episodes=episodes, horizon=horizon, episode_lengths=(9,), workers=2)
            cores = int(rng.integers(2, 20))
            found = simulate(times, amounts, placed, stages=stages, cores_per_node=cores)
            full = _Rollout(times, amounts, whole(placed), stages, cores).run()
            assert found.policy_steps == full.policy_steps == (32 * 7 if horizon else (episodes or 0) * 9)
            for part in ("seconds", "env_busy", "rollout_busy"):
                assert getattr(found, part) == pytest.approx(getattr(full, part), rel=1e-9)
