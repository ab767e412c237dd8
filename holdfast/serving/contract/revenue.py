"""Revenue that cannot be: subscriptions that add up to less than nothing, or to more than anybody pays.

A credit or a discount may be a line of its own below zero, as long as the account pays more than that at the time, in
the same currency. `kpis` refuses what is told here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.findings import Finding
from holdfast.serving.contract.tally import some
from holdfast.training.kpis.reading import MOST, UNITS
from holdfast.training.outlook import texts

if TYPE_CHECKING:
    from holdfast.features.history.records import Records

_WHERE = "subscriptions, column mrr"


@dataclass
class Revenue:
    """The accounts whose revenue cannot be; adds up over accounts."""

    below: list[str] = field(default_factory=list)
    beyond: dict[str, float] = field(default_factory=dict)

    def add(self, other: Revenue) -> None:
        """Take in other accounts."""
        self.below += other.below
        self.beyond |= other.beyond


def revenue_of(accounts: pd.Index, records: Records, rows: pd.DataFrame) -> Revenue:
    """Add up what each account pays at every change of its subscriptions.

    Parameters
    ----------
    rows
        The versions of the records that run, from `holdfast.training.contracts.dated`.
    """
    if "mrr" not in records.columns:
        return Revenue()
    money = np.nan_to_num(records.columns["mrr"].to_numpy(float)[rows["row"]])
    names = accounts[rows["account"].to_numpy()].astype(str)
    far = np.abs(money) > MOST
    beyond = pd.Series(money[far], index=names[far]).groupby(level=0).max()
    paid = pd.DataFrame({"account": names, "currency": texts(records.columns, "currency", "")[rows["row"]]})
    paid["amount"] = np.rint(np.where(far, 0.0, money) * UNITS).astype(np.int64)
    turns = pd.concat(
        [paid.assign(at=rows["start"]), paid.assign(at=rows["stop"], amount=-paid["amount"])], ignore_index=True
    )
    changes = turns.groupby(["account", "currency", "at"])["amount"].sum()
    standing = changes.groupby(level=["account", "currency"]).cumsum()
    below = standing.index[standing < 0].get_level_values("account").unique()
    return Revenue(sorted(below), {str(name): float(one) for name, one in beyond.items()})


def impossible(seen: Revenue) -> Iterator[Finding]:
    """Tell which accounts pay less than nothing, and which more than can be."""
    if seen.below:
        count = len(seen.below)
        told = f"{count} accounts pay less than nothing at some time, and kpis refuses them: {some(sorted(seen.below))}"
        yield Finding("HF071", _WHERE, count, told)
    if seen.beyond:
        count = len(seen.beyond)
        name, most = max(sorted(seen.beyond.items()), key=lambda one: one[1])
        told = f"{count} accounts pay more than {MOST:,.0f} a month, and kpis refuses them: {name!r} {most:,.0f}"
        yield Finding("HF071", _WHERE, count, told, "give MRR in major units of its currency")
