"""What churn means: one of three definitions that are named apart, with its days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

from holdfast.errors import UsageError, did_you_mean

Kind = Literal["notice", "silence", "departure"]
KINDS: tuple[str, ...] = get_args(Kind)
ACTIVITY = ("usage", "invoices", "touchpoints", "tickets")
LOST = ("voluntary", "payment")  # merger, trial and other exits end the observation and are no churn
EXITS = ("voluntary", "payment", "merger", "trial", "other")
WITH_KINDS = ("usage", "touchpoints")


@dataclass(frozen=True)
class Churn:
    """Define churn.

    ``notice``: the customer says that it leaves, or lets its last term end; dated by the later of that day and the day
    it became known. ``silence``: no activity within the horizon. ``departure``: gone for good within the horizon,
    confirmed by silence afterwards. Notice and departure rise with the horizon, silence falls.

    Parameters
    ----------
    kind
        ``"notice"``, ``"silence"`` or ``"departure"``.
    activity
        What counts as activity: tables, or kinds of records as ``table.kind`` (``"touchpoints.meeting"``). The default
        is the first table present of usage, invoices, touchpoints, tickets. What the vendor sends never counts.
    active_days
        Silence and departure: an account is at risk when it was active in the last so many days.
    confirm_days
        Departure: days of silence that confirm it.
    grace_days
        Notice: days after the end of a term before a lapse without notice counts.
    min_tenure_days
        Younger accounts are not at risk yet.
    lost
        Notice: kinds of exit in the churn list that are churn; any other ends the observation and is none.
    settlement_days
        Records may arrive so many days late; a window is read when they have passed.

    Raises
    ------
    UsageError
        When a name is unknown or a number of days is negative.

    Examples
    --------
    >>> Churn("silence", activity=("invoices",)).rises
    False
    """

    kind: Kind = "notice"
    activity: tuple[str, ...] = ()
    active_days: int = 90
    confirm_days: int = 90
    grace_days: int = 14
    min_tenure_days: int = 28
    settlement_days: int = 14
    lost: tuple[str, ...] = LOST

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError("churn, kind", " | ".join(KINDS), repr(self.kind), did_you_mean(str(self.kind), KINDS))
        object.__setattr__(self, "activity", tuple(self.activity))
        object.__setattr__(self, "lost", tuple(self.lost))
        for name in self.lost:
            if name not in EXITS:
                raise UsageError("churn, lost", " | ".join(EXITS), repr(name), did_you_mean(str(name), EXITS))
        for name in self.activity:
            _check_activity(name)
        for name in ("active_days", "confirm_days", "grace_days", "min_tenure_days", "settlement_days"):
            if getattr(self, name) < 0:
                raise UsageError(f"churn, {name}", "days, 0 or more", str(getattr(self, name)), "correct it")

    @classmethod
    def of(cls, churn: Churn | str) -> Churn:
        """Take a definition as it is, or the defaults of a kind named in a word."""
        return churn if isinstance(churn, Churn) else cls(kind=cast(Kind, churn))  # checked when it is made

    @property
    def rises(self) -> bool:
        """Whether the probability rises with the horizon."""
        return self.kind != "silence"

    def resolution_days(self, horizon: int) -> int:
        """Days from the cutoff until a label of this horizon can be read.

        Examples
        --------
        >>> Churn("departure").resolution_days(30)
        134
        """
        confirm = self.confirm_days if self.kind == "departure" else 0
        return horizon + confirm + self.settlement_days


def _check_activity(name: str) -> None:
    table, _, kind = name.partition(".")
    if table not in ACTIVITY:
        hint = did_you_mean(table, ACTIVITY)
        raise UsageError("churn, activity", "a table of activity, or table.kind", repr(name), hint)
    if kind and table not in WITH_KINDS:
        raise UsageError(
            "churn, activity", f"the table {table!r} alone", repr(name), f"{table} has no kinds; name the table"
        )
