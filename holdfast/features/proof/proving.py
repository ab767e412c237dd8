"""Proving: put a subject to every law, and shrink what breaks one to the smallest counterexample."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.proof.company import CUTOFFS, END, company_frames
from holdfast.features.proof.edits import Edit
from holdfast.features.proof.result import LAWS, Counterexample, Outcome, Proof
from holdfast.features.proof.sampling import company_of, standing
from holdfast.features.proof.shrinking import smallest
from holdfast.features.proof.subject import Given, Provable, subject_of
from holdfast.features.proof.told import Company
from holdfast.features.proof.trials import TRIALS, Bench, Trial, moving, touching
from holdfast.features.proof.values import Values, differing
from holdfast.progress import progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history.history import History, Instant

    Pair = tuple[Values, Values]

_RETELLINGS: ContextVar[dict[int, dict[Hashable, Any]] | None] = ContextVar("retellings", default=None)
_IMPLIES = {"accounts": ("groups",)}  # who depends on other accounts does so in groups as well


def prove(
    subject: Provable,
    history: History | None = None,
    *,
    cutoffs: Iterable[Instant] | None = None,
    seed: int = 0,
    rounds: int = 2,
    accounts: int = 24,
    rows: int = 4_000,
    reads: Given = "history",
    lookback_days: float | None = None,
    tolerance: float = 0.0,
) -> Proof:
    """Prove that every number at a cutoff is exactly what could have been computed on that day.

    The company is told otherwise in ways that must not matter: with another future, in another order, with other
    neighbours, on another calendar. A value that changes breaks a law, and what made it change is narrowed down to the
    fewest records.

    Parameters
    ----------
    subject
        An indicator, a catalogue, some indicators, or a function ``(history, cutoffs) -> DataFrame`` of one's own that
        returns one row per ``(account_id, cutoff)``.
    history
        What to prove it on; by default a small simulated company on a coarse clock, where records arrive late, are
        corrected, deleted, and lie on the edges of windows.
    cutoffs
        Where to stand; by default a few in the last half of the history, one of them not at midnight.
    seed
        The same seed gives the same proof.
    rounds
        How many other futures of each cutoff are told.
    accounts, rows
        The most accounts taken from a history, and records of each table.
    reads
        What a function takes: ``"history"``, or ``"frames"``, the canonical tables as a dict of frames in the order in
        which they were delivered.
    lookback_days
        How far back a function says to read; an indicator knows.
    tolerance
        The relative difference of floats that counts as none; by default the bits must be the same.

    Raises
    ------
    UsageError
        When the subject cannot be measured, or says nothing anywhere.

    Examples
    --------
    >>> from holdfast.features.indicators.sources import usage
    >>> from holdfast.features.indicators.indicator import Indicator
    >>> logins = Indicator(usage.count(days=30, kind="login"), name="logins", dimension="product", healthy="high",
    ...                    unit="logins", title="Logins", curve=None, evidence="{value:.0f} logins")
    >>> prove(logins, rounds=1).ok
    True
    """
    company = _retold(seed) if history is None else company_of(history, accounts, rows, seed)
    at = standing(company, CUTOFFS if history is None and cutoffs is None else cutoffs)
    proven = subject_of(subject, company, at, reads, lookback_days)
    where = f"prove, {proven.name}"
    said = proven.measure(company, at, company.accounts)
    if said.error:
        do = "mend it: it must measure what it is given before it can be proven"
        raise UsageError(where, "values for every account and cutoff", f"{said.error}", do) from said.problem
    untried = {**proven.left_out, **_blank(said, company)}
    telling = tuple(name for name in said.columns if name not in untried)
    if not telling:
        do = "prove it on a history that has something to measure"
        raise UsageError(where, "a value for some account at some cutoff", "none at all", do)
    bench = Bench(proven, company, at, said, seed, rounds)
    outcomes = _outcomes(bench, tolerance)
    records = sum(map(len, company.frames.values()))
    unmoved = _unmoved(bench, telling, tolerance)
    return Proof(proven.name, outcomes, telling, len(company.accounts), records, at, untried, unmoved)


@contextmanager
def shared_retellings() -> Iterator[None]:
    """Keep what is told otherwise of the built-in company from one proof to the next: quicker, and a few hundred MB.

    Examples
    --------
    >>> with shared_retellings():
    ...     pass  # prove one subject after the other
    """
    token = _RETELLINGS.set(defaultdict(dict))
    try:
        yield
    finally:
        _RETELLINGS.reset(token)


def _retold(seed: int) -> Company:
    """Give the built-in company, with what has been told otherwise of it where that is shared."""
    shared = _RETELLINGS.get()
    return replace(_built_in(seed), kept={} if shared is None else shared[seed])


@lru_cache(maxsize=1)
def _built_in(seed: int) -> Company:
    told = Company(company_frames(seed), END).told()
    return company_of(told, len(told.accounts), 1 << 30, seed)


def _blank(said: Values, company: Company) -> dict[str, str]:
    known = _known(company, company.accounts, said.cutoffs)
    return {
        name: "no value for any account at any cutoff"
        for name, column in said.columns.items()
        if bool(pd.isna(column[known]).all())
    }


def _known(company: Company, accounts: pd.Index, cutoffs: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """Tell which accounts had been met at which cutoff; of others nothing is asked."""
    arrived = company.arrived.reindex(accounts).to_numpy()
    return np.asarray(arrived[:, None] <= cutoffs.to_numpy()[None, :])


def _outcomes(bench: Bench, tolerance: float) -> tuple[Outcome, ...]:
    moot: dict[str, set[str]] = {name: set() for name in LAWS}
    outcomes = []
    for name in progress(LAWS, "proving", len(LAWS)):
        outcome = _outcome(bench, name, [one for one in bench.said.columns if one not in moot[name]], tolerance)
        outcomes.append(outcome)
        for other in LAWS if name == "repeatable" else _IMPLIES.get(name, ()):
            moot[other].update(outcome.broken)
    return tuple(outcomes)


def _outcome(bench: Bench, law: str, columns: list[str], tolerance: float) -> Outcome:
    broken: list[str] = []
    shown, tried = None, 0
    if law == "labels":
        broken += bench.subject.asking(bench.said)
    for trial in TRIALS[law](bench) if columns else ():
        asked = [one for one in columns if trial.columns is None or one in trial.columns]
        if not asked or (trial.told is not None and not trial.edits):
            continue
        tried += 1
        pair = _pair(trial, trial.edits)
        found = _broken(bench, trial, pair, asked, tolerance)
        if found and shown is None:
            shown = _counterexample(bench, trial, pair, found[0], tolerance)
        broken += [one for one in found if one not in broken]
    if broken and shown is None:
        shown = Counterexample(broken[0], "", None, None, None, "reads the table churn")
    idle = _untouched(bench, [one for one in columns if one not in broken], tolerance) if law == "edges" else {}
    asking = {name for _, names in bench.subject.by_lookback(columns) for name in names} - set(broken)
    in_vain = bool(idle) and not broken and asking <= set(idle)
    return Outcome(LAWS[law], 0 if in_vain else max(tried, bool(broken)), tuple(broken), shown, idle)


def _untouched(bench: Bench, columns: list[str], tolerance: float) -> dict[str, str]:
    """Find the columns that no record at one of the edges of their window moves, though nothing says that it must."""
    left: dict[str, list[str]] = {}
    for where, trial in touching(bench):
        still = left.setdefault(where, [one for one in trial.columns or () if one in columns])
        moved = _broken(bench, trial, _pair(trial, trial.edits), still, tolerance) if still else []
        left[where] = [one for one in still if one not in moved]
    return {name: f"no record {where} moved it" for where, names in left.items() for name in names}


def _unmoved(bench: Bench, columns: Iterable[str], tolerance: float) -> tuple[str, ...]:
    """Find the columns that nothing told of the past moves."""
    left = list(columns)
    for trial in moving(bench):
        moved = _broken(bench, trial, _pair(trial, trial.edits), left, tolerance) if left else []
        left = [one for one in left if one not in moved]
    return tuple(left)


def _pair(trial: Trial, edits: Sequence[Edit]) -> Pair:
    """Give what the values must be with some of the edits, and what they are."""
    return trial.expected(edits), trial.way(edits)


def _broken(bench: Bench, trial: Trial, pair: Pair, columns: Sequence[str], tolerance: float) -> list[str]:
    known = _known(bench.company, trial.accounts, trial.cutoffs)
    return [name for name in columns if _places(trial, pair, name, known, tolerance).any()]


def _places(trial: Trial, pair: Pair, column: str, known: NDArray[np.bool_], tolerance: float) -> NDArray[np.bool_]:
    """Tell at which account and cutoff a value changed, of those that had been met."""
    if any(one.error for one in pair):
        return known & (pair[0].error != pair[1].error)
    one, two = (values.of(column, trial.accounts, trial.cutoffs) for values in pair)
    return differing(one, two, max(tolerance, trial.rounding)) & known


def _counterexample(bench: Bench, trial: Trial, pair: Pair, column: str, tolerance: float) -> Counterexample:
    """Narrow the changes down to the fewest that still make one column differ."""

    def breaks(edits: Sequence[Edit]) -> bool:
        return bool(_broken(bench, trial, _pair(trial, edits), [column], tolerance))

    edits: list[Edit] = []
    if trial.told is not None:
        edits = smallest(trial.edits, breaks)
        pair = _pair(trial, edits)
    known = _known(bench.company, trial.accounts, trial.cutoffs)
    places = np.argwhere(_places(trial, pair, column, known, tolerance))
    row, place = places[0] if len(places) else (0, 0)
    account, cutoff = str(trial.accounts[row]), trial.cutoffs[place]
    before, after = (one.at(column, account, cutoff) for one in pair)
    offences = tuple(trial.told.offence(one) for one in edits) if trial.told is not None else ()
    return Counterexample(column, account, cutoff, before, after, trial.how, offences)
