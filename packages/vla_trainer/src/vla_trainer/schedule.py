"""What changes over a run: functions of the iteration alone, so that a resume needs no state of them."""

from math import cos, pi

from vla_trainer.config.schema import Actor, RolloutConfig


def lr_factor(actor: Actor, iteration: int, iterations: int) -> float:
    """Return what the learning rates are multiplied by in an iteration, which count from 1 to `iterations`.

    It rises linearly to 1 over `lr_warmup_iterations`, then falls as `lr_schedule` says, and would be
    `lr_final_fraction` in an iteration after the last one. What "adaptive" adds is in `vla_trainer.learning_rate`.
    """
    warmup = actor.lr_warmup_iterations
    if iteration <= warmup:
        return iteration / (warmup + 1)
    if actor.lr_schedule in ("constant", "adaptive"):
        return 1.0
    # 0 in the first iteration after the warm-up, 1 after the last
    done = min((iteration - warmup - 1) / (iterations - warmup), 1.0)
    left = 1.0 - done if actor.lr_schedule == "linear" else 0.5 * (1.0 + cos(pi * done))
    final = actor.lr_final_fraction if actor.lr_final_fraction is not None else 0.0
    return final + (1.0 - final) * left


def temperature_at(rollout: RolloutConfig, iteration: int, iterations: int) -> float:
    """Return what an iteration's actions are sampled and scored at; iterations count from 1 to `iterations`.

    It begins at `temperature`, and would be `temperature_final`, where that is set, in an iteration after the last one.
    """
    if rollout.temperature_final is None:
        return rollout.temperature
    done = min((iteration - 1) / iterations, 1.0)
    return rollout.temperature + (rollout.temperature_final - rollout.temperature) * done
