"""The desk: one row of a form against the run it was made of, taken as what it says or refused by column."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from holdfast.errors import did_you_mean
from holdfast.features.sheets.cells import Bad, Value, shown
from holdfast.serving.feedback.entry import Entry, Kind
from holdfast.serving.feedback.form import ASKED, LONGEST, MOST_DAYS
from holdfast.serving.inert import inert
from holdfast.serving.ledger.store import stamp

Row = Mapping[str, Value | Bad]
_COMPARED = 5_000  # accounts among which the nearest name is looked for
_SCORE = ("set_score", "set_reason", "set_until")


class Refusal(NamedTuple):
    """Why a cell cannot be taken."""

    column: str
    found: str
    expected: str


@dataclass(frozen=True)
class Desk:
    """What the rows of a form are held against.

    Attributes
    ----------
    run_id, today
        The run that is served, and its day.
    accounts
        Those that may be spoken of.
    sign
        The sign behind a reason, by run, account and rank; None where there is none.
    author
        Who speaks where a row does not tell.
    """

    run_id: str
    today: pd.Timestamp
    accounts: Collection[str]
    sign: Callable[[str, str, int], str | None]
    author: str = ""

    def take(self, row: Row) -> list[Entry] | list[Refusal]:
        """Give all that a row says, or every reason why it cannot be taken."""
        account, run, author = self._account(row), self._run(row), str(row.get("author") or self.author)
        told: list[_Said | Refusal] = [*_unreadable(row), *self._days(row), *_override(row), *_plain(row)]
        if not author:
            told.append(Refusal("author", "nothing", "who says so, in the column or by --author"))
        if isinstance(account, Refusal) or isinstance(run, Refusal):
            told += [one for one in (account, run) if isinstance(one, Refusal)]
            return [one for one in told if isinstance(one, Refusal)]
        told += self._wrong_reason(row, account, run)
        refused = [one for one in told if isinstance(one, Refusal)]
        said = [one for one in told if isinstance(one, _Said)]
        return refused or [Entry(account, one.kind, run, one.value, one.reason, author, one.expires) for one in said]

    @cached_property
    def _meant(self) -> dict[str, set[str]]:
        """The accounts by the ways in which our files write them."""
        meant: dict[str, set[str]] = {}
        for account in self.accounts:
            for way in {account, inert(account)}:
                meant.setdefault(way.strip(), set()).add(account)
        return meant

    def _account(self, row: Row) -> str | Refusal:
        text, expected = str(row["account_id"] or ""), "an account of the run that is served"
        meant = self._meant.get(text, set())
        if len(meant) == 1:
            return next(iter(meant))
        if meant:
            return Refusal("account_id", f"{shown(text)}, which is {' or '.join(map(repr, sorted(meant)))}", expected)
        near = did_you_mean(text, self.accounts) if text and len(self.accounts) <= _COMPARED else ""
        return Refusal("account_id", shown(text), f"{expected}; {near}" if near.startswith("did you") else expected)

    def _run(self, row: Row) -> str | Refusal:
        text = str(row.get("run_id") or self.run_id)
        if len(text) == 16 and set(text) <= set("0123456789abcdef"):
            return text
        return Refusal("run_id", shown(text), "the run as the file named it")

    def _days(self, row: Row) -> Iterator[Refusal]:
        first, last = self.today, self.today + pd.Timedelta(days=MOST_DAYS)
        for column in ("set_until", "snooze_until"):
            day = row.get(column)
            if isinstance(day, pd.Timestamp) and not first <= day.floor("D") <= last:
                yield Refusal(column, f"{day:%Y-%m-%d}", f"a day from {first:%Y-%m-%d} to {last:%Y-%m-%d}")

    def _wrong_reason(self, row: Row, account: str, run: str) -> Iterator[_Said | Refusal]:
        rank = row.get("wrong_reason")
        if rank is None or isinstance(rank, Bad):
            return
        sign = self.sign(run, account, int(str(rank)))
        if sign is None:
            yield Refusal("wrong_reason", str(rank), f"the number of a reason that {account} had in run {run}")
        else:
            yield _Said("wrong_reason", sign)


class _Said(NamedTuple):
    kind: Kind
    value: str = ""
    reason: str = ""
    expires: str | None = None


def _unreadable(row: Row) -> Iterator[Refusal]:
    for name, value in row.items():
        if isinstance(value, Bad):
            yield Refusal(name, value.found, value.expected)
        elif name in ASKED and isinstance(value, str) and len(value) > LONGEST:
            yield Refusal(name, f"{len(value)} characters", f"at most {LONGEST}")


def _override(row: Row) -> Iterator[_Said | Refusal]:
    score, reason, until = (row.get(name) for name in _SCORE)
    if score is None and reason is None and until is None:
        return
    for name in _SCORE:
        if row.get(name) is None:
            yield Refusal(name, "nothing", "a score with its reason and the day until which it is set")
    if isinstance(score, float) and not 0.0 <= score <= 100.0:
        yield Refusal("set_score", f"{score:g}", "a score from 0 to 100")
    if isinstance(score, float) and isinstance(until, pd.Timestamp):
        yield _Said("override", f"{score:g}", str(reason), stamp(until.floor("D")))


def _plain(row: Row) -> Iterator[_Said]:
    snooze, outcome, note = (row.get(name) for name in ("snooze_until", "outcome", "note"))
    if isinstance(snooze, pd.Timestamp):
        yield _Said("snooze", expires=stamp(snooze.floor("D")))
    if isinstance(outcome, str):
        yield _Said("outcome", str(outcome))
    if isinstance(note, str):
        yield _Said("note", str(note))
