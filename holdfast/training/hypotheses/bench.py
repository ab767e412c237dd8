"""The bench: the rows of a company with what claims are measured by, and accounts drawn once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.snapshot import INDEX
from holdfast.training.bootstrap import draw_accounts
from holdfast.training.hypotheses.units import Units, by_decision, by_window, decisions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.snapshot import Snapshot
    from holdfast.models.health import HealthScore
    from holdfast.training.labels import Labels
    from holdfast.training.metrics import Floats

    Signs = pd.DataFrame
    Match = Callable[[Signs], pd.Series]

HEALTH, FALL, CONTRACT = "health", "health_fall", "contract"
WITHIN = ("contract", "segment", "decisions")  # what alike rows share
CONTRACTED = "none"  # what the context calls an account without a contract
MONTH = (21, 45)  # days before: a score of then is that of a month ago


@dataclass(frozen=True, eq=False)
class Bench:
    """What claims are measured on.

    Attributes
    ----------
    X
        The snapshot.
    own
        What is no sign of the snapshot: ``contract``, ``health`` (template score) and ``health_fall``, the points it
        has lost within a month.
    churn, windows
        Churn by decision where that is possible, and by window.
    growth
        Expansion by window; None without such labels.
    account, weights
        Position of the account of each row, and how often each is drawn: (1 + replicates, accounts).
    """

    X: Snapshot
    own: pd.DataFrame
    churn: Units
    windows: Units
    growth: Units | None
    account: NDArray[np.intp]
    weights: Floats

    @classmethod
    def of(
        cls,
        X: Snapshot,
        y: Labels,
        expansion: Labels | None,
        health: HealthScore,
        *,
        replicates: int,
        seed: int,
    ) -> Bench:
        """Lay rows out; labels are those of the rows of X."""
        score = health.score(X) if len(X) and any(one.curve is not None for one in X.catalog) else _none(X)
        own = pd.DataFrame({HEALTH: score.to_numpy(float), FALL: fallen(score)}, index=X.index)
        if CONTRACT in X.context:
            contract = X.context[CONTRACT].astype(object)
            own[CONTRACT] = contract.where(contract != CONTRACTED)
        decided = decisions(X, y)
        windows = by_window(y, decided)
        account, weights = draw_accounts(X.index.get_level_values("account_id"), replicates, seed)
        growth = None if expansion is None else by_window(expansion, decided)
        return cls(X, own, by_decision(y, decided) or windows, windows, growth, account, weights)

    def missing(self, names: Iterable[str]) -> str:
        """Say why what is needed cannot be read; nothing where it can."""
        for name in names:
            values = self._column(name)
            if values is None:
                return f"{name} {self.X.left_out.get(name, 'is not among the signs of this snapshot')}"
            if not values.notna().any():
                return _UNKNOWN.get(name, f"{name} is known of no account")
        return ""

    def signs(self, names: Sequence[str]) -> Signs:
        """Give the columns of these names."""
        return pd.DataFrame({name: self._column(name) for name in names}, index=self.X.index)

    def strata(self, units: Units, within: Sequence[str] = WITHIN, match: pd.Series | None = None) -> NDArray[np.intp]:
        """Give each row the number of its kind: alike are those of one context, as many decisions, and one match."""
        context = self.X.context.assign(decisions=units.decisions)
        parts = {name: context[name].astype(object).fillna("") for name in within if name in context}
        table = pd.DataFrame(parts, index=self.X.index).assign(match=0.0 if match is None else match.to_numpy())
        return np.asarray(table.groupby(list(table), dropna=False, sort=True).ngroup().to_numpy(), dtype=np.intp)

    def by_account(self, *values: Floats) -> Floats:
        """Sum values of rows by account: (accounts, values)."""
        accounts = self.weights.shape[1]
        return np.column_stack([np.bincount(self.account, weights=one, minlength=accounts) for one in values])

    def _column(self, name: str) -> pd.Series | None:
        for table in (self.own, self.X.indicators):
            if name in table:
                return table[name]
        return None


_UNKNOWN = {
    CONTRACT: "contract is known of no account: needs the table subscriptions",
    FALL: f"no account has a score of {MONTH[0]} to {MONTH[1]} days before: needs cutoffs every 28 days",
}


def fallen(score: pd.Series) -> Floats:
    """Give the points that the score of each row has lost since its last cutoff 21 to 45 days before; or missing."""
    now = pd.DataFrame({name: score.index.get_level_values(name) for name in INDEX}).assign(score=score.to_numpy(float))
    now["place"], now["then"] = np.arange(len(now)), now["cutoff"] - pd.Timedelta(days=MONTH[0])
    before = now[["account_id", "cutoff", "score"]].dropna().sort_values("cutoff", kind="stable")
    both = pd.merge_asof(
        now.sort_values("then", kind="stable"), before, left_on="then", right_on="cutoff", by="account_id",
        tolerance=pd.Timedelta(days=MONTH[1] - MONTH[0]), suffixes=("", "_before"),
    ).sort_values("place")  # fmt: skip
    return np.asarray((both["score_before"] - both["score"]).to_numpy(float))


def _none(X: Snapshot) -> pd.Series:
    return pd.Series(np.nan, index=X.index)
