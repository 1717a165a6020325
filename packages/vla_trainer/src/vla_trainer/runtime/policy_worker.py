"""A process with the policy: it acts (rollout), learns (actor), or both in turn.

Axes: N observations.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import ray
import torch
from torch import Tensor

from vla_trainer import checkpoint
from vla_trainer.config.schema import Config
from vla_trainer.errors import PolicyError
from vla_trainer.facts import Fact, facts_of_policy
from vla_trainer.policy.make import (
    autocast_of,
    device_of,
    empty_copy,
    export_policy,
    frozen_copy,
    make_policy,
    threads_of,
)
from vla_trainer.protocols import Observation
from vla_trainer.rollout.env_spec import EnvSpec
from vla_trainer.rollout.sampling import PolicySampler
from vla_trainer.runtime.env_worker import RemoteActOutput
from vla_trainer.runtime.learner import Learner
from vla_trainer.runtime.object_store import Chunk, ObservationStore, PackedBatch
from vla_trainer.runtime.process_layout import PolicyProcess
from vla_trainer.runtime.weight_sync import WeightSync, host_meeting, join, trainable, visit_meeting
from vla_trainer.update.averaging import take_into_mean
from vla_trainer.update.blocks import block_dtype, hold_blocks
from vla_trainer.update.parking import Parking
from vla_trainer.update.sharding import reshard


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
        self._store = ObservationStore(ray.put)

    def address(self, size: int) -> tuple[str, int]:
        """Where `size` processes meet: an address of this machine, and a port that is listened on from now on."""
        here: str = ray.util.get_node_ip_address()
        self._meeting, port = host_meeting(here, size)
        return here, port

    def open(self, env_spec: EnvSpec, address: tuple[str, int] | None, nodes: Sequence[int], size: int) -> None:
        """Make the policy and join the others.

        Args:
            env_spec: of the environments.
            address: what `address` of the first process gave; None where there is only one.
            nodes: of the processes that learn, by actor rank.
            size: how many policy processes there are.
        """
        config = self._config
        torch.manual_seed(config.trainer.seed)
        blocks_in = block_dtype(config.policy.precision, processes=size)
        self._policy = make_policy(
            config.policy,
            env_spec,
            # before it is moved to a GPU, which then need not hold all of it in float32
            prepare=None if self._learns or blocks_in is None else partial(hold_blocks, dtype=blocks_in),
        )
        if getattr(self._policy, "moments", None) is not None:
            raise PolicyError(
                "a policy that changes while it acts cannot act in several processes; with GaussianPolicy: "
                "policy.kwargs.normalize_observations=false"
            )
        autocast, rows = autocast_of(config.policy), threads_of(self._policy, config.policy)
        device = self._device = device_of(config.policy)
        self._group = join(
            None if address is None else getattr(self, "_meeting", None) or visit_meeting(address, size),
            rank=self._rank,
            learning=len(nodes),
            size=size,
            acts=self._place.rollout_rank is not None,
            device=device,
            seconds=config.cluster.collective_seconds,
            shards=blocks_in is not None or config.actor.offload,
            nodes=nodes if config.actor.shard_over == "node" else (),
        )
        self._sync = WeightSync(
            self._policy,
            self._group,
            learns=self._learns,
            acts=self._place.rollout_rank is not None,
            blocks_in=blocks_in,
        )
        if self._learns:
            if self._rank == 0 and self._group.ranks.group is not None:
                self._exporter = empty_copy(self._policy)
            reference = frozen_copy(self._policy) if config.policy_gradient.kl_coef > 0 else None
            self._sync.shard(
                reference,
                offload=config.actor.offload,
                gradient_checkpointing=bool(config.policy.gradient_checkpointing),
            )
            self._learner = Learner(
                config,
                self._policy,
                action_dim=env_spec.action_dim,
                reference=reference,
                autocast=autocast,
                ranks=self._group.ranks,
                threads=rows,
            )
            # what shares the GPU works next
            shared = device.type == "cuda" and self._place.offload and not config.actor.offload
            self._parking = Parking(self._learner.optimizer, device, shared=shared)
        self._samplers = {
            False: PolicySampler(
                self._policy,
                temperature=config.rollout.temperature,
                autocast=autocast,
                threads=rows,
                chunk_correlation=config.rollout.chunk_correlation,
            ),
            True: PolicySampler(
                self._policy,
                temperature=config.eval.temperature,
                deterministic=config.eval.deterministic,
                autocast=autocast,
                threads=rows,
            ),
        }
        self._sync.gather()

    def facts(self) -> tuple[Fact, ...]:
        """See `vla_trainer.runtime.interface.Runtime.policy_facts`."""
        return facts_of_policy(self._policy)

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

    def begin(self, batch: PackedBatch, iteration: int) -> None:
        """Take an iteration's next step before the rest of its batch is there; see `Update.begin`."""
        self._parking.unpark()
        self._learner.begin(batch.open(ray.get), iteration)

    def update(
        self, batch: PackedBatch, iteration: int, shuffles: Tensor, importance_cap: float | None = None
    ) -> tuple[dict[str, float], Tensor]:
        """Take one iteration's update, on all processes that learn at once; `batch` is opened here.

        See `vla_trainer.runtime.interface.RLRuntime.update`.
        """
        self._parking.unpark()
        metrics, shuffles = self._learner.run(batch.open(ray.get), iteration, shuffles, importance_cap)
        self._parking.park()
        return metrics, shuffles

    def scale_lr(self, scale: float) -> None:
        """Multiply what the config says about learning rates by this from now on."""
        self._learner.scale_lr(scale)

    def take_into_mean(self, first: bool, last: bool) -> None:
        """See `vla_trainer.runtime.interface.Runtime`; the mean is parked with the moments."""
        self._parking.unpark()
        reshard(self._policy)
        take_into_mean(self._learner.optimizer, first=first, last=last)
        self._parking.park()

    def sync(self, version: int) -> int:
        """Bring the weights of processes that only act up to date, on all at once; returns the bytes that were sent."""
        sent = self._sync.run()
        self._version = version
        for sampler in self._samplers.values():
            sampler.version = version
        return sent

    # checkpoints

    def save(self, folder: str | None, shards: str) -> None:
        """Write the policy as others load it into `folder` (the first process), and the exact state into `shards`.

        `folder`: None: only the exact state is written.

        Raises:
            TrainingDivergedError: weights are not finite.
        """

        from vla_trainer.checkpoint import sharded

        self._parking.unpark()
        # first, because it finds weights that are not finite
        sharded.save(Path(shards), self._policy, self._learner.optimizer, self._group.ranks)
        if folder is not None:
            self._export(Path(folder))
        self._parking.park()
        self._sync.gather()

    def load(self, shards: str) -> None:
        """Read what `save` wrote."""
        from vla_trainer.checkpoint import sharded

        sharded.load(Path(shards), self._policy, self._learner.optimizer, self._group.ranks)

    def load_whole(self, path: str) -> None:
        """Read a checkpoint that one process wrote."""
        state, optimizer = checkpoint.read_state(Path(path)), self._learner.optimizer
        if self._group.ranks.group is not None:
            from vla_trainer.checkpoint import sharded

            sharded.spread(self._policy, optimizer, state)
        checkpoint.put(Path(path), state, self._policy, optimizer)

    def pid(self) -> int:
        """The operating system's number of this process."""
        return os.getpid()

    def trainable_bytes(self) -> int:
        """Of the weights that are trained."""
        return sum(weight.numel() * weight.element_size() for _, weight in trainable(self._policy))

    def close(self) -> None:
        """Leave the process groups."""
        if torch.distributed.is_initialized():
            with suppress(RuntimeError):
                torch.distributed.destroy_process_group()

    def _export(self, folder: Path) -> None:
        whole = self._sync.full_state_dict()
        if whole is None:
            export_policy(self._policy, folder, self._config.policy)
        elif self._rank == 0:
            # what is spread over processes cannot write itself
            self._exporter.load_state_dict(whole, assign=True)
            export_policy(self._exporter, folder, self._config.policy)
            self._exporter = empty_copy(self._exporter)

    @property
    def _learns(self) -> bool:
        return self._place.actor_rank is not None
