"""Further questions to a simulated company: few events, true weights, bands, a shock, interactions, intervals."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

import holdfast as hf
from benchmarks.quality.filter import foresee_truth
from benchmarks.quality.measures import judged, skill
from benchmarks.quality.worlds import HORIZONS, Question
from holdfast.features.simulate import Scenario
from holdfast.features.snapshot import Snapshot
from holdfast.models.bands import ACTION
from holdfast.models.hazard import Periods
from holdfast.models.health import HealthScore
from holdfast.models.periods import exposure
from holdfast.models.weights import fit_weights
from holdfast.training.labels import Labels

DRAWS, INTERVAL_DRAWS = 10, 4
EVERY = pd.Timedelta(days=84)


def few_events(question: Question, events: int = 33) -> dict[str, Any]:
    """Learn from about so many churned accounts, ten times; give mean AUC and skill at 90 days beside the template."""
    X, y = question.rows
    tested = question.tested() & y.frame[90].notna().to_numpy()
    label, found = y.frame[90][tested].to_numpy(float), []
    for some, known in draws(question, events):
        for name, model in {"churn": hf.ChurnModel(), "template": HealthScore.template()}.items():
            fitted = model.fit(X.rows(some), known)
            figures = judged(label, fitted.predict_proba(X.rows(tested))[90].to_numpy())
            found.append({"model": name, "trained": fitted.events_} | figures)
    mean = pd.DataFrame(found).groupby("model")[["trained", "auc", "skill"]].mean()
    return {f"{name}_{figure}": float(mean.loc[name, figure]) for name in mean.index for figure in mean}


def draws(question: Question, events: int) -> Iterator[tuple[np.ndarray, Labels]]:
    """Yield ten random parts of the accounts with about so many events: rows, and labels known at the first refit."""
    X, y = question.rows
    known = y.known(question.tests[0])
    some = known.frame.notna().any(axis=1).to_numpy()
    accounts = X.index.get_level_values("account_id")
    churned = accounts[some & (known.frame == 1).any(axis=1).to_numpy()].nunique()
    for draw in range(DRAWS):
        mark = {one: crc32(f"{draw} {one}".encode()) / 2**32 for one in accounts.unique()}
        here = some & (accounts.map(mark).to_numpy(float) < events / churned)
        yield here, known.rows(here)


def true_dimensions(question: Question) -> pd.Series:
    """Give the weights by dimension that predict best when the hidden risk itself is the label."""
    X, y = question.rows
    stands = X.index.get_level_values("cutoff")
    thinned = pd.DatetimeIndex(y.cutoffs[:: EVERY.days // 28])
    some = stands.isin(thinned) & (y.at_risk == "").to_numpy() & y.frame[90].notna().to_numpy()
    rows = X.rows(some)
    p = foresee_truth(question.world(), rows.index, HORIZONS)
    before = np.column_stack([np.zeros(len(p)), p[:, :-1]])
    hazard = np.clip((p - before) / np.maximum(1 - before, 1e-12), 0, 1)
    health = HealthScore().fit(X.rows(some), y.rows(some))
    calendar = exposure(rows, HORIZONS, decided=True, timing=health.hazard_.timing)
    soft = Periods(calendar, hazard, 1 - before)
    context = np.empty((len(rows), 0)) if health.context_ is None else health.context_.design(rows)
    curves = health.curves(rows).to_numpy(float)
    learned = fit_weights(curves, context, soft, health.prior_.to_numpy(float), 0.5, sign=-1)
    dimension = health.table_["dimension"].to_numpy()
    return pd.Series(learned.weights).groupby(dimension).sum()


def weights(question: Question, events: int = 180) -> dict[str, Any]:
    """Learn weights from about so many churned accounts, ten times, and compare them with the true ones."""
    X, _ = question.rows
    truth, found, trained = true_dimensions(question), [], []
    for some, known in draws(question, events):
        health = HealthScore().fit(X.rows(some), known)
        trained.append(health.events_)
        found.append(health.weights_.groupby(health.table_.set_index("indicator")["dimension"]).sum())
    table = pd.DataFrame(found)
    away = table.sub(truth, axis=1).abs().sum(axis=1)
    true = {f"true_{name}": float(share) for name, share in truth.items()}
    told = {f"learned_{name}": f"{one.mean():.2f} ({one.min():.2f} to {one.max():.2f})" for name, one in table.items()}
    far = {"distance": float(away.mean()), "distance_of_template": _template_away(truth)}
    return {"trained": float(np.mean(trained))} | far | true | told


def _template_away(truth: pd.Series) -> float:
    template = pd.Series({"product": 0.4, "relationship": 0.3, "business": 0.3})
    return float(template.sub(truth).abs().sum())


def bands(question: Question) -> pd.DataFrame:
    """Churn per renewal decision by band and kind of contract in the last year, for weights learned before it."""
    X, y = question.rows
    health = learned_before(question)
    rows = question.tested() & y.frame[90].notna().to_numpy()
    return per_decision(health, X.rows(rows), y.rows(rows))


def learned_before(question: Question) -> HealthScore:
    """Fit the health score to what was settled at the first refit."""
    X, y = question.rows
    known = y.known(question.tests[0])
    some = known.frame.notna().any(axis=1).to_numpy()
    return HealthScore().fit(X.rows(some), known.rows(some))


def per_decision(health: HealthScore, X: Snapshot, y: Labels) -> pd.DataFrame:
    """Count accounts, decisions within 90 days and churn by band and kind of contract."""
    frame = pd.DataFrame({"band": ACTION.names_of(health.score(X)), "contract": X.context["contract"].to_numpy()})
    frame["decisions"], frame["churned"] = X.exposure.sum(axis=1).to_numpy(), y.frame[90].to_numpy()
    frame = frame[frame["decisions"] > 0]
    table = frame.groupby(["contract", "band"])[["decisions", "churned"]].sum()
    table["rate"] = table["churned"] / table["decisions"]
    return table


def shock(seed: int, accounts: int = 3_000) -> pd.DataFrame:
    """Show the mix of bands and churn per decision before and after business suffers, on the scale frozen before."""
    question = Question(seed, accounts, Scenario(shock=9))
    X, y = question.rows
    when = pd.Timestamp("2026-01-01", tz="UTC") - pd.DateOffset(months=9)
    health = learned_before(question)
    parts = {}
    for name, begin, end in (("before", when - pd.DateOffset(months=6), when), ("after", when, None)):
        stands = X.index.get_level_values("cutoff")
        here = (stands >= begin) & (stands < (end or stands.max())) & (y.at_risk == "").to_numpy()
        here &= y.frame[90].notna().to_numpy()
        table = per_decision(health, X.rows(here), y.rows(here)).groupby("band")[["decisions", "churned"]].sum()
        mix = health.mix(X.rows(here))["now"]
        parts[name] = pd.DataFrame({"share": mix, "churn per decision": table["churned"] / table["decisions"]})
    return pd.concat(parts, axis=1)


def intervals(question: Question, learned_from: tuple[int, ...] = (33, 70, 150, 300)) -> pd.DataFrame:
    """Give, by number of churned accounts, how often the 90 % interval holds what the filter knows (means of draws)."""
    X, _ = question.rows
    oracle, found = question.oracles(), []
    for events in learned_from:
        for some, known in islice(draws(question, events), INTERVAL_DRAWS):
            model = hf.ChurnModel().fit(X.rows(some), known)
            found.append({"about": events, "trained": model.events_} | coverage(question, oracle, model))
    return pd.DataFrame(found).groupby("about").mean()


def coverage(question: Question, oracle: pd.DataFrame, model: hf.ChurnModel) -> dict[str, float]:
    """Give the share of rows whose 90 % interval holds the probability that the filter knows, by horizon."""
    X, _ = question.rows
    bounds = model.predict_interval(X.rows(question.tested()))
    found = {}
    for horizon in HORIZONS:
        p = oracle["filter", horizon].to_numpy()
        inside = (p >= bounds[horizon, "low"].to_numpy()) & (p <= bounds[horizon, "high"].to_numpy())
        found[f"coverage_{horizon}"] = float(inside[np.isfinite(p)].mean())
    return found


def beyond_context(question: Question, answers: pd.DataFrame) -> dict[str, float]:
    """Give the skill of the churn model over contract dates alone, among accounts that face a decision."""
    X, y = question.rows
    tested = question.tested()
    exposed, found = X.exposure[tested].cumsum(axis=1), {}
    for horizon in (30, 90):
        here = (exposed[horizon] > 0).to_numpy() & y.frame[horizon][tested].notna().to_numpy()
        label = y.frame[horizon][tested][here].to_numpy(float)
        ours, context = (answers[name, horizon][here].to_numpy() for name in ("churn", "context"))
        found[f"skill_over_context_{horizon}"] = skill(label, ours, context)
    return found


def by_segment(question: Question, answers: pd.DataFrame) -> pd.DataFrame:
    """Compare predicted with actual churn at 90 days by segment, on windows that do not overlap, in standard errors."""
    X, y = question.rows
    rows = X.rows(question.tested())
    stands = rows.index.get_level_values("cutoff")
    apart = stands.isin(stands.unique().sort_values()[:: -(-90 // 28)])
    known = apart & y.frame[90][question.tested()].notna().to_numpy()
    table = pd.DataFrame({"segment": rows.context["segment"].to_numpy(), "p": answers["churn", 90].to_numpy()})
    table["y"], table["variance"] = y.frame[90][question.tested()].to_numpy(), table["p"] * (1 - table["p"])
    sums = table[known].groupby("segment")[["p", "y", "variance"]].sum()
    sums["z"] = (sums["y"] - sums["p"]) / np.sqrt(sums["variance"])
    return sums.rename(columns={"p": "predicted", "y": "actual"}).drop(columns="variance")
