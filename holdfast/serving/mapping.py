"""Mapping: what lies there, what it is taken for, and a first history of it; every choice is listed with its ground."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import typer

from holdfast.errors import DataError, UsageError
from holdfast.features.database.fetch import fetch, is_url
from holdfast.features.history.ingest import MAPPING
from holdfast.features.history.leaving_out import LeftOut
from holdfast.features.landed.files import RawTable, connect, profile
from holdfast.features.mapping.adapter import shipped
from holdfast.features.mapping.counting import things
from holdfast.features.mapping.mapfile import MapFile, mapping_text
from holdfast.features.mapping.mapped import FIND_ACCOUNTS, MANUAL, NOBODY, Found, facts, find, remade, sweep
from holdfast.features.mapping.proposing import Draft, draft
from holdfast.features.mapping.recognise import Match
from holdfast.findings import Finding, findings_frame
from holdfast.progress import progress
from holdfast.safely import TEMPORARY, alone, write_atomic
from holdfast.serving import show
from holdfast.serving.columns import records
from holdfast.serving.erasure.tombstones import left_out_of
from holdfast.serving.plan import read_plan
from holdfast.serving.starter import plan_text
from holdfast.serving.workspace import Workspace

Confirm = Callable[[str], bool]
_PLAN = "plan.toml"
_WORST = 5
_LATE = timedelta(days=1)  # a transaction writes rows under the time at which it began
_EMPTY_MANUAL = b"source,kind,source_key,account_id\n"


@dataclass(frozen=True)
class Work:
    """What mapping left.

    Attributes
    ----------
    readings
        One row per landed table: ``table, rows, first, last, missing, read_as, ground``.
    choices
        ``choice, value, ground``.
    matches
        One row per source and kind of key: how many keys lead to an account, by which methods, and how many do not.
    unmatched
        The worst keys that lead to no account.
    rows, things
        By canonical table the rows, and what they tell of: an account of two versions is one.
    """

    plan: Path
    readings: pd.DataFrame
    choices: pd.DataFrame
    matches: pd.DataFrame
    unmatched: pd.DataFrame
    rows: Mapping[str, int]
    findings: tuple[Finding, ...]
    things: Mapping[str, int] = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """Whether there is any account; without one there is no history."""
        return self.rows.get("accounts", 0) > 0

    def _repr_html_(self) -> str:
        tables = (self.readings, self.choices, self.matches, self.unmatched)
        told = "".join(one.to_html(escape=True, index=False, na_rep="") for one in tables if len(one))
        noticed = (f"<p>{escape(str(one))}</p>" for one in self.findings if one.severity != "info")
        return told + "".join(noticed)

    def summary(self) -> dict[str, Any]:
        """Give all of it as plain values."""
        return {
            "plan": self.plan,
            "mapping": self.plan.parent / MAPPING,
            "rows": dict(self.rows),
            "things": dict(self.things),
            "readings": _plain(self.readings),
            "choices": _plain(self.choices),
            "matches": _plain(self.matches),
            "unmatched": _plain(self.unmatched),
            "findings": _plain(findings_frame(self.findings)),
        }


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [show.missing_as_none(row) for row in records(frame)]


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
        _readings(proposed, found.tables, profiles),
        _choices(proposed.mapping),
        _matches(identities),
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


def _readings(proposed: Draft, tables: Sequence[RawTable], profiles: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    taken = {match.table.name: (f"{match.vendor}: {match.object}", match.ground) for match in proposed.matches}
    rows = []
    for table in tables:
        one = profiles[table.name]
        read, ground = taken.get(
            table.name, ("", proposed.mapping.left.get(table.name, "holdfast reads nothing from it"))
        )
        times = one[one["kind"] == "time"]
        rows.append(
            {
                "table": table.name,
                "rows": one.attrs.get("rows"),
                "first": times["first"].min() if len(times) else None,
                "last": times["last"].max() if len(times) else None,
                "missing": float(one["missing"].mean()),
                "read_as": read,
                "ground": ground,
            }
        )
    return pd.DataFrame(rows)


def _choices(mapping: MapFile) -> pd.DataFrame:
    rows: list[tuple[str, str, str]] = [("what an account is", mapping.accounts, mapping.grounds.get("accounts", ""))]
    rows += [
        (table, ", ".join(names), mapping.grounds.get(table, "all that have it"))
        for table, names in mapping.tables.items()
        if table != "accounts"
    ]
    for entry in mapping.entries:
        rows.append((f"time zone of {entry.name}", entry.zone, entry.grounds.get("zone", "")))
        if entry.exported_at is not None:
            rows.append(
                (f"export of {entry.name}", f"{entry.exported_at:%Y-%m-%d %H:%M}", entry.grounds.get("exported_at", ""))
            )
    return pd.DataFrame(rows, columns=["choice", "value", "ground"])


def _matches(identities: pd.DataFrame) -> pd.DataFrame:
    """Count the keys of each source by the way that they lead to an account."""
    counted = (
        identities.assign(method=identities["method"].replace("", "none")).groupby(["source", "kind", "method"]).size()
    )
    wide = counted.unstack(fill_value=0).reset_index()
    methods = [name for name in ("exact", "crm_id", "domain", "manual", "none") if name in wide]
    told = wide[["source", "kind", *methods]].rename(columns={"none": "unmatched"})
    return told.rename_axis(columns=None)


def tell(work: Work) -> None:
    """Print what was mapped, and what to do next."""
    show.table(_plain(work.readings), ["table", "rows", "first", "last", "missing", "read_as", "ground"])
    show.say()
    show.table(_plain(work.choices), ["choice", "value", "ground"])
    show.say()
    show.table(_plain(work.matches), list(work.matches.columns))
    if len(work.unmatched):
        show.say()
        show.say("Keys that lead to no account, the worst first; say in manual.csv whose they are:")
        show.table(_plain(work.unmatched), ["source", "key", "rows", "tables"])
    for finding in work.findings:
        if finding.severity != "info":
            show.say(str(finding))
    show.say()
    counted = ", ".join(f"{count:,} {name}" for name, count in work.things.items())
    show.say(f"History: {counted}.")
    if work.usable:
        show.say(f"Look at {work.plan.parent / MAPPING} and {work.plan}; then: holdfast check {work.plan}")
    else:
        show.say(f"This is no history yet: there is {NOBODY}. Do: {FIND_ACCOUNTS}; then run this again.")
