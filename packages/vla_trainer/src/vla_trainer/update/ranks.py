"""Sum numbers and tensors over the processes that take one update together, each with its own rows.

Every process of the group calls the same methods in the same order, or all of them wait forever.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import Tensor

from vla_trainer.errors import BackendError

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh


class Ranks:
    """A process group of torch.distributed and this process's rank in it; without a group, one process alone."""

    def __init__(
        self,
        group: dist.ProcessGroup | None = None,
        device: torch.device | str = "cpu",
        hybrid: tuple[dist.ProcessGroup, dist.ProcessGroup] | None = None,
    ) -> None:
        """
        Args:
            group: made with the backend of `backend_of(device)`; `torch.distributed.group.WORLD` for all processes.
            device: where the policy computes; on GPUs the one that `torch.cuda.set_device` has set in this process.
            hybrid: of `hybrid_groups`: weights are spread over the second, and each member of the first has a copy.
        """
        self.group = group
        self._hybrid = hybrid
        self.device = torch.device(device)
        self.rank = 0 if group is None else dist.get_rank(group)
        """From 0."""
        self.size = 1 if group is None else dist.get_world_size(group)
        """Processes of the group."""

    def mesh(self) -> "DeviceMesh":
        """Return the mesh of these processes for `fully_shard`: of one dimension, or of nodes and their processes.

        Raises:
            BackendError: there is no process group.
        """
        if self.group is None:
            raise BackendError("weights are sharded over a torch.distributed process group; there is none here")
        from torch.distributed.device_mesh import DeviceMesh

        if self._hybrid is None:
            return DeviceMesh.from_group(self.group, self.device.type)
        ranks = torch.tensor(dist.get_process_group_ranks(self.group))
        grid = ranks.view(-1, dist.get_world_size(self._hybrid[1]))
        return DeviceMesh.from_group(
            list(self._hybrid), self.device.type, mesh=grid, mesh_dim_names=("replicate", "shard")
        )

    def sum(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the sum of each value over all processes, which have the same keys; the same number on each."""
        if self.size == 1:
            return dict(values)
        names = sorted(values)
        # added in one order everywhere, so that processes that decide by a sum decide the same
        return dict(zip(names, self._gathered([values[name] for name in names]).sum(0).tolist(), strict=True))

    def max(self, value: float) -> float:
        """Return the largest value of all processes, NaN if one has it; the same number on each."""
        return value if self.size == 1 else float(self._gathered([value]).max())

    def _gathered(self, numbers: Sequence[float]) -> Tensor:
        """Return (ranks, n) float64: the n numbers of each process, in the order of ranks."""
        own = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        gathered = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(gathered, own, group=self.group)
        return torch.stack(gathered)

    def sum_tensor(self, tensor: Tensor) -> Tensor:
        """Return the sum of a tensor of one shape and type over all processes, on the device of `tensor`."""
        if self.size == 1:
            return tensor
        total = tensor.to(self.device, copy=True)
        dist.all_reduce(total, group=self.group)
        return total.to(tensor.device)


def hybrid_groups(
    nodes: Sequence[int], timeout: timedelta | None = None
) -> tuple[dist.ProcessGroup, dist.ProcessGroup] | None:
    """Make the process groups of hybrid sharding; all processes of the default group call it.

    Args:
        nodes: of the first processes of the default group, in ascending order, each as often as the others.
        timeout: of the groups; None: torch's.

    Returns:
        The processes with this one's place on all nodes, and those of its node; None for a process that has no node.
    """
    per_node = nodes.count(nodes[0])
    grid = torch.arange(len(nodes)).view(-1, per_node)
    # every process makes every group, in the same order, whether it is in it or not
    on_node = [dist.new_group(row.tolist(), timeout) for row in grid]
    across = [dist.new_group(row.tolist(), timeout) for row in grid.T]
    rank = dist.get_rank()
    return (across[rank % per_node], on_node[rank // per_node]) if rank < len(nodes) else None


def backend_of(device: torch.device | str) -> str:
    """Return the torch.distributed backend for processes that compute on `device`.

    On GPUs it has gloo, too: offloaded weights and checkpoints are exchanged between CPUs.
    """
    return "cpu:gloo,cuda:nccl" if torch.device(device).type == "cuda" else "gloo"
