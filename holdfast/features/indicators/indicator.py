"""An indicator: one leading sign of health, declared once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from math import isnan, nan
from string import Formatter
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.indicators.curves import Curve
from holdfast.features.indicators.expression import Expression, Function

if TYPE_CHECKING:
    from holdfast.features.history.view import View

Dimension = Literal["product", "relationship", "business"]
Healthy = Literal["high", "low", "unclear"]

DIMENSIONS: tuple[Dimension, ...] = ("product", "relationship", "business")
VALUE = "value"  # what the evidence calls the indicator itself

_SINGULAR = re.compile(r"(?<![\d.,])1 (day|hour|time)s\b")


@dataclass(frozen=True)
class Indicator:
    """Declare an indicator: what it measures, what it means, what it is worth, and how to say it.

    Attributes
    ----------
    expression
        What is measured.
    dimension
        product, relationship or business.
    healthy
        Whether ``high`` or ``low`` values are healthy; ``unclear`` is never forced to be monotone.
    unit
        In what it is measured, such as ``days`` or ``share``.
    title
        What people call it.
    curve
        What a value is worth, 0 to 100; None keeps it out of template scores.
    evidence
        The sentence that explains it, with the names of the labelled parts and ``{value}`` for the indicator itself.
    caps
        Whether it caps its dimension: nothing there may look better than this.
    seeds
        The S-numbers of what it was asked for.
    unless
        Tables whose presence makes it meaningless.

    Examples
    --------
    >>> from holdfast.features.indicators.curves import bands
    >>> from holdfast.features.indicators.sources import subscriptions, usage
    >>> penetration = Indicator(
    ...     usage.distinct("person_id", days=30).named("active") / subscriptions.active().sum("seats").named("seats"),
    ...     name="seat_penetration", dimension="product", healthy="high", unit="share", title="Active-user penetration",
    ...     curve=bands((0.0, 0), (0.4, 50), (1.0, 100)), evidence="{active:.0f} of {seats:.0f} seats were active",
    ... )
    >>> penetration.tables, penetration.lookback_days
    (('subscriptions', 'usage'), 30.0)
    >>> penetration.sentence({"active": 18.0, "seats": 20.0, "value": 0.9})
    '18 of 20 seats were active'
    """

    expression: Expression
    name: str = field(default="", kw_only=True)
    dimension: Dimension = field(kw_only=True)
    healthy: Healthy = field(kw_only=True)
    unit: str = field(kw_only=True)
    title: str = field(kw_only=True)
    curve: Curve | None = field(kw_only=True)
    evidence: str = field(kw_only=True)
    caps: bool = field(default=False, kw_only=True)
    seeds: tuple[str, ...] = field(default=(), kw_only=True)
    unless: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        where = f"Indicator {self.name or self.title!r}"
        for part, allowed in (("dimension", DIMENSIONS), ("healthy", ("high", "low", "unclear"))):
            if getattr(self, part) not in allowed:
                raise UsageError(where, f"{part} of {allowed}", repr(getattr(self, part)), "choose one of them")
        for part in ("unit", "title", "evidence"):
            if not getattr(self, part).strip():
                raise UsageError(where, f"a {part}", "nothing", f"give {part}=")
        unknown = sorted(set(_fields(self.evidence)) - {VALUE, *self.expression.labelled})
        if unknown:
            known = ", ".join(sorted({VALUE, *self.expression.labelled}))
            raise UsageError(where, f"evidence of {known}", ", ".join(unknown), "name the part with .named()")

    @property
    def formula(self) -> str:
        """The expression in words."""
        return str(self.expression)

    @property
    def fingerprint(self) -> str:
        """Sha256 of the formula and the version of the vocabulary: equal fingerprints measure the same."""
        return self.expression.fingerprint

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables it reads."""
        return self.expression.tables

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads, as ``table.column``."""
        return self.expression.columns

    @property
    def lookback_days(self) -> float | None:
        """How far back it reads, in days; None means from the beginning."""
        return self.expression.lookback_days

    @property
    def said(self) -> dict[str, Expression]:
        """What the evidence needs to know: the labelled parts by name, and the indicator itself as ``value``."""
        return {**self.expression.labelled, VALUE: self.expression}

    def called(self, name: str) -> Indicator:
        """Give it a name."""
        return replace(self, name=name)

    def score(self, values: pd.Series) -> pd.Series:
        """Map values through the curve to [0, 1], 1 healthy; missing stays missing.

        Raises
        ------
        UsageError
            When the indicator has no curve.
        """
        if self.curve is None:
            raise UsageError(f"Indicator {self.name!r}", "a curve", "none", "declare curve=bands(...)")
        return pd.Series(self.curve(values.to_numpy(dtype=float)), index=values.index, name=self.name)

    def sentence(self, values: Mapping[str, float]) -> str:
        """Say the evidence with its numbers; with any of them missing, say that there is nothing on record."""
        if any(isnan(values.get(name, nan)) for name in (VALUE, *_fields(self.evidence))):
            return f"{self.title}: nothing on record"
        return _SINGULAR.sub(r"1 \1", self.evidence.format(**values))


def indicator(
    *,
    needs: tuple[str, ...],
    dimension: Dimension,
    healthy: Healthy,
    unit: str,
    title: str,
    evidence: str,
    curve: Curve | None = None,
    lookback_days: float | None = None,
    seeds: tuple[str, ...] = (),
) -> Callable[[Callable[[View], pd.Series]], Indicator]:
    """Turn a function into an indicator, where the vocabulary does not reach.

    The function gets the history exactly as it was known at each cutoff and returns one number per account_id; accounts
    that it leaves out are missing.

    Examples
    --------
    >>> @indicator(needs=("tickets",), dimension="relationship", healthy="low", unit="tickets",
    ...            title="Tickets ever", evidence="{value:.0f} tickets so far")
    ... def tickets_ever(view):
    ...     return view["tickets"].groupby("account_id").size()
    >>> tickets_ever.name, tickets_ever.tables
    ('tickets_ever', ('tickets',))
    """

    def declare(function: Callable[[View], pd.Series]) -> Indicator:
        expression = Function(function.__name__, function, needs, _text(function), lookback_days)
        return Indicator(
            expression,
            name=function.__name__,
            dimension=dimension,
            healthy=healthy,
            unit=unit,
            title=title,
            curve=curve,
            evidence=evidence,
            seeds=seeds,
        )

    return declare


@cache
def _fields(evidence: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in Formatter().parse(evidence) if name is not None)


def _text(function: Callable[..., Any]) -> str:
    """Give what identifies a function: its source, or its compiled code where there is no source."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return sha256(function.__code__.co_code + repr(function.__code__.co_consts).encode()).hexdigest()
