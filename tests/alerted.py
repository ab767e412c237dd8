"""Runs that are served, made by hand: scores and alerts as a real run leaves them, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.serving.alerts.rules import COLUMNS, FIRES
from holdfast.serving.columns import in_order
from holdfast.serving.delivery import write_scores
from holdfast.serving.queue.week import queue
from holdfast.serving.report import Page
from holdfast.serving.scoring import Scores
from holdfast.serving.sections import Queue
from holdfast.serving.workspace import Workspace, folder_atomic, write_manifest

Alert = tuple[str, str] | tuple[str, str, str] | tuple[str, str, str, str]


def judged(*alerts: Alert) -> pd.DataFrame:
    """Write alerts as `rules.judge` does: account and rule, then state (it fires) and sentence."""
    rows = [(*one, *(FIRES, f"{one[1]} of {one[0]}")[len(one) - 2 :]) for one in alerts]
    return pd.DataFrame(rows, columns=COLUMNS).astype(str)


def serve(
    root: Path, day: str, alerts: Sequence[Alert] = (), accounts: Mapping[str, Mapping[str, Any]] | None = None
) -> str:
    """Write a run of a day into a workspace, and serve it."""
    as_of = pd.Timestamp(day, tz="UTC")
    plain = {"score_status": "scored", "health": 50.0, "band": "orange", "currency": "EUR", "as_of": as_of}
    there = accounts or {account: {} for account in sorted({one[0] for one in alerts} - {""}) or ["A1"]}
    rows = pd.DataFrame([{"account_id": account, **plain, **given} for account, given in there.items()])
    scores = Scores(
        as_of, in_order(rows.assign(schema_version=3)), pd.DataFrame(columns=["account_id"]), judged(*alerts)
    )
    place, name = Workspace(root), f"run-{day}"
    with folder_atomic(place.runs / name) as folder:
        write_scores(scores, folder, {}, Page(verdict="", kind="notice"), queue(scores, Queue()).frame())
        write_manifest(folder, {"run_id": name, "as_of": as_of.isoformat()})
    place.point(name)
    return name
