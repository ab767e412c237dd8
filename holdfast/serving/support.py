"""What each source feeds, keeps and loses: ``holdfast sources``, and the page ``docs/sources.md`` made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from holdfast.features.catalog import catalog
from holdfast.features.catalog.applicable import needed
from holdfast.features.history.tables import TABLES
from holdfast.features.mapping.adapter import Adapter, shipped
from holdfast.features.mapping.objects import Source, lay_out
from holdfast.features.mapping.workbench import workbench

_SEEDS = {
    "amplitude": "S101", "mixpanel": "S101", "salesforce": "S102", "hubspot": "S102", "stripe": "S103", "zuora": "S103",
    "zendesk": "S104", "intercom": "S104", "paddle": "S106",
}  # fmt: skip
_BY_HAND = (
    (
        "Spreadsheets and other lists",
        "",
        "what their columns say, by their English or German headers",
        "the dates in them",
        "what was overwritten, and when a line was written unless a column says so",
    ),
    (
        "Templates for customer success",
        "",
        "goals, people, touchpoints, deals, churn",
        "the day on which each row was noted",
        "rows that were edited in place",
    ),
    (
        "SQL databases",
        "S112",
        "whatever their tables are: each is recognised like a file",
        "every version that was fetched",
        "what was overwritten between two fetches",
    ),
)
_TARGETS = (
    ("Gainsight, Totango", "S105", "no source: they are written to by holdfast writeback"),
    ("ChurnZero", "S106", "no source: it is written to by holdfast writeback"),
    ("ZapScale", "S106", "no source: it takes scores.csv of a run, or its table in a database"),
    ("Zapier, Make", "S107", "no source: they take scores.csv of a run"),
)
COLUMNS = ("source", "seeds", "tables", "indicators", "with_others", "keeps", "loses")
_HEADS = (
    "source",
    "asked for as",
    "tables it fills",
    "indicators it feeds alone",
    "with other sources",
    "history it keeps",
    "what it loses",
)


def support() -> list[dict[str, Any]]:
    """Tell for each source what it feeds, keeps and loses.

    Returns
    -------
    list of dict
        ``source``, ``seeds``, ``tables`` (canonical tables that it fills), ``indicators`` (those of the catalogue that
        need no other source), ``with_others`` (those that read it beside another source), ``keeps``, ``loses``.
    """
    with TemporaryDirectory() as scratch:
        rows = [_row(adapter, _filled(adapter, Path(scratch) / name)) for name, adapter in shipped().items()]
    rows += [_told(name, seeds, tables, keeps, loses) for name, seeds, tables, keeps, loses in _BY_HAND]
    return rows + [_told(name, seeds, delivered, "", "") for name, seeds, delivered in _TARGETS]


def _row(adapter: Adapter, filled: Mapping[str, frozenset[str]]) -> dict[str, Any]:
    alone, shared = [], []
    for one in catalog.indicators:
        reads = [pair for pair in needed(one) if not set(one.unless) & set(filled)]
        met = [table in filled and (not column or column in filled[table]) for table, column in reads]
        if met and all(met):
            alone.append(one.name)
        elif any(met):
            shared.append(one.name)
    told = {"source": adapter.title, "seeds": _SEEDS.get(adapter.vendor, ""), "tables": sorted(filled)}
    return told | {"indicators": alone, "with_others": shared, "keeps": adapter.keeps, "loses": adapter.loses}


def _told(name: str, seeds: str, tables: str, keeps: str, loses: str) -> dict[str, Any]:
    told = {"source": name, "seeds": seeds, "tables": [tables], "indicators": [], "with_others": []}
    return told | {"keeps": keeps, "loses": loses}


def _filled(adapter: Adapter, scratch: Path) -> dict[str, frozenset[str]]:
    """Name the columns that the SQL of a source fills, by table."""
    con = workbench(scratch)
    try:
        lay_out(con, Source(adapter.vendor, adapter, ()))
        return {
            name: frozenset(row[0] for row in con.execute(f"DESCRIBE {statement}").fetchall())  # our own SQL
            & frozenset(TABLES[name].columns)
            for name, statement in adapter.statements.items()
            if name in TABLES
        }
    finally:
        con.close()


def page() -> str:
    """Write the page: one row per source."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Sources"
    yield ""
    yield "What each source feeds, which history it keeps, and what it loses. Made by"
    yield "`python -m holdfast.serving.support docs/sources.md`; `holdfast sources --json` names the indicators."
    yield ""
    yield f"| {' | '.join(_HEADS)} |"
    yield "|" + "---|" * len(_HEADS)
    for row in support():
        counts = [str(len(row[name])) if row["indicators"] or row["with_others"] else "" for name in COLUMNS[3:5]]
        cells = [row["source"], row["seeds"], ", ".join(row["tables"]), *counts, row["keeps"], row["loses"]]
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    import sys

    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
