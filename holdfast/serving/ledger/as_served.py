"""As served: what became of the probabilities that people saw, as far as it is known, and how good they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.serving.ledger.entry import RESCORED, SERVED, SINCE
from holdfast.serving.ledger.store import stamp
from holdfast.training.bootstrap import draw_accounts
from holdfast.training.contest import Scores
from holdfast.training.rows import json_rows
from holdfast.training.verdict import MIN_EVENTS

if TYPE_CHECKING:
    from holdfast.serving.ledger.store import Ledger

METRICS = ("auc", "log_loss", "brier", "slope", "ratio", "n", "events")
APART = pd.Timedelta(days=7)  # neighbours of daily runs say the same of the same accounts
STATES = ("open", "final", "censored")
_FIGURES = ["kind", "horizon", "metric", "value", "low", "high", "why"]
_RUNS = f"""
SELECT run_id, as_of, kind, model_version, recorded_at,
       (SELECT count(*) FROM score s WHERE s.run_id = r.run_id) AS accounts,
       (SELECT count(*) FROM score s WHERE s.run_id = r.run_id AND s.status <> 'not_scored') AS scored
FROM run r ORDER BY as_of, {SINCE}, rowid"""  # noqa: S608 # composed of constants
_WORD = """
(SELECT account_id, horizon, state, churned, max(reading), count(*) AS readings FROM outcome
 WHERE as_of = ?1 {}GROUP BY account_id, horizon) o USING (account_id, horizon)"""
_LAST_WORD, _WORD_THEN = _WORD.format(""), _WORD.format("AND reading <= ?3 ")
_COUNTS = f"""
SELECT c.horizon, coalesce(o.state, 'open') AS state, count(*) AS cells, coalesce(sum(o.churned), 0) AS churned,
       sum(coalesce(o.readings, 1) > 1) AS reopened
FROM chance c LEFT JOIN {_LAST_WORD} WHERE c.run_id = ?2 GROUP BY 1, 2"""  # noqa: S608 # composed of constants
_CELLS = f"""
SELECT c.account_id, c.horizon, c.probability AS p, o.churned AS y
FROM chance c JOIN {_LAST_WORD} WHERE c.run_id = ?2 AND o.state = 'final'"""  # noqa: S608 # composed of constants
_BECAME = f"""
SELECT c.account_id, c.horizon, c.probability AS p, coalesce(o.state, 'open') AS state, o.churned AS y
FROM chance c LEFT JOIN {_WORD_THEN} WHERE c.run_id = ?2"""  # noqa: S608 # composed of constants
_CHANGED = """
SELECT o.as_of, o.account_id, o.horizon, o.state, o.churned, r.known_on
FROM outcome o JOIN reading r ON r.number = o.reading
WHERE EXISTS (SELECT 1 FROM outcome p WHERE p.as_of = o.as_of AND p.account_id = o.account_id
              AND p.horizon = o.horizon AND p.reading <> o.reading)
ORDER BY o.as_of, o.account_id, o.horizon, o.reading"""
_READ_BY = "SELECT coalesce(max(number), 0) FROM reading WHERE known_on <= ?"
_READING = """
SELECT known_on, through, EXISTS (SELECT 1 FROM reading p WHERE p.through = r.through AND p.known_on < r.known_on)
       AS rewritten
FROM reading r ORDER BY number DESC LIMIT 1"""


@dataclass(frozen=True, eq=False)
class AsServed:
    """What was served, and what became of it.

    Attributes
    ----------
    runs
        ``run_id, as_of, kind, model_version, recorded_at, accounts, scored``, oldest day first, and of
        a day the one that became current last at its end.
    cells
        By ``kind`` and ``horizon``: ``cells`` (accounts and days with a probability; of several runs of a day the last
        one counts), those ``open, final, churned, censored``, and those ``reopened``.
    figures
        ``kind, horizon, metric, value, low, high, why``: of the cells that are final, on days at least a week apart,
        with 95 % intervals by accounts; one row without a value, and the reason, where too few churned.
    reopened
        ``as_of, account_id, horizon, before, value_before, state, value, known_on``: cells that read otherwise than
        before, and since which day.
    known_on
        The day as of which outcomes were read last, none when they never were.
    rewritten
        Whether what was known at an earlier reading had been rewritten by then, so that all should be read anew.
    """

    runs: pd.DataFrame
    cells: pd.DataFrame
    figures: pd.DataFrame
    reopened: pd.DataFrame
    known_on: pd.Timestamp | None
    rewritten: bool

    def frame(self) -> pd.DataFrame:
        """Return the figures."""
        return self.figures

    def text(self) -> str:
        """Tell it in sentences."""
        return " ".join(self._sentences())

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {
            "in_words": self.text(),
            "known_on": None if self.known_on is None else f"{self.known_on:%Y-%m-%d}",
            "rewritten": self.rewritten,
            "runs": json_rows(self.runs),
            "cells": json_rows(self.cells),
            "figures": json_rows(self.figures),
            "reopened": json_rows(self.reopened),
        }

    def _repr_html_(self) -> str:
        from html import escape

        tables = (one.to_html(escape=True, index=False) for one in (self.cells, self.figures))
        return f"<p>{escape(self.text())}</p>{''.join(tables)}"

    def _sentences(self) -> Iterator[str]:
        if self.runs.empty:
            yield "No run was entered yet."
            return
        for kind, what in ((SERVED, "served"), (RESCORED, "made of older days and not served")):
            mine = self.runs[self.runs["kind"] == kind]
            if len(mine):
                days = f"{mine['as_of'].min()[:10]} to {mine['as_of'].max()[:10]}"
                yield f"{_number(len(mine), 'run')} {what}, {days}."
                yield from self._became(kind)
        if self.known_on is not None:
            yield f"Outcomes are those known on {self.known_on:%Y-%m-%d}."
        if self.rewritten:
            yield "What had been known before was rewritten since, or churn means something else: read all outcomes"
            yield "anew with --reopen."

    def _became(self, kind: str) -> Iterator[str]:
        for row in json_rows(self.cells[self.cells["kind"] == kind]):
            told = ", ".join(f"{row[name]:,} {name}" for name in ("final", "open", "censored"))
            again = f"; {row['reopened']:,} reopened" if row["reopened"] else ""
            yield f"At {row['horizon']} days {told}, {row['churned']:,} churned{again}: {self._worth(kind, row)}."

    def _worth(self, kind: str, row: dict[str, Any]) -> str:
        mine = self.figures[(self.figures["kind"] == kind) & (self.figures["horizon"] == row["horizon"])]
        if mine.empty:
            return "nothing to judge yet"
        if mine["why"].iloc[0]:
            return f"not judged, {mine['why'].iloc[0]}"
        by = mine.set_index("metric")
        names = {"auc": "AUC", "log_loss": "log loss", "brier": "Brier score", "slope": "calibration slope"}
        return ", ".join(
            f"{words} {by.at[name, 'value']:.3f} ({by.at[name, 'low']:.3f} to {by.at[name, 'high']:.3f})"
            for name, words in names.items()
        )


def as_served(ledger: Ledger, *, bootstrap: int = 200, seed: int = 0) -> AsServed:
    """Read what was served and what became of it.

    Parameters
    ----------
    bootstrap
        Replicates for the intervals; accounts are drawn, not rows.

    Raises
    ------
    PublishError
        When the ledger cannot be read.
    """
    runs, reading = ledger.read(_RUNS), ledger.read(_READING)
    last = runs.drop_duplicates(["kind", "as_of"], keep="last")
    return AsServed(
        runs,
        _counts(ledger, last),
        _figures(ledger, last, bootstrap, seed),
        _reopened(ledger),
        None if reading.empty else pd.Timestamp(str(reading.at[0, "known_on"])),
        bool(len(reading) and reading.at[0, "rewritten"]),
    )


def became(ledger: Ledger, day: pd.Timestamp) -> pd.DataFrame:
    """Give what was served on days at least a week apart, and what was known of it on a day, but for what is censored.

    Returns
    -------
    DataFrame
        ``account_id, as_of, horizon, p, y``; ``y`` is missing while the outcome is open.
    """
    runs = ledger.read(_RUNS)
    runs = runs[(runs["kind"] == SERVED) & (runs["as_of"] <= stamp(day))]
    mine = _apart(runs.drop_duplicates("as_of", keep="last"))
    reading = int(ledger.read(_READ_BY, (stamp(day),)).to_numpy()[0, 0])
    parts = [
        ledger.read(_BECAME, (as_of, run_id, reading)).assign(as_of=pd.Timestamp(as_of))
        for run_id, as_of in mine[["run_id", "as_of"]].itertuples(index=False, name=None)
    ]
    names = ["account_id", "as_of", "horizon", "p", "y"]
    if not any(map(len, parts)):
        return pd.DataFrame(columns=names).astype({"p": float, "y": float})
    rows = pd.concat([one for one in parts if len(one)], ignore_index=True)
    return rows.loc[rows["state"] != "censored", names].astype({"y": float}).reset_index(drop=True)


def _counts(ledger: Ledger, runs: pd.DataFrame) -> pd.DataFrame:
    found = [
        ledger.read(_COUNTS, (as_of, run_id)).assign(kind=kind)
        for run_id, as_of, kind in runs[["run_id", "as_of", "kind"]].itertuples(index=False, name=None)
    ]
    names = ["kind", "horizon", "cells", *STATES[:2], "churned", STATES[2], "reopened"]
    if not any(map(len, found)):
        return pd.DataFrame(columns=names)
    rows = pd.concat([one for one in found if len(one)], ignore_index=True)
    by = rows.groupby(["kind", "horizon"])
    counts = rows.pivot_table(index=["kind", "horizon"], columns="state", values="cells", aggfunc="sum", fill_value=0)
    counts = counts.reindex(columns=list(STATES), fill_value=0).join(by[["cells", "churned", "reopened"]].sum())
    return counts.astype(int).reset_index()[names].sort_values(["kind", "horizon"], ascending=[False, True])


def _figures(ledger: Ledger, runs: pd.DataFrame, bootstrap: int, seed: int) -> pd.DataFrame:
    parts = [pd.DataFrame(columns=_FIGURES)]
    for kind in (SERVED, RESCORED):
        mine = _apart(runs[runs["kind"] == kind])
        found = [
            ledger.read(_CELLS, (as_of, run_id)).assign(cutoff=as_of)
            for run_id, as_of in mine[["run_id", "as_of"]].itertuples(index=False, name=None)
        ]
        rows = pd.concat([one for one in found if len(one)]) if any(map(len, found)) else pd.DataFrame()
        for horizon in sorted(rows["horizon"].unique()) if len(rows) else ():
            some = rows[rows["horizon"] == horizon].assign(model=kind)
            parts.append(_judged(some, bootstrap, seed).assign(kind=kind, horizon=int(horizon))[_FIGURES])
    return pd.concat([one for one in parts if len(one)] or parts, ignore_index=True)


def _apart(runs: pd.DataFrame) -> pd.DataFrame:
    """Keep the first run, and from each one kept on the next that is far enough from it."""
    kept: list[bool] = []
    last: pd.Timestamp | None = None
    for day in pd.to_datetime(runs["as_of"], utc=True):
        kept.append(last is None or day - last >= APART)
        last = day if kept[-1] else last
    return runs[np.array(kept, dtype=bool)]


def _judged(rows: pd.DataFrame, bootstrap: int, seed: int) -> pd.DataFrame:
    """Measure the cells of one horizon, unless too few of either outcome are there."""
    accounts = rows.groupby("y")["account_id"].nunique().reindex([0, 1], fill_value=0)
    if (evidence := int(accounts.min())) < MIN_EVENTS:
        why = f"accounts with the rarer outcome: {evidence}, and {MIN_EVENTS} are needed"
        return pd.DataFrame({"metric": [""], "why": [why]}).reindex(columns=["metric", "value", "low", "high", "why"])
    code, weights = draw_accounts(rows["account_id"], bootstrap, seed)
    scores = Scores.of(rows.astype({"y": float}), code, [str(rows["model"].iloc[0])], weights)
    told = pd.DataFrame() if scores is None else scores.tidy(0)
    return told.set_index("metric").loc[list(METRICS)].reset_index().assign(why="")


def _reopened(ledger: Ledger) -> pd.DataFrame:
    """Pair each word on a cell with the one before it."""
    rows = ledger.read(_CHANGED)
    cell = ["as_of", "account_id", "horizon"]
    before = rows.groupby(cell)[["state", "churned"]].shift()
    rows = rows.assign(before=before["state"], value_before=before["churned"], value=rows["churned"])
    names = [*cell, "before", "value_before", "state", "value", "known_on"]
    return rows.loc[rows["before"].notna(), names].reset_index(drop=True)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + (" was" if count == 1 else "s were")
