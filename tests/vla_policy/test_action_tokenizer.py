"""The formula: id = V - digitize(clip(a), linspace(-1, 1, 256)); centre index clip(V - id - 1, 0, 254)."""

import numpy as np
import pytest

from vla_policy import ActionTokenizer
from vla_policy.errors import ActionError, ConfigError, TokenError

EDGES = np.linspace(-1.0, 1.0, 256)
CENTRES = (EDGES[:-1] + EDGES[1:]) / 2


def test_every_edge_opens_its_bin():
    # digitize(edge i) = i + 1, because bins are [edge i, edge i+1): ids 31999 down to 31744.
    assert ActionTokenizer().encode(EDGES).tolist() == [32000 - (i + 1) for i in range(256)]


def test_every_centre_comes_back_exactly():
    tokenizer = ActionTokenizer()
    ids = tokenizer.encode(CENTRES)
    assert ids.tolist() == list(range(31999, 31744, -1))
    np.testing.assert_array_equal(tokenizer.decode(ids), CENTRES)


def test_the_two_lowest_ids_are_one_action():
    # V - 31744 - 1 = 255 is clipped to 254, which is also V - 31745 - 1: the highest centre, 1 - 1/255.
    np.testing.assert_allclose(ActionTokenizer().decode([31744, 31745]), [1 - 1 / 255] * 2, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("action", "token"), [(-7.0, 31999), (-1.0, 31999), (1.0, 31744), (np.inf, 31744), (0.0, 31872)]
)
def test_values_outside_are_clipped(action, token):
    # 0 lies between edges 127 and 128 (linspace(-1, 1, 256) has no 0): digitize gives 128, so 32000 - 128.
    assert ActionTokenizer().encode(action) == token


def test_error_is_at_most_half_a_bin():
    actions = np.random.default_rng(0).uniform(-1, 1, (50, 8, 7))
    tokenizer = ActionTokenizer()
    decoded = tokenizer.decode(tokenizer.encode(actions))
    assert decoded.shape == actions.shape
    assert np.abs(decoded - actions).max() <= 1 / 255 + 1e-12  # a bin is 2 / 255 wide


def test_another_vocabulary():
    tokenizer = ActionTokenizer(bins=4, vocab_size=10)
    # Edges -1, -1/3, 1/3, 1; ids 9, 8, 7 for the three bins, 6 for the top edge itself.
    assert tokenizer.encode([-1, -0.5, 0, 0.5, 1]).tolist() == [9, 9, 8, 7, 6]
    np.testing.assert_allclose(tokenizer.id_values, [2 / 3, 2 / 3, 0, -2 / 3], atol=1e-15)
    assert tokenizer.first_id == 6


def test_decode_of_foreign_ids_is_the_nearest_centre():
    np.testing.assert_array_equal(ActionTokenizer().decode([0, 40000]), [CENTRES[254], CENTRES[0]])


def test_errors_name_the_value():
    with pytest.raises(ActionError, match="NaN"):
        ActionTokenizer().encode([0.0, np.nan])
    with pytest.raises(TokenError, match="float64"):
        ActionTokenizer().decode([31744.0])
    with pytest.raises(ConfigError, match="bins is 1"):
        ActionTokenizer(bins=1)
    with pytest.raises(ConfigError, match="vocab_size is 100"):
        ActionTokenizer(vocab_size=100)


def test_caller_array_is_not_changed():
    actions = np.array([-3.0, 3.0])
    ActionTokenizer().encode(actions)
    assert actions.tolist() == [-3.0, 3.0]
