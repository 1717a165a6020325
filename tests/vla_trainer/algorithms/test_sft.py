"""SFT's keys."""

import pytest

from vla_trainer.algorithms import SFT


def test_the_former_value_of_imitate_is_read_with_a_warning() -> None:
    with pytest.warns(FutureWarning, match="algorithm.imitate=meant is now algorithm.imitate=intended"):
        assert SFT(dataset="d", imitate="meant").imitate == "intended"
