"""Episodes that begin in the middle of earlier ones."""

import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_runs import go_on, rows_of, train

from vla_trainer.config.load import load_config
from vla_trainer.errors import ConfigError
from vla_trainer.rollout.priorities import TaskSampler
from vla_trainer.rollout.saved_starts import SavedStartSampler
from vla_trainer.types import Episode, InitialState

START = InitialState(5, 0, 7)
QUIET = ["video_cfg.save_video=false", "trainer.logger={console: {enable: false}, tensorboard: {enable: false}}"]
TINY = [
    *QUIET,
    "env.num_envs=2",
    "env.task=3",
    "env.max_episode_steps=48",
    "trainer.iterations=3",
    "trainer.save_every=1",
    "trainer.keep_checkpoints=3",
    "eval.episodes=null",
    "actor.lr_warmup_iterations=0",
    "trainer.threads=1",
]


def episode(won: bool, states: int = 9, start: InitialState = START) -> Episode:
    """An episode of `states` + 1 policy steps; state k is the text k."""
    saved = tuple(str(k + 1).encode() for k in range(states))
    return Episode(start, float(won), states + 1, 8 * (states + 1), won, won, saved_states=saved)


def from_saved(won: bool) -> Episode:
    return episode(won, start=InitialState(1, 0, 7, b"8"))


def numbered(*episodes: Episode) -> dict[int, Episode]:
    return dict(enumerate(episodes))


def draws(sampler: SavedStartSampler, count: int = 4000) -> Counter[bytes | None]:
    rng = np.random.default_rng(0)
    return Counter(sampler.draw(rng, START).saved for _ in range(count))


def test_a_curriculum_begins_near_the_end_of_own_successes() -> None:
    sampler = SavedStartSampler("curriculum", 0.25, saves_states=True)
    assert set(draws(sampler)) == {None}  # nothing has succeeded yet
    sampler.note(numbered(episode(won=False)))
    assert set(draws(sampler)) == {None}
    sampler.note(numbered(episode(won=True)))
    # eight of nine states are kept, numbers 0, 1, 2, 3, 5, 6, 7, 8 from zero: shares 1/10 to 4/10 and 6/10 to 9/10 of
    # the episode, of which those next to 0.8 to 0.9 are "8" and "9"; a quarter of 4000 begin there, deviation 27
    counts = draws(sampler)
    assert set(counts) == {None, b"8", b"9"}
    assert counts[None] == pytest.approx(3000, abs=110)
    assert counts[b"8"] == pytest.approx(500, abs=110)


def test_its_frontier_moves_to_the_true_start_as_success_rises_and_back() -> None:
    sampler = SavedStartSampler("curriculum", 1.0, saves_states=True)
    sampler.note(numbered(episode(won=True)))
    assert sampler.metrics() == {"rollout/start_frontier": 0.8}
    sampler.note(numbered(*[from_saved(won=True)] * 15))
    assert sampler.metrics() == {"rollout/start_frontier": 0.8}  # 16 are needed
    sampler.note(numbered(from_saved(won=True)))
    assert sampler.metrics() == {"rollout/start_frontier": 0.7}
    # 12 of 16 are neither 0.8 nor below 0.3: it stays, and the next 16 count; 4 of 16 take it back
    sampler.note(numbered(*[from_saved(won=True)] * 12, *[from_saved(won=False)] * 4))
    assert sampler.metrics() == {"rollout/start_frontier": 0.7}
    sampler.note(numbered(*[from_saved(won=True)] * 4, *[from_saved(won=False)] * 12))
    assert sampler.metrics() == {"rollout/start_frontier": 0.8}
    for _ in range(8):
        sampler.note(numbered(*[from_saved(won=True)] * 16))
    assert sampler.metrics() == {"rollout/start_frontier": 0.0}
    assert set(draws(sampler)) == {None}  # all begin at the true start


def test_branching_begins_anywhere_in_the_latest_iteration() -> None:
    sampler = SavedStartSampler("branching", 0.5, saves_states=True)
    sampler.note(numbered(episode(won=True, states=2)))
    sampler.note(numbered(episode(won=False)))
    counts = draws(sampler)
    assert counts[None] == pytest.approx(2000, abs=130)  # deviation 32
    assert set(counts) == {None, *(str(k).encode() for k in (1, 2, 3, 4, 6, 7, 8, 9))}
    # next to 0 to 1, evenly counts: "1" up to 0.15, "4" from 0.35 to 0.5, "9" from 0.85
    for state in (b"1", b"4", b"9"):
        assert counts[state] == pytest.approx(0.15 * 2000, abs=70)
    assert sampler.metrics() == {}
    sampler.note({})
    assert set(draws(sampler)) == {None}


def test_where_it_began_stays_known() -> None:
    sampler = SavedStartSampler("branching", 1.0, saves_states=True)
    sampler.note(numbered(episode(won=False, states=1)))
    start = sampler.draw(np.random.default_rng(0), InitialState(77, 0, 2))
    assert start == InitialState(77, 0, 7, b"1")  # a seed of its own, the initial state of the episode that it goes on


@pytest.mark.parametrize("kind", ["curriculum", "branching"])
def test_it_goes_on_from_what_a_checkpoint_keeps(kind: Any) -> None:
    sampler, other = (SavedStartSampler(kind, 0.5, saves_states=True) for _ in range(2))
    sampler.note(numbered(*[episode(won=k % 2 == 0) for k in range(40)], *[from_saved(won=True)] * 20))
    file = io.BytesIO()
    torch.save(sampler.state(), file)
    file.seek(0)
    other.restore(torch.load(file, weights_only=True))
    assert draws(other) == draws(sampler)
    assert other.metrics() == sampler.metrics()


def test_success_from_saved_states_says_nothing_of_a_task() -> None:
    sampler = TaskSampler(
        {0: 50, 1: 50}, "prioritized", "curriculum", SavedStartSampler("curriculum", 0.5, saves_states=True)
    )
    before = sampler.weights()
    sampler.note(numbered(*[from_saved(won=True)] * 16))
    assert sampler.weights() == before


def test_where_it_cannot_be_used_it_says_so(toy_recipes: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"rollout.starts=curriculum: this environment does not report success"):
        SavedStartSampler("curriculum", 0.5, saves_states=True).note(numbered(Episode(START, 0.0, 1, 8, False, None)))
    recipe = Path(toy_recipes["ppo"]).read_text()
    with pytest.raises(ConfigError, match=r"rollout.starts=branching: this environment cannot go on from saved states"):
        train(tmp_path, recipe, "rollout.starts=branching")
    with pytest.raises(ConfigError, match=r"saved_start_share=0.2 is read with starts=curriculum or"):
        load_config("tiny_spatial_ppo", ["rollout.saved_start_share=0.2"])


@pytest.mark.parametrize(
    ("recipe", "overrides"),
    [
        ("tiny_spatial_ppo", ["rollout.horizon=10", "algorithm.critic_warmup_iterations=0"]),
        ("tiny_spatial_grpo", ["rollout.episodes=8", "algorithm.group_size=2"]),
    ],
)
def test_training_branches_and_a_resumed_run_is_the_same(recipe: str, overrides: list[str], tmp_path: Path) -> None:
    settings = [*TINY, *overrides, "rollout.starts=branching", "rollout.saved_start_share=0.75"]
    text = f"extends: {recipe}\n"
    trainer, rows = train(tmp_path, text, *settings)
    # 48 steps are six chunks; what goes on from the middle is shorter, unless it succeeds
    assert rows[0]["rollout/episode_length"] == 48
    assert any(row.get("rollout/saved_start_fraction", 0) > 0 for row in rows[1:])
    assert min(row["rollout/episode_length"] for row in rows[1:]) < 48
    assert "a robot cannot" in " ".join(trainer._config.notices())  # type: ignore[attr-defined]
    train(tmp_path / "again", text, *settings, "trainer.iterations=2")
    go_on(tmp_path / "again" / "run", "trainer.iterations=3")
    assert rows_of(tmp_path / "again" / "run") == rows
