"""Reasons: everything behind the risk of one account, each with its evidence and what it does to every figure.

A reason that nobody can check is an opinion. So each carries the account's value, its own past, its place among the
peers of its segment on that day, the window it was measured over, how fresh the records are, and their ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.features.catalog.evidence import said_values
from holdfast.features.catalog.measure import instants_of
from holdfast.features.catalog.peers import segments, standings
from holdfast.features.catalog.witnesses import witnesses
from holdfast.features.indicators.indicator import APPLIES, VALUE
from holdfast.features.indicators.wording import ENGLISH, Language, chance, points, written
from holdfast.features.snapshot import INDEX
from holdfast.models.explain import CONTEXT
from holdfast.models.groups import by_group
from holdfast.models.phrases import phrase
from holdfast.models.points import HealthPoints, health_points
from holdfast.models.strength import strengths

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.models.explain import Explanation
    from holdfast.models.health import HealthScore

PAST_DAYS = 90
CALIBRATION = "calibration"
_SHOWN, _NAMED = 5, 2


@dataclass(frozen=True)
class Reasons:
    """Why one account is where it is on one day.

    Attributes
    ----------
    base, total
        Log-hazard of churn of an account of which nothing is known, and of this one; contract calendar apart.
    p
        Probability of churn by horizon.
    rows
        One row per source, strongest first: ``indicator, title, dimension, contribution, p30 ... (what it does to each
        probability), strength, points (of health), value, unit, own_past, peer_percentile, window_days, fresh_days,
        record_count, records, sentence, sign`` (of health: context, the contract calendar and calibration are none) and
        ``group``. Contributions and base add up to the total; calibration is a row of its own.
    told
        One row per group of signs that are on record, strongest first: contribution, strength (see
        `holdfast.models.strength`), effects and points are those of the group, the rest is that of the sign that says
        most of it; ``others`` are the titles of the remaining ones.
    health
        Score, 0 to 100, with ``base`` and ``clip``: base + points + clip = score. None without a health score.
    language
        What it is told in: that of the catalogue which measured the rows.
    """

    account_id: str
    cutoff: pd.Timestamp
    base: float
    total: float
    p: pd.Series
    rows: pd.DataFrame
    told: pd.DataFrame
    health: dict[str, float] | None = None
    language: Language = ENGLISH

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    @property
    def raising(self) -> pd.DataFrame:
        """What raises the risk, strongest first: groups of signs of health that are on record."""
        return self.told[self.told["contribution"] > 0].reset_index(drop=True)

    @property
    def lowering(self) -> pd.DataFrame:
        """What lowers it, strongest first."""
        return self.told[self.told["contribution"] < 0].reset_index(drop=True)

    def dimensions(self) -> pd.Series:
        """Sum the contributions by dimension, context and calibration included."""
        return self.rows.groupby("dimension")["contribution"].sum()

    def text(self, shown: int = _SHOWN) -> str:
        """Tell it in lines: figures first, then what raises and what lowers the risk."""
        return "\n".join(self._lines(shown))

    def _lines(self, shown: int) -> Iterator[str]:
        say = partial(phrase, self.language)
        yield say("heading", account=self.account_id, day=f"{self.cutoff:%Y-%m-%d}")
        chances = (say("chance", p=chance(p, self.language), days=days) for days, p in self.p.items())
        yield say("churn", chances=", ".join(chances))
        if self.health is not None and np.isfinite(self.health["score"]):
            yield say("health", score=self.health["score"])
        context = float(self.rows.loc[self.rows["dimension"] == CONTEXT, "contribution"].sum())
        yield say("context", factor=np.exp(context))
        for title, table in ((say("raises"), self.raising), (say("lowers"), self.lowering)):
            yield f"{title}:" if len(table) else say("nothing", title=title)
            yield from (f"  {self._line(row)}" for row in table.head(shown).to_dict("records"))

    def _line(self, row: dict[Any, Any]) -> str:
        """Tell one reason with what stands beside it."""
        return f"{row['sentence']} ({'; '.join(self.beside(row))})"

    def beside(self, row: dict[Any, Any]) -> Iterator[str]:
        """Say what stands beside the sentence of a row of `told`: effect, own past, peers, freshness, other signs."""
        say, last = partial(phrase, self.language), self.p.index[-1]
        yield say("effect", points=points(row[f"p{last}"], self.language), days=last)
        if np.isfinite(row["own_past"]):
            yield say("past", days=PAST_DAYS, value=written(row["own_past"], row["unit"], self.language))
        if np.isfinite(row["peer_percentile"]):
            yield say("peers", place=row["peer_percentile"])
        if np.isfinite(row["fresh_days"]):
            yield say("fresh", days=row["fresh_days"])
        if row["others"]:
            yield say("others", titles=_listed(row["others"], self.language))

    def _repr_html_(self) -> str:
        told = self.rows.drop(columns=["records"]).head(2 * _SHOWN)
        table = told.to_html(escape=True, index=False, float_format="{:.3f}".format)
        return f"<pre>{escape(self.text())}</pre>{table}"


def reasons(why: Explanation, account_id: str, history: History, health: HealthScore | None = None) -> Reasons:
    """Collect the reasons of one account at its last cutoff among the rows explained.

    Parameters
    ----------
    why
        Of all accounts of that day, so that there are peers to compare with.
    history
        Where evidence is read; as known on the day, or longer.
    health
        Fitted; then each row also tells its points of health.

    Raises
    ------
    UsageError
        When the account is not among the rows explained.
    """
    mask = np.arange(len(why.g)) == why.place_of(account_id)
    one = why.rows(mask)
    cutoff = one.X.cutoffs[0]
    table = one.account(account_id)
    for horizon in one.line.horizons:
        table[f"p{horizon}"] = table["indicator"].map(one.effects(horizon).iloc[0])
    table["strength"] = table["indicator"].map(strengths(one, health).iloc[0])
    points = None if health is None else health_points(health, one.X)
    table["points"] = np.nan if points is None else table["indicator"].map(points.contributions.iloc[0])
    table = table.merge(_evidence(why, one, account_id, cutoff, history), on="indicator", how="left")
    plain = table["indicator"].str.replace("_", " ") + ": " + table["value"].astype(str)
    table["sentence"] = table["sentence"].fillna(plain)
    table["value"] = pd.to_numeric(table["value"], errors="coerce")
    line: dict[str, object] = dict.fromkeys(("indicator", "title", "dimension", "group"), CALIBRATION)
    line |= {"contribution": float(one.calibration.iloc[0]), "sentence": "What calibration adds"}
    table = pd.concat([table, pd.DataFrame([line])], ignore_index=True)
    table["sign"] = table["sign"].eq(True)
    table["records"] = [found if isinstance(found, tuple) else () for found in table["records"]]
    table["record_count"] = table["record_count"].fillna(0).astype(int)
    figures = None if health is None or points is None else _figures(health, one, points)
    p = one.probabilities().iloc[0].rename("p")
    told = _by_group(table, one)
    return Reasons(account_id, cutoff, one.base, float(one.total.iloc[0]), p, table, told, figures, one.X.language)


def _by_group(table: pd.DataFrame, one: Explanation) -> pd.DataFrame:
    """Sum what is on record by group, each told by its strongest sign."""
    signs = table[table["sign"] & table["value"].notna() & (table["contribution"] != 0.0)]
    sums = by_group(signs.assign(account=""), "account").drop(columns="account")
    parts = pd.DataFrame([sums["contribution"].to_numpy()], index=one.g.index, columns=sums["group"])
    titles, points = signs.set_index("indicator")["title"], signs.groupby("group")["points"].sum(min_count=1)
    sums["others"] = [tuple(titles[list(names)]) for names in sums["others"]]
    sums["points"] = sums["group"].map(points)
    for horizon in one.line.horizons:
        sums[f"p{horizon}"] = one.effects(horizon, parts).to_numpy()[0]
    rest = signs.drop(columns=[name for name in sums if name in signs and name != "indicator"])
    told = sums.merge(rest, on="indicator", how="left")
    told["size"] = told["contribution"].abs()
    order = told.sort_values(["strength", "size"], ascending=False, kind="stable", ignore_index=True)
    return order.drop(columns="size")


def _listed(titles: tuple[str, ...], language: Language) -> str:
    named, more = ", ".join(titles[:_NAMED]), len(titles) - _NAMED
    return phrase(language, "more", titles=named, n=more) if more > 0 else named


def _figures(health: HealthScore, one: Explanation, points: HealthPoints) -> dict[str, float]:
    return {
        "base": float(points.base.iloc[0]),
        "clip": float(points.clip.iloc[0]),
        "score": float(health.score(one.X).iloc[0]),
    }


def _evidence(
    why: Explanation, one: Explanation, account_id: str, cutoff: pd.Timestamp, history: History
) -> pd.DataFrame:
    """Collect sentence, own past, peers, window, freshness and records of every indicator."""
    ids = pd.Index([account_id], dtype="str")
    said = {
        sign.name: (sign, rows[0])
        for sign, rows in said_values(one.X.catalog, history, ids, instants_of([cutoff], history))
    }
    before = _before(one, history, ids, cutoff)
    seen = witnesses([sign for sign, _ in said.values()], history, account_id, cutoff)
    beside = _peers(why, account_id, cutoff)
    return pd.DataFrame(
        [
            {
                "indicator": name,
                "unit": sign.unit,
                "own_past": np.nan if sign.tells_past else before.get(name, np.nan),
                "peer_percentile": beside[name],
                "window_days": sign.lookback_days,
                "fresh_days": seen[name].fresh_days,
                "record_count": seen[name].count,
                "records": seen[name].records,
                "sentence": sign.sentence(row),
                "sign": not sign.calendar,
            }
            for name, (sign, row) in said.items()
        ],
        columns=["indicator", "unit", "own_past", "peer_percentile", "window_days", "fresh_days", "record_count",
                 "records", "sentence", "sign"],
    )  # fmt: skip


def _before(one: Explanation, history: History, ids: pd.Index, cutoff: pd.Timestamp) -> dict[str, float]:
    """Measure the account at an earlier day; nothing where it was not known then."""
    past = cutoff - pd.Timedelta(days=PAST_DAYS)
    tenure = one.X.context["tenure_days"].iloc[0] if "tenure_days" in one.X.context else np.nan
    if not tenure >= PAST_DAYS:
        return {}
    then = said_values(one.X.catalog, history, ids, instants_of([past], history))
    return {sign.name: rows[0][VALUE] if rows[0].get(APPLIES, 1.0) > 0 else np.nan for sign, rows in then}


def _peers(why: Explanation, account_id: str, cutoff: pd.Timestamp) -> pd.Series:
    """Place the account among its segment at the same cutoff."""
    X = why.X.at(cutoff)
    here = int(np.flatnonzero(X.index.get_level_values("account_id") == account_id)[0])
    group = segments(X.index.get_level_values(INDEX[1]), X.context["segment"])
    mine = group == group[here]
    peers = X.rows(mine)
    return standings(peers, map(str, peers.indicators)).iloc[int(mine[:here].sum())]
