"""Compute the memory of a run from the sizes of its policy's network: on a GPU, on a node, on disk.

    plan.network, plan.parameters --> weights of a block and of the rest --+
    placement, lora, offload -----> shards, moments, gathered weights -----+-> items of each phase, in bytes
    micro_batch_size, checkpointing -> activations ------------------------+

The phases follow one another: loading, acting, learning. Each lists what is on a GPU at once at its fullest moment.

Axes: P weights, N actor processes, B policy steps of a micro-batch, S positions, D width, M width of the feed-forward
part. Blocks compute in bfloat16, 2 bytes a number; sharded weights, gradients and moments are float32, 4 bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vla_trainer.config.plan import Stack
from vla_trainer.config.schema import Config
from vla_trainer.placement import Placement

FLOAT, HALF = 4, 2
"""Bytes of a number in float32 and in bfloat16."""

Recompute = bool | Literal["selective"]


@dataclass(frozen=True)
class Item:
    """An amount of memory with its name."""

    name: str
    bytes: float


@dataclass(frozen=True)
class Phase:
    """What is in memory at once."""

    name: str
    items: tuple[Item, ...]

    @property
    def bytes(self) -> float:
        """Return the sum of all items."""
        return sum(item.bytes for item in self.items)


def block_weights(stack: Stack) -> int:
    """Return the weights of one block.

    Attention has four D x D matrices. The feed-forward part has three D x M matrices if it is gated, else two. A gated
    block has two norms without biases (2 D); another one has biases (3 D + D + M + D) and two norms with them (4 D).
    """
    d, m = stack.width, stack.inner
    return 4 * d * d + 3 * d * m + 2 * d if stack.gated else 4 * d * d + 2 * d * m + 9 * d + m


def kept_bytes(stack: Stack, recompute: Recompute) -> float:
    """Return the bytes of activations that one block keeps of one policy step for the backward pass.

    Counted by operator, as autograd saves them (Korthikanti et al. 2022, arXiv:2205.05198, count a GPT's so), with
    attention that keeps no S x S matrix (FlashAttention) and no dropout:

        all, gated      two norms 2 x (4 + 2 + 2) D, queries, keys, values, attention's output 4 x 2 D, gate, its
                        activation, up and their product 4 x 2 M:  24 D + 8 M a position
        all, other      two norms, in float32 under autocast, 2 x (4 + 2) D, attention the same 8 D, the feed-forward
                        part before and after its activation 2 x 2 M:  20 D + 4 M
        selective       a gated block's input, outputs of its seven products and of attention, 14 D + 4 M; another
                        block's input
        recomputed      a block's input, 2 D
    """
    d, m = stack.width, stack.inner
    if not recompute:
        position = 24 * d + 8 * m if stack.gated else 20 * d + 4 * m
    elif recompute == "selective" and stack.gated:
        position = 14 * d + 4 * m
    else:
        position = 2 * d
    return position * stack.tokens


def activation_bytes(network: Sequence[Stack], recompute: Recompute) -> float:
    """Return the bytes of activations that are kept of one policy step when the backward pass needs most: those of all
    blocks but one that answers at a few positions, whose backward pass needs little and comes first."""
    kept = 0.0
    for stack in network:
        whole = stack.blocks - (stack.last_tokens is not None)
        kept += whole * kept_bytes(stack, recompute)
    return kept


def working_bytes(network: Sequence[Stack], recompute: Recompute) -> float:
    """Return the bytes of one policy step that the backward pass of one block needs besides, of the block that needs
    most: what is computed again there, and gradients of the widest activations."""
    most = 0.0
    for stack in network:
        again = kept_bytes(stack, False) - kept_bytes(stack, recompute) if recompute else 0.0
        # gradients of the feed-forward part's product, and of gate and up or of the hidden layer
        gradients = HALF * stack.inner * (3 if stack.gated else 2) * stack.tokens
        most = max(most, again + gradients)
    return most


def adapter_weights(network: Sequence[Stack], rank: int) -> int:
    """Return the weights of low-rank adapters on all matrices of the blocks that run: r (inputs + outputs) each."""
    total = 0
    for stack in network:
        d, m = stack.width, stack.inner
        sides = 4 * 2 * d + 3 * (d + m) if stack.gated else d + 3 * d + 2 * d + 2 * (d + m)
        total += stack.blocks * rank * sides
    return total


@dataclass(frozen=True)
class Weights:
    """The weights of a policy, in numbers."""

    total: float
    trained: float
    in_blocks: float
    largest_block: float
    stored: int = FLOAT
    """Bytes of one of the weights that are not trained."""

    @property
    def rest(self) -> float:
        """Return what belongs to no block: embeddings, heads, projectors. It is gathered as one, in its own type."""
        return self.total - self.in_blocks

    @property
    def bytes(self) -> float:
        """Return the bytes of all weights as they are stored."""
        return FLOAT * self.trained + self.stored * (self.total - self.trained)


def weights_of(config: Config) -> Weights | None:
    """Return the weights of a config's policy; None where `plan.parameters` is not given."""
    plan = config.plan
    if plan.parameters is None:
        return None
    half = str(config.policy.kwargs.get("dtype", "float32")) in ("bfloat16", "float16")
    sizes = [block_weights(stack) for stack in plan.network]
    in_blocks: float = sum(
        size * (stack.blocks + stack.unused) for size, stack in zip(sizes, plan.network, strict=True)
    )
    total, trained = plan.parameters, plan.parameters
    if not plan.network:
        in_blocks = plan.parameters  # not known; most are
    if config.policy.lora is not None:
        trained = adapter_weights(plan.network, config.policy.lora.rank)
        total += trained
        in_blocks += trained
    return Weights(total, trained, in_blocks, max(sizes, default=0), HALF if half else FLOAT)


def gpu_phases(config: Config, weights: Weights, placed: Placement) -> list[Phase]:
    """Return what is on the GPU of an actor process in each phase, with a rollout process where both are one."""
    actors = shards_of(config, placed)
    acts = config.cluster.backend == "local" or bool(placed.merged_ranks())
    reference = 1 if config.algorithm.uses_rollouts and config.policy_gradient.kl_coef > 0 else 0
    half = config.policy.precision == "bf16"
    on_host = config.actor.offload
    shards = Item("weights, its share" if actors > 1 else "weights", 0 if on_host else weights.bytes / actors)
    summed_once = actors > 1 and config.actor.gradient_sync == "step"
    gradients = Item("gradients, its share" if actors > 1 else "gradients", FLOAT * weights.trained / actors)
    kept_by_adamw = _kept_beside(config) * FLOAT * weights.trained / actors
    name = "AdamW's two moments" + (", and the mean of weights" if config.trainer.average_last else "")
    moments = Item(name, 0 if on_host else kept_by_adamw)
    copies = [Item("reference policy", weights.bytes / actors)] if reference else []
    graphics = _graphics(config, placed)
    phases = [Phase("start", (Item("whole weights, before they are shared out", weights.bytes * (1 + reference)),))]
    if acts and config.algorithm.uses_rollouts:
        gathered = [Item("gathered weights", _gathered(weights, half) if actors > 1 else 0)]
        phases.append(Phase("acting", _above_zero([shards, *copies, *gathered, *graphics])))
    batch = config.actor.micro_batch_size
    recompute = config.policy.gradient_checkpointing
    network = config.plan.network
    step_bytes = activation_bytes(network, recompute) + (config.plan.outside_bytes or 0.0)
    kept = Item(f"activations of {batch} policy steps", batch * step_bytes)
    working = Item("one block's backward pass", batch * working_bytes(network, recompute))
    units = Item("gathered blocks and their gradients", _units(weights, half) if actors > 1 else 0)
    if actors > 1 and config.actor.keep_gathered:
        units = Item("gathered weights", _gathered(weights, half))
    unsharded = Item("whole gradients (actor.gradient_sync=step)", FLOAT * weights.trained if summed_once else 0)
    learning = [shards, gradients, moments, *copies, units, unsharded, kept, working, *graphics]
    phases.append(Phase("learning", _above_zero(learning)))
    return phases


def acting_phases(config: Config, weights: Weights, placed: Placement) -> list[Phase]:
    """Return what is on the GPU of a rollout process that is no actor process; nothing where there is none.

    It holds blocks as they are computed and the rest as it is stored; they are cast before they are moved there.
    """
    if config.cluster.backend == "local" or not config.algorithm.uses_rollouts:
        return []
    if len(placed.merged_ranks()) == len(placed["rollout"].processes):
        return []
    half = config.policy.precision == "bf16"
    held = Item("weights", _gathered(weights, half) if config.policy.lora is None else weights.bytes)
    graphics = _graphics(config, placed, beside="rollout")
    return [Phase("start", (held,)), Phase("acting", _above_zero([held, *graphics]))]


def shards_of(config: Config, placed: Placement) -> int:
    """Return over how many actor processes weights are spread: all, or those of a node (`actor.shard_over`)."""
    if config.cluster.backend == "local":
        return 1
    nodes = [process.node for process in placed["actor"].processes]
    return nodes.count(nodes[0]) if config.actor.shard_over == "node" else len(nodes)


def _gathered(weights: Weights, half: bool) -> float:
    """Return the bytes of all weights gathered at once: blocks as they are computed, the rest as it is stored."""
    return (HALF if half else FLOAT) * weights.in_blocks + FLOAT * weights.rest


def _units(weights: Weights, half: bool) -> float:
    """Return what FSDP2 holds of gathered weights in the backward pass of a block, with the next one on its way.

    The block's weights, the next block's, the block's gradients, and the same gradients in float32 to be summed. What
    belongs to no block stays gathered in float32.
    """
    size = HALF if half else FLOAT
    return (3 * size + FLOAT) * weights.largest_block + FLOAT * weights.rest


def _graphics(config: Config, placed: Placement, beside: str = "actor") -> list[Item]:
    """Return what environments keep on the GPU that they share with a process of `beside`, if they render there."""
    plan, cluster = config.plan, config.cluster
    if plan.model_bytes is None or not config.algorithm.uses_rollouts:
        return []
    if cluster.backend != "local" and not placed.shared_gpus("env", beside):
        return []
    return [Item("environments' models, if the GPU renders", plan.model_bytes * models(config, placed))]


def models(config: Config, placed: Placement) -> int:
    """Return how many models of tasks one env process keeps, at most: those of each of its threads."""
    processes = len(placed["env"].processes) if config.cluster.backend != "local" else 1
    return threads(config, processes) * (config.plan.models_per_thread or 1)


def threads(config: Config, processes: int) -> int:
    """Return the threads with environments of one env process: those of its stages, and those of evaluations."""
    most = config.env.positive("workers") or config.plan.cores_per_node or 1
    stages = config.rollout.pipeline_stage_num
    training = stages * min(most, config.env.num_envs // processes // stages)
    if config.eval.episodes is None:
        return training
    evaluating = -(-(config.eval.num_envs or config.env.num_envs) // processes)
    return training + min(most, evaluating)


def host_phases(config: Config, weights: Weights, placed: Placement, observations: float) -> list[Phase]:
    """Return what is in the memory of the fullest node: while policies are loaded, and later.

    Args:
        observations: bytes of all policy steps of an iteration.
    """
    cluster, plan = config.cluster, config.plan
    local = cluster.backend == "local"
    policies = _policies(placed) if not local else [0]
    env = [process.node for process in placed["env"].processes] if not local else [0]
    fullest = max(set(policies), key=policies.count)
    count, env_count = policies.count(fullest), env.count(fullest)
    loading = Item(f"whole weights, once in each of {count} processes with a policy", count * weights.bytes)
    envs = [Item("environments", (plan.env_bytes or 0) * config.env.num_envs * env_count / len(env))]
    envs.append(Item("environments' models", (plan.model_bytes or 0) * models(config, placed) * env_count))
    later = [Item("observations of an iteration", observations)]
    if (own := _imitated_iterations(config)) > 0:
        later.append(Item(f"observations of own successes, {own} iteration(s)", own * observations))
    actors = shards_of(config, placed)
    if not local and placed.offloads("actor"):
        parked = _kept_beside(config) * FLOAT * weights.trained / actors
        later.append(Item("AdamW's moments while others use the GPUs", parked * count))
    if config.actor.offload:
        states = weights.bytes + (1 + _kept_beside(config)) * FLOAT * weights.trained
        later.append(Item("weights, gradients and moments (actor.offload)", states / actors * count))
    if config.trainer.save_every is not None and actors > 1:
        # gathered on the first process, for what others load
        later.append(Item("a copy of the weights while a checkpoint is written", weights.bytes))
    return [Phase("start", _above_zero([loading])), Phase("running", _above_zero([*later, *envs]))]


def _policies(placed: Placement) -> list[int]:
    """Return the node of each process with a policy."""
    merged = set(placed.merged_ranks().values())
    nodes = [process.node for process in placed["actor"].processes]
    return nodes + [process.node for process in placed["rollout"].processes if process.rank not in merged]


def _kept_beside(config: Config) -> int:
    """Return how many numbers are kept of a weight: AdamW's moments, at the end of a run also the mean."""
    return 2 + (config.trainer.average_last is not None)


def _imitated_iterations(config: Config) -> int:
    """Return the iterations whose successes are kept, which may be all of their episodes."""
    own = config.policy_gradient.self_imitation if config.algorithm.uses_rollouts else None
    return 0 if own is None else own.memory


def checkpoint_bytes(config: Config, weights: Weights, observations: float = 0.0) -> tuple[float, float]:
    """Return the bytes of one checkpoint and the most that is on disk at once.

    One has the weights with AdamW's moments, to go on from, and the weights once more, to load elsewhere; with
    `trainer.export=best` not all have the latter. With `algorithm.self_imitation` it has the observations of own
    successes, too. Kept are the newest `trainer.keep_checkpoints` and the best one; another is being written.

    Args:
        config: of the run.
        weights: its policy's.
        observations: bytes of all policy steps of an iteration.
    """
    exported = {"bf16": HALF, "fp32": FLOAT, None: FLOAT if weights.stored == FLOAT else HALF}
    merged = exported[config.policy.export_dtype]
    base = config.plan.parameters or 0.0
    saved = weights.bytes + _kept_beside(config) * FLOAT * weights.trained + merged * base
    saved += _imitated_iterations(config) * observations
    keep, every = config.trainer.keep_checkpoints, config.trainer.save_every
    if every is None:
        return saved, saved
    written = -(-config.trainer.iterations // every)
    return saved, saved * min(written, written if keep is None else keep + 2)


def _above_zero(items: Sequence[Item]) -> tuple[Item, ...]:
    return tuple(item for item in items if item.bytes > 0)
