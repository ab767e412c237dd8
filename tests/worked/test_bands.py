"""Bands are half-open, cover 0 to 100 without gap or overlap, and say which score they hold."""

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import UsageError
from holdfast.models.bands import ACTION, ALERT, UNKNOWN, BandPolicy


@pytest.mark.parametrize(
    ("score", "action", "alert"),
    [
        (0.0, "red", "critical"),
        (np.nextafter(40.0, 0.0), "red", "critical"),
        (40.0, "orange", "at_risk"),
        (np.nextafter(60.0, 0.0), "orange", "at_risk"),
        (60.0, "yellow", "warning"),
        (np.nextafter(75.0, 0.0), "yellow", "warning"),
        (75.0, "yellow", "healthy"),
        (np.nextafter(80.0, 0.0), "yellow", "healthy"),
        (80.0, "green", "healthy"),
        (100.0, "green", "healthy"),
    ],
)
def test_every_boundary_belongs_to_the_better_band(score: float, action: str, alert: str) -> None:
    assert (ACTION.of(score).name, ALERT.of(score).name) == (action, alert)
    assert [band.name for band in ACTION.bands if score in band] == [action]


def test_a_series_keeps_its_index_and_a_missing_score_has_no_band() -> None:
    scores = pd.Series([80.0, np.nan, 12.5], index=["a", "b", "c"])
    assert ACTION.names_of(scores).to_dict() == {"a": "green", "b": "", "c": "red"}
    assert ACTION.of(float("nan")) is UNKNOWN


@pytest.mark.parametrize("score", [-0.01, 100.01, float("inf")])
def test_a_score_outside_0_to_100_is_refused(score: float) -> None:
    with pytest.raises(UsageError, match="scores from 0 to 100"):
        ACTION.of(score)


@pytest.mark.parametrize("floors", [(40.0, 60.0), (60.0, 60.0), (100.0, 40.0), (60.0,)])
def test_a_policy_that_does_not_cut_0_to_100_is_refused(floors: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="one name more than floors"):
        BandPolicy(("good", "fair", "poor"), floors)


def test_a_misspelled_band_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'yellow'"):
        ACTION["yelow"]
