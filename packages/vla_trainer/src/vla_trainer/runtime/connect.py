"""Find or start Ray, wait for its machines, and reserve them."""

from __future__ import annotations

import fnmatch
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from vla_trainer.config.secrets import is_secret
from vla_trainer.errors import BackendError, MissingExtraError
from vla_trainer.runtime.ray_settings import SETTINGS, apply_settings

if TYPE_CHECKING:
    from vla_trainer.config.cluster import Cluster

POLL_SECONDS = 0.5


class Machines:
    """The nodes of a run: one bundle of one Ray placement group each."""

    def __init__(self, cluster: Cluster, environment_variables: Sequence[str] = ()) -> None:
        """Connect, wait until all nodes are there, and reserve them.

        Ray that runs in this process already is used; else the cluster at `cluster.address` or in RAY_ADDRESS is
        joined; else, for one node, Ray is started here and stopped with `close`.

        Args:
            cluster: which machines.
            environment_variables: patterns of those that all processes get, besides `cluster.forward_env`.

        Raises:
            MissingExtraError: Ray is not installed.
            BackendError: no cluster there, or too few nodes within `cluster.wait_seconds`.
        """
        apply_settings()
        try:
            import ray
        except ImportError:
            raise MissingExtraError("ray", "ray") from None
        self._cluster = cluster
        self._patterns = [*cluster.forward_env, *environment_variables]
        self._owned = False
        self._group: Any = None
        if not ray.is_initialized():
            self._connect(ray)
        try:
            self._wait(ray)
            self._reserve()
        except BaseException:
            self.close()
            raise

    @property
    def real_gpus(self) -> bool:
        """Whether the GPUs of the placement are there; else they are names for parts of the processors."""
        return self._real_gpus

    def options(self, node: int, gpus: tuple[int, ...], environment: Mapping[str, str]) -> dict[str, Any]:
        """Return Ray's options for a process of a node, pinned to some of its GPUs.

        `environment`: further variables of it.
        """
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        variables = {
            **SETTINGS,
            "RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES": "1",
            **self._forwarded(),
            **environment,
        }
        if self._real_gpus:
            variables["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, gpus))
        else:
            # a machine may have GPUs that Ray does not count: every process would compute on the first of them
            variables["CUDA_VISIBLE_DEVICES"] = ""
        return {
            "num_cpus": 0,
            "num_gpus": 0,
            "max_restarts": 0,
            "scheduling_strategy": PlacementGroupSchedulingStrategy(self._group, placement_group_bundle_index=node),
            "runtime_env": {"env_vars": variables},
        }

    def lost(self, node: int) -> bool:
        """Whether a node of the run is there no more."""
        import ray

        nodes: list[dict[str, Any]] = ray.nodes()
        return not any(alive["Alive"] and alive["NodeID"] == self._node_ids[node] for alive in nodes)

    def cores(self, node: int) -> int:
        """Processors of a node, as Ray counts them."""
        import ray

        where = self._node_ids[node]
        nodes: list[dict[str, Any]] = ray.nodes()
        found = [node for node in nodes if node["NodeID"] == where]
        return int(found[0]["Resources"].get("CPU", 1)) if found else 1

    def close(self) -> None:
        """Give the nodes back; stop Ray if it was started here."""
        import ray
        from ray.util import remove_placement_group

        if not ray.is_initialized():
            return
        if self._group is not None:
            remove_placement_group(self._group)
            self._group = None
        if self._owned:
            ray.shutdown()

    def _connect(self, ray: Any) -> None:
        address = self._cluster.address or os.environ.get("RAY_ADDRESS")
        # without an address Ray would join whichever cluster runs on this machine, another user's, too
        options = {"address": "local", "include_dashboard": False} if address is None else {"address": address}
        if address is None and self._cluster.num_nodes > 1:
            raise BackendError(
                f"cluster.num_nodes={self._cluster.num_nodes}, and no cluster is named; start Ray on every machine "
                "(`ray start --head`, then `ray start --address=HEAD:6379`) and give cluster.address=HEAD:6379"
            )
        try:
            with _on_loopback() if address is None else nullcontext():
                ray.init(log_to_driver=False, logging_level="error", configure_logging=True, **options)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise BackendError(f"cluster.address={address}: no Ray cluster there: {error}") from error
        self._owned = True

    def _wait(self, ray: Any) -> None:
        cluster = self._cluster
        deadline = time.monotonic() + cluster.wait_seconds
        while True:
            nodes = [node for node in ray.nodes() if node["Alive"]]
            gpus = [int(node["Resources"].get("GPU", 0)) for node in nodes]
            self._real_gpus = cluster.gpus_per_node > 0 and any(gpus)
            fit = sum(count >= cluster.gpus_per_node for count in gpus) if self._real_gpus else len(nodes)
            if fit >= cluster.num_nodes:
                return
            if time.monotonic() > deadline:
                there = "; ".join(
                    f"{node['NodeManagerAddress']} ({int(node['Resources'].get('CPU', 0))} processors, "
                    f"{int(node['Resources'].get('GPU', 0))} GPUs)"
                    for node in nodes
                )
                raise BackendError(
                    f"cluster.num_nodes={cluster.num_nodes}, cluster.gpus_per_node={cluster.gpus_per_node}: after "
                    f"{cluster.wait_seconds:g} s {fit} node(s) of that kind are there: {there or 'none'}"
                )
            time.sleep(POLL_SECONDS)

    def _reserve(self) -> None:
        from ray.util import placement_group, placement_group_table

        cluster = self._cluster
        bundle: dict[str, float] = {"CPU": 1}
        if self._real_gpus:
            bundle["GPU"] = cluster.gpus_per_node
        self._group = placement_group(
            [bundle] * cluster.num_nodes, strategy="STRICT_SPREAD" if cluster.num_nodes > 1 else "STRICT_PACK"
        )
        if not self._group.wait(timeout_seconds=cluster.wait_seconds):
            state = placement_group_table(self._group).get("stats", {}).get("scheduling_state", "unknown")
            raise BackendError(
                f"{cluster.num_nodes} node(s) with a free processor and {bundle.get('GPU', 0):g} free GPUs each were "
                f"not to be had within {cluster.wait_seconds:g} s ({state}); is another run using them?"
            )

        self._node_ids: dict[int, str] = placement_group_table(self._group)["bundles_to_node_id"]

    def _forwarded(self) -> dict[str, str]:
        """What all processes get from here. Ray logs it where everyone can read it, so that secrets are left out:
        processes of this machine inherit them, other nodes have their own."""
        found = {
            name: value
            for name, value in os.environ.items()
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in self._patterns) and not is_secret(name)
        }
        # environments and policies of the user's own are found where they are found here
        installed = (sys.prefix, sys.base_prefix)
        own = [place for place in sys.path if os.path.isdir(place) and not place.startswith(installed)]
        return {**found, "PYTHONPATH": os.pathsep.join(own)} if own else found


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Let Ray that is started here listen on 127.0.0.1 alone, unless the user has said otherwise.

    Whoever reaches one of its ports runs code in the run's processes. Ray has no setting for the address: given
    127.0.0.1 it takes the machine's own. It stays on loopback where clusters are switched off, as on macOS and Windows.
    """
    from ray._private import ray_constants

    variable, constant = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "ENABLE_RAY_CLUSTER"
    if variable in os.environ or not hasattr(ray_constants, constant):
        yield
        return
    before = getattr(ray_constants, constant)
    os.environ[variable] = "0"  # of the processes that Ray starts
    setattr(ray_constants, constant, False)
    try:
        yield
    finally:
        del os.environ[variable]
        setattr(ray_constants, constant, before)
