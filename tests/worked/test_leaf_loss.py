"""The loss of boosted trees is that of the hazard, summed over the intervals of a row."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.models.hazard import Exposure, Link, Periods, log_loss, loss_terms
from holdfast.models.leaf_loss import LeafLoss


def _observed(seed: int, link: Link, share: float, intervals: int) -> tuple[np.ndarray, Periods, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (40, intervals)
    eta, g = rng.normal(-2.0, 3.0, shape), rng.normal(0.0, 2.0, 40)
    event = (rng.random(shape) < share) * rng.choice([1.0, 0.4], shape)
    nothing = Exposure(np.zeros(shape), np.zeros(shape))
    return eta, Periods(nothing, event, rng.choice([0.0, 1.0, 0.3], shape), link), g


@given(st.integers(0, 999), st.sampled_from(get_args(Link)), st.sampled_from([0.0, 0.1, 1.0]), st.integers(1, 4))
@settings(max_examples=80, deadline=None)
def test_it_is_the_loss_of_all_intervals_of_a_row(seed: int, link: Link, share: float, intervals: int) -> None:
    eta, periods, g = _observed(seed, link, share, intervals)
    _, slope, curve = loss_terms(eta + g[:, None], periods.event, periods.weight, link)
    told = LeafLoss.of(eta, periods)
    found = told.derivatives(g)
    np.testing.assert_allclose(found[0], slope.sum(axis=1), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found[1], curve.sum(axis=1), rtol=1e-12, atol=1e-12)
    assert told.mean(g) == pytest.approx(log_loss(eta + g[:, None], periods), rel=1e-12)


@pytest.mark.parametrize("extreme", [-900.0, 900.0])
@pytest.mark.parametrize("link", get_args(Link))
def test_extreme_additions_stay_finite(extreme: float, link: Link) -> None:
    eta, periods, g = _observed(0, link, 0.3, 3)
    told = LeafLoss.of(eta, periods)
    assert np.isfinite(told.derivatives(g + extreme)).all()
    assert np.isfinite(told.mean(g + extreme))
