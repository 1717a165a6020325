"""Record a dataset with Minari's own collector, and read it back.

    pip install "libero-gym[demos]" "minari[create]"
    python examples/minari_collector.py [folder of the dataset, a temporary one by default]

`libero-gym demos` is quicker for demonstrations by the scripted expert: it goes on after a kill and replays to the bit.
"""

import os
import sys
import tempfile

folder = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
os.environ["MINARI_DATASETS_PATH"] = folder  # before Minari is imported

import gymnasium  # noqa: E402
import minari  # noqa: E402
import numpy as np  # noqa: E402

from libero_gym.expert import Expert  # noqa: E402

plain = gymnasium.make("libero_gym:libero/Spatial-v0", task=2, image_size=64, render_quality="fast", split="train")
# as JPEG, its default, images of 64 pixels would differ by some levels of 255
env = minari.DataCollector(plain, record_infos=True, jpeg_encoding=False)
for seed in range(2):
    env.reset(seed=seed)
    expert = Expert(plain.unwrapped.world, np.random.default_rng(seed))
    for action in expert.actions():
        _, _, terminated, truncated, info = env.step(np.clip(action, -1, 1).astype(np.float32))
        if terminated or truncated:
            break
    print(f"episode {seed}: {info['elapsed_steps']} steps, success {info['success']}")
env.create_dataset("libero/example-v0", algorithm_name="scripted expert", description="two demonstrations of a task")
env.close()

dataset = minari.load_dataset("libero/example-v0")
for episode in dataset.iterate_episodes():
    images, actions = episode.observations["image"], episode.actions
    print(f"episode {episode.id}: images {images.shape}, actions {actions.shape}, reward {episode.rewards.sum():.0f}")
again = dataset.recover_environment()
print(f"{dataset.total_steps} steps, of {again.spec.id} with task {again.spec.kwargs['task']}")
again.close()
