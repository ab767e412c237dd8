"""Write a bundle to be kept, once for each schema: ``python -m tests.kept.make`` at the commit that adds one."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

from holdfast.features.catalog.collection import Catalog
from holdfast.features.catalog.own import own_indicators
from holdfast.features.simulate import simulate
from holdfast.features.time import cutoffs
from holdfast.models.churn import ChurnModel
from holdfast.models.health import HealthScore
from holdfast.models.trees import fit_trees
from holdfast.serving.bundle import SCHEMA, write_bundle
from holdfast.training.labels import label

HERE = Path(__file__).parent
CHURN = {"kind": "notice", "grace_days": 14.0}


def signs() -> Catalog:
    """Give the indicators of the bundles that are kept."""
    return Catalog(()).adding(*own_indicators(HERE / "signs.py", Catalog(())))


def small(*given: Any, **options: Any) -> Any:
    return fit_trees(*given, **(options | {"rounds": 12}))


def make(models: Path) -> str:
    """Train on a simulated company, with a few trees, and write the bundle; return its version."""
    history = simulate(accounts=100, seed=3, months=18)
    days = cutoffs(history, "56d")
    y, X = label(history, days, (30, 90)), signs().measure(history, days, (30, 90))
    with (
        patch("holdfast.models.members.TREES_FROM", 5),
        patch("holdfast.models.rehearsal.TREES_FROM", 5),
        patch("holdfast.models.members.fit_trees", small),
    ):
        health, model = HealthScore().fit(X, y.on(X.index)), ChurnModel().fit(X, y.on(X.index))
    made = write_bundle(
        models, health, model, X, churn=CHURN, learned_until=history.now, card="# Kept\n", known=signs()
    )
    return made.version


if __name__ == "__main__":
    make(HERE / f"schema_{SCHEMA}")
