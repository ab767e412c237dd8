"""The state of a fitted health score as JSON-able values, and back to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.features.indicators.curves import Curve
from holdfast.models.anchors import Anchors
from holdfast.models.encoding import Encoding
from holdfast.models.plain import column
from holdfast.models.plain_columns import Reading
from holdfast.models.score_hazard import ScoreHazard
from holdfast.models.template import Template

if TYPE_CHECKING:
    from holdfast.models.health import HealthScore


def state_of(health: HealthScore) -> dict[str, Any]:
    """Lay a fitted score out in plain values."""
    return {
        "parameters": health.get_params() | {"alphas": list(health.alphas), "prior": health.start.to_dict()},
        "classes": health.classes_.tolist(),
        "features": [health.n_features_in_, list(getattr(health, "feature_names_in_", []))],
        **({"reading": health.reading_.to_dict()} if health.reading_ else {}),
        "columns": [[one.name, one.healthy, one.curve.to_dict()] for one in health.columns_ if one.curve],
        "table": health.table_.to_dict("list"),
        "weights": health.weights_.tolist(),
        "before": health.prior_.tolist(),
        "segments": {name: one.to_dict() for name, one in health.segments_.items()},
        "heard": health.heard_,
        "unseen": list(health.unseen_),
        "reference": health.reference_.to_dict(),
        "anchors": [health.anchors_.low, health.anchors_.high],
        "mix": health.mix_.to_dict(),
        "strength": health.strength_,
        "alpha": health.alpha_,
        "events": health.events_,
        "evidence": health.evidence_,
        "horizons": list(health.horizons_),
        "rises": health.rises_,
        "context": None if health.context_ is None else health.context_.to_dict(),
        "hazard": health.hazard_.to_dict(),
    }


def restore(health: HealthScore, state: dict[str, Any]) -> HealthScore:
    """Give an unfitted score what `state_of` laid out."""
    health.classes_, health.n_features_in_ = np.array(state["classes"]), state["features"][0]
    if state["features"][1]:
        health.feature_names_in_ = np.array(state["features"][1], dtype=object)
    health.reading_ = Reading.from_dict(state["reading"]) if "reading" in state else None
    health.columns_ = tuple(column(name, healthy, Curve.from_dict(curve)) for name, healthy, curve in state["columns"])
    health.table_ = pd.DataFrame(state["table"])
    names = pd.Index(state["table"]["indicator"])
    health.weights_ = pd.Series(state["weights"], index=names, name="weight")
    health.prior_ = pd.Series(state["before"], index=names, name="weight")
    health.segments_ = {name: pd.Series(one, name="weight") for name, one in state["segments"].items()}
    health.heard_, health.unseen_ = dict(state["heard"]), tuple(state["unseen"])
    health.reference_ = pd.Series(state["reference"])
    health.anchors_ = Anchors(*state["anchors"])
    health.mix_ = pd.Series(state["mix"], name="share", dtype=float)
    health.strength_, health.alpha_ = state["strength"], state["alpha"]
    health.events_, health.evidence_ = state["events"], state["evidence"]
    health.horizons_, health.rises_ = tuple(state["horizons"]), state["rises"]
    health.context_ = None if state["context"] is None else Encoding.from_dict(state["context"])
    health.hazard_ = ScoreHazard.from_dict(state["hazard"])
    return health


def template_in(state: dict[str, Any]) -> Template | str:
    """Read the template of a state: by its name, where it is shipped under it unchanged."""
    return Template.from_dict(state["parameters"]["prior"]).known
