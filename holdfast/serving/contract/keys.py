"""Keys that point to nothing: persons of tickets, subscriptions of invoices, parents of accounts.

A person or subscription is looked for under the same account: one that belongs to another account is as wrong as one
that does not exist. Rows of accounts that ``accounts`` does not hold are told at the door, as HF004; what could not be
joined when sources were mapped is told by the mapping.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.findings import Finding
from holdfast.serving.contract.tally import coded, some

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History

LINKS = (
    ("tickets", "person_id", "people"),
    ("touchpoints", "person_id", "people"),
    ("invoices", "subscription_id", "subscriptions"),
)
PARENT = ("accounts", "parent_account_id", "accounts")
WORTH = 0.01  # a share of rows below this is not worth a word
_KEPT = 1_000


@dataclass
class Links:
    """How many rows point somewhere, how many of them to nothing, and the worst names; adds up over accounts."""

    rows: int = 0
    lost: int = 0
    worst: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, names: pd.Series, lost: NDArray[np.bool_]) -> Links:
        """Count rows that point somewhere, and those among them that point to nothing."""
        counts = names[lost].astype(str).value_counts(sort=False)
        return cls(len(names), int(lost.sum()), Counter({str(name): int(rows) for name, rows in counts.items()}))

    def add(self, other: Links) -> None:
        """Take in the rows of other accounts; of the names only the most frequent are kept."""
        self.rows, self.lost = self.rows + other.rows, self.lost + other.lost
        self.worst.update(other.worst)
        kept = sorted(self.worst.items(), key=lambda one: (-one[1], one[0]))[:_KEPT]
        self.worst = Counter(dict(kept))


def links_of(bucket: History, known: pd.Index) -> dict[tuple[str, str, str], Links]:
    """Count the keys of one bucket that match nothing.

    Parameters
    ----------
    known
        The ids of all accounts of the history.
    """
    found = {}
    for table, column, target in LINKS:
        if table in bucket and target in bucket and {column} <= bucket.supplied(table) & bucket.supplied(target):
            found[table, column, target] = _missing(bucket, table, column, target)
    if "parent_account_id" in bucket.supplied("accounts"):
        parents = bucket.records("accounts", ("parent_account_id",)).columns["parent_account_id"].dropna().astype(str)
        found[PARENT] = Links.of(parents, ~parents.isin(known).to_numpy())
    return found


def unmatched(links: Mapping[tuple[str, str, str], Links]) -> Iterator[Finding]:
    """Tell which keys match nothing, with the most frequent ones."""
    for (table, column, target), one in links.items():
        if one.lost and one.lost >= WORTH * one.rows:
            ids = sorted(one.worst, key=lambda name: (-one.worst[name], name))
            told = f"{one.lost} of {one.rows} rows ({one.lost / one.rows:.0%}) match nothing in {target}: {some(ids)}"
            yield Finding("HF053", f"{table}, column {column}", one.lost, told)


def _missing(bucket: History, table: str, column: str, target: str) -> Links:
    pointing, pointed = bucket.records(table, (column,)), bucket.records(target, (column,))
    codes, names = coded(pointing.columns[column])
    own, known = coded(pointed.columns[column])
    place = pd.Index(known.astype(str)).get_indexer(names.astype(str))  # of each pointing name among the known ones
    wide = len(known) + 1
    pairs = np.unique(pointed.account.astype(np.int64) * wide + own)
    there = codes >= 0
    at = place[codes[there]] if len(names) else codes[there]
    lost = (at < 0) | ~np.isin(pointing.account[there].astype(np.int64) * wide + at, pairs)
    return Links.of(pointing.columns[column][there], lost)
