"""What people say they did, from arguments or a file: read, and checked before anything of it is written."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.history.dialect import delimiter_of, encoding_of
from holdfast.safely import write_atomic
from holdfast.serving.playbooks import Playbooks
from holdfast.serving.queue.log import Done, interventions
from holdfast.serving.queue.treated import touchpoints

if TYPE_CHECKING:
    from holdfast.serving.ledger.store import Ledger
    from holdfast.serving.queue.desk import Desk

NEEDED, OPTIONAL = ("account_id", "playbook", "by", "on"), ("reason",)
_FORMATS = ("%Y-%m-%d", "%d.%m.%Y")

Said = tuple[str, Done]
"""The place where it was said, for messages, and what was said."""


def entry(account: str, playbook: str, by: str, on: str, why: str) -> Said:
    """Take one entry from the arguments of the command.

    Raises
    ------
    UsageError
        When one of them is missing, or the day is none.
    """
    given = {"--account": account, "--playbook": playbook, "--by": by, "--on": on}
    missing = [name for name, value in given.items() if not value.strip()]
    if missing:
        raise UsageError("holdfast did", ", ".join(given), f"no {', '.join(missing)}", "give all four, or a file")
    return "holdfast did", Done(account.strip(), playbook.strip(), by.strip(), _day("--on", on), why.strip())


def read_file(path: Path) -> list[Said]:
    """Read a CSV of entries, whatever its delimiter.

    Raises
    ------
    DataError
        When it cannot be read, lacks a column, or a row lacks a value.
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise DataError(str(path), "a CSV file", problem.strerror or "none", "correct the path") from problem
    lines = data.decode(encoding_of(data, str(path))).lstrip("\r\n")
    delimiter = delimiter_of(lines.partition("\n")[0], (*NEEDED, *OPTIONAL))
    rows = csv.DictReader(io.StringIO(lines, newline=""), delimiter=delimiter)
    names = {str(name).strip().lower(): str(name) for name in rows.fieldnames or ()}
    for wanted in NEEDED:
        if wanted not in names:
            found = ", ".join(names) or "an empty file"
            raise DataError(str(path), f"a column {wanted!r}", found, did_you_mean(wanted, names))
    return [_row(f"{path}, row {number}", row, names) for number, row in enumerate(rows, start=2)]


def checked(desk: Desk, said: Sequence[Said], today: datetime) -> list[Done]:
    """Refuse accounts and playbooks that are not there, and days that have not come.

    Raises
    ------
    UsageError
        For the first entry that is wrong; nothing has been written then.
    """
    desk.refuse_unknown((where, one.account_id) for where, one in said)
    books = Playbooks.read(desk.plan.playbooks.file).books
    for where, one in said:
        if one.playbook_id not in books:
            hint = did_you_mean(one.playbook_id, books)
            raise UsageError(where, "a playbook of the plan", repr(one.playbook_id), hint)
        if one.on > pd.Timestamp(today):
            raise UsageError(where, f"a day up to today, {today:%Y-%m-%d}", f"{one.on:%Y-%m-%d}", "log what was done")
    return [one for _, one in said]


def write_out(ledger: Ledger, path: Path) -> int:
    """Write the whole log as canonical touchpoints, and return the number of rows."""
    rows, buffer = touchpoints(interventions(ledger)), io.BytesIO()
    rows.to_parquet(buffer, index=False)
    write_atomic(path, buffer.getvalue())
    return len(rows)


def _row(where: str, row: dict[str, str], names: dict[str, str]) -> Said:
    if None in row:
        raise DataError(where, f"{len(names)} cells", "more of them", "quote cells that hold the delimiter")
    values = {name: (row.get(names.get(name, "")) or "").strip() for name in (*NEEDED, *OPTIONAL)}
    missing = [name for name in NEEDED if not values[name]]
    if missing:
        raise DataError(where, ", ".join(NEEDED), f"no {', '.join(missing)}", "fill it in, or remove the row")
    day = _day(f"{where}, column on", values["on"])
    return where, Done(values["account_id"], values["playbook"], values["by"], day, values["reason"])


def _day(where: str, text: str) -> pd.Timestamp:
    for how in _FORMATS:
        day = pd.to_datetime(text.strip(), format=how, errors="coerce", utc=True)
        if not pd.isna(day):
            return day.as_unit("us")
    raise UsageError(where, "a day such as 2026-01-31", repr(text), "write it that way")
