"""Moving signs of one account: a change, what follows from it, and what cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.models.following import GOALS, TOGETHER, WHOLE, at_odds, falls_short, past_of, reading_of, sign_of

if TYPE_CHECKING:
    from holdfast.features.indicators.indicator import Indicator
    from holdfast.features.snapshot import Snapshot

NEAR = 25  # comparable accounts that show how one sign moves with another


def actionable(one: Indicator) -> bool:
    """Tell whether somebody could work on a sign, and which way is up."""
    return not one.calendar and one.curve is not None and one.healthy in ("high", "low")


def refuse_unknown(X: Snapshot, names: Iterable[str], where: str) -> None:
    """Refuse signs that a snapshot does not hold.

    Raises
    ------
    UsageError
        With the name that is nearest.
    """
    known = [one.name for one in X.catalog]
    for name in names:
        if name not in known:
            raise UsageError(where, "a sign of the snapshot", repr(name), did_you_mean(str(name), known))


def moved(X: Snapshot, now: pd.Series, peers: pd.DataFrame, changes: Mapping[str, float]) -> pd.Series:
    """Change signs of an account, and what follows: exactly where arithmetic says it, else as comparable accounts show.

    Raises
    ------
    UsageError
        When a change cannot be, see `holdfast.models.whatif.what_if`.
    """
    refuse_unknown(X, changes, "what_if")
    known, then = {one.name: one for one in X.catalog}, now.copy()
    given = list(changes)
    for name, value in changes.items():
        _refuse(known, now, peers, name, value)
        then[name] = value
    for name, value in _implied(known, now, changes).items():
        _refuse_outside(f"what_if, {known[name].title}, which follows", peers[name], value)
        then[name] = value
        given.append(name)
    for name in (one for one in given if then[one] != now[one] and actionable(known[one])):
        _follow(known, now, then, peers, name, [one for one in _followers(known, name) if one not in given])
    _share(now, then, given)
    _agree(now, then, peers, given)
    _compare_anew(known, now, then, changes)
    return then


def _implied(known: Mapping[str, Indicator], now: pd.Series, changes: Mapping[str, float]) -> dict[str, float]:
    """Tell the signs themselves where only their comparisons with the past were changed."""
    found = {}
    for name, value in changes.items():
        past, base = past_of(known, now, name), known[name].variant_of
        if past is not None and base not in changes:
            found[base] = sign_of(known[name], value, past)
    return found


def _follow(
    known: Mapping[str, Indicator],
    now: pd.Series,
    then: pd.Series,
    peers: pd.DataFrame,
    name: str,
    others: Sequence[str],
) -> None:
    """Move what is not reckoned to what the nearest comparable accounts show, where it goes the same way."""
    better = (float(then[name]) - float(now[name])) * (1 if known[name].healthy == "high" else -1) > 0
    others = [one for one in others if np.isfinite(then[one]) and past_of(known, now, one) is None]
    near = np.argsort(np.abs(peers[name].to_numpy(float) - then[name]), kind="stable")[:NEAR]
    for other, shown in zip(others, peers[others].iloc[near].median().tolist(), strict=True):
        if np.isfinite(shown):
            upward = (known[other].healthy == "high") == better
            then[other] = max(then[other], shown) if upward else min(then[other], shown)


def _share(now: pd.Series, then: pd.Series, given: Sequence[str]) -> None:
    """Let goals that are reached not be behind as well: what was not asked for gives way."""
    if at_odds(now) or not at_odds(then):
        return
    free = [name for name in reversed(WHOLE) if name not in given]
    if not free:
        found = " and ".join(f"{name} {then[name]:g}" for name in WHOLE)
        raise UsageError("what_if", "shares of the goals that add up to 1 at most", found, "lower one of them")
    (other,) = (name for name in WHOLE if name != free[0])
    then[free[0]] = 1.0 - then[other]


def _agree(now: pd.Series, then: pd.Series, peers: pd.DataFrame, given: Sequence[str]) -> None:
    """Let goals that are reached count as such in the mean progress, where they do for all comparable accounts."""
    if not set(GOALS) <= set(then.index) or falls_short(now) or not falls_short(then):
        return
    reached, way = GOALS
    if (peers[way] < peers[reached]).any():
        return
    if reached in given and way in given:
        found = f"{reached} {then[reached]:g} and {way} {then[way]:g}"
        raise UsageError("what_if", "a progress that counts the goals reached", found, "raise it, or leave it out")
    if reached in given:
        then[way] = then[reached]
    else:
        then[reached] = then[way]


def _compare_anew(
    known: Mapping[str, Indicator], now: pd.Series, then: pd.Series, changes: Mapping[str, float]
) -> None:
    """Compare every sign that moved with its own past, which stays what it was."""
    for name, one in known.items():
        past = past_of(known, now, name)
        if past is None or (then[one.variant_of] == now[one.variant_of] and name not in changes):
            continue
        reading = reading_of(one, float(then[one.variant_of]), past)
        if name in changes and not np.isclose(reading, changes[name], rtol=1e-6, atol=1e-9):
            found = f"{changes[name]:g}, where {one.variant_of} {then[one.variant_of]:g} makes it {reading:g}"
            raise UsageError(f"what_if, {name}", "a value that agrees with the other changes", found, "leave it out")
        then[name] = reading


def _refuse(known: Mapping[str, Indicator], now: pd.Series, peers: pd.DataFrame, name: str, value: object) -> None:
    where = f"what_if, {name}"
    if not isinstance(value, float | int | np.floating | np.integer):
        raise UsageError(where, "a number", repr(value), "write one")
    if not actionable(known[name]):
        raise UsageError(where, "a sign that somebody can act on", known[name].title, "leave it out")
    if np.isnan(now[name]):
        raise UsageError(where, "a sign that is on record", "none for this account", "leave it out")
    _refuse_outside(where, peers[name], float(value))


def _refuse_outside(where: str, peers: pd.Series, value: float) -> None:
    low, high = peers.min(), peers.max()
    if not low <= value <= high:
        found = f"{value:g}"
        raise UsageError(where, f"a value that comparable accounts show, {low:g} to {high:g}", found, "stay inside")


def _followers(known: Mapping[str, Indicator], name: str) -> list[str]:
    """Name what moves with a sign: other readings of it, recency over the same records, and goals with one another."""
    one = known[name]
    family = one.variant_of or one.name
    return [
        other.name
        for other in known.values()
        if other.name != name
        and actionable(other)
        and (
            (other.variant_of or other.name) == family
            or (other.caps and set(other.tables) & set(one.tables))
            or {name, other.name} <= set(TOGETHER)
        )
    ]
