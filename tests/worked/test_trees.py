"""Boosted trees: what boosting knows of its own rows is what the trees say of them."""

import numpy as np
import pytest

from holdfast.models.hazard import Exposure, Periods, log_loss
from holdfast.models.trees import SIZES, fit_trees


def _observed(n: int, seed: int = 0) -> tuple[np.ndarray, Periods]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    x[rng.random(x.shape) < 0.1] = np.nan
    hazard = np.exp(-2.0 + np.nan_to_num(x[:, 0]) - np.abs(np.nan_to_num(x[:, 1])))
    event = (rng.random((n, 2)) < hazard[:, None] / 2).astype(float)
    weight = np.column_stack([np.ones(n), 1.0 - event[:, 0]])
    return x, Periods(Exposure(np.zeros((n, 2)), np.zeros((n, 2))), event * weight, weight)


@pytest.mark.parametrize("leaves", SIZES)
def test_g_of_the_rows_is_what_the_trees_say_of_them(leaves: int) -> None:
    x, periods = _observed(900)
    grown = fit_trees(x, periods, [0] * 4, rounds=30, leaves=leaves)
    assert grown is not None
    assert grown.trees.rounds == 30
    assert np.ptp(grown.g) > 0.1
    np.testing.assert_array_equal(grown.g, grown.trees.g(x))
    assert len(grown.checked) == 0


def test_trees_that_are_watched_end_at_their_best_and_say_so_of_their_rows() -> None:
    x, periods = _observed(900)
    other, judged = _observed(900, seed=1)
    grown = fit_trees(x, periods, [0] * 4, leaves=31, check=(other, judged))
    assert grown is not None
    np.testing.assert_array_equal(grown.g, grown.trees.g(x))
    np.testing.assert_array_equal(grown.checked, grown.trees.g(other))
    longer = fit_trees(x, periods, [0] * 4, leaves=31, rounds=grown.trees.rounds + 60)
    assert longer is not None
    level = float(np.log(judged.events / judged.weight.sum()))
    best, later = (
        log_loss(level + one.g(other)[:, None] + np.zeros((900, 2)), judged) for one in (grown.trees, longer.trees)
    )
    assert best < later


def test_nothing_to_split_on_grows_no_tree() -> None:
    x, periods = _observed(900)
    assert fit_trees(x[:, :0], periods, []) is None
    assert fit_trees(x[:30], periods.rows(np.arange(900) < 30), [0] * 4) is None
