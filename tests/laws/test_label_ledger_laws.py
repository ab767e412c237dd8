"""Laws of the label ledger, on the small random companies of the laws of labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.errors import DataError
from holdfast.training.label_ledger import STATES, LabelLedger, label_ledger
from holdfast.training.labels import Labels, label
from tests.laws.test_label_laws import CHURN, CUTOFFS, HORIZONS, KINDS, LAST, Tables, companies, date, read

STANDS = CUTOFFS[1::3]
KEY = ["account_id", "cutoff", "horizon"]
law = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
days = st.integers(60, LAST)


def labelled(tables: Tables, kind: str) -> Labels | None:
    if kind == "notice" and not {"churn", "subscriptions"} & set(tables):
        return None
    try:
        return label(read(tables), STANDS, HORIZONS, CHURN[kind])
    except DataError:
        return None


def on_time(tables: Tables) -> Tables:
    """Let every record become known when it happened, and none be taken back or tell of what is still to come."""
    kept = {}
    for name, table in tables.items():
        rows = table[table["deleted"] == 0.0] if "deleted" in table else table
        if name == "churn":
            rows = rows.assign(ended_at=rows["ended_at"].where(rows["notice_at"].isna()))
        time = {"usage": "occurred_at", "subscriptions": "valid_from", "accounts": "valid_from"}.get(name)
        happened = rows[time] if time else rows["notice_at"].fillna(rows["ended_at"])
        kept[name] = rows.assign(known_at=happened).reset_index(drop=True)
    return {name: rows for name, rows in kept.items() if len(rows)}


@pytest.mark.parametrize("kind", KINDS)
@law
@given(tables=companies())
def test_the_first_reading_is_what_was_known_on_the_day_a_label_settled(kind: str, tables: Tables) -> None:
    y = labelled(tables, kind)
    if y is None:
        return
    rows = label_ledger(y).frame().set_index(KEY)
    told = rows[rows["first_state"] != ""]
    for (horizon, cutoff), cells in told.groupby(["horizon", "cutoff"]):
        if horizon not in y.horizons:
            continue
        then = y.known(cells["settled_at"].iloc[0])
        keys = cells.index.droplevel("horizon")
        barred = (then.at_risk.loc[keys] != "").to_numpy()
        np.testing.assert_array_equal(cells["first_value"], then.frame.loc[keys, horizon])
        np.testing.assert_array_equal(cells["first_state"] == "not at risk", barred, err_msg=str(cutoff))


@pytest.mark.parametrize("kind", KINDS)
@law
@given(tables=companies(), at=days, back=st.integers(0, 60))
def test_reading_on_a_day_is_reading_the_history_cut_off_on_that_day(
    kind: str, tables: Tables, at: int, back: int
) -> None:
    y, past = labelled(tables, kind), read(tables).until(date(at))
    if y is None or "usage" not in past or set(past.tables) != set(tables):
        return  # another table leads until the first row of this one is known
    since = max(date(at - back), y.cutoffs[0])  # an earlier day is refused by name
    full = label_ledger(y, date(at), since=since)
    try:
        cut = label_ledger(label(past, STANDS, HORIZONS, CHURN[kind]), date(at), since=since)
    except DataError:
        assert not (full.frame()["state"] == "final").any()
        return
    pd.testing.assert_frame_equal(full.frame(), cut.frame())
    assert full.text() == cut.text()


@pytest.mark.parametrize("kind", KINDS)
@law
@given(tables=companies(), at=days, later=st.integers(0, 90))
def test_what_is_final_stays_so_where_nothing_comes_late(kind: str, tables: Tables, at: int, later: int) -> None:
    y = labelled(on_time(tables), kind)
    if y is None:
        return
    early, late = (label_ledger(y, date(day)).frame().set_index(KEY) for day in (at, at + later))
    assert not early["reopened"].any()
    assert not late["reopened"].any()
    final = early.index[early["state"] == "final"]
    pd.testing.assert_series_equal(early.loc[final, "value"], late.loc[final, "value"])
    kept = late.loc[final, "state"].isin(["final"] if date(at + later) <= y.end else ["final", "censored"])
    assert kept.all()


@pytest.mark.parametrize("kind", KINDS)
@law
@given(tables=companies(), at=days)
def test_every_label_is_in_one_state_and_every_change_is_told(kind: str, tables: Tables, at: int) -> None:
    y = labelled(tables, kind)
    if y is None:
        return
    ledger = label_ledger(y, date(at))
    _partition(ledger)
    rows = (y.frame.index.get_level_values("cutoff") <= date(at)).sum()
    assert len(ledger) == rows * len(HORIZONS)
    changed = ledger.reopened()
    assert changed["known_at"].notna().all()
    assert ((changed["settled_at"] < changed["known_at"]) & (changed["known_at"] <= date(at))).all()
    assert (changed["why"] != "").all()


def _partition(ledger: LabelLedger) -> None:
    rows, counts = ledger.frame(), ledger.summary()
    states = counts[["open", "final", "censored", "not_at_risk"]]
    assert (states.sum(axis=1) == counts["cells"]).all()
    assert counts["cells"].sum() == len(rows)
    assert set(rows["state"]) <= set(STATES)
    assert (rows["value"].notna() == (rows["state"] == "final")).all()
    assert (rows["reason"].ne("") == rows["state"].isin(["censored", "not at risk"])).all()
    assert (rows.loc[rows["state"] == "open", "settled_at"] > ledger.day).all()
    assert (rows.loc[rows["state"].isin(["final", "censored"]), "settled_at"] <= ledger.day).all()
