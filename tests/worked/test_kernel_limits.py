"""Where the kernel meets odd numbers: too many, too large, too short, too much corrected."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import DataError, UsageError
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.indicators.expression import Expression
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import usage
from holdfast.features.kernel.windows import blocks

START = pd.Timestamp("2024-01-01", tz="UTC")
END = START + pd.Timedelta(days=120)


def measured(history: History, expression: Expression, cutoffs: object) -> pd.Series:
    one = Indicator(
        expression, name="x", dimension="product", healthy="high", unit="x", title="x", curve=None, evidence="{value}"
    )
    return Catalog((one,)).measure(history, cutoffs).indicators["x"]


def company(events: pd.DataFrame) -> History:
    accounts = pd.DataFrame({"account_id": ["a", "b", "c"], "valid_from": START, "known_at": START})
    return History.from_frames({"accounts": accounts, "usage": events}, end=END)


@pytest.fixture
def corrected() -> History:
    """Every event is corrected sixty days later, some on the way to another account."""
    rng, n = np.random.default_rng(5), 90
    at = START + pd.to_timedelta(rng.integers(0, 60 * 24, n), unit="h")
    first = pd.DataFrame(
        {
            "account_id": rng.choice(["a", "b", "c"], n),
            "source_id": np.arange(n).astype(str),
            "occurred_at": at,
            "known_at": at + pd.to_timedelta(rng.integers(0, 5, n), unit="D"),
            "count": rng.integers(1, 9, n) * 1.0,
        }
    )
    again = first.assign(known_at=at + pd.Timedelta(days=60), count=first["count"] + 1)
    return company(pd.concat([first, again], ignore_index=True))


@pytest.mark.parametrize(
    "expression", [usage.max("count"), usage.regularity(days=40), usage.silence(), usage.distinct("count")]
)
def test_portions_change_no_bit(corrected: History, expression: Expression, monkeypatch: pytest.MonkeyPatch):
    cutoffs = pd.date_range(START, END, freq="D")
    whole = measured(corrected, expression, cutoffs)
    monkeypatch.setattr("holdfast.features.kernel.selection._LONGEST", 7)
    pd.testing.assert_series_equal(measured(corrected, expression, cutoffs), whole, check_exact=True)


def test_the_largest_of_what_is_corrected_is_what_was_known(corrected: History):
    cutoffs = pd.date_range(START, END, freq="9D")
    found = measured(corrected, usage.max("count"), cutoffs)
    for cutoff in cutoffs:
        known = corrected.as_of(cutoff)["usage"].groupby("account_id")["count"].max()
        pd.testing.assert_series_equal(
            found.xs(cutoff, level="cutoff").dropna(), known, check_names=False, check_index_type=False
        )


def test_a_number_known_later_is_no_concern_of_an_earlier_cutoff():
    events = pd.DataFrame(
        {
            "account_id": ["a", "a"],
            "occurred_at": [START + pd.Timedelta(days=10), START + pd.Timedelta(days=50)],
            "count": [3.0, 9e18],
        }
    )
    history = company(events)
    assert measured(history, usage.sum("count"), START + pd.Timedelta(days=20)).loc["a"].item() == 3.0
    with pytest.raises(DataError, match=r"usage\.count"):
        measured(history, usage.sum("count"), START + pd.Timedelta(days=60))


def test_short_half_lives_lay_out_the_blocks_that_are_felt_alone(corrected: History):
    leaf, cutoffs = usage.decayed("count", half_life=0.05), pd.date_range(START, END, freq="D")
    assert len(blocks(leaf, cutoffs.as_unit("us").asi8)) <= 10 * len(cutoffs)
    many = measured(corrected, leaf, cutoffs)
    for cutoff in cutoffs[::17]:
        alone = measured(corrected, leaf, cutoff)
        pd.testing.assert_series_equal(many.loc[alone.index], alone, check_exact=True)


@pytest.mark.parametrize(
    "declare",
    [
        lambda: usage.trend("count", days=30, buckets=2.5),
        lambda: usage.trend("count", days=30, buckets=1),
        lambda: usage.frequent("event", days=30, on_days=0.4),
        lambda: usage.decayed(half_life=1e7),
        lambda: usage.count(days=1e9),
    ],
)
def test_what_cannot_be_laid_out_is_refused(declare):
    with pytest.raises(UsageError):
        declare()
