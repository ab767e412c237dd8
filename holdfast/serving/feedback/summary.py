"""What people have said so far: in force, ended, and how often which reason was called wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.serving.feedback.entry import GATHERED
from holdfast.serving.ledger.store import stamp
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.serving.ledger.store import Ledger

_ALL = """
SELECT account_id, kind, value, reason, author, said_on, expires, run_id, recorded_at,
       row_number() OVER (PARTITION BY account_id, kind ORDER BY recorded_at DESC, rowid DESC) = 1 AS last
FROM feedback
ORDER BY account_id, kind, recorded_at, rowid
"""
_LASTING = ("override", "snooze")


@dataclass(frozen=True)
class Feedback:
    """What people said of the accounts.

    Attributes
    ----------
    rows
        ``account_id, kind, value, reason, author, said_on, expires, run_id, recorded_at, state``; a later
        word of the same kind replaces an earlier one, but for notes and wrong reasons; an override or a snooze is ``in
        force`` until it has ``ended``; everything else is ``kept``.
    outcomes
        ``outcome, accounts, health, probability``: the last outcome of each account, beside the mean of what the model
        had said in the run it was written into, at its longest horizon; missing where that run is gone.
    """

    rows: pd.DataFrame
    outcomes: pd.DataFrame

    @classmethod
    def read(cls, ledger: Ledger, day: pd.Timestamp, runs: Path) -> Feedback:
        """Read it as it stands on a day.

        Parameters
        ----------
        runs
            The folder of the runs, for what the model had said.
        """
        rows = ledger.read(_ALL)
        rows["state"] = _states(rows, stamp(day))
        rows = rows.drop(columns="last")
        said = rows[(rows["kind"] == "outcome") & (rows["state"] == "kept")]
        return cls(rows, _outcomes(said, runs))

    @property
    def wrong_reasons(self) -> pd.DataFrame:
        """``sign, times, accounts``, most often first: the signs that were called wrong."""
        said = self.rows[self.rows["kind"] == "wrong_reason"]
        counts = said.groupby("value")["account_id"].agg(times="size", accounts="nunique")
        table = counts.rename_axis("sign").reset_index()
        return table.sort_values(["times", "sign"], ascending=[False, True], ignore_index=True)

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "rows": json_rows(self.rows),
            "wrong_reasons": json_rows(self.wrong_reasons),
            "outcomes": json_rows(self.outcomes),
        }

    def _repr_html_(self) -> str:
        return str(self.rows.to_html(escape=True, index=False))


def _states(rows: pd.DataFrame, day: str) -> list[str]:
    told = []
    for kind, last, expires in zip(rows["kind"], rows["last"], rows["expires"], strict=True):
        if not last and kind not in GATHERED:
            told.append("replaced")
        elif kind not in _LASTING:
            told.append("kept")
        else:
            told.append("in force" if expires > day else "ended")
    return told


def _outcomes(said: pd.DataFrame, runs: Path) -> pd.DataFrame:
    told = [_beside(part, runs / str(run) / "scores.parquet") for run, part in said.groupby("run_id")]
    if not told:
        return pd.DataFrame(columns=["outcome", "accounts", "health", "probability"])
    by = pd.concat(told).groupby("value")
    means = by[["health", "probability"]].mean()
    return by.size().rename("accounts").to_frame().join(means).rename_axis("outcome").reset_index()


def _beside(said: pd.DataFrame, scores: Path) -> pd.DataFrame:
    """Set the outcomes of one run beside its scores."""
    from holdfast.serving.columns import longest

    if not scores.is_file():
        return said.assign(health=float("nan"), probability=float("nan"))
    rows = pd.read_parquet(scores).set_index("account_id")
    column = longest(rows)
    mine = rows[["health", column]].reindex(said["account_id"])
    return said.assign(health=mine["health"].to_numpy(), probability=mine[column].to_numpy())
