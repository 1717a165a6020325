"""Tianshou, over the workspace's packages."""

from __future__ import annotations

from pathlib import Path

import pytest
from client_environments import overlay, python


@pytest.mark.slow
def test_observations_and_ppo() -> None:
    assert "done" in python(Path(__file__).parent / "inside_tianshou.py", env=overlay("tianshou"))
