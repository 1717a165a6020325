"""Weights between policy processes after an update.

Where a process both acts and learns, acting reads what learning moved, and nothing is copied. Processes that only act
get the weights that are trained, in buckets, from the first process that learns, in the type that they compute in.
Where weights are sharded over the processes that learn, they are gathered to be sent and to be acted with.

    a bucket of shards, wherever they are kept --compute type, device of the process group--> gathered --broadcast-->
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn

from vla_trainer.protocols import Policy
from vla_trainer.update.blocks import sent_dtypes
from vla_trainer.update.ranks import Ranks, backend_of, hybrid_groups

MEETING = timedelta(minutes=5)
"""How long processes wait for each other at the start."""
BUCKET_BYTES = 64 * 2**20
"""About how much a weight sync sends at a time."""


@dataclass(frozen=True)
class PolicyGroup:
    """The policy processes of a run, and this process' place among them."""

    ranks: Ranks = field(default_factory=Ranks)
    """Those that learn together."""
    rank: int = 0
    """Number of this process among all policy processes; those that learn come first."""
    receivers: int = 0
    """Processes that only act."""
    sync_group: Any = None
    """torch.distributed's group of the first process that learns and those that only act."""
    learners_act: bool = True
    """Whether one of the processes that learn acts, too."""
    device: torch.device = torch.device("cpu")  # noqa: RUF009 (immutable)
    """Where weights are when they are sent: what the policies compute on, whatever memory they are kept in."""


def host_meeting(address: str, size: int) -> tuple[Any, int]:
    """Open the store where `size` processes meet; returns it and its port."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    store = TCPStore(address, 0, size, is_master=True, wait_for_workers=False, timeout=MEETING)
    return store, store.port


def visit_meeting(address: tuple[str, int], size: int) -> Any:
    """Connect to the store that another process opened."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    return TCPStore(*address, size, is_master=False, timeout=MEETING)


def join(
    meeting: Any,
    *,
    rank: int,
    learning: int,
    size: int,
    acts: bool,
    device: torch.device,
    seconds: float,
    shards: bool = False,
    nodes: Sequence[int] = (),
) -> PolicyGroup:
    """Make the process groups of a run; every policy process calls it at once.

    Args:
        meeting: store of `host_meeting` or `visit_meeting`; None where there is only one process.
        rank: of this process among all.
        learning: how many processes learn.
        size: how many there are.
        acts: whether this process acts.
        device: where the policy computes.
        seconds: `cluster.collective_seconds`.
        shards: whether one process that learns alone is sharded, too: to compute as those that only act, or to offload.
        nodes: of those that learn, where each of several nodes has a copy of the weights, see `hybrid_groups`.
    """
    if meeting is None:
        return PolicyGroup(rank=rank, receivers=size - learning, device=device)
    import torch.distributed as dist

    bound: dict[str, Any] = {}
    if device.type == "cuda":
        # the first that this process sees; torch would guess one from the rank, which counts all machines' processes
        gpu = torch.device("cuda", device.index or 0)
        torch.cuda.set_device(gpu)
        bound["device_id"] = gpu
    timeout = timedelta(seconds=seconds)
    dist.init_process_group(backend_of(device), store=meeting, rank=rank, world_size=size, timeout=timeout, **bound)
    # every process makes every group, in the same order, whether it is in it or not
    learners = dist.new_group(list(range(learning)), timeout) if learning > 1 or shards else None
    sync_group = dist.new_group([0, *range(learning, size)], timeout) if size > learning else None
    hybrid = hybrid_groups(nodes, timeout) if len(set(nodes)) > 1 else None
    if rank >= learning or learners is None:
        return PolicyGroup(rank=rank, receivers=size - learning, sync_group=sync_group, device=device)
    ranks = Ranks(learners, device, hybrid)
    learners_act = ranks.sum({"acts": float(acts)})["acts"] > 0
    return PolicyGroup(ranks, rank, size - learning, sync_group, learners_act, device)


class WeightSync:
    """Keeps what this process acts with equal to what was learned."""

    def __init__(
        self,
        policy: Policy,
        group: PolicyGroup,
        *,
        learns: bool,
        acts: bool,
        blocks_in: torch.dtype | None = None,
    ) -> None:
        """
        Args:
            policy: of this process; where it only acts, `update.blocks.hold_blocks` has cast its blocks to `blocks_in`.
            group: of all policy processes.
            learns, acts: what this process does.
            blocks_in: see `update.blocks.block_dtype`.
        """
        self._policy, self._group = policy, group
        self._learns, self._acts = learns, acts
        self._blocks_in = blocks_in

    def shard(self, reference: Policy | None, *, offload: bool, gradient_checkpointing: bool = False) -> None:
        """Spread the policy and `reference` over the processes that learn, see `join`."""
        if (sharding := self._sharding()) is not None:
            for policy in (reference, self._policy):
                if policy is not None:
                    sharding.shard(
                        policy,
                        self._group.ranks,
                        blocks_in=self._blocks_in,
                        offload=offload,
                        gradient_checkpointing=gradient_checkpointing,
                    )

    def run(self) -> int:
        """Send or receive the weights, on all policy processes at once; returns the bytes that were sent."""
        sent = self._send() if self._learns else self._receive()
        self.gather()
        return sent

    def gather(self) -> None:
        """Gather weights that are sharded, if this process or another of its group acts with them."""
        sharding = self._sharding()
        if sharding is not None and self._group.learners_act:
            sharding.unshard(self._policy)
            if not self._acts:
                sharding.reshard(self._policy)

    def full_state_dict(self) -> dict[str, Tensor] | None:
        """Gather the whole state on all processes that learn; None where it is not sharded."""
        sharding = self._sharding()
        return None if sharding is None else sharding.full_state_dict(self._policy)

    def _sharding(self) -> Any:
        """`vla_trainer.update.sharding` where several processes learn together, of which this is one; its imports take
        two seconds that others do not need."""
        if self._group.ranks.group is None:
            return None
        from vla_trainer.update import sharding

        return sharding

    def _send(self) -> int:
        if not self._group.receivers:
            return 0
        import torch.distributed as dist

        if sharding := self._sharding():
            sharding.reshard(self._policy)
        sent = 0
        for bucket in self._buckets():
            # all that learn gather, the first of them sends; shards in the host's memory would wait for ever, because
            # a process group exchanges what is on the CPU and what is on GPUs by two backends
            whole = [self._whole(weight, dtype).reshape(-1) for weight, dtype in bucket]
            if self._group.rank == 0:
                flat = torch.cat(whole)
                dist.broadcast(flat, src=0, group=self._group.sync_group)
                sent += flat.nbytes
        return sent

    def _whole(self, weight: Tensor, dtype: torch.dtype) -> Tensor:
        """Return a weight in `dtype` on the device of the process group; a shard is cast before it is gathered."""
        device = self._group.device
        if not hasattr(weight, "full_tensor"):
            return weight.detach().to(device, dtype)
        # imported where weights are sharded alone
        from torch.distributed.tensor import DTensor

        assert isinstance(weight, DTensor)
        part = DTensor.from_local(
            weight.to_local().detach().to(device, dtype),
            weight.device_mesh,
            weight.placements,
            shape=weight.shape,
            stride=weight.stride(),
        )
        whole: Tensor = part.full_tensor()
        return whole

    def _receive(self) -> int:
        import torch.distributed as dist

        for bucket in self._buckets():
            numbers = [weight.numel() for weight, _ in bucket]
            flat = torch.empty(sum(numbers), dtype=bucket[0][1], device=self._group.device)
            dist.broadcast(flat, src=0, group=self._group.sync_group)
            for (weight, _), part in zip(bucket, torch.split(flat, numbers), strict=True):
                weight.data.copy_(part.view_as(weight))
        return 0

    def _buckets(self) -> Iterator[list[tuple[Tensor, torch.dtype]]]:
        """Yield the trained weights and the types that they are sent in; the same numbers on every process."""
        assert isinstance(self._policy, nn.Module)
        dtypes = sent_dtypes(self._policy, self._blocks_in)
        return _buckets([(weight, dtypes[name]) for name, weight in trainable(self._policy)])


def trainable(policy: Policy) -> list[tuple[str, Tensor]]:
    """Return the weights that are trained, by name."""
    assert isinstance(policy, nn.Module)
    return [(name, weight) for name, weight in policy.named_parameters() if weight.requires_grad]


def _buckets(weights: Sequence[tuple[Tensor, torch.dtype]]) -> Iterator[list[tuple[Tensor, torch.dtype]]]:
    """Neighbours that are sent in one type, of at most `BUCKET_BYTES` where they are more than one."""
    bucket: list[tuple[Tensor, torch.dtype]] = []
    filled = 0
    for weight, dtype in weights:
        size = weight.numel() * dtype.itemsize
        if bucket and (dtype != bucket[0][1] or filled + size > BUCKET_BYTES):
            yield bucket
            bucket, filled = [], 0
        bucket.append((weight, dtype))
        filled += size
    if bucket:
        yield bucket
