"""Emphasis: what counts how much, by dimension and by level, or sign by sign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import UsageError, did_you_mean

SHARES: Mapping[str, float] = {"product": 40.0, "relationship": 30.0, "business": 30.0}
LEVELS: Mapping[str, float] = {"none": 0.0, "low": 1.0, "medium": 2.0, "high": 4.0}


@dataclass(frozen=True)
class Emphasis:
    """Hold the shares of the dimensions and the levels of signs inside them, or the weights of single signs.

    Attributes
    ----------
    dimensions
        Share of each dimension, summing to 100; empty where nothing is said.
    levels
        Level by indicator: ``none, low, medium, high`` stand for 0, 1, 2 and 4 parts of its dimension.
    weights
        Weight by indicator, summing to 1; where any is given, nothing else counts.
    """

    dimensions: Mapping[str, float] = field(default_factory=dict)
    levels: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any], where: str) -> Emphasis:
        """Take it from plain values; shares and weights may sum to 1 or to 100.

        Raises
        ------
        UsageError
            When a key, dimension or level is unknown, a number is none or negative, or numbers sum to anything else.
        """
        keys = ("dimensions", "levels", "weights")
        for key, values in told.items():
            if key not in keys:
                raise UsageError(f"{where}, key {key}", "a known key", repr(key), did_you_mean(str(key), keys))
            if not isinstance(values, Mapping):
                raise UsageError(f"{where}, key {key}", "a section", type(values).__name__, f"write [{key}]")
        if told.get("weights") and (told.get("dimensions") or told.get("levels")):
            found = "weights beside dimensions or levels"
            raise UsageError(where, "either weights, or dimensions and levels", found, "leave one of them out")
        shares = _shares(told.get("dimensions", {}), f"{where}, key dimensions", SHARES, of=100.0)
        weights = _shares(told.get("weights", {}), f"{where}, key weights", None, of=1.0)
        for name, level in told.get("levels", {}).items():
            if not isinstance(level, str) or level not in LEVELS:
                do = did_you_mean(str(level), LEVELS)
                raise UsageError(f"{where}, key levels.{name}", "none, low, medium or high", repr(level), do)
        return cls(shares, dict(told.get("levels", {})), weights)

    def check(self, names: Iterable[str], where: str) -> None:
        """Refuse levels and weights of what is none of these signs.

        Raises
        ------
        UsageError
            With the place of the name.
        """
        known = dict.fromkeys(names)
        for key, values in (("levels", self.levels), ("weights", self.weights)):
            for name in values:
                if name not in known:
                    expected, do = "an indicator with a curve and a direction", did_you_mean(name, known)
                    raise UsageError(f"{where}, key {key}.{name}", expected, repr(name), do)

    def to_dict(self) -> dict[str, Any]:
        """Give what is said as plain values."""
        told = {"dimensions": self.dimensions, "levels": self.levels, "weights": self.weights}
        return {key: dict(values) for key, values in told.items() if values}

    def overridden(self, other: Emphasis) -> Emphasis:
        """Let another say otherwise: its weights alone, else its dimensions, and its levels name by name."""
        if other.weights:
            return other
        if not other.dimensions and not other.levels:
            return self
        return Emphasis(other.dimensions or self.dimensions, {**self.levels, **other.levels})

    def raw(self, signs: Mapping[str, tuple[str, str]]) -> dict[str, float]:
        """Weigh signs, given as (dimension, level) by name; not yet summing to 1."""
        if self.weights:
            return {name: weight for name, weight in self.weights.items() if name in signs}
        shares = self.dimensions or SHARES
        parts = dict.fromkeys(shares, 0.0)
        for dimension, level in signs.values():
            parts[dimension] = parts.get(dimension, 0.0) + LEVELS[level]
        return {
            name: shares.get(dimension, 0.0) * LEVELS[level] / parts[dimension] if parts[dimension] else 0.0
            for name, (dimension, level) in signs.items()
        }


def _shares(values: Mapping[str, Any], where: str, known: Iterable[str] | None, *, of: float) -> dict[str, float]:
    """Check numbers by name: at least 0, of known names, summing to 1 or 100; let them sum to one of these."""
    for name, value in values.items():
        if known is not None and name not in known:
            raise UsageError(f"{where}.{name}", f"one of {', '.join(known)}", repr(name), did_you_mean(name, known))
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
            raise UsageError(f"{where}.{name}", "a number from 0 to 100", repr(value), "correct it")
    total = sum(values.values())
    unit = next((unit for unit in (1.0, 100.0) if abs(total - unit) < 1e-6 * unit), None)
    if values and unit is None:
        raise UsageError(where, "numbers that sum to 1 or to 100", f"a sum of {total:g}", "let them sum up")
    return {name: float(value) if unit == of else value * of / (unit or of) for name, value in values.items()}
