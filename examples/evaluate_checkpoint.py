"""Evaluate a folder in the published layout of OpenVLA-OFT with `vla-eval`.

    pip install libero-gym vla-policy vla-trainer
    python examples/evaluate_checkpoint.py [folder or repository, and its unnorm_key]

Without a folder, a tiny untrained policy is written in that layout first, and evaluated on four states of one task. A
reported result needs all 500 published states of LIBERO-Spatial and its own time limit: `env.task=null`,
`env.max_episode_steps=null`, `env.reward=sparse`, `env.render_quality=reference`, no `eval.episodes`.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import gymnasium

from vla_policy import OpenVLAOFTPolicy

out = Path(tempfile.mkdtemp())
if len(sys.argv) > 1:
    folder, unnorm_key, image_size = sys.argv[1], sys.argv[2], 256
else:
    folder, unnorm_key, image_size = str(out / "published"), "tiny", 64
    env = gymnasium.make("libero_gym:libero/Spatial-v0", image_size=image_size, action_chunk=8)
    OpenVLAOFTPolicy.tiny(env.observation_space, env.action_space, seed=0).save_pretrained(folder)
    env.close()
    print(f"written: {', '.join(sorted(path.name for path in Path(folder).iterdir()))}")

command = [
    str(Path(sys.executable).with_name("vla-eval")),
    "tiny_spatial_ppo",  # a recipe says which environment; what it says of the policy is replaced
    f"env.image_size={image_size}",
    "env.max_episode_steps=24",
    "policy.factory=vla_policy:OpenVLAOFTPolicy.for_spaces",
    "~policy.kwargs.seed",
    f"policy.kwargs.path={folder}",
    f"policy.kwargs.unnorm_key={unnorm_key}",
    "eval.episodes=4",
    "video_cfg.save_video=false",
    f"output_dir={out / 'evaluation'}",
]
subprocess.run(command, check=True)
result = json.loads((out / "evaluation" / "eval.json").read_text())
print(f"{result['successes']} of {result['episodes']} succeed")
