"""A store survives a killed writer, a full disk, a second writer and damaged files."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from holdfast.errors import DataError, LockHeld, PublishError, UsageError
from holdfast.features.history import History, streaming

ACCOUNTS = [f"a{i}" for i in range(6)]
_KILLED = """
import os, signal, sys
from pathlib import Path
from holdfast import safely
from holdfast.features.history import History, building, delivering

left = int(sys.argv[1])
def counting(work):
    def counted(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*args, **kwargs)
    return counted

for module in (safely, building, delivering):
    module.flush = counting(safely.flush)
building.write_records = counting(building.write_records)
building.landed_writer = delivering.landed_writer = counting(building.landed_writer)
Path.replace = counting(Path.replace)
Path.unlink = counting(Path.unlink)
Path.write_bytes = counting(Path.write_bytes)
what, source, store = sys.argv[2:]
if what == "build":
    History.build(source, store, buckets=2)
elif what == "append":
    History.open(store).append(source)
else:
    History.open(store).compact()
"""


def delivery(folder: Path, first: int, days: int) -> Path:
    """Write a few days of usage, and the accounts with the first of them."""
    folder.mkdir(parents=True)
    if first == 0:
        pd.DataFrame({"account_id": ACCOUNTS, "valid_from": "2025-01-01"}).to_csv(folder / "accounts.csv", index=False)
    stamps = [pd.Timestamp("2025-01-01") + pd.Timedelta(days=first + day) for day in range(days)]
    rows = [{"account_id": name, "occurred_at": at, "event": "login"} for at in stamps for name in ACCOUNTS]
    pd.DataFrame(rows).to_csv(folder / "usage.csv", index=False)
    return folder


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def prepared(base: Path, what: str, one: Path, two: Path) -> tuple[Path, Path]:
    store = base / "store"
    if what != "build":
        stored = History.build(one, store, buckets=2)
        if what == "compact":
            stored.append(two)
    return store, (one if what == "build" else two)


def work(what: str, source: Path, store: Path) -> None:
    if what == "build":
        History.build(source, store, buckets=2)
    elif what == "append":
        History.open(store).append(source)
    else:
        History.open(store).compact()


@pytest.mark.parametrize(("what", "points"), [("build", (3, 14)), ("append", (2,)), ("compact", (9,))])
def test_killed_anywhere_and_run_again_leaves_the_bytes_of_a_quiet_run(tmp_path, what, points):
    one, two = delivery(tmp_path / "one", 0, 5), delivery(tmp_path / "two", 5, 3)
    quiet, source = prepared(tmp_path / "quiet", what, one, two)
    work(what, source, quiet)
    for point in points:
        store, _ = prepared(tmp_path / f"killed{point}", what, one, two)
        before = hashes(store) if what != "build" else {}
        arguments = [sys.executable, "-c", _KILLED, str(point), what, str(source), str(store)]
        assert subprocess.run(arguments, capture_output=True).returncode == -9
        if what == "build":
            with pytest.raises(DataError, match="manifest of a store"):
                History.open(store)
        else:
            assert before.items() <= hashes(store).items() or History.open(store).ready
            History.open(store).report()
        work(what, source, store)
        assert hashes(store) == hashes(quiet)


def test_a_full_disk_leaves_the_store_as_it_was(tmp_path):
    one, two = delivery(tmp_path / "one", 0, 5), delivery(tmp_path / "two", 5, 300)
    store = tmp_path / "store"
    stored = History.build(one, store, buckets=2)
    before = hashes(store)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(PublishError, match="what was there before is intact"):
            stored.append(two)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert before.items() <= hashes(store).items()
    assert len(History.open(store).append(two).parts) == 2


def test_a_second_writer_is_refused_and_a_dead_one_is_not_waited_for(tmp_path):
    one, two = delivery(tmp_path / "one", 0, 5), delivery(tmp_path / "two", 5, 3)
    stored = History.build(one, tmp_path / "store")
    with (tmp_path / "store" / ".lock").open("a+") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.truncate(0)
        other.write("4711")
        other.flush()
        with pytest.raises(LockHeld, match="process 4711"):
            stored.append(two)
    assert len(stored.append(two).parts) == 2


def test_a_folder_with_other_things_is_no_place_for_a_store(tmp_path):
    one = delivery(tmp_path / "one", 0, 5)
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"thesis\.txt"):
        History.build(one, tmp_path / "busy")
    assert (tmp_path / "busy" / "thesis.txt").read_text() == "mine"
    History.build(one, tmp_path / "store")
    with pytest.raises(UsageError, match="append to it"):
        History.build(one, tmp_path / "store")


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: {},
        lambda m: {**m, "format": 99},
        lambda m: {**m, "boundaries": [*m["boundaries"], "a1"]},
        lambda m: {**m, "boundaries": [*m["boundaries"][::-1], "a"]},
        lambda m: {**m, "files": {"../../etc/passwd": {"bytes": 1, "sha256": ""}}},
        lambda m: {**m, "files": {"/etc/passwd": {"bytes": 1, "sha256": ""}}},
        lambda m: {**m, "columns": {"../usage": ["account_id"]}},
        lambda m: {**m, "buckets": [{**one, "records": "../../.."} for one in m["buckets"]]},
        lambda m: {name: value for name, value in m.items() if name != "buckets"},
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path, damage):
    History.build(delivery(tmp_path / "one", 0, 5), tmp_path / "store", buckets=2)
    path = tmp_path / "store" / "manifest.json"
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(DataError, match=r"manifest\.json"):
        History.open(tmp_path / "store")


def test_a_store_of_another_format_is_named_as_such(tmp_path):
    History.build(delivery(tmp_path / "one", 0, 20), tmp_path / "store", buckets=2)
    path = tmp_path / "store" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(DataError, match=r"expected a store of format \d+, found 99"):
        History.open(tmp_path / "store")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[1, 2", b"null", b'"store"', b"[" * 100_000])
def test_a_manifest_that_is_no_json_is_refused(tmp_path, content):
    History.build(delivery(tmp_path / "one", 0, 5), tmp_path / "store")
    (tmp_path / "store" / "manifest.json").write_bytes(content)
    with pytest.raises(DataError, match=r"manifest\.json"):
        History.open(tmp_path / "store")


@pytest.mark.parametrize("kind", ["landed", "records"])
def test_damaged_files_are_named(tmp_path, kind):
    stored = History.build(delivery(tmp_path / "one", 0, 5), tmp_path / "store")
    path = next((tmp_path / "store" / kind).rglob("usage/*.parquet"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(DataError, match="usage"):
        stored.verify()
    path.write_bytes(whole[:-9])
    read = stored.records if kind == "records" else lambda _: stored.until(stored.end)
    with pytest.raises(DataError, match="the file of"):
        read("usage")
    path.unlink()
    with pytest.raises(DataError, match="found none"):
        History.open(tmp_path / "store").verify()
    path.symlink_to("/etc/passwd")
    with pytest.raises(DataError, match="found a link"):
        History.open(tmp_path / "store").verify()


def test_a_swapped_file_of_the_same_size_is_found_by_its_hash_or_its_footer(tmp_path):
    stored = History.build(delivery(tmp_path / "one", 0, 5), tmp_path / "store")
    path = next((tmp_path / "store" / "records").rglob("usage/*.parquet"))
    path.write_bytes(os.urandom(path.stat().st_size))
    with pytest.raises(DataError, match="other bytes"):
        stored.verify()
    with pytest.raises(DataError, match="other bytes"):
        next(stored.buckets()).records("usage")


def test_nothing_is_left_of_a_store_that_could_not_be_built(tmp_path):
    source = delivery(tmp_path / "one", 0, 5)
    (source / "usage.csv").write_text("account_id,occurred_at\na0,soon\n")
    with pytest.raises(DataError, match="row 1"):
        History.build(source, tmp_path / "store")
    assert not (tmp_path / "store" / "manifest.json").exists()
    (source / "usage.csv").write_text("account_id,occurred_at\na0,2025-01-02\n")
    assert len(History.build(source, tmp_path / "store").accounts) == 6


@pytest.mark.parametrize(
    ("usage", "found"),
    [
        ("account_id,occurred_at\n", "a header alone"),
        ("", "an empty file"),
        ("account_id,occurred_at\nzz,2025-01-01\n", "accounts"),
        ("occurred_at\n2025-01-01\n", "no account_id"),
        ("account_id,occurred_at\na0,2025-01-01,3\n", "3"),
    ],
)
def test_empty_and_hostile_files_are_refused_as_in_memory(tmp_path, usage, found):
    source = delivery(tmp_path / "one", 0, 5)
    (source / "usage.csv").write_text(usage)
    for attempt in (lambda: History.read(source), lambda: History.build(source, tmp_path / "store")):
        with pytest.raises(DataError, match=found):
            attempt()


@pytest.fixture
def in_batches(monkeypatch):
    monkeypatch.setattr(streaming, "WHOLE_BYTES", 0)
    monkeypatch.setattr(streaming, "BATCH_ROWS", 4)
    real = streaming.csv_options

    def small(*args):
        options = real(*args)
        options["read_options"].block_size = 120
        return options

    monkeypatch.setattr(streaming, "csv_options", small)


def lines(folder: Path, *rows: str, header: str = "account_id;occurred_at;count", zipped: bool = False) -> Path:
    source = delivery(folder, 0, 1)
    (source / "usage.csv").unlink()
    text = "\n".join([header, *rows, ""])
    if zipped:
        (source / "usage.csv.gz").write_bytes(gzip.compress(text.encode()))
    else:
        (source / "usage.csv").write_text(text, encoding="utf-8-sig")
    return source


@pytest.mark.usefixtures("in_batches")
@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_read_in_batches_is_read_as_at_once(tmp_path, zipped):
    rows = [f"a{i % 6};{1 + i % 28:02d}.{1 + i % 12:02d}.2024;{i}" + (",5" if i > 20 else "") for i in range(60)]
    source = lines(tmp_path / "one", *rows, zipped=zipped)
    memory, stored = History.read(source), History.build(source, tmp_path / "store", buckets=3)
    assert stored.fingerprint() == memory.fingerprint()
    assert stored.report().equals(memory.report())
    assert stored.dialects == memory.dialects


@pytest.mark.usefixtures("in_batches")
@pytest.mark.parametrize(
    ("late", "column", "found"),
    [
        ("a1;12/31/2024;1", "occurred_at", "12/31/2024"),
        ("a1;31.12.2024;1.5", "count", "1.5"),
        ("a1;31.12.2024 10:00Z;1", "occurred_at", "zone|Z"),
    ],
)
def test_a_later_row_that_contradicts_the_dialect_is_named(tmp_path, late, column, found):
    rows = [f"a{i % 6};{1 + i % 28:02d}.{1 + i % 12:02d}.2024 10:00;{i},25" for i in range(40)]
    source = lines(tmp_path / "one", *rows, late)
    with pytest.raises(DataError, match=column) as refused:
        History.build(source, tmp_path / "store")
    assert "row 41" in str(refused.value) or "zone" in str(refused.value)
    assert found.split("|")[0] in str(refused.value)
