"""A run made by hand and served in a workspace: rows as they are given, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from holdfast.safely import folder_atomic
from holdfast.serving.columns import in_order
from holdfast.serving.delivery import write_scores
from holdfast.serving.queue.week import queue
from holdfast.serving.report import Page
from holdfast.serving.scoring import Scores
from holdfast.serving.sections import Queue
from holdfast.serving.workspace import Workspace, write_manifest

DAY = pd.Timestamp("2026-01-01", tz="UTC")
RUN = "0123456789abcdef"
BANDS = {
    "horizon": 90,
    "rows": [
        {"model": "health", "band": band, "accounts": seen, "rate": rate, "low": low, "high": high}
        for band, seen, rate, low, high in [
            ("green", 200, 0.01, 0.004, 0.021),
            ("yellow", 20, 0.05, 0.02, 0.1),
            ("orange", 19, 0.2, 0.1, 0.3),
            ("red", 60, 0.3, 0.2, 0.4),
        ]
    ],
}
PLAN = '[data]\npath = "history"\n[churn]\nkind = "notice"\n'


def scores(accounts: Sequence[str], run: str = RUN, day: pd.Timestamp = DAY) -> Scores:
    """Give each account a health of 10, 20, ..., two reasons and the same revenue."""
    n = len(accounts)
    rows = pd.DataFrame(
        {
            "run_id": run,
            "schema_version": 4,
            "as_of": day,
            "account_id": list(accounts),
            "account_name": list(accounts),
            "arr": 1000.0,
            "renewal_date": day + pd.Timedelta(days=60),
            "health": [10.0 * (1 + i % 10) for i in range(n)],
            "band": "red",
            "p30": 0.1,
            "p60": 0.2,
            "p90": [0.3 - 0.001 * i for i in range(n)],
            "score_status": "scored",
        }
    )
    rows["expected_arr_at_risk_90"] = rows["arr"] * rows["p90"]
    told = [(one, rank, f"sign_{rank}", f"reason {rank}") for one in accounts for rank in (1, 2)]
    return Scores(day, in_order(rows), pd.DataFrame(told, columns=["account_id", "rank", "code", "text"]))


def serve(root: Path, told: Scores, language: str = "en", run: str = RUN) -> Workspace:
    """Write the files of a run and point to it; a plan stands beside the workspace."""
    place = Workspace(root / "out")
    page = Page(verdict="fine", kind="notice", language="de" if language == "de" else "en", result={"bands": BANDS})
    with folder_atomic(place.runs / run) as folder:
        write_scores(told, folder, {"run_id": run, "verdict": "fine"}, page, queue(told, Queue()).frame())
        write_manifest(folder, {"run_id": run, "as_of": told.as_of.isoformat(), "counts": told.counts()})
    place.point(run)
    (root / "plan.toml").write_text(PLAN, encoding="utf-8")
    return place
