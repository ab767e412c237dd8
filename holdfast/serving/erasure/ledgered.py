"""The ledger without somebody: figures stay under a name that leads nowhere, words and what is on its way go."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.errors import PublishError
from holdfast.serving.alerts.digest import Digest
from holdfast.serving.ledger.store import ERASED

if TYPE_CHECKING:
    from holdfast.serving.erasure.subject import Subject
    from holdfast.serving.ledger.store import Ledger

FIGURES = ("score", "chance", "outcome")
WORDS = ("feedback", "intervention", "alert", "written")
_SPOKEN = {"feedback": ("value", "reason", "author"), "intervention": ("reason", "author")}

_WITHOUT = """UPDATE message SET body = :body, error = '',
    state = CASE WHEN :body = '' AND state = 'waiting' THEN 'failed' ELSE state END WHERE key = :key"""


def count(ledger: Ledger, who: Subject) -> Mapping[str, int]:
    """Count the rows of each table that name somebody."""
    found = {}
    if who.kind == "account":
        for table in (*FIGURES, *WORDS):
            rows = ledger.read(f"SELECT count(*) AS n FROM {table} WHERE account_id = ?", (who.name,))  # noqa: S608 # names above
            found[table] = int(rows["n"].iloc[0])
    else:
        for table, columns in _SPOKEN.items():
            spoken = " OR ".join(f"instr({column}, ?1) > 0" for column in columns)
            rows = ledger.read(f"SELECT count(*) AS n FROM {table} WHERE {spoken}", (who.name,))  # noqa: S608 # names above
            found[table] = int(rows["n"].iloc[0])
    found["message"] = len(_messages(ledger, who))
    return {table: n for table, n in found.items() if n}


def withdraw(ledger: Ledger, who: Subject, name: str, ground: tuple[int, str] | None = None) -> Mapping[str, int]:
    """Take somebody out of the ledger, in one transaction, and tell of how many rows of which table.

    Scores, chances and outcomes of an account stay under another name, see `pseudonym`, without its revenue, so that
    every figure reckoned from them stays what it was. Feedback, interventions, alerts and what is said to be written
    elsewhere go. Of a person, words that hold its name are emptied. Messages lose what names somebody; one that has
    nothing else to tell is not sent any more.

    Parameters
    ----------
    name
        The other name.
    ground
        A reading of outcomes, by number, and the ground on which it stands without somebody.
    """
    found, messages = count(ledger, who), _messages(ledger, who)
    if not found and ground is None:
        return found
    with ledger.writing() as db:
        db.execute("PRAGMA secure_delete = ON")
        if who.kind == "account":
            db.execute("UPDATE score SET account_id = ?, arr = NULL WHERE account_id = ?", (name, who.name))
            for table in FIGURES[1:]:
                db.execute(f"UPDATE {table} SET account_id = ? WHERE account_id = ?", (name, who.name))  # noqa: S608 # names above
            for table in WORDS:
                db.execute(f"DELETE FROM {table} WHERE account_id = ?", (who.name,))  # noqa: S608 # names above
        else:
            for table, columns in _SPOKEN.items():
                for column in columns:
                    db.execute(f"UPDATE {table} SET {column} = '' WHERE instr({column}, ?1) > 0", (who.name,))  # noqa: S608 # names above
        if ground is not None:
            db.execute("UPDATE reading SET ground_sha256 = ? WHERE number = ?", ground[::-1])
        db.executemany(_WITHOUT, [{"key": key, "body": body} for key, body in messages.items()])
    return found


def pseudonym() -> str:
    """Draw a name that leads nowhere, not even for one who has the key of the tombstones."""
    return f"{ERASED}{secrets.randbits(32)}"


def rehash(ledger: Ledger, hashes: Mapping[str, str]) -> None:
    """Tell the ledger the hashes of scores that were written anew, by run."""
    known = ledger.read("SELECT run_id, scores_sha256 FROM run")
    told = dict(zip(known["run_id"], known["scores_sha256"], strict=True))
    other = [(digest, run) for run, digest in hashes.items() if told.get(run, digest) != digest]
    if other:
        with ledger.writing() as db:
            db.executemany("UPDATE run SET scores_sha256 = ? WHERE run_id = ?", other)


def compact(ledger: Ledger) -> None:
    """Write the file anew, so that nothing of deleted rows is left between those that stay.

    Raises
    ------
    PublishError
        When the disk refuses, or somebody else holds the file.
    """
    if not ledger.path.exists():
        return
    try:
        with closing(sqlite3.connect(ledger.path, isolation_level=None)) as db:
            db.execute("VACUUM")
    except sqlite3.Error as problem:
        do = "free the disk or end who holds the file, then erase again"
        raise PublishError(str(ledger.path), "a ledger that can be written anew", str(problem), do) from problem


def _messages(ledger: Ledger, who: Subject) -> dict[str, str]:
    """Give the messages that name somebody as they read without: nothing where nothing else is left to tell."""
    rows = ledger.read("SELECT key, body FROM message WHERE body <> ''")
    found = {}
    for key, body in rows.itertuples(index=False, name=None):
        told = json.loads(body)
        kept = [one for one in told["accounts"] if not who.is_named_in(one)]
        company = [one for one in told["company"] if not who.is_named_in(one)]
        if len(kept) < len(told["accounts"]) or len(company) < len(told["company"]):
            some = replace(Digest(**told), accounts=kept, company=company)
            found[str(key)] = some.json() if kept or company else ""
    return found
