"""The model card: what a bundle was learned from and what a reader of its figures must know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.serving.evidence import MODELS, in_words

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.churn import ChurnModel
    from holdfast.models.health import HealthScore
    from holdfast.training.labels import Labels


_SHOWN = frozenset({"churn", "health", "template", "context"})
_KEYS = ("auc", "skill", "skill_context", "ece", "ratio")


def card(health: HealthScore, model: ChurnModel, X: Snapshot, y: Labels, learned_until: pd.Timestamp) -> str:
    """Write the card as Markdown; it holds nothing that varies between runs on the same data."""
    accounts = X.index.get_level_values("account_id").nunique()
    lines = [
        "# Churn model and health score",
        "",
        f"- Churn: {y.kind}, within {', '.join(map(str, y.horizons))} days",
        f"- Learned from what was known on {learned_until:%Y-%m-%d}",
        f"- {accounts} accounts at {len(X.cutoffs)} cutoffs, {X.cutoffs[0]:%Y-%m-%d} to {X.cutoffs[-1]:%Y-%m-%d}",
        *(f"- {int(n)} labels of churn within {days} days" for days, n in y.events.items()),
        f"- {len(X.catalog)} indicators" + (f"; not applicable: {', '.join(sorted(X.left_out))}" if X.left_out else ""),
        *(f"- {note}" for note in notes(health, model)),
        "",
        "## Weights of the health score",
        "",
        "| indicator | dimension | weight |",
        "|---|---|---:|",
        *(f"| {row.title} | {row.dimension} | {row.weight:.1f} |" for row in health.weights.itertuples()),
        "",
        "Meant for accounts of the company it was learned from. The probabilities describe what happens under the care",
        "that accounts received in the past; they do not tell what a measure would change.",
    ]
    return "\n".join(lines) + "\n"


def proven(card: str, result: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Add to the card what the backtest of the model showed, and the run it stands beside.

    Parameters
    ----------
    card
        As `card` wrote it.
    result
        ``Backtest.to_dict()``, or what stands for it where nothing could be tested.
    facts
        What the manifest of the run tells.
    """
    told = [result["verdict"], *in_words(result, {})]
    limits = [
        "Out of scope: other companies, single persons, prices, and any decision without a person.",
        "A health score is high when good, a probability is high when bad.",
    ]
    silent = result.get("groups", {}).get("rows", ())
    refused = dict.fromkeys(f"{row['group']} ({row['kind']})" for row in silent if row["why"])
    if refused:
        limits.append(f"Not judged by themselves, for want of events: {', '.join(refused)}.")
    lines = [
        card.rstrip("\n"), "", "## What the backtest showed", "", *(f"{line}\n" for line in told),
        *_figures(result), "## Limits", "", *(f"- {line}" for line in limits), "", "## Where this comes from", "",
        *(f"- {key.replace('_', ' ')}: {value}" for key, value in facts.items()),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _figures(result: Mapping[str, Any]) -> list[str]:
    """Tabulate what tells the models from what needs none; nothing where nothing was tested."""
    rows = [
        f"| {MODELS.get(name, name)} | {days} | " + " | ".join(_figure(found.get(key)) for key in _KEYS) + " |"
        for name, by_horizon in result["models"].items()
        if name in _SHOWN
        for days, found in by_horizon.items()
    ]
    if not rows:
        return []
    head = [
        "| model | days | AUC | skill | over context | calibration error | told / left |",
        "|---|---:|" + "---:|" * 5,
    ]
    return [*head, *rows, ""]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def notes(health: HealthScore, model: ChurnModel) -> list[str]:
    """Collect what both models say of themselves."""
    return list(dict.fromkeys([*health.notes, *model.notes]))
