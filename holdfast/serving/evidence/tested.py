"""What was tested, as tables: models by horizon and by group, bands, capacity, money, the champion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from holdfast.serving.evidence.figures import digits, percent, percents, ranged
from holdfast.serving.evidence.titles import METRICS, MODELS, OURS, Metric

Figures = Mapping[str, Mapping[str, Mapping[str, float | None]]]
Intervals = Mapping[str, Mapping[str, Mapping[str, Sequence[float | None]]]]
KINDS = {"exposed": "renewal", "seen": "account", "segment": "segment", "contract": "contract"}
SILENT = 12  # rows of a table


def by_horizon(metrics: Figures, intervals: Intervals) -> list[dict[str, Any]]:
    """Show every model at every horizon, ours first."""
    blocks = []
    for days in sorted({int(days) for found in metrics.values() for days in found}):
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
        digits(one, metric.digits) for one in (figures.get(metric.key), *ranges.get(metric.key, (None, None)))
    )
    note = f"noise to {digits(figures.get('ece_floor'), metric.digits)}" if metric.key == "ece" else ""
    return {"value": value or "-", "range": f"{low} to {high}" if low and high else "", "note": note}


def groups(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Show the longest horizon: AUC and skill of our models by group, or why there is none."""
    if not rows:
        return []
    table = pd.DataFrame(rows)
    table, told = table[table["horizon"] == table["horizon"].max()], []
    for (kind, group), mine in table.groupby(["kind", "group"], sort=False):
        cells = {
            (row["model"], row["metric"]): ranged(row, 3 if row["metric"] != "ratio" else 2)
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


def bands(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Show each score with its bands, and its errors in words."""
    told = []
    for model in dict.fromkeys(row["model"] for row in found.get("rows", ())):
        rows = [
            row
            | {
                "rate": percent(row["rate"], 1),
                "range": f"{percent(row['low'], 1)} to {percent(row['high'], 1)}" if row["low"] is not None else "",
                "per_decision": percent(row["per_decision"], 1),
            }
            for row in found["rows"]
            if row["model"] == model
        ]
        words, title = found["in_words"].get(model, ""), MODELS.get(model, model)
        told.append({"title": title, "rows": rows, "words": words, "horizon": found["horizon"]})
    return told


def capacity(found: Mapping[str, Any]) -> dict[str, Any]:
    """Show our models and the best known rivals, ranked by probability and by value at stake."""
    if not found.get("left"):
        return {}
    names = ("precision", "recall", "arr_recall", "caught", "arr_caught", "held_30", "held_60", "held_90", "dropped")
    by_model: dict[tuple[str, str], dict[str, Any]] = {}
    for row in found["rows"]:
        by_model.setdefault((row["model"], row["by"]), {})[row["metric"]] = row
    rows = [
        {
            "title": MODELS.get(model, model),
            "by": "probability times ARR" if by == "value" else "probability",
            "ours": model in OURS,
            "cells": [
                {
                    "value": percent(one.get(name, {}).get("value")),
                    "range": percents(one.get(name, {})),
                }
                for name in names
            ],
            "alerts": digits(one.get("alerts_per_week", {}).get("value"), 1) or "-",
        }
        for (model, by), one in by_model.items()
        if model in (*OURS, "template", "context", "recency")
    ]
    return {"horizon": found["horizon"], "calls": f"{found['calls']:.0f}", "left": found["left"], "rows": rows}


def green(found: Mapping[str, Any]) -> dict[str, Any]:
    """Show the healthy ones that left, sign by sign."""
    if not found:
        return {}
    keys = ("fine", "fine_stayed", "warned", "warned_stayed")
    rows = [row | {key: percent(row[key]) for key in keys} for row in found["signs"][:SILENT]]
    return {"words": found["in_words"], "rows": rows if len(found["accounts"]) else []}


def champion(found: Mapping[str, Any]) -> dict[str, Any]:
    """Show the model in service beside the others."""
    if not found:
        return {}
    rows = [
        {
            "title": "Champion" if row["model"] == "champion" else MODELS.get(row["model"], row["model"]),
            "horizon": row["horizon"],
            "n": f"{row['n']:,}",
            "events": row["events"],
            "auc": digits(row["auc"], 3) or "-",
            "gain": ranged({"value": row["difference"], "low": row["low"], "high": row["high"]}, 3),
            "skill": ranged({"value": row["skill"], "low": row["skill_low"], "high": row["skill_high"]}, 3),
        }
        for row in found["rows"]
    ]
    return {"words": found["in_words"], "rows": rows}


def profit(found: Mapping[str, Any]) -> dict[str, Any]:
    """Show what each ranking is worth in money."""
    if not found:
        return {}
    rows = [
        {
            "title": MODELS.get(row["model"], row["model"]),
            "ours": row["model"] in OURS,
            "empb": f"{row['empb']:,.1f}",
            "empb_share": percent(row["empb_share"]),
            "empc": f"{row['empc']:,.1f}",
            "empc_share": percent(row["empc_share"]),
        }
        for row in found["rows"]
    ]
    return {"words": found["in_words"], "rows": rows}
