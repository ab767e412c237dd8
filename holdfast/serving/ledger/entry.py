"""Entering runs: what was served, written down once, with the scores and chances of every account."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.errors import PublishError
from holdfast.serving.columns import horizon
from holdfast.serving.ledger.store import Ledger, stamp

if TYPE_CHECKING:
    import sqlite3

    from holdfast.serving.runs import Run

SERVED, RESCORED = "served", "rescored"
_CONTENT = ("as_of", "model_sha256", "input_sha256", "config_sha256", "scores_sha256")
_SHOWN = ("account_id", "score_status", "health", "band", "arr")
SINCE = "coalesce((SELECT max(number) FROM serving s WHERE s.run_id = r.run_id), 0)"
"""When a run r became current last, as a number to order by, before its rowid."""
_OF_DAY = f"SELECT * FROM run r WHERE as_of = ? ORDER BY kind = 'served' DESC, {SINCE} DESC, rowid DESC LIMIT 1"  # noqa: S608 # composed of constants
_CURRENT = f"SELECT run_id FROM run r WHERE kind = 'served' ORDER BY as_of DESC, {SINCE} DESC, rowid DESC LIMIT 1"  # noqa: S608 # composed of constants
_LAST = "SELECT max(as_of) FROM run WHERE kind = 'served'"


def enter(ledger: Ledger, run: Run, at: datetime, newest: pd.Timestamp | None = None) -> bool:
    """Write a run with its scores and chances into the ledger, in one transaction; leave it when it is there.

    A run for a day older than the last one served is ``rescored``. One that is to be served, and is not the one that
    was served last, is entered as current from now on, also where it was there.

    Parameters
    ----------
    run
        Whole, in its folder.
    at
        When it is entered.
    newest
        The day of the run that is served now, where there is one.

    Returns
    -------
    bool
        Whether no run of a later day was served, so that this one is to be.

    Raises
    ------
    PublishError
        When a run of that name is there with other content, or the ledger cannot be written.
    """
    facts = _facts(run)
    with ledger.writing() as db:
        served = [db.execute(_LAST).fetchone()[0], None if newest is None else stamp(newest)]
        last = max((day for day in served if day is not None), default="")
        due = bool(facts["as_of"] >= last)
        known = _there(db, facts, ledger)
        if not known:
            _write(db, facts | {"kind": SERVED if due else RESCORED, "recorded_at": stamp(at)}, run)
        if due and not (known and db.execute(_CURRENT).fetchone() == (run.run_id,)):
            db.execute("INSERT INTO serving (run_id, recorded_at) VALUES (?, ?)", (run.run_id, stamp(at)))
    return due


def run_of(ledger: Ledger, day: pd.Timestamp) -> dict[str, Any] | None:
    """Give the row of the run that was served last of a day; of a day that was only rescored the last one made."""
    found = ledger.read(_OF_DAY, (stamp(day),)).to_dict("records")
    return {str(name): value for name, value in found[0].items()} if found else None


def scores_sha256(ledger: Ledger, run_id: str) -> str | None:
    """Give the hash of the scores of a run as it was entered, none when it was not."""
    found = ledger.read("SELECT scores_sha256 FROM run WHERE run_id = ?", (run_id,))
    return None if found.empty else str(found.at[0, "scores_sha256"])


def _facts(run: Run) -> dict[str, Any]:
    told = run.manifest
    named = ("run_id", "model_version", "model_sha256", "input_sha256", "config_sha256")
    facts = {name: told[name] for name in named}
    return facts | {
        "feedback_sha256": told["feedback_sha256"],
        "as_of": stamp(pd.Timestamp(told["as_of"])),
        "scores_sha256": told["files"]["scores.parquet"]["sha256"],
    }


def _there(db: sqlite3.Connection, facts: dict[str, Any], ledger: Ledger) -> bool:
    asked = "SELECT as_of, model_sha256, input_sha256, config_sha256, scores_sha256 FROM run WHERE run_id = ?"
    kept = db.execute(asked, (facts["run_id"],)).fetchone()
    if kept is None:
        return False
    other = [name for name, value in zip(_CONTENT, kept, strict=True) if value != facts[name]]
    if other:
        found, do = f"another {', '.join(other)}", "put the folder of the run back from a copy"
        raise PublishError(f"{ledger.path}, run {facts['run_id']}", "the run as it was entered", found, do)
    return True


def _write(db: sqlite3.Connection, facts: dict[str, Any], run: Run) -> None:
    columns = (
        *("run_id", "as_of", "kind", "model_version", "model_sha256", "input_sha256", "config_sha256"),
        *("feedback_sha256", "scores_sha256", "recorded_at"),
    )
    rows = _shown(run.folder / "scores.parquet")
    marks = ", ".join("?" * len(columns))
    db.execute(f"INSERT INTO run ({', '.join(columns)}) VALUES ({marks})", [facts[name] for name in columns])  # noqa: S608 # names above
    into = "INSERT INTO score (run_id, account_id, status, health, band, arr) VALUES (?, ?, ?, ?, ?, ?)"
    db.executemany(into, ((run.run_id, *row) for row in rows[list(_SHOWN)].itertuples(index=False, name=None)))
    into = "INSERT INTO chance (run_id, account_id, horizon, probability) VALUES (?, ?, ?, ?)"
    for name in (one for one in rows if horizon(str(one))):
        told = rows.loc[rows[name].notna(), ["account_id", name]]
        days = horizon(str(name))
        db.executemany(into, ((run.run_id, account, days, p) for account, p in told.itertuples(index=False, name=None)))


def _shown(file: Path) -> pd.DataFrame:
    """Read of the scores what is entered."""
    from pyarrow.parquet import read_schema

    chances = [name for name in read_schema(file).names if horizon(name)]
    return pd.read_parquet(file, columns=[*_SHOWN, *chances])
