"""Power users: what somebody must do to count as one."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.features.indicators.conditions import Condition, column
from holdfast.features.indicators.expression import Window
from holdfast.features.indicators.sources import usage


@dataclass(frozen=True)
class PowerUser:
    """Define who is a power user: whoever is active on enough days of a window, in the way asked for.

    Attributes
    ----------
    on_days, days
        At least so many different UTC days, of the last so many.
    advanced
        Whether only days with advanced features count.
    kinds
        The kinds of use that count (``login``, ``flow_done``, ...); empty means all.

    Examples
    --------
    >>> print(PowerUser().count())
    usage.frequent(person_id, on 12 days, 30 d)
    >>> print(PowerUser(on_days=4, advanced=True).count())
    usage[advanced >= 1].frequent(person_id, on 4 days, 30 d)
    """

    on_days: int = 12
    days: int = 30
    advanced: bool = False
    kinds: tuple[str, ...] = ()

    def count(self) -> Window:
        """Count the power users of an account."""
        conditions: dict[str, Condition] = {}
        if self.advanced:
            conditions["advanced"] = column("advanced") >= 1
        if self.kinds:
            conditions["kind"] = column("kind").isin(*self.kinds)
        return usage.frequent("person_id", days=self.days, on_days=self.on_days, **conditions)
