"""What was audited, as tables: weights, claims of the literature, and the test itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.serving.evidence.figures import digits, ranged
from holdfast.training.hypotheses.verdicts import VERDICTS

WEIGHTS = 25  # rows of a table


def hypotheses(found: Mapping[str, Any]) -> dict[str, Any]:
    """Show each claim with its figure and verdict, those that could be judged first."""
    if not found:
        return {}
    order = {verdict: place for place, verdict in enumerate(VERDICTS)}
    rows = [
        {
            "id": row["id"],
            "claim": row["claim"],
            "measure": row["measure"],
            "figure": ranged(row, 2),
            "crude": digits(row["crude"], 2) or "-",
            "verdict": row["verdict"],
            "why": row["why"],
        }
        for row in sorted(found["claims"], key=lambda row: order[row["verdict"]])
    ]
    return {"words": found["in_words"], "counted_by": found["counted_by"], "rows": rows}


def claims(inflation: Mapping[str, Any]) -> dict[str, Any]:
    """Show what each protocol would have claimed, the honest one first."""
    if not inflation:
        return {}
    rows = [
        {
            "line": row["line"],
            "wrong": row["wrong"],
            "auc": ranged({"value": row["auc"], "low": row["auc_low"], "high": row["auc_high"]}, 3),
            "more": ranged({"value": row["auc_diff"], "low": row["auc_diff_low"], "high": row["auc_diff_high"]}, 3),
            "skill": digits(row["skill"], 3) or "-",
        }
        for row in inflation["lines"]
    ]
    return {"words": " ".join(inflation["in_words"].values()), "rows": rows}


def nulls(found: Mapping[str, Any]) -> dict[str, Any]:
    """Show the null tests with what came of them."""
    if not found:
        return {}
    rows = [
        {
            "test": row["test"],
            "passed": {True: "passed", False: "failed"}.get(row["passed"], "not judged"),
            "finding": row["finding"],
        }
        for row in found["tests"]
    ]
    return {"words": found["in_words"], "rows": rows}


def weights(evidence: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Show the dimensions, then the heaviest signs, with what a plain regression says of each."""
    deserves = {row["indicator"]: row["deserves"] for row in evidence.get("inference", ())}
    told = []
    for row in evidence.get("weights", ()):
        figures = {name: digits(row[name], 1) or "-" for name in ("weight", "template")}
        whole = not row["indicator"]
        told.append(
            row | figures | {"range": f"{digits(row['low'], 1)} to {digits(row['high'], 1)}", "whole": whole,
                             "heavy": row["weight"], "deserves": deserves.get(row["indicator"], "")}
        )  # fmt: skip
    signs = sorted((row for row in told if not row["whole"]), key=lambda row: -row["heavy"])[:WEIGHTS]
    return [*(row for row in told if row["whole"]), *signs]


def moved(found: Mapping[str, Any]) -> str:
    """Say how far the weights moved from refit to refit; nothing where they were not learned twice."""
    if not found:
        return ""
    return (
        f"Over {found['refits']} refits of the past the weights moved by {found['mean']:.0f} points of 100 on average, "
        f"at most by {found['most']:.0f}; single points are not worth an argument."
    )
