"""An indicator: one leading sign of health, declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from html import escape
from math import isnan, nan
from string import Formatter
from typing import TYPE_CHECKING, Any, Literal, get_args

import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.indicators.curves import Curve
from holdfast.features.indicators.expression import Expression, Function, Operation, Reading
from holdfast.features.indicators.wording import ENGLISH, WORDINGS, Language, put, translations

if TYPE_CHECKING:
    from holdfast.features.history.view import View
    from holdfast.features.indicators.variants import Variant
    from holdfast.features.kernel.arrays import Floats

Dimension = Literal["product", "relationship", "business"]
Healthy = Literal["high", "low", "between", "unclear"]

DIMENSIONS: tuple[Dimension, ...] = ("product", "relationship", "business")
VALUE = "value"  # what the evidence calls the indicator itself
APPLIES = "applies"


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
        Whether ``high`` or ``low`` values are healthy, or those ``between``, as the curve says; ``unclear`` has no
        place in a score. Neither of the last two is ever forced to be monotone.
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
    applies
        What must be above 0 for it to mean anything for an account (seats, for a share of seats): elsewhere it is not
        applicable, which is neither zero nor missing.
    variants
        Further readings of the same sign, see `holdfast.features.indicators.variants`.
    variant_of, how
        The name of the indicator that this one is a variant of, and what kind of; empty for one that stands for itself.
    language
        The language of title and evidence.

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
    applies: Expression | None = field(default=None, kw_only=True)
    variants: tuple[Variant, ...] = field(default=(), kw_only=True)
    variant_of: str = field(default="", kw_only=True)
    how: Variant | None = field(default=None, kw_only=True)
    language: Language = field(default=ENGLISH, kw_only=True)

    def __post_init__(self) -> None:
        where = f"Indicator {self.name or self.title!r}"
        for part, allowed in (("dimension", DIMENSIONS), ("healthy", get_args(Healthy))):
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
    def tells_past(self) -> bool:
        """Whether it sets the account against its own past: a change or a trend."""
        return self.how is not None and self.how.kind != "peers"

    @property
    def formula(self) -> str:
        """What it measures, in words."""
        from holdfast.features.indicators.words import in_words

        told = in_words(self.expression)
        if self.applies is None:
            return told
        divided = isinstance(self.expression, Operation) and self.expression.operator == "/"
        asked = "the latter" if divided and self.expression.parts[1] == self.applies else in_words(self.applies)
        return f"{told}; not applicable where {asked} is 0"

    @property
    def fingerprint(self) -> str:
        """Sha256 of the formula and the version of the vocabulary: equal fingerprints measure the same."""
        if self.applies is None:
            return self.expression.fingerprint
        return sha256(f"{self.expression.fingerprint} {self.applies.fingerprint}".encode()).hexdigest()

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """What must be measured for it: the expression, and what says whether it applies."""
        return (self.expression,) if self.applies is None else (self.expression, self.applies)

    @property
    def reads(self) -> frozenset[tuple[str, str]]:
        """The (table, column) pairs it reads; the column is empty where the rows alone matter."""
        return frozenset().union(*(one.reads for one in self.expressions))

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables it reads, sorted."""
        return tuple(sorted({table for table, _ in self.reads}))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads, as ``table.column``, sorted."""
        return tuple(sorted(f"{table}.{name}" for table, name in self.reads if name))

    @property
    def family(self) -> tuple[Indicator, ...]:
        """The indicator itself and its variants."""
        return (replace(self, variants=()), *(one.of(self) for one in self.variants))

    @property
    def lookback_days(self) -> float | None:
        """How far back it reads, in days; None means from the beginning."""
        back = [one.lookback_days for one in self.expressions]
        return None if None in back else max(days for days in back if days is not None)

    @property
    def calendar(self) -> bool:
        """Whether it tells how far an agreed date lies ahead, which is no health that anybody could act on."""
        return any(isinstance(node, Reading) and node.verb == "days_until" for node in self.expression.walk())

    @property
    def said(self) -> dict[str, Expression]:
        """What the evidence needs to know: the labelled parts, the indicator as ``value``, and whether it applies."""
        applies = {} if self.applies is None else {APPLIES: self.applies}
        return {**self.expression.labelled, VALUE: self.expression, **applies}

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
        return pd.Series(self.worth(values.to_numpy(dtype=float)), index=values.index, name=self.name)

    def worth(self, values: Floats) -> Floats:
        """Map plain numbers as `score` does.

        Raises
        ------
        UsageError
            When the indicator has no curve.
        """
        if self.curve is None:
            raise UsageError(f"Indicator {self.name!r}", "a curve", "none", "declare curve=bands(...)")
        return self.curve(values)

    def sentence(self, values: Mapping[str, float]) -> str:
        """Say the evidence with its numbers; where there is none, say whether it is missing or does not apply."""
        if not values.get(APPLIES, 1.0) > 0:
            return WORDINGS[self.language].inapplicable.format(title=self.title)
        if any(isnan(values.get(name, nan)) for name in (VALUE, *_fields(self.evidence))):
            return WORDINGS[self.language].missing.format(title=self.title)
        return put(self.evidence, values, self.language)

    def _repr_html_(self) -> str:
        back = "from the beginning" if self.lookback_days is None else f"{self.lookback_days:g} days"
        told = {
            "name": self.name,
            "title": self.title,
            "formula": self.formula,
            "unit": self.unit,
            "dimension": self.dimension,
            "healthy": self.healthy,
            "points": "none, for the models alone" if self.curve is None else str(self.curve),
            "reads": ", ".join(self.tables),
            "looks back": back,
            "sentence": self.evidence,
        }
        rows = "".join(f"<tr><th>{key}</th><td>{escape(value)}</td></tr>" for key, value in told.items())
        return f"<table>{rows}</table>"

    def told_in(self, language: Language) -> Indicator:
        """Translate title and evidence, where the sign is shipped; one of your own keeps its words.

        Examples
        --------
        >>> from holdfast.features.catalog import catalog
        >>> catalog["open_amount"].told_in("de").sentence({"open": 12500.0, "value": 12500.0})
        'Offene Rechnungen über 12.500'
        """
        title, evidence = translations(language).get(self.name, (self.title, self.evidence))
        return replace(self, title=title, evidence=evidence, language=language)


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
    variants: tuple[Variant, ...] = (),
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
            variants=variants,
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
