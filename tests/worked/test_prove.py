"""Proofs on histories small enough to name the offending record beforehand, and what prove says when it cannot."""

from __future__ import annotations

import gc
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
import holdfast.features
from holdfast.errors import UsageError
from holdfast.features import prove
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.indicators.expression import Window
from holdfast.features.indicators.indicator import Indicator, indicator
from holdfast.features.indicators.sources import Source
from holdfast.features.proof import told
from holdfast.features.proof.company import END, company_frames
from holdfast.features.proof.edits import Otherwise
from holdfast.findings import KINDS
from holdfast.serving import inspection
from holdfast.serving.command import run
from holdfast.serving.starter import write_simulation

Frames = Mapping[str, pd.DataFrame]
T = pd.Timestamp("2025-06-01T09:00", tz="UTC")


def _history(accounts: tuple[str, ...] = ("a", "b", "c"), leaving: bool = False) -> History:
    """Three accounts that log in every week; one login of the last in May was written down in July."""
    weeks = pd.date_range("2025-01-06", "2025-08-25", freq="7D", tz="UTC")
    rows = [{"account_id": one, "occurred_at": at, "known_at": at} for one in accounts for at in weeks]
    late = {"account_id": accounts[-1], "occurred_at": pd.Timestamp("2025-05-20T08:00Z")}
    rows.append({**late, "known_at": pd.Timestamp("2025-07-04T00:00Z")})
    usage = pd.DataFrame(rows).assign(source="app", kind="login", event="login")
    usage["source_id"] = [f"u{place}" for place in range(len(rows) - 1)] + ["written-late"]
    start = pd.DataFrame({"account_id": accounts, "valid_from": "2025-01-01", "known_at": "2025-01-01"})
    churn = pd.DataFrame({"account_id": ["a", "b"], "notice_at": ["2025-03-03", "2025-06-20"], "source_id": ["x", "y"]})
    tables = {"accounts": start, "usage": usage, "churn": churn}
    return History.from_frames({n: f for n, f in tables.items() if leaving or n != "churn"}, end="2025-09-01")


def _listed(counts: Mapping[pd.Timestamp, pd.Series]) -> pd.DataFrame:
    return pd.concat(counts, names=["cutoff"]).swaplevel().to_frame("logins")


def written_whenever(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    usage = frames["usage"]
    return _listed({t: usage[usage["occurred_at"] <= t].groupby("account_id").size() for t in cutoffs})


def written_by_then(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    usage = frames["usage"]
    return _listed({t: usage[usage["known_at"] <= t].groupby("account_id").size() for t in cutoffs})


def _logins(**changes: object) -> Indicator:
    one = Indicator(
        Source("usage").count(days=30, kind="login"),
        name="logins",
        dimension="product",
        healthy="high",
        unit="logins",
        title="Logins",
        curve=None,
        evidence="{value:.0f} logins",
    )
    return replace(one, **changes)


def test_the_one_late_record_is_named() -> None:
    proof = prove(written_whenever, _history(), cutoffs=[T], reads="frames")
    shown = proof["future"].counterexample
    assert [one.source_id for one in shown.records] == ["written-late"]
    assert (shown.account_id, shown.cutoff, shown.before, shown.after) == ("c", T, 22.0, 21.0)
    assert str(shown) == (
        "logins of c at 2025-06-01 09:00:00 was 22, then 21: nothing known after 2025-06-01 09:00; usage written-late "
        "of c (happened 2025-05-20 08:00:00, known 2025-07-04 00:00:00) removed"
    )
    assert prove(written_by_then, _history(), cutoffs=[T], reads="frames").ok


def test_a_proof_is_a_table_a_text_and_a_page() -> None:
    proof = prove(written_whenever, _history(), cutoffs=[T], reads="frames")
    frame = proof.frame()
    assert list(frame.columns) == ["law", "holds", "tried", "broken", "counterexample"]
    assert frame.set_index("law").loc["future", ["holds", "broken"]].tolist() == [False, "logins"]
    assert frame.set_index("law")["holds"].isna().to_dict()["labels"]  # there is no table churn to read
    assert not proof.ok
    assert "written-late" in str(proof)
    assert "written-late" in proof._repr_html_()
    with pytest.raises(UsageError, match=r"law of future: expected nothing .* found logins of c .*written-late"):
        proof.raise_if_broken()
    told = proof.findings()
    assert [(one.code, one.where, one.severity) for one in told] == [("HF032", "logins", "error")]
    good = prove(_logins(), _history())
    good.raise_if_broken()
    assert good.findings() == []


def test_a_proof_is_the_same_again_and_another_with_another_seed() -> None:
    one, two, other = (prove(written_whenever, _history(), seed=seed, reads="frames", rounds=1) for seed in (0, 0, 1))
    assert str(one) == str(two)
    assert str(one) != str(other)


def test_what_nothing_visible_moves_is_not_proven() -> None:
    def constant(frames, cutoffs):
        return written_by_then(frames, cutoffs) * 0 + 1.0

    proof = prove(constant, _history(leaving=True), reads="frames", rounds=1, lookback_days=30)
    assert proof.ok
    assert not proof.complete
    assert proof.unmoved == ("logins",)
    assert "kept, but not put to the test: logins, nothing told of the past moved it" in str(proof).splitlines()[0]


def test_what_one_account_cannot_show_is_said_beforehand() -> None:
    proof = prove(_logins(), _history(accounts=("a",)), rounds=1)
    assert proof.ok
    assert not proof.complete
    assert proof.untested == ("labels", "accounts", "groups")  # there is no table churn either
    head = "kept, but not put to the test: labels; accounts; groups"
    assert head in str(proof).splitlines()[0]
    assert head in proof._repr_html_()
    assert prove(_logins(), _history(), rounds=1).untested == ("labels",)


def test_where_nothing_follows_no_other_future_is_tried() -> None:
    history = _history()
    assert prove(_logins(), history, cutoffs=[history.end], rounds=1)["future"].holds is None


def test_several_indicators_are_proven_at_once_and_the_guilty_one_is_named() -> None:
    @indicator(
        needs=("usage",), dimension="product", healthy="high", unit="share", title="Rank", evidence="{value:.2f}"
    )
    def rank_among_all(view):
        return view["usage"].groupby("account_id").size().rank(pct=True)

    proof = prove([_logins(), rank_among_all], _history(), rounds=1)
    assert proof["accounts"].broken == ("rank_among_all",)
    assert {one.law.name for one in proof.broken} == {"accounts"}
    assert proof["accounts"].counterexample.account_id not in {
        one.account_id for one in proof["accounts"].counterexample.records
    }


def test_what_an_indicator_is_meaningless_beside_does_not_keep_it_from_being_proven() -> None:
    assert prove(_logins(unless=("usage",)), _history(), rounds=1).columns == ("logins",)


def test_what_cannot_be_measured_is_said_to_be_untried() -> None:
    seats = _logins(expression=Source("subscriptions").active().sum("seats"), name="seats", evidence="{value}")
    proof = prove([_logins(), seats], _history())
    assert dict(proof.untried) == {"seats": "needs the column subscriptions.seats"} or proof.untried == {
        "seats": "needs the table subscriptions"
    }
    assert proof.ok


def test_rounding_can_be_allowed() -> None:
    def noisy(frames, cutoffs):
        return written_by_then(frames, cutoffs) * (1 + 1e-13 * len(frames["usage"]))

    assert "future" in {one.law.name for one in prove(noisy, _history(), reads="frames").broken}
    assert prove(noisy, _history(), reads="frames", tolerance=1e-9).ok


def test_a_stated_lookback_of_a_function_is_held_against_it() -> None:
    def month(frames, cutoffs, closed=True):
        usage, back = frames["usage"], pd.Timedelta(days=30)
        seen = {t: usage[(usage["known_at"] <= t) & (usage["occurred_at"] <= t)] for t in cutoffs}
        start = {
            t: one["occurred_at"] >= t - back if closed else one["occurred_at"] > t - back for t, one in seen.items()
        }
        return _listed({t: one[start[t]].groupby("account_id").size() for t, one in seen.items()})

    def open_month(frames, cutoffs):
        return month(frames, cutoffs, closed=False)

    assert prove(month, _history(), reads="frames").ok
    found = prove(month, _history(), reads="frames", lookback_days=30)
    assert [one.law.name for one in found.broken] == ["edges"]
    assert found["edges"].counterexample.records[0].what == "added"
    assert prove(open_month, _history(), reads="frames", lookback_days=30).ok


def _between(after: pd.Timedelta, closed: bool, frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    """Count the logins from some time before the cutoff, with or without those at the cutoff itself."""
    usage, found = frames["usage"], {}
    for t in cutoffs:
        seen = usage[(usage["known_at"] <= t) & (usage["occurred_at"] > t - after)]
        found[t] = seen[seen["occurred_at"] <= t if closed else seen["occurred_at"] < t].groupby("account_id").size()
    return _listed(found)


@pytest.mark.parametrize(
    ("days", "closed", "why"),
    [
        (30, True, None),
        (30, False, "no record at the cutoff itself moved it"),
        (29, True, "no record just inside the start of its window moved it"),
    ],
)
def test_a_function_that_no_record_at_the_edge_moves_was_not_tried_there(
    days: int, closed: bool, why: str | None
) -> None:
    proof = prove(partial(_between, pd.Timedelta(days=days), closed), _history(), reads="frames", lookback_days=30)
    assert proof.ok
    assert proof["edges"].holds is (None if why else True)
    assert dict(proof["edges"].idle) == ({"logins": why} if why else {})
    assert (f"edges of logins, {why}" in proof.untested) == bool(why)


class Shorter(Window):
    """A window that says to begin a day before it does."""

    @property
    def lookback_days(self) -> float | None:
        return (self.days or 0.0) + 1.0


def test_a_count_that_leaves_out_the_edge_of_its_window_breaks_the_law(monkeypatch: pytest.MonkeyPatch) -> None:
    short = _logins(expression=Shorter("usage", "count", days=29.0))
    found = prove(short, _history(), rounds=1)
    assert [one.law.name for one in found.broken] == ["edges"], str(found)
    shown = found["edges"].counterexample
    assert [one.occurred_at for one in shown.records] == [shown.cutoff - pd.Timedelta(days=30, microseconds=-1)]
    assert shown.before == shown.after + 1
    measure = Catalog.measure

    def before(self: Catalog, history: History, cutoffs: pd.DatetimeIndex) -> SimpleNamespace:
        said = measure(self, history, cutoffs - pd.Timedelta(microseconds=1))
        frame = said.indicators
        times = frame.index.get_level_values(1) + pd.Timedelta(microseconds=1)
        index = pd.MultiIndex.from_arrays([frame.index.get_level_values(0), times], names=frame.index.names)
        return SimpleNamespace(indicators=frame.set_axis(index), left_out=said.left_out)

    monkeypatch.setattr(Catalog, "measure", before)
    assert [one.law.name for one in prove(_logins(), _history(), rounds=1).broken] == ["edges"]


def test_going_through_all_tables_is_no_reading_of_labels() -> None:
    def through(name: str, history: History, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
        found = {}
        for t in cutoffs:
            tables = {one: frame for one, frame in history.as_of(t).items()} | dict(history.as_of(t))  # noqa: C416
            found[t] = tables[name].groupby("account_id").size()
        return _listed(found)

    history = _history(leaving=True)
    assert prove(partial(through, "usage"), history, cutoffs=[T], rounds=1).ok
    found = prove(partial(through, "churn"), history, cutoffs=[T], rounds=1)
    assert "labels" in {one.law.name for one in found.broken}

    def asking(history: History, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
        view = history.as_of(cutoffs[0])
        assert dict(view)
        assert view["churn"] is not None
        return through("usage", history, cutoffs)

    assert [one.law.name for one in prove(asking, history, cutoffs=[T], rounds=1).broken] == ["labels"]


def test_retellings_are_dropped_when_the_proof_is_done() -> None:
    before = _retellings()
    prove(_logins(), cutoffs=[T], rounds=1)
    assert _retellings() <= before


def test_a_table_that_is_told_as_it_was_lands_once(monkeypatch: pytest.MonkeyPatch) -> None:
    landed, own, frames = [], told.land, company_frames()
    monkeypatch.setattr(told, "land", lambda delivery: landed.append(delivery.table.name) or own(delivery))
    first = told.Company(frames, END)
    before = first.told().fingerprint()
    assert sorted(landed) == sorted(frames)
    landed.clear()
    fewer = first.with_frames(frames | {"usage": frames["usage"].head(100)})
    history = fewer.told()
    assert landed == ["usage"]
    assert history.fingerprint() == told.Company(fewer.frames, END).told().fingerprint() != before
    landed.clear()
    assert first.told().fingerprint() == before
    assert landed == []


def _retellings() -> int:
    gc.collect()
    return sum(isinstance(one, Otherwise) for one in gc.get_objects())


def test_reading_labels_is_reported_even_where_no_value_depends_on_them() -> None:
    def curious(frames, cutoffs):
        assert frames["churn"] is not None
        return written_by_then(frames, cutoffs)

    proof = prove(curious, _history(leaving=True), reads="frames", rounds=1)
    assert [one.law.name for one in proof.broken] == ["labels"]
    assert str(proof["labels"].counterexample) == "logins: reads the table churn"


def _answers(frames: Frames, cutoffs: pd.DatetimeIndex) -> dict[str, object]:
    good = written_by_then(frames, cutoffs)
    return {
        "expected an index of account_id, cutoff": frames["usage"],
        "expected a DataFrame, found int": 3,
        "one row per account_id and cutoff": pd.concat([good] * 2),
        "rows at the cutoffs asked for": written_by_then(frames, cutoffs - pd.Timedelta(days=1)),
        "instants as the second level": good.swaplevel(),
        "found none at all": good * np.nan,
        "columns with distinct names": good.iloc[:, :0],
    }


@pytest.mark.parametrize("said", _answers({"usage": _history().as_of("2026-01-01")["usage"]}, pd.DatetimeIndex([T])))
def test_what_is_no_answer_is_refused(said: str) -> None:
    with pytest.raises(UsageError, match=said):
        prove(lambda frames, cutoffs: _answers(frames, cutoffs)[said], _history(), reads="frames")


def test_code_that_fails_is_told_with_its_own_words() -> None:
    with pytest.raises(UsageError, match="found KeyError: 'no such table'") as told:
        prove(lambda frames, _: frames["no such table"], _history(), reads="frames")
    assert isinstance(told.value.__cause__, KeyError)


def test_what_is_no_subject_is_refused() -> None:
    for wrong in (3, "usage", [], [3]):
        with pytest.raises(UsageError, match="an Indicator, a Catalog, indicators, or a function"):
            prove(wrong, _history())
    with pytest.raises(UsageError, match="days up to the data end"):
        prove(_logins(), _history(), cutoffs=["2031-01-01"])


def test_raising_only_in_another_future_is_a_broken_law() -> None:
    def brittle(frames, cutoffs):
        if not (frames["usage"]["source_id"] == "written-late").any():
            raise ValueError("gone")
        return written_by_then(frames, cutoffs)

    shown = prove(brittle, _history(), cutoffs=[T], reads="frames")["future"].counterexample
    assert shown.after == "raised ValueError: gone"
    assert [one.source_id for one in shown.records] == ["written-late"]


def test_values_need_not_be_numbers() -> None:
    def latest_kind(frames, cutoffs):
        usage = frames["usage"].sort_values(["occurred_at", "source_id"])
        seen = {t: usage[usage["known_at"] <= t].groupby("account_id")["kind"].last() for t in cutoffs}
        return _listed(seen)

    assert prove(latest_kind, _history(), reads="frames").ok


def test_a_stored_history_is_sampled_bucket_by_bucket(tmp_path: Path) -> None:
    _history(accounts=("a", "b", "c", "d")).write(tmp_path / "tables")
    stored = History.build(tmp_path / "tables", tmp_path / "store", buckets=2, end="2025-09-01")
    proof = prove(written_whenever, stored, cutoffs=[T], reads="frames")
    assert [one.source_id for one in proof["future"].counterexample.records] == ["written-late"]
    assert proof.accounts == 4
    assert prove(_logins(), stored).ok


def test_it_is_part_of_the_public_face() -> None:
    assert hf.prove is prove is holdfast.features.prove
    with pytest.raises(AttributeError, match="nothing"):
        _ = holdfast.features.nothing


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_simulation(tmp_path_factory.mktemp("company"), 60, 0, 14)


def test_check_proves_the_indicators_on_the_history_of_the_plan(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["check", str(plan), "--json"])
    rows = json.loads(capsys.readouterr().out)
    told = [row for row in rows if row["code"] == "HF036"]
    assert len(told) == 1
    assert "24 accounts" in told[0]["message"]
    assert ", nothing told of the past moved it" in told[0]["message"]  # no record of the sample is of them
    assert told[0]["count"] > 60
    assert not [row for row in rows if row["severity"] == "error"]


def test_check_says_what_could_not_be_put_to_the_test() -> None:
    told = inspection.proven([_logins()], _history(accounts=("a",)))
    assert [one.code for one in told] == ["HF036"]
    assert told[0].message.endswith("; kept, but not put to the test: labels; accounts; groups")


def test_check_reports_a_broken_law_as_an_error(
    plan: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @indicator(
        needs=("churn",), dimension="business", healthy="low", unit="exits", title="Exits", evidence="{value:.0f}"
    )
    def exits(view):
        return view["churn"].groupby("account_id").size()

    few = {"cutoffs": ["2025-11-01"], "accounts": 6}
    monkeypatch.setattr(inspection, "prove", lambda given, *args, **kw: prove([*given[:3], exits], *args, **kw | few))
    assert run(["check", str(plan), "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [(row["code"], row["where"]) for row in rows if row["severity"] == "error"] == [("HF031", "exits")]
    assert KINDS["HF031"].severity == "error"
