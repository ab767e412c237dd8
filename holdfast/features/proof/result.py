"""The proof: which laws hold, how often each was tried, and the smallest counterexample where one does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.proof.edits import Offence
from holdfast.findings import KINDS, Finding


@dataclass(frozen=True)
class Law:
    """One law: its name, what it says, and the code under which a breach is reported."""

    name: str
    says: str
    code: str


LAWS: Mapping[str, Law] = {
    one.name: one
    for one in (
        Law("repeatable", "measured again, on another day and with other random numbers, it is the same", "HF030"),
        Law("labels", "the table churn is not read", "HF031"),
        Law("future", "nothing that is known or happens after the cutoff matters", "HF032"),
        Law("order", "the order in which rows are delivered does not matter", "HF033"),
        Law("accounts", "what other accounts do does not matter", "HF033"),
        Law("groups", "an account measured alone or in any group is measured the same", "HF033"),
        Law("cutoffs", "a cutoff measured alone or among any others is measured the same", "HF033"),
        Law("calendar", "moving every instant by whole weeks does not matter, up to rounding", "HF034"),
        Law("edges", "a record counts inside the window, its last microsecond included, and none outside", "HF035"),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Counterexample:
    """One value that broke a law, with the fewest records that make it do so.

    Attributes
    ----------
    column
        The indicator, or the column of a function's frame.
    before, after
        The value as told first, and as told otherwise; None where it is missing.
    how
        What was told otherwise.
    records
        The offending records; empty where the law is not about records.
    """

    column: str
    account_id: str
    cutoff: pd.Timestamp | None
    before: object
    after: object
    how: str
    records: tuple[Offence, ...] = ()

    def __str__(self) -> str:
        if self.cutoff is None:
            return f"{self.column}: {self.how}"
        shown = "; ".join(map(str, self.records[:2]))
        more = f" and {len(self.records) - 2} more records" if len(self.records) > 2 else ""
        at = self.cutoff.tz_localize(None).isoformat(sep=" ")
        told = f"{self.column} of {self.account_id} at {at} was {_said(self.before)}, then {_said(self.after)}"
        return f"{told}: {self.how}" + (f"; {shown}{more}" if shown else "")


@dataclass(frozen=True)
class Outcome:
    """What came of one law.

    Attributes
    ----------
    tried
        How many times the company was told otherwise; 0 when the law could not be put to the test.
    broken
        The columns that broke it.
    idle
        The columns that it was tried on in vain, each with the reason.
    """

    law: Law
    tried: int
    broken: tuple[str, ...] = ()
    counterexample: Counterexample | None = None
    idle: Mapping[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool | None:
        """Whether it holds; None when it was not tried, or in vain."""
        return False if self.broken else (True if self.tried else None)


@dataclass(frozen=True)
class Proof:
    """What `prove` found.

    Attributes
    ----------
    subject
        What was proven, by name.
    outcomes
        One per law.
    columns
        The columns that were measured and had values.
    untried
        The columns that said nothing, each with the reason.
    unmoved
        The columns that kept their values whatever was told of the past: they keep every law for nothing.
    accounts, records, cutoffs
        How much it was tried on.
    """

    subject: str
    outcomes: tuple[Outcome, ...]
    columns: tuple[str, ...]
    accounts: int
    records: int
    cutoffs: pd.DatetimeIndex
    untried: Mapping[str, str] = field(default_factory=dict)
    unmoved: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no law was broken; whether each was put to the test is told by `complete`."""
        return not any(one.broken for one in self.outcomes)

    @property
    def complete(self) -> bool:
        """Whether every law was put to the test, on columns that all had values and could move."""
        return not self.untested

    @property
    def untested(self) -> tuple[str, ...]:
        """What was not put to the test, in words: laws, and columns."""
        laws = [one.law.name for one in self.outcomes if one.holds is None and not one.idle]
        idle = [
            f"{one.law.name} of {name}, {why}"
            for one in self.outcomes
            for name, why in one.idle.items()
            if name not in self.unmoved
        ]
        still = [f"{name}, nothing told of the past moved it" for name in self.unmoved]
        return (*laws, *still, *idle, *(f"{name}, {why}" for name, why in self.untried.items()))

    @property
    def verdict(self) -> str:
        """What to make of it, in words."""
        if not self.ok:
            return f"{len(self.broken)} law{'s' if len(self.broken) > 1 else ''} broken"
        more = f"; and {len(self.untested) - _SHOWN} more" if len(self.untested) > _SHOWN else ""
        left = "; ".join(self.untested[:_SHOWN]) + more
        return "every law holds" if self.complete else f"kept, but not put to the test: {left}"

    @property
    def broken(self) -> tuple[Outcome, ...]:
        """The laws that do not hold."""
        return tuple(one for one in self.outcomes if one.broken)

    def __getitem__(self, law: str) -> Outcome:
        return next(one for one in self.outcomes if one.law.name == law)

    def frame(self) -> pd.DataFrame:
        """Tabulate the laws, one row each: ``law, holds, tried, broken, counterexample``; `holds` may be missing."""
        rows = [
            (one.law.name, one.holds, one.tried, ", ".join(one.broken), str(one.counterexample or ""))
            for one in self.outcomes
        ]
        frame = pd.DataFrame(rows, columns=["law", "holds", "tried", "broken", "counterexample"])
        return frame.astype({"holds": "boolean"})

    def findings(self) -> list[Finding]:
        """Report the broken laws as findings."""
        told = ((one, f"broken: {one.law.says}. {one.counterexample}") for one in self.broken)
        return [Finding(one.law.code, ", ".join(one.broken), len(one.broken), message) for one, message in told]

    def raise_if_broken(self) -> None:
        """Do nothing when every law holds.

        Raises
        ------
        UsageError
            With the first broken law, and its smallest counterexample.
        """
        for one in self.broken:
            do = KINDS[one.law.code].remedy
            raise UsageError(f"{self.subject}, law of {one.law.name}", one.law.says, str(one.counterexample), do)

    def __str__(self) -> str:
        days = ", ".join(f"{one:%Y-%m-%d %H:%M}" for one in self.cutoffs)
        on = f"{len(self.columns)} columns, {self.accounts} accounts, {self.records} records, at {days}"
        head = f"{self.subject}: {self.verdict} ({on})"
        lines = [f"{_MARK[one.holds]} {one.law.name:<11}{one.law.says} ({one.tried} tries)" for one in self.outcomes]
        found = [f"  {one.law.name}: {one.counterexample}" for one in self.broken]
        left = [f"  not put to the test: {one}" for one in self.untested]
        return "\n".join([head, *lines, *found, *left])

    def _repr_html_(self) -> str:
        table = self.frame().to_html(escape=True, index=False)
        about = f"{len(self.columns)} columns, {self.accounts} accounts, {len(self.cutoffs)} cutoffs"
        return f"<p>{escape(self.subject)}: {escape(self.verdict)} ({about})</p>{table}"


_SHOWN = 4  # things not put to the test that a head names
_MARK = {True: "holds ", False: "BROKEN", None: "untried"}


def _said(value: object) -> str:
    return "missing" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)
