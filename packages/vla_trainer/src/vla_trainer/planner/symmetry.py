"""Symmetry of a placement: groups of processes that do the same at the same times, of which one is simulated.

    group           env processes, and the rollout processes that act for them; it shares no GPU with another group
    canonical form  a group with its machines and GPUs numbered anew; groups on a machine share its cores
    symmetry        all groups have the same canonical form, and so do the machines as the groups see them

Where episodes differ in length there is no symmetry, as groups take them from one queue.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vla_trainer.placement import ComponentPlacement, Placement, Process


@dataclass(frozen=True)
class Part:
    """One of several groups with the same canonical form."""

    placement: Placement
    """The placement of its `env` and `rollout`; processes and machines are numbered anew."""
    copies: int
    """How many groups there are."""
    sharing: tuple[int, ...]
    """For each of its machines: how many groups share it."""


def whole(placement: Placement) -> Part:
    """Return the placement as the only group."""
    return Part(placement, 1, (1,) * placement.num_nodes)


def part_of(placement: Placement) -> Part:
    """Return the first of the placement's groups if they are symmetric; else `whole(placement)`.

    Raises:
        PlacementError: `env` or `rollout` is not placed.
    """
    env, rollout = placement["env"].processes, placement["rollout"].processes
    if max(len(env), len(rollout)) % min(len(env), len(rollout)):
        return whole(placement)
    groups = _groups(placement)
    if len(groups) == 1:
        return whole(placement)
    forms = [_CanonicalForm(envs, rollouts, placement) for envs, rollouts in groups]
    first = forms[0]
    if any(form.shape != first.shape for form in forms):
        return whole(placement)
    # all groups on a machine give it the same number, and as many groups share it as share the others of that number
    seen: dict[int, list[int]] = {}
    for form in forms:
        for number, node in enumerate(form.nodes):
            seen.setdefault(node, []).append(number)
    sharing = tuple(len(seen[node]) for node in first.nodes)
    if any(seen[node] != [number] * sharing[number] for form in forms for number, node in enumerate(form.nodes)):
        return whole(placement)
    components = {
        name: ComponentPlacement(name, tuple(first.renumbered(rank, process) for rank, process in enumerate(processes)))
        for name, processes in (("env", first.env), ("rollout", first.rollout))
    }
    return Part(Placement(components, len(first.nodes), len(first.gpus)), len(groups), sharing)


def _groups(placement: Placement) -> list[tuple[list[int], list[int]]]:
    """Return the ranks of env and of rollout processes that belong together, sorted."""
    rollout = placement["rollout"].processes
    groups: list[tuple[set[int], set[int], set[tuple[int, int]]]] = []
    for process in placement["env"].processes:
        ranks = set(placement.rollout_ranks(process.rank))
        members = (process, *(rollout[rank] for rank in ranks))
        group = {process.rank}, ranks, {(member.node, gpu) for member in members for gpu in member.gpus}
        apart = []
        for other in groups:
            if other[1] & group[1] or other[2] & group[2]:
                group = other[0] | group[0], other[1] | group[1], other[2] | group[2]
            else:
                apart.append(other)
        groups = [*apart, group]
    return sorted((sorted(envs), sorted(rollouts)) for envs, rollouts, _ in groups)


class _CanonicalForm:
    """A group with machines and GPUs numbered in the order in which its processes name them."""

    def __init__(self, envs: Sequence[int], rollouts: Sequence[int], placement: Placement) -> None:
        """`envs`, `rollouts`: ranks of the group's processes."""
        self.env = [placement["env"].processes[rank] for rank in envs]
        self.rollout = [placement["rollout"].processes[rank] for rank in rollouts]
        self._numbers: dict[int, int] = {}
        self.gpus: dict[tuple[int, int], int] = {}
        # a process that acts on a GPU takes no cores of its machine
        for process in (*self.env, *(process for process in self.rollout if not process.gpus)):
            self._numbers.setdefault(process.node, len(self._numbers))
        for process in (*self.env, *self.rollout):
            for gpu in process.gpus:
                self.gpus.setdefault((process.node, gpu), len(self.gpus))
        numbers = {rank: number for number, rank in enumerate(rollouts)}
        self.shape = (
            [self._place(process) for process in self.env],
            [self._place(process) for process in self.rollout],
            [[numbers[rank] for rank in placement.rollout_ranks(env_rank)] for env_rank in envs],
        )

    @property
    def nodes(self) -> list[int]:
        """Return its machines, by their new numbers."""
        return list(self._numbers)

    def renumbered(self, rank: int, process: Process) -> Process:
        """Return the process with the numbers of this group."""
        node, gpus = self._place(process)
        return replace(process, rank=rank, node=node, gpus=gpus)

    def _place(self, process: Process) -> tuple[int, tuple[int, ...]]:
        # where only a machine's GPU is used, any machine will do: GPUs have numbers of their own here
        return self._numbers.get(process.node, 0), tuple(self.gpus[process.node, gpu] for gpu in process.gpus)
