"""The test of paired differences that supposes nothing of their spread."""

from __future__ import annotations

import numpy as np
import pytest

from penstock.evaluations.statistics.differences import mcnemar_exact
from penstock.evaluations.statistics.sign_flips import sign_flips


@pytest.mark.parametrize(("losses", "wins"), [(0, 3), (1, 7), (4, 9), (0, 0), (5, 5)])
def test_of_right_and_wrong_it_is_mcnemars(losses: int, wins: int) -> None:
    differences = [-1.0] * losses + [0.0] * 20 + [1.0] * wins
    assert sign_flips(differences) == pytest.approx(mcnemar_exact(losses, wins))


def test_of_many_it_is_drawn_and_comes_to_the_same() -> None:
    assert sign_flips([-1.0] * 12 + [1.0] * 28) == pytest.approx(mcnemar_exact(12, 28), abs=0.005)
    assert sign_flips([0.25] * 40) < 0.001


def test_few_rows_show_nothing_however_alike_they_are() -> None:
    assert sign_flips([0.25, 0.25, 0.3]) == 0.25
    assert sign_flips([0.25] * 6) == pytest.approx(2 / 64)


def test_chance_alone_is_taken_for_a_difference_no_more_often_than_promised() -> None:
    """Scores on a scale that are nearly always the best one, where a test by Student's t errs in one of seven."""
    random = np.random.default_rng(1)
    first, second = random.choice([0.5, 0.75, 1.0], p=[0.02, 0.08, 0.9], size=(2, 400, 30))
    assert np.mean([sign_flips(list(one)) <= 0.05 for one in second - first]) <= 0.05
