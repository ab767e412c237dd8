"""What is carried of one table: everything its leaves need, and the means to notice that the past has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from holdfast.features.carry.daily import Days
from holdfast.features.carry.ends import Ends
from holdfast.features.carry.plan import Kind, Plan
from holdfast.features.carry.recent import recently
from holdfast.features.carry.rows import Arrays, Bits, Encoder, Rows, Words, added, hashes, joined, nothing, of_arrays
from holdfast.features.carry.sums import Arrivals, Decayed, Sums
from holdfast.features.carry.tail import Tail
from holdfast.features.carry.values import Values
from holdfast.features.indicators.expression import Window
from holdfast.features.kernel.arrays import Bools, Floats, Ints
from holdfast.features.kernel.encoded import Encoded
from holdfast.features.time import DAY_US

_ROWS = 1_000_000  # taken in at a time
_EVER = np.iinfo(np.int64).min


class State:
    """Hold the state of one table at the cutoff of a day.

    Attributes
    ----------
    phase
        The time of day of the cutoffs, in microseconds.
    day
        The day of the cutoff; none before the first.
    hashed
        By account the sum of the hashes of its rows.
    since
        By account the step in which it was last begun anew.
    gone
        The accounts begun anew in this step.
    pending
        Rows that will be known only after the cutoff, and what each adds to the hash of its account; kept where rows
        are read once, as they land.
    """

    def __init__(self, plan: Plan, phase: int, folder: Path) -> None:
        self.plan, self.phase = plan, phase
        self.day: int | None = None
        self.words = {name: Words() for name in plan.texts}
        self.sums, self.decayed, self.values = Sums(plan), Decayed(plan), Values(plan)
        self.days, self.ends, self.tail = Days(plan), Ends(plan), Tail(plan, phase, folder)
        self.decayed.phase = self.ends.phase = phase
        self.hashed = np.zeros(0, dtype=np.uint64)
        self.since = np.zeros(0, dtype=np.int64)
        self.gone = np.zeros(0, dtype=bool)
        self.occurred: frozenset[Kind] = frozenset()
        self.pending: tuple[Rows, Bits] = (nothing(plan), np.zeros(0, dtype=np.uint64))

    @property
    def _parts(self) -> tuple[Sums | Decayed | Values | Days | Ends, ...]:
        return self.sums, self.decayed, self.values, self.days, self.ends

    def grow(self, accounts: int) -> None:
        """Make room for accounts, and begin a step."""
        more = accounts - len(self.hashed)
        self.hashed = np.append(self.hashed, np.zeros(more, dtype=np.uint64))
        self.since = np.append(self.since, np.full(more, _EVER))
        self.gone = np.zeros(accounts, dtype=bool)
        for part in self._parts:
            part.grow(accounts)

    def compare(self, table: Encoded, number: Ints, instant: int) -> Ints:
        """Find the rows that are new at an instant, those of accounts whose past has changed included.

        Parameters
        ----------
        number
            Gives the accounts of the table their numbers here.
        """
        records = table.records
        then = _EVER if self.day is None else self.phase + self.day * DAY_US
        was = (records.known <= then) & (then < records.superseded)
        now = (records.known <= instant) & (instant < records.superseded)
        hashed = hashes(table, self.plan.columns)
        account = number[records.account]
        before = added(hashed[was], account[was], len(self.hashed))
        gone = np.zeros(len(self.hashed), dtype=bool)
        gone[number] = before[number] != self.hashed[number]
        gone[account[was & ~now]] = True
        self._reset(gone)
        self.hashed[number] = added(hashed[now], account[now], len(self.hashed))[number]
        return np.flatnonzero(now & (~was | gone[account]))

    def _reset(self, gone: Bools) -> None:
        if gone.any():
            self.gone |= gone
            for part in self._parts:
                part.reset(gone)

    def afresh(self, absent: Iterable[int]) -> None:
        """Begin to compare all records, where some accounts are gone."""
        self.occurred = frozenset()
        self.pending = (nothing(self.plan), np.zeros(0, dtype=np.uint64))
        self.forget(np.array(sorted(absent), dtype=np.int64))

    def forget(self, number: Ints) -> None:
        """Forget accounts that have no rows any more."""
        gone = np.zeros(len(self.hashed), dtype=bool)
        gone[number] = self.hashed[number] != 0
        self._reset(gone)
        self.hashed[gone] = 0

    def take(self, table: Encoded, number: Ints, where: Ints, day: int, place: Path) -> None:
        """Take in new rows of a table, known by the cutoff of a day."""
        encoder = Encoder(self.plan, self.phase, self.words)
        for own in _portions(number[table.records.account[where]], where):
            rows = encoder.rows(table, number, own)
            self._step(Arrivals(day, rows, {}))
            self.tail.add(rows, day, self.day, place)

    def wait(self, table: Encoded, number: Ints, where: Ints) -> None:
        """Keep rows of a table until they are known."""
        if len(where):
            rows = Encoder(self.plan, self.phase, self.words).rows(table, number, where)
            held, hashed = self.pending
            self.pending = (joined([held, rows]), np.append(hashed, hashes(table, self.plan.columns)[where]))

    def release(self, day: int, place: Path) -> bool:
        """Take in what has waited until the cutoff of a day, and tell whether there was any."""
        held, hashed = self.pending
        due = held.known <= self.phase + day * DAY_US
        self.pending = (held.take(~due), hashed[~due])
        rows = held.take(due)
        self.hashed += added(hashed[due], rows.account, len(self.hashed))
        rows = rows.ordered()
        kinds = self.plan.kinds - self.occurred
        bits = {kind: self.plan.selections.index(kind[1]) for kind in kinds}
        self.occurred |= {kind for kind, bit in bits.items() if rows.chosen(bit).any()}
        self._step(Arrivals(day, rows, {}))
        self.tail.add(rows, day, self.day, place)
        return bool(due.any())

    def _step(self, arrivals: Arrivals) -> None:
        for part in self._parts:
            part.step(arrivals)

    def finish(self, day: int, step: int) -> None:
        """Move the edges to a day, once everything new is in."""
        self.since[self.gone] = step
        self.tail.forget(self.gone)
        moved: dict[int, Rows] = {}
        if self.day is not None:
            for distance in self.plan.moving:
                moved[distance] = self.tail.between(self.day - distance, day - distance, self.since)
        self._step(Arrivals(day, nothing(self.plan), moved))
        self.tail.close(day, step)
        self.day = day

    def measured(self) -> dict[Window, Floats]:
        """Measure every leaf at the cutoff, by account."""
        day = self.day or 0
        found = dict(self._recent(day))
        for leaf, kind in self.plan.leaves.items():
            match kind:
                case "sums":
                    found[leaf] = self.sums.value(leaf)
                case "decayed":
                    found[leaf] = self.decayed.value(leaf, day)
                case "values":
                    found[leaf] = self.values.value(leaf, day)
                case "days":
                    found[leaf] = self.days.value(leaf, day)
                case "ends":
                    found[leaf] = self.ends.value(leaf, day)
        return found

    def _recent(self, day: int) -> Iterator[tuple[Window, Floats]]:
        leaves = self.plan.having("recent")
        if leaves:
            reach = max(round(leaf.ago + (leaf.days or 0.0)) for leaf in leaves)
            rows = self.tail.between(day - reach, day, self.since)
            instant = self.phase + day * DAY_US
            yield from recently(self.plan, rows, self.words, len(self.hashed), instant).items()

    def save(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Give what is carried, and the files of the tail."""
        files, pool = self.tail.save()
        named = zip(("sums", "decayed", "values", "days", "ends"), self._parts, strict=True)
        parts: dict[str, Arrays] = {name: part.save() for name, part in named}
        own: Arrays = {"hashed": self.hashed, "since": self.since, "pending": self.pending[1]}
        parts |= {"pool": pool, "own": own, "pending": self.pending[0].arrays()}
        found: dict[str, Any] = {f"{part}/{key}": values for part, own in parts.items() for key, values in own.items()}
        found["occurred"] = pa.array(sorted(map(repr, self.occurred)), pa.large_string())
        found |= {f"words/{name}": words.texts for name, words in self.words.items()}
        return found, files

    def load(self, day: int, arrays: Mapping[str, pa.Array], files: list[dict[str, Any]]) -> None:
        """Take up what was carried at the cutoff of a day."""
        self.day = day
        for name, words in self.words.items():
            words.texts = arrays[f"words/{name}"]
        self.hashed = np.array(_part(arrays, "own")["hashed"], dtype=np.uint64)
        self.since = np.array(_part(arrays, "own")["since"], dtype=np.int64)
        for name, part in zip(("sums", "decayed", "values", "days", "ends"), self._parts, strict=True):
            part.load(_part(arrays, name), len(self.hashed))
        self.tail.load(files, _part(arrays, "pool"))
        waiting = of_arrays(_part(arrays, "pending"), self.plan, self.phase)
        self.pending = (waiting, np.asarray(_part(arrays, "own")["pending"], dtype=np.uint64))
        occurred = set(arrays["occurred"].to_pylist())
        self.occurred = frozenset(kind for kind in self.plan.kinds if repr(kind) in occurred)


def _portions(account: Ints, where: Ints) -> Iterator[Ints]:
    """Cut rows into portions that are not too large, between accounts."""
    ends = np.flatnonzero(np.append(account[1:] != account[:-1], True)[: len(account)]) + 1
    start = 0
    while start < len(where):
        place = min(int(np.searchsorted(ends, start + _ROWS)), len(ends) - 1)
        yield where[start : ends[place]]
        start = int(ends[place])


def _part(arrays: Mapping[str, pa.Array], name: str) -> Arrays:
    return {key.split("/", 1)[1]: own.to_numpy() for key, own in arrays.items() if key.startswith(f"{name}/")}
