"""One account in words, from the run that is served, else scored on the spot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.serving import show
from holdfast.serving.columns import horizon, records
from holdfast.serving.plan import Plan
from holdfast.serving.scoring import Scores

if TYPE_CHECKING:
    from holdfast.features.history import History

_TOLD = (
    *(
        "as_of",
        "account_id",
        "account_name",
        "csm",
        "arr",
        "renewal_date",
        "health",
        "band",
        "grade",
        "percentile",
        "product",
        "relationship",
        "business",
    ),
    *(
        "delta_health_30",
        "p_renew",
        "expected_arr_at_risk_90",
        "score_status",
        "score_reason",
        "run_id",
        "model_version",
    ),
)


def account_story(plan: Plan, account: str, history: Callable[[], History]) -> dict[str, Any]:
    """Collect health, probabilities and reasons of one account.

    Parameters
    ----------
    history
        Reads the history, where no run is served yet.

    Raises
    ------
    UsageError
        When no account has that id.
    """
    scores = _scores(plan, history)
    found = scores.rows[scores.rows["account_id"] == account]
    if found.empty:
        raise UsageError("--account", "an account known on that day", repr(account), _nearest(account, scores))
    row = records(found)[0]
    reasons = scores.reasons[scores.reasons["account_id"] == account].drop(columns="account_id")
    told = {key: value for key, value in row.items() if key in _TOLD or horizon(str(key))}
    return {**show.missing_as_none(told), "drivers": [show.missing_as_none(reason) for reason in records(reasons)]}


def tell_account(story: dict[str, Any]) -> None:
    """Print the story of one account."""
    name = f"{story['account_name']} ({story['account_id']})" if story["account_name"] else story["account_id"]
    show.say(f"{name}, as of {story['as_of']:%Y-%m-%d}")
    if story["score_status"] == "not_scored":
        show.say(f"Not scored: {story['score_reason']}.")
        return
    chances = ", ".join(
        f"{value:.0%} within {horizon(key)} days" for key, value in story.items() if horizon(key) and value is not None
    )
    health = "none" if story["health"] is None else f"{story['health']:.0f} of 100"
    show.say(f"Health {health} ({story['band']}). Churn: {chances}.")
    for reason in story["drivers"]:
        show.say(
            f"  {'+' if reason['direction'] == 'raises' else '-'} {reason['text']}  ({reason['direction']} the risk)"
        )


def tell_backtest(result: dict[str, Any]) -> None:
    """Print the verdict of a backtest, and its figures by model and horizon."""
    from holdfast.serving.report import METRICS

    show.say(" ".join(filter(None, [result["verdict"], tell_untested(result)])))
    columns = ["model", "horizon", "n", "events", *(metric.key for metric in METRICS)]
    blocks = [(name, days, one) for name, by_horizon in result["models"].items() for days, one in by_horizon.items()]
    show.table([{"model": name, "horizon": days, **one} for name, days, one in blocks], columns)


def tell_untested(result: Mapping[str, Any]) -> str:
    """Name the horizons that a backtest could not test, and why; nothing when it tested all.

    Examples
    --------
    >>> tell_untested({"dropped": {"90": "no settled label in the test"}})
    'Not tested: 90 days (no settled label in the test).'
    """
    told = ", ".join(f"{days} days ({why})" for days, why in result.get("dropped", {}).items())
    return told and f"Not tested: {told}."


def tell_riskiest(rows: pd.DataFrame) -> list[str]:
    """Write one sentence per account, riskiest first."""
    return [_sentence(row) for row in records(rows)]


def _sentence(row: dict[str, Any]) -> str:
    days, chance = max(
        (horizon(str(key)) or 0, value) for key, value in row.items() if horizon(str(key)) and not pd.isna(value)
    )
    why = "; ".join(row[f"driver_{rank}"] for rank in (1, 2, 3) if row[f"driver_{rank}"])
    stake = "" if pd.isna(row["arr"]) else f", {row['arr']:,.0f} ARR"
    name = row["account_name"] or row["account_id"]
    health = row["band"] if pd.isna(row["health"]) else f"health {row['health']:.0f}"
    return f"{name} ({health}{stake}): {chance:.0%} within {days} days. {why}."


def _scores(plan: Plan, history: Callable[[], History]) -> Scores:
    from holdfast.serving.runs import current, read_scores
    from holdfast.serving.workspace import Workspace

    try:
        return read_scores(current(Workspace(plan.output.workspace)))
    except UsageError:
        from holdfast.serving import opening, pipeline

        bundle = pipeline.bundle_of(plan)
        return pipeline.score_day(plan, opening.known_on(plan, history(), None), bundle)[0]


def _nearest(account: str, scores: Scores) -> str:
    ids = scores.rows["account_id"]
    return (
        did_you_mean(account, ids)
        if len(ids) <= 20
        else did_you_mean(account, ids).partition("known are")[0] or "see scores.csv"
    )
