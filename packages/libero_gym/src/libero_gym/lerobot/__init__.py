"""LIBERO for LeRobot: its evaluation and training commands on these environments, and its dataset format.

adapters      our observations under the names that LeRobot's LIBERO policies expect; their actions
vector_env    one task's environments as `lerobot-eval` steps them
config        `--env.type=libero_gym`, which the commands know with --env.discover_packages_path=libero_gym.lerobot
export        demonstrations as a LeRobotDataset v3

Needs LeRobot 0.6 and Python 3.12: `pip install "lerobot[dataset,evaluation]"`. What LeRobot does is cited from its
version 0.6.1 (7e241bd).
"""
