"""Trials: what is measured again for each law, and what must not have changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.proof import otherwise as tell
from holdfast.features.proof.clockwork import another_day
from holdfast.features.proof.edits import Edit, Otherwise
from holdfast.features.proof.values import Values
from holdfast.features.time import days, micro

if TYPE_CHECKING:
    from holdfast.features.proof.subject import Subject
    from holdfast.features.proof.told import Company

    Way = Callable[[Sequence[Edit]], Values]

_WEEKS = (5, 26)  # the second one comes to lie on the other side of every change of clocks
_ROUNDING = 1e-9  # decayed sums are kept relative to fixed days
_ALONE = 2  # accounts measured alone


@dataclass(frozen=True)
class Bench:
    """What every trial starts from: the subject, the company, and what the one said of the other."""

    subject: Subject
    company: Company
    cutoffs: pd.DatetimeIndex
    said: Values
    seed: int
    rounds: int

    def otherwise(self, tell: Callable[..., Otherwise], *how: Hashable) -> Otherwise:
        """Tell the company otherwise."""
        told: Otherwise = self.company.once((tell.__name__, *how), lambda: tell(self.company, *how))
        return told

    def measure(self, company: Company, cutoffs: pd.DatetimeIndex | None = None) -> Values:
        """Measure the subject on a company told otherwise."""
        return self.subject.measure(company, self.cutoffs if cutoffs is None else cutoffs, self.company.accounts)


@dataclass(frozen=True)
class Trial:
    """One way to tell the company otherwise, and where the values must stay.

    Attributes
    ----------
    how
        What is told otherwise, in words.
    way
        Measures with some of the edits.
    edits, told
        All the edits, and what they belong to; none where the law is not about records.
    said
        What the values must be.
    accounts, cutoffs
        Where they must.
    columns
        Which must; None means all.
    rounding
        The relative difference of floats that counts as none.
    alike
        Measures what the values must be with some of the edits, where that is not what was said.
    """

    how: str
    way: Way
    said: Values
    accounts: pd.Index
    cutoffs: pd.DatetimeIndex
    told: Otherwise | None = None
    columns: tuple[str, ...] | None = None
    rounding: float = 0.0
    alike: Way | None = None

    def expected(self, edits: Sequence[Edit]) -> Values:
        """Give what the values must be with some of the edits."""
        return self.said if self.alike is None else self.alike(edits)

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The single changes."""
        return () if self.told is None else self.told.edits


def _measuring(bench: Bench, told: Otherwise, columns: tuple[str, ...] | None = None) -> Way:
    asked = bench if columns is None else replace(bench, subject=bench.subject.only(columns))
    return lambda edits: asked.measure(told.whole if edits is told.edits else told.told(edits))


def _edited(
    bench: Bench,
    how: str,
    told: Otherwise,
    cutoffs: pd.DatetimeIndex | None = None,
    accounts: pd.Index | None = None,
    columns: tuple[str, ...] | None = None,
) -> Trial:
    way = _measuring(bench, told, columns)
    where = bench.company.accounts if accounts is None else accounts
    return Trial(how, way, bench.said, where, bench.cutoffs if cutoffs is None else cutoffs, told, columns)


def _plain(bench: Bench, how: str, way: Callable[[], Values], cutoffs: pd.DatetimeIndex | None = None) -> Trial:
    where = bench.cutoffs if cutoffs is None else cutoffs
    return Trial(how, lambda _: way(), bench.said, bench.company.accounts, where)


def repeatable(bench: Bench) -> Iterator[Trial]:
    """Measure again, as it is and under another clock."""

    def again() -> Values:
        return bench.measure(bench.company.with_frames(bench.company.frames))

    def on(year: int) -> Values:
        with another_day(year, bench.seed + year, bench.subject.functions):
            return again()

    yield _plain(bench, "measured a second time", again)
    for year in (2001, 2037):
        yield _plain(bench, f"measured with the clock in {year} and other random numbers", partial(on, year))


def labels(bench: Bench) -> Iterator[Trial]:
    """Tell other exits."""
    if "churn" in bench.company.frames:
        yield _edited(bench, "other rows in the table churn", bench.otherwise(tell.other_labels, bench.seed))


def future(bench: Bench) -> Iterator[Trial]:
    """Tell another future of every cutoff, several times, and none."""
    for place, cutoff in enumerate(bench.cutoffs):
        until = bench.cutoffs[: place + 1]
        yield _edited(
            bench, f"nothing known after {cutoff:%Y-%m-%d %H:%M}", bench.otherwise(tell.no_future, cutoff), until
        )
        for turn in range(bench.rounds):
            told = bench.otherwise(tell.another_future, cutoff, bench.seed + 100 * place + turn)
            yield _edited(bench, f"another future after {cutoff:%Y-%m-%d %H:%M}", told, until)


def order(bench: Bench) -> Iterator[Trial]:
    """Deliver the rows in another order."""
    for turn in range(min(bench.rounds, 2)):
        yield _edited(bench, "rows in another order", bench.otherwise(tell.shuffled, bench.seed + turn))


def accounts(bench: Bench) -> Iterator[Trial]:
    """Let half of the accounts do something else."""
    whole = bench.company.accounts
    if len(whole) < 2:
        return
    first = np.random.default_rng(bench.seed).permutation(len(whole)) % 2 == 0
    for spared in (first, ~first):
        told = bench.otherwise(tell.other_neighbours, frozenset(whole[spared]), bench.seed)
        yield _edited(bench, "other accounts do something else", told, accounts=whole[spared])


def groups(bench: Bench) -> Iterator[Trial]:
    """Measure accounts in groups, and some alone."""
    whole = bench.company.accounts
    if len(whole) < 2:
        return
    mixed = whole[np.random.default_rng(bench.seed + 1).permutation(len(whole))]
    third = max(len(whole) // 3, 1)
    alone = [whole[place : place + 1] for place in range(0, len(whole), max(len(whole) // _ALONE, 1))][:_ALONE]
    for group in (mixed[:third].sort_values(), whole[third:], *alone):
        if _active(bench.company, group) and len(group) < len(whole):
            how = "measured alone" if len(group) == 1 else f"measured in a group of {len(group)}"
            yield _edited(bench, how, bench.otherwise(tell.absent, tuple(group)), accounts=group)


def _active(company: Company, group: pd.Index) -> bool:
    tables = [company.frames[name] for name in tell.happenings(company)]
    return any(frame["account_id"].isin(group).any() for frame in tables)


def cutoffs(bench: Bench) -> Iterator[Trial]:
    """Measure every cutoff alone, and all of them among others."""
    for cutoff in bench.cutoffs if len(bench.cutoffs) > 1 else ():
        one = pd.DatetimeIndex([cutoff], name="cutoff")
        yield _plain(bench, "its cutoff measured alone", partial(bench.measure, bench.company, one), one)
    earlier, later = bench.cutoffs[0] - pd.Timedelta(days=11, hours=5), bench.company.end
    for how, other in (("with an earlier cutoff", earlier), ("with a later cutoff", later)):
        more = bench.cutoffs.union(pd.DatetimeIndex([other])).rename("cutoff")
        yield _plain(bench, f"measured {how}", partial(bench.measure, bench.company, more))


def calendar(bench: Bench) -> Iterator[Trial]:
    """Move every instant by whole weeks."""
    company: Company = bench.company.once("without ties", bench.company.without_ties)
    base = replace(bench, said=bench.measure(company))

    def moved(weeks: int) -> Values:
        shifted = company.once(weeks, lambda: company.shifted(weeks))
        at = (bench.cutoffs + pd.Timedelta(days=7 * weeks)).rename("cutoff")
        return replace(bench.measure(shifted, at), cutoffs=bench.cutoffs)

    for weeks in _WEEKS:
        trial = _plain(base, f"every instant moved by {weeks} weeks", partial(moved, weeks))
        yield replace(trial, rounding=_ROUNDING)


def edges(bench: Bench) -> Iterator[Trial]:
    """Place records at the edges of the windows that subjects declare."""
    tables = tell.happenings(bench.company)
    for lookback, columns in bench.subject.by_lookback(bench.said.columns):
        for cutoff in bench.cutoffs[-min(bench.rounds, 2) :]:
            told = bench.otherwise(tell.window_edges, cutoff, lookback, tables)
            at = pd.DatetimeIndex([cutoff], name="cutoff")
            yield _edited(bench, f"records at the edges of {lookback:g} days", told, at, columns=columns)
            counting = tuple(one for one in columns if one in bench.subject.counting)
            if counting:
                yield _counted(bench, cutoff, lookback, counting)


def _counted(bench: Bench, cutoff: pd.Timestamp, lookback: float, columns: tuple[str, ...]) -> Trial:
    """Place records just inside a window: whoever counts records counts them as if they lay amid it."""
    first, middle, last = _inside(cutoff, lookback)
    tables, at = tell.happenings(bench.company), pd.DatetimeIndex([cutoff], name="cutoff")
    edge, amid = (bench.otherwise(tell.within, two, tables) for two in ((first, last), (middle, middle)))
    how = f"records just inside the edges of {lookback:g} days, after records amid them"
    trial = _edited(bench, how, edge, at, columns=columns)
    same = _measuring(bench, amid, columns)
    return replace(trial, alike=lambda edits: same(amid.edits if edits is edge.edits else edits))


def _inside(cutoff: pd.Timestamp, lookback: float) -> tuple[int, int, int]:
    now, long = micro(cutoff), days(lookback)
    return now - long + 1, now - long // 2, now


def moving(bench: Bench) -> Iterator[Trial]:
    """Tell what was visible otherwise: a number that nothing moves keeps every law for nothing."""
    for turn in range(bench.rounds + 1):
        yield _edited(bench, "another past", bench.otherwise(tell.another_past, bench.seed + turn))


def touching(bench: Bench) -> Iterator[tuple[str, Trial]]:
    """Place records just inside the windows that functions declare, and say where."""
    tables = tell.happenings(bench.company)
    for lookback, columns in bench.subject.by_lookback(bench.said.columns):
        own = tuple(name for name in columns if bench.subject.watched is None or name in bench.subject.watched)
        for cutoff in bench.cutoffs[-min(bench.rounds, 2) :] if own else ():
            first, _, last = _inside(cutoff, lookback)
            at = pd.DatetimeIndex([cutoff], name="cutoff")
            for where, instant in (("just inside the start of its window", first), ("at the cutoff itself", last)):
                told = bench.otherwise(tell.within, (instant,), tables)
                yield where, _edited(bench, f"records {where}", told, at, columns=own)


TRIALS: dict[str, Callable[[Bench], Iterator[Trial]]] = {
    "repeatable": repeatable,
    "labels": labels,
    "future": future,
    "order": order,
    "accounts": accounts,
    "groups": groups,
    "cutoffs": cutoffs,
    "calendar": calendar,
    "edges": edges,
}
