"""What a run's sizes need, and the messages about them."""

import keyed_toy
import pytest
import reach_toy

from vla_trainer.config.load import parse_config
from vla_trainer.config.schema import Config
from vla_trainer.errors import ConfigError
from vla_trainer.sizes import check_sizes, host_memory

GIB = 2**30


def config(*overrides: str, recipe: str = keyed_toy.PPO_RECIPE) -> Config:
    return parse_config(recipe, [f"plan.memory_per_node={4 * GIB}", "plan.cores_per_node=2", *overrides])


def test_environments_and_observations_are_in_memory_together() -> None:
    # 8 x 0.25 = 2 GiB of environments, 16 x 8 x 16 MiB = 2 GiB of observations: just enough
    sizes = [f"plan.env_bytes={GIB // 4}", f"plan.record_bytes={16 * 2**20}"]
    assert check_sizes(config(*sizes)) == []
    with pytest.raises(ConfigError) as caught:
        check_sizes(config(*sizes, "env.num_envs=10"))
    assert str(caught.value) == (
        "not enough memory: env.num_envs=10 environments need 2.5 GiB and rollout.horizon=16 policy steps of each need "
        "2.5 GiB at least; plan.memory_per_node is 4.0 GiB"
    )


def test_images_are_counted_where_nothing_is_measured() -> None:
    # 3 x 1000 x 1000 x 2 cameras x 16 x 8 = 0.77e9 bytes, and 6 times that with 48 environments: 4.6e9 > 4 GiB
    images = ["env.image_size=1000", "env.cameras=[a, b]"]
    assert check_sizes(config(*images)) == []
    with pytest.raises(ConfigError, match=r"rollout.horizon=16 policy steps of each need 4.3 GiB at least"):
        check_sizes(config(*images, "env.num_envs=48"))
    # 16 episodes of GRPO have 16 policy steps at least: 16 x 3 x 10000^2 = 4.8e9 bytes
    with pytest.raises(ConfigError, match=r"the observations of rollout.episodes=16 need 4.5 GiB"):
        check_sizes(config("env.image_size=10000", recipe=keyed_toy.GRPO_RECIPE))


def test_nodes_share_the_environments() -> None:
    on_two = ["cluster.backend=ray", "cluster.num_nodes=2", "plan.env_bytes=1e9"]
    assert check_sizes(config(*on_two)) == []
    with pytest.raises(ConfigError, match=r"10 environments need 4.7 GiB on each node at least"):
        check_sizes(config(*on_two, "env.num_envs=10"))
    # nothing is known of other machines
    assert check_sizes(config(*on_two, "env.num_envs=10", "~plan.memory_per_node")) == []


def test_evaluation_has_environments_of_its_own() -> None:
    two = ["plan.env_bytes=1e9", "env.num_envs=2"]
    with pytest.raises(ConfigError, match=r"eval.num_envs=10 environments need 9.3 GiB at least"):
        check_sizes(config(*two, "eval.episodes=20", "eval.num_envs=10"))
    assert check_sizes(config(*two, "eval.num_envs=10")) == []  # none is evaluated
    with pytest.raises(ConfigError, match=r"eval.num_envs=10 environments need 9.3 GiB at least"):
        check_sizes(config(*two, "eval.num_envs=10"), training=False)
    # sft makes environments for evaluation alone
    supervised = ["plan.env_bytes=1e9", "env.num_envs=1000"]
    assert check_sizes(config(*supervised, "eval.episodes=null", recipe=reach_toy.SFT_RECIPE)) == []
    with pytest.raises(ConfigError, match=r"env.num_envs=1000 environments need 931.3 GiB"):
        check_sizes(config(*supervised, "eval.episodes=20", recipe=reach_toy.SFT_RECIPE))


def test_an_evaluation_collects_nothing() -> None:
    large = config("plan.record_bytes=1e9")
    with pytest.raises(ConfigError, match=r"rollout.horizon=16 policy steps of each need 119.2 GiB at least"):
        check_sizes(large)
    assert check_sizes(large, training=False) == []


def test_what_is_unusual_is_a_line() -> None:
    # 2 cores: 2048 environments, 8 threads
    usual = ["env.num_envs=2048", "eval.num_envs=2048", "trainer.threads=8", "env.workers=8"]
    assert check_sizes(config(*usual)) == []
    assert check_sizes(config("env.num_envs=4096", "eval.num_envs=8192", "trainer.threads=9", "env.workers=100")) == [
        "env.num_envs=4096 on 2 cores: 2,048 environments a core",
        "eval.num_envs=8192 on 2 cores: 4,096 environments a core",
        "trainer.threads=9 on 2 cores: 4 threads a core wait for each other",
        "env.workers=100 on 2 cores: 50 threads a core wait for each other",
    ]


def test_this_machine_has_memory() -> None:
    memory = host_memory()
    assert memory is not None
    assert 2**28 < memory < 2**50
