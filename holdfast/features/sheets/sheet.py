"""A sheet that customer success managers fill in, as a declaration: its columns, its words, and where each goes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "number", "date", "choice"]
NOTED, ACCOUNT = "known_at", "account_id"


def fold(text: str) -> str:
    """Reduce a word to what it is compared by: letters and digits, without case, space or mark.

    Examples
    --------
    >>> fold("No-show "), fold("no_show"), fold("Review on *")
    ('noshow', 'noshow', 'reviewon')
    """
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


@dataclass(frozen=True)
class Word:
    """One entry of a list to choose from.

    Attributes
    ----------
    value
        What the canonical column holds; of a flag "1" or "0".
    shown
        What the list in the workbook shows.
    also
        Other words that mean the same.
    """

    value: str
    shown: str
    also: tuple[str, ...] = ()

    @property
    def accepted(self) -> frozenset[str]:
        """Every way of writing it, folded."""
        return frozenset(map(fold, (self.value, self.shown, *self.also)))


@dataclass(frozen=True)
class SheetColumn:
    """One column of a sheet.

    Attributes
    ----------
    header
        What stands above it; columns are bound by it, in any order.
    to
        The canonical column.
    help
        What to write, in one sentence.
    example
        The cell of the example row.
    needed
        Whether a row says nothing without it.
    words
        Of a choice: the list.
    also
        Other headers that mean the same.
    """

    header: str
    kind: Kind
    to: str
    help: str
    example: str = ""
    needed: bool = False
    words: tuple[Word, ...] = ()
    also: tuple[str, ...] = ()

    @property
    def shown(self) -> tuple[str, ...]:
        """The list to choose from, as the workbook shows it."""
        return tuple(word.shown for word in self.words)

    @property
    def meaning(self) -> dict[str, str]:
        """Every accepted way of writing, folded, with the canonical word."""
        return {folded: word.value for word in self.words for folded in word.accepted}


@dataclass(frozen=True)
class Sheet:
    """One sheet.

    Attributes
    ----------
    title
        The name of its tab.
    table
        The canonical table of its rows.
    about
        What one row is.
    happens
        The columns that say when it happened; the first that is filled counts.
    enough
        Columns of which a row must have at least one.
    fixed
        What every row holds without being asked.
    ahead
        Whether a row may be written down before its date comes.
    planned
        The words of ``status`` under which the date is a plan.
    """

    name: str
    title: str
    table: str
    about: str
    columns: tuple[SheetColumn, ...]
    happens: tuple[str, ...]
    enough: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    ahead: bool = False
    planned: tuple[str, ...] = ()

    @property
    def headers(self) -> tuple[str, ...]:
        """The headers, in the order of the template."""
        return tuple(column.header for column in self.columns)

    @property
    def needed(self) -> tuple[SheetColumn, ...]:
        """The columns without which a row says nothing."""
        return tuple(column for column in self.columns if column.needed)

    @property
    def alternatives(self) -> tuple[tuple[str, ...], ...]:
        """Groups of canonical columns: of each, a row must have at least one."""
        dates = (*self.happens, NOTED)
        return (self.enough, dates) if self.enough else (dates,)

    def column(self, to: str) -> SheetColumn:
        """Give the column that goes to a canonical column."""
        return next(column for column in self.columns if column.to == to)
