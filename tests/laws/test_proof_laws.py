"""Every law has a subject that breaks it and no other, and honest code breaks none."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from holdfast.features import prove
from holdfast.features.catalog import catalog
from holdfast.features.history import History
from holdfast.features.indicators.indicator import Indicator, indicator
from holdfast.features.indicators.sources import Source
from holdfast.features.proof.clockwork import another_day
from holdfast.features.proof.company import CUTOFFS, END, company_frames
from holdfast.features.proof.proving import shared_retellings
from holdfast.features.proof.result import LAWS, Proof
from holdfast.features.proof.shrinking import smallest

Frames = Mapping[str, pd.DataFrame]
MONTH = pd.Timedelta(days=30)


def _panel(frames: Frames, cutoffs: pd.DatetimeIndex, at: Callable[[pd.Timestamp], pd.Series]) -> pd.DataFrame:
    accounts = pd.Index(sorted(frames["accounts"]["account_id"].unique()), name="account_id")
    columns = {cutoff: at(cutoff).astype(float).reindex(accounts) for cutoff in cutoffs}
    return pd.DataFrame(columns).rename_axis(columns="cutoff").stack(future_stack=True).to_frame("value")


def _seen(frames: Frames, cutoff: pd.Timestamp) -> pd.DataFrame:
    usage = frames["usage"]
    return usage[(usage["known_at"] <= cutoff) & (usage["occurred_at"] <= cutoff)]


def _counted(rows: pd.DataFrame) -> pd.Series:
    return rows.groupby("account_id").size()


def honest(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return _panel(frames, cutoffs, lambda t: _counted(_seen(frames, t)))


def by_the_clock(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return honest(frames, cutoffs) + datetime.now(UTC).year


def by_the_seconds(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return honest(frames, cutoffs) + time.time() // 86_400


def by_the_date(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return honest(frames, cutoffs) + date.today().toordinal()


def by_the_stamp(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return honest(frames, cutoffs) + pd.Timestamp.now(tz="UTC").year


def by_the_compiled_clock(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    now = pd.Timestamp(np.datetime64("now")).tz_localize("UTC")
    return _panel(frames, cutoffs, lambda t: (now - _seen(frames, t).groupby("account_id")["known_at"].max()).dt.days)


def by_chance(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return honest(frames, cutoffs) + np.random.default_rng().random()


def by_legacy_chance(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return honest(frames, cutoffs) + np.random.rand()  # noqa: NPY002 # this is what is to be caught


def by_plain_chance(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return honest(frames, cutoffs) + random.random()  # noqa: S311 # this is what is to be caught


def exits_known_so_far(history: History, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    found = {t: _counted(history.as_of(t)["churn"]) for t in cutoffs}
    return pd.concat(found, names=["cutoff"]).swaplevel().to_frame("exits")


def whenever_it_was_written(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    usage = frames["usage"]
    return _panel(frames, cutoffs, lambda t: _counted(usage[usage["occurred_at"] <= t]))


def the_last_row(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return _panel(frames, cutoffs, lambda t: _seen(frames, t).groupby("account_id")["count"].last())


def beside_the_others(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    def at(t: pd.Timestamp) -> pd.Series:
        counts = _counted(_seen(frames, t))
        return counts - counts.median()

    return _panel(frames, cutoffs, at)


def not_for_one_alone(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    table = honest(frames, cutoffs)
    return table if frames["accounts"]["account_id"].nunique() > 1 else table * np.nan


def since_the_row_before(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return honest(frames, cutoffs).groupby(level="account_id").diff()


def by_the_month(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return _panel(frames, cutoffs, lambda t: _counted(_seen(frames, t)) + t.month)


def _declared(function: Callable[..., pd.Series], *, lookback: float | None) -> Indicator:
    words = {"dimension": "product", "healthy": "high", "unit": "uses", "title": "Uses", "evidence": "{value:.0f}"}
    return indicator(needs=("usage",), lookback_days=lookback, **words)(function)


def _closed_at_the_start(view: Mapping[str, pd.DataFrame]) -> pd.Series:
    return _counted(view["usage"][view["usage"]["occurred_at"] >= view.instant - MONTH])


def _open_at_the_start(view: Mapping[str, pd.DataFrame]) -> pd.Series:
    return _counted(view["usage"][view["usage"]["occurred_at"] > view.instant - MONTH])


BREAKING = [
    ("repeatable", by_the_clock, "frames"),
    ("repeatable", by_the_seconds, "frames"),
    ("repeatable", by_the_date, "frames"),
    ("repeatable", by_the_stamp, "frames"),
    ("repeatable", by_chance, "frames"),
    ("repeatable", by_legacy_chance, "frames"),
    ("repeatable", by_plain_chance, "frames"),
    ("labels", exits_known_so_far, "history"),
    ("future", whenever_it_was_written, "frames"),
    ("order", the_last_row, "frames"),
    ("accounts", beside_the_others, "frames"),
    ("groups", not_for_one_alone, "frames"),
    ("cutoffs", since_the_row_before, "frames"),
    ("calendar", by_the_month, "frames"),
    ("calendar", by_the_compiled_clock, "frames"),
    ("edges", _declared(_closed_at_the_start, lookback=30), "history"),
]
WITH_RECORDS = {"labels", "future", "order", "accounts", "groups", "edges"}


def _names(subject: object) -> str:
    return str(getattr(subject, "__name__", getattr(subject, "name", subject)))


@pytest.fixture(scope="module", autouse=True)
def _retold() -> Iterator[None]:
    with shared_retellings():
        yield


@pytest.mark.parametrize(("law", "subject", "reads"), BREAKING, ids=[_names(one[1]) for one in BREAKING])
def test_each_law_catches_what_breaks_it_and_accuses_of_nothing_else(law: str, subject: object, reads: str) -> None:
    proof = prove(subject, reads=reads, rounds=1)
    assert [one.law.name for one in proof.broken] == [law], str(proof)
    shown = proof[law].counterexample
    assert shown is not None
    assert shown.before != shown.after
    assert shown.account_id
    assert bool(shown.records) == (law in WITH_RECORDS)


CLOCKS: dict[str, Callable[[], object]] = {
    "time": lambda: time.gmtime(time.time()).tm_year,
    "time_ns": lambda: time.gmtime(time.time_ns() // 10**9).tm_year,
    "localtime": lambda: time.localtime().tm_year,
    "localtime of nothing": lambda: time.localtime(None).tm_year,
    "gmtime": lambda: time.gmtime().tm_year,
    "strftime": lambda: int(time.strftime("%Y")),
    "ctime": lambda: int(time.ctime()[-4:]),
    "asctime": lambda: int(time.asctime()[-4:]),
    "clock_gettime": lambda: time.gmtime(time.clock_gettime(time.CLOCK_REALTIME)).tm_year,
    "clock_gettime_ns": lambda: time.gmtime(time.clock_gettime_ns(time.CLOCK_REALTIME) // 10**9).tm_year,
    "datetime": lambda: datetime.now(UTC).year,
    "date": lambda: date.today().year,
    "Timestamp": lambda: pd.Timestamp.now(tz="UTC").year,
}


@pytest.mark.parametrize("tell", CLOCKS.values(), ids=CLOCKS)
def test_every_clock_but_the_compiled_one_tells_the_other_day(tell: Callable[[], object]) -> None:
    with another_day(2001, 0, [tell]):
        assert tell() == 2001
    assert tell() > 2001


def test_a_stopped_clock_still_tells_the_days_it_is_asked_for() -> None:
    then = 86_400.0 * 365 * 20
    told = [time.localtime(then), time.gmtime(then), time.ctime(then), time.strftime("%Y-%m-%d", time.gmtime(then))]
    with another_day(2001, 0, []):
        again = [
            time.localtime(then),
            time.gmtime(then),
            time.ctime(then),
            time.strftime("%Y-%m-%d", time.gmtime(then)),
        ]
        assert again == told
        assert time.clock_gettime(time.CLOCK_MONOTONIC) < 1e8


def test_every_law_has_a_subject_that_breaks_it() -> None:
    assert {law for law, _, _ in BREAKING} == set(LAWS)


def test_offending_records_are_those_that_may_not_count() -> None:
    late = prove(whenever_it_was_written, reads="frames", rounds=1)["future"].counterexample
    assert len(late.records) == 1
    assert late.records[0].table == "usage"
    assert late.records[0].account_id == late.account_id
    assert late.records[0].known_at > late.cutoff >= late.records[0].occurred_at
    edge = prove(_declared(_closed_at_the_start, lookback=30), rounds=1)["edges"].counterexample
    assert [one.occurred_at for one in edge.records] == [edge.cutoff - MONTH]
    other = prove(beside_the_others, reads="frames", rounds=1)["accounts"].counterexample
    assert other.account_id not in {one.account_id for one in other.records}
    swapped = prove(the_last_row, reads="frames", rounds=1)["order"].counterexample
    assert {one.what for one in swapped.records} == {"moved"}
    assert len(swapped.records) == 2


@pytest.mark.parametrize("subject", [_declared(_open_at_the_start, lookback=30), honest], ids=_names)
def test_honest_code_breaks_no_law(subject: object) -> None:
    proof = prove(subject, reads="frames", rounds=1)
    assert proof.ok, str(proof)
    assert proof.untested == (() if isinstance(subject, Indicator) else ("edges",))  # nobody said how far back it reads


@pytest.fixture(scope="module")
def shipped() -> Proof:
    return prove(catalog)


def test_every_shipped_indicator_keeps_every_law(shipped: Proof) -> None:
    assert shipped.ok, str(shipped)
    assert not shipped.untried
    assert set(catalog.names) <= set(shipped.columns)
    assert shipped.frame()["holds"].all()
    assert shipped.complete
    assert any(one.hour for one in shipped.cutoffs)


def test_the_company_has_ties_late_records_corrections_deletions_and_dates_to_come() -> None:
    frames = company_frames()
    usage, invoices = frames["usage"], frames["invoices"]
    assert usage.duplicated(["account_id", "occurred_at"]).any()
    assert (usage["known_at"] > usage["occurred_at"] + pd.Timedelta(days=3)).any()
    assert usage.duplicated("source_id").any()
    assert {"usage", "tickets", "people"} <= {name for name, frame in frames.items() if frame["deleted"].any()}
    assert (invoices["paid_at"] > invoices["known_at"]).any()
    edges = {pd.Timestamp(cutoff, tz="UTC") - MONTH for cutoff in CUTOFFS}
    assert edges & set(usage["occurred_at"])
    pd.testing.assert_frame_equal(usage, company_frames()["usage"])


def test_a_sample_measures_as_the_history_does() -> None:
    history = History.from_frames(company_frames(), end=END)
    frames: dict[str, pd.DataFrame] = {}

    def keep(given: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
        frames.update(frames or given)
        return honest(given, cutoffs)

    prove(keep, history, reads="frames", rounds=1)
    again = History.from_frames(frames, end=END)
    one, two = (catalog.measure(which, CUTOFFS) for which in (history, again))
    pd.testing.assert_frame_equal(one.indicators, two.indicators, check_exact=True)


@pytest.mark.parametrize(
    "needles", [{0}, {999}, {500}, {3, 700}, {1, 2, 998}], ids=lambda needles: f"{sorted(needles)}"
)
def test_the_shrinker_finds_the_fewest(needles: set[int]) -> None:
    tries = []

    def breaks(some: list[int]) -> bool:
        tries.append(len(some))
        return needles <= set(some)

    assert set(smallest(range(1000), breaks, tries=200)) == needles
    assert len(tries) <= 200


def test_the_shrinker_stops_in_time_with_something_that_breaks() -> None:
    kept = smallest(range(1000), lambda some: len(some) > 300, tries=30)
    assert len(kept) > 300


def test_a_named_leaf_of_the_vocabulary_can_be_proven_alone() -> None:
    one = Indicator(
        Source("usage").distinct("person_id", days=30),
        dimension="product",
        healthy="high",
        unit="people",
        title="People",
        curve=None,
        evidence="{value:.0f}",
    )
    assert prove(one, rounds=1).ok


def test_planted_leaks_are_caught_and_honest_code_is_left_alone(shipped: Proof) -> None:
    from benchmarks.leaks import run, table

    result = run(rounds=1, cutoffs=CUTOFFS[2:], shipped=shipped)
    assert result.summary == {"planted": len(result.leaks), "caught": len(result.leaks), "false_alarms": 0}
    assert len(result.leaks) >= 14
    assert "MISSED" not in table(result)
