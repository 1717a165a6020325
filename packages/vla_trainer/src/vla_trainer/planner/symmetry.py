"""Processes that do the same at the same times: of such parts of a placement, one is simulated.

    group       env processes, and the rollout processes that they ask; it shares no GPU with another group
    machine     groups on it share its cores
    placement   if all groups look alike, and so do the machines as these see them, the groups keep step

Where episodes differ in length, groups are not alike: they take them from one queue.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vla_trainer.placement import ComponentPlacement, Placement, Process


@dataclass(frozen=True)
class Part:
    """One of several groups that are alike."""

    placement: Placement
    """Of its `env` and `rollout`; processes and machines are numbered anew."""
    copies: int
    """Groups that there are."""
    sharing: tuple[int, ...]
    """Of each of its machines: how many groups share it."""


def whole(placement: Placement) -> Part:
    """The placement as the only group."""
    return Part(placement, 1, (1,) * placement.num_nodes)


def part_of(placement: Placement) -> Part:
    """The first of the placement's groups if all are alike; else `whole(placement)`.

    Raises:
        PlacementError: `env` or `rollout` is not placed.
    """
    env, rollout = placement["env"].processes, placement["rollout"].processes
    if max(len(env), len(rollout)) % min(len(env), len(rollout)):
        return whole(placement)
    groups = _groups(env, rollout)
    if len(groups) == 1:
        return whole(placement)
    looks = [_Look(group, env, rollout) for group in groups]
    first = looks[0]
    if any(look.shape != first.shape for look in looks):
        return whole(placement)
    # a machine is one and the same of a group's machines to all groups on it, and as many share it as share the others
    seen: dict[int, list[int]] = {}
    for look in looks:
        for number, node in enumerate(look.nodes):
            seen.setdefault(node, []).append(number)
    sharing = tuple(len(seen[node]) for node in first.nodes)
    if any(seen[node] != [number] * sharing[number] for look in looks for number, node in enumerate(look.nodes)):
        return whole(placement)
    components = {
        name: ComponentPlacement(name, tuple(first.renumbered(number, one) for number, one in enumerate(mine)))
        for name, mine in (("env", first.env), ("rollout", first.rollout))
    }
    return Part(Placement(components, len(first.nodes), len(first.gpus)), len(groups), sharing)


def asked(rank: int, env_processes: int, rollout_processes: int) -> range:
    """The rollout processes that look at the environments of env process `rank`."""
    first = rank * rollout_processes // env_processes
    return range(first, first + max(rollout_processes // env_processes, 1))


def _groups(env: Sequence[Process], rollout: Sequence[Process]) -> list[tuple[list[int], list[int]]]:
    """Ranks of env and rollout processes that belong together, by the first env process."""
    groups: list[tuple[set[int], set[int], set[tuple[int, int]]]] = []
    for e, process in enumerate(env):
        ranks = set(asked(e, len(env), len(rollout)))
        mine = {e}, ranks, {(one.node, gpu) for one in (process, *(rollout[r] for r in ranks)) for gpu in one.gpus}
        apart = []
        for group in groups:
            if group[1] & mine[1] or group[2] & mine[2]:
                mine = group[0] | mine[0], group[1] | mine[1], group[2] | mine[2]
            else:
                apart.append(group)
        groups = [*apart, mine]
    return sorted((sorted(envs), sorted(rollouts)) for envs, rollouts, _ in groups)


class _Look:
    """A group with machines and GPUs numbered in the order in which its processes name them."""

    def __init__(self, group: tuple[list[int], list[int]], env: Sequence[Process], rollout: Sequence[Process]) -> None:
        self.env = [env[e] for e in group[0]]
        self.rollout = [rollout[r] for r in group[1]]
        self._numbers: dict[int, int] = {}
        self.gpus: dict[tuple[int, int], int] = {}
        # acting on a GPU takes nothing of its machine
        for one in (*self.env, *(one for one in self.rollout if not one.gpus)):
            self._numbers.setdefault(one.node, len(self._numbers))
        for one in (*self.env, *self.rollout):
            for gpu in one.gpus:
                self.gpus.setdefault((one.node, gpu), len(self.gpus))
        local = {r: number for number, r in enumerate(group[1])}
        self.shape = (
            [self._place(one) for one in self.env],
            [self._place(one) for one in self.rollout],
            [[local[r] for r in asked(e, len(env), len(rollout))] for e in group[0]],
        )

    @property
    def nodes(self) -> list[int]:
        """Its machines, by their new numbers."""
        return list(self._numbers)

    def renumbered(self, rank: int, process: Process) -> Process:
        """The process as one of this group alone."""
        node, gpus = self._place(process)
        return replace(process, rank=rank, node=node, gpus=gpus)

    def _place(self, process: Process) -> tuple[int, tuple[int, ...]]:
        # a machine of which a GPU alone is used: any will do, as GPUs have numbers of their own here
        return self._numbers.get(process.node, 0), tuple(self.gpus[process.node, gpu] for gpu in process.gpus)
