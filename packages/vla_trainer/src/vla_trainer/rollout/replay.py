"""Repeat the running episodes of a snapshot: the same actions from the same initial states."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from vla_trainer.rollout.saved_starts import bytes_to_tensor, initial_state_of, state_dict, tensor_to_bytes
from vla_trainer.rollout.stage import Running, Stage
from vla_trainer.types import EpisodeSpec


def snapshot_of(running: Running) -> dict[str, Any]:
    """Return a running episode in types that a checkpoint can hold."""
    return {
        "start": state_dict(running.initial_state),
        "seed": running.seed,
        "actions": [torch.from_numpy(action) for action in running.actions],
        "episode_return": running.episode_return,
        "env_steps": running.env_steps,
        "saved_states": [bytes_to_tensor(state) for state in running.saved_states],
    }


def replay(stage: Stage, snapshot: Sequence[Mapping[str, Any]]) -> None:
    """Bring a stage's environments to where a snapshot was taken.

    Args:
        stage: whose episodes are forgotten.
        snapshot: for each environment what `Collector.snapshot` gives; {} where no episode runs.
    """
    episodes = {
        n: Running(
            initial_state_of(saved["start"]),
            n,
            saved["seed"],
            [action.numpy() for action in saved["actions"]],
            saved["episode_return"],
            saved["env_steps"],
            [tensor_to_bytes(state) for state in saved.get("saved_states", ())],
        )
        for n, saved in enumerate(snapshot)
        if saved
    }
    stage.forget()
    # the longest episode begins first, so that all arrive at the present together
    for left in range(max((len(running.actions) for running in episodes.values()), default=-1), -1, -1):
        stage.begin(
            {
                n: EpisodeSpec(n, episode.initial_state, episode.seed)
                for n, episode in episodes.items()
                if len(episode.actions) == left
            }
        )
        if left > 0:
            under_way = {n: episode.actions[-left] for n, episode in episodes.items() if len(episode.actions) >= left}
            stage.launch(np.array(list(under_way)), np.stack(list(under_way.values())))
            stage.wait()
    for n, episode in episodes.items():
        stage.running[n] = episode
