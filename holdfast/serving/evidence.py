"""What a backtest showed, laid out for the pages of the report: sentences for the first, tables for the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from holdfast.training.hypotheses.verdicts import VERDICTS

MODELS = {
    "churn": "Churn model",
    "health": "Learned health score",
    "template": "Template and contract dates",
    "context": "Contract context alone",
    "score_40_30_30": "Score 40/30/30 alone",
    "score_40_30_20_10": "Score 40/30/20/10 alone",
    "recency": "Days since last activity",
    "age": "Account age",
    "base_rate": "Base rate",
}
Figures = Mapping[str, Mapping[str, Mapping[str, float | None]]]
Intervals = Mapping[str, Mapping[str, Mapping[str, Sequence[float | None]]]]
OURS = frozenset({"churn", "health"})
SCORE = "health"  # the score whose bands are shown to people
SILENT, WEIGHTS = 12, 25  # rows of a table


@dataclass(frozen=True)
class Metric:
    """A figure of the backtest: its key, its title, what it means, and its digits."""

    key: str
    title: str
    meaning: str
    digits: int


METRICS = (
    Metric(
        "auc", "AUC", "The chance that an account that left had been ranked above one that stayed; 0.5 is a coin.", 3
    ),
    Metric(
        "ap", "Avg. precision", "Precision over all alarm lengths; compare it with the share of accounts that left.", 3
    ),
    Metric("lift_10", "Lift at 10 %", "Among the riskiest tenth, how many times the average share left.", 1),
    Metric("skill", "Skill", "Share of the base rate's log loss that is gone; 0 is no better, negative is worse.", 3),
    Metric(
        "skill_context",
        "Over context",
        "Share of the log loss that is gone of a model that knows contract, segment, tenure and size, but no sign.",
        3,
    ),
    Metric("brier", "Brier", "Mean squared error of the probability; lower is better.", 4),
    Metric(
        "ece",
        "Calibration error",
        "Mean distance between the probability told and the share that left; below the noise it tells nothing.",
        4,
    ),
    Metric("slope", "Slope", "1 is right; below 1 the probabilities are too bold, above 1 too timid.", 2),
    Metric("ratio", "Told/left", "Accounts expected to leave for each that left; 1 is right.", 2),
)


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
        row["band"]: f"{_percent(row['rate'], 1)} churned within {bands['horizon']} days"
        for row in bands.get("rows", ())
        if row["model"] == SCORE and row["rate"] is not None
    }


def shown(result: Mapping[str, Any], evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Lay everything out for the template; a part that is not known is empty."""
    return {
        "horizons": _by_horizon(result.get("models", {}), result.get("intervals", {})),
        "groups": _groups(result.get("groups", {}).get("rows", ())),
        "bands": _bands(result.get("bands", {})),
        "capacity": _capacity(result.get("capacity", {})),
        "green": _green(evidence.get("green_churn", {})),
        "champion": _champion(evidence.get("champion", {})),
        "profit": _profit(evidence.get("profit", {})),
        "claims": _claims(evidence.get("inflation", {})),
        "nulls": _nulls(evidence.get("null_tests", {})),
        "hypotheses": _hypotheses(evidence.get("hypotheses", {})),
        "weights": _weights(evidence),
        "moved": _moved(evidence.get("weights_moved", {})),
    }


def _by_horizon(metrics: Figures, intervals: Intervals) -> list[dict[str, Any]]:
    blocks = []
    for days in sorted({int(days) for by_horizon in metrics.values() for days in by_horizon}):
        found = {name: metrics[name][str(days)] for name in _in_order(metrics) if str(days) in metrics[name]}
        ranges = {name: intervals.get(name, {}).get(str(days), {}) for name in found}
        rows = [
            {
                "title": MODELS.get(name, name),
                "ours": name in OURS,
                "cells": [_cell(figures, ranges[name], metric) for metric in METRICS],
            }
            for name, figures in found.items()
        ]
        sizes = next(iter(found.values()))
        blocks.append({"horizon": days, "n": f"{sizes['n']:,.0f}", "events": f"{sizes['events']:,.0f}", "rows": rows})
    return blocks


def _in_order(metrics: Mapping[str, Any]) -> list[str]:
    return [*(name for name in MODELS if name in metrics), *(name for name in metrics if name not in MODELS)]


def _cell(
    figures: Mapping[str, float | None], ranges: Mapping[str, Sequence[float | None]], metric: Metric
) -> dict[str, str]:
    value, low, high = (
        _digits(one, metric.digits) for one in (figures.get(metric.key), *ranges.get(metric.key, (None, None)))
    )
    note = f"noise to {_digits(figures.get('ece_floor'), metric.digits)}" if metric.key == "ece" else ""
    return {"value": value or "-", "range": f"{low} to {high}" if low and high else "", "note": note}


def _groups(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Show the longest horizon: AUC and skill of our models by group, or why there is none."""
    if not rows:
        return []
    table = pd.DataFrame(rows)
    table, told = table[table["horizon"] == table["horizon"].max()], []
    for (kind, group), mine in table.groupby(["kind", "group"], sort=False):
        cells = {
            (row["model"], row["metric"]): _range(row, 3 if row["metric"] != "ratio" else 2)
            for row in mine.to_dict("records")
        }
        figures = [
            cells.get((model, metric)) for model in ("churn", "health") for metric in ("auc", "skill_context", "ratio")
        ]
        first = mine.iloc[0]
        told.append(
            {
                "kind": KINDS.get(str(kind), kind), "group": group, "n": f"{first['n']:,}",
                "events": f"{first['events']:,}", "why": first["why"], "figures": figures,
                "horizon": int(first["horizon"]),
            }
        )  # fmt: skip
    return told


KINDS = {"exposed": "renewal", "seen": "account", "segment": "segment", "contract": "contract"}


def _range(row: Mapping[str, Any], digits: int) -> dict[str, str]:
    low, high = _digits(row["low"], digits), _digits(row["high"], digits)
    return {"value": _digits(row["value"], digits) or "-", "range": f"{low} to {high}" if low and high else ""}


def _bands(bands: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Show each score with its bands, and its errors in words."""
    told = []
    for model in dict.fromkeys(row["model"] for row in bands.get("rows", ())):
        rows = [
            row
            | {
                "rate": _percent(row["rate"], 1),
                "range": f"{_percent(row['low'], 1)} to {_percent(row['high'], 1)}" if row["low"] is not None else "",
                "per_decision": _percent(row["per_decision"], 1),
            }
            for row in bands["rows"]
            if row["model"] == model
        ]
        words, title = bands["in_words"].get(model, ""), MODELS.get(model, model)
        told.append({"title": title, "rows": rows, "words": words, "horizon": bands["horizon"]})
    return told


def _capacity(capacity: Mapping[str, Any]) -> dict[str, Any]:
    """Show our models and the best known rivals, ranked by probability and by value at stake."""
    if not capacity.get("left"):
        return {}
    names = ("precision", "recall", "arr_recall", "caught", "arr_caught", "held_30", "held_60", "held_90", "dropped")
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in capacity["rows"]:
        found.setdefault((row["model"], row["by"]), {})[row["metric"]] = row
    rows = [
        {
            "title": MODELS.get(model, model),
            "by": "probability times ARR" if by == "value" else "probability",
            "ours": model in OURS,
            "cells": [
                {
                    "value": _percent(one.get(name, {}).get("value")),
                    "range": _percents(one.get(name, {})),
                }
                for name in names
            ],
            "alerts": _digits(one.get("alerts_per_week", {}).get("value"), 1) or "-",
        }
        for (model, by), one in found.items()
        if model in (*OURS, "template", "context", "recency")
    ]
    return {"horizon": capacity["horizon"], "calls": f"{capacity['calls']:.0f}", "left": capacity["left"], "rows": rows}


def _percents(row: Mapping[str, Any]) -> str:
    if row.get("low") is None or row.get("high") is None:
        return ""
    return f"{_percent(row['low'])} to {_percent(row['high'])}"


def _green(green: Mapping[str, Any]) -> dict[str, Any]:
    if not green:
        return {}
    keys = ("fine", "fine_stayed", "warned", "warned_stayed")
    rows = [row | {key: _percent(row[key]) for key in keys} for row in green["signs"][:SILENT]]
    return {"words": green["in_words"], "rows": rows if len(green["accounts"]) else []}


def _champion(champion: Mapping[str, Any]) -> dict[str, Any]:
    if not champion:
        return {}
    rows = [
        {
            "title": "Champion" if row["model"] == "champion" else MODELS.get(row["model"], row["model"]),
            "horizon": row["horizon"],
            "n": f"{row['n']:,}",
            "events": row["events"],
            "auc": _digits(row["auc"], 3) or "-",
            "gain": _range({"value": row["difference"], "low": row["low"], "high": row["high"]}, 3),
            "skill": _range({"value": row["skill"], "low": row["skill_low"], "high": row["skill_high"]}, 3),
        }
        for row in champion["rows"]
    ]
    return {"words": champion["in_words"], "rows": rows}


def _profit(profit: Mapping[str, Any]) -> dict[str, Any]:
    if not profit:
        return {}
    rows = [
        {
            "title": MODELS.get(row["model"], row["model"]),
            "ours": row["model"] in OURS,
            "empb": f"{row['empb']:,.1f}",
            "empb_share": _percent(row["empb_share"]),
            "empc": f"{row['empc']:,.1f}",
            "empc_share": _percent(row["empc_share"]),
        }
        for row in profit["rows"]
    ]
    return {"words": profit["in_words"], "rows": rows}


def _claims(inflation: Mapping[str, Any]) -> dict[str, Any]:
    """Show what each protocol would have claimed, the honest one first."""
    if not inflation:
        return {}
    rows = [
        {
            "line": row["line"],
            "wrong": row["wrong"],
            "auc": _range({"value": row["auc"], "low": row["auc_low"], "high": row["auc_high"]}, 3),
            "more": _range({"value": row["auc_diff"], "low": row["auc_diff_low"], "high": row["auc_diff_high"]}, 3),
            "skill": _digits(row["skill"], 3) or "-",
        }
        for row in inflation["lines"]
    ]
    return {"words": " ".join(inflation["in_words"].values()), "rows": rows}


def _hypotheses(found: Mapping[str, Any]) -> dict[str, Any]:
    """Show each claim with its figure and verdict, those that could be judged first."""
    if not found:
        return {}
    order = {verdict: place for place, verdict in enumerate(VERDICTS)}
    rows = [
        {
            "id": row["id"],
            "claim": row["claim"],
            "measure": row["measure"],
            "figure": _range(row, 2),
            "crude": _digits(row["crude"], 2) or "-",
            "verdict": row["verdict"],
            "why": row["why"],
        }
        for row in sorted(found["claims"], key=lambda row: order[row["verdict"]])
    ]
    return {"words": found["in_words"], "counted_by": found["counted_by"], "rows": rows}


def _nulls(nulls: Mapping[str, Any]) -> dict[str, Any]:
    if not nulls:
        return {}
    rows = [
        {
            "test": row["test"],
            "passed": {True: "passed", False: "failed"}.get(row["passed"], "not judged"),
            "finding": row["finding"],
        }
        for row in nulls["tests"]
    ]
    return {"words": nulls["in_words"], "rows": rows}


def _weights(evidence: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Show the dimensions, then the heaviest signs and those that stand out, with what a plain regression says."""
    deserves = {row["indicator"]: row["deserves"] for row in evidence.get("inference", ())}
    told = []
    for row in evidence.get("weights", ()):
        figures = {name: _digits(row[name], 1) or "-" for name in ("weight", "template")}
        whole = not row["indicator"]
        told.append(
            row | figures | {"range": f"{_digits(row['low'], 1)} to {_digits(row['high'], 1)}", "whole": whole,
                             "heavy": row["weight"], "deserves": deserves.get(row["indicator"], "")}
        )  # fmt: skip
    signs = sorted((row for row in told if not row["whole"]), key=lambda row: -row["heavy"])[:WEIGHTS]
    return [*(row for row in told if row["whole"]), *signs]


def _moved(moved: Mapping[str, Any]) -> str:
    if not moved:
        return ""
    return (
        f"Over {moved['refits']} refits of the past the weights moved by {moved['mean']:.0f} points of 100 on average, "
        f"at most by {moved['most']:.0f}; single points are not worth an argument."
    )


def _digits(value: float | None, digits: int) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.{digits}f}"


def _percent(value: float | None, digits: int = 0) -> str:
    return "-" if value is None or pd.isna(value) else f"{value:.{digits}%}"
