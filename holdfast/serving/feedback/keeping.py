"""Feedback kept: a filled file taken into the ledger, wholly or not at all."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.serving.feedback.desk import Desk
from holdfast.serving.feedback.entry import GATHERED, Entry
from holdfast.serving.feedback.reading import Problem, read_form
from holdfast.serving.ledger.store import LEDGER, Ledger, stamp
from holdfast.serving.runs import current

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from holdfast.serving.workspace import Workspace

READ = ("scores.parquet", "drivers.parquet")  # the others may have been filled in where they lie
_REPLACED = """
SELECT id FROM (
    SELECT id, row_number() OVER (PARTITION BY account_id, kind ORDER BY recorded_at DESC, rowid DESC) AS place
    FROM feedback
)
WHERE place > 1
"""
_NAMES = [one.name for one in fields(Entry)]
_WRITE = f"""
INSERT INTO feedback (id, {", ".join(_NAMES)}, said_on, recorded_at)
VALUES (:id, {", ".join(f":{name}" for name in _NAMES)}, :said_on, :recorded_at)
ON CONFLICT (id) DO NOTHING
"""  # noqa: S608 # the names of our own fields


@dataclass(frozen=True)
class Imported:
    """What became of a file.

    Attributes
    ----------
    new, known
        How many of its entries were written, and how many had been before.
    problems
        What could not be read; with any of it, nothing was written.
    unread
        Filled columns that nobody asked for.
    idle
        Accounts whose score was set though the run does not score them, each with the reason why it does not.
    replaced
        What was known before and is no longer the last word, by account and kind: it does not count again.
    """

    new: int
    known: int
    problems: Sequence[Problem]
    unread: Sequence[str]
    idle: Sequence[str] = ()
    replaced: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "new": self.new,
            "known": self.known,
            "problems": [asdict(one) for one in self.problems],
            "unread": list(self.unread),
            "idle": list(self.idle),
            "replaced": list(self.replaced),
        }


def import_form(place: Workspace, path: Path, author: str, now: datetime) -> Imported:
    """Take a filled file into the ledger of a workspace: all of it, or nothing when a cell cannot be read.

    Parameters
    ----------
    author
        Who speaks where a row does not tell.
    now
        When it is recorded.

    Raises
    ------
    UsageError
        When no run is served, or there is no such file.
    DataError
        When the file cannot be read, or is no form.
    """
    run = current(place, *READ)
    told = pd.read_parquet(run.folder / "scores.parquet", columns=["account_id", "score_status", "score_reason"])
    accounts = told["account_id"].tolist()
    desk = Desk(run.run_id, pd.Timestamp(run.manifest["as_of"]), accounts, _signs(place), author)
    found = read_form(path, desk)
    if found.problems:
        return Imported(0, 0, found.problems, found.unread)
    ledger = Ledger(place.root / LEDGER)
    new = record(ledger, found.entries, desk.today, now)
    replaced = _replaced(ledger, found.entries)
    return Imported(new, len(found.entries) - new, (), found.unread, _idle(found.entries, told), replaced)


def _replaced(ledger: Ledger, entries: Sequence[Entry]) -> list[str]:
    """Name what another word of the same kind has replaced."""
    old = set(ledger.read(_REPLACED)["id"])
    return [f"{one.account_id} ({one.kind})" for one in entries if one.id in old and one.kind not in GATHERED]


def _idle(entries: Sequence[Entry], told: pd.DataFrame) -> list[str]:
    """Name the accounts whose score was set though they are not scored, with the reason."""
    why = told[told["score_status"] == "not_scored"].set_index("account_id")["score_reason"]
    held = dict.fromkeys(one.account_id for one in entries if one.kind == "override")
    return [f"{account} ({why[account]})" for account in held if account in why.index]


def record(ledger: Ledger, entries: Sequence[Entry], said_on: pd.Timestamp, now: datetime) -> int:
    """Write entries in one transaction, each once; tell how many were new."""
    if not entries:
        return 0
    stamps = {"said_on": stamp(said_on), "recorded_at": stamp(now)}
    with ledger.writing() as db:
        before = db.total_changes
        db.executemany(_WRITE, [{"id": one.id, **asdict(one), **stamps} for one in entries])
        return db.total_changes - before


def _signs(place: Workspace) -> Callable[[str, str, int], str | None]:
    """Look up the sign behind a reason in the files of its run."""

    @cache
    def table(run: str) -> dict[tuple[str, int], str]:
        try:
            told = pd.read_parquet(place.runs / run / "drivers.parquet", columns=["account_id", "rank", "code"])
        except FileNotFoundError:
            return {}
        return dict(zip(zip(told["account_id"], told["rank"], strict=True), told["code"], strict=True))

    return lambda run, account, rank: table(run).get((account, rank))
