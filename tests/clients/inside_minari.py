"""Minari's own collector: what it stores is what was observed, and it makes the environment again."""

from __future__ import annotations

import gymnasium
import minari
import numpy as np

OPTIONS = {"task": 1, "image_size": 32, "render_quality": "fast", "max_episode_steps": 3}


def lossy() -> None:
    """As JPEG, its default, images differ."""
    env = minari.DataCollector(gymnasium.make("libero_gym:libero/Spatial-v0", **OPTIONS))
    observation, _ = env.reset(seed=0)
    for _ in range(3):
        env.step(np.zeros(7, np.float32))
    dataset = env.create_dataset("libero/lossy-v0", algorithm_name="still", description="a test")
    difference = dataset[0].observations["image"][0].astype(int) - observation["image"].astype(int)
    assert 0 < np.abs(difference).mean() < 20, difference
    env.close()


def main(instruction: bool, chunk: int | None) -> None:
    plain = gymnasium.make("libero_gym:libero/Spatial-v0", instruction=instruction, action_chunk=chunk, **OPTIONS)
    env = minari.DataCollector(plain, record_infos=True, jpeg_encoding=False)
    seen = []
    rng = np.random.default_rng(0)
    for seed in range(2):
        observation, _ = env.reset(seed=seed)
        rows, done = [observation], False
        while not done:
            action = rng.uniform(-1, 1, plain.action_space.shape).astype(np.float32)
            observation, _, terminated, truncated, info = env.step(action)
            rows.append(observation)
            done = terminated or truncated
        seen.append((rows, info))
    name = f"libero/collected{int(instruction)}{chunk or 1}-v0"
    env.create_dataset(name, algorithm_name="random", description="a test")
    env.close()

    dataset = minari.load_dataset(name)
    assert dataset.total_episodes == 2
    for episode, (rows, info) in zip(dataset.iterate_episodes(), seen, strict=True):
        assert len(episode.actions) == len(rows) - 1
        assert episode.truncations.tolist() == [False] * (len(rows) - 2) + [True]
        for key in rows[0]:
            stored = episode.observations[key]
            if key == "instruction":
                assert list(stored) == [row[key] for row in rows]
            elif key == "state":
                np.testing.assert_array_equal(stored, np.stack([row[key] for row in rows]))
            else:
                difference = np.abs(stored.astype(int) - np.stack([row[key] for row in rows]).astype(int))
                assert difference.max() == 0, (key, difference.max())
        assert episode.infos["elapsed_steps"].tolist()[-1] == info["elapsed_steps"]
        assert set(episode.infos) == set(info)
    again = dataset.recover_environment()
    assert again.observation_space == plain.observation_space
    assert again.spec.kwargs["task"] == 1
    observation, _ = again.reset(seed=0)
    np.testing.assert_array_equal(observation["image"], seen[0][0][0]["image"])
    again.close()


if __name__ == "__main__":
    main(True, None)
    main(False, 2)
    lossy()
    print("done")
