"""Polarity: *health* is high when good, *risk* is high when bad, and they are never taken for one another.

The literature on health scores calls a healthy score that churns a false positive; that on risk calls it a false
negative. Both names are given wherever either is.
"""

from __future__ import annotations

import re
from numbers import Integral
from typing import Literal

from holdfast.errors import UsageError

Polarity = Literal["health", "risk"]

_RISK = re.compile(r"p\d+(_low|_high)?|.*(risk|hazard|churn|probability).*", re.IGNORECASE)

ERRORS = {
    "left although held healthy": {"health": "false positive", "risk": "false negative"},
    "stayed although held at risk": {"health": "false negative", "risk": "false positive"},
}
"""What can go wrong, and what it is called by polarity."""


def polarity_of(name: object) -> Polarity | None:
    """Tell the polarity that a column's name gives away, if it does; a number of days names a probability.

    Examples
    --------
    >>> polarity_of("p90"), polarity_of(90), polarity_of("health"), polarity_of("score")
    ('risk', 'risk', 'health', None)
    """
    if isinstance(name, Integral) and int(name) > 0:
        return "risk"
    text = str(name)
    if _RISK.fullmatch(text):
        return "risk"
    return "health" if text.lower().startswith("health") else None


def refuse_other(name: object, wanted: Polarity, where: str) -> None:
    """Refuse figures whose name gives away the other polarity.

    Raises
    ------
    UsageError
        When it does.
    """
    found = polarity_of(name)
    if found not in (None, wanted):
        high = {"health": "high is good", "risk": "high is bad"}
        do = f"give figures where {high[wanted]}, such as {'100 - x' if wanted == 'health' else '1 - x'} of them"
        raise UsageError(where, f"{wanted}, where {high[wanted]}", f"{str(name)!r}, where {high[str(found)]}", do)


def both_names(what: str) -> str:
    """Give both names of an error.

    Examples
    --------
    >>> both_names("left although held healthy")
    'left although held healthy (false positive of a health score, false negative of a risk)'
    """
    names = ERRORS[what]
    return f"{what} ({names['health']} of a health score, {names['risk']} of a risk)"
