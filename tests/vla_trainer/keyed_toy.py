"""`reach_toy`'s environment under an id that takes many keyword arguments, in two classes, with a docstring."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import gymnasium
import reach_toy
from gymnasium.vector import AutoresetMode, SyncVectorEnv


class KeyedEnv(reach_toy.ReachEnv):
    metadata: ClassVar[dict[str, Any]] = {
        **reach_toy.ReachEnv.metadata,
        "notices": {"reward": {"dense": "dense reward: this is not a benchmark result."}},
        "arguments_without_effect_on_states": ["render_quality", "workers"],
    }

    def __init__(
        self,
        suite: str,
        task: int | str | Sequence[int | str] | None = None,
        split: Literal["train", "eval", "all"] = "eval",
        cameras: Sequence[str] = ("front",),
        image_size: int = 33,
        render_quality: Literal["reference", "fast"] = "reference",
        action_chunk: int | None = 2,
        reward: Literal["sparse", "dense"] = "sparse",
        reward_scale: float = 1.0,
        limits: Mapping[int, int] | None = None,
        settle_steps=10,
    ) -> None:
        """
        Args:
            task: index, name,
                or a sequence of them.
            image_size (int): height and width: pixels.

        Raises:
            ValueError: `image_size` is below 8.
        """
        super().__init__(size=image_size)
        self.given = (suite, task, split)


class KeyedVectorEnv(SyncVectorEnv):
    """What it does not name itself is for `KeyedEnv`."""

    env_class = KeyedEnv

    def __init__(self, num_envs: int, workers: int | None = None, copy: bool = True, **kwargs: Any) -> None:
        """
        Args:
            workers: threads.
            copy: whether observations are copied.
        """
        mode = kwargs.pop("autoreset_mode", AutoresetMode.NEXT_STEP)
        kwargs.pop("max_episode_steps", None)
        super().__init__([lambda: KeyedEnv(**kwargs)] * num_envs, copy=copy, autoreset_mode=mode)


gymnasium.register("toy/Keyed-v0", vector_entry_point=KeyedVectorEnv, kwargs={"suite": "toys"}, max_episode_steps=16)

ID = "keyed_toy:toy/Keyed-v0"
PPO_RECIPE = reach_toy.PPO_RECIPE.replace("reach_toy:toy/Reach-v0", ID)
GRPO_RECIPE = reach_toy.GRPO_RECIPE.replace("reach_toy:toy/Reach-v0", ID)
