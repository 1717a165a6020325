"""The section `plan`: amounts and speeds that `--plan` and `--check` compute with."""

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from vla_trainer.section import Section


class Stack(Section):
    """Equal transformer blocks of the policy's network, which are sharded and gathered one by one."""

    blocks: PositiveInt
    """How many run."""
    unused: NonNegativeInt = 0
    """Further ones whose weights are there and that never run."""
    width: PositiveInt
    """D, numbers of a position between two blocks."""
    inner: PositiveInt
    """M, width of the feed-forward part."""
    tokens: PositiveFloat
    """Positions of one policy step in these blocks."""
    last_tokens: PositiveFloat | None = None
    """Positions at which the last block answers; null: all."""
    gated: bool = False
    """Whether the feed-forward part has three matrices (SwiGLU) and no biases, as Llama's; else two, as a ViT's."""


class Plan(Section):
    """What `--plan` computes with, and what a run's sizes are checked with. Changes nothing of a run."""

    parameters: PositiveFloat | None = None
    """Weights of the policy."""
    tokens: PositiveFloat | None = None
    """Positions of the transformer in one policy step."""
    forward_flops: PositiveFloat | None = None
    """Floating-point operations of the policy's forward pass for one policy step, as a counter finds them; null: two a
    weight and position."""
    network: list[Stack] = Field(default_factory=list)
    """The policy's blocks, a list of {blocks, unused, width, inner, tokens, last_tokens, gated}; without it --plan
    leaves out what they take besides weights."""
    outside_bytes: PositiveFloat | None = None
    """Bytes of activations of one policy step outside of these blocks: projectors, embeddings."""
    record_bytes: PositiveFloat | None = None
    """Bytes that are kept of one policy step until the update."""
    env_bytes: PositiveFloat | None = None
    """Bytes of host memory of one environment."""
    model_bytes: PositiveFloat | None = None
    """Bytes of one task's meshes and textures, for each thread that renders it: on the GPU, and as many on the host."""
    models_per_thread: PositiveInt | None = None
    """Tasks of which a thread with environments keeps these at once, at most; null: one."""
    gpu_bytes: PositiveFloat | None = None
    """Bytes of memory of one GPU."""
    memory_per_node: PositiveFloat | None = None
    """Bytes of host memory of a machine; null: with the backend `local` as this one has, else not checked."""
    env_steps_per_second: PositiveFloat | None = None
    """Environment steps a second of one processor core."""
    cores_per_node: PositiveInt | None = None
    """Processor cores of a machine; null: as many as this one has."""
    flops_per_second: PositiveFloat | None = None
    """Floating-point operations a second that one device reaches on this policy."""
    peak_flops_per_second: PositiveFloat | None = None
    """What the device's maker states, for comparison."""
    sync_bytes_per_second: PositiveFloat | None = None
    """Bytes of weights a second that reach rollout processes of their own; null: that takes no time."""
    times: str | None = None
    """A JSON file of measured stage times, docs/planner.md; predictions take them instead of these speeds."""
    iteration_seconds: PositiveFloat | None = None
    """Seconds of an iteration as measured elsewhere; comes before the estimate from the other keys."""
