"""What is known of a table as a whole, as numbers that add up over disjoint sets of accounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.features.time import FOREVER, days, micro, micros

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 5  # names that are shown
KEPT = 100  # names that are kept, to see what they have in common
_TAIL_ROWS, _TAIL_SHARE, _TAIL_GAP = 50, 0.001, days(365)


@dataclass(frozen=True)
class Facts:
    """Count what became of the rows of one table; instants are int64 microseconds.

    Attributes
    ----------
    landed
        Rows as landed; the others count what was taken from them, one after the other.
    past_last, late, late_first
        The last instant that is not in the future; the rows that are, and the first of them.
    undated, outside
        Accounts with neither a date nor any record, and those among them that are dated outside the years that count.
    unknown, unknown_ids, unknown_most
        Rows of unknown accounts, of how many ids, and the most frequent of these.
    repeated
        Rows that repeat another in full.
    rows
        The rows that are left.
    told_last
        The last instant at which a row became known that says so itself.
    assumed
        Rows whose `known_at` is assumed.
    counts, defaults, currencies, bases
        Rows by code of finding, by column given a default, by currency, by ground of `known_at`.
    bases_since
        By ground of `known_at`, the first instant at which a row became known on it.
    filled
        The columns that hold a value.
    """

    landed: int = 0
    past_last: int = -FOREVER
    late: int = 0
    late_first: int = FOREVER
    undated: int = 0
    outside: int = 0
    unknown: int = 0
    unknown_ids: int = 0
    unknown_most: tuple[tuple[str, int], ...] = ()
    repeated: int = 0
    rows: int = 0
    known_first: int = FOREVER
    known_last: int = -FOREVER
    told_last: int = -FOREVER
    happened_first: int = FOREVER
    assumed: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    defaults: Mapping[str, int] = field(default_factory=dict)
    currencies: Mapping[str, int] = field(default_factory=dict)
    bases: Mapping[str, int] = field(default_factory=dict)
    bases_since: Mapping[str, int] = field(default_factory=dict)
    filled: tuple[str, ...] = ()

    def __add__(self, other: Facts) -> Facts:
        """Join the facts of two sets of accounts.

        Examples
        --------
        >>> both = Facts(rows=2, known_last=5, currencies={"EUR": 1}) + Facts(rows=1, known_last=3)
        >>> both.rows, both.known_last, both.currencies
        (3, 5, {'EUR': 1})
        """
        return Facts(
            **{one.name: _joined(one.name, getattr(self, one.name), getattr(other, one.name)) for one in fields(self)}
        )

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Facts:
        """Read facts back from plain JSON values."""
        known = {one.name for one in fields(cls)}
        given = {name: value for name, value in values.items() if name in known}
        given["unknown_most"] = tuple((str(name), int(count)) for name, count in given.get("unknown_most", ()))
        given["filled"] = tuple(given.get("filled", ()))
        return cls(**given)

    def as_json(self) -> dict[str, Any]:
        """Give what is not as by default, as plain JSON values."""
        plain = Facts()
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in given.items() if value != getattr(plain, name)}


def _joined(name: str, one: Any, two: Any) -> Any:
    if name == "unknown_most":
        return most({**dict(one), **{k: n + dict(one).get(k, 0) for k, n in two}})
    if name == "filled":
        return tuple(sorted({*one, *two}))
    if name == "bases_since":
        return {key: min(one.get(key, FOREVER), two.get(key, FOREVER)) for key in {**one, **two}}
    if isinstance(one, Mapping):
        return {key: one.get(key, 0) + two.get(key, 0) for key in {**one, **two}}
    if name.endswith("_last"):
        return max(one, two)
    return min(one, two) if name.endswith("_first") else one + two


def total(parts: Iterable[Mapping[str, Facts]]) -> dict[str, Facts]:
    """Join facts by table."""
    joined: dict[str, Facts] = {}
    for part in parts:
        for name, facts in part.items():
            joined[name] = joined[name] + facts if name in joined else facts
    return joined


def most(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Give the most frequent names, those of equal count in alphabetical order.

    Examples
    --------
    >>> most({"b": 1, "a": 1, "c": 2})[:2]
    (('c', 2), ('a', 1))
    """
    return tuple(sorted(counts.items(), key=lambda one: (-one[1], one[0])))[:KEPT]


@dataclass(frozen=True)
class Reach:
    """How far the `known_at` of a table reaches: the latest few, and how many there are.

    Attributes
    ----------
    top
        The latest instants, ascending, at most 51.
    """

    top: tuple[int, ...] = ()
    rows: int = 0

    @classmethod
    def of(cls, known_at: pd.Series) -> Reach:
        """Read it from the column ``known_at``."""
        known = micros(known_at)[known_at.notna().to_numpy()]
        return cls(tuple(np.sort(_top(known)).tolist()), len(known))

    def __add__(self, other: Reach) -> Reach:
        """Join the reach of two sets of rows."""
        top = np.sort(np.array([*self.top, *other.top], dtype=np.int64))[-(_TAIL_ROWS + 1) :]
        return Reach(tuple(top.tolist()), self.rows + other.rows)


def limits(reaches: Mapping[str, Reach], clock: pd.Timestamp | None) -> dict[str, int]:
    """Give for each table the last instant that is not in the future: before the clock and before an isolated tail."""
    limit = FOREVER if clock is None else micro(clock)
    whole = sum(reaches.values(), Reach())
    limit = min(limit, _tail(whole))
    return {name: min(limit, _tail(one)) for name, one in reaches.items()}


def _top(times: NDArray[np.int64]) -> NDArray[np.int64]:
    keep = min(len(times), _TAIL_ROWS + 1)
    return np.partition(times, len(times) - keep)[len(times) - keep :] if keep else times


def _tail(reach: Reach) -> int:
    """Give the last instant before an isolated tail, `FOREVER` when there is none.

    A tail is at most 50 rows, fewer than one in a thousand, more than a year behind everything before it.
    """
    top = np.array(reach.top, dtype=np.int64)
    for i in np.flatnonzero(np.diff(top) > _TAIL_GAP):
        if len(top) - 1 - i < _TAIL_SHARE * reach.rows:
            return int(top[i])
    return FOREVER
