"""Minari's own collector, over the workspace's packages; `libero-gym demos` is tested in libero_gym/demos."""

from __future__ import annotations

from pathlib import Path

import pytest
from client_environments import overlay, python


@pytest.mark.slow
def test_what_it_collects_is_what_was_observed(tmp_path: Path) -> None:
    env = {**overlay("minari"), "MINARI_DATASETS_PATH": str(tmp_path)}
    assert "done" in python(Path(__file__).parent / "inside_minari.py", env=env)
