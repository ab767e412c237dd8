"""Subjects: an indicator, a catalogue, or a function of one's own, all measured through one door."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.catalog.collection import Catalog
from holdfast.features.catalog.peers import alone
from holdfast.features.history.tables import TABLES
from holdfast.features.indicators.expression import Constant, Expression, Function, Reading, Window
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.proof.told import Asked, Company
from holdfast.features.proof.values import Values, values_of

Given = Literal["history", "frames"]
Pipeline = Callable[[Any, pd.DatetimeIndex], pd.DataFrame]
Say = Callable[[Company, pd.DatetimeIndex], tuple[object, set[str]]]
Provable = Indicator | Catalog | Iterable[Indicator] | Pipeline


@dataclass(frozen=True)
class Subject:
    """What is proven: something that says values of a company at cutoffs.

    Attributes
    ----------
    say
        Measures a company: what the subject returns, and the tables that its own code asked for.
    labelled
        The columns that declare to read labels.
    watched
        The columns made by code that may ask for any table; None means all.
    functions
        That code.
    lookbacks
        How far back columns say to read, in days, where they say it.
    counting
        The columns that do nothing but count records of one window: where in it a record lies does not matter.
    left_out
        The columns that cannot be measured on the company, and why.
    part
        What measures some of the columns and no more; None where it is all or nothing.
    """

    name: str
    say: Say
    labelled: frozenset[str] = frozenset()
    watched: frozenset[str] | None = None
    functions: tuple[Callable[..., Any], ...] = ()
    lookbacks: Mapping[str, float] | float | None = None
    counting: frozenset[str] = frozenset()
    left_out: Mapping[str, str] = field(default_factory=dict)
    part: Callable[[Iterable[str]], Say] | None = None

    def only(self, columns: Iterable[str]) -> Subject:
        """Give the subject that measures some of the columns, where that is less work."""
        return self if self.part is None else replace(self, say=self.part(columns))

    def measure(self, company: Company, cutoffs: pd.DatetimeIndex, accounts: pd.Index) -> Values:
        """Measure a company; what the subject raises is part of what it says."""
        try:
            said, asked = self.say(company, cutoffs)
        except Exception as problem:
            text = f"{type(problem).__name__}: {' '.join(str(problem).split())}"
            return Values(accounts, cutoffs, {}, error=text[:300], problem=problem)
        return values_of(said, self.name, accounts, cutoffs, frozenset(asked))

    def asking(self, said: Values) -> list[str]:
        """List the columns that read the table of labels, by what they declare or were seen to do."""
        seen = (said.columns if self.watched is None else self.watched) if "churn" in said.asked else ()
        return [name for name in said.columns if name in self.labelled or name in seen]

    def by_lookback(self, columns: Iterable[str]) -> list[tuple[float, tuple[str, ...]]]:
        """Group columns by how far back they say to read."""
        days: dict[float, list[str]] = {}
        for name in columns:
            back = self.lookbacks.get(name) if isinstance(self.lookbacks, Mapping) else self.lookbacks
            if back:
                days.setdefault(back, []).append(name)
        return [(back, tuple(days[back])) for back in sorted(days)]


def subject_of(
    given: Provable, company: Company, cutoffs: pd.DatetimeIndex, reads: Given, lookback_days: float | None
) -> Subject:
    """Take whatever is to be proven.

    Raises
    ------
    UsageError
        When it is neither an indicator, a collection of them, nor a function.
    """
    if isinstance(given, Indicator):
        return _declared(_lone([given]), given.name or given.title, company, cutoffs)
    if isinstance(given, Catalog):
        fitted = given.for_history(company.told(), cutoffs[-1]) if given.adaptive else given
        return _declared(_lone(fitted), f"{len(fitted)} indicators", company, cutoffs)
    if callable(given):
        return _written(given, reads, lookback_days)
    if isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping):
        listed = list(given)
        if listed and all(isinstance(one, Indicator) for one in listed):
            return _declared(_lone(listed), f"{len(listed)} indicators", company, cutoffs)
    expected = "an Indicator, a Catalog, indicators, or a function (history, cutoffs) -> DataFrame"
    do = "give hf.catalog, an indicator of yours, or the function that makes your features"
    raise UsageError("prove, subject", expected, type(given).__name__, do)


def _lone(indicators: Iterable[Indicator]) -> Catalog:
    """Name what has no name, and measure each whatever other tables there are: what it means is not asked here.

    What compares with peers is proven by the figure that it compares: other accounts do change a place among them.
    """
    named = (one if one.name else one.called(f"indicator_{place}") for place, one in enumerate(indicators))
    return Catalog(tuple(replace(alone(one), unless=()) for one in named))


def _declared(catalog: Catalog, name: str, company: Company, cutoffs: pd.DatetimeIndex) -> Subject:
    """Measure indicators together."""

    def part(columns: Iterable[str]) -> Say:
        some = Catalog(tuple(catalog[column] for column in columns))

        def say(told: Company, at: pd.DatetimeIndex) -> tuple[object, set[str]]:
            history = told.told()
            return some.measure(history, at).indicators, history.viewed

        return say

    leaves = {one.name: tuple(node for part in one.expressions for node in part.walk()) for one in catalog}
    own = {name: [leaf.function for leaf in found if isinstance(leaf, Function)] for name, found in leaves.items()}
    return Subject(
        name,
        part(catalog.names),
        part=part,
        labelled=frozenset(one.name for one in catalog if "churn" in one.tables),
        watched=frozenset(name for name, found in own.items() if found),
        functions=tuple(function for found in own.values() for function in found),
        lookbacks={
            one.name: one.lookback_days
            for one in catalog
            if one.lookback_days and not any(map(_outlasts, leaves[one.name]))
        },
        counting=frozenset(one.name for one in catalog if _counts(leaves[one.name], one.lookback_days)),
        left_out=catalog.measure(company.told(), cutoffs).left_out,
    )


def _outlasts(part: Expression) -> bool:
    """Tell whether a part reads records that lie open, however long ago they happened."""
    return isinstance(part, Reading) and part.mode == "open"


def _counts(parts: tuple[Expression, ...], lookback: float | None) -> bool:
    """Tell whether expressions count records of the same window, by what does not change with time."""
    leaves = [one for one in parts if not one.parts and not isinstance(one, Constant)]
    return bool(leaves) and all(
        isinstance(one, Window)
        and (one.verb, one.ago, one.lookback_days) == ("count", 0.0, lookback)
        and not TABLES[one.table].late & {condition.column for condition in one.filters}
        for one in leaves
    )


def _written(function: Pipeline, reads: Given, lookback_days: float | None) -> Subject:
    """Measure by a function, which takes the history or its frames."""

    def say(told: Company, at: pd.DatetimeIndex) -> tuple[object, set[str]]:
        if reads == "frames":
            asked: set[str] = set()
            copies = {name: frame.copy(deep=False) for name, frame in told.frames.items()}
            return function(Asked(copies, asked), at), asked
        history = told.told()
        said = function(history, at)
        return said, history.asked | history.viewed

    name = str(getattr(function, "__name__", type(function).__name__))
    return Subject(name, say, functions=(function,), lookbacks=lookback_days)
