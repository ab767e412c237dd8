"""The verdict in words: what beats the best baseline, at which horizons and by how much, or that nothing does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

from holdfast.training.phrases import capital, in_days, joined

BASELINES = ("base_rate", "age", "recency", "context", "score_40_30_30", "score_40_30_20_10", "template")
RANKING = BASELINES[1:]  # the base rate ranks nobody; pooled over refits its AUC only tells that churn has a trend
MIN_EVENTS = 50  # accounts with the rarer outcome, below which no order of models is read out

_NAMES = {
    "base_rate": "the base rate",
    "age": "account age",
    "recency": "days since last activity",
    "context": "the contract context",
    "score_40_30_30": "the 40/30/30 score alone",
    "score_40_30_20_10": "the 40/30/20/10 score alone",
    "template": "the template with contract dates",
    "churn": "the churn model",
    "health": "the learned health score",
    "score": "the score",
}


@dataclass(frozen=True)
class Comparison:
    """One model against the best baseline at one horizon, on the same rows.

    Attributes
    ----------
    difference, low, high
        Difference of the AUC with its paired 95 % interval, missing when it is not defined.
    evidence
        Accounts with the rarer outcome in the test.
    """

    model: str
    baseline: str
    horizon: int
    difference: float
    low: float
    high: float
    evidence: int

    @property
    def beats(self) -> bool:
        """Whether the model is better beyond chance, by as much as is printed."""
        return round(self.low, 3) > 0


def verdict(comparisons: Sequence[Comparison], horizons: Sequence[int]) -> str:
    """Say in words what the comparisons show.

    Examples
    --------
    >>> verdict([Comparison("churn", "age", h, 0.01, -0.02, 0.04, 120) for h in (30, 60, 90)], (30, 60, 90))
    'Nothing beats account age at 30, 60 and 90 days.'
    >>> verdict([Comparison("churn", "recency", 30, 0.081, 0.052, 0.11, 300)], (30,))
    'The churn model beats days since last activity at 30 days, by 0.081 AUC (0.052 to 0.110).'
    """
    if not comparisons:
        return "Only baselines were tested."
    if (
        all(isnan(one.low) for one in comparisons if one.evidence >= MIN_EVENTS)
        and comparisons[0].evidence >= MIN_EVENTS
    ):
        return "No intervals were drawn, so no model is said to beat another."
    by_horizon = {h: [one for one in comparisons if one.horizon == h] for h in horizons}
    judged = {h: found for h, found in by_horizon.items() if found and found[0].evidence >= MIN_EVENTS}
    sentences = [_winner(name, judged) for name in _winners(judged)]
    open_ = {h: found for h, found in judged.items() if not any(one.beats for one in found)}
    sentences += [_nothing(open_)] if open_ else []
    few = {h: found[0].evidence if found else 0 for h, found in by_horizon.items() if h not in judged}
    sentences += [_too_few(few)] if few else []
    return " ".join(sentence for sentence in sentences if sentence)


def in_words(model: str) -> str:
    """Name a model as a reader would.

    Examples
    --------
    >>> in_words("age")
    'account age'
    """
    return _NAMES.get(model, model)


def _winners(judged: dict[int, list[Comparison]]) -> list[str]:
    return list(dict.fromkeys(one.model for found in judged.values() for one in found if one.beats))


def _winner(name: str, judged: dict[int, list[Comparison]]) -> str:
    won = [one for found in judged.values() for one in found if one.model == name and one.beats]
    parts = []
    for baseline in dict.fromkeys(one.baseline for one in won):
        these = [one for one in won if one.baseline == baseline]
        gains = joined([f"{one.difference:.3f} AUC ({one.low:.3f} to {one.high:.3f})" for one in these])
        parts.append(f"{in_words(baseline)} at {in_days([one.horizon for one in these])}, by {gains}")
    return f"{capital(in_words(name))} beats {joined(parts)}."


def _nothing(open_: dict[int, list[Comparison]]) -> str:
    horizons: dict[str, list[int]] = {}
    for h, found in open_.items():
        horizons.setdefault(found[0].baseline, []).append(h)
    return f"Nothing beats {joined([f'{in_words(name)} at {in_days(hs)}' for name, hs in horizons.items()])}."


def _too_few(few: dict[int, int]) -> str:
    counts = joined([str(count) for count in few.values()])
    seen = f"the rarer outcome was seen in {counts} accounts, and {MIN_EVENTS} are needed"
    return f"Not enough events at {in_days(list(few))}: {seen}. Read the intervals, not the order."
