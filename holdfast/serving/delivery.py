"""The files of a run: the same scores as Parquet for machines, CSV and Excel for people, a queue, and a form.

Text that a spreadsheet would run as a formula is made inert in CSV and Excel; Parquet stays raw. The same scores give
the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from holdfast.serving.columns import cut, kind
from holdfast.serving.feedback.form import ASKED
from holdfast.serving.inert import inert
from holdfast.serving.scoring import Scores
from holdfast.serving.workbook import write_workbook

if TYPE_CHECKING:
    from holdfast.serving.report import Page

_FORM = ("run_id", "account_id", "account_name", "csm", "health", "band", "driver_1", "driver_2", "driver_3")


def write_scores(
    scores: Scores,
    folder: Path,
    about: dict[str, Any],
    page: Page,
    queue: pd.DataFrame,
    reasons: Iterable[pd.DataFrame] | None = None,
) -> None:
    """Write the scores into a folder: for machines, for people, the queue, and the form that people fill in.

    These are ``scores.parquet``, ``scores.csv``, ``scores.xlsx``, ``drivers.parquet``, ``alerts.parquet``,
    ``queue.csv`` and ``feedback.csv``.

    Parameters
    ----------
    about
        What the last sheet of the workbook says of the run.
    page
        What is told beside the scores, in the report as in the workbook.
    queue
        Whom to call, in the order of work, see `holdfast.serving.queue.week.Queue`.
    reasons
        Those of all accounts, some at a time; by default those of the scores.
    """
    rows = scores.frame()
    (folder / "scores.parquet").write_bytes(parquet(rows))
    _write_parts((scores.reasons,) if reasons is None else reasons, folder / "drivers.parquet")
    scores.alerts.to_parquet(folder / "alerts.parquet", index=False)
    write_csv(rows, folder / "scores.csv")
    write_csv(queue, folder / "queue.csv")
    write_csv(rows[list(_FORM)].assign(**dict.fromkeys(ASKED, "")), folder / "feedback.csv")
    write_workbook(folder / "scores.xlsx", rows, queue, about, page)


def parquet(rows: pd.DataFrame) -> bytes:
    """Write scores as Parquet: the bytes by which one tells whether they are the same."""
    return rows.to_parquet(None, index=False)


def write_csv(rows: pd.DataFrame, path: Path) -> None:
    """Write a table for spreadsheets: UTF-8, dates as ``2026-06-30``, ten significant digits, inert text."""
    how: dict[str, Any] = {"index": False, "float_format": "%.10g", "lineterminator": "\n"}
    with path.open("w", encoding="utf-8", newline="") as file:
        for part in cut(rows):
            spreadsheet(part).to_csv(file, header=file.tell() == 0, **how)


def _write_parts(parts: Iterable[pd.DataFrame], path: Path) -> None:
    """Write successive rows into one file, in groups of the same size however they come."""
    with ExitStack() as stack:
        writer = None
        for group in _groups(parts):
            table = pa.Table.from_pandas(group, preserve_index=False)
            writer = writer or stack.enter_context(ParquetWriter(path, table.schema))
            writer.write_table(table)


def _groups(parts: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Yield successive rows in frames of one size, the last one shorter; an empty one, where there is none."""
    held = pd.DataFrame()
    for part in parts:
        held = pd.concat([one for one in (held, part) if len(one)] or [part], ignore_index=True)
        *whole, held = cut(held)
        yield from whole
    yield held


def spreadsheet(rows: pd.DataFrame) -> pd.DataFrame:
    """Turn times into ISO text and make other text inert; numbers stay numbers."""
    out = rows.copy()
    for column in out.columns:
        if kind(column) == "time":
            out[column] = _written(out[column], _iso)
        elif not pd.api.types.is_numeric_dtype(out[column]):
            out[column] = _written(out[column], lambda value: inert(str(value)))
    return out


def _written(column: pd.Series, write: Callable[[Any], str]) -> list[str]:
    """Write each value of a column once, however often it is there."""
    codes, values = pd.factorize(column, use_na_sentinel=False)
    told = [write(value) for value in values]
    return [told[code] for code in codes]


def _iso(value: Any) -> str:
    if pd.isna(value):
        return ""
    return str(value.strftime("%Y-%m-%d" if value == value.floor("D") else "%Y-%m-%dT%H:%M:%SZ"))
