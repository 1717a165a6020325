"""Train Stable-Baselines3's SAC from the robot's state, without rendering.

    pip install "libero-gym[sb3]"
    python examples/sb3_state.py [environment steps, 400 by default]

A few hundred steps show that it runs. The staged reward is for learning from nothing, not for a reported result.
"""

import sys

from stable_baselines3 import SAC

from libero_gym.sb3 import make_vec_env

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 400
envs = make_vec_env(
    "libero_gym:libero/Spatial-v0",
    n_envs=4,
    seed=0,
    task=0,
    cameras=(),  # `state` and `privileged_state` are all that is observed: nothing is rendered
    privileged=True,
    physics_quality="fast",
    reward="staged",
    max_episode_steps=50,
)
model = SAC("MultiInputPolicy", envs, learning_starts=200, batch_size=64, policy_kwargs={"net_arch": [64, 64]}, seed=0)
model.learn(steps)
episodes = list(model.ep_info_buffer)
returns = [episode["r"] for episode in episodes]
print(f"{len(episodes)} episodes, mean return {sum(returns) / len(returns):.2f}, {model.num_timesteps} steps")
envs.close()
