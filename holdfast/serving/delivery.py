"""The files of a run: the same scores as Parquet for machines, CSV and Excel for people, a queue, and a form.

Text that a spreadsheet would run as a formula is made inert in CSV and Excel; Parquet stays raw. The same scores give
the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.serving.columns import kind
from holdfast.serving.feedback.form import ASKED
from holdfast.serving.inert import inert
from holdfast.serving.scoring import Scores
from holdfast.serving.workbook import write_workbook

if TYPE_CHECKING:
    from holdfast.serving.report import Page

_FORM = ("run_id", "account_id", "account_name", "csm", "health", "band", "driver_1", "driver_2", "driver_3")


def write_scores(scores: Scores, folder: Path, about: dict[str, Any], page: Page, queue: pd.DataFrame) -> None:
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
    """
    rows = scores.frame()
    (folder / "scores.parquet").write_bytes(parquet(rows))
    scores.reasons.to_parquet(folder / "drivers.parquet", index=False)
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
    spreadsheet(rows).to_csv(path, index=False, float_format="%.10g", lineterminator="\n", encoding="utf-8")


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
