"""The same inputs, seed and lock give the same bytes, however many threads there are."""

import os
import subprocess
import sys
from pathlib import Path

from tests.leaving import company

CODE = """
import sys
from holdfast.serving.command import run
sys.exit(run(["train", sys.argv[1]]) or run(["score", sys.argv[1]]))
"""
BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def made(folder: Path, threads: int) -> dict[str, bytes]:
    """Train and score in a process of its own; give every file that is left, but for locks and the ledger."""
    plan = company(folder, accounts=330, leavers=300, weeks=60)
    often = plan.read_text().replace('"84d"', '"56d"')
    plan.write_text(f"{often}\n[model]\nthreads = {threads}\n")
    environment = os.environ | dict.fromkeys(BLAS, str(threads))
    subprocess.run([sys.executable, "-c", CODE, str(plan)], env=environment, check=True, capture_output=True)
    out = folder / "out"
    files = (one for one in sorted(out.rglob("*")) if one.is_file() and one.name not in {".lock", "ledger.db"})
    return {str(one.relative_to(out)): one.read_bytes() for one in files}


def test_one_thread_and_two_leave_the_same_bytes(tmp_path: Path) -> None:
    one, two = (made(tmp_path / name, threads) for name, threads in (("one", 1), ("two", 2)))
    names = {Path(name).name for name in one}
    assert {"champion", "model.lgb", "predictions.parquet", "scores.parquet", "report.html"} <= names
    assert set(one) == set(two)
    assert [name for name in one if one[name] != two[name]] == []
