"""The clauses: what is asked of a challenger, each from figures that are given, so that each can be tried by itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.findings import Finding
from holdfast.models.bands import ACTION
from holdfast.training.champion import CHAMPION
from holdfast.training.metrics import calibration_line
from holdfast.training.promotion.clause import Clause
from holdfast.training.promotion.duel import CHALLENGER, Duel, evidence
from holdfast.training.verdict import MIN_EVENTS

if TYPE_CHECKING:
    from holdfast.training.promotion.margins import Margins

TOO_WELL = "HF016"
FEWEST = 20  # accounts of which a share of a few points can be told
_WORST = ACTION.names[-2:]


@dataclass(frozen=True)
class Interface:
    """What a model takes in and gives out.

    Attributes
    ----------
    horizons, churn, strict_clock
        Horizons in days, the settings that define churn, and the clock that it was learned under.
    signs
        The indicators that it reads, by name, each with the hash of its definition.
    """

    horizons: tuple[int, ...]
    churn: Mapping[str, Any]
    strict_clock: bool
    signs: Mapping[str, str]


def proofs(findings: Sequence[Finding], nulls: Mapping[str, Any] | None) -> Clause:
    """Ask that no sign knows the future: no law is broken, none ranks churn too well, no null test has failed.

    Parameters
    ----------
    findings
        Of the proof of the indicators (`prove`) and of `leaks`.
    nulls
        ``NullTests.to_dict()``, where they were made.
    """
    bad = [f"{one.code} {one.where}" for one in findings if one.severity == "error" or one.code == TOO_WELL]
    failed = [one for one in (nulls or {"tests": ()})["tests"] if one["passed"] is False]
    bad += [f"null test {one['test']}, {one['horizon']} days" for one in failed]
    unproven = [one for one in findings if one.code == "HF036" and not one.count]
    if unproven and not bad:
        return Clause.unjudged("leakage", False, unproven[0].message, bound="no leak")
    told = f"found: {'; '.join(bad)}" if bad else "every law is kept, and no sign ranks churn too well to be true"
    return Clause.of("leakage", not bad, told, figure=len(bad), bound="no leak")


def events(found: int, least: int) -> Clause:
    """Ask for enough accounts that left, and enough that stayed."""
    told = f"the rarer outcome was seen in {found} accounts of those learned from"
    return Clause.least("events", found, least, told)


def rolled_back(before: bool) -> Clause:
    """Ask that nobody has taken this very model out of service."""
    told = "it was rolled back before; only a person puts it in service again" if before else "it never was rolled back"
    return Clause.of("rolled back", not before, told, bound="never")


def schema(champion: Interface, challenger: Interface) -> Clause:
    """Ask for the same horizons, churn and clock, and for every sign of the champion as it was defined; more may be."""
    changed = [
        f"{name} was {old}, and is {new}"
        for name, old, new in (
            ("horizons", champion.horizons, challenger.horizons),
            ("churn", dict(champion.churn), dict(challenger.churn)),
            ("strict_clock", champion.strict_clock, challenger.strict_clock),
        )
        if old != new
    ]
    lost = sorted(set(champion.signs) - set(challenger.signs))
    other = sorted(n for n in set(champion.signs) & set(challenger.signs) if champion.signs[n] != challenger.signs[n])
    changed += [f"it reads no more: {', '.join(lost)}"] if lost else []
    changed += [f"defined otherwise: {', '.join(other)}"] if other else []
    added = len(set(challenger.signs) - set(champion.signs))
    same = "it takes and gives what the champion does" + (f", and reads {added} signs more" if added else "")
    return Clause.of("schema", not changed, "; ".join(changed) or same, bound="the same")


def skill(duel: Duel, margins: Margins) -> Iterator[Clause]:
    """Ask, at every horizon, that it predicts no worse than the champion by more than a margin, beyond chance."""
    bound = -margins.skill
    for horizon, why in duel.why.items():
        yield Clause.unjudged("skill", margins.unjudged, why, bound=f">= {bound:g}", where=f"{horizon} days")
    for horizon in duel.horizons:
        rows = duel.of(horizon)
        gain = duel.skill(rows)
        told = f"{gain.value:+z.1%} of the champion's log loss is gone ({gain.low:+z.1%} to {gain.high:+z.1%}), "
        told += _on(rows, duel.grounds[horizon])
        if math.isnan(gain.low):
            told = f"no interval was drawn: {told}"
            yield Clause.unjudged("skill", margins.unjudged, told, bound=f">= {bound:g}", where=f"{horizon} days")
        else:
            yield Clause.least("skill", gain.low, bound, told, where=f"{horizon} days")


def better(clauses: Sequence[Clause], duel: Duel) -> bool:
    """Tell whether it predicts better beyond chance at some horizon, and passed at all."""
    return all(one.passes for one in clauses) and any(duel.skill(duel.of(days)).low > 0 for days in duel.horizons)


def revenue(duel: Duel, arr: pd.Series, margins: Margins) -> Clause:
    """Ask that as many calls catch no less of the revenue that leaves, by more than a margin, beyond chance.

    Parameters
    ----------
    arr
        By account and cutoff.
    """
    bound = -margins.revenue
    if not duel.horizons:
        return Clause.unjudged("revenue caught", margins.unjudged, _why(duel), bound=f">= {bound:g}")
    horizon = duel.horizons[-1]
    rows = duel.of(horizon)
    worth = _of(arr, rows).astype(float)
    gain = duel.caught(rows, worth, margins.capacity)
    calls = f"{margins.capacity:.0%} of the accounts" if margins.capacity < 1 else f"{margins.capacity:g} accounts"
    what = "revenue" if worth.notna().any() else "accounts (no revenue is known)"
    told = f"{gain.value:+z.1%} of the {what} that left is caught by calling {calls} ({gain.low:+z.1%} to "
    told += f"{gain.high:+z.1%}), {_on(rows, duel.grounds[horizon])}"
    if math.isnan(gain.low):
        where, told = f"{horizon} days", f"no interval was drawn: {told}"
        return Clause.unjudged("revenue caught", margins.unjudged, told, bound=f">= {bound:g}", where=where)
    return Clause.least("revenue caught", gain.low, bound, told, where=f"{horizon} days")


def calibration(metrics: pd.DataFrame, counts: Mapping[int, int], duel: Duel, margins: Margins) -> Iterator[Clause]:
    """Ask, at every horizon, that what it tells is what happens, or no further from it than with the champion.

    Parameters
    ----------
    metrics
        Of its own backtest: ``horizon, metric, value, low, high``, with the metrics ``ratio`` and ``slope``.
    counts
        By horizon, the accounts with the rarer outcome in it.
    """
    most = 1 + margins.calibration
    for horizon, seen in counts.items():
        where, bound = f"{horizon} days", f"<= {most:g}"
        here = metrics[(metrics["horizon"] == horizon) & metrics["metric"].isin(["ratio", "slope"])]
        told_of = list(here[["metric", "value", "low", "high"]].itertuples(index=False, name=None))
        off = [_nearest(low, high) for _, _, low, high in told_of]
        if seen < MIN_EVENTS or not off or np.isnan(off).any():
            few = f"the rarer outcome was seen in {seen} accounts of the test, and {MIN_EVENTS} are needed"
            told = few if seen < MIN_EVENTS else "no interval was drawn"
            yield Clause.unjudged("calibration", margins.unjudged, told, bound=bound, where=where)
            continue
        figures = " and ".join(f"{name} {value:.2f} ({low:.2f} to {high:.2f})" for name, value, low, high in told_of)
        told = f"told for each that left, and slope: off by a factor of {max(off):.2f} beyond chance; {figures}"
        if max(off) > most and _no_worse(duel, horizon):
            told += f"; no further off than the champion {duel.grounds[horizon]}"
            yield Clause.of("calibration", True, told, figure=max(off), bound=bound, where=where)
        else:
            yield Clause.most("calibration", max(off), most, told, where=where)


def segments(duel: Duel, segment: pd.Series, margins: Margins) -> Clause:
    """Ask that no segment is predicted worse by more than a margin, and beyond chance.

    Parameters
    ----------
    segment
        By account and cutoff.
    """
    bound = f">= {-margins.segment:g}"
    if not duel.horizons:
        return Clause.unjudged("segments", margins.unjudged, _why(duel), bound=bound)
    horizon = duel.horizons[-1]
    rows = duel.of(horizon)
    named = _of(segment, rows).astype(object).fillna("")
    gains, few = {}, []
    for group, mine in rows.groupby(named.where(named != "", "not known").to_numpy(), sort=True):
        if evidence(mine) < MIN_EVENTS:
            few.append(str(group))
        else:
            gains[str(group)] = duel.skill(mine)
    rest = f"; too few events in {', '.join(few)}" if few else ""
    gains = {name: one for name, one in gains.items() if not math.isnan(one.high)}
    if not gains:
        told = f"no segment can be judged{rest}"
        return Clause.unjudged("segments", margins.unjudged, told, bound=bound, where=f"{horizon} days")
    harmed = {name: one for name, one in gains.items() if one.value < -margins.segment and one.high < 0}
    name, worst = min((harmed or gains).items(), key=lambda one: one[1].value)
    told = f"of {len(gains)} segments the worst is {name}: {worst.value:+z.1%} of the champion's log loss is gone "
    told += f"({worst.low:+z.1%} to {worst.high:+z.1%}){rest}"
    return Clause.of("segments", not harmed, told, figure=worst.value, bound=bound, where=f"{horizon} days")


def reasons(shared: float, accounts: int, improved: bool, margins: Margins) -> Clause:
    """Ask that accounts are told the same reasons, unless the challenger predicts better.

    Parameters
    ----------
    shared
        Overlap of the first three reasons of an account, see `stability.likeness`, on so many accounts of today.
    improved
        From `better`: then the world has changed, and reasons may.
    """
    bound = margins.reasons
    if accounts < FEWEST or math.isnan(shared):
        told = f"{accounts} accounts have reasons from both, and {FEWEST} are needed"
        return Clause.unjudged("reasons", margins.unjudged, told, bound=f">= {bound:g}")
    told = f"{shared:.1%} of the first three reasons of an account are the same, on average"
    if shared < bound and improved:
        told += "; they may change, since it predicts better beyond chance"
        return Clause.of("reasons", True, told, figure=shared, bound=f">= {bound:g}")
    return Clause.least("reasons", shared, bound, told)


def bands(old: pd.Series, new: pd.Series, margins: Margins) -> Iterator[Clause]:
    """Ask that few accounts change their band when the model does, and few more are in orange or red.

    Parameters
    ----------
    old, new
        Health of the same accounts on the same day, by champion and challenger.
    """
    there = old.notna() & new.notna()
    n = int(there.sum())
    if n < FEWEST:
        told = f"{n} accounts have a score from both, and {FEWEST} are needed"
        yield Clause.unjudged("bands", margins.unjudged, told, bound=f"<= {margins.bands:g}")
        yield Clause.unjudged("alerts", margins.unjudged, told, bound=f"<= {margins.alerts:g}")
        return
    was, now = (ACTION.names_of(one[there].rename(None)) for one in (old, new))
    moved = float((was != now).mean())
    told = f"{moved:.0%} of {n} accounts would change their band today, with nothing else changed"
    yield Clause.most("bands", moved, margins.bands, told)
    low = [int(one.isin(_WORST).sum()) for one in (was, now)]
    told = f"{low[1]} of {n} accounts would be {' or '.join(_WORST)}, where {low[0]} are"
    yield Clause.most("alerts", (low[1] - low[0]) / n, margins.alerts, told)


def _on(rows: pd.DataFrame, ground: str) -> str:
    return f"on {len(rows) // 2:,} rows of {rows['account_id'].nunique():,} accounts {ground}"


def _why(duel: Duel) -> str:
    return "; ".join(f"{horizon} days: {why}" for horizon, why in duel.why.items())


def _of(facts: pd.Series, rows: pd.DataFrame) -> pd.Series:
    keys = pd.MultiIndex.from_frame(rows[["account_id", "cutoff"]])
    return pd.Series(facts.reindex(keys).to_numpy(), index=rows.index)


def _factor(value: float) -> float:
    """Give how far a figure that should be 1 is off, as a factor; without bound where it is not above 0."""
    return max(value, 1 / value) if value > 0 else math.inf


def _nearest(low: float, high: float) -> float:
    """Give how far off a figure is at least, by its interval."""
    if math.isnan(low) or math.isnan(high):
        return math.nan
    return 1.0 if low <= 1 <= high else min(_factor(low), _factor(high))


def _no_worse(duel: Duel, horizon: int) -> bool:
    """Tell whether the champion is as far off on the rows of both."""
    if horizon not in duel.horizons:
        return False
    rows = duel.of(horizon)
    old, new = (_off(rows[rows["model"] == model]) for model in (CHAMPION, CHALLENGER))
    return new <= old


def _off(rows: pd.DataFrame) -> float:
    """Give how far off told against left, or the slope, is: the larger factor."""
    slope, _ = calibration_line(rows["y"], rows["p"])
    return max(_factor(float(rows["p"].sum() / rows["y"].sum())), _factor(slope))
