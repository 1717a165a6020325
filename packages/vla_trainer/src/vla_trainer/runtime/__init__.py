"""Who carries out the stages of the loop: `BACKENDS` from `cluster.backend` to a constructor."""

from vla_trainer.algorithms import SFT
from vla_trainer.config.schema import Config
from vla_trainer.errors import BackendError, did_you_mean
from vla_trainer.runtime.interface import Backend, Common, Imitating


def _local(config: Config) -> Backend | Imitating:
    if isinstance(config.algorithm, SFT):
        from vla_trainer.sft.supervised import SupervisedBackend

        return SupervisedBackend(config)
    from vla_trainer.runtime.local import LocalBackend

    return LocalBackend(config)


def _ray(config: Config) -> Backend:
    from vla_trainer.runtime.ray import RayBackend

    return RayBackend(config)


BACKENDS = {"local": _local, "ray": _ray}
"""From `cluster.backend` to what makes it."""


def make_backend(config: Config) -> Backend | Imitating:
    """The backend that `config.cluster.backend` names, with its environments and policy made.

    Raises:
        BackendError: unknown, or not available.
        EnvError, PolicyError, gymnasium.error.Error, ValueError: what making the environments and the policy raises.
    """
    name = config.cluster.backend
    if name not in BACKENDS:
        raise BackendError(f'cluster.backend="{name}"{did_you_mean(name, BACKENDS)}')
    return BACKENDS[name](config)


__all__ = ["BACKENDS", "Backend", "Common", "Imitating", "make_backend"]
