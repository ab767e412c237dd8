"""Headers bound to the columns of a sheet by their name, in any order; and which sheet a header belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from holdfast.errors import DataError, did_you_mean
from holdfast.features.sheets.cells import shown, text_of
from holdfast.features.sheets.sheet import ACCOUNT, NOTED, Sheet, SheetColumn, fold
from holdfast.features.sheets.sheets import SHEETS
from holdfast.findings import Finding

_MOST = 20


def recognise(columns: Sequence[str]) -> str | None:
    """Tell which sheet a header belongs to, or None.

    It has every column that the sheet cannot do without, and the day on which a row was noted or half of all columns.
    A header with ``account_id``, written so, is that of a canonical table.

    Examples
    --------
    >>> recognise(["Noted on", "account", "Status", "Held on", "CSM", "Internal"])
    'reviews'
    >>> recognise(["account_id", "goal_id", "name", "metric", "status"]) is None
    True
    """
    shares = {name: _share(sheet, columns) for name, sheet in SHEETS.items()}
    best = max(shares, key=lambda name: shares[name])
    plain = ACCOUNT in (header.strip().lower() for header in columns)
    return best if shares[best] and not plain else None


def _share(sheet: Sheet, columns: Sequence[str]) -> float:
    """Give the share of a sheet's columns that a header has, 0 when it does not have to be that of the sheet."""
    found = _matches(sheet, columns)
    share = len(found) / len(sheet.columns)
    return share if not _lacking(sheet, found) and (NOTED in found or share >= 0.5) else 0.0


def _matches(sheet: Sheet, columns: Sequence[str]) -> dict[str, list[int]]:
    """Give for each canonical column the places of its own header, else of one that means the same."""
    places: dict[str, list[int]] = {}
    for i, header in enumerate(columns):
        places.setdefault(fold(header), []).append(i)
    ways = {column.to: (column.header, *column.also) for column in sheet.columns}
    own = {to: places.get(fold(names[0]), []) for to, names in ways.items()}
    meant = {
        to: [i for name in dict.fromkeys(map(fold, names[1:])) for i in places.get(name, [])]
        for to, names in ways.items()
    }
    return {to: found for to in ways if (found := own[to] or meant[to])}


def _lacking(sheet: Sheet, found: Mapping[str, object]) -> list[str]:
    """Name the headers that are absent and cannot be."""
    lacking = [column.header for column in sheet.needed if column.to not in found]
    groups = (group for group in sheet.alternatives if not any(to in found for to in group))
    return [*lacking, *(" or ".join(sheet.column(to).header for to in group) for group in groups)]


def bound_columns(sheet: Sheet, columns: Sequence[str]) -> dict[str, int]:
    """Give for each canonical column the place of its header.

    Raises
    ------
    DataError
        When a header is there twice, or one is absent that cannot be.
    """
    where, found = f"sheet {sheet.title}", _matches(sheet, columns)
    twice = [f"{' and '.join(shown(columns[i]) for i in places)}" for places in found.values() if len(places) > 1]
    if twice:
        raise DataError(where, "each column once", "; ".join(twice), "remove or rename one of them")
    lacking = _lacking(sheet, found)
    if lacking:
        bound = {place for places in found.values() for place in places}
        spare = [name for i, name in enumerate(columns) if i not in bound and name]
        hints = (
            "; ".join(f"for {name} {did_you_mean(name, spare)}" for name in lacking) if spare else "see the template"
        )
        expected = f"the columns {', '.join(map(_said, sheet.columns))}"
        raise DataError(where, expected, f"no {', no '.join(lacking)}", f"add or rename: {hints}")
    return {to: places[0] for to, places in found.items()}


def _said(column: SheetColumn) -> str:
    return column.header if column.needed else f"[{column.header}]"


def extra_columns(sheet: str, frame: pd.DataFrame, bound: Mapping[str, int]) -> Finding | None:
    """Tell of filled columns that no header of the sheet binds."""
    spare = sorted(set(range(frame.shape[1])) - set(bound.values()))
    filled = [i for i in spare if any(map(text_of, frame.iloc[:, i].astype(object).tolist()))]
    if not filled:
        return None
    names = [shown(name) if (name := text_of(frame.columns[i])) else f"column {i + 1} without a header" for i in filled]
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return Finding("HF046", sheet, len(filled), f"columns left unread: {', '.join(names[:_MOST])}{more}")
