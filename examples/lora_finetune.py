"""Fine-tune OpenVLA-OFT with LoRA in a loop of your own: demonstrations in, an adapter out.

    pip install libero-gym vla-policy
    python examples/lora_finetune.py [optimizer steps, 8 by default]

A tiny policy stands in for the published one, which `OpenVLAOFTPolicy.from_pretrained(path, lora=32, dtype="bfloat16")`
loads. The expert demonstrates one task once; `vla-train` with `algorithm.name=sft` does the same for whole datasets.
"""

import sys
import tempfile
from pathlib import Path

import gymnasium
import numpy as np
import torch

from libero_gym.expert import Expert
from vla_policy import OpenVLAOFTPolicy

C, steps = 8, int(sys.argv[1]) if len(sys.argv) > 1 else 8
env = gymnasium.make("libero_gym:libero/Spatial-v0", task=2, image_size=64, render_quality="fast", split="train")
observation, _ = env.reset(seed=0)
observations, actions = [], []
for action in Expert(env.unwrapped.world, np.random.default_rng(0)).actions():
    observations.append(observation)
    actions.append(np.clip(action, -1, 1))
    observation, _, terminated, truncated, info = env.step(action)
    if terminated or truncated:
        break
print(f"demonstration: {len(actions)} steps, success {info['success']}")

folder = Path(tempfile.mkdtemp())
OpenVLAOFTPolicy.tiny(env.observation_space, gymnasium.spaces.Box(-1, 1, (C, 7), np.float32), seed=0).save_pretrained(
    folder / "base"
)
policy = OpenVLAOFTPolicy.from_pretrained(folder / "base", lora={"rank": 8}, seed=0)
trained = [weight for weight in policy.parameters() if weight.requires_grad]
print(f"{sum(weight.numel() for weight in trained)} of {sum(p.numel() for p in policy.parameters())} weights learn")
optimizer = torch.optim.AdamW(trained, lr=3e-3)
rng = np.random.default_rng(0)
for step in range(steps):
    rows = rng.integers(0, len(actions) - C, size=16)
    inputs = policy.observe(
        {key: np.stack([observations[row][key] for row in rows]) for key in ("image", "wrist_image", "state")}
        | {"instruction": [observations[row]["instruction"] for row in rows]}
    )
    tokens = policy.encode(np.stack([np.stack(actions[row : row + C]) for row in rows]))
    loss = -policy.evaluate(inputs, tokens).log_probs.mean()  # cross-entropy of the demonstrated tokens
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step in (0, steps - 1):
        print(f"step {step}: loss {loss.item():.3f}")
policy.save_adapter(folder / "adapter")
print(f"written: {', '.join(sorted(path.name for path in (folder / 'adapter').iterdir()))}")
merged = OpenVLAOFTPolicy.from_pretrained(folder / "adapter", base=str(folder / "base"))
env.reset(seed=1)
print(f"first action {np.round(merged.select_action(observation), 2).tolist()}")
env.close()
