"""Growth: the model of expansion, served only where the past shows that it tells more than the base rate."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from holdfast.errors import TooFewEvents
from holdfast.models.expansion import ExpansionModel
from holdfast.serving.opening import expansion_of
from holdfast.training.backtest import Backtest, backtest
from holdfast.training.rows import json_rows
from holdfast.training.verdict import MIN_EVENTS

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.features.snapshot import Snapshot
    from holdfast.serving.plan import Plan
    from holdfast.training.labels import Labels

logger = logging.getLogger("holdfast.growth")
_BASE, _REFITS = "base_rate", 3
_KEPT = ("auc", "skill", "lift_10")


def learn_growth(plan: Plan, history: History, X: Snapshot, y: Labels) -> tuple[ExpansionModel | None, dict[str, Any]]:
    """Test the model of expansion on later rows, and learn it on all of them when it is better than the base rate.

    Parameters
    ----------
    X, y
        The rows, and the labels of churn on them.

    Returns
    -------
    tuple
        The model, or None where nothing tells of growth, too few accounts grew, or the test shows no skill; and what
        the test showed: ``in_words, proven, horizon, accounts, base_rate, figures``, empty where growth is no question.
    """
    labels = expansion_of(plan, history, y)
    if labels is None:
        return None, {}
    labels = labels.on(X.index)
    models = {"expansion": ExpansionModel(seed=plan.model.seed)}
    try:
        tested = backtest(
            models, X, labels, baselines=(_BASE,), retrain_every=max(1, len(X.cutoffs) // _REFITS),
            bootstrap=plan.backtest.bootstrap, seed=plan.model.seed, progress=False,
        )  # fmt: skip
    except TooFewEvents as problem:
        logger.info("expansion was not tested: %s", problem)
        return None, _told("Too few accounts grew to foretell who will.")
    shown = _shown(tested, labels)
    return (ExpansionModel(seed=plan.model.seed).fit(X, labels) if shown["proven"] else None), shown


def _shown(tested: Backtest, labels: Labels) -> dict[str, Any]:
    horizon = max(one.horizon for one in tested.comparisons)
    accounts = next(one.evidence for one in tested.comparisons if one.horizon == horizon)
    rows = tested.metrics().query("model == 'expansion' and horizon == @horizon").set_index("metric")
    table = rows.loc[list(_KEPT), ["value", "low", "high"]].astype(float)
    skill, rate = table.loc["skill"], float(labels.frame[horizon].mean())
    proven = accounts >= MIN_EVENTS and bool(skill["low"] > 0.0)
    words = f"Expansion within {horizon} days, base rate {rate:.1%}: "
    if accounts < MIN_EVENTS:
        words += f"the rarer outcome was seen in {accounts} accounts of the test, and {MIN_EVENTS} are needed"
    elif skill.isna().any():
        words += "no interval was drawn"
    else:
        words += f"skill over the base rate {skill['value']:.3f} ({skill['low']:.3f} to {skill['high']:.3f})"
    words += f"; the scores tell {'its' if proven else 'no'} probability."
    figures = json_rows(table.rename_axis("metric").reset_index())
    return _told(words, proven=proven, horizon=horizon, accounts=accounts, base_rate=rate, figures=figures)


def _told(words: str, **facts: object) -> dict[str, Any]:
    return {"in_words": words, **facts}
