"""Step LIBERO as any Gymnasium environment: one of them, then eight at once.

pip install libero-gym
python examples/gymnasium_env.py
"""

import gymnasium
import numpy as np

env = gymnasium.make("libero_gym:libero/Spatial-v0", task=0, image_size=128, max_episode_steps=30)
observation, info = env.reset(seed=0)
print(observation["instruction"])
print({key: value.shape for key, value in observation.items() if key != "instruction"})
terminated = truncated = False
while not (terminated or truncated):
    # (7,) in [-1, 1]: move the hand down, keep its orientation, keep the gripper open
    action = np.array([0, 0, -0.5, 0, 0, 0, -1], np.float32)
    observation, reward, terminated, truncated, info = env.step(action)
print(
    f"after {info['elapsed_steps']} steps the hand is {observation['state'][2]:.2f} m high, success {info['success']}"
)
env.close()

envs = gymnasium.make_vec(
    "libero_gym:libero/Spatial-v0",
    num_envs=8,
    vectorization_mode="vector_entry_point",  # threads that share the models, instead of a process for each
    image_size=64,
    render_quality="fast",
)
observation, infos = envs.reset(seed=0)
print(f"tasks {infos['task_id'].tolist()}, initial states {infos['init_state_id'].tolist()}")
observation, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
print({key: getattr(value, "shape", len(value)) for key, value in observation.items()})
envs.close()
