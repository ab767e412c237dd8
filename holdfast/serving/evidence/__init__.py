"""What a backtest showed, laid out for the pages of the report: sentences for the first, tables for the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.serving.evidence import audited, tested
from holdfast.serving.evidence.figures import percent
from holdfast.serving.evidence.titles import METRICS as METRICS
from holdfast.serving.evidence.titles import MODELS as MODELS

SCORE = "health"  # the score whose bands are shown to people


def in_words(result: Mapping[str, Any], evidence: Mapping[str, Any]) -> list[str]:
    """Give what stands below the verdict on the first page, in sentences."""
    told = [
        result.get("capacity", {}).get("in_words", {}).get("churn", ""),
        result.get("trajectory", {}).get("in_words", {}).get(SCORE, ""),
        evidence.get("champion", {}).get("in_words", ""),
    ]
    return [one for one in told if one]


def left_by_band(result: Mapping[str, Any]) -> dict[str, str]:
    """Say of each band how many left from it in the past; nothing where that was not seen."""
    bands = result.get("bands", {})
    return {
        row["band"]: f"{percent(row['rate'], 1)} churned within {bands['horizon']} days"
        for row in bands.get("rows", ())
        if row["model"] == SCORE and row["rate"] is not None
    }


def shown(result: Mapping[str, Any], evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Lay everything out for the template; a part that is not known is empty."""
    return {
        "horizons": tested.by_horizon(result.get("models", {}), result.get("intervals", {})),
        "groups": tested.groups(result.get("groups", {}).get("rows", ())),
        "bands": tested.bands(result.get("bands", {})),
        "capacity": tested.capacity(result.get("capacity", {})),
        "green": tested.green(evidence.get("green_churn", {})),
        "champion": tested.champion(evidence.get("champion", {})),
        "profit": tested.profit(evidence.get("profit", {})),
        "claims": audited.claims(evidence.get("inflation", {})),
        "nulls": audited.nulls(evidence.get("null_tests", {})),
        "hypotheses": audited.hypotheses(evidence.get("hypotheses", {})),
        "weights": audited.weights(evidence),
        "moved": audited.moved(evidence.get("weights_moved", {})),
    }
