"""The healthy ones that left: which signs looked well to the end, and which spoke though the score did not.

Green churn says that a score does not work; the signs that stayed silent say where. A sign that looks well in most
accounts that left does so in most that stayed as well, so both shares stand side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.models.bands import ACTION
from holdfast.models.polarity import both_names
from holdfast.training.autopsy import FINE, WARNING
from holdfast.training.observed_bands import MISSED
from holdfast.training.readings import last_before_exit, readings
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot
    from holdfast.training.backtest import Backtest

HEALTHY = ACTION.names[:2]
_FEWEST = 10  # accounts, below which no sign is called silent
_MOSTLY = 0.5  # of the accounts, in which a silent sign looked well at least
_FALSE_ALARM = 0.5  # a sign that warns in so many accounts that stayed warns of nothing


@dataclass(frozen=True)
class GreenChurn:
    """Accounts that left while their score looked healthy.

    Attributes
    ----------
    accounts
        ``account_id, cutoff`` (of the last reading), ``left, health, band, arr``, the one worth most first.
    signs
        ``indicator, title, dimension, fine, fine_stayed, warned, warned_stayed, measured``: of these accounts, the
        share in which the sign looked well or warned at the last reading, beside the share in healthy accounts that
        stayed, and in how many it was measured; the sign that misled most first: that looked well more often in those
        that left than in those that stayed.
    left
        All accounts that left while they were tested.
    """

    accounts: pd.DataFrame
    signs: pd.DataFrame
    left: int

    def frame(self) -> pd.DataFrame:
        """Return the signs."""
        return self.signs

    def text(self) -> str:
        """Say it in sentences."""
        if not self.left:
            return "No exit was dated while the score was tested, so none is looked back from."
        share = len(self.accounts) / self.left
        told = [f"{len(self.accounts)} of {self.left} accounts ({share:.0%}) {both_names(MISSED)}."]
        if len(self.accounts) < _FEWEST:
            told.append(f"These are too few to say which signs stayed silent; {_FEWEST} are needed.")
            return " ".join(told)
        silent = self.signs[self.signs["fine"] >= _MOSTLY].head(3)
        said = [_told(row, "fine") for row in silent.to_dict("records")]
        told.append(
            f"Signs that looked well to the end: {', '.join(said)}."
            if said
            else "No sign looked well to the end in half of them."
        )
        spoke = self.signs.assign(gain=self.signs["warned"] - self.signs["warned_stayed"])
        spoke = spoke[(spoke["gain"] > 0) & (spoke["warned_stayed"] < _FALSE_ALARM)].nlargest(3, "gain")
        if len(spoke):
            said = [_told(row, "warned") for row in spoke.to_dict("records")]
            told.append(f"Signs that warned in them though the score did not: {', '.join(said)}.")
        return " ".join(told)

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        accounts = self.accounts.assign(
            **{name: self.accounts[name].dt.strftime("%Y-%m-%d") for name in ("cutoff", "left")}
        )
        return {
            "in_words": self.text(),
            "left": self.left,
            "accounts": json_rows(accounts),
            "signs": json_rows(self.signs),
        }

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.text())}</p>{self.signs.head(15).to_html(escape=True, index=False)}"


def green_churn(result: Backtest, X: Snapshot, model: str = "health") -> GreenChurn:
    """Look at the accounts that left while a health score held them healthy.

    Parameters
    ----------
    result, X
        The backtest, and the snapshot it walked over.
    model
        The health score, by its name in the backtest.
    """
    read = readings(result.frame(), result.facts)
    read = read[(read["model"] == model) & read["health"].notna()]
    read = read.assign(left=read["event_at"], band=ACTION.names_of(read["health"]))
    gone = last_before_exit(read)
    healthy = gone[gone["band"].isin(HEALTHY)].sort_values(["arr", "account_id"], ascending=[False, True])
    stayed = read[read["band"].isin(HEALTHY) & read["left"].isna() & (read["y"] == 0)]
    columns = ["account_id", "cutoff", "left", "health", "band", "arr"]
    return GreenChurn(healthy[columns].reset_index(drop=True), _signs(X, healthy, stayed), len(gone))


def _signs(X: Snapshot, gone: pd.DataFrame, stayed: pd.DataFrame) -> pd.DataFrame:
    mine, theirs = (_worth(X, rows) for rows in (gone, stayed))
    measured = mine.notna().sum()
    rows = [
        (
            one.name,
            one.title,
            one.dimension,
            *(_share(side[one.name], worth) for worth in ("fine", "warned") for side in (mine, theirs)),
            int(measured[one.name]),
        )
        for one in X.catalog
        if one.name in mine and measured[one.name]
    ]
    columns = ["indicator", "title", "dimension", "fine", "fine_stayed", "warned", "warned_stayed", "measured"]
    table = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[3:7], float))
    misled = table.assign(by=(table["fine"] - table["fine_stayed"]).fillna(0.0).where(table["fine"] >= _MOSTLY, -1.0))
    order = misled.sort_values(["by", "fine", "indicator"], ascending=[False, False, True], ignore_index=True)
    return order.drop(columns="by")


def _told(row: dict[Any, Any], what: str) -> str:
    return f"{row['title']} ({row[what]:.0%}, of those that stayed {row[f'{what}_stayed']:.0%})"


def _worth(X: Snapshot, rows: pd.DataFrame) -> pd.DataFrame:
    keys = pd.MultiIndex.from_frame(rows[["account_id", "cutoff"]])
    return X.rows(np.asarray(X.index.isin(keys))).curved()


def _share(values: pd.Series[float], worth: str) -> float:
    there = values.dropna()
    if there.empty:
        return float("nan")
    return float(((there >= FINE) if worth == "fine" else (there <= WARNING)).mean())
