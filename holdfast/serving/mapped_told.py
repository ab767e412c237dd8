"""What mapping left: what each table is read as, what was chosen, and which keys lead to an account; told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.features.history.ingest import MAPPING
from holdfast.features.landed.files import RawTable
from holdfast.features.mapping.mapfile import MapFile
from holdfast.features.mapping.mapped import FIND_ACCOUNTS, NOBODY
from holdfast.features.mapping.proposing import Draft
from holdfast.findings import Finding, findings_frame
from holdfast.serving import show
from holdfast.serving.columns import records


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


def readings(proposed: Draft, tables: Sequence[RawTable], profiles: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Tabulate the landed tables: what lies in them, what each is read as, and why."""
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


def choices(mapping: MapFile) -> pd.DataFrame:
    """Tabulate what was chosen, and on what ground."""
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


def matches(identities: pd.DataFrame) -> pd.DataFrame:
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
