"""What a backtest showed, laid out for the pages of the report: sentences for the first, tables for the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.serving.evidence import audited, tested
from holdfast.serving.evidence.figures import percent
from holdfast.serving.evidence.titles import METRICS as METRICS
from holdfast.serving.evidence.titles import MODELS as MODELS

ENOUGH = 20  # accounts seen in a band, from which a share of them is told
SCORE = "health"  # the score whose bands are shown to people


def in_words(result: Mapping[str, Any], evidence: Mapping[str, Any]) -> list[str]:
    """Give what stands below the verdict on the first page, in sentences."""
    told = [
        result.get("capacity", {}).get("in_words", {}).get("churn", ""),
        evidence.get("queue", {}).get("in_words", ""),
        result.get("trajectory", {}).get("in_words", {}).get(SCORE, ""),
        evidence.get("champion", {}).get("in_words", ""),
        evidence.get("weights_shift", {}).get("in_words", ""),
        evidence.get("expansion", {}).get("in_words", ""),
    ]
    return [one for one in told if one]


def seen_by_band(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give what the backtest saw of each band: ``accounts``, ``days``, and ``rate, low, high``, None where too few."""
    bands = result.get("bands", {})
    told = {}
    for row in bands.get("rows", ()):
        if row["model"] == SCORE:
            enough = row["rate"] is not None and row["accounts"] >= ENOUGH
            figures = {name: row[name] if enough else None for name in ("rate", "low", "high")}
            told[row["band"]] = {"accounts": row["accounts"], "days": bands["horizon"], **figures}
    return told


def left_by_band(result: Mapping[str, Any]) -> dict[str, str]:
    """Say of each band how many left from it in the past, with the interval; nothing where that was not tested."""
    return {band: _left(one) for band, one in seen_by_band(result).items()}


def _left(seen: Mapping[str, Any]) -> str:
    if seen["rate"] is None:
        return f"no figure, since only {seen['accounts']} accounts were seen in it"
    rate, low, high = (percent(seen[name], 1) for name in ("rate", "low", "high"))
    return f"{rate} ({low} to {high}) churned within {seen['days']} days"


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
