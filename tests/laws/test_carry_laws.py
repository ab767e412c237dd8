"""Laws of carrying on: one more day gives the bits that measuring everything again would give."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import DataError
from holdfast.features.carry import Carry
from holdfast.features.carry import carry as carrying
from holdfast.features.carry.state import State
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.indicators.conditions import column
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import subscriptions, tickets, touchpoints, usage
from holdfast.features.proof.company import END, company_frames

FIRST = pd.Timestamp("2025-05-01", tz="UTC")
DAY = pd.Timedelta(days=1)
EXPRESSIONS = {
    "count": usage.count(days=30),
    "count_ever": usage.count(),
    "count_login": usage.count(days=7, kind="login"),
    "count_change": usage.count(days=30).vs_previous(),
    "sum": usage.sum("duration_min", days=30),
    "sum_ever": usage.sum("count"),
    "mean": usage.mean("duration_min", days=60),
    "share": usage.share(column("count") >= 2, days=30),
    "min": usage.min("duration_min", days=14),
    "min_ever": usage.min("duration_min"),
    "max": usage.max("duration_min", days=90),
    "max_ever": usage.max("count"),
    "distinct": usage.distinct("person_id", days=30),
    "distinct_ever": usage.distinct("person_id"),
    "distinct_change": usage.distinct("person_id", days=14).vs_previous(),
    "distinct_kinds": usage.distinct("event", days=7, kind=("login", "feature")),
    "latest": usage.latest("duration_min"),
    "latest_month": usage.latest("duration_min", days=30),
    "latest_change": usage.latest("count", days=7).vs_previous(),
    "first": usage.first("duration_min"),
    "first_month": usage.first("duration_min", days=30),
    "since": usage.days_since(),
    "since_month": usage.days_since(days=30, kind="feature"),
    "since_first": usage.days_since_first(),
    "since_first_week": usage.days_since_first(days=7),
    "active": usage.active_days(days=30),
    "active_ever": usage.active_days(),
    "active_change": usage.active_days(days=10).vs_previous(),
    "regularity": usage.regularity(days=60),
    "regularity_ever": usage.regularity(),
    "silence": usage.silence(days=30),
    "silence_ever": usage.silence(),
    "frequent": usage.frequent("person_id", days=30, on_days=3),
    "frequent_change": usage.frequent("event", days=10, on_days=2).vs_previous(),
    "decayed_week": usage.decayed(half_life=7),
    "decayed_month": usage.decayed("duration_min", half_life=30),
    "decayed_hours": touchpoints.decayed(half_life=0.5),
    "trend": usage.trend(days=90),
    "trend_six": usage.trend("count", days=60, buckets=6),
    "trend_odd": usage.trend(days=10, buckets=3),
    "half_day": usage.count(days=1.5),
    "half_noon": usage.active_days(days=3),
    "score": touchpoints.latest("score", kind="survey"),
    "reply": touchpoints.hours_to("replied_at", days=90),
    "replied": touchpoints.share(column("replied_at").known(), days=90),
    "mood": touchpoints.mean("sentiment", days=180),
    "tickets": tickets.count(days=30),
    "per_seat": usage.distinct("person_id", days=30) / subscriptions.active().sum("seats"),
}


def catalog_of(expressions):
    return Catalog(
        tuple(
            Indicator(
                expression,
                name=name,
                dimension="product",
                healthy="unclear",
                unit="number",
                title=name,
                curve=None,
                evidence="{value:g}",
            )
            for name, expression in expressions.items()
        )
    )


VERBS = catalog_of(EXPRESSIONS)


@pytest.fixture(scope="module")
def frames():
    return company_frames()


@pytest.fixture(scope="module")
def company(frames):
    return History.from_frames(frames, end=END)


def assert_same(one, two):
    assert [i.name for i in one.catalog] == [i.name for i in two.catalog]
    assert one.left_out == two.left_out
    for part in ("indicators", "context", "exposure", "coverage", "calendar"):
        pd.testing.assert_frame_equal(getattr(one, part), getattr(two, part), check_exact=True)


@pytest.mark.parametrize("hour", ["00:00", "09:30"])
def test_thirty_days_give_what_measuring_each_gives(company, tmp_path, hour):
    at = FIRST + pd.Timedelta(f"{hour}:00")
    carry = Carry.start(VERBS, company, at, tmp_path)
    assert_same(carry.snapshot, VERBS.measure(company, at))
    for step in range(1, 31):
        assert_same(carry.advance(company, at + step * DAY), VERBS.measure(company, at + step * DAY))
        assert "the cutoff does not lie whole days after the one before" not in carry.notes


def test_days_may_be_left_out(company, tmp_path):
    at = FIRST + pd.Timedelta(hours=12)
    carry = Carry.start(VERBS, company, at, tmp_path)
    for step in (2, 9, 10, 40, 41, 100):
        assert_same(carry.advance(company, at + step * DAY), VERBS.measure(company, at + step * DAY))


@pytest.mark.parametrize("seed", range(2))
def test_a_history_that_grows_from_day_to_day_gives_the_same(tmp_path, seed):
    """Each day only what was known is there, apart from what is delivered late and undated, in the past."""
    rng = np.random.default_rng(seed)
    frames = company_frames(seed)
    usage_rows = frames["usage"]
    hidden = pd.Series(rng.random(len(usage_rows)) < 0.002, index=usage_rows.index)
    whole, part = (History.from_frames(one, end=END) for one in (frames, frames | {"usage": usage_rows[~hidden]}))
    carry = None
    for step in range(8):
        at = FIRST + step * DAY
        history = (whole if step % 3 == 2 else part).until(at + pd.Timedelta(hours=3 * (step % 3)), end=at)
        if carry is None:
            carry = Carry.start(VERBS, history, at, tmp_path)
        assert_same(carry.advance(history, at), VERBS.measure(history, at))
    assert whole.end > at


def test_accounts_may_vanish_and_come_back(frames, tmp_path):
    ids = sorted(frames["accounts"]["account_id"].unique())
    fewer = {name: frame[frame["account_id"] != ids[3]] for name, frame in frames.items() if name != "id_map"}
    all_of_them, without = History.from_frames(frames, end=END), History.from_frames(fewer, end=END)
    carry = Carry.start(VERBS, all_of_them, FIRST, tmp_path)
    for step, history in enumerate([without, all_of_them, without, without, all_of_them], start=1):
        assert_same(carry.advance(history, FIRST + step * DAY), VERBS.measure(history, FIRST + step * DAY))


def test_the_shipped_catalogue_is_carried(tmp_path):
    history = hf.simulate(accounts=25, seed=3, months=14)
    at = history.now - 12 * DAY
    carry = Carry.start(hf.catalog, history, at, tmp_path)
    for step in (1, 2, 3, 5, 12):
        told = carry.advance(history, at + step * DAY)
        assert_same(told, hf.catalog.measure(history, at + step * DAY))
    assert all("a date of its rows is still to come" in note for note in carry.notes)


def test_the_same_cutoff_again_changes_nothing(company, tmp_path):
    Carry.start(VERBS, company, FIRST, tmp_path)
    one = Carry(VERBS, tmp_path).advance(company, FIRST + DAY)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.arrow")}
    assert_same(Carry(VERBS, tmp_path).advance(company, FIRST + DAY), one)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.arrow")} == before


def test_a_run_that_breaks_off_leaves_the_state_before(company, tmp_path, monkeypatch):
    Carry.start(VERBS, company, FIRST, tmp_path)

    def broken(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(carrying, "write_manifest", broken)
        with pytest.raises(KeyboardInterrupt):
            Carry(VERBS, tmp_path).advance(company, FIRST + DAY)
    carry = Carry(VERBS, tmp_path)
    assert carry.instant == FIRST
    assert_same(carry.advance(company, FIRST + 2 * DAY), VERBS.measure(company, FIRST + 2 * DAY))
    named = {tmp_path / name for name in ("carry.json", ".lock")}
    assert all(path.suffix == ".arrow" or path.is_dir() or path in named for path in tmp_path.rglob("*"))


def test_another_process_carries_on(tmp_path):
    history = hf.simulate(accounts=25, seed=3, months=14)
    at = history.now - 5 * DAY
    Carry.start(hf.catalog, history, at, tmp_path / "carry")
    code = (
        "import sys, pandas as pd, holdfast as hf\n"
        "from holdfast.features.carry import Carry\n"
        "history = hf.simulate(accounts=25, seed=3, months=14)\n"
        "told = Carry(hf.catalog, sys.argv[1]).advance(history, pd.Timestamp(sys.argv[2]))\n"
        "told.indicators.to_pickle(sys.argv[3])\n"
    )
    out = tmp_path / "told.pickle"
    command = [sys.executable, "-c", code, str(tmp_path / "carry"), str(at + DAY), str(out)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    told = hf.catalog.measure(history, at + DAY).indicators
    pd.testing.assert_frame_equal(pd.read_pickle(out), told, check_exact=True)  # noqa: S301 # written above


@pytest.mark.parametrize("damage", ["cut", "other", "absent", "manifest"])
def test_a_damaged_state_is_refused(company, tmp_path, damage):
    Carry.start(VERBS, company, FIRST, tmp_path)
    path = next(tmp_path.rglob("state.arrow"))
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[:-7])
    elif damage == "other":
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    elif damage == "absent":
        path.unlink()
    else:
        (tmp_path / "carry.json").write_text("{}")
    with pytest.raises(DataError, match="start again"):
        Carry(VERBS, tmp_path).advance(company, FIRST + DAY)
    assert_same(Carry.start(VERBS, company, FIRST + DAY, tmp_path).snapshot, VERBS.measure(company, FIRST + DAY))


@pytest.mark.parametrize("what", ["catalogue", "distance", "earlier"])
def test_what_cannot_be_carried_is_measured_anew_and_said(company, tmp_path, what):
    Carry.start(VERBS, company, FIRST, tmp_path)
    fewer = catalog_of({"new": usage.count(days=11)})
    catalog, at = {
        "catalogue": (fewer, FIRST + DAY),
        "distance": (VERBS, FIRST + 1.25 * DAY),
        "earlier": (VERBS, FIRST - DAY),
    }[what]
    carry = Carry(catalog, tmp_path)
    assert_same(carry.advance(company, at), catalog.measure(company, at))
    assert any("catalogue is another" in note or "whole days after" in note for note in carry.notes)
    assert_same(carry.advance(company, at + DAY), catalog.measure(company, at + DAY))


@pytest.mark.parametrize("named", [False, True])
def test_a_store_is_carried_on_from_delivery_to_delivery(frames, tmp_path, monkeypatch, named):
    """Usage whose rows have no names is read once; where they have, they may be corrected, and are compared."""
    frames, compared, own = dict(frames), [], State.compare
    whole = {name for name, one in EXPRESSIONS.items() if "latest" in str(one) or ".first" in str(one)} - {"score"}
    catalog = VERBS if named else VERBS.select([name for name in VERBS.names if name not in whole])
    if not named:
        rows = frames["usage"]
        frames["usage"] = rows[~rows["deleted"].astype(bool)].drop(columns=["source", "source_id", "deleted"])
    known = {name: pd.to_datetime(frame["known_at"], utc=True) for name, frame in frames.items()}
    late = pd.Series(np.random.default_rng(1).random(len(frames["usage"])) < 0.001, index=frames["usage"].index)
    store, before = None, pd.Timestamp.min.tz_localize("UTC")
    for step in range(6):
        at, source = FIRST + step * DAY, tmp_path / f"delivery{step}"
        source.mkdir()
        for name, frame in frames.items():
            here = (known[name] > before) & (known[name] <= at + pd.Timedelta(hours=9))
            if name == "usage":
                here = here & ~late if step < 3 else here | (late & (known[name] <= at)) if step == 3 else here
            if here.any():
                frame[here].to_parquet(source / f"{name}.parquet")
        before = at + pd.Timedelta(hours=9)
        if store is None:
            store = History.build(source, tmp_path / "store", buckets=3, end=END)
            carry = Carry.start(catalog, store, at, tmp_path / "carry")
            monkeypatch.setattr(State, "compare", lambda *given: compared.append(given[1].name) or own(*given))
        else:
            store = store.append(source)
            assert_same(carry.advance(store, at), catalog.measure(store, at))
            store = store.compact() if step == 4 else store
    assert ("usage" in compared) == named


def _deliver(folder, **tables):
    folder.mkdir()
    for name, rows in tables.items():
        pd.DataFrame(rows).to_parquet(folder / f"{name}.parquet")
    return folder


def _used(account, *hours):
    at = [FIRST + pd.Timedelta(hours=one) for one in hours]
    return {"account_id": [account] * len(at), "occurred_at": at, "person_id": [f"p{one % 3}" for one in hours]}


def _ticket(account, name, hour):
    at = FIRST + pd.Timedelta(hours=hour)
    return {"account_id": [account], "ticket_id": [name], "opened_at": [FIRST], "known_at": [at]}


DELIVERIES = [
    {"usage": _used("b", 30, 31), "tickets": _ticket("b", "t", 30)},  # the ticket of a is one of b now
    {"usage": _used("c", 50, 51)},  # of an account that nobody knows yet
    {"usage": _used("a", 60), "tickets": _ticket("b", "v", 60)},
    {"accounts": {"account_id": ["c"], "valid_from": [FIRST], "known_at": [FIRST + pd.Timedelta(hours=90)]}},
    {"usage": _used("c", 2, 3, 100), "tickets": _ticket("a", "u", 100)},  # the first two of long ago
    {"accounts": {"account_id": ["a"], "valid_from": [FIRST - DAY], "known_at": [FIRST - DAY]}},  # known before
    {"usage": _used("a", 150)},
]


@pytest.mark.parametrize("compacted", [None, 2, 4])
def test_deliveries_may_say_anything_about_what_was_delivered(tmp_path, compacted):
    leaves = {name: one for name, one in EXPRESSIONS.items() if name in ("count", "distinct", "active_ever", "tickets")}
    catalog = catalog_of(leaves | {"since": tickets.days_since()})
    accounts = {"account_id": ["a", "b"], "valid_from": [FIRST] * 2, "known_at": [FIRST + pd.Timedelta(hours=1)] * 2}
    source = _deliver(tmp_path / "first", accounts=accounts, usage=_used("a", 0, 1, 20), tickets=_ticket("a", "t", 2))
    end = FIRST + 20 * DAY
    store = History.build(source, tmp_path / "store", buckets=1, end=end)
    carry = Carry.start(catalog, store, FIRST + DAY, tmp_path / "carry")
    for step, tables in enumerate(DELIVERIES, start=2):
        store = store.append(_deliver(tmp_path / f"then{step}", **tables))
        store = store.compact() if step == compacted else store
        if step != 4:  # a day without a run
            assert_same(carry.advance(store, FIRST + step * DAY), catalog.measure(store, FIRST + step * DAY))


def test_numbers_too_large_to_be_carried_are_measured(frames, tmp_path):
    rows = frames["usage"].copy()
    rows.loc[rows.index[5], "duration_min"] = 1e15
    history = History.from_frames(frames | {"usage": rows}, end=END)
    carry = Carry.start(VERBS, history, FIRST, tmp_path)
    assert_same(carry.snapshot, VERBS.measure(history, FIRST))
    assert carry.notes == ("a number is too large to be carried",)
