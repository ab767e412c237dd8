"""The model card: what a bundle was learned from and what a reader of its figures must know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.churn import ChurnModel
    from holdfast.models.health import HealthScore
    from holdfast.training.labels import Labels


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


def notes(health: HealthScore, model: ChurnModel) -> list[str]:
    """Collect what both models say of themselves."""
    return list(dict.fromkeys([*health.notes, *model.notes]))
