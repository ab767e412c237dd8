"""Mapping: what lies there, what it is taken for, and a first history of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import typer

from holdfast.errors import DataError, UsageError
from holdfast.features.database.fetch import fetch, is_url
from holdfast.features.history.ingest import MAPPING
from holdfast.features.history.leaving_out import LeftOut
from holdfast.features.landed.files import RawTable, connect, profile
from holdfast.features.mapping.adapter import shipped
from holdfast.features.mapping.counting import things
from holdfast.features.mapping.mapfile import mapping_text
from holdfast.features.mapping.mapped import MANUAL, Found, facts, find, remade, sweep
from holdfast.features.mapping.proposing import Draft, draft
from holdfast.features.mapping.recognise import Match
from holdfast.findings import Finding
from holdfast.progress import progress
from holdfast.safely import TEMPORARY, alone, write_atomic
from holdfast.serving import show
from holdfast.serving.erasure.tombstones import left_out_of
from holdfast.serving.mapped_told import Work, choices, matches, readings
from holdfast.serving.plan import read_plan
from holdfast.serving.starter import plan_text
from holdfast.serving.workspace import Workspace

Confirm = Callable[[str], bool]
_PLAN = "plan.toml"
_WORST = 5
_LATE = timedelta(days=1)  # a transaction writes rows under the time at which it began
_EMPTY_MANUAL = b"source,kind,source_key,account_id\n"


def map_places(
    places: Sequence[Path], out: Path, confirm: Confirm, *, anew: bool = False, noticed: Sequence[Finding] = ()
) -> Work:
    """Map files and folders into a workspace: a mapping, its SQL, a plan, and the canonical tables.

    Parameters
    ----------
    confirm
        Asked where the columns alone tell what a table is.
    anew
        Whether a mapping that lies there may be replaced.
    noticed
        What was noticed on the way here.

    Raises
    ------
    DataError
        When nothing is found that could be read as a table.
    UsageError
        When a mapping lies there that says something else.
    """
    with alone(out):
        sweep(out)
        with TemporaryDirectory(prefix=TEMPORARY, dir=out) as scratch:
            found = find(places, Path(scratch))
            _some(found, places)
            named = [os.path.relpath(place, out) for place in places]
            proposed = draft(found.tables, named, Path(scratch), lambda match: confirm(_question(match)))
            _something(proposed, places)
            profiles, gone = _profiles(found.tables), _left_out(out)
            _write(proposed, out, anew)
            told = pd.concat(profiles.values())
            told = told.assign(example="") if gone else told  # one of them may be who was erased
            write_atomic(out / "profile.csv", told.to_csv(index=False).encode())
            folder = remade(out / MAPPING, found, left_out=gone)
    made = facts(folder)
    plan = _plan(out, made["rows"])
    findings = (*noticed, *proposed.findings, *(Finding(**one) for one in made["findings"]))
    identities, unmatched = (
        pd.read_csv(out / name, dtype="str", keep_default_na=False) for name in ("id_map.csv", "unmatched.csv")
    )
    return Work(
        plan,
        readings(proposed, found.tables, profiles),
        choices(proposed.mapping),
        matches(identities),
        unmatched.head(_WORST),
        made["rows"],
        findings,
        things(folder, made["rows"]),
    )


def _left_out(out: Path) -> LeftOut:
    """Read who was erased from the workspace of the plan that lies beside the mapping; nobody where none does."""
    plan = out / _PLAN
    return left_out_of(Workspace(read_plan(plan).output.workspace)) if plan.exists() else LeftOut(b"")


def refuse_absent(places: Sequence[str]) -> None:
    """Refuse a path at which nothing lies; a database is asked later.

    Raises
    ------
    UsageError
        When there is such a path.
    """
    for place in places:
        if not (is_url(place) or Path(place).exists()):
            raise UsageError(place, "a file or folder", "none", "correct the path")


def _some(found: Found, places: Sequence[Path]) -> None:
    if not found.tables:
        why = "; ".join(one.message for one in found.findings[:3])
        where = ", ".join(map(str, places))
        raise DataError(where, "tables as CSV, JSON, Parquet or Excel", why or "none", "name others")


def _something(proposed: Draft, places: Sequence[Path]) -> None:
    if not proposed.mapping.tables:
        found = "; ".join(f"{name}: {why}" for name, why in proposed.mapping.left.items()) or "no rows in them"
        do = "`holdfast sources` lists what is read; rename columns like the templates that `holdfast init` writes"
        raise DataError(", ".join(map(str, places)), "a table that holdfast can read", found[:300], do)


def landed(
    place: str, out: Path, schema: str | None, secrets: Path | None, now: datetime
) -> tuple[Path, list[Finding]]:
    """Give the path of a place, and what was noticed; a database is fetched to ``landed/`` in the workspace first."""
    if not is_url(place):
        return Path(place), []
    folder = out / "landed"
    fetched = fetch(place, folder, at=pd.Timestamp(now), schema=schema, secrets=secrets, lag=_LATE)
    return folder, [finding for one in fetched for finding in one.findings]


def asking(yes: bool) -> Confirm:
    """Ask on a terminal; elsewhere every proposal must be taken at once.

    Raises
    ------
    UsageError
        When there is nobody to ask and nothing is taken.
    """
    if yes:
        return lambda _: True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        do = "add --yes to take every proposal, and read them in mapping.toml"
        raise UsageError("holdfast map", "a terminal to ask on, or --yes", "neither", do)
    return lambda question: typer.confirm(show.visible(question), default=True, err=True)


def _question(match: Match) -> str:
    title = f"{shipped()[match.vendor].title}'s {match.object}" if match.vendor else match.object
    return f"Read {match.table.name} as {title}? ({match.ground})"


def _profiles(tables: Sequence[RawTable]) -> dict[str, pd.DataFrame]:
    with connect() as con:
        return {
            table.name: profile(con, table).assign(table=table.name)
            for table in progress(tables, "profiling", len(tables))
        }


def _write(proposed: Draft, out: Path, anew: bool) -> None:
    text = mapping_text(proposed.mapping).encode()
    path = out / MAPPING
    entries = proposed.mapping.entries
    wanted = {out / entry.sql: proposed.adapters[entry.name].text.encode() for entry in entries} | {path: text}
    edited = [one for one, content in wanted.items() if one.exists() and one.read_bytes() != content]
    if edited and not anew:
        do = "edit it, or replace it by --anew; manual.csv is kept either way"
        raise UsageError(str(edited[-1]), "no mapping, or the one that would be written", "another one", do)
    if not (out / MANUAL).exists():
        write_atomic(out / MANUAL, _EMPTY_MANUAL)
    for one, content in wanted.items():
        write_atomic(one, content)


def _plan(out: Path, rows: Mapping[str, int]) -> Path:
    """Write a plan beside the mapping unless there is one."""
    path = out / _PLAN
    if not path.exists():
        kind = "notice" if {"churn", "subscriptions"} & set(rows) else "silence"
        write_atomic(path, plan_text(MAPPING, "out", churn=kind).encode())
    return path
