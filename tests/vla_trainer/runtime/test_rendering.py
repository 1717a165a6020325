"""What env processes render on, in processes of Ray that counts GPUs; there need not be any."""

from __future__ import annotations

from collections.abc import Iterator

import device_toy
import pytest

ray = pytest.importorskip("ray")

from vla_trainer.config.load import load_config  # noqa: E402
from vla_trainer.runtime import make_runtime  # noqa: E402
from vla_trainer.runtime.ray_settings import apply_settings  # noqa: E402

RAY = [device_toy.ENV, "env.num_envs=6", "policy.device=cpu", "cluster.backend=ray", "cluster.gpus_per_node=2"]


@pytest.fixture(scope="module")
def two_gpus() -> Iterator[None]:
    """Ray of this process, which believes in two GPUs."""
    apply_settings()
    ray.init(address="local", num_cpus=4, num_gpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "renderers"),
    [
        ("0-1", ["painter on cuda:0 of 0", "painter on cuda:0 of 1"]),
        # three processes on the node's processors: GPU 0, 1, and 0 again
        ("{node_group: node, placement: '0:0-2'}", ["painter on cuda:0 of 0", "painter on cuda:0 of 1"]),
    ],
)
def test_what_renders_in_all_env_processes_is_named(
    two_gpus: None, toy_recipes: dict[str, str], env: str, renderers: list[str]
) -> None:
    placement = f"cluster.component_placement={{env: {env}, 'rollout,actor': 0}}"
    runtime = make_runtime(load_config(toy_recipes["grpo"], [*RAY, "rollout.episodes=8", placement]))
    try:
        assert runtime.env_spec.provenance.renderer is None
        assert runtime.name_renderer() == " and ".join(renderers)
        assert runtime.env_spec.provenance.renderer == " and ".join(renderers)
        assert runtime.open_evaluation().provenance.renderer == " and ".join(renderers)
    finally:
        runtime.close()
