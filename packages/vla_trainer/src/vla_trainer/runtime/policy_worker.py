"""A process with the policy: it acts (rollout), learns (actor), or both in turn.

Weights after an update: where a process does both, acting reads what learning moved, and nothing is copied; others get
the weights that are trained, in buckets, from the first process that learns.

Axes: N observations.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ray
import torch
from torch import Tensor, nn

from vla_trainer.config.schema import Config
from vla_trainer.errors import PolicyError
from vla_trainer.protocols import Observation
from vla_trainer.rollout.sampling import PolicySampler
from vla_trainer.runtime.components import autocast_of, device_of, frozen_copy, make_policy
from vla_trainer.runtime.env_worker import EnvSpec, RemoteActOutput
from vla_trainer.runtime.object_store import Chunk, ObservationRefs, ObservationStore
from vla_trainer.runtime.process_layout import PolicyProcess
from vla_trainer.types import Batch
from vla_trainer.update.finite import StepGuard
from vla_trainer.update.moments import move_moments
from vla_trainer.update.optimizer import make_optimizer
from vla_trainer.update.policy_gradient import Update
from vla_trainer.update.ranks import Ranks, backend_of
from vla_trainer.update.schedule import lr_factor, set_learning_rates, temperature_at

MEETING = timedelta(minutes=5)
"""How long processes wait for each other at the start."""
BUCKET_BYTES = 64 * 2**20
"""About how much a weight sync sends at a time."""


class PolicyWorker:
    """Everything runs on one thread, in the order in which it is asked for."""

    def __init__(self, config: Config, place: PolicyProcess, rank: int, threads: int) -> None:
        """
        Args:
            config: of the run.
            place: what this process is.
            rank: its number among all policy processes; those that learn come first.
            threads: that torch uses here.
        """
        self._config, self._place, self._rank = config, place, rank
        torch.set_num_threads(threads)
        self._version = 0
        self._spaces: Any = None
        self._ranks = Ranks()
        self._sync: Any = None
        self._store = ObservationStore(ray.put)
        self._update: Update | None = None
        self._lr_scale = 1.0

    def address(self, size: int) -> tuple[str, int]:
        """Where `size` processes meet: an address of this machine, and a port that is listened on from now on."""
        from torch.distributed import TCPStore  # type: ignore[attr-defined]

        here: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        self._meeting = TCPStore(here, 0, size, is_master=True, wait_for_workers=False, timeout=MEETING)
        return here, self._meeting.port

    def open(self, env_spec: EnvSpec, address: tuple[str, int] | None, learning: int, size: int) -> None:
        """Make the policy and join the others.

        Args:
            facts: of the environments.
            address: what `address` of the first process gave; None where there is only one.
            learning: how many processes learn.
            size: how many policy processes there are.
        """
        config = self._config
        self._action_dim = env_spec.action_space.shape[-1] if env_spec.action_space.shape else 1
        torch.manual_seed(config.trainer.seed)
        self._spaces = SimpleNamespace(
            single_observation_space=env_spec.observation_space, single_action_space=env_spec.action_space
        )
        self._policy = make_policy(config.policy, self._spaces)
        if getattr(self._policy, "moments", None) is not None:
            raise PolicyError(
                "a policy that changes while it acts cannot act in several processes; with GaussianPolicy: "
                "policy.kwargs.normalize_observations=false"
            )
        self._autocast = autocast_of(config.policy)
        device = self._device = device_of(config.policy)
        # what shares the GPU works next
        self._parks = device.type == "cuda" and self._place.offload and not config.actor.offload
        self._join(address, learning, size, device)
        if self._learns:
            algorithm = config.policy_gradient
            warmup = algorithm.warmup_iterations
            self._warmup = warmup
            precision, offload = config.policy.precision, config.actor.offload
            self._reference = frozen_copy(self._policy) if algorithm.kl_coef > 0 else None
            if sharding := self._sharding():
                for spread in (self._reference, self._policy):
                    if spread is not None:
                        sharding.shard(spread, self._ranks, precision=precision, offload=offload)
            self._optimizer = make_optimizer(self._policy, config.actor, needs_critic=warmup > 0)
            self._guard = StepGuard(config.actor.max_skipped_steps)
            self._algorithm = algorithm
        self._samplers = {
            False: PolicySampler(self._policy, temperature=config.rollout.temperature, autocast=self._autocast),
            True: PolicySampler(
                self._policy,
                temperature=config.eval.temperature,
                deterministic=config.eval.deterministic,
                autocast=self._autocast,
            ),
        }
        self.make_ready_to_act()

    # acting

    def act(self, obs: Observation, seeds: Sequence[int] | None, evaluation: bool) -> RemoteActOutput:
        """See `vla_trainer.rollout.sampling.Sampler`; what is sampled for training is kept."""
        out = self._samplers[evaluation].act(obs, seeds)
        where: dict[str, Tensor] = {}
        if seeds is not None and not evaluation:
            rows = self._store.add(out.inputs)
            where = {"store": torch.full_like(rows, self._place.rollout_rank or 0), "row": rows}
        values = None if out.values is None else out.values.cpu()
        return RemoteActOutput(out.actions, out.tokens.cpu(), out.log_probs.float().cpu(), values, where, self._version)

    def sample_at(self, temperature: float) -> None:
        """Act at this temperature for training from now on."""
        self._samplers[False].temperature = temperature

    def peek(self) -> list[Chunk]:
        """Where the rows are that were kept since the last `flush`; they are kept on."""
        return self._store.peek()

    def flush(self) -> list[Chunk]:
        """Where the rows are that were kept since the last call."""
        return self._store.flush()

    # learning

    def begin(self, batch: Batch, iteration: int) -> None:
        """Take an iteration's next step before the rest of its batch is there; see `Update.begin`."""
        self._updating(iteration).begin(_opened(batch))

    def update(
        self, batch: Batch, iteration: int, shuffles: Tensor, importance_cap: float | None = None
    ) -> tuple[dict[str, float], Tensor]:
        """One iteration's update, on all processes that learn at once; returns metrics and what `shuffles` became.

        `batch.inputs` are `ObservationRefs`; `shuffles` is the state of the generator that shuffles; `importance_cap`
        as in `Update.run`.
        """
        generator = torch.Generator()
        generator.set_state(shuffles)
        metrics = self._updating(iteration).run(_opened(batch), generator, importance_cap)
        self._update = None
        if self._parks:
            move_moments(self._optimizer, "cpu")
        return metrics, generator.get_state()

    def _updating(self, iteration: int) -> Update:
        """The update of this iteration, begun if it was not."""
        config = self._config
        if self._update is None:
            factor = lr_factor(config.actor, iteration, config.trainer.iterations)
            set_learning_rates(self._optimizer, config.actor, factor * self._lr_scale)
            if self._parks:
                move_moments(self._optimizer, self._device)
            self._update = Update(
                self._policy,
                self._optimizer,
                self._algorithm,
                config.actor,
                temperature=temperature_at(config.rollout, iteration, config.trainer.iterations),
                action_dim=self._action_dim,
                reference=self._reference,
                critic_only=iteration <= self._warmup,
                autocast=self._autocast,
                ranks=self._ranks,
                guard=self._guard,
            )
        return self._update

    def scale_lr(self, scale: float) -> None:
        """Multiply what the config says about learning rates by this from now on."""
        self._lr_scale = scale

    def sync(self, version: int) -> int:
        """Bring the weights of processes that only act up to date, on all at once; returns the bytes that were sent."""
        sent = self._send() if self._learns else self._receive()
        self._version = version
        for sampler in self._samplers.values():
            sampler.version = version
        self.make_ready_to_act()
        return sent

    def make_ready_to_act(self) -> None:
        """Gather weights that are sharded, if this process or another of its group acts with them."""
        sharding = self._sharding()
        if sharding is not None and self._acting_learners:
            sharding.unshard(self._policy)
            if self._place.rollout_rank is None:
                sharding.reshard(self._policy)

    # checkpoints

    def save(self, folder: str, shards: str) -> None:
        """Write the policy as others load it into `folder` (the first process), and the exact state into `shards`.

        Raises:
            TrainingDivergedError: weights are not finite.
        """
        from vla_trainer.checkpoint import sharded as checkpoint_sharded

        if self._parks:
            move_moments(self._optimizer, self._device)
        # first, because it finds weights that are not finite
        checkpoint_sharded.save(Path(shards), self._policy, self._optimizer, self._ranks)
        self._save_pretrained(Path(folder))
        if self._parks:
            move_moments(self._optimizer, "cpu")
        self.make_ready_to_act()

    def load(self, shards: str) -> None:
        """Read what `save` wrote."""
        from vla_trainer.checkpoint import sharded as checkpoint_sharded

        checkpoint_sharded.load(Path(shards), self._policy, self._optimizer, self._ranks)

    def load_whole(self, checkpoint: str) -> None:
        """Read a checkpoint that one process wrote."""
        from vla_trainer import checkpoint as files

        state = files.load(Path(checkpoint), self._policy)
        self._optimizer.load_state_dict(state["optimizer"])

    def pid(self) -> int:
        """The operating system's number of this process."""
        return os.getpid()

    def trainable_bytes(self) -> int:
        """Of the weights that are trained."""
        return sum(weight.numel() * weight.element_size() for _, weight in self._trainable())

    def close(self) -> None:
        """Leave the process groups."""
        if torch.distributed.is_initialized():
            with suppress(RuntimeError):
                torch.distributed.destroy_process_group()

    def _save_pretrained(self, folder: Path) -> None:
        sharding = self._sharding()
        if sharding is None:
            self._policy.save_pretrained(folder)
            return
        whole = sharding.full_state_dict(self._policy)
        if self._rank == 0:
            # what is spread over processes cannot write itself
            here = make_policy(self._config.policy.model_copy(update={"device": "cpu", "path": None}), self._spaces)
            here.load_state_dict(whole)
            here.save_pretrained(folder)

    def _sharding(self) -> Any:
        """`vla_trainer.update.sharding` where several processes learn together, of which this is one; its imports take
        two seconds that others do not need."""
        if self._ranks.group is None:
            return None
        from vla_trainer.update import sharding

        return sharding

    @property
    def _learns(self) -> bool:
        return self._place.actor_rank is not None

    def _join(self, address: tuple[str, int] | None, learning: int, size: int, device: torch.device) -> None:
        # every process makes every group, in the same order, whether it is in it or not
        self._receivers = size - learning
        self._acting_learners = True
        if address is None:
            return
        import torch.distributed as dist

        if device.type == "cuda":
            torch.cuda.set_device(0)  # the only one that this process sees
        if self._rank:
            from torch.distributed import TCPStore  # type: ignore[attr-defined]

            self._meeting = TCPStore(*address, size, is_master=False, timeout=MEETING)
        dist.init_process_group(backend_of(device), store=self._meeting, rank=self._rank, world_size=size)
        learners = dist.new_group(list(range(learning))) if learning > 1 else None
        if self._receivers:
            self._sync = dist.new_group([0, *range(learning, size)])
        if self._learns and learners is not None:
            self._ranks = Ranks(learners, device)
            acts = self._ranks.sum({"acts": float(self._place.rollout_rank is not None)})
            self._acting_learners = acts["acts"] > 0

    def _trainable(self) -> list[tuple[str, Tensor]]:
        assert isinstance(self._policy, nn.Module)
        return [(name, weight) for name, weight in self._policy.named_parameters() if weight.requires_grad]

    def _send(self) -> int:
        if not self._receivers:
            return 0
        import torch.distributed as dist

        if sharding := self._sharding():
            sharding.reshard(self._policy)
        sent = 0
        for bucket in _buckets(self._trainable()):
            # a DTensor, which is imported where weights are spread alone
            whole = [weight.full_tensor() if hasattr(weight, "full_tensor") else weight for _, weight in bucket]
            if self._rank == 0:
                flat = torch.cat([weight.detach().reshape(-1) for weight in whole])
                dist.broadcast(flat, src=0, group=self._sync)
                sent += flat.nbytes
        return sent

    def _receive(self) -> int:
        import torch.distributed as dist

        for bucket in _buckets(self._trainable()):
            first = bucket[0][1]
            flat = torch.empty(sum(w.numel() for _, w in bucket), dtype=first.dtype, device=first.device)
            dist.broadcast(flat, src=0, group=self._sync)
            parts = torch.split(flat, [weight.numel() for _, weight in bucket])
            for (_, weight), part in zip(bucket, parts, strict=True):
                weight.data.copy_(part.view_as(weight))
        return 0


def _opened(batch: Batch) -> Batch:
    """With rows that can be read here."""
    inputs: dict[str, Any] = {}
    for key, refs in batch.inputs.items():
        assert isinstance(refs, ObservationRefs)
        inputs[key] = refs.open(ray.get)
    return replace(batch, inputs=inputs)


def _buckets(weights: Sequence[tuple[str, Tensor]]) -> Iterator[list[tuple[str, Tensor]]]:
    """Neighbours of one type, of at most `BUCKET_BYTES` where they are more than one. The same on every process."""
    bucket: list[tuple[str, Tensor]] = []
    filled = 0
    for name, weight in weights:
        size = weight.numel() * weight.element_size()
        if bucket and (weight.dtype != bucket[0][1].dtype or filled + size > BUCKET_BYTES):
            yield bucket
            bucket, filled = [], 0
        bucket.append((name, weight))
        filled += size
    if bucket:
        yield bucket
