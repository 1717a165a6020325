"""The section `plan`: amounts and speeds that `--plan` and `--check` compute with."""

from pydantic import PositiveFloat, PositiveInt

from vla_trainer.section import Section


class Plan(Section):
    """What `--plan` computes with, and what a run's sizes are checked with. Changes nothing of a run."""

    parameters: PositiveFloat | None = None
    """Weights of the policy."""
    tokens: PositiveFloat | None = None
    """Positions of the transformer in one policy step."""
    record_bytes: PositiveFloat | None = None
    """Bytes that are kept of one policy step until the update."""
    env_bytes: PositiveFloat | None = None
    """Bytes of host memory of one environment."""
    memory_per_node: PositiveFloat | None = None
    """Bytes of host memory of a machine; null: with the backend `local` as this one has, else not checked."""
    env_steps_per_second: PositiveFloat | None = None
    """Environment steps a second of one processor core."""
    cores_per_node: PositiveInt | None = None
    """Processor cores of a machine; null: as many as this one has."""
    flops_per_second: PositiveFloat | None = None
    """Floating-point operations a second that one device reaches on this policy."""
    sync_bytes_per_second: PositiveFloat | None = None
    """Bytes of weights a second that reach rollout processes of their own; null: that takes no time."""
    times: str | None = None
    """A JSON file of measured stage times, docs/planner.md; predictions take them instead of these speeds."""
    iteration_seconds: PositiveFloat | None = None
    """Seconds of an iteration as measured elsewhere; comes before the estimate from the other keys."""
