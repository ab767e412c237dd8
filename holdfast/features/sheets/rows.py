"""A filled sheet, turned into canonical rows: cells read, both clocks set, things named, what was left out told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.history.dialect import Dialect
from holdfast.features.history.tables import SOURCE_ID, TABLES, Table
from holdfast.features.sheets.binding import bound_columns, extra_columns
from holdfast.features.sheets.cells import Bad, Value, dialect_of, read_cells, text_of
from holdfast.features.sheets.sheet import ACCOUNT, NOTED, Sheet, fold
from holdfast.features.sheets.sheets import EXAMPLE, SHEETS, SOURCE
from holdfast.findings import Finding

Line = dict[str, object]  # the cells of a row, by canonical column
Read = dict[str, Value | Bad]
Row = dict[str, Value]
_MOST = 5
_DTYPES: Mapping[str, Any] = {"text": "str", "number": "float64", "flag": "float64", "time": "datetime64[us, UTC]"}


def canonical(
    sheet: str, frame: pd.DataFrame, *, rows: Sequence[int] | None = None, dialect: Dialect | None = None
) -> tuple[str, pd.DataFrame, list[Finding]]:
    """Turn a filled sheet into rows of its canonical table, sorted, so that the order of its rows does not matter.

    Parameters
    ----------
    sheet
        Its name.
    frame
        Its cells, as text or as the spreadsheet holds them, under its headers in any order.
    rows
        The number of each row for messages; by default counted from 2, below the header.
    dialect
        How its texts are written, as far as that is known.

    Returns
    -------
    tuple
        The table, its rows (``account_id`` as it was typed), and what was noticed.

    Raises
    ------
    UsageError
        When no sheet has that name.
    DataError
        When a column is absent that the sheet cannot do without, or is there twice.

    Examples
    --------
    >>> filled = pd.DataFrame({"Account": ["Acme"], "Status": ["abgesagt"], "Held on": ["12.03.2025"]})
    >>> table, rows, findings = canonical("reviews", filled)
    >>> table, rows["status"].tolist(), str(rows["occurred_at"][0])
    ('touchpoints', ['cancelled'], '2025-03-12 00:00:00+00:00')
    """
    if sheet not in SHEETS:
        raise UsageError("sheet", "the name of a sheet", repr(sheet), did_you_mean(sheet, SHEETS))
    declared = SHEETS[sheet]
    bound = bound_columns(declared, [text_of(name) for name in frame.columns])
    lines = _lines(frame, bound, range(2, len(frame) + 2) if rows is None else rows)
    read, found = _read(declared, lines, dialect or Dialect())
    asked = {place: row for place, row in read.items() if not _is_example(declared, lines[place], row)}
    problems = {place: told for place, row in asked.items() if (told := _problem(declared, row))}
    good = {place: settled(declared, row) for place, row in asked.items() if place not in problems}
    result = _framed(declared, good)
    clashes = _clashes(TABLES[declared.table], result)
    findings = [
        _left_out(sheet, len(asked), {**problems, **clashes}),
        extra_columns(sheet, frame, bound),
        None if found.plain else Finding("HF003", sheet, 1, str(found)),
    ]
    kept = result.drop(index=list(clashes)).sort_values([ACCOUNT, NOTED, SOURCE_ID], kind="stable", ignore_index=True)
    return declared.table, kept, [one for one in findings if one is not None]


def _lines(frame: pd.DataFrame, bound: Mapping[str, int], numbers: Sequence[int]) -> dict[int, Line]:
    """Give the rows that have a filled cell, by their number."""
    columns = {to: frame.iloc[:, place].astype(object).tolist() for to, place in bound.items()}
    lines = {number: {to: cells[i] for to, cells in columns.items()} for i, number in enumerate(numbers)}
    return {number: line for number, line in lines.items() if any(map(text_of, line.values()))}


def _read(sheet: Sheet, lines: Mapping[int, Line], dialect: Dialect) -> tuple[dict[int, Read], Dialect]:
    if not lines:
        return {}, dialect
    columns = [sheet.column(to) for to in next(iter(lines.values()))]
    own = [line for line in lines.values() if not _marked(line)]
    dialect = dialect_of([(column, [line[column.to] for line in own]) for column in columns], dialect)
    values = {
        column.to: read_cells(column, [line[column.to] for line in lines.values()], dialect) for column in columns
    }
    return {place: {to: cells[i] for to, cells in values.items()} for i, place in enumerate(lines)}, dialect


def _marked(line: Mapping[str, object]) -> bool:
    return fold(text_of(line[ACCOUNT])) == fold(EXAMPLE)


def _is_example(sheet: Sheet, line: Line, row: Read) -> bool:
    """Tell the example row from one that somebody has begun to write over."""
    if not _marked(line):
        return False
    examples = {to: sheet.column(to).example for to in line}
    values = {to: read_cells(sheet.column(to), [examples[to]], Dialect())[0] for to in line}
    return all(text_of(line[to]) == examples[to] or row[to] == values[to] for to in line)


def _problem(sheet: Sheet, row: Read) -> str:
    """Say why a row cannot be read, empty when it can."""
    bad = [f"{sheet.column(to).header} {value}" for to, value in row.items() if isinstance(value, Bad)]
    if bad:
        return "; ".join(bad)
    if fold(str(row[ACCOUNT])) == fold(EXAMPLE):
        return f"the account is still {EXAMPLE!r}"
    empty = [column.header for column in sheet.needed if row.get(column.to) is None]
    if empty:
        return f"no {', no '.join(empty)}"
    lacking = (group for group in sheet.alternatives if all(row.get(to) is None for to in group))
    return next((f"no {' and no '.join(sheet.column(to).header for to in group)}" for group in lacking), "")


def settled(sheet: Sheet, read: Mapping[str, Value | Bad]) -> Row:
    """Set both clocks of a row.

    It was known on the day it was noted. Left empty, and where a row that tells what has happened claims to be older
    than that, it counts as known when it happened, on the ground ``assumed``. A date that is a plan goes to
    ``scheduled_at``, and happens when it is noted, if that comes first.
    """
    row: Row = {to: None if isinstance(value, Bad) else value for to, value in read.items()}
    first, plan = sheet.happens[0], row.get("status") in sheet.planned
    own, noted = (_instant(row, to) for to in (first, NOTED))
    happened = next(date for to in (*sheet.happens, NOTED) if (date := _instant(row, to)) is not None)
    known, basis = (happened, "assumed") if noted is None else (noted, "created")
    if known < happened and not (sheet.ahead or plan):
        basis = basis if known == happened.normalize() else "assumed"  # noted on the same day, without an hour
        known = happened
    row |= {NOTED: known, "known_basis": basis}
    if len(sheet.happens) == 1:
        row[first] = min(happened, known) if plan else happened
    if plan:
        row["scheduled_at"] = own
    return row


def _instant(row: Row, to: str) -> pd.Timestamp | None:
    value = row.get(to)
    return value if isinstance(value, pd.Timestamp) else None


def _framed(sheet: Sheet, rows: Mapping[int, Row]) -> pd.DataFrame:
    """Lay rows out in the order and the types of the canonical table, named by their content."""
    table = TABLES[sheet.table]
    plans = {"scheduled_at"} if sheet.planned else set()
    own = {"source", SOURCE_ID, "known_basis", *sheet.fixed, *plans, *(column.to for column in sheet.columns)}
    constant = {"source": SOURCE, **sheet.fixed}
    full = [{**row, **constant, SOURCE_ID: f"{sheet.name}-{_digest(row)}"} for row in rows.values()]
    columns = {
        name: pd.Series([row.get(name) for row in full], index=list(rows), dtype="object").astype(_DTYPES[column.kind])
        for name, column in table.columns.items()
        if name in own
    }
    return named(sheet.table, pd.DataFrame(columns, index=list(rows)))


def _digest(row: Row) -> str:
    content = {to: text_of(value) for to, value in row.items() if value is not None}
    return sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


def named(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Name the goals and budgets of these sheets by their account; to be done again once ``account_id`` is resolved.

    Examples
    --------
    >>> goals = pd.DataFrame({"source": [SOURCE], "account_id": ["A1"], "name": ["Save  Time"]})
    >>> named("goals", goals)["goal_id"].tolist()
    ['A1/save time']
    """
    if table not in ("goals", "deals"):
        return frame
    rest = frame["name"] if table == "goals" else pd.Series("budget", index=frame.index)
    names = [
        f"{account}/{' '.join(str(one).casefold().split())}" for account, one in zip(frame[ACCOUNT], rest, strict=True)
    ]
    column = "goal_id" if table == "goals" else "deal_id"
    ours = frame["source"] == SOURCE
    before = frame[column] if column in frame else pd.Series(None, index=frame.index, dtype="str")
    return frame.assign(**{column: before.mask(ours, pd.Series(names, index=frame.index, dtype="str"))})


def _clashes(table: Table, frame: pd.DataFrame) -> dict[int, str]:
    """Find rows that say different things of the same thing on the same day: none of them can be the right one."""
    key = [*(name for name in table.key if name in frame), NOTED]
    several = frame.groupby(key, dropna=False)[SOURCE_ID].transform("nunique") > 1
    groups = frame[several].groupby(key, dropna=False, sort=False).groups.values()
    return {
        int(
            place
        ): f"says otherwise than row {', '.join(str(other) for other in places if other != place)}, on the same day"
        for places in groups
        for place in places
    }


def _left_out(sheet: str, rows: int, problems: Mapping[int, str]) -> Finding | None:
    if not problems:
        return None
    told = "; ".join(f"row {place}: {problems[place]}" for place in sorted(problems)[:_MOST])
    more = f"; and {len(problems) - _MOST} more" if len(problems) > _MOST else ""
    return Finding("HF045", sheet, len(problems), f"{len(problems)} of {rows} rows were left out: {told}{more}")
