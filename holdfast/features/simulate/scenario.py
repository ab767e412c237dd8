"""What may be different about a simulated company: help for whom usage is low, a shock, drift, a weak signal."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.errors import UsageError

_MOST_EFFECT = 10  # use rises exponentially with health


@dataclass(frozen=True)
class Scenario:
    """State the terms under which a company is simulated.

    Parameters
    ----------
    programme
        Chance, 0 to 1, that an account whose usage is low is helped when the programme looks at it; the others are held
        out. Both decisions are logged with this chance. 0: there is no programme.
    effect
        How much help does, 0 to 10, 1 as a rule: product health rises by 0.6 of it and relationship by 0.4, both fade
        within months, and disengagement ends.
    shock
        Months before the end at which business health falls by 1 for every account; 0: never.
    drift
        Share of the weight of product that has moved to relationship by the end, 0 to 1.
    signal
        Share of the weights of health that is left, 0 to 1: near 0, hardly anything tells who leaves.

    Raises
    ------
    UsageError
        When a value lies outside its range.
    """

    programme: float = 0.5
    effect: float = 1.0
    shock: int = 0
    drift: float = 0.0
    signal: float = 1.0

    def __post_init__(self) -> None:
        for name in ("programme", "drift", "signal"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"simulate, {name}", "0 to 1", str(getattr(self, name)), "correct it")
        if not 0 <= self.effect <= _MOST_EFFECT:
            raise UsageError("simulate, effect", f"0 to {_MOST_EFFECT}", str(self.effect), "correct it")
        if not 0 <= self.shock < float("inf"):
            raise UsageError("simulate, shock", "0 or more", str(self.shock), "correct it")
