"""Adoption: how much an account uses each of the frequent events, and what share of its usage that is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.indicators.expression import Expression, Window
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import usage
from holdfast.features.indicators.wording import ENGLISH, WORDINGS, Language
from holdfast.features.time import FOREVER, micro

if TYPE_CHECKING:
    from holdfast.features.history.history import History
    from holdfast.features.history.records import Records

MOST = 25  # events that get an indicator of their own
FEWEST_NAMES, MOST_NAMES = 2, 200  # outside, names of events are no vocabulary of features


def frequent_events(history: History, cutoff: pd.Timestamp | None = None) -> tuple[str, ...]:
    """List the most frequent events of ``usage`` as known at a cutoff, ties by name; none where names say little."""
    if "usage" not in history or "event" not in history.supplied("usage"):
        return ()
    by = FOREVER if cutoff is None else micro(cutoff)
    counts = pd.Series(dtype=np.int64)
    for bucket in history.buckets():
        counts = counts.add(_counts(bucket.records("usage", ["event"]), by), fill_value=0)
    counts = counts[counts > 0].astype(np.int64)
    if not FEWEST_NAMES <= len(counts) <= MOST_NAMES:
        return ()
    return tuple(sorted(counts.index, key=lambda name: (-counts[name], name))[:MOST])


def _counts(records: Records, by: int) -> pd.Series:
    seen = (np.maximum(records.known, records.at) <= by) & (records.superseded > by) if by < FOREVER else slice(None)
    counts: pd.Series = records.columns["event"][seen].value_counts()
    return counts.set_axis(counts.index.astype("str"))


def adoption(events: Iterable[str], language: Language = ENGLISH) -> tuple[Indicator, ...]:
    """Declare how much each event is used, and its share in all usage."""
    total, words = usage.sum("count", days=90).named("total"), WORDINGS[language]
    declared: list[Indicator] = []
    for event, slug in zip(events, slugs(tuple(events)), strict=True):
        recent = usage.sum("count", days=30, event=event)
        share = usage.sum("count", days=90, event=event).named("used") / total
        shown = event.replace("{", "{{").replace("}", "}}")
        amount = _declare(f"adoption_{slug}", "times", recent, words.use.format(event=event), words.used, shown)
        part = _declare(f"adoption_share_{slug}", "share", share, words.share.format(event=event), words.shared, shown)
        declared += [replace(one, language=language) for one in (amount, part)]
    return tuple(declared)


def adopted(indicators: Iterable[Indicator]) -> tuple[str, ...]:
    """Read back the events whose adoption is among some indicators, in order."""
    found = []
    for one in indicators:
        leaf = one.expression
        if one.name.startswith("adoption_") and isinstance(leaf, Window):
            found += [str(c.values[0]) for c in leaf.filters if c.column == "event"]
    return tuple(found)


def slugs(events: Sequence[str]) -> list[str]:
    """Make names of events fit for columns, numbered where two become one.

    Examples
    --------
    >>> slugs(["Add to cart!", "add-to-cart", "pay"])
    ['add_to_cart', 'add_to_cart_2', 'pay']
    """
    named: list[str] = []
    for event in events:
        slug = re.sub(r"[^a-z0-9]+", "_", event.lower()).strip("_") or "event"
        numbered = (slug if n == 1 else f"{slug}_{n}" for n in count(1))
        named.append(next(name for name in numbered if name not in named))
    return named


def _declare(name: str, unit: str, expression: Expression, title: str, said: str, event: str) -> Indicator:
    return Indicator(
        expression,
        name=name,
        dimension="product",
        healthy="unclear",
        unit=unit,
        title=title,
        curve=None,
        evidence=said.format(event=event),
        seeds=("S013", "S023"),
    )
