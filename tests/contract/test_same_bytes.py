"""The same inputs, seed and lock give the same bytes, however many threads there are."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from holdfast.serving import learning, opening
from holdfast.serving.plan import read_plan
from holdfast.serving.starter import write_simulation
from tests.leaving import company

CODE = """
import sys
from holdfast.serving.command import run
sys.exit(run(["train", sys.argv[1]]) or run(["score", sys.argv[1]]))
"""
BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def made(folder: Path, threads: int) -> dict[str, bytes]:
    """Train and score in a process of its own; give what is left."""
    plan = company(folder, accounts=250, leavers=225, weeks=60)
    often = plan.read_text().replace('"84d"', '"56d"')
    plan.write_text(f"{often}\n[model]\nthreads = {threads}\n")
    environment = os.environ | dict.fromkeys(BLAS, str(threads))
    subprocess.run([sys.executable, "-c", CODE, str(plan)], env=environment, check=True, capture_output=True)
    return left(folder / "out")


def left(out: Path) -> dict[str, bytes]:
    """Give every file of a workspace, but for locks and the ledger."""
    files = (one for one in sorted(out.rglob("*")) if one.is_file() and one.name not in {".lock", "ledger.db"})
    return {str(one.relative_to(out)): one.read_bytes() for one in files}


def test_one_thread_and_two_leave_the_same_bytes(tmp_path: Path) -> None:
    one, two = (made(tmp_path / name, threads) for name, threads in (("one", 1), ("two", 2)))
    names = {Path(name).name for name in one}
    assert {"champion", "model.lgb", "predictions.parquet", "scores.parquet", "report.html"} <= names
    assert set(one) == set(two)
    assert [name for name in one if one[name] != two[name]] == []


def test_many_signs_are_weighed_the_same_whatever_the_numerical_libraries_are_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From some hundred columns on they share a product of matrices among threads, and its last digits differ."""
    now = datetime(2026, 1, 2, tzinfo=UTC)
    file = write_simulation(tmp_path, accounts=120, seed=0, months=18)
    file.write_text(
        file.read_text().replace('every = "28d"', 'every = "56d"').replace("[30, 60, 90]", "[90]")
        + "[backtest]\naudits = false\nbootstrap = 20\nretrain_every = 50\n"
    )
    made, allowed = [], set()
    write = learning.write_proof

    def told(*arguments: Any) -> Any:  # views of a backtest are reckoned when they are written
        allowed.update(one["num_threads"] for one in threadpool_info())
        return write(*arguments)

    monkeypatch.setattr(learning, "write_proof", told)
    for threads in (1, 2):
        plan = read_plan(file)
        model = plan.model.model_copy(update={"threads": threads})
        output = plan.output.model_copy(update={"workspace": tmp_path / f"with{threads}"})
        plan = plan.model_copy(update={"model": model, "output": output})
        history = opening.known_on(plan, opening.read_history(plan, now), None)
        with threadpool_limits(threads):
            learning.learn(plan, history, None)
        made.append(left(output.workspace))
    assert set(made[0]) == set(made[1])
    assert [name for name in made[0] if made[0][name] != made[1][name]] == []
    assert allowed == {1}
