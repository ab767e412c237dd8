"""Self-defeat: whether a model that looks worse has decayed, or is proven wrong by the help that it called for.

Help goes to those of whom most is told, and where it works they stay. So whoever looks at everybody sees a model fail
that is right. Accounts are therefore told apart: those that were helped, and those that nobody helped. Each group is
held against what its own probabilities promise, since a group of high or of like probabilities ranks worse by nature;
and against how far such promises were kept in the backtest. Worse among those that nobody helped is decay. Worse, or
fewer exits, among those that were helped alone is a programme that works.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from holdfast.training.bootstrap import draw_accounts, interval, rarer
from holdfast.training.metrics import Ranking, auc_of
from holdfast.training.phrases import in_days
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from holdfast.training.metrics import Floats
    from holdfast.training.treatment import Treatments

Verdict = Literal["decay", "programme", "holds", "cannot tell"]
UNTREATED, TREATED = "untreated", "treated"
FEWEST = 20  # accounts with the rarer outcome; of those that were helped, told to leave
SOON = pd.Timedelta(days=7)  # help within a week of the score is help that the score called for
LEVEL = 0.05
_ORDER: tuple[Verdict, ...] = ("decay", "programme", "holds", "cannot tell")
_FIGURES = ("auc", "expected", "gap", "gap_low", "gap_high", "ratio", "ratio_low", "ratio_high")
COLUMNS = ("horizon", "group", "rows", "accounts", "left", "told", *_FIGURES)


@dataclass(frozen=True, eq=False)
class Defeat:
    """What the comparison says.

    Attributes
    ----------
    rows
        By horizon and ``group``: ``rows, accounts``; ``left, told`` (exits, and those to be expected); ``auc,
        expected``; ``gap`` (by how much the AUC exceeds what is expected, less the same in the backtest) and ``ratio``
        (exits over those expected, over the same in the backtest), each with its interval, corrected for the number of
        questions.
    verdicts
        By horizon.
    aside
        Rows of accounts that were helped later in the window: they stand in neither group.
    identified
        Whether lots decided who was helped; else those that were helped must differ from the others in nothing but what
        the score tells.
    """

    rows: pd.DataFrame
    verdicts: dict[int, Verdict]
    aside: int
    identified: bool

    @property
    def verdict(self) -> Verdict:
        """What is said of the model: decay if at any horizon, else a programme if at any, else that it holds."""
        return next((one for one in _ORDER if one in self.verdicts.values()), "cannot tell")

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def text(self) -> str:
        """Say it in sentences."""
        return " ".join(self._sentences())

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        verdicts = {str(horizon): one for horizon, one in self.verdicts.items()}
        told = {"in_words": self.text(), "verdict": self.verdict, "verdicts": verdicts, "aside": self.aside}
        return told | {"identified": self.identified, "rows": json_rows(self.rows)}

    def _repr_html_(self) -> str:
        table = self.rows.to_html(escape=True, index=False, float_format="{:.3f}".format, na_rep="")
        return f"<p>{escape(self.text())}</p>{table}"

    def _sentences(self) -> Iterator[str]:
        verdict = self.verdict
        if verdict == "cannot tell":
            yield f"Cannot tell decay from a programme: fewer than {FEWEST} accounts that nobody helped left or stayed."
            return
        at = f"at {in_days([horizon for horizon, one in self.verdicts.items() if one == verdict])}"
        yield {
            "decay": f"The model has decayed {at}: among accounts that nobody helped it keeps less than it did.",
            "programme": f"The programme works {at}: those that were helped did better than was told, and the model "
            "holds among the others.",
            "holds": f"The model holds {at}.",
        }[verdict]
        yield from self._figures(verdict)
        if self.rows.loc[self.rows["group"] == TREATED, "rows"].sum() and not self.identified:
            yield "Assumption-based: who was helped must differ from the others in nothing but what the score tells."

    def _figures(self, verdict: Verdict) -> Iterator[str]:
        shown = self.rows[self.rows["horizon"].map(self.verdicts) == verdict]
        for row in json_rows(shown[shown["auc"].notna() & (shown["horizon"] == shown["horizon"].max())]):
            yield (
                f"{row['group'].capitalize()}, {row['horizon']} days: {row['left']:.0f} left where {row['told']:.0f} "
                f"were told, AUC {row['auc']:.3f} where {row['expected']:.3f} was to be expected."
            )


def defeat(
    served: pd.DataFrame,
    proven: pd.DataFrame | None,
    treatments: Treatments,
    *,
    replicates: int = 200,
    seed: int = 0,
) -> Defeat:
    """Tell decay from a programme that works.

    Parameters
    ----------
    served
        ``account_id, cutoff, horizon, p, y`` of what was served and has settled.
    proven
        The same of the backtest; where there is none, its promises count as kept.
    treatments
        The log of interventions.
    replicates, seed
        Of the intervals; accounts are drawn together.
    """
    rows = served.dropna(subset=["p", "y"]).reset_index(drop=True)
    group = _groups(rows, treatments)
    horizons = sorted(int(one) for one in rows["horizon"].unique())
    level = 1 - LEVEL / max(len(horizons), 1)  # two questions, each asked on one side, at every horizon
    told, verdicts = [], dict[int, Verdict]()
    for horizon in horizons:
        mine = rows["horizon"] == horizon
        past = _promise(None if proven is None else proven[proven["horizon"] == horizon], replicates, seed)
        pair = {
            name: _judged(rows[mine & (group == name)], past, name, level, replicates, seed + 1)
            for name in (UNTREATED, TREATED)
        }
        verdicts[horizon] = _verdict(pair[UNTREATED], pair[TREATED])
        told += [{"horizon": horizon, **one} for one in pair.values()]
    aside = int((group == "").sum())
    return Defeat(pd.DataFrame(told, columns=list(COLUMNS)), verdicts, aside, treatments.identified)


def _groups(rows: pd.DataFrame, treatments: Treatments) -> pd.Series[str]:
    """Tell who was helped before the score or soon after it; who was helped later in the window is in no group."""

    def on(day: pd.Series) -> pd.MultiIndex:
        return pd.MultiIndex.from_arrays([rows["account_id"], day], names=["account_id", "cutoff"])

    cutoff, window = rows["cutoff"].astype("datetime64[us, UTC]"), pd.to_timedelta(rows["horizon"], unit="D")
    treated = treatments.active(on(cutoff)).to_numpy() | treatments.active(on(cutoff + SOON)).to_numpy()
    later = treatments.within(on(cutoff + window), rows["horizon"]).to_numpy()
    return pd.Series(np.select([treated, later], [TREATED, ""], UNTREATED).astype(object), rows.index)


def _promise(past: pd.DataFrame | None, replicates: int, seed: int) -> Floats:
    """Give gap and ratio of the backtest in every replicate, (1 + replicates, 2); 0 and 1 where there is none."""
    rows = None if past is None else past.dropna(subset=["p", "y"])
    if rows is None or rarer(rows["account_id"], rows["y"]) < FEWEST:
        return np.tile([0.0, 1.0], (1 + replicates, 1))
    found = _replicated(rows, replicates, seed)
    return np.column_stack([found[:, 0] - found[:, 1], found[:, 2]])


def _judged(rows: pd.DataFrame, past: Floats, group: str, level: float, replicates: int, seed: int) -> dict[str, Any]:
    counts = {"group": group, "rows": len(rows), "accounts": rows["account_id"].nunique()}
    counts |= {"left": float(rows["y"].sum()), "told": float(rows["p"].sum())}
    units = rarer(rows["account_id"], rows["y"])
    enough = units if group == UNTREATED else rows.groupby("account_id")["p"].mean().sum()
    if enough < FEWEST or rows["y"].nunique() < 2:
        return counts | dict.fromkeys(_FIGURES, np.nan)
    found = _replicated(rows, replicates, seed)
    beyond = np.column_stack([found[:, 0] - found[:, 1] - past[:, 0], found[:, 2] / past[:, 1]])
    low, high = interval(beyond[1:], level, evidence=units)
    values = (*found[0, :2], beyond[0, 0], low[0], high[0], beyond[0, 1], low[1], high[1])
    return counts | dict(zip(_FIGURES, map(float, values), strict=True))


def _replicated(rows: pd.DataFrame, replicates: int, seed: int) -> Floats:
    """Give AUC, the AUC to be expected, and exits over those expected, (1 + replicates, 3)."""
    y, p = rows["y"].to_numpy(float), rows["p"].to_numpy(float)
    code, weights = draw_accounts(rows["account_id"], replicates, seed)
    real, twice = Ranking.of(y, p), Ranking.of(np.repeat([1.0, 0.0], len(p)), np.tile(p, 2))
    found = np.empty((len(weights), 3))
    for i, weight in enumerate(weights):
        mine = weight[code]
        promised = twice.tally(np.concatenate([mine * p, mine * (1 - p)]))
        found[i] = auc_of(*real.tally(mine)), auc_of(*promised), (mine @ y) / (mine @ p)
    return found


def _verdict(untreated: dict[str, Any], treated: dict[str, Any]) -> Verdict:
    if np.isnan(untreated["gap"]):
        return "cannot tell"
    if untreated["gap_high"] < 0 or untreated["ratio_low"] > 1:
        return "decay"
    if treated["gap_high"] < 0 or treated["ratio_high"] < 1:
        return "programme"
    return "holds"
