"""The scorecard as a page: one account on one day, fit for a meeting about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.models.bands import ACTION
from holdfast.serving import show
from holdfast.serving.columns import records
from holdfast.serving.options import today_of

if TYPE_CHECKING:
    from holdfast.models.scorecard import Scorecard

_TITLES = {"product": "Product", "relationship": "Relationship", "business": "Business"}
_COSTLIEST = 3
SHOWN = 8  # signs of a dimension in sight; the others unfold
_SCALE = (
    "On the scale of the score {low:.1f} reads 40 and {high:.1f} reads 80: with learned weights that is where the "
    "riskiest and the best fifth of the accounts learned from begin."
)
_FOOTER = (
    "Points: what a value is worth, 0 to 100. Weight: of 100 in all. A sign without a value counts as the mean of the "
    "accounts that were learned from."
)


def render(card: Scorecard, about: dict[str, Any]) -> str:
    """Render the page as HTML; whatever a customer typed into a name stays text.

    Parameters
    ----------
    about
        ``account_name, segment, csm`` of the account, and ``grade, model``.
    """
    from holdfast.serving.pages import environment

    band = "" if pd.isna(card.health) else ACTION.of(card.health).name
    parts = (card.account_id, about["segment"], about["csm"] and f"CSM {about['csm']}", f"as of {card.cutoff:%Y-%m-%d}")
    return (
        environment()
        .get_template("scorecard.html.j2")
        .render(
            name=about["account_name"] or card.account_id,
            as_of=f"{card.cutoff:%Y-%m-%d}",
            subtitle=" · ".join(part for part in parts if part),
            summary=summary(card),
            health=_number(card.health),
            band=band,
            grade=about["grade"],
            dimensions=_dimensions(card),
            colour=lambda points: ACTION.of(min(max(points, 0.0), 100.0)).name,
            scale=f"The weighted mean of the points is {card.mean:.1f}. {_SCALE.format(low=card.low, high=card.high)}",
            shown=SHOWN,
            footer=f"{_FOOTER} {about['model']}",
        )
    )


def summary(card: Scorecard) -> str:
    """Say in a sentence how the dimensions stand and what costs most."""
    points = {
        _TITLES[str(name)].lower(): value for name, value in card.dimensions["points"].items() if not pd.isna(value)
    }
    if not points:
        return "Nothing is on record that a score could be made of."
    stand = ", ".join(f"{name} {value:.0f}" for name, value in points.items())
    costly = card.rows[card.rows["lost"] > 0].nlargest(_COSTLIEST, "lost", keep="first")
    costs = "; ".join(f"{one['title']} (-{one['lost']:.1f})" for one in records(costly))
    return f"{stand[0].upper()}{stand[1:]}." + (f" What costs most: {costs}." if costs else "")


def to_dict(card: Scorecard, about: dict[str, Any]) -> dict[str, Any]:
    """Give the card as plain values."""
    return {
        "account_id": card.account_id,
        **about,
        "as_of": card.cutoff,
        "health": _number(card.health),
        "weighted_mean": card.mean,
        "scale": {"40": card.low, "80": card.high},
        "dimensions": {one["dimension"]: show.missing_as_none(one) for one in records(card.dimensions.reset_index())},
        "signs": [show.missing_as_none(one) for one in records(card.rows)],
    }


def drawn(path: Path, account: str) -> tuple[Scorecard, dict[str, Any]]:
    """Draw the card of an account on the last day of a plan, with what `render` needs to know about it.

    Raises
    ------
    UsageError
        When nothing is trained yet, or there is no such account.
    """
    from holdfast.models.scales import GRADES
    from holdfast.models.scorecard import scorecard as card_of
    from holdfast.serving import pipeline
    from holdfast.serving.attributes import attributes

    settings, history = today_of(path)
    bundle = pipeline.bundle_of(settings)
    if account not in history.accounts:
        near = did_you_mean(account, history.accounts) if len(history.accounts) <= 10_000 else "see scores.csv"
        raise UsageError("--account", "an account known on that day", repr(account), near)
    day = pd.DatetimeIndex([history.now], name="cutoff")
    X = bundle.catalog.measure(history, day, bundle.horizons, grace_days=bundle.churn["grace_days"])
    card = card_of(bundle.health, X, account, history)
    told = attributes(history, history.now, pd.Index([account], name="account_id")).iloc[0]
    about = {name: "" if pd.isna(told[name]) else str(told[name]) for name in ("account_name", "segment", "csm")}
    grade = "" if pd.isna(card.health) else GRADES.of(card.health).name
    return card, {**about, "grade": grade, "model": f"Model {bundle.version}."}


def _dimensions(card: Scorecard) -> list[dict[str, Any]]:
    return [
        {
            "title": _TITLES[str(name)],
            "points": _number(one["points"]),
            "weight": one["weight"],
            "coverage": _number(one["coverage"]),
            "signs": [
                {**sign, "points": _number(sign["points"])}
                for sign in records(card.rows[card.rows["dimension"] == name])
            ],
        }
        for name, one in card.dimensions.iterrows()
    ]


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
