"""Steps shared among processes: each done once, faults told where they are asked for, and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from holdfast.errors import DataError, HoldfastError
from holdfast.serving.sharing import shared


@dataclass(frozen=True)
class Task:
    folder: Path

    def first(self, bucket: int) -> None:
        (self.folder / f"{bucket}.first").write_text(str(os.getpid()))
        time.sleep(0.01)

    def second(self, bucket: int) -> None:
        (self.folder / f"{bucket}.second").write_text((self.folder / f"{bucket}.first").read_text())

    def refuse(self, bucket: int) -> None:
        if bucket == 2:
            raise DataError("bucket 2", "rows", "none", "look at the store")

    def die(self, bucket: int) -> None:
        if bucket == 1:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("processes", [0, 1, 3])
def test_every_step_is_done_once_for_every_bucket(tmp_path: Path, processes: int) -> None:
    with shared(Task(tmp_path), 9, processes) as each:
        each("first")
        each("second")
    told = [(tmp_path / f"{bucket}.second").read_text() for bucket in range(9)]
    assert len(list(tmp_path.iterdir())) == 18
    here = {str(os.getpid())}
    assert set(told) == here if processes < 2 else 1 < len(set(told)) <= 3 and not here.intersection(told)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_fault_is_raised_where_the_step_was_asked_for(tmp_path: Path, processes: int) -> None:
    with pytest.raises(DataError, match="bucket 2: expected rows"), shared(Task(tmp_path), 4, processes) as each:
        each("refuse")


def test_a_process_that_is_ended_is_told(tmp_path: Path) -> None:
    with pytest.raises(HoldfastError, match="short of memory"), shared(Task(tmp_path), 4, 2) as each:
        each("die")


CODE = """
import sys
import time
from pathlib import Path
from tests.worked.test_sharing import Task
from holdfast.serving.sharing import shared
if __name__ == "__main__":
    with shared(Task(Path(sys.argv[1])), 2, 2) as each:
        each("first")
        time.sleep(60)
"""


def test_processes_end_with_the_one_that_was_killed(tmp_path: Path) -> None:
    """They wait for the next step when it is killed, and hear of nobody any more."""
    script = tmp_path / "script.py"
    script.write_text(CODE)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path)], env=environment)
    found = [tmp_path / "0.first", tmp_path / "1.first"]
    _until(lambda: all(one.exists() and one.read_text() for one in found))
    workers = [psutil.Process(int(one.read_text())) for one in found]
    parent.kill()
    parent.wait()
    assert psutil.wait_procs(workers, timeout=30)[1] == []


def _until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
