"""Laws of labels, on small random companies whose days coincide often."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from holdfast.errors import DataError
from holdfast.features.history import History
from holdfast.features.history.assembly import arrivals, happened, records_of
from holdfast.features.history.records import Records
from holdfast.features.history.tables import TABLES, Table
from holdfast.features.history.view import blank_later
from holdfast.training.labels import Churn, Labels, at_risk, label

START = pd.Timestamp("2024-01-01", tz="UTC")
LAST = 240
HORIZONS = (10, 20, 30)
CUTOFFS = [START + pd.Timedelta(days=d) for d in range(0, LAST, 15)]
KINDS = ("notice", "silence", "departure")
CHURN = {
    kind: Churn(kind, active_days=25, confirm_days=20, grace_days=5, min_tenure_days=10, settlement_days=4)  # type: ignore[arg-type]
    for kind in KINDS
}
day = st.integers(0, LAST)
who = st.sampled_from(["a", "b", "c", "d"])
lag = st.sampled_from([0, 0, 0, 3, 30])
contract = st.sampled_from(["term", "open", "cancelled", "ended", "canceled", "draft"])
exit_kind = st.sampled_from(["voluntary", "payment", "merger"])
mistaken = st.sampled_from([False, False, False, True])
Tables = dict[str, pd.DataFrame]


class Company:
    """A history made of canonical frames, without the cost of reading one."""

    def __init__(self, frames: Tables, end: pd.Timestamp) -> None:
        self.frames, self.start, self.end, self.stated_end = frames, START, end, end
        self.tables, self.accounts = tuple(frames), pd.Index(list("abcd"))
        self._records = {name: self._lay_out(TABLES[name], frame) for name, frame in frames.items()}

    def __contains__(self, table: str) -> bool:
        return table in self.frames

    def _lay_out(self, table: Table, frame: pd.DataFrame) -> Records:
        order = np.lexsort((frame["known_at"], happened(table, frame), frame["account_id"]))
        arrived = arrivals(self.accounts, self.frames["accounts"])
        return records_of(table, frame.take(order).reset_index(drop=True), self.accounts, arrived)

    def records(self, table: str, columns: Iterable[str] | None = None) -> Records:
        return self._records[table] if columns is None else self._records[table].with_columns(columns)

    def buckets(self) -> Iterator[Company]:
        yield self

    def until(self, instant: pd.Timestamp) -> Company:
        past = {n: f[f["known_at"] <= instant].reset_index(drop=True) for n, f in self.frames.items()}
        return Company(
            {n: blank_later(TABLES[n], f, instant) for n, f in past.items() if len(f)}, min(self.end, instant)
        )


def date(days: int | None) -> pd.Timestamp:
    return pd.NaT if days is None else START + pd.Timedelta(days=days)


@st.composite
def companies(draw: st.DrawFn) -> Tables:
    born = [date(-20)] * 3 + [date(40)]
    tables = {
        "accounts": pd.DataFrame({"account_id": list("abcd"), "valid_from": born, "known_at": born}),
        "usage": _usage(draw(st.lists(st.tuples(who, day, lag, mistaken), min_size=1, max_size=40))),
        "subscriptions": _subscriptions(draw(st.lists(st.tuples(who, day, lag, contract, mistaken), max_size=12))),
        "churn": _churn(
            draw(st.lists(st.tuples(who, st.none() | day, st.none() | day, lag, exit_kind, mistaken), max_size=6))
        ),
    }
    return {name: table for name, table in tables.items() if len(table)}


def _with_mistakes(lines: list[dict[str, object]], mistakes: list[bool]) -> pd.DataFrame:
    """Delete mistaken rows forty days after they became known."""
    gone = [
        {**one, "known_at": one["known_at"] + pd.Timedelta(days=40), "deleted": 1.0}  # type: ignore[operator]
        for one, wrong in zip(lines, mistakes, strict=True)
        if wrong
    ]
    frame = pd.DataFrame([*({**one, "deleted": 0.0} for one in lines), *gone])
    times = [name for name in frame if str(name).endswith(("_at", "_to", "_from", "_end"))]
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]") for name in times})


def _usage(rows: list[tuple[str, int, int, bool]]) -> pd.DataFrame:
    lines: list[dict[str, object]] = [
        {"account_id": a, "occurred_at": date(d), "known_at": date(d + late), "source": "t", "source_id": str(i)}
        for i, (a, d, late, _) in enumerate(rows)
    ]
    return _with_mistakes(lines, [row[-1] for row in rows])


def _subscriptions(rows: list[tuple[str, int, int, str, bool]]) -> pd.DataFrame:
    lines: dict[tuple[str, int], dict[str, object]] = {}
    for i, (account, start, late, kind, _) in enumerate(rows):
        lines[f"{account}{i % 3}", start] = {
            "account_id": account,
            "subscription_id": f"{account}{i % 3}",
            "valid_from": date(start),
            "valid_to": date(start + 40 if kind == "ended" else None),
            "known_at": date(start + late),
            "status": kind if kind in ("canceled", "draft") else "active",
            "term_end": date(start + 30 if kind == "term" else None),
            "cancel_requested_at": date(start + 12 if kind == "cancelled" else None),
        }
    return _with_mistakes(list(lines.values()), [row[-1] for row in rows][: len(lines)]) if lines else pd.DataFrame()


def _churn(rows: list[tuple[str, int | None, int | None, int, str, bool]]) -> pd.DataFrame:
    dated = [row for row in rows if row[1] is not None or row[2] is not None]
    lines: list[dict[str, object]] = [
        {
            "account_id": account,
            "notice_at": date(notice),
            "ended_at": date(ended),
            "known_at": date((ended if notice is None else notice) + late),  # type: ignore[operator]
            "kind": kind,
            "source": "list",
            "source_id": str(i),
        }
        for i, (account, notice, ended, late, kind, _) in enumerate(dated)
    ]
    return _with_mistakes(lines, [row[-1] for row in dated]) if lines else pd.DataFrame()


def read(tables: Tables) -> History:
    return cast("History", Company(tables, date(LAST)))


def labelled(tables: Tables, kind: str) -> Labels | None:
    if kind == "notice" and not {"churn", "subscriptions"} & set(tables):
        return None
    try:
        return label(read(tables), CUTOFFS, HORIZONS, CHURN[kind])
    except DataError:
        return None


def contracts(rows: list[tuple[str, int, int, str, bool]]) -> Tables:
    """A company of few contracts and a single use."""
    born = [date(-20)] * 3 + [date(40)]
    accounts = pd.DataFrame({"account_id": list("abcd"), "valid_from": born, "known_at": born})
    return {"accounts": accounts, "usage": _usage([("a", 0, 0, False)]), "subscriptions": _subscriptions(rows)}


# a term that lapses on day 35, and another that ran on, of which one hears on day 46 only
HEARD_LATE = contracts([("a", 0, 0, "term", False), ("a", 16, 30, "term", False)])
# the same lapse, beside a contract that is taken back on day 56 as never having been one
TAKEN_BACK = contracts([("a", 0, 0, "term", False), ("a", 16, 0, "open", True)])


law = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("kind", KINDS)
@law
@given(tables=companies())
def test_a_window_is_censored_for_all_or_for_none(kind: str, tables: Tables) -> None:
    y = labelled(tables, kind)
    if y is None:
        return
    frame, resolved = y.frame[(y.at_risk == "").to_numpy()], y.resolved_at[(y.at_risk == "").to_numpy()]
    assert y.frame[(y.at_risk != "").to_numpy()].isna().all(axis=None)
    assert frame[resolved > y.end].isna().all(axis=None)
    if kind != "notice" or "churn" not in tables:  # an exit in a churn list that is no churn censors single windows
        assert (frame.notna() == (resolved <= y.end)).all(axis=None)


@pytest.mark.parametrize("kind", KINDS)
@law
@given(tables=companies())
def test_silence_falls_and_the_others_rise_with_the_horizon(kind: str, tables: Tables) -> None:
    y = labelled(tables, kind)
    if y is None:
        return
    steps = y.frame.diff(axis=1).iloc[:, 1:].to_numpy()
    steps = steps[np.isfinite(steps)]
    assert (steps >= 0).all() if y.rises else (steps <= 0).all()


@pytest.mark.parametrize("kind", KINDS)
@law
@given(tables=companies(), at=st.integers(60, LAST))
def test_labels_known_on_a_day_are_those_of_the_history_until_then(kind: str, tables: Tables, at: int) -> None:
    y, then = labelled(tables, kind), date(at)
    if y is None:
        return
    known, past = y.known(then), read(tables).until(then)
    if "usage" not in past:
        return  # a history without any activity is refused at the door
    assert known.frame[y.resolved_at > then].isna().all(axis=None)
    if kind == "notice" and ("churn" in past) + ("subscriptions" in past) < ("churn" in tables) + (
        "subscriptions" in tables
    ):
        return  # another table leads until the first row of this one is known
    try:
        expected = label(past, CUTOFFS, HORIZONS, CHURN[kind])
    except DataError:
        assert known.frame.isna().all(axis=None)
        return
    shared = known.frame.index.intersection(expected.frame.index)
    both = [h for h in expected.horizons if h in known.horizons]
    pd.testing.assert_frame_equal(known.frame.loc[shared, both], expected.frame.loc[shared, both])
    assert known.frame[[h for h in known.horizons if h not in both]].isna().all(axis=None)
    assert known.frame.drop(shared).isna().all(axis=None)


@pytest.mark.parametrize("kind", KINDS)
@law
@given(tables=companies(), cutoff=st.sampled_from(CUTOFFS[3:]))
@example(tables=HEARD_LATE, cutoff=date(45))
@example(tables=TAKEN_BACK, cutoff=date(45))
def test_who_is_at_risk_is_decided_by_what_was_known_at_the_cutoff(
    kind: str, tables: Tables, cutoff: pd.Timestamp
) -> None:
    history = read(tables)
    past = history.until(cutoff) if (tables["usage"]["known_at"] <= cutoff).any() else None
    if past is None or set(past.tables) != set(history.tables):
        return
    if kind == "notice" and ("churn" in tables or "subscriptions" not in tables):
        return  # a churn list may be corrected afterwards: its last word counts
    pd.testing.assert_series_equal(at_risk(history, [cutoff], CHURN[kind]), at_risk(past, [cutoff], CHURN[kind]))


def test_a_contract_taken_back_ends_when_that_is_known() -> None:
    y = label(read(TAKEN_BACK), [date(30), date(45), date(60)], HORIZONS, CHURN["notice"])
    then = [date(30), date(45), date(60)]
    assert y.at_risk["a"][then].tolist() == ["", "", "no active subscription"]
    # as of day 30 the lapse on day 35 is what really happened; as of day 45 it is over, and nobody knew
    np.testing.assert_array_equal(y.frame.loc["a"].loc[then], [[1, 1, 1], [0, 1, 1], [np.nan] * 3])
    assert y.event_at["a"][then].tolist() == [date(35), date(56), pd.NaT]
    assert (y.known(date(55)).frame.loc["a"].loc[date(30)].dropna() == 0).all()


@law
@given(tables=companies(), horizon=st.sampled_from(HORIZONS), cutoff=st.sampled_from(CUTOFFS))
def test_silence_reads_nothing_after_its_window(tables: Tables, horizon: int, cutoff: pd.Timestamp) -> None:
    usage = tables["usage"]
    inside = (usage["occurred_at"] <= cutoff + pd.Timedelta(days=horizon)) | (usage["deleted"] == 1)
    full, cut = labelled(tables, "silence"), labelled({**tables, "usage": usage[inside]}, "silence")
    if full is None or cut is None:
        return
    here = [one.frame.reindex(columns=[horizon]).xs(cutoff, level="cutoff") for one in (full, cut)]
    pd.testing.assert_frame_equal(*here)


@law
@given(tables=companies(), cutoff=st.sampled_from(CUTOFFS[2:]))
def test_what_happened_up_to_the_cutoff_is_no_churn_after_it(tables: Tables, cutoff: pd.Timestamp) -> None:
    for kind in ("notice", "departure"):
        y = labelled(tables, kind)
        if y is None or cutoff not in y.cutoffs:
            continue
        events = y.event_at.xs(cutoff, level="cutoff").dropna()
        assert (events > cutoff).all() or kind == "departure"
    frame = tables.get("churn")
    if frame is None:
        return
    past = frame[frame[["notice_at", "known_at"]].max(axis=1) <= cutoff]
    y = labelled({**tables, "churn": past}, "notice") if len(past) else None
    if y is not None and cutoff in y.cutoffs:
        assert not (y.frame.xs(cutoff, level="cutoff") == 1).any(axis=None)
