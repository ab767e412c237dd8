"""The workspace: whole or not at all, one run at a time, the old intact after any error."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.errors import LockHeld, PublishError
from holdfast.serving.workspace import Workspace, folder_atomic, read_manifest, write_atomic, write_manifest


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_replaced_whole_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.csv"
    write_atomic(path, b"old")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert _names(path.parent) == {"a.csv"}


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    write_atomic(path, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PublishError, match="No space left on device"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == {"a.csv"}


def test_a_file_and_a_folder_in_the_place_of_each_other_are_told_and_left(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_bytes(b"mine")
    folder.mkdir()
    with pytest.raises(PublishError, match="file: expected a folder, found a file"):
        write_atomic(file / "new" / "a.csv", b"new")
    with pytest.raises(PublishError, match="file: expected a folder, found a file"), folder_atomic(file / "new"):
        pass
    with pytest.raises(PublishError, match="found a folder"):
        write_atomic(folder, b"new")
    assert file.read_bytes() == b"mine"
    assert _names(tmp_path) == {"file", "folder"}


@pytest.mark.parametrize("problem", [ValueError("a bug"), OSError(28, "No space left on device"), SystemExit(143)])
def test_a_folder_that_fails_half_way_never_appears(tmp_path: Path, problem: BaseException) -> None:
    target = tmp_path / "run"
    with folder_atomic(target) as folder:
        (folder / "scores.csv").write_text("old")
    expected = PublishError if isinstance(problem, OSError) else type(problem)

    def fail() -> None:
        with folder_atomic(target) as folder:
            (folder / "scores.csv").write_text("half")
            raise problem

    with pytest.raises(expected):
        fail()
    assert (target / "scores.csv").read_text() == "old"
    assert _names(tmp_path) == {"run"}


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "run"
    for text in ("old", "new"):
        with folder_atomic(target) as folder:
            (folder / f"{text}.txt").write_text(text)
    assert _names(target) == {"new.txt"}
    assert _names(tmp_path) == {"run"}


def test_current_moves_in_one_step_and_is_relative(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    for run in ("a", "b"):
        with folder_atomic(place.runs / run) as folder:
            (folder / "name").write_text(run)
        place.point(run)
        assert (place.current / "name").read_text() == run
    assert place.current.readlink() == Path("runs/b")
    assert _names(tmp_path) == {"runs", "current"}


def test_a_manifest_tells_whole_from_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    assert read_manifest(tmp_path) is None
    write_manifest(tmp_path, {"as_of": "2026-01-01"})
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    assert manifest["as_of"] == "2026-01-01"
    (tmp_path / "a.txt").write_text("b")
    assert read_manifest(tmp_path) is None


def test_only_one_process_works_in_a_workspace(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from holdfast.serving.workspace import Workspace\n"
        "from holdfast.errors import LockHeld\n"
        "try:\n    Workspace(pathlib.Path(sys.argv[1])).lock().__enter__()\n"
        "except LockHeld as held: print(held); sys.exit(held.exit_code)"
    )
    with Workspace(tmp_path).lock():
        done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert done.returncode == 50, done.stderr
    assert "another run at work" in done.stdout
    assert subprocess.run([sys.executable, "-c", code, tmp_path]).returncode == 0


def test_a_lock_is_refused_within_the_process_too(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    with place.lock(), pytest.raises(LockHeld), place.lock():
        pass


def test_the_lock_clears_what_a_killed_run_left(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    (place.runs / ".tmp-1-abc").mkdir(parents=True)
    (place.runs / ".tmp-1-abc" / "scores.csv").write_text("half")
    (place.runs / "whole").mkdir()
    with place.lock():
        assert _names(place.runs) == {"whole"}


def test_a_workspace_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file is in the way")
    with pytest.raises(PublishError, match="expected a folder, found a file"), Workspace(tmp_path / "out").lock():
        pass


def test_training_and_scoring_do_not_hold_each_other_up_and_clear_their_own_leftovers(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    for folder in (place.models, place.runs):
        (folder / ".tmp-1-abc").mkdir(parents=True)
    with place.training():
        assert (_names(place.models), _names(place.runs)) == ({".lock"}, {".tmp-1-abc"})
        (place.models / ".tmp-2-half").mkdir()
        with place.lock(), pytest.raises(LockHeld), place.training():
            pass
        assert (_names(place.models), _names(place.runs)) == ({".lock", ".tmp-2-half"}, set())


def test_a_lock_that_is_given_back_in_time_is_waited_for(tmp_path: Path) -> None:
    place, code = (
        Workspace(tmp_path),
        (
            "import sys, time, pathlib; from holdfast.serving.workspace import Workspace\n"
            "with Workspace(pathlib.Path(sys.argv[1])).lock(): print(flush=True); sys.stdin.read()"
        ),
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], **pipes) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        with pytest.raises(LockHeld), place.lock():
            pass
        holder.stdin.close()
        with place.lock(patience=60.0):
            pass


def test_what_a_killed_writer_had_moved_aside_goes_back(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    for name in ("a", ".tmp-7-a", ".tmp-7-old-a", ".tmp-7-b", ".tmp-7-old-b"):
        (place.runs / name).mkdir(parents=True)
        (place.runs / name / "file").write_text(name)
    with place.lock():
        assert _names(place.runs) == {"a", "b"}
    assert (place.runs / "a" / "file").read_text() == "a"
    assert (place.runs / "b" / "file").read_text() == ".tmp-7-old-b"
