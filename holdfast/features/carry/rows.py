"""Rows: records of one table as they are carried, with all that leaves ask of them as numbers, bits and codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from holdfast.features.carry.plan import Plan
from holdfast.features.history.tables import TABLES
from holdfast.features.kernel.arrays import Bools, Floats, Ints
from holdfast.features.kernel.encoded import Encoded
from holdfast.features.time import DAY_US, FOREVER

Bits = NDArray[np.uint64]
Codes = NDArray[np.int32]
Arrays = dict[str, NDArray[np.generic]]
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Rows:
    """Hold records, those of one account side by side in their order.

    Attributes
    ----------
    account
        The number under which an account is carried.
    day
        The day of a cutoff by which it happened: day d holds what happened in ``(phase + d - 1, phase + d]``.
    bits
        Which selections of the plan take a row in: one array per 64 of them.
    numbers, codes
        Columns; missing is nan and -1.
    """

    account: Ints
    at: Ints
    known: Ints
    day: Ints
    bits: tuple[Bits, ...]
    numbers: Mapping[str, Floats]
    codes: Mapping[str, Codes]

    def __len__(self) -> int:
        return len(self.account)

    def chosen(self, bit: int) -> Bools:
        """Tell which rows a selection takes in."""
        return np.asarray((self.bits[bit // 64] >> np.uint64(bit % 64)) & np.uint64(1) != 0)

    def take(self, rows: Bools | Ints | slice) -> Rows:
        """Keep some rows."""
        return Rows(
            self.account[rows],
            self.at[rows],
            self.known[rows],
            self.day[rows],
            tuple(one[rows] for one in self.bits),
            {name: values[rows] for name, values in self.numbers.items()},
            {name: values[rows] for name, values in self.codes.items()},
        )

    def ordered(self) -> Rows:
        """Sort by account, time and when it was known; what is alike stays in order."""
        return self.take(np.lexsort((self.known, self.at, self.account)))

    def arrays(self) -> Arrays:
        """Give the columns by name, for a file."""
        return {
            "account": self.account.astype(np.int32),
            "at": self.at,
            "known": self.known,
            **{f"bits/{place}": one for place, one in enumerate(self.bits)},
            **{f"number/{name}": values for name, values in self.numbers.items()},
            **{f"code/{name}": values for name, values in self.codes.items()},
        }


def of_arrays(arrays: Mapping[str, NDArray[np.generic]], plan: Plan, phase: int) -> Rows:
    """Read rows back."""
    at = np.asarray(arrays["at"], dtype=np.int64)
    return Rows(
        np.asarray(arrays["account"], dtype=np.int64),
        at,
        np.asarray(arrays["known"], dtype=np.int64),
        day_of(at, phase),
        tuple(np.asarray(arrays[f"bits/{place}"], dtype=np.uint64) for place in range(words_of(plan))),
        {name: np.asarray(arrays[f"number/{name}"], dtype=np.float64) for name in plan.numbers},
        {name: np.asarray(arrays[f"code/{name}"], dtype=np.int32) for name in plan.texts},
    )


def nothing(plan: Plan) -> Rows:
    """Give no rows."""
    none = np.zeros(0, dtype=np.int64)
    bits = tuple(none.astype(np.uint64) for _ in range(words_of(plan)))
    codes = {name: none.astype(np.int32) for name in plan.texts}
    return Rows(none, none, none, none, bits, {name: none.astype(np.float64) for name in plan.numbers}, codes)


def joined(parts: Iterable[Rows]) -> Rows:
    """Put rows together, in the order given."""
    given = list(parts)
    first = given[0]
    if len(given) == 1:
        return first
    return Rows(
        np.concatenate([one.account for one in given]),
        np.concatenate([one.at for one in given]),
        np.concatenate([one.known for one in given]),
        np.concatenate([one.day for one in given]),
        tuple(np.concatenate([one.bits[place] for one in given]) for place in range(len(first.bits))),
        {name: np.concatenate([one.numbers[name] for one in given]) for name in first.numbers},
        {name: np.concatenate([one.codes[name] for one in given]) for name in first.codes},
    )


def words_of(plan: Plan) -> int:
    """Give the number of 64-bit words that hold a bit per selection."""
    return -(-len(plan.selections) // 64)


def day_of(at: Ints, phase: int) -> Ints:
    """Give the day of a cutoff by which something happened.

    Examples
    --------
    >>> day_of(np.array([0, 1, DAY_US]), 0).tolist()
    [0, 1, 1]
    """
    return -((phase - at) // DAY_US)


class Words:
    """The texts of one column and their codes, in the order in which they were met."""

    def __init__(self, texts: pa.Array | None = None) -> None:
        self.texts = pa.array([], pa.large_string()) if texts is None else texts.cast(pa.large_string())

    def codes(self, values: pd.Index) -> Codes:
        """Give the codes of texts, new ones included."""
        given = pa.array(values, pa.large_string())
        given = given.combine_chunks() if isinstance(given, pa.ChunkedArray) else given
        found = pc.index_in(given, value_set=self.texts).fill_null(-1).to_numpy().copy()
        new = np.flatnonzero(found < 0)
        if len(new):
            found[new] = len(self.texts) + np.arange(len(new))
            self.texts = pa.concat_arrays([self.texts, given.take(pa.array(new))])
        return np.asarray(found, dtype=np.int32)

    @property
    def index(self) -> pd.Index:
        """The texts, by their codes."""
        found: pd.Index = pd.Index(self.texts.to_pandas(), dtype="str")
        return found


class Encoder:
    """Turn records into rows."""

    def __init__(self, plan: Plan, phase: int, words: Mapping[str, Words]) -> None:
        self.plan, self.phase, self.words = plan, phase, words

    def rows(self, table: Encoded, number: Ints, where: Ints) -> Rows:
        """Encode some rows of a table; `number` gives the accounts of the table their numbers."""
        records = table.records
        at = records.at[where]
        bits = tuple(np.zeros(len(where), dtype=np.uint64) for _ in range(words_of(self.plan)))
        met: dict[object, Bools] = {}
        for place, filters in enumerate(self.plan.selections):
            for one in filters:
                if one not in met:
                    met[one] = table.meets(one, where)
            held = np.logical_and.reduce([met[one] for one in filters]) if filters else np.ones(len(where), dtype=bool)
            bits[place // 64][held] |= np.uint64(1 << place % 64)
        return Rows(
            number[records.account[where]],
            at,
            records.known[where],
            day_of(at, self.phase),
            bits,
            {name: table.numbers(name)[where] for name in self.plan.numbers},
            {name: self._codes(table, name, where) for name in self.plan.texts},
        )

    def _codes(self, table: Encoded, name: str, where: Ints) -> Codes:
        own, values = table.codes(name)
        own = own[where]
        used = np.zeros(len(values) + 1, dtype=bool)
        used[own] = True
        used[-1] = False
        told = np.full(len(used), -1, dtype=np.int32)
        told[used] = self.words[name].codes(values[used[:-1]])
        return told[own]


def hashes(table: Encoded, columns: Iterable[str]) -> Bits:
    """Hash each record over its two times and some columns; a column that is absent hashes like a missing value."""
    kinds, records = TABLES[table.name].columns, table.records
    total = records.at.view(np.uint64) * _salt("at")
    total += records.known.view(np.uint64) * _salt("known")
    for name in columns:
        if name in records.columns:
            total += _cells(table, name, kinds[name].kind) * _salt(name)
    for shift in (29, 32):
        total ^= total >> np.uint64(shift)
        total *= _MIX
    return total


def _cells(table: Encoded, name: str, kind: str) -> Bits:
    if kind == "text":
        codes, values = table.codes(name)
        words = pd.util.hash_array(np.asarray(values, dtype=object), categorize=False)
        return np.asarray(np.append(words, np.uint64(0))[codes])
    if kind == "time":
        instants = table.instants(name)
        return np.where(instants == FOREVER, 0, instants).view(np.uint64)
    numbers = table.numbers(name)
    return np.where(np.isnan(numbers), np.uint64(0), (numbers + 0.0).view(np.uint64))


def _salt(name: str) -> np.uint64:
    return np.uint64(pd.util.hash_array(np.array([name], dtype=object), categorize=False)[0] | np.uint64(1))


def added(hashed: Bits, account: Ints, accounts: int) -> Bits:
    """Add up hashes by account, whatever their order."""
    total = np.zeros(accounts, dtype=np.uint64)
    np.add.at(total, account, hashed)
    return total
