"""Who is to be erased, and whether anybody of that id is known."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.history.leaving_out import PERSON, Kind

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.serving.ledger.store import Ledger


@dataclass(frozen=True)
class Subject:
    """An account or a person, by its id.

    Examples
    --------
    >>> Subject("account", "a").is_named_in({"account_id": "a", "health": 10.0})
    True
    >>> Subject("person", "ada@acme.com").is_named_in("asked by ada@acme.com")
    True
    """

    kind: Kind
    name: str

    @property
    def option(self) -> str:
        """The option of the command that names it."""
        return f"--{self.kind}"

    def is_named_in(self, told: object) -> bool:
        """Tell whether plain values name it: an account by its own row, a person anywhere in a text."""
        if self.kind == "account":
            return isinstance(told, dict) and told.get("account_id") == self.name
        return json.dumps(self.name, ensure_ascii=False)[1:-1] in json.dumps(told, ensure_ascii=False)


def known_ids(history: History, ledger: Ledger, kind: Kind) -> set[str]:
    """Give the ids that are known: of accounts from the history and the ledger, of persons from the history."""
    if kind == "account":
        return {
            *map(str, history.accounts),
            *map(str, ledger.read("SELECT DISTINCT account_id FROM score")["account_id"]),
        }
    return {name for bucket in history.buckets() for table in history.tables for name in _persons(bucket, table)}


def rows_of(history: History, who: Subject) -> int:
    """Count the rows that a history has of somebody."""
    return sum(_rows_of(bucket, table, who) for bucket in history.buckets() for table in history.tables)


def refuse_unknown(who: Subject, known: Iterable[str]) -> None:
    """Refuse an id that nobody has; only ids that are there are suggested, so that none that was erased shows.

    Raises
    ------
    UsageError
        When nobody has it.
    """
    known = set(known)
    if who.name in known:
        return
    hint = did_you_mean(who.name, known)
    do = hint if hint.startswith("did you mean") else "look it up in the source; nothing was erased"
    raise UsageError(who.option, f"the id of {'an' if who.kind == 'account' else 'a'} {who.kind}", repr(who.name), do)


def _persons(history: History, table: str) -> Iterable[str]:
    columns = history.records(table, (PERSON,)).columns
    return map(str, columns[PERSON].dropna().unique()) if PERSON in columns else ()


def _rows_of(history: History, table: str, who: Subject) -> int:
    if who.kind == "account":
        found = history.accounts.get_indexer(pd.Index([who.name]))[0]
        return int((history.records(table, ()).account == found).sum()) if found >= 0 else 0
    columns = history.records(table, (PERSON,)).columns
    return int((columns[PERSON] == who.name).sum()) if PERSON in columns else 0
