"""Claims about the weights of a score, and about its falls."""

from __future__ import annotations

import pandas as pd

from holdfast.training.hypotheses.bench import FALL, HEALTH
from holdfast.training.hypotheses.claim import Hypothesis
from holdfast.training.hypotheses.ranking import Weighty
from holdfast.training.hypotheses.ratio import Group, Ratio
from holdfast.training.hypotheses.slope import Slope

SCORES: tuple[Hypothesis, ...] = (
    Hypothesis(
        "S061",
        "The survey score deserves a low weight",
        ("nps_latest",),
        Weighty("nps_latest", "low"),
    ),
    Hypothesis(
        "S061",
        "The frequency of logins deserves a low weight",
        ("login_days",),
        Weighty("login_days", "low"),
    ),
    Hypothesis(
        "S061",
        "Progress towards goals deserves a high weight",
        ("goal_progress",),
        Weighty("goal_progress", "high"),
    ),
    Hypothesis(
        "S061",
        "The share of active seats deserves a high weight",
        ("seat_penetration",),
        Weighty("seat_penetration", "high"),
    ),
    Hypothesis(
        "S067",
        "A fall of 20 points within a month is a warning, even from a fine score to another",
        (HEALTH, FALL),
        Ratio(
            Group("fell by 20 points, 60 or more now", lambda s: (s[HEALTH] >= 60) & (s[FALL] >= 20)),
            Group("within 5 points of a month ago, 60 or more now", lambda s: (s[HEALTH] >= 60) & _stable(s)),
            match=lambda s: s[HEALTH].floordiv(5.0),
        ),
    ),
    Hypothesis(
        "S068",
        "A fall from 85 to 65 is riskier than a stable 60",
        (HEALTH, FALL),
        Ratio(
            Group("55 to 65 now, 20 points more a month ago", lambda s: _sixty(s) & (s[FALL] >= 20)),
            Group("55 to 65 now, within 5 points of a month ago", lambda s: _sixty(s) & _stable(s)),
            match=lambda s: s[HEALTH].floordiv(5.0),
        ),
    ),
    Hypothesis(
        "S068",
        "Of two accounts with the same score, the one that has fallen is the riskier",
        (HEALTH, FALL),
        Slope(20.0),
    ),
)


def _stable(signs: pd.DataFrame) -> pd.Series[bool]:
    return signs[FALL].abs() <= 5


def _sixty(signs: pd.DataFrame) -> pd.Series[bool]:
    return signs[HEALTH].between(55, 65)
