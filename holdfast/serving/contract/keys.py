"""Keys that point to nothing: persons of tickets, subscriptions of invoices, parents of accounts.

A person or subscription is looked for under the same account: one that belongs to another account is as wrong as one
that does not exist. Rows of accounts that ``accounts`` does not hold are told at the door, as HF004; what could not be
joined when sources were mapped is told by the mapping.

Use may be of persons that nobody lists, so its keys are told only where they would match without the point of a float.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.history.noticed import FLOATED, WHOLE
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
USE = ("usage", "person_id", "people")
PARENT = ("accounts", "parent_account_id", "accounts")
WORTH = 0.01  # a share of rows below this is not worth a word
_KEPT = 1_000


@dataclass
class Links:
    """How many rows point somewhere, how many of them to nothing, and the worst names; adds up over accounts.

    Attributes
    ----------
    floated
        Of those to nothing, the rows that would match if 1.0 were 1.
    """

    rows: int = 0
    lost: int = 0
    worst: Counter[str] = field(default_factory=Counter)
    floated: int = 0

    @classmethod
    def of(cls, names: pd.Series, lost: NDArray[np.bool_], whole: NDArray[np.bool_]) -> Links:
        """Count rows that point somewhere, those among them that point to nothing, and those lost for a point alone."""
        counts = names[lost].astype(str).value_counts(sort=False)
        worst = Counter({str(name): int(rows) for name, rows in counts.items()})
        return cls(len(names), int(lost.sum()), worst, int((lost & whole).sum()))

    def add(self, other: Links) -> None:
        """Take in the rows of other accounts; of the names only the most frequent are kept."""
        self.rows, self.lost = self.rows + other.rows, self.lost + other.lost
        self.floated += other.floated
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
    for table, column, target in (*LINKS, USE):
        if table in bucket and target in bucket and {column} <= bucket.supplied(table) & bucket.supplied(target):
            found[table, column, target] = _missing(bucket, table, column, target)
    if "parent_account_id" in bucket.supplied("accounts"):
        parents = bucket.records("accounts", ("parent_account_id",)).columns["parent_account_id"].dropna().astype(str)
        whole = _whole(pd.Index(parents)).isin(_whole(known.astype(str)))
        found[PARENT] = Links.of(parents, ~parents.isin(known).to_numpy(), whole)
    return found


def unmatched(links: Mapping[tuple[str, str, str], Links]) -> Iterator[Finding]:
    """Tell which keys match nothing, with the most frequent ones."""
    for (table, column, target), one in links.items():
        lost = one.floated if (table, column, target) == USE else one.lost
        if lost and lost >= WORTH * one.rows:
            ids = sorted(one.worst, key=lambda name: (-one.worst[name], name))
            told = f"{lost} of {one.rows} rows ({lost / one.rows:.0%}) match nothing in {target}: {some(ids)}"
            if one.floated:
                told += f"; {one.floated} of them would if 1.0 were read as 1"
            yield Finding("HF053", f"{table}, column {column}", lost, told, WHOLE if one.floated else "")


def _missing(bucket: History, table: str, column: str, target: str) -> Links:
    pointing, pointed = bucket.records(table, (column,)), bucket.records(target, (column,))
    codes, texts = coded(pointing.columns[column])
    own, others = coded(pointed.columns[column])
    names, known = (pd.Index(one.astype(str)) for one in (texts, others))
    there = codes >= 0
    floated = _floated(names) or _floated(known)
    if (table, column, target) == USE and not floated:
        return Links(int(there.sum()))

    def match(names: pd.Index, known: pd.Index) -> NDArray[np.bool_]:
        held, place = np.unique(known, return_inverse=True)
        at = np.append(pd.Index(held).get_indexer(names), -1)[codes[there]]
        wide = len(held) + 1
        pairs = np.unique(pointed.account.astype(np.int64) * wide + np.append(place, -1)[own])
        return np.asarray((at >= 0) & np.isin(pointing.account[there].astype(np.int64) * wide + at, pairs))

    lost = ~match(names, known)
    whole = match(_whole(names), _whole(known)) if floated else ~lost
    return Links.of(pointing.columns[column][there], lost, whole)


def _floated(names: pd.Index) -> bool:
    return bool(len(names)) and bool(names.str.fullmatch(FLOATED).any())


def _whole(names: pd.Index) -> pd.Index:
    """Write whole numbers without the point of a float."""
    return names.where(~names.str.fullmatch(FLOATED), names.str.removesuffix(".0")) if len(names) else names
