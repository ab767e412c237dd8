"""Runs: a day's scores with their files and their report, written whole, then served."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import holdfast
from holdfast.errors import PublishError, UsageError
from holdfast.serving.bundle import Bundle
from holdfast.serving.columns import horizon
from holdfast.serving.delivery import write_scores
from holdfast.serving.report import Page, render
from holdfast.serving.scoring import Scores
from holdfast.serving.workspace import Workspace, folder_atomic, read_manifest, write_manifest

if TYPE_CHECKING:
    from holdfast.features.history import History


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    fresh
        Whether it was made now; else it had been there already, made of the same inputs.
    served
        Whether ``current`` points to it.
    """

    run_id: str
    folder: Path
    manifest: dict[str, Any]
    fresh: bool
    served: bool

    def summary(self) -> dict[str, Any]:
        """Tell in plain values what was made."""
        told = ("as_of", "model_version", "counts")
        return {"run": self.run_id, "folder": str(self.folder), "fresh": self.fresh, "served": self.served} | {
            key: self.manifest[key] for key in told
        }


def run_id(history: History, bundle: Bundle, config: str) -> str:
    """Name a run by what it is made of: the day, the model, the history as known on the day, and the settings.

    Parameters
    ----------
    history
        As known on the day, see ``History.until``.
    config
        Hash of the settings that can change a score.
    """
    parts = [history.now.isoformat(), bundle.sha256, history.fingerprint(), config, holdfast.__version__]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def existing(place: Workspace, name: str) -> Run | None:
    """Find a whole run made of the same inputs."""
    manifest = read_manifest(place.runs / name)
    if manifest is None:
        return None
    return Run(name, place.runs / name, manifest, fresh=False, served=_serve(place, name, manifest))


def current(place: Workspace) -> Run:
    """Find the run that is served.

    Raises
    ------
    UsageError
        When there is none, or its files are not as they were written.
    """
    manifest = read_manifest(place.current)
    if manifest is None:
        raise UsageError(str(place.current), "a run", "none that is whole", "score first: holdfast score PLAN")
    return Run(manifest["run_id"], place.runs / manifest["run_id"], manifest, fresh=False, served=True)


def read_scores(run: Run) -> Scores:
    """Read the scores of a run back."""
    rows, reasons = (pd.read_parquet(run.folder / f"{name}.parquet") for name in ("scores", "drivers"))
    return Scores(pd.Timestamp(run.manifest["as_of"]), rows, reasons)


def write_run(place: Workspace, scores: Scores, page: Page, card: str, facts: dict[str, Any]) -> Run:
    """Write the files of a run and serve it, unless it stands for an older day than the one that is served.

    Parameters
    ----------
    card
        The model card, which stands beside the report.
    facts
        What the manifest tells besides sizes and hashes; holds ``run_id`` and ``as_of``.
    """
    name = facts["run_id"]
    with folder_atomic(place.runs / name) as folder:
        write_scores(scores, folder, facts)
        (folder / "report.html").write_text(render(scores, page), encoding="utf-8")
        (folder / "card.md").write_text(card, encoding="utf-8")
        _check(folder, scores)
        write_manifest(folder, {**facts, "counts": scores.counts()})
    manifest = read_manifest(place.runs / name)
    if manifest is None:
        do = "check the disk, and score again"
        raise PublishError(str(place.runs / name), "the manifest written a moment ago", "none", do)
    return Run(name, place.runs / name, manifest, fresh=True, served=_serve(place, name, manifest))


def _serve(place: Workspace, name: str, manifest: dict[str, Any]) -> bool:
    """Point ``current`` to a run unless it stands for an older day; tell whether it points there."""
    served = read_manifest(place.current)
    if served is not None and pd.Timestamp(served["as_of"]) > pd.Timestamp(manifest["as_of"]):
        return False
    if served is None or served["run_id"] != name:
        place.point(name)
    return True


def _check(folder: Path, scores: Scores) -> None:
    """Read back what was written before anyone else can, and hold it to what every run promises."""
    rows = pd.read_parquet(folder / "scores.parquet")
    kept = [column for column in rows if horizon(str(column)) and rows[column].notna().any()]
    chances = rows[kept].dropna().to_numpy()
    steps = np.diff(chances, axis=1)
    unexplained = (rows["score_status"] == "not_scored") & (rows["score_reason"] == "")
    promises = {
        "every account, once": rows["account_id"].is_unique and len(rows) == len(scores.rows),
        "probabilities between 0 and 1": ((chances >= 0) & (chances <= 1)).all(),
        "probabilities that rise, or fall, with the horizon": (steps >= 0).all() or (steps <= 0).all(),
        "health between 0 and 100": rows["health"].dropna().between(0.0, 100.0).all(),
        "a reason for every account that is not scored": not unexplained.any(),
    }
    for promise, holds in promises.items():
        if not holds:
            do = "report this as a fault; what was served before still is"
            raise PublishError(str(folder), promise, "something else", do)
