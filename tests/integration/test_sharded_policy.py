"""The toy VLA, its weights sharded over two processes, learns what it learns in one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import rank_processes
import sharded_vla
import torch

from vla_trainer.update.ranks import Ranks


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("ranks")
    return rank_processes.run(sharded_vla.run_all, folder, 2, preload=[*rank_processes.PRELOAD, "timm", "vla_policy"])


@pytest.mark.parametrize("name", sharded_vla.CASES)
def test_two_ranks_take_the_update_of_one(results: list[dict[str, Any]], name: str) -> None:
    case = sharded_vla.CASES[name]
    metrics, weights, acted, _ = sharded_vla.run(case, Ranks())
    first, second = (result[name] for result in results)
    assert first[0] == second[0]
    # bfloat16 has 8 bits: 4e-3 of what is rounded. Sharded, weights of norms are rounded, too.
    assert first[0] == pytest.approx(metrics, rel=0.05 if case.bf16 else 1e-5, abs=5e-3 if case.bf16 else 1e-5)
    assert first[1].keys() == weights.keys()
    assert not second[1]
    before, moved = sharded_vla.make(case).state_dict(), 0.0
    for key, weight in weights.items():
        assert first[1][key].dtype == weight.dtype
        # a step of Adam is at most lr = 1e-3 here; a direction that bfloat16 gets wrong costs at most two
        torch.testing.assert_close(first[1][key], weight, rtol=0, atol=2e-3 if case.bf16 else 1e-5)
        moved = max(moved, (weight.float() - before[key].float()).abs().max().item())
    assert moved > 5e-4
    # trunks of 2 blocks each and 2 decoder layers, each a group of its own
    assert first[3] == 6
    assert [len(result[name][2]) for result in results] == [1, 2]
    if not case.bf16:
        for actions in (*first[2], *second[2]):
            assert actions == pytest.approx(acted[0], abs=1e-5)
