"""Tokens, actions and chunks: C = 2 actions of A = 3."""

import torch

from vla_trainer.update.levels import at_level, entries, token_mask

LENGTHS = torch.tensor([2, 1])
MASK = token_mask(LENGTHS, 6, 3)
LOG_PROBS = torch.tensor([[0.0, 1, 2, 3, 4, 5], [6.0, 7, 8, float("nan"), 10, 11]])


def test_tokens_of_actions_that_were_not_carried_out_do_not_count() -> None:
    assert MASK.int().tolist() == [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]]


def test_sums() -> None:
    per_token, valid = at_level(LOG_PROBS, MASK, "token_level", 3)
    assert per_token.shape == valid.shape == (2, 6)
    per_action, valid = at_level(LOG_PROBS, MASK, "action_level", 3)
    # 0 + 1 + 2, 3 + 4 + 5; 6 + 7 + 8, nothing
    assert per_action.tolist() == [[3, 12], [21, 0]]
    assert valid.tolist() == [[True, True], [True, False]]
    per_chunk, valid = at_level(LOG_PROBS, MASK, "chunk_level", 3)
    assert per_chunk.tolist() == [[15], [21]]
    assert valid.all()


def test_entries() -> None:
    assert entries(LENGTHS, "token_level", 3).tolist() == [6, 3]
    assert entries(LENGTHS, "action_level", 3).tolist() == [2, 1]
    assert entries(LENGTHS, "chunk_level", 3).tolist() == [1, 1]
