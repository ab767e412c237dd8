"""What MLflow is told of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.serving.workspace import Workspace
from holdfast.training.tracking import track

if TYPE_CHECKING:
    from holdfast.serving.bundle import Bundle
    from holdfast.serving.plan import Plan
    from holdfast.serving.proof import Proof
    from holdfast.training.labels import Labels

_LOGGED = ("churn", "cutoffs", "model", "backtest")


def tracked(plan: Plan, bundle: Bundle, proof: Proof, y: Labels) -> None:
    """Log a training to MLflow, where the plan asks for it; a server that is away stops nothing."""
    if not plan.tracking.enabled:
        return
    place = Workspace(plan.output.workspace)
    track(
        bundle.version,
        {f"{section}.{key}": value for section, key, value, _, _ in plan.describe() if section in _LOGGED}
        | {"learned_until": f"{bundle.learned_until:%Y-%m-%d}", "horizons": y.horizons},
        {
            f"{name}_{figure}_{days}": value
            for name, by_horizon in proof.result["models"].items()
            for days, found in by_horizon.items()
            for figure, value in found.items()
        },
        [place.models / bundle.version, place.models / f"{bundle.version}.backtest"],
        uri=plan.tracking.uri or f"sqlite:///{place.root / 'mlflow.db'}",
        experiment=plan.tracking.experiment,
        tags={"model_sha256": bundle.sha256, "verdict": proof.result["verdict"]},
    )
