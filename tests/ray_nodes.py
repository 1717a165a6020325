"""A Ray cluster of two nodes on this machine."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import forks

from vla_trainer.runtime.ray_settings import apply_settings

# Ray's own choice is 15, at which its processes wait for whatever else is being tested
os.environ.setdefault("RAY_worker_niceness", "0")


@contextmanager
def two_nodes(preload: Iterable[str] = ()) -> Iterator[Any]:
    """Two processors each; nothing that another test left running is taken for it.

    Workers are forked from a process that has imported `forks.RAY`.

    Args:
        preload: modules that it imports besides.
    """
    apply_settings()
    import ray
    from ray.cluster_utils import Cluster

    assert not ray.is_initialized(), "an earlier test did not close its backend"
    node: dict[str, Any] = {"num_cpus": 2}
    os.environ[forks.SERVER] = str(forks.server(preload))
    node["setup_worker_path"] = str(Path(__file__).with_name("fork_ray_worker.py"))
    # neither what only watches, nor workers before any is asked for
    head: dict[str, Any] = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
    head["_system_config"] = {"prestart_worker_first_driver": False}
    cluster = Cluster(initialize_head=True, head_node_args=node | head)  # type: ignore[no-untyped-call]
    try:
        cluster.add_node(**node)  # type: ignore[no-untyped-call]
        yield cluster
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]
