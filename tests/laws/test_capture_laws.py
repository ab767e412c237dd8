"""Laws of a change log: read as of a capture, it gives exactly the state that was captured."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from holdfast.features.capture import ChangeLog
from holdfast.features.capture.naming import folder_of, table_of

FIRST = pd.Timestamp("2025-03-01", tz="UTC")
LAW = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.generate],
)
KINDS = {"plan": pa.string(), "seats": pa.int64(), "tags": pa.list_(pa.string())}
Row = dict[str, Any]
values = st.fixed_dictionaries(
    {
        "plan": st.sampled_from([None, "", "a", "b"]),
        "seats": st.sampled_from([None, 0, 7]),
        "tags": st.sampled_from([None, [], ["x"], ["x", None]]),
    }
)
keys = st.sampled_from(["", "1", "2"]).flatmap(lambda end: st.just(("k" + end, len(end))))
states = st.tuples(
    st.dictionaries(keys, values, min_size=1, max_size=4),
    st.sets(st.sampled_from(sorted(KINDS))),
    st.booleans(),
)


def table(rows: dict[tuple[str, int], Row], columns: set[str]) -> pa.Table:
    schema = pa.schema([("name", pa.string()), ("part", pa.int64()), *((one, KINDS[one]) for one in sorted(columns))])
    return pa.Table.from_pylist([{"name": name, "part": part, **row} for (name, part), row in rows.items()], schema)


def filled(row: Row) -> Row:
    """An empty cell and an absent column are the same."""
    return {name: value for name, value in row.items() if value is not None and name in KINDS}


def as_of(versions: list[Row], day: int) -> dict[tuple[str, int], Row]:
    last = {(row["name"], row["part"]): row for row in versions if row["_from"] <= FIRST + pd.Timedelta(days=day)}
    return {key: filled(row) for key, row in last.items() if not row["_deleted"]}


@LAW
@given(days=st.lists(states, min_size=1, max_size=6))
def test_versions_read_as_of_a_capture_are_the_state_captured(days):
    with tempfile.TemporaryDirectory() as folder:
        log, expected, held = ChangeLog(Path(folder)), [], {}
        for day, (rows, columns, complete) in enumerate(days):
            told = {key: filled({name: row[name] for name in columns}) for key, row in rows.items()}
            held = dict(told) if complete else {**held, **told}
            expected.append(held)
            at = FIRST + pd.Timedelta(days=day)
            done = log.add("t", table(rows, columns), ["name", "part"], at, complete=complete, allow_shrink=True)
            former = expected[-2] if day else {}
            assert done.added == len(held.keys() - former.keys())
            assert done.gone == len(former.keys() - held.keys())
            assert done.changed == sum(held[key] != former[key] for key in held.keys() & former.keys())
        versions = log.versions("t").to_pylist()
        assert [as_of(versions, day) for day in range(len(days))] == expected
        moved = sum(one.added + one.changed + one.gone for one in log.captures("t"))
        assert len(versions) == moved, "a version for each change and none else"


@settings(LAW, max_examples=100)
@given(name=st.text(min_size=1, max_size=20))
def test_every_name_of_a_table_comes_back_from_its_folder(name):
    folder = folder_of(name)
    assert table_of(folder) == name
    assert folder == folder.encode("ascii").decode()
    assert not set(folder) & set('/\\:*?"<>|')
    assert folder.strip(".") == folder
