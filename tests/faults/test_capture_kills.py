"""A change log survives killed captures, full disks, a second writer and damage: whole versions, or a clear refusal."""

from __future__ import annotations

import fcntl
import hashlib
import resource
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from benchmarks import captured
from holdfast.errors import DataError, HoldfastError, LockHeld, PublishError
from holdfast.features.capture import ChangeLog

FIRST = pd.Timestamp("2025-03-01", tz="UTC")
T, SECOND = "crm/customers", "0001-20250302T000000Z.parquet"


def rows(day: int, count: int = 40) -> pa.Table:
    return pa.table({"id": list(range(day, count)), "n": [one * (1 + day * (one % 3)) for one in range(day, count)]})


def add(log: ChangeLog, day: int, count: int = 40) -> None:
    log.add(T, rows(day, count), ["id"], FIRST + pd.Timedelta(days=day))


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def log(tmp_path: Path) -> ChangeLog:
    made = ChangeLog(tmp_path / "log")
    for day in range(3):
        add(made, day)
    return made


@pytest.fixture
def home(log: ChangeLog) -> Path:
    return log.folder / "crm%2Fcustomers"


def test_killed_ten_times_and_run_again_leaves_the_versions_and_bytes_of_a_quiet_run(tmp_path):
    found = captured.compare(tmp_path, kills=10, rows=120, seed=0)
    reached = [one["captures"] for one in found["kills"]]
    assert len(reached) == 10
    assert len(set(reached)) >= 3, "the kills should be spread over the days"
    assert found["same_versions"]
    assert found["same_bytes"]


def test_the_proof_by_kills_tells_other_versions(tmp_path, monkeypatch, capsys):
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        captured.capture(tmp_path / name, 40, seed, days=2)
    one, same, other = (ChangeLog(tmp_path / name) for name in ("one", "same", "other"))
    assert captured.same_versions(one, same)
    assert not captured.same_versions(one, other)
    assert captured.contents(one.folder) == captured.contents(same.folder) != captured.contents(other.folder)
    found = {"kills": [1], "captures": 4, "files": 6, "versions": {T: 9}, "same_versions": True}
    for same_bytes in (True, False):
        monkeypatch.setattr(captured, "compare", lambda *_, same=same_bytes: {**found, "same_bytes": same})
        monkeypatch.setattr(sys, "argv", ["captured", "--kills", "1"])
        assert captured.main() == (0 if same_bytes else 1)
        assert ("DIFFERENT" in capsys.readouterr().out) == (not same_bytes)


def flips(path: Path, count: int) -> Iterator[None]:
    """Flip one bit of a file after another, and put it back."""
    whole = path.read_bytes()
    for place in range(0, len(whole), max(len(whole) // count, 1)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        yield
    path.write_bytes(whole)


def test_no_flipped_byte_is_read_or_built_upon(log, home):
    before = hashes(log.folder)
    for _ in flips(home / SECOND, 8):
        for attempt in (lambda: log.versions(T), lambda: log.scan(T), lambda: add(log, 3)):
            with pytest.raises(DataError, match="SHA-256"):
                attempt()
    for _ in flips(home / "log.json", 25):
        for attempt in (lambda: log.versions(T), log.tables, lambda: add(log, 3)):
            with pytest.raises(DataError, match=r"log\.json.*(SHA-256|a damaged file)"):
                attempt()
    assert hashes(log.folder) == before
    add(log, 3)


def test_a_file_that_is_cut_or_gone_is_named(log, home):
    whole = (home / SECOND).read_bytes()
    (home / SECOND).write_bytes(whole[:-1])
    with pytest.raises(DataError, match=rf"{SECOND}: expected {len(whole)} bytes as written"):
        log.paths(T)
    (home / SECOND).unlink()
    with pytest.raises(DataError, match=rf"{SECOND}.*found none"):
        add(log, 3)


def test_captured_files_are_never_swept_for_want_of_their_log(log, home):
    older = ChangeLog(log.folder.parent / "older")
    add(older, 0)
    shutil.copy(older.folder / home.name / "log.json", home / "log.json")
    before = hashes(home)
    with pytest.raises(DataError, match="at least 2 captures, found 1"):
        add(log, 3)
    assert hashes(home) == before
    (home / "log.json").unlink()
    for attempt in (log.tables, lambda: add(log, 3)):
        with pytest.raises(DataError, match="3 files without it"):
            attempt()
    assert hashes(home) == {name: digest for name, digest in before.items() if name != "log.json"}


def test_leftovers_of_a_killed_capture_do_not_count_and_are_swept(log, home):
    before = hashes(log.folder)
    (home / "0003-20250304T000000Z.parquet").write_bytes(b"half a file")
    (home / ".tmp-capture").mkdir()
    (home / ".tmp-capture" / "rows.parquet").write_bytes(b"PAR1")
    (home / ".tmp-log.json").write_bytes(b"{")
    (home / "notes.txt").write_text("mine")
    assert len(log.versions(T)) == len(ChangeLog(log.folder).versions(T))
    add(log, 2)
    (home / "notes.txt").unlink()
    assert hashes(log.folder) == before


def test_a_full_disk_leaves_what_was_captured(log):
    before = hashes(log.folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
    try:
        with pytest.raises(PublishError, match="what was there before is intact"):
            add(log, 3, 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {name: digest for name, digest in hashes(log.folder).items() if name in before} == before
    add(log, 3, 5000)
    assert len(log.captures(T)) == 4


def test_a_stream_that_breaks_off_leaves_what_was_captured(log):
    def broken() -> Iterator[pa.RecordBatch]:
        yield from rows(3).to_batches()
        raise ConnectionError("gone")

    before = hashes(log.folder)
    with pytest.raises((ConnectionError, HoldfastError)):
        log.add(T, pa.RecordBatchReader.from_batches(rows(3).schema, broken()), ["id"], FIRST + pd.Timedelta(days=9))
    assert hashes(log.folder) == before


def test_a_second_capture_waits_for_nobody(log):
    with (log.folder / ".lock").open("a+") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.truncate(0)
        other.write("4711")
        other.flush()
        with pytest.raises(LockHeld, match="process 4711"):
            add(log, 3)
    add(log, 3)


def test_no_link_is_followed(log, home, tmp_path):
    home.rename(tmp_path / "aside")
    home.symlink_to(tmp_path / "aside")
    with pytest.raises(DataError, match="found a link"):
        add(log, 3)
