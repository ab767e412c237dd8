"""Metrics by group of rows: how good a model is where it matters, or why that cannot be told.

Groups overlap with the contract calendar, not with one another inside a kind: accounts with a renewal decision ahead
and those without, segments, kinds of contract, accounts that the model had learned from and those it had never seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.training.bootstrap import draw_accounts
from holdfast.training.contest import Scores
from holdfast.training.rows import json_rows
from holdfast.training.verdict import MIN_EVENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.training.metrics import Floats

SHOWN = ("auc", "skill", "skill_context", "log_loss", "ece", "slope", "ratio")
KINDS = {
    "exposed": {True: "a decision ahead", False: "no decision ahead"},
    "seen": {True: "learned from before", False: "never seen"},
}


@dataclass(frozen=True)
class Groups:
    """Metrics by group.

    Attributes
    ----------
    rows
        ``kind, group, horizon, model, metric, value, low, high, n, events, evidence, why``. A group in which the rarer
        outcome was seen in too few accounts has one row without a value, and the reason in ``why``.
    """

    rows: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def table(self, metric: str = "auc") -> pd.DataFrame:
        """Lay one metric out: a row per kind, group and horizon, a column per model."""
        found = self.rows[self.rows["metric"] == metric]
        index = ["kind", "group", "horizon", "n", "events"]
        return found.pivot_table(index=index, columns="model", values="value", sort=False, observed=True)

    def refused(self) -> pd.DataFrame:
        """Give the groups that cannot be judged: ``kind, group, horizon, n, events, why``."""
        columns = ["kind", "group", "horizon", "n", "events", "why"]
        return self.rows.loc[self.rows["why"] != "", columns].reset_index(drop=True)

    def to_dict(self) -> dict[str, Any]:
        """Give the rows as JSON values."""
        return {"rows": json_rows(self.rows)}

    def _repr_html_(self) -> str:
        return str(self.table().to_html(escape=True, float_format="{:.3f}".format))


def by_group(
    predictions: pd.DataFrame, facts: pd.DataFrame, models: Sequence[str], *, replicates: int = 200, seed: int = 0
) -> Groups:
    """Measure models inside each group of rows.

    Parameters
    ----------
    predictions
        Long, see `Backtest.frame`.
    facts
        What is known of each account at each cutoff, see `Backtest`: ``segment, contract`` and one column
        ``decisions_<horizon>`` per horizon, as far as they are known.
    models
        Those to measure; the skill over base rate and contract context needs ``base_rate`` and ``context`` among the
        predictions.
    """
    wanted = {*models, "base_rate", "context"}
    known = predictions[predictions["model"].isin(wanted)].dropna(subset=["p", "y"]).reset_index(drop=True)
    names = [name for name in predictions["model"].cat.categories if (known["model"] == name).any()]
    code, weights = draw_accounts(known["account_id"], replicates, seed)
    told = facts.reindex(pd.MultiIndex.from_frame(known[["account_id", "cutoff"]]))
    parts = [
        _measured(known[here], code[here], names, weights, models).assign(kind=kind, group=group, horizon=horizon)
        for horizon, rows in known.groupby("horizon", sort=True)
        for kind, group, here in _groups(known, rows.index, told, int(str(horizon)))
    ]
    columns = ["kind", "group", "horizon", "model", "metric", "value", "low", "high", "n", "events", "evidence", "why"]
    table = pd.concat(parts, ignore_index=True).reindex(columns=columns) if parts else pd.DataFrame(columns=columns)
    return Groups(table.sort_values(["kind", "horizon", "group"], kind="stable", ignore_index=True))


def _groups(
    known: pd.DataFrame, index: pd.Index, told: pd.DataFrame, horizon: int
) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Yield the groups of one horizon as masks over all rows; a kind with one group only tells nothing new."""
    here = np.zeros(len(known), dtype=bool)
    here[index] = True
    fields: dict[str, pd.Series] = {"seen": known["seen"]}
    if f"decisions_{horizon}" in told:
        fields["exposed"] = told[f"decisions_{horizon}"].fillna(0) > 0
    for name in (name for name in ("segment", "contract") if name in told):
        fields[name] = told[name].astype(object).where(told[name].notna() & (told[name] != ""), "not known")
    for kind, values in fields.items():
        held = values.to_numpy()
        found = sorted(pd.unique(held[here]))
        for value in found if len(found) > 1 else ():
            yield kind, KINDS.get(kind, {}).get(value, str(value)), here & (held == value)


def _measured(
    rows: pd.DataFrame, code: NDArray[np.intp], names: list[str], weights: Floats, models: Sequence[str]
) -> pd.DataFrame:
    scores = Scores.of(rows, code, names, weights, least=MIN_EVENTS)
    if scores is None:
        return pd.DataFrame({"model": [""], "metric": "", "n": 0, "events": 0, "evidence": 0, "why": "no settled row"})
    sizes = {"n": scores.n, "events": scores.events, "evidence": scores.evidence}
    if scores.evidence < MIN_EVENTS:
        why = f"accounts with the rarer outcome: {scores.evidence}, and {MIN_EVENTS} are needed"
        return pd.DataFrame({"model": [""], "metric": "", **sizes, "why": why})
    tidy = scores.tidy(0)
    wanted = tidy["metric"].isin(SHOWN) & tidy["model"].isin(models)
    return tidy[wanted].drop(columns="horizon").assign(**sizes, why="")
