"""Whether placements fit the amounts of a run."""

import pytest

from vla_trainer import placement
from vla_trainer.config import load_config
from vla_trainer.errors import PlacementError
from vla_trainer.placement import Placement

PPO = "libero_10_ppo_openvlaoft"
GRPO = "libero_10_grpo_openvlaoft"
AMOUNTS = [
    "env.num_envs=64",
    "rollout.pipeline_stage_num=2",
    "rollout.horizon=4",
    "actor.global_batch_size=64",
]


def check(env: str, rollout: str, actor: str, *overrides: str) -> Placement:
    """Check a placement on one node of 64 GPUs against PPO: 64 envs, 2 stages, 256 policy steps in 4 parts."""
    config = load_config(
        PPO,
        [
            "cluster.backend=ray",
            "cluster.num_nodes=1",
            "cluster.gpus_per_node=64",
            f"cluster.component_placement={{env: '{env}', rollout: '{rollout}', actor: '{actor}'}}",
            *AMOUNTS,
            *overrides,
        ],
    )
    return placement.place(config)


@pytest.mark.parametrize(
    ("env", "rollout", "actor", "overrides"),
    [
        ("all:0-7", "all:0-7", "all:0-7", []),
        # 32 env processes x 2 stages: one environment each
        ("0-31", "0-31", "0-31", []),
        # two env processes for each rollout process
        ("0-7", "8-11", "0-15", []),
        # four rollout processes for each of 2 env processes: 64 / (2 x 2) = 16 environments a stage, 4 for each
        ("0-1", "0-7", "0-7", []),
        # 64 actor processes, 64 policy steps a step
        ("0", "0", "0-63", []),
        # one step of all 256 policy steps
        ("0", "0", "0-63", ["actor.global_batch_size=null"]),
    ],
)
def test_right(env: str, rollout: str, actor: str, overrides: list[str]) -> None:
    assert set(check(env, rollout, actor, *overrides)) == {"env", "rollout", "actor"}


@pytest.mark.parametrize(
    ("env", "rollout", "actor", "overrides", "message"),
    [
        # 3 x 2 does not divide 64
        (
            "0-2",
            "0-2",
            "0",
            [],
            "env.num_envs=64 cannot be shared out over 3 env process(es) in rollout.pipeline_stage_num=2 stage(s); "
            "allowed: multiples of 6",
        ),
        (
            "0-63",
            "0",
            "0",
            [],
            "env.num_envs=64 cannot be shared out over 64 env process(es) in rollout.pipeline_stage_num=2 stage(s); "
            "allowed: multiples of 128",
        ),
        (
            "0-3",
            "0-2",
            "0",
            [],
            "component_placement: 4 env processes and 3 rollout processes; one number must divide the other",
        ),
        # 64 / (2 x 2) = 16 environments a stage for 2 env processes; 6 / 2 = 3 rollout processes for each; 6 x 2 = 12
        (
            "0-1",
            "0-5",
            "0",
            [],
            "env.num_envs=64: each of 2 env process(es) has 16 environment(s) a stage, which 3 rollout processes "
            "cannot share; allowed: multiples of 12",
        ),
        (
            "0",
            "0",
            "0-63",
            ["actor.global_batch_size=32"],
            "actor.global_batch_size=32 leaves some of 64 actor processes without a policy step; allowed: at least 64",
        ),
        # 4 x 64 = 256 policy steps in ceil(256 / 100) = 3 steps: 85 or 86 each, enough for 64; with 1 x 64 and steps of
        # at most 63 there are 2 of 32, too few for 63
        (
            "0",
            "0",
            "0-62",
            ["rollout.horizon=1", "actor.global_batch_size=63"],
            "rollout.horizon=1 x env.num_envs=64 are 64 policy steps in 2 optimizer step(s), which leaves some of 63 "
            "actor processes without one; allowed: at least 63 in each step",
        ),
        # one step of 2 x 16 = 32 policy steps
        (
            "0",
            "0",
            "0-63",
            ["rollout.horizon=2", "env.num_envs=16", "actor.global_batch_size=null"],
            "rollout.horizon=2 x env.num_envs=16 are 32 policy steps in 1 optimizer step(s), which leaves some of 64 "
            "actor processes without one; allowed: at least 64 in each step",
        ),
    ],
)
def test_wrong(env: str, rollout: str, actor: str, overrides: list[str], message: str) -> None:
    with pytest.raises(PlacementError) as caught:
        check(env, rollout, actor, *overrides)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("rollout", "actor", "message"),
    [
        # a rollout and an actor process with the same GPU are one process
        ("0-7", "0-7", None),
        ("4-7", "0-7", None),
        ("0-7:0-3", "0-7:0-3", None),
        # each policy has GPUs of its own
        ("0-3", "4-7", None),
        ("0:0-1", "1", "rollout process 0 and rollout process 1 are both on GPU 0"),
        ("0", "1:0-1", "actor process 0 and actor process 1 are both on GPU 1"),
        # the first of the two rollout processes is the actor, the second is not
        ("0:0-1", "0", "actor process 0 and rollout process 1 are both on GPU 0"),
        # actor process 1 has GPUs 2 and 3
        ("3", "0-3:0-1", "actor process 1 and rollout process 0 are both on GPU 3"),
    ],
)
def test_a_gpu_has_one_policy(rollout: str, actor: str, message: str | None) -> None:
    if message is None:
        check("0-7", rollout, actor)
        return
    with pytest.raises(PlacementError) as caught:
        check("0-7", rollout, actor)
    assert str(caught.value) == (
        f"component_placement: {message}; allowed: one process with a policy on a GPU, or policy.device=cpu"
    )
    # on processors they exchange gradients by gloo, which has no such limit
    check("0-7", rollout, actor, "policy.device=cpu")


def test_without_gpus_policies_share_a_node() -> None:
    nodes = ["cluster.backend=ray", "cluster.gpus_per_node=0", "env.num_envs=64"]
    placement.place(load_config(GRPO, [*nodes, 'cluster.component_placement={"env,rollout,actor": "0:0-1"}']))


def test_the_components_are_the_three() -> None:
    config = load_config(PPO, ["cluster.backend=ray", "cluster.component_placement={actr: all}"])
    with pytest.raises(PlacementError) as caught:
        placement.place(config)
    expected = 'component_placement: unknown component "actr"; did you mean "actor"? allowed: actor, env, rollout'
    assert str(caught.value) == expected
    with pytest.raises(PlacementError) as caught:
        placement.check(placement.parse({"env": "all"}, 1, 8), config)
    assert str(caught.value) == "component_placement: rollout, actor missing; needed: env, rollout, actor"


@pytest.mark.parametrize(
    ("env", "rollout", "actor", "message"),
    [
        ("0-7", "0-7", "8-15", None),
        ("0-3", "4-7", "8-15", None),
        ("0-7", "8-15", "8-15", r"rollout and actor share GPU\(s\) 8, 9, 10, 11, 12, 13, 14, 15, and what collects"),
        ("0-7", "8-15", "0-3", r"env and actor share GPU\(s\) 0, 1, 2, 3"),
    ],
)
def test_who_collects_ahead_shares_nothing_with_who_learns(
    env: str, rollout: str, actor: str, message: str | None
) -> None:
    if message is None:
        check(env, rollout, actor, "rollout.max_staleness=1")
    else:
        with pytest.raises(PlacementError, match=message):
            check(env, rollout, actor, "rollout.max_staleness=1")


def test_without_gpus_a_process_cannot_do_both() -> None:
    overrides = ["cluster.backend=ray", "rollout.max_staleness=1", "env.num_envs=64", "cluster.gpus_per_node=0"]
    nodes = [*overrides, "cluster.num_nodes=2", "actor.global_batch_size=64"]
    with pytest.raises(PlacementError, match="rollout and actor share a process"):
        placement.place(load_config(GRPO, [*nodes, 'cluster.component_placement={"env,rollout,actor": all}']))
    apart = "{env: {node_group: node, placement: 0}, rollout: {node_group: node, placement: 0}, "
    placement.place(
        load_config(GRPO, [*nodes, f"cluster.component_placement={apart}actor: {{node_group: node, placement: 1}}}}"])
    )


def test_grpo_has_as_many_policy_steps_as_its_episodes_last() -> None:
    # nothing is known of the number of policy steps, only of a step's
    ray = ["cluster.backend=ray", "cluster.gpus_per_node=8", "actor.global_batch_size=8", "env.num_envs=64"]
    placement.place(load_config(GRPO, ray))
    with pytest.raises(PlacementError, match=r"global_batch_size=7 leaves some of 8"):
        placement.place(load_config(GRPO, [*ray, "actor.global_batch_size=7"]))


def test_one_process_takes_any_amounts() -> None:
    config = load_config(
        "tiny_spatial_ppo",
        ["env.num_envs=3", "cluster.gpus_per_node=2", "cluster.component_placement={actor: all}"],
    )
    assert len(placement.place(config)["actor"].processes) == 2
    # but the grammar holds
    with pytest.raises(PlacementError, match="is not there"):
        placement.place(load_config("tiny_spatial_ppo", ["cluster.component_placement={actor: 7}"]))


def test_node_groups_of_a_config() -> None:
    config = load_config(
        PPO,
        [
            "cluster.backend=ray",
            "cluster.num_nodes=3",
            "cluster.gpus_per_node=4",
            "cluster.node_groups=[{label: learn, node_ranks: 1-2}]",
            "cluster.component_placement={env: {node_group: node, placement: '0:0-7'}, "
            "'rollout,actor': {node_group: learn, placement: all}}",
        ],
    )
    placed = placement.place(config)
    assert [(process.node, process.gpus) for process in placed["env"].processes] == [(0, ())] * 8
    assert placed["actor"].gpus(4) == set(range(4, 12))


def test_a_copy_on_each_node_needs_as_many_processes_on_each() -> None:
    def over_nodes(actor: str) -> Placement:
        return check("0", "0", actor, "cluster.num_nodes=2", "cluster.gpus_per_node=8", "actor.shard_over=node")

    over_nodes("all")
    over_nodes("0-7")  # one node has all of them
    over_nodes("6-9")  # two on each
    with pytest.raises(PlacementError, match=r"actor\.shard_over=node: the actor has 3 on node 0, 2 on node 1;"):
        over_nodes("5-9")
