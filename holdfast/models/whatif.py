"""What if: how the models would read an account whose signs were others, within what comparable accounts show.

It tells what is read from a sign, not what would happen if somebody changed it: accounts with more logins stay more
often, which does not mean that a login keeps anybody.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.catalog.peers import FEWEST
from holdfast.features.indicators.wording import ENGLISH, Language, chance, written
from holdfast.models.bands import ACTION, BandPolicy
from holdfast.models.moving import actionable, moved
from holdfast.models.phrases import phrase
from holdfast.models.points import health_points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.indicators.indicator import Indicator
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.churn import ChurnModel
    from holdfast.models.health import HealthScore

    Floats = NDArray[np.float64]

GOOD = 0.9  # the share of comparable accounts that are no better: as far as a proposal goes
_STEPS = 100


@dataclass(frozen=True)
class WhatIf:
    """How one account would be read.

    Attributes
    ----------
    signs
        One row per sign that moves: ``indicator, title, unit, now, then, follows`` (whether it moves with another).
    p
        Probability of churn by horizon: ``now, then``.
    health, bands
        Score and band: now, then.
    """

    account_id: str
    signs: pd.DataFrame
    p: pd.DataFrame
    health: tuple[float, float]
    bands: tuple[str, str]
    language: Language = ENGLISH

    def frame(self) -> pd.DataFrame:
        """Return the signs."""
        return self.signs

    def text(self) -> str:
        """Tell it in lines."""
        say = partial(phrase, self.language)
        signs = [
            say(
                "moved",
                title=row["title"],
                **{end: written(row[end], row["unit"], self.language) for end in ("now", "then")},
            )
            for row in self.signs.to_dict("records")
        ]
        write = partial(chance, language=self.language)
        read = [say("chances", now=write(now), then=write(then), days=days) for days, now, then in self.p.itertuples()]
        told = [", ".join(read), *self._score()]
        head = [say("if", account=self.account_id), *(f"  {line}" for line in signs)]
        return "\n".join([*head, say("read"), f"  {'; '.join(told)}.", say("caution")])

    def _score(self) -> Iterator[str]:
        """Tell the health, where there is one."""
        say, (old, new) = partial(phrase, self.language), self.bands
        if old and new:
            yield say("scores", now=self.health[0], then=self.health[1], old=say(old), new=say(new))

    def _repr_html_(self) -> str:
        return str(self.signs.to_html(escape=True, index=False, float_format="{:.3f}".format))


def what_if(
    model: ChurnModel, health: HealthScore, X: Snapshot, account_id: str, changes: Mapping[str, float]
) -> WhatIf:
    """Read an account anew with some of its signs changed.

    Comparisons of a sign with its own past are reckoned anew, the past being what it was; so is the sign itself where
    such a comparison is changed. Recency over the same records, and goals with one another, follow to what the nearest
    comparable accounts show, in the same direction only, and no more goals are reached or behind than there are.

    Parameters
    ----------
    X
        All accounts of one day: those of its segment are comparable.
    changes
        Values by indicator.

    Raises
    ------
    UsageError
        When the account or a sign is not known, cannot be acted on, is not on record, the value is no number or lies
        outside of what comparable accounts show, or the changes contradict each other.
    """
    place, peers = _comparable(X, account_id)
    now = X.indicators.iloc[place]
    then = moved(X, now, peers, changes)
    rows = _laid(X, place, [now, then])
    scores, p = health.score(rows).to_numpy(), model.predict_proba(rows)
    known = {one.name: one for one in X.catalog}
    signs = [
        {"indicator": name, "title": known[name].title, "unit": known[name].unit, "now": now[name], "then": then[name],
         "follows": name not in changes}
        for name in then.index if then[name] != now[name] and not np.isnan(now[name])
    ]  # fmt: skip
    table = pd.DataFrame({"now": p.iloc[0], "then": p.iloc[1]}).rename_axis("horizon")
    bands = ACTION.names_of(pd.Series(scores)).tolist()
    columns = ["indicator", "title", "unit", "now", "then", "follows"]
    shown = pd.DataFrame(signs, columns=columns).sort_values(["follows", "indicator"], ignore_index=True)
    points = float(scores[0]), float(scores[1])
    return WhatIf(account_id, shown, table, points, (bands[0], bands[1]), X.language)


def next_band(health: HealthScore, X: Snapshot, account_id: str, policy: BandPolicy = ACTION) -> dict[str, float]:
    """Find few changes that reach the next better band: values by indicator, for `what_if`; empty where none do.

    Signs are taken by what each would gain if it were as good as that of the best tenth of comparable accounts, with
    all that follows from it in `what_if`; the last one goes only as far as is needed, counts stay whole, and none goes
    beyond what is worth more by its curve, nor a share beyond the whole.

    Parameters
    ----------
    X
        All accounts of one day.

    Raises
    ------
    UsageError
        When the account is not known, has no score, or is in the best band.
    """
    place, peers = _comparable(X, account_id)
    score = float(health.score(X).iloc[place])
    floors = [floor for floor in sorted(policy.floors) if floor > score]
    if not floors:
        found = "none" if np.isnan(score) else f"{score:.0f}, which is in the best band"
        raise UsageError("next_band", "a score below the best band", found, "choose another account")
    now, chosen = X.indicators.iloc[place], dict[str, float]()
    counted = _counted(peers)
    points, best = partial(_points, health, X, place, peers), _better(X, now, peers, counted)
    reached, *after = points([{}, *({name: to} for name, to in best.items())])
    gains = {name: one - reached for name, one in zip(best, after, strict=True)}
    for name in sorted((one for one in gains if gains[one] > 0), key=lambda one: (-gains[one], one)):
        there = points([{**chosen, name: best[name]}])[0]
        if there >= floors[0]:
            start = float(moved(X, now, peers, chosen)[name])
            way = _steps(start, best[name], whole=name in counted)
            enough = points([{**chosen, name: to} for to in way]) >= floors[0]
            return {**chosen, name: way[int(enough.argmax())]}
        if there > reached:
            chosen[name], reached = best[name], there
    return {}


def _points(
    health: HealthScore, X: Snapshot, place: int, peers: pd.DataFrame, changes: Sequence[Mapping[str, float]]
) -> Floats:
    """Score an account under several changes and all that follows, not cut at 0 and 100; missing where none can be."""
    now = X.indicators.iloc[place]
    states = [_possible(X, now, peers, one) for one in changes]
    points = health_points(health, _laid(X, place, [now if one is None else one for one in states]))
    found = (points.base + points.contributions.sum(axis=1)).to_numpy(float)
    return np.where([one is None for one in states], np.nan, found)


def _possible(X: Snapshot, now: pd.Series, peers: pd.DataFrame, changes: Mapping[str, float]) -> pd.Series | None:
    try:
        return moved(X, now, peers, changes)
    except UsageError:
        return None


def _comparable(X: Snapshot, account_id: str) -> tuple[int, pd.DataFrame]:
    """Find the row of an account, and the indicators of the other accounts of its segment."""
    ids = X.index.get_level_values("account_id")
    if len(X.cutoffs) != 1:
        raise UsageError("what if", "a snapshot of one cutoff", f"{len(X.cutoffs)} cutoffs", "choose it by X.at(day)")
    found = np.flatnonzero(ids == account_id)
    if not len(found):
        raise UsageError("what if", "an account of the snapshot", repr(account_id), did_you_mean(str(account_id), ids))
    place = int(found[0])
    others = np.arange(len(X)) != place
    same = others & (X.context["segment"] == X.context["segment"].iloc[place]).to_numpy()
    return place, X.indicators[same if same.sum() >= FEWEST else others]


def _counted(peers: pd.DataFrame) -> set[str]:
    """Name the signs that are whole numbers wherever they are on record."""
    return {str(name) for name in peers if (peers[name].dropna() % 1 == 0).all()}


def _steps(start: float, to: float, *, whole: bool) -> list[float]:
    """Go from one value to another in even steps; of whole numbers by those next to them, on the far side."""
    way = np.linspace(start, to, _STEPS + 1)
    if whole:
        way = np.minimum(np.ceil(way), to) if to > start else np.maximum(np.floor(way), to)
    return [float(one) for one in way]


def _better(X: Snapshot, now: pd.Series, peers: pd.DataFrame, counted: Container[str]) -> dict[str, float]:
    """Give the value of the best tenth of comparable accounts for every sign that is not as good, or what is enough.

    A comparison with the past follows from the sign it belongs to, and recency from use, so they are no proposals.
    """
    found, able = {}, {one.name for one in X.catalog if actionable(one) and np.isfinite(now[one.name])}
    for one in (one for one in X.catalog if one.name in able and one.variant_of not in able and not one.caps):
        sign = 1.0 if one.healthy == "high" else -1.0
        between: Literal["nearest", "linear"] = "nearest" if one.name in counted else "linear"
        good = float(peers[one.name].quantile(GOOD if sign > 0 else 1.0 - GOOD, interpolation=between))
        last = _enough(one)
        if one.name in counted and np.isfinite(last):
            last = float(np.ceil(last) if sign > 0 else np.floor(last))
        good = sign * min(sign * good, sign * last)
        if sign * (good - now[one.name]) > 0:
            found[one.name] = good
    return found


def _enough(one: Indicator) -> float:
    """Give the value beyond which a sign is worth no more by its curve, and a share no further than the whole."""
    high = one.healthy == "high"
    if one.curve is None:
        return np.inf if high else -np.inf
    worth = one.curve(one.curve.x)
    best = np.array(one.curve.x)[worth == worth.max()]
    return min(float(best.min()), 1.0 if one.unit == "share" else np.inf) if high else float(best.max())


def _laid(X: Snapshot, place: int, indicators: Sequence[pd.Series]) -> Snapshot:
    """Lay the row of an account several times, each with indicators of its own."""
    index = pd.MultiIndex.from_product([range(len(indicators)), X.cutoffs], names=X.index.names)

    def again(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.iloc[np.full(len(index), place)].set_axis(index) if len(frame) else frame

    return replace(
        X,
        indicators=pd.DataFrame(np.array([one.to_numpy(float) for one in indicators]), index, X.indicators.columns),
        context=again(X.context),
        exposure=again(X.exposure),
        coverage=again(X.coverage),
        inapplicable=again(X.inapplicable),
        calendar=again(X.calendar),
    )
