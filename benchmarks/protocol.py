"""The whole protocol of a backtest as Markdown, and the skill of every model on every data set as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from holdfast.serving.evidence import METRICS, MODELS, in_words, shown

LONGEST = "90"


def markdown(result: Mapping[str, Any]) -> str:
    """Lay out what ``holdfast backtest --json`` printed: words, metrics by horizon, groups, bands, capacity."""
    evidence = result.get("evidence", {})
    told = shown(result, evidence)
    parts = [*in_words(result, evidence), *_green(evidence)]
    for block in told["horizons"]:
        parts.append(f"Within {block['horizon']} days: {block['n']} predictions, {block['events']} followed by churn.")
        head = ["model", *(metric.title for metric in METRICS)]
        parts.append(_table(head, ([row["title"], *map(_cell, row["cells"])] for row in block["rows"])))
    if told["groups"]:
        parts.append("Inside groups, at the longest horizon: AUC, skill over context, told/left.")
        head = ["group", "n", "left", "churn", "", "", "health", "", ""]
        parts.append(_table(head, (_group(row) for row in told["groups"])))
    for score in told["bands"]:
        parts.append(f"Bands of {score['title']}. {score['words']}")
        rows = ([row["band"], row["rows"], row["rate"], row["range"], row["per_decision"]] for row in score["rows"])
        parts.append(_table(["band", "readings", "left", "95 %", "per decision"], rows))
    if told["capacity"]:
        caught = told["capacity"]
        parts.append(f"{caught['calls']} calls at each cutoff, {caught['left']} accounts left.")
        head = [
            "precision",
            "recall",
            "revenue",
            "caught",
            "revenue",
            "held_30",
            "held_60",
            "held_90",
            "dropped",
            "new_a_week",
        ]
        rows = ([f"{row['title']}, by {row['by']}", *map(_cell, row["cells"]), row["alerts"]] for row in caught["rows"])
        parts.append(_table(["model", *head], rows))
    return "\n\n".join(parts)


def picture(results: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw the skill of every model at the longest horizon, with its 95 % interval, one panel per data set."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(
        1, len(results), figsize=(3.1 * len(results), 3.2), sharey=True, layout="constrained", squeeze=False
    )
    names = [name for name in MODELS if any(name in one["models"] for one in results.values())][::-1]
    for ax, (title, result) in zip(panels[0], results.items(), strict=True):
        for place, name in enumerate(names):
            figures = result["models"].get(name, {}).get(LONGEST, {})
            if figures.get("skill") is None:
                continue
            colour = "#0072B2" if name in ("churn", "health") else "#8c8c8c"
            bounds = result["intervals"][name][LONGEST]["skill"]
            if None not in bounds:
                ax.hlines(place, *bounds, color=colour, linewidth=1.6)
            ax.plot(figures["skill"], place, "o", color=colour, markersize=5)
        ax.axvline(0, color="#bbbbbb", linewidth=1)
        ax.set_title(title, fontsize=9)
        ax.set_xlabel("skill, 90 days")
        ax.set_yticks(range(len(names)), [MODELS[name] for name in names])
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _green(evidence: Mapping[str, Any]) -> list[str]:
    return [evidence["green_churn"]["in_words"]] if "green_churn" in evidence else []


def _cell(cell: Mapping[str, str]) -> str:
    return f"{cell['value']} ({cell['range']})" if cell.get("range") else cell["value"]


def _group(row: Mapping[str, Any]) -> list[str]:
    if row["why"]:
        return [f"{row['kind']}: {row['group']}", row["n"], row["events"], row["why"], *[""] * 5]
    return [
        f"{row['kind']}: {row['group']}",
        row["n"],
        row["events"],
        *(_cell(one) if one else "" for one in row["figures"]),
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])
