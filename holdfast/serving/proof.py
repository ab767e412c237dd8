"""The proof beside a bundle: its backtest, kept with the figures and drawings that the report shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.findings import Finding
from holdfast.serving.plots import Plot, draw
from holdfast.serving.workspace import canonical_json, folder_atomic, read_manifest, write_manifest
from holdfast.training.plots import plot_importance, plot_over_time, plot_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from holdfast.training.backtest import Backtest

_CAPTIONS = {
    "calibration": "Calibration: the probability told against the share that left. On the dotted line both agree.",
    "lift": "Lift: the share of all churn that is found by working through the accounts from the riskiest down.",
    "lead_time": "Lead time: of the accounts that left, the share among the riskiest fifth so many weeks before.",
    "held": "Held: of the accounts that left, the share that had stood on the list without a gap for so many days.",
    "trajectory": "Paths: mean health before customers left, and of comparable customers that stayed (dashed).",
    "over_time": "What the churn model reads, by the day on which it was trained anew.",
    "weights": "Weights by dimension and of the heaviest signs, with 90 % intervals; hollow, those set by hand.",
}


@dataclass(frozen=True)
class Proof:
    """What a backtest showed.

    Attributes
    ----------
    result
        ``Backtest.to_dict()``: models, intervals, cutoffs, verdict, and the views.
    evidence
        What stands beside it: green churn, the champion, profit, the audit of the weights.
    findings, notes, left_out
        What was noticed while labelling and learning, and the indicators that were not applicable.
    plots
        Drawings by name.
    """

    result: Mapping[str, Any]
    evidence: Mapping[str, Any] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    notes: Sequence[str] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    plots: Mapping[str, Plot] = field(default_factory=dict)


def write_proof(
    models: Path,
    version: str,
    result: Backtest | None,
    evidence: Mapping[str, Any],
    findings: Sequence[Finding],
    notes: Sequence[str],
    left_out: Mapping[str, str],
) -> Proof:
    """Write ``models/<version>.backtest``: figures, predictions, drawings. Not part of the bundle's hash.

    Parameters
    ----------
    result
        None where there were too few events to test on; that is written down too.
    """
    proof = Proof(result.to_dict() if result else UNTESTED, evidence, findings, notes, left_out)
    with folder_atomic(_folder(models, version)) as folder:
        told = asdict(proof) | {"findings": [one.to_dict() for one in findings]}
        (folder / "backtest.json").write_bytes(canonical_json(told))
        if result:
            result.frame().to_parquet(folder / "predictions.parquet", index=False)
        for name, plot in _paintings(result, evidence).items():
            size = (4.6, 4.6) if name == "weights" else (4.6, 3.4)
            (folder / f"{name}.svg").write_text(draw(name, plot, size), encoding="utf-8")
        write_manifest(folder, {"version": version})
    return read_proof(models, version)


def _paintings(result: Backtest | None, evidence: Mapping[str, Any]) -> dict[str, Callable[[Axes], object]]:
    """Name what can be drawn of what is known."""
    paint: dict[str, Callable[[Axes], object]] = {}
    if result:
        paint |= {"calibration": result.plot_calibration, "lift": result.plot_lift}
        if result.kind != "silence":  # which has no day of churn to look ahead to, or back from
            paint |= {"lead_time": result.plot_lead_time, "held": result.capacity().plot}
            path = result.trajectory()
            paint |= {"trajectory": path.plot} if len(path.rows) else {}
        over_time = result.importance_over_time().query("model == 'churn'")
        if len(over_time):  # the report tells it in its own way
            paint["importance"] = lambda ax: plot_importance(over_time, ax)
        if over_time["trained_at"].nunique() > 1:
            paint["over_time"] = lambda ax: plot_over_time(over_time, ax)
    if evidence.get("weights"):
        paint["weights"] = lambda ax: plot_weights(pd.DataFrame(evidence["weights"]), ax)
    return paint


def read_predictions(models: Path, version: str) -> pd.DataFrame | None:
    """Read the predictions of a bundle's backtest; none where there was none, or they are not as they were written."""
    folder = _folder(models, version)
    if read_manifest(folder) is None or not (folder / "predictions.parquet").is_file():
        return None
    return pd.read_parquet(folder / "predictions.parquet")


def read_proof(models: Path, version: str) -> Proof:
    """Read the proof of a bundle; one that says so when it is absent or not as it was written."""
    from markupsafe import Markup

    folder = _folder(models, version)
    if read_manifest(folder) is None:
        return Proof(UNPROVEN)
    facts = json.loads((folder / "backtest.json").read_bytes())
    drawn = {name: folder / f"{name}.svg" for name in _CAPTIONS if (folder / f"{name}.svg").exists()}
    return Proof(
        result=facts["result"],
        evidence=facts["evidence"],
        findings=[Finding(**one) for one in facts["findings"]],
        notes=facts["notes"],
        left_out=facts["left_out"],
        plots={
            name: Plot(Markup(path.read_text(encoding="utf-8")), _CAPTIONS[name])  # noqa: S704 # ours, hash checked
            for name, path in drawn.items()
        },
    )


def _unknown(why: str) -> dict[str, Any]:
    return {
        "models": {},
        "intervals": {},
        "cutoffs": [],
        "verdict": f"{why}, so nothing is known of how far this can be believed.",
    }


UNTESTED = _unknown("There were too few churn events in the past to test the models on")
UNPROVEN = _unknown("No whole backtest is stored beside this model")


def _folder(models: Path, version: str) -> Path:
    return models / f"{version}.backtest"
