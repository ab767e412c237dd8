"""Two models side by side: every figure of both on the same rows, with the difference and what chance makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from holdfast.training.bootstrap import draw_accounts, interval, ratios
from holdfast.training.capacity import listed
from holdfast.training.champion import CHAMPION
from holdfast.training.contest import Scores
from holdfast.training.metrics import NAMES
from holdfast.training.promotion.duel import CHALLENGER, paired
from holdfast.training.rows import json_rows

SHOWN = ("auc", "ap", "log_loss", "brier", "ece", "slope", "ratio", "lift_10")
_COLUMNS = ["figure", "horizon", "champion", "challenger", "difference", "low", "high"]


@dataclass(frozen=True)
class Compared:
    """Figures of two models on the rows that both predicted before they had seen them.

    Attributes
    ----------
    rows
        ``figure, horizon, champion, challenger, difference, low, high`` (paired 95 % interval, accounts drawn
        together); ``caught`` is the share of the accounts that left which as many calls would have reached.
    sizes
        ``horizon, n, events, accounts``: rows, those that churned, and accounts with the rarer outcome.
    """

    rows: pd.DataFrame
    sizes: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def text(self) -> str:
        """Say on what they were compared, and where they differ beyond chance."""
        if self.rows.empty:
            return "They were never tested on the same days, so nothing can be compared."
        sizes = "; ".join(
            f"{row['horizon']} days: {row['n']:,} rows, {row['accounts']} accounts with the rarer outcome"
            for row in self.sizes.to_dict("records")
        )
        apart = self.rows[(self.rows["low"] > 0) | (self.rows["high"] < 0)]
        named = ", ".join(f"{row['figure']} at {row['horizon']} days" for row in apart.to_dict("records"))
        return f"{sizes}. " + (f"Apart beyond chance: {named}." if named else "Nothing is apart beyond chance.")

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"in_words": self.text(), "rows": json_rows(self.rows), "sizes": json_rows(self.sizes)}

    def _repr_html_(self) -> str:
        from html import escape

        table = self.rows.to_html(escape=True, index=False, float_format="{:.4f}".format, na_rep="")
        return f"<p>{escape(self.text())}</p>{table}"


def compared(
    before: pd.DataFrame, walked: pd.DataFrame, *, capacity: float = 0.05, replicates: int = 200, seed: int = 0
) -> Compared:
    """Compare what the walks forward of two models told of the same accounts on the same days.

    Parameters
    ----------
    before, walked
        Of the champion and of the challenger, one model each: ``account_id, cutoff, horizon, p, y``; labels are those
        of the challenger.
    capacity
        Accounts called at each cutoff: a number, or below 1 a share.
    """
    parts, sizes = [], []
    for horizon in sorted(set(before["horizon"]) & set(walked["horizon"])):
        rows = paired(before, walked, int(horizon))
        code, weights = draw_accounts(rows["account_id"], replicates, seed)
        scores = None if rows.empty else Scores.of(rows, code, [CHAMPION, CHALLENGER], weights)
        if scores is None:
            continue
        drawn = {name: dict(zip(NAMES, values.T, strict=True)) for name, values in scores.values.items()}
        for name, figures in drawn.items():
            here = (rows["model"] == name).to_numpy()
            mine, y = rows[here].assign(rank_by=rows["p"]), rows.loc[here, "y"].to_numpy(float)
            figures["caught"] = ratios(y * listed(mine, capacity), y, code[here], weights)
        for figure in (*SHOWN, "caught"):
            old, new = drawn[CHAMPION][figure], drawn[CHALLENGER][figure]
            low, high = interval((new - old)[1:, None], evidence=scores.evidence)
            row = (figure, horizon, old[0], new[0], new[0] - old[0], low[0], high[0])
            parts.append(tuple(float(one) if isinstance(one, np.floating) else one for one in row))
        sizes.append((horizon, scores.n, scores.events, scores.evidence))
    return Compared(
        pd.DataFrame(parts, columns=_COLUMNS), pd.DataFrame(sizes, columns=["horizon", "n", "events", "accounts"])
    )
