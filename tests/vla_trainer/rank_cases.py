"""Updates that one process and several must agree on, as functions that a new process can import.

Rows have different lengths and come from episodes of different lengths; the weights have moved since the policy acted,
so that ratios are not 1.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from gymnasium import spaces
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from vla_trainer.algorithms import GRPO, PPO
from vla_trainer.algorithms.self_imitation import SelfImitationSettings
from vla_trainer.config.schema import Actor
from vla_trainer.errors import BackendError, CheckpointError, TrainingDivergedError
from vla_trainer.policy.gaussian import GaussianPolicy
from vla_trainer.types import Batch, Imitated
from vla_trainer.update.optimizer import make_optimizer
from vla_trainer.update.policy_gradient import update
from vla_trainer.update.ranks import Ranks, hybrid_groups

CHUNK, DIMS = 3, 2
OBSERVATIONS, ACTIONS = spaces.Box(-1, 1, (5,)), spaces.Box(-1, 1, (CHUNK, DIMS))
# Adam divides a gradient by its own size, so that one of true size 0 would turn rounding, 1e-8, into a step of lr. With
# this eps it turns it into lr * 1e-8 / 1e-3.
ACTOR = Actor(lr=1e-2, eps=1e-3, max_grad_norm=0.3, global_batch_size=10, micro_batch_size=2)


def with_actor(**changes: Any) -> Actor:
    return ACTOR.model_copy(update=changes)


@dataclass(frozen=True)
class Case:
    algorithm: PPO | GRPO
    actor: Actor = ACTOR
    rows: int = 29
    """29 in steps of at most 10: 10, 10, 9. On 4 ranks with micro-batches of 2, that is 3, 3, 2, 2 and so 2 passes; of
    9 rows, 3, 2, 2, 2: one rank has a second micro-batch and three have one that does not count."""
    bf16: bool = False
    critic_only: bool = False
    frozen: bool = False
    """The trunk's first layer is not trained."""
    nan_row: int | None = None
    """Its advantage is NaN."""
    blocks: bool = False
    """Each layer is gathered by itself."""
    own: tuple[int, ...] = ()
    """Rows of the iterations whose successes are imitated."""


CASES = {
    "ppo": Case(PPO(epochs=2, entropy_coef=0.01, aggregate="episode-mean", reward_type="action_level")),
    "ppo of chunks": Case(PPO(logprob_type="chunk_level", value_clip=0.05, huber_delta=0.1, clip_low=0.05)),
    "grpo": Case(GRPO(epochs=2, kl_coef=0.3, entropy_coef=0.02, entropy_type="action_level")),
    # 3 rows: on 4 ranks one has none
    "fewer rows than ranks": Case(PPO(epochs=2), rows=3),
    "one pass": Case(GRPO(), ACTOR.model_copy(update={"global_batch_size": None, "micro_batch_size": 64})),
    "stopped": Case(PPO(epochs=9, target_kl=0.055)),
    "critic alone": Case(PPO(epochs=2, entropy_coef=0.1), critic_only=True),
    "frozen": Case(PPO(), frozen=True),
    "bf16": Case(PPO(epochs=2), bf16=True),
    # what is sent, and when, does not change what is learned
    "gradients once a step": Case(PPO(epochs=2), with_actor(gradient_sync="step"), blocks=True),
    "gathered in a step": Case(PPO(epochs=2), with_actor(keep_gathered=True), blocks=True),
    "both": Case(GRPO(epochs=2, kl_coef=0.3), with_actor(gradient_sync="step", keep_gathered=True), blocks=True),
    "over nodes": Case(PPO(epochs=2), with_actor(shard_over="node"), blocks=True),
    "over nodes, both": Case(
        PPO(epochs=2), with_actor(shard_over="node", gradient_sync="step", keep_gathered=True), blocks=True
    ),
    # beside 29 rows those of two iterations, 7 and 6; of 15, 15 and 14 that a step takes, ranks have unequal numbers
    "own successes": Case(PPO(epochs=2, self_imitation=SelfImitationSettings(share=1.5)), own=(7, 6), blocks=True),
    # one rank alone has the row: in one of an epoch's three steps
    "a step is skipped": Case(GRPO(epochs=2), nan_row=3),
}


class Collectives(TorchDispatchMode):
    """Count calls to other ranks, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[str, int] = {}

    @property
    def count(self) -> int:
        return sum(self.calls.values())

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "c10d" in func.namespace:
            name = func.__name__.partition(".")[0]
            self.calls[name] = self.calls.get(name, 0) + 1
        return func(*args, **(kwargs or {}))


IN_BF16 = {
    "blocks in bf16": Case(PPO(epochs=2), bf16=True, blocks=True),
    "blocks in bf16, both": Case(
        PPO(epochs=2), with_actor(gradient_sync="step", keep_gathered=True), bf16=True, blocks=True
    ),
}
"""Blocks round what autocast alone, as in one process, does not."""


@dataclass
class Result:
    metrics: dict[str, float]
    weights: dict[str, Tensor]
    """Whole; only of rank 0."""
    fetched: list[int] = field(default_factory=list)
    """How many rows of the inputs each micro-batch fetched."""
    sent: dict[str, int] = field(default_factory=dict)
    """How often this rank called others in the update, by the name of the call."""


class Fetched(Mapping[str, Any]):
    """Inputs that are not tensors, and record how many rows are fetched."""

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        self._inputs = inputs
        self.fetched: list[int] = []

    def __getitem__(self, key: str) -> Any:
        inputs = self

        class Rows:
            def __getitem__(self, rows: Tensor, /) -> Tensor:
                inputs.fetched.append(len(rows))
                return inputs._inputs[key][rows]

        return Rows()

    def __iter__(self) -> Any:
        return iter(self._inputs)

    def __len__(self) -> int:
        return len(self._inputs)


def make(rows: int) -> tuple[GaussianPolicy, Batch]:
    """Return a policy, and a batch that it collected before its weights moved."""
    generator = torch.Generator().manual_seed(rows)
    policy = GaussianPolicy(OBSERVATIONS, ACTIONS, hidden=(7, 7), seed=0)
    observations = torch.rand((rows, 5), generator=generator).numpy()
    out = policy.act(observations, generator=generator)
    advantages = torch.randn(rows, generator=generator)
    batch = Batch(
        inputs=out.inputs,
        tokens=out.tokens,
        log_probs=out.log_probs,
        advantages=advantages,
        episode=torch.arange(rows) // 4,
        lengths=torch.randint(1, CHUNK + 1, (rows,), generator=generator),
        values=out.values,
        returns=out.values + advantages,
    )
    with torch.no_grad():
        for weight in policy.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=generator))
    return policy, batch


def run(case: Case, ranks: Ranks) -> Result:
    """Take one update."""
    policy, batch = make(case.rows)
    if case.nan_row is not None:
        batch.advantages[case.nan_row] = torch.nan
    if case.frozen:
        policy.actor[0].requires_grad_(False)
    reference = copy.deepcopy(policy)
    with torch.no_grad():
        reference.log_std.add_(0.1)
    for network in (policy, reference):
        if case.blocks:
            network.fsdp_modules = partial(linear_layers, network)
        if ranks.size > 1:
            from vla_trainer.update.sharding import shard

            shard(network, ranks, blocks_in=torch.bfloat16 if case.bf16 else None)
    inputs = Fetched(batch.inputs)
    own = [make(rows)[1] for rows in case.own]
    imitated = [Imitated(part.inputs, part.tokens, part.lengths) for part in own]
    with Collectives() as sent:
        metrics = update(
            policy,
            make_optimizer(policy, case.actor),
            replace(batch, inputs=inputs, imitated=imitated),
            case.algorithm,
            case.actor,
            temperature=1.3,
            action_dim=DIMS,
            generator=torch.Generator().manual_seed(1),
            reference=reference,
            critic_only=case.critic_only,
            ranks=ranks,
            **({"autocast": partial(torch.autocast, "cpu", torch.bfloat16)} if case.bf16 else {}),
        )
    if ranks.size > 1:
        from vla_trainer.update.sharding import full_state_dict

        return Result(metrics, full_state_dict(policy), inputs.fetched, sent.calls)
    return Result(metrics, policy.state_dict(), inputs.fetched, sent.calls)


def linear_layers(policy: GaussianPolicy) -> list[torch.nn.Module]:
    """Return 6 blocks: 3 layers each of actor and critic. Only the deviations are in none."""
    return [module for module in policy.modules() if isinstance(module, torch.nn.Linear)]


def run_all(folder: Path) -> dict[str, Any]:
    """Run all cases in each of 4 processes; the first two also run those of 2 ranks."""
    groups = {size: dist.new_group(list(range(size))) for size in (2, 4)}
    # two nodes, of one process and of two
    hybrid = {size: hybrid_groups([0] * (size // 2) + [1] * (size // 2)) for size in groups}
    results: dict[str, Any] = {}
    for size, group in groups.items():
        if dist.get_rank() < size:
            ranks, over_nodes = Ranks(group), Ranks(group, hybrid=hybrid[size])
            for name, case in (CASES | IN_BF16).items():
                of_case = over_nodes if case.actor.shard_over == "node" else ranks
                results[f"{name}, {size} ranks"] = run(case, of_case)
            results[f"acting, {size} ranks"] = act_alone(ranks)
        dist.barrier()
    results["diverged"] = diverged(folder, Ranks(groups[4]))
    results["not sharded"] = update_without_sharding(Ranks(groups[4]))
    results["sums"] = sums(Ranks(groups[4]))
    results["checkpoints"] = checkpoints(folder, {size: Ranks(group) for size, group in groups.items()})
    return results


def diverged(folder: Path, ranks: Ranks) -> list[str]:
    """Return the errors of each rank where one alone has a row, or a part of a weight, that is not finite."""
    from vla_trainer.checkpoint.sharded import load, save
    from vla_trainer.update.sharding import shard

    policy, batch = make(8)
    shard(policy, ranks)
    optimizer = make_optimizer(policy, ACTOR)
    arguments: dict[str, Any] = {"temperature": 1.0, "action_dim": DIMS, "ranks": ranks}
    errors = []

    def attempt(act: Callable[[], object]) -> None:
        try:
            act()
        except (TrainingDivergedError, CheckpointError) as error:
            errors.append(f"{type(error).__name__}: {error}")

    good = folder / "good"
    save(good, policy, optimizer, ranks)
    batch.advantages[3] = torch.nan
    few = ACTOR.model_copy(update={"max_skipped_steps": 2})
    attempt(lambda: update(policy, optimizer, batch, GRPO(epochs=9), few, generator=torch.Generator(), **arguments))
    if ranks.rank == 2:
        with torch.no_grad():
            next(iter(policy.parameters())).to_local().fill_(torch.nan)
    attempt(lambda: save(folder / "bad", policy, optimizer, ranks))
    attempt(lambda: load(good, policy, optimizer, ranks))
    return errors


def update_without_sharding(ranks: Ranks) -> str:
    policy, batch = make(5)
    optimizer = make_optimizer(policy, ACTOR)
    try:
        update(
            policy,
            optimizer,
            batch,
            GRPO(),
            ACTOR,
            temperature=1.0,
            action_dim=DIMS,
            generator=torch.Generator(),
            ranks=ranks,
        )
    except BackendError as error:
        return str(error)
    return ""


def sums(ranks: Ranks) -> tuple[dict[str, float], Tensor]:
    """Sum 10^rank, as a number and in a tensor; keys come in another order on every second rank."""
    values = {"a": 10.0**ranks.rank, "b": 1.0}
    if ranks.rank % 2:
        values = dict(reversed(values.items()))
    return ranks.sum(values), ranks.sum_tensor(torch.full((2,), 10.0**ranks.rank))


@dataclass
class ActResult:
    actions: list[Any]
    plain: Any
    """Actions of the policy before it was sharded."""
    collectives: int
    """Calls to other ranks while acting, gathered."""
    collectives_sharded: int
    """Calls while acting, sharded: as many times on each rank."""
    metrics: dict[str, float]
    """From an update afterwards."""
    state: dict[str, Tensor]
    """Read while gathered: what the policy was made with."""
    trainable: set[str]
    together: Any


def act_alone(ranks: Ranks) -> ActResult:
    """Let each rank act a different number of times between two updates."""
    from vla_trainer.update.sharding import full_state_dict, reshard, shard, unshard

    policy, batch = make(8)
    policy.actor[0].requires_grad_(False)
    observations = torch.linspace(-1, 1, 10).reshape(2, 5).numpy()
    plain = policy.act(observations, deterministic=True).actions
    shard(policy, ranks)
    optimizer = make_optimizer(policy, ACTOR)
    unshard(policy)
    with Collectives() as alone:
        actions = [policy.act(observations, deterministic=True).actions for _ in range(ranks.rank + 1)]
    state = full_state_dict(policy)
    with Collectives() as still_alone:
        actions += [policy.act(observations, deterministic=True).actions for _ in range(ranks.rank)]
    trainable = set(full_state_dict(policy, trainable_only=True))
    reshard(policy)
    with Collectives() as together:
        before = policy.act(observations, deterministic=True).actions
    unshard(policy)
    arguments: dict[str, Any] = {"temperature": 1.0, "action_dim": DIMS, "generator": torch.Generator()}
    metrics = update(policy, optimizer, batch, GRPO(), ACTOR, **arguments, ranks=ranks)
    return ActResult(
        actions,
        plain,
        alone.count + still_alone.count,
        together.count,
        metrics,
        state,
        trainable,
        before,
    )


def checkpoints(folder: Path, ranks: dict[int, Ranks]) -> dict[str, Any]:
    """Save on 4 ranks, load and save on 2, on 1, and load on 4 again; return whole weights and moments of each turn."""
    from vla_trainer.checkpoint.sharded import load, save
    from vla_trainer.update.sharding import shard

    seen: dict[str, Any] = {}
    rank = dist.get_rank()
    previous: Path | None = None
    for turn, size in enumerate((4, 2, 1, 4)):
        group = ranks.get(size, Ranks())
        if rank < size:
            policy, batch = make(8)
            shard(policy, group)
            optimizer = make_optimizer(policy, ACTOR)
            arguments: dict[str, Any] = {"temperature": 1.0, "action_dim": DIMS, "generator": torch.Generator()}
            if previous is None:
                # GRPO: the critic's weights are never moved and have no moments
                update(policy, optimizer, batch, GRPO(epochs=3), ACTOR, **arguments, ranks=group)
            else:
                with torch.no_grad():
                    for weight in policy.parameters():
                        weight.zero_()
                load(previous, policy, optimizer, group)
            seen[f"{turn}"] = whole(policy, optimizer)
            save(folder / f"turn_{turn}", policy, optimizer, group)
            if turn == 3:
                seen["after"] = update(policy, optimizer, batch, GRPO(), ACTOR, **arguments, ranks=group)
                other = GaussianPolicy(OBSERVATIONS, ACTIONS, hidden=(6, 6), seed=0)
                shard(other, group)
                for name, path, to in (("other", folder / "turn_0", other), ("none", folder, policy)):
                    try:
                        load(path, to, make_optimizer(to, ACTOR), group)
                    except CheckpointError as error:
                        seen[name] = str(error)
        previous = folder / f"turn_{turn}"
        dist.barrier()
    return seen


def go_on_from_one_process(path: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Load a checkpoint of one process into a policy that is sharded on a group of one; return weights and moments
    then, and after another update."""
    from vla_trainer import checkpoint
    from vla_trainer.checkpoint.sharded import spread
    from vla_trainer.update.sharding import is_sharded, shard

    ranks = Ranks(dist.group.WORLD)
    policy, batch = make(8)
    shard(policy, ranks)
    assert is_sharded(policy)
    optimizer = make_optimizer(policy, ACTOR)
    state = checkpoint.read_state(path)
    spread(policy, optimizer, state)
    checkpoint.put(path, state, policy, optimizer)
    loaded = {name: tensor.clone() for name, tensor in whole(policy, optimizer).items()}
    take_update(policy, optimizer, batch, ranks)
    return loaded, whole(policy, optimizer)


def take_update(
    policy: GaussianPolicy, optimizer: torch.optim.Optimizer, batch: Batch, ranks: Ranks | None = None
) -> dict[str, float]:
    generator = torch.Generator().manual_seed(2)
    arguments: dict[str, Any] = {"temperature": 1.0, "action_dim": DIMS, "generator": generator, "ranks": ranks}
    return update(policy, optimizer, batch, GRPO(epochs=3), ACTOR, **arguments)


def whole(policy: GaussianPolicy, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return whole weights and moments by name; where they are sharded, all ranks call it."""
    found = {}
    for name, weight in policy.named_parameters():
        tensors = {"weight": weight.detach(), **optimizer.state.get(weight, {})}
        for what, tensor in tensors.items():
            found[f"{name}.{what}"] = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor.clone()
    return found
