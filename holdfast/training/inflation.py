"""What the usual mistakes would have claimed: the same model on the same data, beside the honest backtest.

The mistakes are made to be shown. No model that learned from one is returned, and `backtest` has no argument for any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from holdfast.errors import TooFewEvents
from holdfast.features.catalog import catalog as shipped
from holdfast.features.snapshot import INDEX
from holdfast.models.baselines import BaseRate
from holdfast.models.boosted import Boosted
from holdfast.progress import progress as bar
from holdfast.training import mistakes
from holdfast.training.backtest import backtest
from holdfast.training.churn import Churn
from holdfast.training.claims import COLUMNS, FIGURES, Claim, compared
from holdfast.training.folds import folds
from holdfast.training.labels import label
from holdfast.training.notice import REASONS
from holdfast.training.rows import json_rows
from holdfast.training.verdict import MIN_EVENTS

if TYPE_CHECKING:
    from holdfast.features.catalog.collection import Catalog
    from holdfast.features.history import History
    from holdfast.features.snapshot import Snapshot
    from holdfast.training.backtest import Model
    from holdfast.training.folds import Fold
    from holdfast.training.labels import Cutoffs, Labels
    from holdfast.training.mistakes import Lesson

WRONG: Mapping[str, str] = {
    "honest": "Nothing: models learned from what was settled and known on their day, and were asked about later days.",
    "random rows": "Rows were split at random into five parts, so that an account and its future stood on both sides.",
    "no purge": "Models learned from windows that were still open when they were fitted, and so reached into the test.",
    "end-date label": "Churn was dated by the end of the contract, and who had given notice still counted as at risk.",
    "event time": "Signs were read by when things happened, not by when they were known, and records as they are now.",
    "event time, live": "What learned by event time, as it would do in service: asked on what is known on the day.",
    "today's labels": "Models learned from labels as they are known today, not as they were on the day of the refit.",
}
HONEST, RANDOM, UNPURGED, END, EVENT, LIVE, TODAY = LINES = tuple(WRONG)
BASE = "base_rate"
_KNOWN = {"Boosted": "gradient boosting with default settings", "ChurnModel": "the churn model"}


@dataclass(frozen=True)
class Inflation:
    """What each protocol reads of the same model.

    Attributes
    ----------
    rows
        One row per line and horizon: ``line, horizon, n, events``; ``auc, skill, log_loss``, each with ``_low`` and
        ``_high`` (95 %, accounts drawn together); the same as ``auc_diff`` and so on, the difference to the honest
        line, paired; ``wrong``, what was done wrong, or why the line is not applicable, when its figures are missing.
    left_out
        Lines that are not applicable, each with the reason.
    model
        What was fitted.
    evidence
        By horizon, the accounts with the rarer outcome in the test.
    predictions
        Those of the honest line, as `Backtest.frame` gives them.
    """

    rows: pd.DataFrame
    left_out: Mapping[str, str]
    model: str
    evidence: Mapping[int, int]
    predictions: pd.DataFrame = field(repr=False)

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def value(self, line: str, horizon: int, figure: str = "auc") -> float:
        """Look up one figure; missing where there is none."""
        found = self.rows.loc[(self.rows["line"] == line) & (self.rows["horizon"] == horizon), figure]
        return float(found.iloc[0]) if len(found) else np.nan

    def text(self, horizon: int | None = None) -> str:
        """Say it in sentences, by default for the longest horizon."""
        days = max(self.evidence) if horizon is None else horizon
        here = self.rows[(self.rows["horizon"] == days) & self.rows["auc"].notna()]
        rows = {str(row["line"]): row for row in json_rows(here)}
        if HONEST not in rows:
            return ""
        if (seen := self.evidence[days]) < MIN_EVENTS:
            few = f"the rarer outcome was seen in {seen} accounts, and {MIN_EVENTS} are needed"
            return f"Not enough events at {days} days: {few}. Read the intervals, not the order."
        told = [f"{days} days ahead, {self.model} reaches AUC {_bounded(rows[HONEST])} when it is tested honestly."]
        claims = [_claim(line, row) for line, row in rows.items() if line not in (HONEST, LIVE)]
        if claims:
            told.append(f"The usual mistakes would have claimed {'; '.join(claims)}.")
        if LIVE in rows:
            told.append(f"What learned by event time reaches {rows[LIVE]['auc']:.3f} in use.")
        told += [f"Not applicable: {line} ({why})." for line, why in self.left_out.items()]
        return " ".join(told)

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {
            "model": self.model,
            "in_words": {str(days): self.text(days) for days in self.evidence},
            "evidence": {str(days): count for days, count in self.evidence.items()},
            "lines": json_rows(self.rows),
            "not_applicable": dict(self.left_out),
        }

    def _repr_html_(self) -> str:
        shown = self.rows[["line", "horizon", *FIGURES, *(f"{one}_diff" for one in FIGURES), "wrong"]]
        table = shown.to_html(escape=True, index=False, float_format="{:.3f}".format, na_rep="")
        return f"<p>{escape(self.text())}</p>{table}"


def inflation(
    history: History,
    cutoffs: Cutoffs,
    model: Model | None = None,
    *,
    horizons: Iterable[int] = (30, 60, 90),
    churn: Churn | str = "notice",
    catalog: Catalog | None = None,
    measured: tuple[Snapshot, Labels] | None = None,
    retrain_every: int = 3,
    bootstrap: int = 200,
    seed: int = 0,
    progress: bool = True,
) -> Inflation:
    """Test a model honestly, and by each of the usual mistakes, on the same test cells.

    It takes some six walks forward and five fits more: for 800 accounts over 36 months (39 cutoffs, eight refits) about
    a minute of CPU time by horizon with the default model, and four with ``ChurnModel()``, which learns all at once.

    Parameters
    ----------
    history, cutoffs, horizons, churn
        As for `label`.
    model
        Cloned for every fit; by default `Boosted`, which can learn accounts by heart, so that what leaks shows. The
        house's own is ``ChurnModel()``.
    catalog
        What is measured, by default what is shipped.
    measured
        Snapshot and labels of this history at these cutoffs, when they are there already.
    retrain_every, bootstrap, seed
        As for `backtest`.

    Raises
    ------
    TooFewEvents
        When there are too few events, or cutoffs, to test on.
    """
    if measured is None:
        rule = Churn.of(churn)
        y = label(history, cutoffs, horizons, rule)
        signs = shipped if catalog is None else catalog
        measured = signs.measure(history, y.cutoffs, y.horizons, grace_days=rule.grace_days), y
    X, y = measured[0], measured[1].on(measured[0].index)
    model = Boosted(seed=seed) if model is None else model
    how: dict[str, Any] = {"retrain_every": retrain_every, "baselines": (BASE,), "seed": seed, "progress": progress}
    predictions = backtest({"model": model}, X, y, bootstrap=0, **how).frame()
    plan = folds(y, retrain_every)
    lines, ended, left_out = _lines(history, X, y, plan, seed)
    total = len(plan) * (len(lines) - 1) + mistakes.PARTS
    lessons = chain.from_iterable(lines)
    asked = _asked(model, bar(lessons, "inflation", total) if progress else lessons)
    told, base = {HONEST: _wide(predictions, "model"), **asked}, _wide(predictions, BASE)
    claims = {line: Claim(told[line], y.frame, base) for line in LINES if line in told and line != END}
    if ended is not None and END in told:
        claims[END] = Claim(told[END], ended.frame, _asked(BaseRate(), mistakes.walked(X, ended, plan, END))[END])
    parts, evidence = [], dict[int, int]()
    for days in map(int, told[HONEST].columns):
        rows, evidence[days] = compared(claims, days, first=HONEST, apart=END, replicates=bootstrap, seed=seed)
        parts.append(_explained(rows, days, left_out, "" if ended is None else _foreseen(y, ended, told[END], days)))
    return Inflation(pd.concat(parts, ignore_index=True), left_out, _name(model), evidence, predictions)


def _lines(
    history: History, X: Snapshot, y: Labels, plan: tuple[Fold, ...], seed: int
) -> tuple[list[Iterator[Lesson]], Labels | None, dict[str, str]]:
    """Lay out what each line learns from; those that are not applicable with the reason."""
    lines = [mistakes.random_rows(X, y, plan, RANDOM, seed), mistakes.unpurged(X, y, plan, UNPURGED)]
    left_out: dict[str, str] = {}
    ended = None
    if y.kind != "notice":
        left_out[END] = f"{y.kind} is read from what accounts do, and has no notice"
    elif not mistakes.notices(history):
        left_out[END] = "no notice is on record, so that churn is dated by its end, or by when it was known"
    else:
        ended = mistakes.labels_dated_by_the_end_of_contracts(history, y).on(X.index)
        if ended.frame.equals(y.frame):
            ended, left_out[END] = None, "no exit on record ends later than its notice"
        else:
            lines.append(mistakes.walked(X, ended, plan, END))
    happened = mistakes.measured_by_event_time(history, X, y)
    if happened.frame().equals(X.frame()):
        left_out |= dict.fromkeys((EVENT, LIVE), "no record that is read was known later than it happened")
    else:
        lines.append(mistakes.by_event_time(X, happened, y, plan, EVENT, LIVE))
    if mistakes.corrected_since(y, plan):
        lines.append(mistakes.known_today(X, y, plan, TODAY))
    else:
        left_out[TODAY] = "on every day of a refit, labels were known as they are today"
    return lines, ended, left_out


def _asked(model: Model, lessons: Iterable[Lesson]) -> dict[str, pd.DataFrame]:
    """Fit the model anew for every lesson, and give what it predicts by line; where it refused to learn, nothing."""
    told: dict[str, list[pd.DataFrame]] = {}
    for lesson in lessons:
        try:
            fitted = clone(model).fit(lesson.X, lesson.y)
        except TooFewEvents:
            continue
        for line, rows in lesson.asked.items():
            told.setdefault(line, []).append(fitted.predict_proba(rows))
    return {line: pd.concat(parts).sort_index() for line, parts in told.items()}


def _wide(predictions: pd.DataFrame, model: str) -> pd.DataFrame:
    mine = predictions[(predictions["model"] == model) & predictions["p"].notna()]
    return mine.pivot(index=INDEX, columns="horizon", values="p").sort_index()


def _foreseen(y: Labels, ended: Labels, told: pd.DataFrame, days: int) -> str:
    """Say how many of those that count as churned had given notice before they were asked of."""
    churned = ended.frame.index.isin(told.index) & (ended.frame[days] == 1).to_numpy()
    if not churned.any():
        return ""
    return f" {(y.at_risk[churned] == REASONS[1]).mean():.0%} of the churn in its test had given notice already."


def _explained(rows: pd.DataFrame, days: int, left_out: Mapping[str, str], foreseen: str) -> pd.DataFrame:
    """Say beside each line what was done wrong, and give those that are not applicable a row without figures."""
    wrong = rows["line"].map(WRONG).where(rows["line"] != END, WRONG[END] + foreseen)
    few = "too few events to learn from, or to test on"
    why = {line: left_out.get(line, few) for line in LINES if line not in set(rows["line"])}
    silent = [(line, days, 0, 0, *[np.nan] * len(COLUMNS), f"Not applicable: {said}.") for line, said in why.items()]
    table = pd.DataFrame([*rows.assign(wrong=wrong).itertuples(index=False), *silent], columns=[*rows, "wrong"])
    return table.sort_values("line", key=lambda line: line.map(LINES.index), kind="stable", ignore_index=True)


def _name(model: Model) -> str:
    return _KNOWN.get(type(model).__name__, type(model).__name__)


def _claim(line: str, row: Mapping[str, Any]) -> str:
    low, high = row["auc_diff_low"], row["auc_diff_high"]
    bounds = "" if low is None else f", {low:+z.3f} to {high:+z.3f}"
    return f"{row['auc']:.3f} by {line} ({row['auc_diff']:+z.3f}{bounds})"


def _bounded(row: Mapping[str, Any]) -> str:
    bounds = "" if row["auc_low"] is None else f" ({row['auc_low']:.3f} to {row['auc_high']:.3f})"
    return f"{row['auc']:.3f}{bounds}"
