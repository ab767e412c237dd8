"""Scores: one row per account on one day, with health, probabilities, reasons, and what is at stake.

Every account known on the day appears: scored, scored in part, or not scored with the reason. The columns are the
contract with whoever reads the files; what is not filled yet is there and empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.catalog.collection import Catalog
from holdfast.features.catalog.peers import standings
from holdfast.features.snapshot import INDEX
from holdfast.models.reasons import PAST_DAYS
from holdfast.models.scales import percentile
from holdfast.serving.alerts.facts import STEP, facts, past_days, readings
from holdfast.serving.alerts.rules import codes, judge
from holdfast.serving.attributes import attributes
from holdfast.serving.chances import chances
from holdfast.serving.columns import SCHEMA_VERSION, in_order, stake
from holdfast.serving.contract.cadence import stale
from holdfast.serving.drivers import DRIVERS, drivers, signs
from holdfast.serving.unsound import owing, set_aside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.churn import ChurnModel
    from holdfast.models.expansion import ExpansionModel
    from holdfast.models.health import HealthScore
    from holdfast.serving.alerts.rules import Thresholds
    from holdfast.training.labels import Churn

PARTIAL_BELOW = 0.5
_OWING = "revenue is below zero and counts as unknown"
_SAME = 9  # digits of health within which it has not changed
CHUNK = 5_000  # accounts
PAST = pd.Timedelta(days=PAST_DAYS)


@dataclass(frozen=True)
class Stamp:
    """Where scores come from: the run and the model, empty in a notebook."""

    run_id: str = ""
    model_name: str = "holdfast"
    model_version: str = ""
    model_sha256: str = ""


@dataclass(frozen=True)
class Scores:
    """The scores of one day.

    Attributes
    ----------
    as_of
        The cutoff.
    rows
        One row per account known on that day, sorted by account, with the columns of the contract.
    reasons
        One row per account and reason, see `holdfast.serving.drivers.REASON`; rank 1 to 3 are the drivers shown.
    alerts
        One row per account and rule of alerts that fires or holds, see `holdfast.serving.alerts.rules.judge`.
    """

    as_of: pd.Timestamp
    rows: pd.DataFrame
    reasons: pd.DataFrame
    alerts: pd.DataFrame = field(default_factory=pd.DataFrame)

    def frame(self) -> pd.DataFrame:
        """Return the rows as one frame."""
        return self.rows

    def riskiest(self, n: int = 10) -> pd.DataFrame:
        """Return the scored accounts with most at stake first, see `holdfast.serving.columns.stake`."""
        scored = self.rows[self.rows["score_status"] != "not_scored"]
        by = pd.DataFrame({"stake": stake(scored), "account_id": scored["account_id"]})
        order = by.sort_values(["stake", "account_id"], ascending=[False, True], kind="stable", na_position="last")
        return scored.loc[order.head(n).index].reset_index(drop=True)

    def counts(self) -> dict[str, int]:
        """Count the accounts by status."""
        found = self.rows["score_status"].value_counts()
        return {status: int(found.get(status, 0)) for status in ("scored", "scored_partial", "not_scored")}

    def _repr_html_(self) -> str:
        shown = ["account_id", "account_name", "health", "band", "p30", "p60", "p90", "driver_1", "score_status"]
        return str(self.riskiest()[shown].to_html(escape=True, index=False))


@dataclass(frozen=True)
class Before:
    """The same accounts on earlier days, as far as scores compare with them.

    Attributes
    ----------
    readings
        What alerts read, a frame for each day, see `holdfast.serving.alerts.facts.readings`.
    snapshot
        The day that reasons are compared with; empty where nobody was a customer yet.
    """

    readings: tuple[pd.DataFrame, ...]
    snapshot: Snapshot

    @classmethod
    def of(cls, past: Snapshot, health: HealthScore, day: pd.Timestamp) -> Before:
        """Read the snapshot of `past_days` of a day, one by one, and keep no more of it than is needed."""
        past, _ = set_aside(past)
        days = past.index.get_level_values("cutoff")
        read = tuple(readings(past.rows(days == one), health) for one in past.cutoffs)
        return cls(read, past.rows(days == day - PAST))


@dataclass(frozen=True)
class Around:
    """What the scores of an account need to know of all the others.

    Attributes
    ----------
    standings
        By account and sign, the share of its segment that lies below, 0 to 100, see `peers.standings`.
    stale, stale_before
        The sources of which nothing had been heard, on the day and 30 days before.
    """

    standings: pd.DataFrame
    stale: tuple[str, ...] = ()
    stale_before: tuple[str, ...] = ()

    @classmethod
    def of(cls, now: Snapshot, history: History) -> Around:
        """Look at all accounts of a day."""
        day = now.cutoffs[0]
        places = standings(now, signs(now.catalog)).droplevel(INDEX[1])
        return cls(places, tuple(stale(history, day)), tuple(stale(history, day - STEP)))


def score(
    now: Snapshot,
    health: HealthScore,
    model: ChurnModel,
    history: History,
    *,
    churn: Churn | None = None,
    stamp: Stamp | None = None,
    thresholds: Thresholds | None = None,
    expansion: ExpansionModel | None = None,
    before: Before | None = None,
    around: Around | None = None,
) -> Scores:
    """Score every account known on one day.

    Parameters
    ----------
    now
        The snapshot of that day, ``X.at(day)``.
    health, model
        Fitted; the health score may be the template.
    history
        Where names, contracts and the numbers of the evidence are read, as known on that day.
    churn
        The definition the model was fitted to; by default the one that fits model and history, with its default days.
    stamp
        What is written into the columns ``run_id`` and ``model_*``.
    thresholds
        Where the rules of alerts fire; by default where they do as shipped.
    expansion
        Fitted; without it nothing is told of growth.
    before
        The same accounts on earlier days; measured by default.
    around
        What is told of all accounts, where the snapshot holds some of them; by default it holds all.

    Raises
    ------
    UsageError
        When the snapshot holds no cutoff, or several.
    """
    if len(now.cutoffs) != 1:
        raise UsageError(
            "score", "a snapshot of one cutoff", f"{len(now.cutoffs)} cutoffs", "choose the day by X.at(day)"
        )
    as_of = now.cutoffs[0]
    debts = owing(now).to_numpy()
    now, unsound = set_aside(now)
    ids = pd.Index(now.index.get_level_values("account_id"), name="account_id")
    rows = attributes(history, as_of, ids)
    rows["arr"] = now.context["arr"].to_numpy()
    if before is None:
        before = Before.of(
            Catalog(now.catalog, fixed=True).measure(history, past_days(as_of), now.horizons), health, as_of
        )
    today = facts(pd.concat([readings(now, health), *before.readings]), as_of)
    rows = rows.join(_health(now, health, today)).join(chances(now, model).set_axis(ids, axis=0))
    rows["expected_arr_at_risk_90"] = rows["arr"] * rows.get("p90", np.nan)
    if expansion is not None and 90 in expansion.horizons:
        rows["p_expand_90"] = expansion.predict_proba(now)[90].to_numpy()
    rows["data_completeness"] = now.coverage["all"].to_numpy()
    around = around or Around.of(now, history)
    rows["stale_sources"] = " ".join(around.stale)
    reasons = _not_at_risk(now, history, churn or _definition(model, history))
    reasons = np.where(reasons == "", unsound.to_numpy(dtype=object), reasons)
    rows = rows.join(_status(now, reasons, rows["health"], health.min_coverage, debts))
    rows["percentile"] = percentile(rows["health"].where(rows["score_status"] != "not_scored"))
    scored = ids[rows["score_status"] != "not_scored"]
    why = (model.explain(some) for some in _chunks(now))
    found = drivers(why, now, before.snapshot, history, scored, around.standings, health)
    sources = {"stale": around.stale, "stale_before": around.stale_before}
    alerts = judge(today.loc[scored], thresholds, language=now.language, **sources)
    rows = rows.join(_shown(found)).join(codes(alerts).rename("alert_codes"))
    stamp = stamp or Stamp()
    for column, value in {**asdict(stamp), "schema_version": SCHEMA_VERSION, "as_of": as_of}.items():
        rows[column] = value
    return Scores(as_of, in_order(rows.reset_index()), found, alerts)


def _health(now: Snapshot, health: HealthScore, today: pd.DataFrame) -> pd.DataFrame:
    from holdfast.models.bands import ACTION, ALERT, INSUFFICIENT
    from holdfast.models.scales import GRADES

    ids = now.index.get_level_values("account_id")
    frame = health.dimensions(now).set_axis(ids, axis=0)
    frame["health"] = today["health"]
    frame["band"] = ACTION.names_of(frame["health"]).mask(frame["health"].isna(), INSUFFICIENT)
    frame["alert_band"] = ALERT.names_of(frame["health"]).mask(frame["health"].isna(), INSUFFICIENT)
    frame["grade"] = GRADES.names_of(frame["health"])
    frame["delta_health_30"] = 0.0 - today["fall"].round(_SAME)  # no fall is a change of 0.0, not of -0.0
    return frame


def _not_at_risk(now: Snapshot, history: History, churn: Churn) -> NDArray[np.object_]:
    from holdfast.training.labels import at_risk

    known = at_risk(history, now.cutoffs, churn).reindex(now.index)
    return known.fillna("not a customer").to_numpy(dtype=object)


def _status(
    now: Snapshot, reason: NDArray[np.object_], health: pd.Series, least: float, debts: NDArray[np.bool_]
) -> pd.DataFrame:
    silent = health.isna().to_numpy()
    thin = (now.coverage["all"] < PARTIAL_BELOW).to_numpy() | silent
    status = np.where(reason != "", "not_scored", np.where(thin | debts, "scored_partial", "scored"))
    share = [
        _evidence(value, silent=none, least=least)
        for value, none in zip(now.coverage["all"].fillna(0.0), silent.tolist(), strict=True)
    ]
    partly = np.where(thin, share, np.where(debts, _OWING, ""))
    return pd.DataFrame(
        {"score_status": status, "score_reason": np.where(reason != "", reason, partly)}, index=health.index
    )


def _evidence(share: float, *, silent: bool, least: float) -> str:
    said = f"{share:.0%} of the applicable indicators are present"
    if not silent:
        return said
    return f"insufficient evidence: {said}" + ("" if share < least else ", and none that the score weighs")


def _definition(model: ChurnModel, history: History) -> Churn:
    from holdfast.training.labels import Churn

    if not model.rises_:
        return Churn("silence")
    return Churn("notice" if "churn" in history or "subscriptions" in history else "departure")


def _chunks(now: Snapshot) -> Iterator[Snapshot]:
    """Cut a snapshot, so that what is told of each sign of each account is held for some of them at a time."""
    place = np.arange(len(now))
    for start in range(0, len(now), CHUNK):
        yield now.rows((place >= start) & (place < start + CHUNK))


def _shown(found: pd.DataFrame) -> pd.DataFrame:
    table = found[found["rank"] <= DRIVERS].pivot(index="account_id", columns="rank", values="text")
    return table.add_prefix("driver_")
