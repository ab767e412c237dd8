"""The ledger of a score: why it is not what it was, split exactly into what came to pass.

The way from one score to another is walked in steps, each of which changes one thing: first time passes while nothing
new comes in, then the new data arrives, then the indicators are measured as the later model defines them, then the
model with its weights is exchanged, then its calibration. What a step changes is told by indicator; the steps add up to
the difference, since each begins where the one before it ended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.catalog.collection import Catalog
from holdfast.features.catalog.measure import snapshot_of, widened
from holdfast.features.snapshot import INDEX
from holdfast.models.points import health_points

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.churn import ChurnModel
    from holdfast.models.explain import Explanation
    from holdfast.models.health import HealthScore
    from holdfast.models.line import Line

STEPS = ("time", "data", "configuration", "model", "calibration")
BASE, CLIP, CALIBRATION = "base", "clip", "calibration"


@dataclass(frozen=True)
class Ledger:
    """The difference between two scores of one account.

    Attributes
    ----------
    rows
        One row per source: ``indicator, title, dimension, time, data, configuration, model, calibration, change``; the
        steps add up to the change, the changes to the difference. ``base`` is what an account has of which nothing is
        known.
    before, after
        The two values.
    unit
        ``log-hazard`` (of churn, contract calendar apart) or ``points`` of health.
    given
        Whether a score was given before, and is after: with too little on record there is none, only what would be it.
    """

    account_id: str
    since: pd.Timestamp
    until: pd.Timestamp
    unit: str
    rows: pd.DataFrame
    before: float
    after: float
    given: tuple[bool, bool] = (True, True)

    @property
    def difference(self) -> float:
        """What is explained."""
        return self.after - self.before

    def steps(self) -> pd.Series:
        """Sum the steps over all sources."""
        return self.rows[list(STEPS)].sum()

    def frame(self) -> pd.DataFrame:
        """Return the rows, what changed most first."""
        return self.rows

    def _repr_html_(self) -> str:
        return str(self.rows.head(15).to_html(escape=True, index=False, float_format="{:.3f}".format))


@dataclass(frozen=True)
class Standing:
    """A day, and what an account was, or is, judged by on it."""

    day: pd.Timestamp
    model: ChurnModel
    health: HealthScore
    catalog: Catalog


def ledger(
    account_id: str, history: History, before: Standing, after: Standing, *, grace_days: float = 14.0
) -> tuple[Ledger, Ledger]:
    """Split the change of an account between two days, or two models, or both: of its risk, and of its health.

    Parameters
    ----------
    history
        As known on the later day, or longer.
    before, after
        Days and fitted models; the health scores must be fitted.

    Raises
    ------
    UsageError
        When the account was not known on both days, or the days are in the wrong order.
    """
    if before.day > after.day:
        raise UsageError("ledger", "an earlier and a later day", f"{before.day} and {after.day}", "exchange them")
    rows = _walked(account_id, history, before, after, grace_days)
    risk = _ledger(account_id, before, after, "log-hazard", *_risk(before, after, rows))
    health = _ledger(account_id, before, after, "points", *_health(before, after, rows))
    scores = (float(one.health.score(X).iloc[0]) for one, X in ((before, rows["start"]), (after, rows["model"])))
    was, now = (bool(np.isfinite(score)) for score in scores)
    return risk, replace(health, given=(was, now))


Rows = dict[str, "Snapshot"]  # by step: the one row of the account as it is read at its end
Parts = dict[str, pd.Series]  # by step: the parts of the score at its end, by source


def _walked(account_id: str, history: History, before: Standing, after: Standing, grace_days: float) -> Rows:
    """Measure the account at the end of each step; the first but one nobody saw: the later day, had nothing come in."""
    try:
        then, now = history.until(before.day), history.until(after.day, end=after.day)
    except DataError as problem:
        found = f"too little was known by {before.day:%Y-%m-%d}"
        raise UsageError("ledger", "two days with a history", found, "choose a later day") from problem
    if account_id not in now.accounts:
        do = did_you_mean(account_id, now.accounts)
        raise UsageError("ledger", "an account of the history", repr(account_id), do)
    defined = {one.name: one for one in after.catalog}
    redefined = Catalog(tuple(defined.get(one.name, one) for one in before.catalog), fixed=True)
    measured: dict[tuple[object, ...], Snapshot] = {}

    def at(catalog: Catalog, source: History, day: pd.Timestamp, horizons: tuple[int, ...]) -> Snapshot:
        key = tuple((one.name, one.fingerprint) for one in catalog), source is now, day, horizons
        if key not in measured:
            measured[key] = _measured(account_id, catalog, source, day, horizons, grace_days)
        return measured[key]

    asked = before.model.horizons
    return {
        "start": at(before.catalog, then, before.day, asked),
        "time": at(before.catalog, then, after.day, asked),
        "data": at(before.catalog, now, after.day, asked),
        "configuration": at(redefined, now, after.day, asked),
        "model": at(after.catalog, now, after.day, after.model.horizons),
    }


def _measured(
    account_id: str, catalog: Catalog, source: History, day: pd.Timestamp, horizons: tuple[int, ...], grace_days: float
) -> Snapshot:
    instant = pd.DatetimeIndex([day], name=INDEX[1])
    measured = widened(snapshot_of(catalog.indicators, source, instant, horizons, grace_days), catalog.indicators)
    ids = measured.index.get_level_values("account_id")
    here = np.asarray(ids == account_id)
    if not here.any():
        do = "choose a day on which it was a customer"
        raise UsageError("ledger", f"an account known on {day:%Y-%m-%d}", repr(account_id), do)
    return measured.rows(here)


def _risk(before: Standing, after: Standing, rows: Rows) -> tuple[Parts, pd.DataFrame]:
    told = {step: (after if step == "model" else before).model.explain(X) for step, X in rows.items()}
    parts = {step: _parts(why, told["start"].line) for step, why in told.items()}
    parts[CALIBRATION] = _parts(told["model"], told["model"].line)
    return parts, pd.concat([told["start"].sources, told["model"].sources])


def _parts(why: Explanation, line: Line) -> pd.Series:
    """Give the parts of the risk of one row under a calibration line."""
    g = why.g.to_numpy()
    beyond = pd.Series({BASE: why.base, CALIBRATION: float((line.total(g) - g)[0])})
    told: pd.Series = pd.concat([why.contributions.iloc[0], beyond])
    return told


def _health(before: Standing, after: Standing, rows: Rows) -> tuple[Parts, pd.DataFrame]:
    parts = {}
    for step, X in rows.items():
        one = health_points((after if step == "model" else before).health, X)
        parts[step] = pd.concat(
            [one.contributions.iloc[0], pd.Series({BASE: one.base.iloc[0], CLIP: one.clip.iloc[0]})]
        )
    parts[CALIBRATION] = parts["model"]
    known = {one.name: (one.title, one.dimension) for of in (before, after) for one in of.catalog}
    return parts, pd.DataFrame.from_dict(known, orient="index", columns=["title", "dimension"])


def _ledger(
    account_id: str, before: Standing, after: Standing, unit: str, parts: Parts, sources: pd.DataFrame
) -> Ledger:
    table = pd.DataFrame(parts).fillna(0.0)
    steps = table.diff(axis=1)[list(STEPS)]
    about = sources[~sources.index.duplicated()].reindex(table.index)
    rows = pd.DataFrame(
        {
            "indicator": table.index,
            "title": about["title"].fillna(pd.Series(table.index, table.index)),
            "dimension": about["dimension"].fillna(""),
            **{name: steps[name] for name in STEPS},
            "change": steps.sum(axis=1),
        }
    )
    order = np.argsort(-rows["change"].abs().to_numpy(), kind="stable")
    rows = rows.iloc[order].reset_index(drop=True)
    start, end = float(table["start"].sum()), float(table["calibration"].sum())
    return Ledger(account_id, before.day, after.day, unit, rows, start, end)
