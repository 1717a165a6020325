from dataclasses import dataclass

from lerobot.configs.policies import PreTrainedConfig


@PreTrainedConfig.register_subclass("replay")
@dataclass
class ReplayConfig(PreTrainedConfig):
    actions: str = ""
    """A NumPy file, (N, T, 7): of each environment."""

    observation_delta_indices = None
    action_delta_indices = None
    reward_delta_indices = None

    def get_optimizer_preset(self):
        raise NotImplementedError

    def get_scheduler_preset(self):
        return None

    def validate_features(self):
        assert sorted(self.input_features) == [
            "observation.images.image",
            "observation.images.image2",
            "observation.state",
        ]
        assert self.output_features["action"].shape == (7,)
