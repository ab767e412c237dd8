"""Leaving out: rows of accounts that were erased never enter a history again, and persons that were erased no names.

Nobody is named here either: an account or a person is known by a keyed hash of its id. The rows of a person stay, since
an account's indicators count them, under a pseudonym that is a keyed hash too: as many persons as before, none known.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import pandas as pd

from holdfast.findings import Finding

if TYPE_CHECKING:
    from holdfast.features.history.landing import Landed

Kind = Literal["account", "person"]
PERSON = "person_id"
TOLD = ("title", "attrs", "subject", "body", "text")  # what a row of a person may tell of them in words
PARENT = "parent_account_id"


@dataclass(frozen=True)
class LeftOut:
    """Who is left out.

    Parameters
    ----------
    key
        Of the hashes; a secret.
    accounts, persons
        The hashes of their ids, see `digest`.

    Examples
    --------
    >>> left = LeftOut(b"secret")
    >>> left = LeftOut(b"secret", frozenset({left.digest("account", "a")}))
    >>> rows, gone, hidden = left.rows(pd.DataFrame({"account_id": ["a", "b"]}))
    >>> rows["account_id"].tolist(), gone, hidden
    (['b'], 1, 0)
    """

    key: bytes = field(repr=False)
    accounts: frozenset[str] = frozenset()
    persons: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.accounts or self.persons)

    def digest(self, kind: Kind, name: str) -> str:
        """Give the keyed hash by which an account or a person is known."""
        return self._hash(kind, name)

    def pseudonym(self, person: str) -> str:
        """Give the name under which the rows of a person stay: the same for all of them."""
        return f"erased-{self._hash('pseudonym', person)[:16]}"

    def without(self, kind: Kind, name: str) -> LeftOut:
        """Leave all out but one, as if it had not been erased."""
        one = {self.digest(kind, name)}
        if kind == "account":
            return replace(self, accounts=self.accounts - one)
        return replace(self, persons=self.persons - one)

    def also(self, kind: Kind, name: str) -> LeftOut:
        """Leave one more out."""
        one = {self.digest(kind, name)}
        if kind == "account":
            return replace(self, accounts=self.accounts | one)
        return replace(self, persons=self.persons | one)

    def fingerprint(self) -> str:
        """Hash who is left out."""
        return sha256("\n".join([*sorted(self.accounts), "", *sorted(self.persons)]).encode()).hexdigest()

    def has(self, kind: Kind, name: str) -> bool:
        """Tell whether an account or a person is left out."""
        return self.digest(kind, name) in (self.accounts if kind == "account" else self.persons)

    def rows(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, int, int]:
        """Leave rows of erased accounts out, and names of erased persons.

        Returns
        -------
        rows, gone, hidden
            What stays, how many rows were left out, and how many stay under a pseudonym.
        """
        gone = self._of(frame, "account_id", "account")
        if gone.any():
            frame = frame[~gone].reset_index(drop=True)
        parents = self._of(frame, PARENT, "account")
        if parents.any():
            frame = frame.assign(**{PARENT: frame[PARENT].where(~parents)})
        hidden = self._of(frame, PERSON, "person")
        if hidden.any():
            told = {name: frame[name].where(~hidden) for name in TOLD if name in frame}
            frame = frame.assign(**told, **{PERSON: _renamed(frame[PERSON], self._pseudonyms)})
        return frame, int(gone.sum()), int(hidden.sum())

    def landed(self, one: Landed) -> Landed:
        """Leave them out of a table as it lands, and tell how many rows that concerned."""
        frame, gone, hidden = self.rows(one.frame)
        if not gone and not hidden:
            return one
        return replace(one, frame=frame, findings=(*one.findings, *told(one.table.name, gone, hidden)))

    def _hash(self, kind: str, name: str) -> str:
        return hmac.digest(self.key, f"{kind}\n{name}".encode("utf-8", "surrogatepass"), "sha256").hex()

    def _of(self, frame: pd.DataFrame, column: str, kind: Kind) -> pd.Series[bool]:
        known = self.accounts if kind == "account" else self.persons
        if not known or column not in frame:
            return pd.Series(False, index=frame.index)
        wanted = [name for name in _distinct(frame[column]) if self.digest(kind, name) in known]
        return frame[column].isin(wanted)

    def _pseudonyms(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self.pseudonym(name) for name in names if self.has("person", name)}


def told(table: str, gone: int, hidden: int) -> list[Finding]:
    """Tell of rows that were left out, and of those that stay under a pseudonym."""
    words = [f"{gone:,} rows were left out"] if gone else []
    words += [f"{hidden:,} rows stay under a pseudonym"] if hidden else []
    return [Finding("HF070", table, gone + hidden, "; ".join(words))] if words else []


def _distinct(texts: pd.Series) -> list[str]:
    return [str(one) for one in texts.dropna().unique()]


def _renamed(texts: pd.Series, by: Callable[[Iterable[str]], dict[str, str]]) -> pd.Series:
    """Rename some of the texts of a column, whose type stays."""
    if isinstance(texts.dtype, pd.CategoricalDtype):
        return texts.cat.rename_categories(by(map(str, texts.cat.categories)))
    return texts.replace(by(_distinct(texts)))
