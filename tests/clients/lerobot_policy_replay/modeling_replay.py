import numpy as np
import torch
from lerobot.policies import PreTrainedPolicy

from lerobot_policy_replay.configuration_replay import ReplayConfig


class ReplayPolicy(PreTrainedPolicy):
    config_class = ReplayConfig
    name = "replay"

    def __init__(self, config, **kwargs):
        super().__init__(config)
        self.actions = torch.from_numpy(np.load(config.actions))
        self.step = 0

    def reset(self):
        self.step = 0

    def select_action(self, batch, **kwargs):
        envs, size = len(self.actions), batch["observation.images.image"].shape[-1]
        assert batch["observation.images.image"].shape == (envs, 3, size, size)
        assert batch["observation.images.image2"].shape == (envs, 3, size, size)
        assert batch["observation.state"].shape == (envs, 8)
        assert batch["task"] == ["pick up the black bowl from table center and place it on the plate"] * envs
        self.step += 1
        return self.actions[:, self.step - 1]

    def predict_action_chunk(self, batch, **kwargs):
        raise NotImplementedError

    def forward(self, batch):
        raise NotImplementedError

    def get_optim_params(self):
        raise NotImplementedError
