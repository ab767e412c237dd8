"""Input as it should not be, through the door and through the catalogue: read right, or refused by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from holdfast.errors import DataError, UsageError
from holdfast.features.catalog import catalog
from holdfast.features.catalog.collection import Catalog
from holdfast.features.catalog.peers import compared
from holdfast.features.history import History, streaming
from holdfast.features.indicators.expression import Expression
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import subscriptions, usage
from holdfast.features.time import to_instant

BERLIN = "Europe/Berlin"


def history(rows: dict[str, Any], accounts: list[Any] | None = None, **tables: Any) -> History:
    """A history of uses; without a word about whom, all are of one account."""
    own = {name: tables.pop(name) for name in ("end", "clock") if name in tables}
    used = pd.DataFrame(rows)
    if "account_id" not in used:
        used["account_id"] = "a"
    frames = {"accounts": pd.DataFrame({"account_id": accounts or ["a"]}), "usage": used}
    return History.from_frames({**frames, **{name: pd.DataFrame(one) for name, one in tables.items()}}, **own)


def codes(one: History) -> dict[tuple[str, str], int]:
    """What was found apart from plain defaults."""
    return {(f.code, f.where): f.count for f in one.findings if f.code not in ("HF001", "HF002")}


def moments(one: History) -> list[str]:
    return [f"{at:%Y-%m-%d %H:%M:%S.%f}"[:26] for at in pd.to_datetime(one.records("usage").at, unit="us")]


def value(one: History, expression: Expression, at: Any, account: str = "a") -> float:
    about: Any = {"dimension": "product", "healthy": "unclear", "unit": "u", "title": "t", "curve": None}
    own = Indicator(expression, name="x", evidence="{value}", **about)
    return float(Catalog((own,)).measure(one, [at]).indicators["x"].loc[account].iloc[0])


def measured(one: History, *cutoffs: Any) -> pd.DataFrame:
    """Measure the shipped catalogue, and see that nothing but numbers comes out."""
    told = catalog.measure(one, cutoffs)
    assert told.indicators.shape[1] >= 5
    assert not np.isinf(told.indicators.to_numpy()).any()
    return told.indicators.join(told.context)


# --- rows


def test_unsorted_files_are_sorted(tmp_path):
    days = pd.date_range("2025-01-01", periods=60, freq="17h").strftime("%Y-%m-%dT%H:%M:%S")
    used = pd.DataFrame({"account_id": ["a", "b", "c"] * 20, "occurred_at": days, "kind": ["login", "api"] * 30})
    pair = []
    for name, frame in (("sorted", used), ("shuffled", used.sample(frac=1, random_state=1))):
        folder = tmp_path / name
        folder.mkdir()
        frame.to_csv(folder / "usage.csv", index=False)
        ids = ["a", "b", "c"] if name == "sorted" else ["c", "a", "b"]
        pd.DataFrame({"account_id": ids}).to_csv(folder / "accounts.csv", index=False)
        pair.append(History.read(folder))
    assert pair[0].fingerprint() == pair[1].fingerprint()
    pd.testing.assert_frame_equal(measured(pair[0], pair[0].now), measured(pair[1], pair[1].now), check_exact=True)


def test_an_event_delivered_twice_counts_once_and_one_that_differs_is_refused_by_its_keys():
    rows = {
        "occurred_at": ["2025-01-05"] * 3,
        "source": "app",
        "source_id": ["u1", "u1", "u2"],
        "event": ["x", "x", "y"],
    }
    alike = history(rows)
    assert codes(alike) == {("HF008", "usage"): 1}
    assert value(alike, usage.count(), "2025-01-05") == 2
    with pytest.raises(DataError, match=r"usage: expected one row for each source, source_id and known_at") as caught:
        history({**rows, "event": ["x", "z", "y"]})
    assert "for 1 keys: source=app, source_id=u1, known_at=2025-01-05 00:00:00+00:00" in caught.value.found
    assert "known_at" in caught.value.do
    assert (
        value(history({**rows, "source": ["app", "web", "app"], "event": ["x", "z", "y"]}), usage.count(), "2025-01-05")
        == 3
    )


@pytest.mark.parametrize(
    ("table", "rows", "key"),
    [
        ("subscriptions", {"subscription_id": "s", "valid_from": "2025-01-01", "seats": [1, 2]}, "subscription_id=s"),
        ("people", {"person_id": "p", "valid_from": "2025-01-01", "title": ["x", "y"]}, "person_id=p, account_id=a"),
        ("invoices", {"invoice_id": "i", "issued_at": "2025-01-01", "amount": [1, 2]}, "invoice_id=i"),
        ("tickets", {"ticket_id": "t", "opened_at": "2025-01-01", "channel": ["x", "y"]}, "ticket_id=t"),
        ("touchpoints", {"source_id": "c", "occurred_at": "2025-01-01", "kind": ["call", "note"]}, "source_id=c"),
    ],
)  # fmt: skip
def test_two_tellings_of_one_version_are_refused_by_its_keys_in_every_table(table, rows, key):
    told = pd.DataFrame({"account_id": ["a", "a"], **rows})
    with pytest.raises(DataError, match=f"{table}: expected one row for each") as caught:
        history({"occurred_at": ["2025-01-01"]}, **{table: told})
    assert key in caught.value.found
    assert codes(history({"occurred_at": ["2025-01-01"]}, **{table: told.iloc[[0, 0]]})) == {("HF008", table): 1}
    later = told.assign(known_at=["2025-01-01", "2025-01-02"])
    assert len(history({"occurred_at": ["2025-01-01"]}, **{table: later}).records(table)) == 2


def test_a_deletion_of_what_never_was_deletes_nothing():
    rows = {"occurred_at": ["2025-01-01"] * 2, "source_id": ["u", "v"], "deleted": [False, True]}
    one = history(rows)
    assert value(one, usage.count(), "2025-01-01") == 1
    gone = {"account_id": ["a"], "subscription_id": ["s"], "valid_from": ["2025-01-01"], "deleted": [True]}
    held = history({"occurred_at": ["2025-01-01"]}, subscriptions=gone)
    assert value(held, subscriptions.active().count(), "2025-01-01") == 0


def test_at_most_three_clashing_keys_are_shown():
    ids = np.repeat([f"u{i}" for i in range(9)], 2)
    rows = {"occurred_at": "2025-01-05", "source_id": ids, "event": ["x", "y"] * 9}
    with pytest.raises(DataError, match="for 9 keys") as caught:
        history(rows)
    assert caught.value.found.count("source_id=") == 3


def test_missing_keys_are_left_out_or_named_by_their_content():
    nobody = history({"occurred_at": ["2025-01-01"] * 2, "account_id": ["a", None]}, ["a", None])
    assert codes(nobody) == {("HF004", "usage"): 1, ("HF005", "accounts"): 1}
    nameless = history({"occurred_at": ["2025-01-01"] * 3, "source_id": [None] * 3, "event": ["x", "x", "y"]})
    assert value(nameless, usage.count(), "2025-01-01") == 3  # alike rows without a name are so many events
    held = {
        "account_id": ["a"] * 3,
        "subscription_id": [None, None, "s"],
        "valid_from": "2025-01-01",
        "seats": [1, 2, 4],
    }
    one = history({"occurred_at": ["2025-01-01"]}, subscriptions=held)
    assert value(one, subscriptions.active().sum("seats"), "2025-01-01") == 7


def test_nothing_but_missing_keys_is_refused():
    with pytest.raises(DataError, match=r"HF005 accounts: 1 accounts have neither .*; HF004 usage: 1 of 1 rows"):
        history({"occurred_at": ["2025-01-01"], "account_id": [None]}, [None])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_missing(bad):
    rows = {"occurred_at": ["2025-01-01"] * 3, "duration_min": [bad, 2.0, 4.0], "count": [bad, 1.0, 1.0]}
    one = history(rows)
    assert codes(one) == ({} if np.isnan(bad) else {("HF007", "usage"): 1})
    for leaf, expected in (
        (usage.sum("duration_min"), 6),
        (usage.mean("duration_min"), 3),
        (usage.max("duration_min"), 4),
        (usage.min("duration_min"), 2),
        (usage.distinct("duration_min"), 2),
        (usage.sum("count"), 3),  # a use that does not say how many is one
        (usage.decayed("duration_min"), 6),
    ):
        assert value(one, leaf, "2025-01-01") == pytest.approx(expected, rel=1e-9)
    measured(one, "2025-01-01")


def test_numbers_out_of_all_scale_are_refused_by_the_column():
    with pytest.raises(DataError, match=r"usage\.duration_min: expected numbers whose sum stays below 4e18"):
        value(
            history({"occurred_at": ["2025-01-01"], "duration_min": [1e300]}), usage.sum("duration_min"), "2025-01-01"
        )


def test_sums_of_many_accounts_do_not_meet():
    """Each account has its own 64 bits, and its last digit."""
    ids = [f"a{i}" for i in range(30)]
    rows = {"occurred_at": "2025-01-01", "account_id": ids * 2, "count": [2.0**61] * 30 + [0.5**20] * 30}
    one = history({**rows, "duration_min": [1.0] * 30 + [2.0] * 30}, ids)
    assert {value(one, usage.sum("count"), "2025-01-01", name) for name in ids} == {2.0**61}
    assert {value(one, usage.sum("count", duration_min=2.0), "2025-01-01", name) for name in ids} == {0.5**20}


# --- times


@pytest.mark.parametrize("at", ["1970-01-01 00:00:00.000000", "2199-12-31 23:59:59.999999"])
def test_the_first_and_the_last_instant_that_counts(at):
    one = history({"occurred_at": [at]})
    assert moments(one) == [at]
    assert value(one, usage.count(days=1), at) == 1
    assert value(one, usage.days_since(), at) == 0
    assert measured(one, at)["days_since_usage"].tolist() == [0]


def test_the_whole_span_in_one_history():
    one = history({"occurred_at": ["1970-01-01", "2199-12-31"]})
    told = measured(one, "1970-01-01", "2025-01-01", "2199-12-31")
    assert told["days_since_usage"].tolist() == [0, 20089, 0]
    assert told["tenure_days"].tolist() == [0, 20089, 84005]
    assert value(one, usage.silence(), "2199-12-31") == 84005


@pytest.mark.parametrize("at", ["1969-12-31T23:59:59.999999", "2200-01-01", "1900-01-01", "9999-12-31", "0001-01-01"])
def test_a_record_dated_outside_is_left_out(at):
    one = history({"occurred_at": [at, "2025-01-01"]})
    assert moments(one) == ["2025-01-01 00:00:00.000000"]
    assert codes(one) == {("HF007", "usage"): 1}


def test_a_date_outside_is_told_as_such():
    assert codes(history({"occurred_at": ["1969-12-31", "2025-01-01"]}))["HF007", "usage"] == 1
    both = history({"occurred_at": ["1969-12-31", None, "2025-01-01", "2200-01-01", "2025-01-02"]})
    assert codes(both) == {("HF005", "usage"): 1, ("HF007", "usage"): 2}
    told = {f.code: f.message for f in both.findings}
    assert told["HF005"] == "1 of 5 rows have no date at all"
    assert told["HF007"] == "2 of 5 rows are dated outside 1970 to 2199 and were left out"


def test_another_value_that_is_lost_does_not_date_a_row_outside():
    left = {"account_id": ["a"] * 3, "notice_at": ["2200-01-01", None, None], "ended_at": [None, "1969-01-01", None]}
    assert codes(history({"occurred_at": ["2025-01-01"]}, churn={**left, "kind": ["voluntary"] * 3})) == {
        ("HF005", "churn"): 1,
        ("HF007", "churn"): 2,
    }
    lost = {"occurred_at": [None, "2025-01-01"], "duration_min": [np.inf, 1.0]}
    assert codes(history(lost)) == {("HF005", "usage"): 1}


@pytest.mark.parametrize("batch", [1 << 19, 2])
def test_a_date_outside_is_told_alike_from_memory_and_from_a_store(tmp_path, monkeypatch, batch):
    monkeypatch.setattr(streaming, "BATCH_ROWS", batch)
    source = tmp_path / "source"
    source.mkdir()
    at = pa.array([-86_400, None, 1_735_689_600, 7_258_118_400, 1_735_776_000], pa.timestamp("s")).cast("timestamp[us]")
    pa.parquet.write_table(pa.table({"account_id": ["a"] * 5, "occurred_at": at}), source / "usage.parquet")
    (source / "accounts.csv").write_text("account_id\na\n", encoding="utf-8")
    stored, read = History.build(source, tmp_path / "store"), History.read(source)
    assert codes(read) == codes(stored) == {("HF005", "usage"): 1, ("HF007", "usage"): 2}
    assert read.findings == stored.findings == History.open(tmp_path / "store").findings


def test_zones_may_be_mixed_in_one_column():
    texts = ["2025-01-01T10:00+02:00", "2025-01-01T10:00Z", "2025-01-01T10:00-05:00", "2025-01-01T10:00:00.5+05:45"]
    expected = ["04:15:00.5", "08:00:00.0", "10:00:00.0", "15:00:00.0"]
    stamps = [pd.Timestamp(text) for text in texts]
    for delivered in (texts, stamps, [stamp.to_pydatetime() for stamp in stamps]):
        assert [at[11:21] for at in moments(history({"occurred_at": delivered}))] == expected


@pytest.mark.parametrize("offset", ["+25:00", "+15:00", "-1401", "+02:75", "-23"])
def test_an_offset_that_no_clock_on_earth_has_is_refused(offset):
    sound, odd = "2025-01-01T10:00:00+14:00", f"2025-01-01T10:00:00{offset}"
    with pytest.raises(DataError, match=r"usage, column occurred_at, row 2: expected .* up to 14:00") as caught:
        history({"occurred_at": [sound, odd]})
    assert repr(odd) in caught.value.found
    with pytest.raises(UsageError, match="up to 14:00"):
        to_instant(odd)
    assert f"{to_instant(sound):%Y-%m-%dT%H}" == "2024-12-31T20"


def test_a_time_without_zone_beside_one_with_is_refused_and_alone_is_utc():
    with pytest.raises(DataError, match=r"usage, column occurred_at: expected times that all carry a zone.*row 2"):
        history({"occurred_at": ["2025-01-01T10:00Z", "2025-01-01T10:00"]})
    naive = history({"occurred_at": [pd.Timestamp("2025-01-01 10:00")]})
    assert naive.fingerprint() == history({"occurred_at": [pd.Timestamp("2025-01-01 10:00", tz="UTC")]}).fingerprint()


def test_an_account_dated_outside_and_without_a_record_is_told_as_such():
    accounts = {"account_id": ["a", "b", "c"], "valid_from": ["2025-01-01", "1969-01-01", None]}
    used = {"account_id": ["a"], "occurred_at": ["2025-01-01"]}
    one = History.from_frames({"accounts": pd.DataFrame(accounts), "usage": pd.DataFrame(used)})
    assert codes(one) == {("HF005", "accounts"): 1, ("HF007", "accounts"): 1}


def test_dates_outside_add_up_over_deliveries(tmp_path):
    for name, days in (("one", "1969-12-31 2025-01-01"), ("two", "1969-12-30 2025-01-02")):
        (tmp_path / name).mkdir()
        rows = "".join(f"a,{day},{day}\n" for day in days.split()) + "a,,\na,2025-01-05,\n"
        (tmp_path / name / "usage.csv").write_text("account_id,occurred_at,known_at\n" + rows, encoding="utf-8")
        (tmp_path / name / "accounts.csv").write_text("account_id,known_at\na,2025-01-01\n", encoding="utf-8")
    strict = {"strict_clock": True}
    stored = History.build(tmp_path / "one", tmp_path / "store", **strict).append(tmp_path / "two")
    told = {f.code: f.message for f in stored.findings if f.where == "usage"}
    assert told["HF007"] == "2 of 8 rows are dated outside 1970 to 2199 and were left out"
    assert told["HF021"] == "2 of 4 rows have no known_at and were left out"
    again = stored.until("2025-01-04")
    assert {f.code: f.message for f in again.findings if f.where == "usage"}["HF007"] == told["HF007"]


def test_a_timestamp_without_zone_beside_one_with_is_refused_too():
    zoned, naive = pd.Timestamp("2025-01-01 10:00", tz=BERLIN), pd.Timestamp("2025-01-01 10:00")
    for row, times in ((2, [zoned, naive]), (1, [naive, zoned]), (3, [None, zoned, naive.to_pydatetime()])):
        with pytest.raises(DataError, match=r"frame usage, column occurred_at: expected .* all carry a zone") as caught:
            history({"occurred_at": times})
        assert f"first in row {row}, one without: '2025-01-01 10:00:00'" in caught.value.found
        assert caught.value.do == "add the zone to every time"


def test_an_event_after_its_receipt_happens_at_it():
    one = history({"occurred_at": ["2025-01-05", "2025-01-06"], "known_at": ["2025-01-01", "2025-01-07"]})
    assert codes(one) == {("HF010", "usage"): 1}
    assert [value(one, usage.count(), f"2025-01-0{day}") for day in (1, 6, 7)] == [1, 1, 2]


def test_what_is_known_in_2199_is_not_known_before():
    rows = {"occurred_at": ["2025-01-05", "2025-01-06"], "known_at": ["2199-01-01", "2025-01-06"]}
    one = history(rows, end="2025-02-01")
    assert value(one, usage.count(), "2025-02-01") == 1
    assert (
        one.until("2025-02-01").fingerprint() == history({name: told[1:] for name, told in rows.items()}).fingerprint()
    )
    clocked = history(rows, clock="2025-02-01")
    assert (str(clocked.end), codes(clocked)["HF006", "usage"]) == ("2025-01-06 00:00:00+00:00", 1)
    measured(one, "2025-02-01")


def test_one_row_known_in_2199_does_not_move_the_end_of_a_long_history():
    at = pd.date_range("2025-01-01", periods=2000, freq="h").strftime("%Y-%m-%dT%H:%M")
    one = history({"occurred_at": at, "known_at": [*at[:-1], "2199-01-01"]})
    assert str(one.end)[:10] == "2025-03-25"
    assert codes(one)["HF006", "usage"] == 1


# --- names


BIG = ["9007199254740993", "9007199254740992"]
IDS = ["0012", "12", *BIG, "NA", "None", "nan", "null", "1e3", "1000", " a", "a ", "a", "-", "0", "true"]


def test_ids_are_texts_and_stay_apart(tmp_path):
    n = len(IDS)
    used = pd.DataFrame({"account_id": np.repeat(IDS, range(1, n + 1)), "occurred_at": "2025-01-01"})
    frames = {"accounts": pd.DataFrame({"account_id": IDS}), "usage": used}
    for name, frame in frames.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    for one in (History.from_frames(frames), History.read(tmp_path)):
        told = catalog.measure(one, ["2025-01-01"]).indicators
        assert sorted(one.accounts) == sorted(IDS)
        assert [value(one, usage.count(), "2025-01-01", name) for name in IDS] == list(range(1, n + 1))
        assert len(told) == n


def test_numbers_as_ids_are_the_texts_of_whole_numbers():
    ids = [12, 9007199254740993, 9007199254740992]
    one = history({"occurred_at": ["2025-01-01"] * 3, "account_id": [str(i) for i in ids]}, ids)
    assert sorted(one.accounts) == ["12", "9007199254740992", "9007199254740993"]
    gaps = history({"occurred_at": ["2025-01-01"] * 2, "account_id": [12.0, np.nan]}, [12])
    assert list(gaps.accounts) == ["12"]


def test_ids_that_lost_their_last_digit_as_floats_are_refused():
    with pytest.raises(DataError, match="frame usage, column account_id, row 2: expected text") as caught:
        history(
            {"occurred_at": ["2025-01-01"] * 2, "account_id": [12.0, 9007199254740993.0]},
            ["9007199254740992", "9007199254740993"],
        )
    assert caught.value.do == "deliver the column as text"
    last = history({"occurred_at": ["2025-01-01"], "account_id": [2.0**53 - 1]}, ["9007199254740991"])
    assert (list(last.accounts), len(last.records("usage"))) == (["9007199254740991"], 1)


@pytest.mark.parametrize(
    ("kind", "ids", "row"),
    [
        (pa.float64(), [12.0, None, -(2.0**53)], 3),
        (pa.float64(), [0.5, 1.0, 2.0**60], 3),
        (pa.float32(), [12.0, 2.0**24, 2.0**24 - 1], 2),
    ],
)
def test_ids_that_lost_their_last_digit_are_refused_from_a_file_and_into_a_store(tmp_path, monkeypatch, kind, ids, row):
    monkeypatch.setattr(streaming, "BATCH_ROWS", 2)
    source = tmp_path / "source"
    source.mkdir()
    at = pa.array([pd.Timestamp("2025-01-01")] * 3)
    used = pa.table({"account_id": ["12"] * 3, "person_id": pa.array(ids, kind), "occurred_at": at})
    pa.parquet.write_table(used, source / "usage.parquet")
    (source / "accounts.csv").write_text("account_id\n12\n", encoding="utf-8")
    for read in (lambda: History.read(source), lambda: History.build(source, tmp_path / "store")):
        with pytest.raises(DataError, match=rf"usage\.parquet, column person_id, row {row}: expected text"):
            read()


def test_an_empty_text_is_missing():
    one = history({"occurred_at": ["2025-01-01"] * 3, "person_id": ["", "p", None], "event": ["", "x", None]})
    assert value(one, usage.distinct("person_id"), "2025-01-01") == 1
    assert value(one, usage.distinct("event"), "2025-01-01") == 2  # an event without a name is called by its kind
    nobody = history({"occurred_at": ["2025-01-01"] * 2, "account_id": ["", "a"]}, ["a"])
    assert codes(nobody) == {("HF004", "usage"): 1}


def test_nul_in_names_cuts_nothing_off():
    ids = ["a\0b", "a\0c", "a", "\0", "a\0"]
    rows = {
        "occurred_at": "2025-01-01",
        "account_id": [name for name in ids for _ in range(2)],
        "event": ["x\0y", "x\0z"] * 5,
    }
    one = history(rows, ids)
    assert sorted(one.accounts) == sorted(ids)
    assert all(value(one, usage.distinct("event"), "2025-01-01", name) == 2 for name in ids)
    measured(one, "2025-01-01")


def test_names_of_a_megabyte_are_names(tmp_path):
    long = "x" * 2**20
    one = history(
        {"occurred_at": ["2025-01-01"] * 3, "account_id": [long, long + "y", long], "event": [long] * 3},
        [long, long + "y"],
    )
    assert [value(one, usage.count(event=long), "2025-01-01", name) for name in (long, long + "y")] == [2, 1]
    one.write(tmp_path / "long")
    assert History.read(tmp_path / "long").fingerprint() == one.fingerprint()
    with pytest.raises(DataError) as caught:
        history({"occurred_at": ["2025-01-01"] * 2, "source_id": [long] * 2, "event": ["x", "y"]})
    assert len(str(caught.value)) < 1000


def test_names_of_megabytes_and_nul_in_a_file(tmp_path):
    long = "x" * (3 * 2**20)
    (tmp_path / "accounts.csv").write_text(f'account_id\n{long}\n"b\nc"\n', encoding="utf-8")
    (tmp_path / "usage.csv").write_text(
        f'account_id,occurred_at\n{long},2025-01-01\n"b\nc",2025-01-01\n', encoding="utf-8"
    )
    assert [len(name) for name in History.read(tmp_path).accounts] == [3, len(long)]
    (tmp_path / "usage.csv").write_bytes(b"account_id,occurred_at\nb\0c,2025-01-01\n")
    with pytest.raises(DataError, match=r"usage\.csv, line 2: expected text, found a NUL byte"):
        History.read(tmp_path)


@pytest.mark.parametrize(
    ("ids", "row"), [(["a", None, "b\ud800"], 3), ([1, "\udfff", "a"], 2), ([["x"], ["\ud800"], None], 2)]
)
def test_half_a_surrogate_is_refused(ids, row):
    broken = pd.Series(ids, dtype=object)  # pandas itself refuses it in a column of its own texts
    used = pd.DataFrame({"account_id": broken, "occurred_at": ["2025-01-01"] * 3})
    with pytest.raises(DataError, match=f"frame usage, column account_id, row {row}: expected text") as caught:
        History.from_frames({"accounts": pd.DataFrame({"account_id": ["a"]}), "usage": used})
    str(caught.value).encode()


# --- shapes of companies


def test_one_account_with_half_of_all_events_changes_no_other():
    rng = np.random.default_rng(2)
    n, small = 20_000, [f"s{i:03d}" for i in range(200)]
    at = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 120 * 86_400, 2 * n), unit="s")
    who = np.append(np.full(n, "big"), rng.choice(small, n))
    used = {"occurred_at": at, "account_id": who, "person_id": rng.choice(list("pqrst"), 2 * n), "event": "open"}
    late = at + pd.to_timedelta(rng.choice([0, 0, 3], 2 * n), unit="D")
    days = ["2025-02-10", "2025-04-20T13:00"]
    beside = compared(catalog)  # a place among others does change with them
    names = [one.name for one in catalog if one.tables == ("usage",) and not one.unless and one.name not in beside]
    chosen, told = catalog.select(names), {}
    for name, mask in (("all", who == who), ("big", who == "big"), ("small", who != "big")):
        rows = {column: np.asarray(values)[mask] if np.ndim(values) else values for column, values in used.items()}
        one = history({**rows, "known_at": late[mask]}, sorted(set(who[mask])), end="2025-06-01")
        told[name] = chosen.measure(one, days).indicators
    apart = pd.concat([told["big"], told["small"]])
    pd.testing.assert_frame_equal(told["all"], apart.loc[told["all"].index], check_exact=True)


MEMORY = """
import re, sys
from pathlib import Path
import numpy as np, pandas as pd
from holdfast.features.catalog import catalog
from holdfast.features.history import History

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

def measure(n):
    ids = [f"account-{i:07d}" for i in range(n)]
    at = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(n) % 5000, unit="h")
    accounts = pd.DataFrame({"account_id": ids, "valid_from": "2025-01-01"})
    frames = {"accounts": accounts, "usage": pd.DataFrame({"account_id": ids, "occurred_at": at})}
    history = History.from_frames(frames, end="2025-08-01")
    return len(catalog.measure(history, ["2025-06-01", "2025-07-20"]).indicators)

measure(10)
before = peak()
rows = measure(int(sys.argv[1]))
print(rows, peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc")
def test_many_accounts_with_one_event_each_take_memory_by_their_number():
    told = {}
    for n in (25_000, 100_000):
        done = subprocess.run([sys.executable, "-c", MEMORY, str(n)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        told[n] = [int(word) for word in done.stdout.split()]
    assert told[100_000][0] == 200_000
    assert told[100_000][1] < 4_000 * 100_000
    assert told[100_000][1] < 5 * told[25_000][1]
