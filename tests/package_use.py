"""A small use of each package, for environments where it is installed alone."""

USE = {
    "libero_gym": """
import runpy, sys
import gymnasium
env = gymnasium.make("libero_gym:libero/Spatial-v0", task=0, image_size=64)
observation, info = env.reset(seed=0)
observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
assert observation["image"].std() > 10, "a blank image"
print("assets", info["assets"], "steps", info["elapsed_steps"])
sys.argv = ["libero-gym", "--help"]
runpy.run_module("libero_gym.cli", run_name="__main__")
""",
    "vla_policy": """
import numpy as np
from gymnasium import spaces
from vla_policy import OpenVLAOFTPolicy
observation_space = spaces.Dict({
    "image": spaces.Box(0, 255, (64, 64, 3), np.uint8),
    "state": spaces.Box(-10, 10, (8,), np.float32),
    "instruction": spaces.Text(256, min_length=1),
})
policy = OpenVLAOFTPolicy.tiny(observation_space, spaces.Box(-1, 1, (8, 7), np.float32), seed=0)
observation = {
    "image": np.zeros((2, 64, 64, 3), np.uint8),
    "state": np.zeros((2, 8), np.float32),
    "instruction": ("pick up the bowl", "open the drawer"),
}
output = policy.act(observation)
print("actions", output.actions.shape)
""",
    "vla_trainer": """
import sys
import numpy as np, torch
from vla_trainer import advantage, loss, placement
# One step, no successor: A = r - V = 1 - 0.25.
advantages, returns = advantage.gae(*(np.array([[x]]) for x in (1.0, 0.25, 9.0, True, False)), 0.99, 0.95)
assert abs(float(advantages[0, 0]) - 0.75) < 1e-6
print("advantage", float(advantages[0, 0]))
from vla_trainer import cli
sys.argv = ["vla-train", "--help"]
cli.train()
""",
}
