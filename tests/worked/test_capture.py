"""A change log keeps exactly the versions worked out by hand, and refuses what would make it say something untrue."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from holdfast.errors import DataError, UsageError
from holdfast.features.capture import Captured, ChangeLog
from holdfast.features.capture.naming import folder_of, table_of
from holdfast.features.capture.truth import findings, true_since
from holdfast.features.history import History
from holdfast.serving.capturing import summary, told

T = "customers"


def day(number: int) -> pd.Timestamp:
    return pd.Timestamp("2025-03-01", tz="UTC") + pd.Timedelta(days=number - 1)


def state(**columns: list[Any]) -> pa.Table:
    return pa.table(columns)


def add(log: ChangeLog, number: int, rows: pa.Table, **how: Any) -> Captured:
    return log.add(T, rows, ["id"], day(number), **how)


def kept(log: ChangeLog, *names: str) -> list[tuple[Any, ...]]:
    """Give the versions as tuples: the day, whether gone, and the named columns."""
    rows = log.versions(T).to_pylist()
    return [((row["_from"] - day(1)).days + 1, row["_deleted"], *(row[name] for name in names)) for row in rows]


def counts(one: Captured) -> tuple[int, int, int, int, bool]:
    return one.rows, one.added, one.changed, one.gone, one.fresh


def bytes_of(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def log(tmp_path: Path) -> ChangeLog:
    return ChangeLog(tmp_path / "log")


def test_rows_change_vanish_and_come_back(log):
    assert counts(add(log, 1, state(id=["a", "b"], plan=["basic", "pro"]))) == (2, 2, 0, 0, True)
    assert counts(add(log, 2, state(id=["b", "a", "c"], plan=["pro", "plus", None]))) == (3, 1, 1, 0, True)
    assert counts(add(log, 3, state(id=["a", "c"], plan=["plus", None]))) == (2, 0, 0, 1, True)
    assert counts(add(log, 4, state(id=["a", "c"], plan=["plus", None]))) == (2, 0, 0, 0, True)
    assert counts(add(log, 5, state(id=["a", "b", "c"], plan=["plus", "pro", ""]))) == (3, 1, 1, 0, True)
    assert kept(log, "id", "plan") == [
        (1, False, "a", "basic"),
        (1, False, "b", "pro"),
        (2, False, "a", "plus"),
        (2, False, "c", None),
        (3, True, "b", "pro"),
        (5, False, "b", "pro"),
        (5, False, "c", ""),
    ]
    assert log.versions(T).schema.field("_from").type == pa.timestamp("us", tz="UTC")
    assert [path.name[:4] for path in log.paths(T)] == ["0000", "0001", "0002", "0004"]
    assert log.frame()[["rows", "added", "changed", "gone"]].to_numpy().tolist() == [
        [2, 2, 0, 0],
        [3, 1, 1, 0],
        [2, 0, 0, 1],
        [2, 0, 0, 0],
        [3, 1, 1, 0],
    ]
    assert (log.since(T), log.tables(), log.since("other")) == (day(1), (T,), None)


def test_no_older_file_is_rewritten(log):
    add(log, 1, state(id=[1, 2], n=[1, 2]))
    before = bytes_of(log.folder)
    add(log, 2, state(id=[1, 3], n=[5, 2]))
    after = bytes_of(log.folder)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {f"{T}/log.json", f"{T}/0001-20250302T000000Z.parquet"}
    assert before.keys() <= after.keys()


def test_a_partial_load_retires_nothing(log):
    add(log, 1, state(id=[1, 2, 3], n=[1, 2, 3]))
    assert counts(add(log, 2, state(id=[3, 4], n=[9, 4]), complete=False)) == (2, 1, 1, 0, True)
    assert counts(add(log, 3, state(id=[1, 2, 4], n=[1, 2, 4]))) == (3, 0, 0, 1, True)
    assert kept(log, "id", "n")[3:] == [(2, False, 3, 9), (2, False, 4, 4), (3, True, 3, 9)]


def test_what_was_captured_is_captured_once(log):
    states = [state(id=[1, 2], n=[1, 2]), state(id=[1, 3], n=[1, 3]), state(id=[1, 3], n=[1, 3])]
    for number, rows in enumerate(states, 1):
        add(log, number, rows)
    before = bytes_of(log.folder)
    for number, rows in enumerate(states, 1):
        assert counts(add(log, number, rows.take([1, 0]))) == (2, 0, 0, 0, False)
    with pytest.raises(DataError, match=r"the rows that were captured at 2025-03-02.*1 with other values"):
        add(log, 2, state(id=[1, 3], n=[1, 4]))
    with pytest.raises(DataError, match=r"0 rows more, 0 with other values and 1 gone, of 1"):
        add(log, 3, state(id=[1], n=[1]))
    with pytest.raises(UsageError, match="an instant after the last capture"):
        log.add(T, states[0], ["id"], day(2) + pd.Timedelta(hours=1))
    assert bytes_of(log.folder) == before


def test_columns_that_appear_and_vanish(log):
    add(log, 1, state(id=[1, 2], plan=["a", "b"]))
    found = add(log, 2, state(id=[1, 2], plan=["a", "b"], seats=[None, 5])).findings
    assert found == ()
    (found,) = add(log, 3, state(id=[1, 2], plan_name=["a", None], SEATS=[None, 5])).findings
    assert (found.code, found.count) == ("HF060", 1)
    assert "columns gone since 2025-03-03: 'plan' (did you mean 'plan_name'?)" in found.message
    rows = log.versions(T).to_pylist()
    assert [(row["id"], row["plan"], row["seats"], row["plan_name"]) for row in rows] == [
        (1, "a", None, None),
        (2, "b", None, None),
        (2, "b", 5, None),
        (1, None, None, "a"),
        (2, None, 5, None),
    ]
    assert log.findings() == [found]
    assert log.frame()["vanished"].tolist() == ["", "", "plan"]
    add(log, 4, state(id=[1, 2], plan_name=["a", None], seats=[None, 5], plan=["x", "y"]))
    assert log.findings() == []


def test_a_tombstone_keeps_what_was_last_seen(log):
    add(log, 1, state(id=[1, 2, 3], plan=["a", "b", "c"], when=[dt.date(2050, 1, 1)] * 3))
    add(log, 2, state(id=["1", "2"], when=["2050-01-01", "2050-01-01"]))
    assert kept(log, "id", "plan", "when")[3:] == [
        (2, False, "1", None, "2050-01-01"),
        (2, False, "2", None, "2050-01-01"),
        (2, True, "3", "c", "2050-01-01"),
    ]


def test_load_bookkeeping_makes_no_version(log):
    load = {"_fivetran_synced": ["s1"], "_dlt_load_id": ["l1"], "_airbyte_raw_id": ["r1"]}
    add(log, 1, state(id=[1], n=[1], **load))
    assert counts(add(log, 2, state(id=[1], n=[1], **{name: ["x"] for name in load})))[1:4] == (0, 0, 0)
    assert counts(add(log, 3, state(id=[1], n=[2], _dlt_id=["d"])))[1:4] == (0, 1, 0)
    assert log.findings() == []
    assert kept(log, "n", "_dlt_id", "_dlt_load_id") == [(1, False, 1, None, "l1"), (3, False, 2, "d", None)]


def test_what_was_written_back_makes_no_version(log):
    add(log, 1, state(id=[1], n=[1], property_holdfast_health=["50.0"], Holdfast_Band__c=["red"]))
    again = state(id=[1], n=[1], property_holdfast_health=["51.0"], Holdfast_Band__c=["green"], holdfast_p90=["0.1"])
    assert counts(add(log, 2, again))[1:4] == (0, 0, 0)
    assert log.findings() == []


def test_the_same_value_in_another_type_is_no_change(log):
    at = dt.datetime(2050, 1, 1, 12, 30, tzinfo=dt.UTC)
    add(log, 1, state(id=[7], n=[3], f=[0.1], t=[at], x=pa.array(["a"]).dictionary_encode()))
    again = state(id=["7"], n=[3.0], f=["0.1"], t=pa.array([at.replace(tzinfo=None)], pa.timestamp("ms")), x=["a"])
    assert counts(add(log, 2, again))[1:4] == (0, 0, 0)
    assert counts(add(log, 3, state(id=[7], n=[Decimal("3.00")], f=[0.1], t=[at], x=["a"])))[1:4] == (0, 0, 0)
    assert counts(add(log, 4, state(id=[7], n=[3.5], f=[0.1], t=[at], x=["a"])))[1:4] == (0, 1, 0)


def test_neighbouring_cells_and_nested_values_are_told_apart(log):
    add(log, 1, state(id=[1], a=["x"], b=["1:1y"], tags=[["p, q"]], more=[{"k": 1}]))
    assert counts(add(log, 2, state(id=[1], a=["x1:1"], b=["y"], tags=[["p, q"]], more=[{"k": 1}])))[2] == 1
    assert counts(add(log, 3, state(id=[1], a=["x1:1"], b=["y"], tags=[["p", "q"]], more=[{"k": 1}])))[2] == 1
    assert counts(add(log, 4, state(id=[1], a=["x1:1"], b=["y"], tags=[["p", "q"]], more=[{"k": None}])))[2] == 1
    assert counts(add(log, 5, state(id=[1], b=["y"], a=["x1:1"], more=[{"k": None}], tags=[["p", "q"]])))[2] == 0
    last = log.versions(T).to_pylist()[-1]
    assert (last["tags"], last["more"]) == (["p", "q"], {"k": None})


def test_every_type_goes_in_and_comes_out(log):
    values = {
        "text": (pa.large_string(), "ä\x00'\""),
        "view": (pa.string_view(), "v"),
        "blob": (pa.binary(), b"\x00\xff"),
        "flag": (pa.bool_(), True),
        "big": (pa.uint64(), 2**64 - 1),
        "money": (pa.decimal128(38, 9), Decimal("12.345000000")),
        "far": (pa.timestamp("us", tz="UTC"), dt.datetime(9999, 12, 31, tzinfo=dt.UTC)),
        "early": (pa.timestamp("us"), dt.datetime(1, 1, 1)),
        "day": (pa.date32(), dt.date(2050, 1, 1)),
        "time": (pa.time64("us"), dt.time(1, 2, 3, 4)),
        "list": (pa.list_(pa.float64()), [1.5, float("inf")]),
        "map": (pa.map_(pa.string(), pa.int64()), [("k", 1)]),
        "none": (pa.null(), None),
    }
    schema = pa.schema([("id", pa.int64()), *((name, kind) for name, (kind, _) in values.items())])
    row = {"id": 1, **{name: value for name, (_, value) in values.items()}}
    add(log, 1, pa.Table.from_pylist([row], schema=schema))
    assert counts(add(log, 2, pa.Table.from_pylist([row], schema=schema)))[1:4] == (0, 0, 0)
    found = log.versions(T).to_pylist()[0]
    assert {name: found[name] for name in row} == row


def test_rows_may_come_as_a_stream(log):
    rows = state(id=list(range(1000)), n=[1] * 1000)
    stream = pa.RecordBatchReader.from_batches(rows.schema, iter(rows.to_batches(max_chunksize=7)))
    assert counts(add(log, 1, stream)) == (1000, 1000, 0, 0, True)
    assert counts(add(log, 1, rows)) == (1000, 0, 0, 0, False)


def test_a_key_may_have_several_columns(log):
    rows = state(a=["x", "x1:"], b=["1:y", "y"], n=[1, 2])
    log.add(T, rows, ["a", "b"], day(1))
    assert counts(log.add(T, rows, ["A", "B"], day(2)))[1:4] == (0, 0, 0)
    with pytest.raises(UsageError, match=r"expected the key a, b of its first capture, found b, a"):
        log.add(T, rows, ["b", "a"], day(3))


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (
            state(id=["a", "b", "a", "c", "b", "b"]),
            r"each key \(id\) once, found 2 several times: 'a' \(2\); 'b' \(3\)",
        ),
        (state(id=["a", None, " "]), r"a key \(id\) in every row, found 2 rows with an empty one \(rows 2, 3\)"),
        (state(id=pa.array([], pa.string())), "the rows of today, found none"),
        (state(idx=["a"]), "the key column 'id'.*did you mean 'idx'"),
        (state(id=["a"], _from=[1]), "no column _from"),
        (state(id=["a"], n=[1], N=[2]), "differ in more than capitals, found 'n' and 'N'"),
        (state(id=[["a"]]), "a key of plain values"),
        (state(id=["a"], x=pa.array([None], pa.month_day_nano_interval())), "a Parquet file can hold"),
    ],
)
def test_rows_that_cannot_be_told_apart_or_kept_are_refused(log, rows, match):
    with pytest.raises(DataError, match=match):
        add(log, 1, rows)
    assert log.tables() == ()
    assert bytes_of(log.folder) == {}
    add(log, 1, state(id=["a", "b"]))
    before = bytes_of(log.folder)
    with pytest.raises(DataError, match=match):
        add(log, 2, rows)
    assert bytes_of(log.folder) == before


def test_half_an_extract_is_refused_and_let_through_when_meant(log):
    add(log, 1, state(id=list(range(10))))
    add(log, 2, state(id=[1]), complete=False)
    with pytest.raises(DataError, match=r"at least half of the 10 rows of the last capture, found 4") as refused:
        add(log, 3, state(id=list(range(4))))
    assert refused.value.exit_code == 30
    assert counts(add(log, 3, state(id=list(range(4))), allow_shrink=True)) == (4, 0, 0, 6, True)
    add(log, 4, state(id=[0, 1]))


def test_a_key_that_changes_its_type_is_not_lost(log):
    add(log, 1, state(id=["a", "1", "2"]))
    with pytest.raises(DataError, match=r"keys of one type, found int64, where keys that are gone today were string"):
        add(log, 2, state(id=[1, 2]))
    assert len(log.captures(T)) == 1


@pytest.mark.parametrize(
    "name", ["stripe/customers", "../../etc", "Plan", "plan", "aux", "ä b%2F", ".hidden", "a" * 60]
)
def test_a_table_of_any_name_stays_in_its_folder(log, name):
    assert table_of(folder_of(name)) == name
    log.add(name, state(id=[1]), ["id"], day(1))
    log.add("plan.2", state(id=[1]), ["id"], day(1))
    assert log.tables() == tuple(sorted([name, "plan.2"]))
    assert {path.parent.parent for path in log.paths(name)} == {log.folder}
    assert duckdb.sql(f"FROM {log.scan(name)}").columns == ["id", "_from", "_deleted"]


def test_names_that_no_disk_takes_and_tables_that_are_not_there(log):
    for name in ("", "x" * 1_000_000):
        with pytest.raises(UsageError, match="the name of a table"):
            log.add(name, state(id=[1]), ["id"], day(1))
    log.add("customers", state(id=[1]), ["id"], day(1))
    with pytest.raises(UsageError, match="did you mean 'customers'"):
        log.versions("customer")


def test_captures_are_told(log):
    done = [add(log, 1, state(id=[1, 2], plan=["a", "b"])), add(log, 2, state(id=[1, 3], name=["c", "b"]))]
    done += [add(log, 2, state(id=[1, 3], name=["c", "b"])), add(log, 3, state(id=[1, 3], name=["c", "b"]))]
    assert told(done).splitlines() == [
        "customers at 2025-03-01 00:00 UTC: 2 rows, of which 2 new, 0 changed; 0 gone",
        "customers at 2025-03-02 00:00 UTC: 2 rows, of which 1 new, 1 changed; 1 gone",
        str(done[1].findings[0]),
        "customers at 2025-03-02 00:00 UTC: nothing to do, its 2 rows were captured before",
        "customers at 2025-03-03 00:00 UTC: 2 rows, nothing has changed",
    ]
    one = summary(done[1:2])
    assert (one["done"], one["added"], one["gone"], len(one["findings"])) == ("captured", 1, 1, 1)
    assert summary(done[2:3])["done"] == "nothing to do"
    json.dumps(one, default=str)


def company() -> History:
    accounts = {
        "account_id": ["a", "b", "a", "b", "a"],
        "industry": ["it", "law", "it", "law", "it"],
        "segment": [None, None, "S", "L", "M"],
        "known_at": ["2024-01-01", "2024-02-01", "2025-01-10", "2025-01-10", "2025-01-11"],
        "known_basis": ["created", "created", "snapshot", "snapshot", "snapshot"],
    }
    plans = {
        "account_id": ["a", "a"],
        "subscription_id": ["s", "s"],
        "mrr": [5, 6],
        "known_at": ["2024-06-01", "2024-09-01"],
        "known_basis": "history",
    }
    tickets = {
        "account_id": ["a", "b"],
        "ticket_id": ["1", "2"],
        "opened_at": ["2024-03-01", "2024-04-01"],
        "known_at": ["2024-03-01", "2025-01-10"],
        "known_basis": ["created", "snapshot"],
        "priority": ["high", "low"],
    }
    frames = {
        "accounts": pd.DataFrame(accounts),
        "subscriptions": pd.DataFrame(plans),
        "tickets": pd.DataFrame(tickets),
        "usage": pd.DataFrame({"account_id": ["a", "b"], "occurred_at": ["2024-01-05", "2025-02-01"]}),
        "deals": pd.DataFrame({"account_id": ["a"], "deal_id": ["d"], "valid_from": ["2024-05-01"], "amount": [7]}),
        "touchpoints": pd.DataFrame(
            {"account_id": ["a"], "occurred_at": ["2024-05-01"], "known_at": ["2024-05-02"], "kind": ["call"]}
        ),
    }
    return History.from_frames(frames)


def test_since_when_the_past_of_a_history_is_true():
    history = company()
    frame = true_since(history).set_index("table")
    day = {name: dt.date.fromisoformat(text) for name, text in
           {"accounts": "2025-01-10", "subscriptions": "2024-06-01", "touchpoints": "2024-05-02"}.items()}  # fmt: skip
    assert frame["kept_as"].to_dict() == {
        "accounts": "versions",
        "deals": "current state",
        "subscriptions": "versions",
        "tickets": "milestones",
        "touchpoints": "events",
        "usage": "events",
    }
    assert {name: frame.loc[name, "true_since"] for name in day} == day
    assert frame.loc[["deals", "usage"], "true_since"].tolist() == [None, None]
    assert frame.loc["accounts", "missing_before"] == "segment"
    assert "before, all columns but segment" in frame.loc["accounts", "a_backtest_may_use"]
    at = pd.date_range("2024-01-01", "2025-02-01", freq="MS", tz="UTC")
    late = {found.where: found.count for found in findings(history, at) if found.code == "HF062"}
    assert late == {"accounts": 13, "subscriptions": 5, "deals": 14, "tickets": 13}
    assert [found.where for found in findings(history) if found.code == "HF061"] == list(history.tables)


def test_since_when_the_past_of_a_change_log_is_true(log):
    add(log, 1, state(id=[1], plan=["a"], seats=[1]))
    add(log, 3, state(id=[1], plan=["b"], seats=[1]))
    (row,) = true_since(log).to_dict("records")
    assert (row["table"], row["kept_as"], row["true_since"]) == (T, "versions", dt.date(2025, 3, 1))
    assert row["missing_before"] == "plan, seats"
    assert "captured 2 times, every 2 days on average" in row["a_backtest_may_use"]
