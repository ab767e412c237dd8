"""Proposing: from the tables that lie there to a mapping file, every choice with its ground."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.features.landed.files import RawTable, connect, quoted
from holdfast.features.mapping.adapter import Adapter, parse, shipped
from holdfast.features.mapping.binding import MANUAL
from holdfast.features.mapping.exporting import last_recorded
from holdfast.features.mapping.generic import Proposal, adapter_text, propose
from holdfast.features.mapping.mapfile import Entry, MapFile, Reading
from holdfast.features.mapping.objects import SMALL, Landed, Source, lay_out
from holdfast.features.mapping.own_output import is_own_table
from holdfast.features.mapping.paths import plain
from holdfast.features.mapping.recognise import Match, recognise, set_aside
from holdfast.features.mapping.sheet_tables import sheet_as_table
from holdfast.features.mapping.workbench import workbench
from holdfast.features.sheets.binding import recognise as recognise_sheet
from holdfast.findings import Finding

if TYPE_CHECKING:
    pass

_HEAD = 200_000  # rows of a large table that are looked at
_CLOSE = 0.5  # tables that fit an object about as well as the best are more of the same
_ONE_SOURCE = ("accounts", "subscriptions", "invoices", "deals")  # of which two sources would count everything twice
_BILLING = ("stripe", "zuora", "paddle", "recurly")
_FIRST = ("salesforce", "hubspot", *_BILLING, "intercom", "zendesk", "amplitude", "mixpanel")
_FIRST_OF = {"subscriptions": _BILLING, "invoices": _BILLING}


@dataclass(frozen=True)
class Draft:
    """A mapping that is proposed.

    Attributes
    ----------
    adapters
        The SQL of each source.
    matches
        What was recognised, for the eye.
    """

    mapping: MapFile
    adapters: Mapping[str, Adapter]
    matches: tuple[Match, ...]
    findings: tuple[Finding, ...]


Keep = Callable[[Match], bool]


def draft(tables: Sequence[RawTable], places: Sequence[str], scratch: Path, keep: Keep = lambda _: True) -> Draft:
    """Propose a mapping for landed tables.

    Parameters
    ----------
    places
        Where they lie, as the mapping file is to name it.
    scratch
        An existing folder for what is needed on the way.
    keep
        Asked of every table that was recognised by its columns alone.
    """
    aside = {one.name: why for one in tables if (why := _aside(one))}
    tables = [one for one in tables if one.name not in aside]
    found = [match for match in recognise(tables, shipped()) if match.sure or keep(match)]
    found = list(_alike(found))
    taken = {match.table.name for match in found}
    adapters = {vendor: shipped()[vendor] for vendor in sorted({match.vendor for match in found})}
    entries = [_vendor_entry(vendor, found) for vendor in adapters]
    own, left, findings = _own([one for one in tables if one.name not in taken], scratch, keep)
    adapters |= {name: adapter for name, (adapter, _, _) in own.items()}
    entries += [Entry(name, f"sql/{name}.sql", (reading,)) for name, (_, reading, _) in own.items()]
    matches = (*found, *(match for _, _, match in own.values()))
    by_name = {table.name: table for table in tables}
    with_facts, tables_of = _look(entries, adapters, by_name, scratch)
    named = {name for name, (_, _, match) in own.items() if match.sure}
    ranked = sorted(adapters, key=lambda one: (_rank("accounts", one, named), one))
    hub, ground = _hub(tables_of.get("accounts", {}), ranked, named)
    chosen, grounds = _origins(tables_of, hub, named)
    mapping = MapFile(
        tuple(places), hub, chosen, tuple(with_facts), None, aside | left, {"accounts": ground, **grounds}
    )
    return Draft(mapping, adapters, tuple(matches), tuple(findings))


def _aside(table: RawTable) -> str | None:
    """Say why a table is not looked at."""
    if is_own_table(table.columns):
        return "holdfast wrote it: scores are no history"
    vendor = set_aside(table, shipped())
    return None if vendor is None else f"{vendor.title} keeps it beside its customers: it is no list of them"


def _alike(matches: Sequence[Match]) -> Iterator[Match]:
    """Keep for each object the tables that fit it about as well as the best one."""
    ordered = sorted(matches, key=lambda one: (one.vendor, one.object, one.table.name))
    for _, group in groupby(ordered, key=lambda one: (one.vendor, one.object)):
        several = list(group)
        best = max(one.score for one in several)
        yield from (one for one in several if one.score >= best - _CLOSE)


def _vendor_entry(vendor: str, matches: Sequence[Match]) -> Entry:
    readings = tuple(
        Reading(match.table.name, match.object, match.ground) for match in matches if match.vendor == vendor
    )
    return Entry(vendor, f"sql/{vendor}.sql", readings)


Own = dict[str, tuple[Adapter, Reading, Match]]


def _own(tables: Sequence[RawTable], scratch: Path, keep: Keep) -> tuple[Own, dict[str, str], list[Finding]]:
    """Propose what is no vendor's: canonical tables, sheets of CSMs, and lists that somebody keeps."""
    own: Own = {}
    left: dict[str, str] = {}
    findings: list[Finding] = []
    for table in tables:
        if table.stem in MANUAL:
            continue
        proposal, sheet = propose(table), recognise_sheet(table.columns)
        if sheet is not None:
            read, canonical, _ = sheet_as_table(table, sheet, scratch)
            proposal = Proposal(
                read, canonical, {c: c for c in read.columns}, f"the sheet {sheet} of the templates", True, {}
            )
        if proposal is None:
            left[table.name] = "no canonical table is like it"
            continue
        if _timed(proposal):
            small = table.bytes <= SMALL
            told = "" if small else "; rows that came twice are not looked for in a file of this size, see its SQL"
            proposal = replace(proposal, once=small, ground=proposal.ground + told)
        match = Match(table, "", proposal.canonical, 0.0, proposal.named, proposal.ground)
        if not match.sure and not keep(match):
            left[table.name] = "you said so"
            continue
        name = _free(plain(table.stem) or "table", own)
        adapter = parse(adapter_text(proposal), name)
        own[name] = adapter, Reading(table.name, "rows", match.ground, sheet=sheet), replace(match, vendor=name)
        findings += [
            Finding("HF049", table.name, 1, f"{column} was left out: {why}") for column, why in proposal.left.items()
        ]
    return own, left, findings


def _timed(proposal: Proposal) -> bool:
    """Tell events without a name of their own that are timed to the second: two alike are one that came twice."""
    if proposal.canonical != "usage" or {"source_id", "count"} & set(proposal.columns):
        return False
    column = quoted(proposal.columns["occurred_at"])
    with connect() as con:
        head = f"SELECT {column} FROM {proposal.table.scan} LIMIT {_HEAD // 100}"
        query = f"SELECT count(DISTINCT right({column}::VARCHAR, 6)) FROM ({head})"
        seconds = con.execute(query).fetchone()
    return bool(seconds and seconds[0] > 100)  # days, hours or minutes end alike


def _free(name: str, taken: Mapping[str, object]) -> str:
    """Give a source a name that no other has."""
    number, free = 2, name
    while free in taken or free in shipped():
        free, number = f"{name}_{number}", number + 1
    return free


def _look(
    entries: Sequence[Entry], adapters: Mapping[str, Adapter], tables: Mapping[str, RawTable], scratch: Path
) -> tuple[list[Entry], dict[str, dict[str, int]]]:
    """Read everything once: which columns are read, when tables were exported, and which SELECTs give rows.

    Returns
    -------
    tuple
        The entries, completed, and by canonical table the rows that each source gives.
    """
    con = workbench(scratch / "draft")
    given: dict[str, dict[str, int]] = {}
    completed = []
    try:
        for entry in entries:
            landed = tuple(
                Landed(one.object, _as_read(one, tables[one.table], scratch), one.columns) for one in entry.readings
            )
            source = Source(entry.name, adapters[entry.name], landed)
            layout = lay_out(con, source, _HEAD)
            at = last_recorded(con, source)
            ground = "" if at is None else "the last thing that its tables have recorded"
            readings = tuple(replace(one, reads=_read(layout, one, tables[one.table])) for one in entry.readings)
            zone = _zone_ground(layout)
            completed.append(
                replace(entry, readings=readings, exported_at=at, grounds={"exported_at": ground, "zone": zone})
            )
            if at is not None:
                lay_out(con, replace(source, exported_at=at), _HEAD)
            for name, statement in source.adapter.statements.items():
                counted = "count(DISTINCT account_id)" if name == "accounts" else "count(*)"
                rows = con.execute(f"SELECT {counted} FROM (FROM ({statement}) LIMIT {_HEAD})").fetchone()
                if rows and rows[0] and name != "identities":
                    given.setdefault(name, {})[entry.name] = rows[0]
    finally:
        con.close()
    return completed, given


def _zone_ground(layout: pd.DataFrame) -> str:
    """Say why times without a zone are read as they are."""
    naive = layout[layout["how"].str.contains("without a zone")]
    if naive.empty:
        return "times say their zone"
    if naive["read"].str.contains("UTC").all():
        return "the names of the columns say so"
    return "no zone is written; state the one of the system"


def _as_read(reading: Reading, table: RawTable, scratch: Path) -> RawTable:
    return table if reading.sheet is None else sheet_as_table(table, reading.sheet, scratch)[0]


def _read(layout: pd.DataFrame, reading: Reading, table: RawTable) -> tuple[str, ...]:
    """Name the landed columns that the object reads."""
    rows = layout[(layout["object"] == reading.object) & (layout["table"] == table.name)]
    if reading.sheet is not None:
        return table.columns
    used = " ".join(rows["read"])
    return tuple(column for column in table.columns if quoted(column) in used)


def _hub(accounts: Mapping[str, int], ranked: Sequence[str], named: set[str]) -> tuple[str, str]:
    """Choose the source that says what an account is: your own list, else the CRM, else billing."""
    if not accounts:
        return next(iter(ranked), ""), "no source lists accounts: they are whatever accounts the rows name"
    first = next(name for name in ranked if name in accounts)
    why = "your own list" if first in named else "the first of CRM, billing, support"
    if first not in named and first not in _FIRST:
        why = "its columns read like accounts, and nothing else does"
    return first, f"{why}, with {accounts[first]} accounts"


def _origins(
    given: Mapping[str, Mapping[str, int]], hub: str, named: set[str]
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Choose for each canonical table the sources that fill it."""
    chosen: dict[str, tuple[str, ...]] = {}
    grounds: dict[str, str] = {}
    for table, sources in sorted(given.items()):
        names = sorted(sources, key=lambda one: (_rank(table, one, named), one))
        if table == "accounts":
            names = [hub]
        elif table in _ONE_SOURCE and len(names) > 1:
            grounds[table] = f"the first of {', '.join(names)}: two would count everything twice"
            names = names[:1]
        chosen[table] = tuple(names)
    return chosen, grounds


def _rank(table: str, source: str, named: set[str]) -> int:
    """Put your own lists that are named so first, then vendors, then lists that are alike by their columns alone."""
    order = (*_FIRST_OF.get(table, ()), *_FIRST)
    return order.index(source) if source in order else -1 if source in named else len(order)
