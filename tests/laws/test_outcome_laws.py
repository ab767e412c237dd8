"""Laws of outcomes: reading what can have changed, day by day, finds what reading everything would find."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.features.time import micro
from holdfast.serving.ledger.outcomes import mature
from holdfast.serving.ledger.store import Ledger
from holdfast.training.label_cells import Question, read_cells
from tests.laws.test_label_laws import CHURN, CUTOFFS, HORIZONS, KINDS, LAST, Company, Tables, companies, date, read
from tests.ledgered import NOW, outcomes, put

law = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Day(Company):
    """A company as it was known on a day."""

    @property
    def now(self) -> pd.Timestamp:
        return self.end


def known(tables: Tables, day: int) -> Day | None:
    """Give the company on a day, once every table has a row."""
    past = read(tables).until(date(day))
    return Day(past.frames, date(day)) if set(past.tables) == set(tables) else None


def serve(ledger: Ledger) -> None:
    chances = {account: dict.fromkeys(HORIZONS, 0.5) for account in "abcd"}
    put(ledger, *(f"{cutoff:%Y-%m-%d}" for cutoff in CUTOFFS), chances=chances)


@pytest.mark.parametrize("kind", KINDS)
@law
@given(tables=companies(), days=st.lists(st.integers(10, LAST + 60), min_size=1, max_size=6, unique=True))
def test_reading_day_by_day_leaves_nothing_to_find(kind: str, tables: Tables, days: list[int]) -> None:
    if kind == "notice" and not {"churn", "subscriptions"} & set(tables):
        return
    with TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "ledger.db")
        serve(ledger)
        past = None
        for day in sorted(days):
            past = known(tables, day) or past
            if past is not None and past.end == date(day):
                assert mature(ledger, past, CHURN[kind], NOW).sound  # type: ignore[arg-type]
        if past is None:
            return
        again = mature(ledger, past, CHURN[kind], NOW, anew=True)  # type: ignore[arg-type]
        assert (again.settled, again.reopened) == (0, 0)
        _as_labelled(ledger, past, kind)


def _as_labelled(ledger: Ledger, past: Day, kind: str) -> None:
    """Hold the last word of every cell to the labels of the day."""
    last = outcomes(ledger).drop_duplicates(["as_of", "account_id", "horizon"], keep="last")
    if last.empty:
        return
    stands = pd.DatetimeIndex(CUTOFFS, name="cutoff").as_unit("us")
    asked = Question(stands, HORIZONS, CHURN[kind], past.end, micro(past.end))
    told = read_cells(past, asked).frame.stack()  # type: ignore[arg-type]
    keys = zip(last["account_id"], pd.to_datetime(last["as_of"], utc=True), last["horizon"], strict=True)
    expected = [told.get(key, np.nan) for key in keys]
    np.testing.assert_array_equal(last["churned"].astype(float), np.array(expected, dtype=float))
    assert (last["state"] == np.where(np.isnan(expected), "censored", "final")).all()
    settled = sum(
        cutoff + pd.Timedelta(days=CHURN[kind].resolution_days(days)) <= past.end
        for cutoff in CUTOFFS
        for days in HORIZONS
    )
    assert len(last) == 4 * settled
