"""What carries out the stages of the loop: `RUNTIMES` from `cluster.backend` to a constructor."""

from vla_trainer.config.schema import Config
from vla_trainer.errors import BackendError, did_you_mean
from vla_trainer.runtime.interface import RLRuntime, Runtime


def _local(config: Config) -> RLRuntime:
    from vla_trainer.runtime.local import LocalRuntime

    return LocalRuntime(config)


def _ray(config: Config) -> RLRuntime:
    from vla_trainer.runtime.ray_settings import apply_settings

    apply_settings()  # before the next import, which brings Ray
    from vla_trainer.runtime.ray import RayRuntime

    return RayRuntime(config)


RUNTIMES = {"local": _local, "ray": _ray}


def make_runtime(config: Config) -> RLRuntime:
    """Make the runtime that `config.cluster.backend` names, with its environments and policy.

    Raises:
        BackendError: unknown, or not available.
        EnvError, PolicyError, gymnasium.error.Error, ValueError: what making the environments and the policy raises.
    """
    name = config.cluster.backend
    if name not in RUNTIMES:
        raise BackendError(f'cluster.backend="{name}"{did_you_mean(name, RUNTIMES)}')
    return RUNTIMES[name](config)


__all__ = ["RUNTIMES", "RLRuntime", "Runtime", "make_runtime"]
