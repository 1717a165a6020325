"""PPO in a single file, as CleanRL writes it: no library but torch and Gymnasium.

pip install libero-gym torch
python examples/cleanrl_ppo.py [iterations, 3 by default]
"""

import sys

import gymnasium
import numpy as np
import torch
from torch import nn
from torch.distributions import Normal

N, T, EPOCHS, MINIBATCHES = 8, 32, 4, 4
GAMMA, LAM, CLIP, VALUE_COEF, LR = 0.95, 0.9, 0.2, 0.5, 3e-4
iterations = int(sys.argv[1]) if len(sys.argv) > 1 else 3
torch.manual_seed(0)
envs = gymnasium.make_vec(
    "libero_gym:libero/Spatial-v0", num_envs=N, vectorization_mode="vector_entry_point", autoreset_mode="SameStep",
    task=0, cameras=(), reward="staged", physics_quality="fast", max_episode_steps=32,
)  # fmt: skip


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.critic = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
        self.mean = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 7))
        self.log_std = nn.Parameter(torch.full((7,), -0.5))

    def forward(self, state, action=None):
        normal = Normal(self.mean(state), self.log_std.exp())
        action = normal.sample() if action is None else action
        return action, normal.log_prob(action).sum(-1), self.critic(state).squeeze(-1)


agent = Agent()
optimizer = torch.optim.Adam(agent.parameters(), lr=LR, eps=1e-5)
state = torch.from_numpy(envs.reset(seed=0)[0]["state"])
for iteration in range(iterations):
    states, actions, log_probs, values, rewards, dones = [], [], [], [], [], []
    for _ in range(T):
        with torch.no_grad():
            action, log_prob, value = agent(state)
        observation, reward, terminated, truncated, infos = envs.step(np.clip(action.numpy(), -1, 1))
        reward = torch.from_numpy(reward).float()
        for index in np.flatnonzero(truncated):  # the time limit ends the episode, not the task: bootstrap
            last = torch.from_numpy(infos["final_obs"][index]["state"])
            reward[index] += GAMMA * agent.critic(last).item()
        for kept, new in zip(
            (states, actions, log_probs, values, rewards, dones),
            (state, action, log_prob, value, reward, torch.from_numpy(terminated | truncated).float()),
            strict=True,
        ):
            kept.append(new)
        state = torch.from_numpy(observation["state"])
    following, advantage, advantages = agent(state)[2].detach(), torch.zeros(N), []
    for t in reversed(range(T)):
        delta = rewards[t] + GAMMA * following * (1 - dones[t]) - values[t]
        advantage = delta + GAMMA * LAM * (1 - dones[t]) * advantage
        advantages.insert(0, advantage)
        following = values[t]
    batch = [torch.stack(part).flatten(0, 1) for part in (states, actions, log_probs, advantages, values)]
    for _ in range(EPOCHS):
        for rows in torch.randperm(N * T).chunk(MINIBATCHES):
            s, a, old, adv, old_values = (part[rows] for part in batch)
            _, new, value = agent(s, a)
            ratio, norm = (new - old).exp(), (adv - adv.mean()) / (adv.std() + 1e-8)
            loss = -torch.min(ratio * norm, ratio.clamp(1 - CLIP, 1 + CLIP) * norm).mean()
            loss = loss + VALUE_COEF * (value - old_values - adv).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    print(f"iteration {iteration}: {N * T} steps, mean reward {torch.stack(rewards).mean():.3f}")
envs.close()
