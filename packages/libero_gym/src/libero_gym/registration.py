"""The ids that `gymnasium.make` and `gymnasium.make_vec` know once `libero_gym` is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium
from gymnasium.envs.registration import WrapperSpec

from libero_gym.tasks.suites import RUNNABLE

if TYPE_CHECKING:
    from libero_gym.env import LiberoEnv

#: Under which keyword argument a spec carries the time limit; see `libero_gym.time_limit`. Not for users.
TIME_LIMIT = "_time_limit"

_TAKE_OVER = WrapperSpec("TakeOverTimeLimit", "libero_gym.time_limit:take_over", {})


class SingleEnvWrappers(tuple):
    """`EnvSpec.additional_wrappers` that `make` applies and that are none to `make_vec`.

    `make` applies a slice of a spec's additional wrappers. `make_vec` refuses a vector entry point whose spec has any,
    as they wrap single environments. So this is an empty tuple, whose slice to the end is `take_over`: a vector
    environment needs none of it, since `make_vec` does pass `max_episode_steps` on. With a user's wrappers behind it,
    it is an ordinary tuple.
    """

    __slots__ = ()

    def __getitem__(self, index: Any) -> Any:
        """`take_over` for a slice to the end."""
        if isinstance(index, slice) and index.stop is None:
            return (_TAKE_OVER,)
        return super().__getitem__(index)

    def __add__(self, others: Any) -> Any:
        """An ordinary tuple, `take_over` first."""
        return (_TAKE_OVER, *others)


SINGLE_ENV_WRAPPERS = SingleEnvWrappers()


def register_envs() -> None:
    """Register one id for each suite and one for all of them, once; nothing is loaded yet.

    That `split` is among an id's arguments says to a trainer that the environment knows splits.
    """
    for suite, (env_id, max_episode_steps) in RUNNABLE.items():
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point="libero_gym.registration:make_env",
                vector_entry_point="libero_gym.vector_env:LiberoVectorEnv",
                max_episode_steps=max_episode_steps,
                additional_wrappers=SINGLE_ENV_WRAPPERS,
                kwargs={"suite": suite, "split": "eval"},
            )


def make_env(**kwargs: Any) -> LiberoEnv:
    """What `gymnasium.make` calls: a `LiberoEnv` with these keyword arguments.

    Raises:
        OptionError: a keyword argument that it does not have, or a value that is not allowed.
    """
    from libero_gym.env import LiberoEnv
    from libero_gym.options import ARGUMENTS, check_argument_names
    from libero_gym.time_limit import with_time_limit

    arguments = with_time_limit(kwargs)
    check_argument_names(arguments, ARGUMENTS, str(arguments.get("suite")))
    return LiberoEnv(**arguments)
