"""The critic that a whole run trains has the values that an environment of two states is known to have.

With gamma = 0.9, by hand:

    V(B) = 2                                a termination: nothing follows
    V(A) = 1 + 0.9 V(B) = 2.8               whether the episode goes on or is truncated in B
"""

import importlib
from pathlib import Path

import numpy as np
import pytest
import two_state_toy

from vla_trainer import advantage, run
from vla_trainer.policy import GaussianPolicy
from vla_trainer.trainer import make_trainer

#: The module, which has the name of its function.
GAE_MODULE = importlib.import_module("vla_trainer.advantage.gae")


def trained_values(folder: Path) -> tuple[float, float]:
    """V(A) and V(B) after a run."""
    recipe = folder / "two_state.yaml"
    recipe.write_text(two_state_toy.RECIPE)
    spec = run.new_run(str(recipe), [f"output_dir={folder / 'run'}"])
    trainer = make_trainer(spec.config)
    try:
        run.run_training(spec, trainer, lambda _: None)
    finally:
        trainer.close()
    policy = GaussianPolicy.from_pretrained(
        folder / "run" / "checkpoints" / f"step_{spec.config.trainer.iterations:06d}"
    )
    values = policy.act(np.stack([two_state_toy.A, two_state_toy.B]), deterministic=True).values
    assert values is not None
    return values[0].item(), values[1].item()


def test_the_critic_learns_the_known_values(tmp_path: Path) -> None:
    assert trained_values(tmp_path) == pytest.approx((2.8, 2.0), rel=0.02)


def test_values_would_be_others_if_a_truncation_were_a_termination(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Half of the episodes would end in A with 1, the others give 2.8 as before. Rows of A come alike from both, since
    # every episode has exactly one: V(A) = (1 + 2.8) / 2 = 1.9, 32% below.
    monkeypatch.setattr(
        GAE_MODULE,
        "gae",
        lambda rewards, values, next_values, terminated, truncated, gamma, lam: advantage.gae(
            rewards, values, next_values, terminated | truncated, truncated, gamma, lam
        ),
    )
    of_a, of_b = trained_values(tmp_path)
    # how many seeds are odd is chance: the share of truncated episodes has a deviation of about 1.5% here
    assert of_a == pytest.approx(1.9, abs=0.15)
    # nothing about B changes; the noise of A reaches it through the layers that they share
    assert of_b == pytest.approx(2.0, rel=0.05)


def test_values_would_be_others_if_a_truncation_went_on_from_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The next episode begins in A: V(A) = (2.8 + 1 + 0.9 V(A)) / 2, so that V(A) = 1.9 / 0.55 = 3.4545, 23% above.
    def from_the_next_row(rewards, values, next_values, terminated, truncated, gamma, lam):  # type: ignore[no-untyped-def]
        wrong = next_values.copy()
        wrong[:-1] = np.where(truncated[:-1], values[1:], wrong[:-1])
        return advantage.gae(rewards, values, wrong, terminated, truncated, gamma, lam)

    monkeypatch.setattr(GAE_MODULE, "gae", from_the_next_row)
    of_a, _ = trained_values(tmp_path)
    assert of_a > 3.2
