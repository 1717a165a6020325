"""Run a LeRobot policy in LIBERO, in a loop of your own.

    pip install "lerobot[dataset,evaluation]>=0.6.1" libero-gym    # Python 3.12
    python examples/lerobot_policy.py [folder or repository of a policy]

Without one, an untrained ACT acts. LeRobot's own command evaluates on whole suites (docs/clients.md):

    lerobot-eval --env.discover_packages_path=libero_gym.lerobot --env.type=libero_gym --env.task=libero_spatial \
        --policy.path=FOLDER --eval.batch_size=10 --eval.n_episodes=50
"""

import sys

import gymnasium
import torch
from lerobot.configs.policies import PreTrainedConfig
from lerobot.policies.factory import make_policy, make_pre_post_processors

from libero_gym.lerobot.adapters import env_actions, policy_observation
from libero_gym.lerobot.config import LiberoGymConfig

N, SIZE = 2, 64
path = sys.argv[1] if len(sys.argv) > 1 else None
if path is None:
    from lerobot.policies.act.configuration_act import ACTConfig

    config = ACTConfig(pretrained_backbone_weights=None, device="cpu", push_to_hub=False)
else:
    config = PreTrainedConfig.from_pretrained(path)
    config.pretrained_path = path
described = LiberoGymConfig(task="libero_spatial", observation_height=SIZE, observation_width=SIZE)
policy = make_policy(config, env_cfg=described).eval()
preprocess, postprocess = make_pre_post_processors(config, pretrained_path=path)

envs = gymnasium.make_vec(
    "libero_gym:libero/Spatial-v0",
    num_envs=N,
    vectorization_mode="vector_entry_point",
    autoreset_mode="Disabled",  # an environment whose episode is over waits
    task=2,
    image_size=SIZE,
    max_episode_steps=20,
)
observation, info = envs.reset(seed=0)
policy.reset()
done = [False] * N
while not all(done):
    batch = policy_observation(observation)  # observation.images.image, .image2, observation.state, task
    with torch.inference_mode():
        actions = postprocess(policy.select_action(preprocess(batch)))
    observation, rewards, terminated, truncated, info = envs.step(env_actions(actions, N))
    done = (terminated | truncated).tolist()
print({key: tuple(value.shape) for key, value in batch.items() if hasattr(value, "shape")})
print(f"{info['elapsed_steps'].tolist()} steps, success {info['success'].tolist()}")
envs.close()
