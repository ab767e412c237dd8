"""Templates: health weights as data, by dimension, by level, or sign by sign, each with a version and an author."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.models.emphasis import LEVELS, SHARES, Emphasis

if TYPE_CHECKING:
    from holdfast.features.indicators.indicator import Indicator

__all__ = ["DEFAULT", "SHARES", "Template", "scored", "template_weights"]

DEFAULT = "40-30-30"
_KEYS = ("name", "version", "author", "variants", "dimensions", "levels", "weights", "segments")
_OF_SEGMENT = ("dimensions", "levels", "weights")


@dataclass(frozen=True)
class Template:
    """Weights that need no data.

    Attributes
    ----------
    name, version, author
        Whose weights these are.
    base
        What holds for every account.
    variants
        The level of changes, trends and the like, unless they are named.
    segments
        What holds for the accounts of a segment instead; what it does not say is as in `base`.

    Examples
    --------
    >>> Template.named("40-30-30").base.dimensions
    {'product': 40.0, 'relationship': 30.0, 'business': 30.0}
    """

    name: str
    version: str
    author: str
    base: Emphasis = field(default_factory=Emphasis)
    variants: str = "low"
    segments: Mapping[str, Emphasis] = field(default_factory=dict)

    @classmethod
    def named(cls, name: str, where: str = "template") -> Template:
        """Give a template that is shipped.

        Parameters
        ----------
        where
            Where it is named, for messages.

        Raises
        ------
        UsageError
            When there is none of that name.
        """
        if name not in shipped():
            do = did_you_mean(name, shipped())
            raise UsageError(where, f"one of {', '.join(shipped())}, or a TOML file", repr(name), do)
        return _shipped(name)

    @classmethod
    def read(cls, path: str | Path) -> Template:
        """Read a template from a TOML file.

        Raises
        ------
        UsageError
            When it cannot be read, holds an unknown key, or no usable weight. Signs are looked up where it is used.
        """
        try:
            return cls.from_dict(tomllib.loads(Path(path).read_text(encoding="utf-8")), str(path))
        except (OSError, UnicodeDecodeError) as problem:
            raise UsageError(str(path), "a readable UTF-8 file", str(problem), "correct the path or the file") from None
        except (ValueError, RecursionError) as problem:  # no TOML, a number of thousands of digits, nested without end
            raise UsageError(str(path), "TOML", str(problem), "correct that line") from None

    @classmethod
    def from_dict(cls, told: Mapping[str, Any], where: str = "template") -> Template:
        """Take a template from plain values, as `to_dict` gives them or a TOML file holds them."""
        for key in told:
            if key not in _KEYS:
                raise UsageError(f"{where}, key {key}", "a known key", repr(key), did_you_mean(str(key), _KEYS))
        for key in ("name", "version", "author"):
            if not isinstance(told.get(key), str) or not told[key].strip():
                raise UsageError(f"{where}, key {key}", "a text", repr(told.get(key)), f'add {key} = "..."')
        variants = told.get("variants", "low")
        if not isinstance(variants, str) or variants not in LEVELS:
            raise UsageError(f"{where}, key variants", "a level", repr(variants), did_you_mean(str(variants), LEVELS))
        base = Emphasis.from_dict({key: told[key] for key in _OF_SEGMENT if key in told}, where)
        return cls(
            told["name"],
            told["version"],
            told["author"],
            base,
            variants,
            segments_from(told.get("segments", {}), where),
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the template as plain values."""
        told = {"name": self.name, "version": self.version, "author": self.author, "variants": self.variants}
        segments = {"segments": {name: one.to_dict() for name, one in self.segments.items()}} if self.segments else {}
        return {**told, **self.base.to_dict(), **segments}

    @property
    def known(self) -> Template | str:
        """Its name where it is shipped as it stands, else itself."""
        return self.name if self.name in shipped() and self == Template.named(self.name) else self

    def of(self, segment: str | None) -> Emphasis:
        """Give what holds for a segment."""
        return self.base if segment is None else self.base.overridden(self.segments.get(segment, Emphasis()))

    def weights(self, catalog: Iterable[Indicator], segment: str | None = None) -> pd.Series:
        """Weigh the scored indicators, summing to 1; those of no weight are left out.

        What is not there gives its weight to the rest in proportion: a sign to those of its dimension, a dimension to
        the others.

        Raises
        ------
        UsageError
            When nothing is left to weigh.
        """
        raw = self._raw(catalog, segment)
        if not sum(raw.values()) > 0:
            where = f"template {self.name}" + (f", segment {segment}" if segment else "")
            expected = "at least one indicator with a curve and a direction, and a weight"
            raise UsageError(where, expected, "none", "measure the catalogue, or weigh what is there")
        weights = pd.Series(raw, dtype=float).sort_index()
        return (weights / weights.sum())[weights > 0].rename("weight")

    def weighs(self, catalog: Iterable[Indicator]) -> bool:
        """Tell whether any of these indicators has a weight."""
        return sum(self._raw(catalog, None).values()) > 0

    def _raw(self, catalog: Iterable[Indicator], segment: str | None) -> Mapping[str, float]:
        levels = {one.name: (one.dimension, self.level_of(one, segment)) for one in scored(catalog)}
        return self.of(segment).raw(levels)

    def check(self, names: Iterable[str]) -> None:
        """Refuse a template that weighs what no catalogue declares.

        Raises
        ------
        UsageError
            When a name is none of these.
        """
        known = tuple(names)
        self.base.check(known, f"template {self.name}")
        for segment, one in self.segments.items():
            one.check(known, f"template {self.name}, segment {segment}")

    def moved(self, name: str, level: str) -> Template:
        """Give the template with an indicator on another level, in every segment."""
        segments = {key: replace(one, levels={**one.levels, name: level}) for key, one in self.segments.items()}
        return replace(self, base=replace(self.base, levels={**self.base.levels, name: level}), segments=segments)

    def frame(self) -> pd.DataFrame:
        """Tabulate what it says: segment (empty for all), what (dimensions, levels, weights), name, value."""
        told = {"": self.base, **self.segments}
        rows = [
            (segment, what, name, value)
            for segment, one in told.items()
            for what, values in one.to_dict().items()
            for name, value in values.items()
        ]
        return pd.DataFrame(rows, columns=["segment", "what", "name", "value"], dtype=object)

    def _repr_html_(self) -> str:
        head = f"{self.name}, version {self.version}, by {self.author}; changes, trends and the like: {self.variants}"
        return f"<p>{escape(head)}</p>{self.frame().to_html(escape=True, index=False)}"

    def diff(self, other: Template) -> pd.DataFrame:
        """Tabulate what another template says otherwise: segment, what, name, before, after; missing where silent."""
        keys = ["segment", "what", "name"]
        both = self.frame().merge(other.frame(), how="outer", on=keys, suffixes=("_b", "_a"))
        both = both.rename(columns={"value_b": "before", "value_a": "after"})
        changed = [
            a != b and not (pd.isna(a) and pd.isna(b)) for a, b in zip(both["before"], both["after"], strict=True)
        ]
        return both[changed].sort_values(keys, ignore_index=True)

    def level_of(self, one: Indicator, segment: str | None = None) -> str:
        """Give the level of an indicator."""
        usual = self.variants if one.variant_of else "medium"
        return self.of(segment).levels.get(one.name, usual)


def segments_from(told: Any, where: str) -> dict[str, Emphasis]:
    """Take what is said by segment from plain values.

    Raises
    ------
    UsageError
        When it is no section per segment, or one of them is wrong.
    """
    if not isinstance(told, Mapping) or not all(isinstance(one, Mapping) for one in told.values()):
        do = "write [segments.NAME.dimensions], .levels or .weights"
        raise UsageError(f"{where}, key segments", "a section per segment", repr(told)[:80], do)
    return {name: Emphasis.from_dict(one, f"{where}, segment {name}") for name, one in told.items()}


@cache
def shipped() -> tuple[str, ...]:
    """List the templates that are shipped, the default first."""
    names = (path.name.removesuffix(".toml") for path in files("holdfast.models").joinpath("templates").iterdir())
    return tuple(sorted(names, key=lambda name: (name != DEFAULT, name)))


@cache
def _shipped(name: str) -> Template:
    text = files("holdfast.models").joinpath("templates", f"{name}.toml").read_text(encoding="utf-8")
    return Template.from_dict(tomllib.loads(text), f"template {name}")


def scored(catalog: Iterable[Indicator]) -> tuple[Indicator, ...]:
    """Keep the indicators that can be good or bad: those with a scoring curve and a direction, sorted by name."""
    kept = (one for one in catalog if one.curve is not None and one.healthy != "unclear")
    return tuple(sorted(kept, key=lambda one: one.name))


def template_weights(catalog: Iterable[Indicator]) -> pd.Series:
    """Weigh the scored indicators by the default template, summing to 1.

    Raises
    ------
    UsageError
        When no indicator has a scoring curve and a direction.
    """
    return Template.named(DEFAULT).weights(catalog)
