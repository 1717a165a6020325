"""Train Stable-Baselines3's PPO from two cameras and the robot's state.

    pip install "libero-gym[sb3]"
    python examples/sb3_pixels.py [environment steps, 256 by default]

A few hundred steps show that it runs. The staged reward is for learning from nothing, not for a reported result.
"""

import sys

from stable_baselines3 import PPO

from libero_gym.sb3 import make_vec_env

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 256
envs = make_vec_env(
    "libero_gym:libero/Spatial-v0",
    n_envs=4,
    seed=0,
    task=0,
    image_size=64,
    render_quality="fast",  # a third of the time of the published images
    reward="staged",
    max_episode_steps=32,
)
# images go through SB3's NatureCNN, the state beside them
model = PPO("MultiInputPolicy", envs, n_steps=32, batch_size=32, n_epochs=2, seed=0)
model.learn(steps)
episodes = list(model.ep_info_buffer)
returns = [episode["r"] for episode in episodes]
print(f"{len(episodes)} episodes, mean return {sum(returns) / len(returns):.2f}, {model.num_timesteps} steps")
envs.close()
