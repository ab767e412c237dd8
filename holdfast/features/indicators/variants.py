"""Variants: from one declaration the same sign against its own past, its trend, and its place among peers.

Each is an indicator of its own, named after the one it belongs to (``usage_30_change``): snapshot, score, model,
explanation, documentation and proofs treat it like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from holdfast.features.indicators.curves import Curve, bands
from holdfast.features.indicators.expression import Expression, Operation, Peers, Window
from holdfast.features.indicators.indicator import Healthy, Indicator
from holdfast.features.indicators.wording import WORDINGS

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["change", "move", "trend", "peers"]

_RISING = {
    "change": bands((0, 0), (0.5, 40), (0.8, 65), (1, 80), (1.5, 100)),
    "trend": bands((-1, 0), (-0.3, 35), (0, 75), (0.5, 100)),
}
_FALLING = {
    "change": bands((0.5, 100), (1, 80), (1.5, 60), (2, 40), (5, 0)),
    "trend": bands((-0.5, 100), (0, 75), (0.3, 35), (1, 0)),
}
_FORMATS = {"share": ".0%", "0 to 1": ".0%", "-1 to 1": "+.2f", "times": ".1f", "hours": ",.0f", "0 to 10": ".1f"}


@dataclass(frozen=True)
class Variant:
    """One further reading of a sign; made by `change`, `move`, `trend` and `peers`.

    Attributes
    ----------
    days
        How far back it compares, in days; 0 for peers.
    reach
        The move that is worth all or nothing, in the unit of the sign; 0 where the curve is the usual one.
    healthy
        The healthy direction, where it is another than that of the sign itself; else empty.
    """

    kind: Kind
    days: float = 0.0
    reach: float = 0.0
    healthy: Healthy | Literal[""] = ""

    def of(self, base: Indicator) -> Indicator:
        """Give the variant of an indicator."""
        made = _MAKERS[self.kind](replace(base, healthy=self.healthy or base.healthy), self)
        return replace(made, how=self)


def change(days: float, *, healthy: Healthy | Literal[""] = "") -> Variant:
    """Compare with the same reading `days` earlier, as a ratio: 0 stopped, 1 unchanged.

    What is counted over a window is at most 10, and 10 where something follows on nothing; what holds at an instant
    (seats, a budget) is missing where there was none.
    """
    return Variant("change", float(days), healthy=healthy)


def move(days: float, reach: float) -> Variant:
    """Compare with the same reading `days` earlier, as a difference; `reach` is worth all, its negative nothing."""
    return Variant("move", float(days), float(reach))


def trend(days: float) -> Variant:
    """Fit a line through three readings `days` apart: slope per `days`, as a share of their mean."""
    return Variant("trend", float(days))


def peers() -> Variant:
    """Tell the place among the accounts of the same segment at the same cutoff; a second figure, never scored."""
    return Variant("peers")


def _change(base: Indicator, how: Variant) -> Indicator:
    now, before = base.expression, base.expression.shifted(how.days)
    counted = any(isinstance(node, Window) for node in now.walk())
    ratio = Operation("vs" if counted else "/", now.named("now"), before.named("before"))
    return _variant(base, "change", ratio, "times", _usual(base, "change"), how)


def _move(base: Indicator, how: Variant) -> Indicator:
    now, before = base.expression, base.expression.shifted(how.days)
    rising = ((-how.reach, 0), (0, 75), (how.reach, 100))
    falling = ((-how.reach, 100), (0, 75), (how.reach, 0))
    curve = {"high": bands(*rising), "low": bands(*falling)}.get(base.healthy)
    return _variant(base, "change", now.named("now") - before.named("before"), base.unit, curve, how)


def _trend(base: Indicator, how: Variant) -> Indicator:
    now, middle, first = (base.expression.shifted(step * how.days) for step in range(3))
    now, middle, first = now.named("now"), middle.named("before"), first.named("first")
    slope = 1.5 * (now - first) / (now + middle + first)
    return _variant(base, "trend", slope, f"share per {how.days:g} days", _usual(base, "trend"), how)


def _peers(base: Indicator, how: Variant) -> Indicator:
    return _variant(base, "peers", Peers(base.expression.named("now")), "share", None, how)


_MAKERS: dict[Kind, Callable[[Indicator, Variant], Indicator]] = {
    "change": _change,
    "move": _move,
    "trend": _trend,
    "peers": _peers,
}


def _variant(
    base: Indicator,
    suffix: Literal["change", "trend", "peers"],
    expression: Expression,
    unit: str,
    curve: Curve | None,
    how: Variant,
) -> Indicator:
    words = WORDINGS[base.language]
    title, said = {
        "change": (words.change, words.changed),
        "trend": (words.trend, words.trended),
        "peers": (words.peers, words.compared),
    }[suffix]
    slots = {label: _slot(base, label) for label in ("first", "before", "now")}
    return Indicator(
        expression,
        name=f"{base.name}_{suffix}",
        dimension=base.dimension,
        healthy=base.healthy,
        unit=unit,
        title=title.format(title=base.title, days=how.days),
        curve=curve,
        evidence=said.format(title=_plain(base.title), days=how.days, **slots),
        seeds=base.seeds,
        unless=base.unless,
        applies=base.applies,
        variant_of=base.name,
        language=base.language,
    )


def _plain(title: str) -> str:
    """Keep the braces of a title out of the slots of a sentence."""
    return title.replace("{", "{{").replace("}", "}}")


def _usual(base: Indicator, kind: Literal["change", "trend"]) -> Curve | None:
    return {"high": _RISING[kind], "low": _FALLING[kind]}.get(base.healthy)


def _slot(base: Indicator, label: str) -> str:
    return f"{{{label}:{_FORMATS.get(base.unit, ',.0f')}}}"
