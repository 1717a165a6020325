"""Train with TorchRL: its collector, GAE and PPO loss on a batch of environments, from the robot's state.

    pip install "libero-gym[torchrl]"
    python examples/torchrl_ppo.py [environment steps, 512 by default]

The keys of tensordicts are the environment's: "state", and with cameras "image", "wrist_image" and "instruction".
"""

import sys

import torch
from tensordict.nn import NormalParamExtractor, TensorDictModule
from torch import nn
from torchrl.collectors import Collector
from torchrl.modules import ProbabilisticActor, TanhNormal, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

from libero_gym.torchrl import make_env

torch.manual_seed(0)
total = int(sys.argv[1]) if len(sys.argv) > 1 else 512
env = make_env(
    "libero_gym:libero/Spatial-v0",
    num_envs=4,
    task=0,
    cameras=(),
    instruction=False,
    physics_quality="fast",
    reward="staged",
    max_episode_steps=32,
)
env.set_seed(0)
network = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 14), NormalParamExtractor())
actor = ProbabilisticActor(
    TensorDictModule(network, in_keys=["state"], out_keys=["loc", "scale"]),
    in_keys=["loc", "scale"],
    distribution_class=TanhNormal,
    distribution_kwargs={"low": -1.0, "high": 1.0},
    return_log_prob=True,
)
critic = ValueOperator(nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 1)), in_keys=["state"])
advantage = GAE(gamma=0.95, lmbda=0.9, value_network=critic, average_gae=True)
loss_module = ClipPPOLoss(actor, critic, entropy_coeff=1e-3)
optimizer = torch.optim.Adam(loss_module.parameters(), lr=3e-4)
collector = Collector(env, actor, frames_per_batch=128, total_frames=total, auto_register_policy_transforms=True)
for number, batch in enumerate(collector):
    for _ in range(4):
        with torch.no_grad():
            advantage(batch)
        losses = loss_module(batch.reshape(-1))
        loss = losses["loss_objective"] + losses["loss_critic"] + losses["loss_entropy"]
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(loss_module.parameters(), 1.0)
        optimizer.step()
    reward = batch["next", "reward"].mean().item()
    print(f"batch {number}: {batch.numel()} steps, mean reward {reward:.3f}, loss {loss.item():.3f}")
collector.shutdown()
