"""A filled form, read back: all that it says, or what cannot be read, by row and column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.sheets.cells import dialect_of, read_cells, shown, text_of
from holdfast.features.sheets.reading import grids
from holdfast.features.sheets.sheet import fold
from holdfast.serving.feedback.desk import Desk, Row
from holdfast.serving.feedback.entry import Entry
from holdfast.serving.feedback.form import ASKED, COLUMNS
from holdfast.serving.headings import text, title, titled

if TYPE_CHECKING:
    from holdfast.features.sheets.reading import Grid

_SAYING = ASKED.keys() - {"author"}
_MEANT = "did you mean"
_HEAD = 20  # rows in which a header may stand
_WAYS = {fold(way): name for name, one in COLUMNS.items() for way in (one.header, *one.also)}


def _bare(header: str) -> str:
    """Fold a header, its horizon apart."""
    return re.sub(r"\d", "", fold(header))


_OURS = {_bare(way) for name in (*titled(), "p90") for way in (name, title(name, "en"), title(name, "de"))}


@dataclass(frozen=True)
class Problem:
    """A cell that cannot be read."""

    where: str
    row: int
    column: str
    found: str
    expected: str


@dataclass(frozen=True)
class Filled:
    """What a file says.

    Attributes
    ----------
    entries
        Each once, in the order of the file.
    problems
        What cannot be read; with any of it, nothing of the file counts.
    unread
        Filled columns that nobody asked for.
    """

    entries: Sequence[Entry]
    problems: Sequence[Problem]
    unread: Sequence[str]


@dataclass(frozen=True)
class _Sheet:
    """One sheet of the form: the rows that say something, by number, and how its columns are called."""

    where: str
    rows: Mapping[int, Row]
    called: Mapping[str, str]
    unread: Sequence[str]


def read_form(path: Path, desk: Desk) -> Filled:
    """Read a workbook or a CSV file of whatever dialect, in either language; rows that say nothing are passed over.

    Raises
    ------
    UsageError
        When there is no such file.
    DataError
        When it cannot be read, none of its sheets has the columns of the form, or it says nothing but in a column that
        is called nearly like one of them.
    """
    if not path.is_file():
        raise UsageError(str(path), "a filled file of a run", "no such file", "correct the path")
    found = list(grids(path, [way for one in COLUMNS.values() for way in (one.header, *one.also)]))
    sheets = [_sheet(grid, *head) for grid in found if (head := _head(grid))]
    if not sheets:
        raise _no_form(path, found)
    entries: list[tuple[Entry, tuple[str, int]]] = []
    problems: list[Problem] = []
    for sheet in sheets:
        for number, row in sheet.rows.items():
            for one in desk.take(row):
                if isinstance(one, Entry):
                    entries.append((one, (sheet.where, number)))
                else:
                    called = sheet.called.get(one.column) or title(one.column, "en")
                    problems.append(Problem(sheet.where, number, called, one.found, one.expected))
    problems += _contradictions(entries)
    unread = [name for sheet in sheets for name in sheet.unread]
    if not entries and not problems:
        _refuse_lost(path, unread)
    return Filled(list({one.id: one for one, _ in entries}.values()), problems, unread)


def _head(grid: Grid) -> tuple[int, dict[str, int]] | None:
    """Find the header: the row that names the account and something that is asked."""
    for number in list(grid.rows)[:_HEAD]:
        names = [_WAYS.get(fold(text_of(cell))) for cell in grid.rows[number]]
        bound = {name: names.index(name) for name in dict.fromkeys(names) if name is not None}
        if "account_id" not in bound or not bound.keys() & _SAYING:
            continue
        twice = next((name for name in bound if name in ASKED and names.count(name) > 1), None)
        if twice is not None:
            found = f"{shown(grid.rows[number][bound[twice]])} twice"
            raise DataError(f"{grid.where}, row {number}", "each column once", found, "remove one of them")
        return number, bound
    return None


def _sheet(grid: Grid, head: int, bound: Mapping[str, int]) -> _Sheet:
    asked = [place for name, place in bound.items() if name in _SAYING]
    below = {number: cells for number, cells in grid.rows.items() if number > head}
    said = {number: cells for number, cells in below.items() if any(text_of(_at(cells, one)) for one in asked)}
    columns = {name: [_at(cells, place) for cells in said.values()] for name, place in bound.items()}
    dialect = dialect_of([(COLUMNS[name], cells) for name, cells in columns.items()], grid.dialect)
    if dialect.doubts:
        expected, do = "figures and dates that read in one way", "write dates as 2026-03-31, figures without thousands"
        raise DataError(grid.where, expected, dialect.doubts[0], do)
    values = {name: read_cells(COLUMNS[name], cells, dialect) for name, cells in columns.items()}
    rows = {number: {name: cells[i] for name, cells in values.items()} for i, number in enumerate(said)}
    header = [text_of(cell) for cell in grid.rows[head]]
    foreign = {
        i: name for i, name in enumerate(header) if name and i not in bound.values() and _bare(name) not in _OURS
    }
    filled = [name for i, name in foreign.items() if _filled(below.values(), i)]
    unread = ["; ".join(filter(None, [f"{grid.where}, {shown(name)}", _meant(name, _SAYING)])) for name in filled]
    return _Sheet(grid.where, rows, {name: header[place] for name, place in bound.items()}, unread)


def _at(cells: Sequence[object], place: int) -> object:
    return cells[place] if place < len(cells) else None


def _filled(rows: Iterable[Sequence[object]], place: int) -> bool:
    return any(text_of(_at(cells, place)) for cells in rows)


def _contradictions(entries: Sequence[tuple[Entry, tuple[str, int]]]) -> Iterator[Problem]:
    """Yield what a file says of one account in two ways, at the row that says the last of them."""
    ways: dict[tuple[str, str], dict[str, tuple[str, int]]] = {}
    for one, place in entries:
        ways.setdefault((one.account_id, one.kind), {}).setdefault(one.id, place)
    for (account, kind), places in ways.items():
        *before, (where, row) = places.values()
        if before:
            others = " and ".join(f"row {n}" if at == where else f"{at}, row {n}" for at, n in before)
            yield Problem(where, row, kind, f"{account} otherwise than in {others}", "one of them")


def _refuse_lost(path: Path, unread: Sequence[str]) -> None:
    """Refuse a file that says nothing but in a column that may be meant for one of the form."""
    for one in unread:
        place, _, meant = one.rpartition("; ")
        if meant.startswith(_MEANT):
            raise DataError(str(path), "something said in the columns of the form", f"nothing but in {place}", meant)


def _no_form(path: Path, found: Iterable[Grid]) -> DataError:
    there = {text_of(cell) for grid in found for number in list(grid.rows)[:_HEAD] for cell in grid.rows[number]}
    spare = (one for one in sorted(there) if _bare(one) not in _OURS)
    meant = (f"{shown(one)}: {near}" for one in spare if (near := _meant(one, COLUMNS)))
    names = ("account_id", *ASKED)
    expected = f"the columns {', '.join(title(name, 'en') for name in names)}"
    do = next(meant, text("fill", "en"))
    return DataError(str(path), expected, "no sheet that has the first of them and another", do)


def _meant(header: str, names: Iterable[str]) -> str:
    """Ask whether one of these columns is meant, where a header is nearly called like it."""
    near = did_you_mean(header, [way for name in names for way in (name, *COLUMNS[name].also)])
    return near if near.startswith(_MEANT) else ""
