"""A history whose records are told otherwise, table by table; accounts, data end and all else are the original's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from holdfast.errors import UsageError
from holdfast.features.history.history import History, Instant
from holdfast.features.history.records import Records

Telling: TypeAlias = Callable[[History, str, Iterable[str] | None], Records]


class RetoldHistory(History):
    """Read the records of a history through a function of the original, the table and the columns that are asked for.

    What is told must keep the order of records, by account and time.
    """

    def __init__(self, original: History, telling: Telling) -> None:
        self._original, self._telling = original, telling
        self._outline, self._accounts, self._dialects = original._whole(), original.accounts, dict(original.dialects)

    def buckets(self) -> Iterator[History]:
        """Yield the accounts in the buckets of the original."""
        for one in self._original.buckets():
            yield RetoldHistory(one, self._telling)

    def records(self, table: str, columns: Iterable[str] | None = None) -> Records:
        """Give the rows of a table as they are told, made anew each time."""
        self._outline.of(table)
        return self._telling(self._original, table, columns)

    def until(self, instant: Instant, *, end: Instant | None = None) -> History:  # noqa: ARG002 # as History has it
        """Refuse: what was known at an instant is a matter of the original."""
        raise UsageError("until", "a history as it was delivered", "one that is told otherwise", "ask the original")

    def fingerprint(self) -> str:
        """Refuse: the fingerprint is a matter of the original."""
        raise UsageError("fingerprint", "a history as it was delivered", "one that is told otherwise", "ask it")
