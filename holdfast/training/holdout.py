"""The holdout: the last block of cutoffs, kept from every backtest and opened once.

Whoever looks at a backtest, changes something and looks again, fits to the test, however honest each look was. So the
last cutoffs that are settled at the longest horizon can be kept: a backtest then ends where the block begins, labels
whose window reaches into it included. It is opened once, for the models that stand; what was opened is written down and
is never a holdout again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.safely import write_atomic
from holdfast.training.backtest import Backtest, over
from holdfast.training.folds import Fold, refuse_overlaps, since
from holdfast.training.walk import Model, contestants

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot
    from holdfast.training.labels import Labels

_DO = "wait until new cutoffs have settled; what was seen once is no holdout any more"


class Holdout:
    """Keep the last block of cutoffs, and open it once.

    Parameters
    ----------
    register
        The file that remembers what was opened; without one, the object does.
    cutoffs
        Length of the block, in cutoffs that are settled at the longest horizon.
    """

    def __init__(self, register: Path | str | None = None, cutoffs: int = 3) -> None:
        if cutoffs < 1:
            raise UsageError("Holdout, cutoffs", "1 or more", str(cutoffs), "correct it")
        self.register = None if register is None else Path(register)
        self.cutoffs = cutoffs
        self._opened: list[dict[str, Any]] = self._read()

    @property
    def opened(self) -> pd.DatetimeIndex:
        """The cutoffs that were opened already."""
        return pd.DatetimeIndex([day for one in self._opened for day in one["cutoffs"]], tz="UTC").sort_values()

    def begins(self, y: Labels) -> pd.Timestamp | None:
        """Tell where the block begins; missing where too few cutoffs have settled since the last one was opened."""
        settled = y.frame.index.get_level_values("cutoff")[y.frame[y.horizons[-1]].notna().to_numpy()]
        fresh = pd.DatetimeIndex(settled.unique()).sort_values()
        if len(self.opened):
            fresh = fresh[fresh > self.opened[-1]]
        return fresh[-self.cutoffs] if len(fresh) >= self.cutoffs else None

    def keep(self, y: Labels) -> Labels:
        """Take the block, and every label whose window reaches into it, out of labels.

        Where the last block was opened and the next has not settled yet, nothing is taken out.
        """
        begins = self.begins(y)
        if begins is None:
            return y
        seen = y.resolved_at <= begins
        inside = np.asarray(y.frame.index.get_level_values("cutoff") >= begins)
        at_risk = y.at_risk.mask(inside & (y.at_risk == "").to_numpy(), "kept for the holdout")
        event_at = y.event_at.mask(y.event_at > begins)
        return replace(y, frame=y.frame.where(seen), at_risk=at_risk, event_at=event_at)

    def open(
        self,
        models: Mapping[str, Model],
        X: Snapshot,
        y: Labels,
        *,
        window: int | None = None,
        bootstrap: int = 200,
        seed: int = 0,
    ) -> Backtest:
        """Judge models on the block: fitted once, where it begins, on what was settled by then.

        Parameters
        ----------
        models, X, y, window, bootstrap, seed
            As for `backtest`.

        Raises
        ------
        UsageError
            When it was opened before.
        """
        labels = y.on(X.index)
        begins = self.begins(labels)
        if begins is None:
            seen = f"the last one was opened, until {self.opened[-1]:%Y-%m-%d}" if len(self.opened) else "too few"
            raise UsageError("holdout", f"{self.cutoffs} settled cutoffs that nobody has seen", seen, _DO)
        stands = pd.DatetimeIndex(labels.cutoffs[labels.cutoffs >= begins], name="cutoff")
        plan = (Fold(begins, stands, since(begins, window)),)
        refuse_overlaps(labels, plan)
        result = over(plan, contestants(models, X), X, labels, bootstrap=bootstrap, seed=seed)
        self._write({"cutoffs": [f"{day.isoformat()}" for day in result.cutoffs], "verdict": result.verdict})
        return result

    def _read(self) -> list[dict[str, Any]]:
        if self.register is None or not self.register.is_file():
            return []
        try:
            opened: list[dict[str, Any]] = json.loads(self.register.read_text(encoding="utf-8"))["opened"]
            pd.DatetimeIndex([day for one in opened for day in one["cutoffs"]])
        except (ValueError, KeyError, TypeError) as problem:
            do = "restore it; without it nobody knows which cutoffs were seen"
            raise UsageError(str(self.register), "the register of opened holdouts", "a damaged file", do) from problem
        return opened

    def _write(self, opened: dict[str, Any]) -> None:
        self._opened.append(opened)
        if self.register is not None:
            self.register.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self.register, json.dumps({"opened": self._opened}, indent=2).encode())
