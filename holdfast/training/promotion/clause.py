"""A clause of the gate: what was asked, what was found, and what follows; and the gate, which is all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import pandas as pd

Verdict = Literal["passed", "failed", "not judged"]
COLUMNS = ("clause", "where", "figure", "bound", "verdict", "passes", "reason")


@dataclass(frozen=True)
class Clause:
    """One question to a challenger.

    Attributes
    ----------
    clause, where
        What is asked, and of which part: a horizon, a segment; empty where of the whole.
    figure
        What was found; missing where it cannot be told, or is no number.
    bound
        What it is held against, in words.
    verdict
        ``passed``, ``failed``, or ``not judged`` where too little is known.
    passes
        Whether it lets the challenger through; of a clause that is not judged, by its default.
    reason
        In a sentence, without its full stop.

    Examples
    --------
    >>> Clause.least("skill", -0.03, -0.02, "worse than the champion").verdict
    'failed'
    """

    clause: str
    where: str
    figure: float
    bound: str
    verdict: Verdict
    passes: bool
    reason: str

    @classmethod
    def least(cls, clause: str, figure: float, bound: float, reason: str, where: str = "") -> Self:
        """Ask that a figure be no less than a bound."""
        return cls.of(clause, figure >= bound, reason, figure=figure, bound=f">= {bound:g}", where=where)

    @classmethod
    def most(cls, clause: str, figure: float, bound: float, reason: str, where: str = "") -> Self:
        """Ask that a figure be no more than a bound."""
        return cls.of(clause, figure <= bound, reason, figure=figure, bound=f"<= {bound:g}", where=where)

    @classmethod
    def of(
        cls, clause: str, holds: bool, reason: str, *, figure: float = math.nan, bound: str = "", where: str = ""
    ) -> Self:
        """Tell whether what is asked holds."""
        return cls(clause, where, float(figure), bound, "passed" if holds else "failed", bool(holds), reason)

    @classmethod
    def unjudged(cls, clause: str, passes: bool, reason: str, *, bound: str = "", where: str = "") -> Self:
        """Say why nothing can be said, and whether that lets the challenger through."""
        return cls(clause, where, math.nan, bound, "not judged", passes, reason)


@dataclass(frozen=True)
class Gate:
    """All clauses, and whether the challenger may replace the champion.

    Attributes
    ----------
    challenger, champion
        Versions; the champion is empty where there is none.
    """

    challenger: str
    champion: str
    clauses: tuple[Clause, ...]

    @property
    def passed(self) -> bool:
        """Whether every clause lets the challenger through."""
        return all(one.passes for one in self.clauses)

    @property
    def short(self) -> str:
        """The outcome in a few words."""
        against = dict.fromkeys(one.clause for one in self.clauses if not one.passes)
        return "passed" if self.passed else f"held back by {', '.join(against)}"

    def frame(self) -> pd.DataFrame:
        """Return the clauses, one row each: ``clause, where, figure, bound, verdict, passes, reason``."""
        return pd.DataFrame([asdict(one) for one in self.clauses], columns=list(COLUMNS))

    def text(self) -> str:
        """Say it in sentences."""
        against = [one for one in self.clauses if not one.passes]
        open_ = [one for one in self.clauses if one.verdict == "not judged"]
        if self.passed:
            held = f"All {len(self.clauses)} clauses let {self.challenger} through"
            over = f" in place of {self.champion}" if self.champion else "; no model was in service"
            told = [f"{held}{over}."]
        else:
            stays = f"{self.champion} stays in service" if self.champion else "No model is in service"
            told = [f"{stays}: {len(against)} of {len(self.clauses)} clauses stand against {self.challenger}."]
            told += _reasons(against)
        if open_:
            told.append(f"Not judged: {', '.join(map(_named, open_))}.")
        return " ".join(told)

    def objection(self) -> str:
        """Say why the challenger was held back, for who promotes it all the same; empty where it was not.

        Examples
        --------
        >>> Gate("b", "a", (Clause.least("skill", -0.03, -0.02, "worse than the champion"),)).objection()
        'The gate had held b back: 1 of 1 clauses stood against it. skill: worse than the champion.'
        """
        if self.passed:
            return ""
        against = [one for one in self.clauses if not one.passes]
        stood = f"{len(against)} of {len(self.clauses)} clauses stood against it."
        return " ".join([f"The gate had held {self.challenger} back: {stood}", *_reasons(against)])

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        rows = [asdict(one) | {"figure": None if math.isnan(one.figure) else one.figure} for one in self.clauses]
        return {
            "challenger": self.challenger,
            "champion": self.champion,
            "passed": self.passed,
            "in_words": self.text(),
            "clauses": rows,
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Read a gate back from `to_dict`."""
        rows: Iterable[dict[str, Any]] = told["clauses"]
        clauses = (Clause(**one | {"figure": math.nan if one["figure"] is None else one["figure"]}) for one in rows)
        return cls(told["challenger"], told["champion"], tuple(clauses))

    def _repr_html_(self) -> str:
        from html import escape

        table = self.frame().to_html(escape=True, index=False, float_format="{:.3f}".format, na_rep="")
        return f"<p>{escape(self.text())}</p>{table}"


def _reasons(against: Iterable[Clause]) -> list[str]:
    return [f"{_named(one)}: {one.reason}." for one in against]


def _named(one: Clause) -> str:
    return f"{one.clause} ({one.where})" if one.where else one.clause
