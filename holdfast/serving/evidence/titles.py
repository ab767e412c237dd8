"""What models and figures are called on a page."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.training.phrases import capital
from holdfast.training.verdict import in_words

_ORDER = (
    "churn",
    "health",
    "template",
    "context",
    "score_40_30_30",
    "score_40_30_20_10",
    "recency",
    "age",
    "base_rate",
)
MODELS = {name: capital(in_words(name).removeprefix("the ")) for name in _ORDER}
OURS = frozenset({"churn", "health"})


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
