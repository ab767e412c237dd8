"""Runs: a day's scores with their files and their report, written whole, then served."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import holdfast
from holdfast.errors import PublishError, UsageError
from holdfast.safely import sha256_of
from holdfast.serving.bundle import Bundle
from holdfast.serving.columns import horizon
from holdfast.serving.delivery import write_scores
from holdfast.serving.report import Page, render
from holdfast.serving.scoring import Scores
from holdfast.serving.workspace import Workspace, folder_atomic, read_manifest, write_manifest

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.findings import Finding


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    fresh
        Whether it was made now; else it had been there already, made of the same inputs.
    served
        Whether ``current`` points to it, as far as that was asked.
    """

    run_id: str
    folder: Path
    manifest: dict[str, Any]
    fresh: bool = False
    served: bool = False

    def summary(self) -> dict[str, Any]:
        """Tell in plain values what was made."""
        told = ("as_of", "model_version", "counts")
        return {"run": self.run_id, "folder": str(self.folder), "fresh": self.fresh, "served": self.served} | {
            key: self.manifest[key] for key in told
        }


def run_id(history: History, bundle: Bundle, config: str, feedback: str, noticed: Iterable[Finding] = ()) -> str:
    """Name a run by what it is made of: day, model, history as known on the day, settings, and what people set.

    Parameters
    ----------
    history
        As known on the day, see ``History.until``.
    config
        Hash of the settings that can change a score.
    feedback
        Hash of the overrides and snoozes in force, empty where there are none.
    noticed
        What the report tells of the settings that the model was trained under.
    """
    parts = [history.now.isoformat(), bundle.sha256, history.fingerprint(), config, holdfast.__version__, feedback]
    parts += map(str, noticed)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def existing(place: Workspace, name: str) -> Run | None:
    """Find a whole run made of the same inputs."""
    manifest = read_manifest(place.runs / name)
    return None if manifest is None else Run(name, place.runs / name, manifest)


def current(place: Workspace, *names: str) -> Run:
    """Find the run that is served.

    Parameters
    ----------
    names
        The files that must be as they were written; default: all.

    Raises
    ------
    UsageError
        When there is none, or its files are not as they were written.
    """
    manifest = read_manifest(place.current, *names)
    if manifest is None:
        raise UsageError(str(place.current), "a run", "none that is whole", "score first: holdfast score PLAN")
    return Run(manifest["run_id"], place.runs / manifest["run_id"], manifest, served=True)


def read_scores(run: Run) -> Scores:
    """Read the scores of a run back."""
    rows, reasons, alerts = (pd.read_parquet(run.folder / f"{one}.parquet") for one in ("scores", "drivers", "alerts"))
    return Scores(pd.Timestamp(run.manifest["as_of"]), rows, reasons, alerts)


def write_run(
    place: Workspace,
    scores: Scores,
    page: Page,
    card: str,
    facts: dict[str, Any],
    queue: pd.DataFrame,
    entered: str | None = None,
    reasons: Iterable[pd.DataFrame] | None = None,
) -> Run:
    """Write the files of a run.

    Parameters
    ----------
    card
        The model card, which stands beside the report.
    facts
        What the manifest tells besides sizes and hashes; holds ``run_id`` and ``as_of``.
    queue
        Whom to call, in the order of work.
    entered
        The hash of its scores in the ledger, when it was served before and its folder was lost or damaged.
    reasons
        Those of all accounts, some at a time, where the scores hold those of a few.

    Raises
    ------
    PublishError
        When a check fails, the scores are others than those that were served, or the disk refuses; nothing is there
        that was not there before.
    """
    name = facts["run_id"]
    with folder_atomic(place.runs / name) as folder:
        write_scores(scores, folder, {**facts, "verdict": page.verdict, **scores.counts()}, page, queue, reasons)
        (folder / "report.html").write_text(render(scores, page), encoding="utf-8")
        (folder / "card.md").write_text(card, encoding="utf-8")
        _check(folder, scores)
        if entered is not None and sha256_of(folder / "scores.parquet") != entered:
            do = "put the folder of the run back from a copy, or use the libraries it was made with"
            raise PublishError(str(place.runs / name), "the scores that were served", "other scores", do)
        write_manifest(folder, {**facts, "counts": scores.counts()})
    manifest = read_manifest(place.runs / name)
    if manifest is None:
        do = "check the disk, and score again"
        raise PublishError(str(place.runs / name), "the manifest written a moment ago", "none", do)
    return Run(name, place.runs / name, manifest, fresh=True)


def served_day(place: Workspace) -> pd.Timestamp | None:
    """Give the day of the run that is served, none where there is none that is whole."""
    manifest = read_manifest(place.current)
    return None if manifest is None else pd.Timestamp(manifest["as_of"])


def serve(place: Workspace, run: Run) -> Run:
    """Point ``current`` to a run."""
    served = read_manifest(place.current)
    if served is None or served["run_id"] != run.run_id:
        place.point(run.run_id)
    return replace(run, served=True)


def _check(folder: Path, scores: Scores) -> None:
    """Read back what was written before anyone else can, and hold it to what every run promises."""
    chances = [name for name in map(str, scores.rows) if horizon(name)]
    looked_at = ["account_id", "health", "score_status", "score_reason", *chances]
    rows = pd.read_parquet(folder / "scores.parquet", columns=looked_at)
    kept = [column for column in chances if rows[column].notna().any()]
    told = rows[kept].dropna().to_numpy()
    steps = np.diff(told, axis=1)
    unexplained = (rows["score_status"] == "not_scored") & (rows["score_reason"] == "")
    promises = {
        "every account, once": rows["account_id"].is_unique and len(rows) == len(scores.rows),
        "probabilities between 0 and 1": ((told >= 0) & (told <= 1)).all(),
        "probabilities that rise, or fall, with the horizon": (steps >= 0).all() or (steps <= 0).all(),
        "health between 0 and 100": rows["health"].dropna().between(0.0, 100.0).all(),
        "a reason for every account that is not scored": not unexplained.any(),
    }
    for promise, holds in promises.items():
        if not holds:
            do = "report this as a fault; what was served before still is"
            raise PublishError(str(folder), promise, "something else", do)
