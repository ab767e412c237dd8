"""Canonical files that hold texts, written again with their mood in place of the words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.features.history.defaults import blank_undated, date_rows
from holdfast.features.history.tables import TABLES
from holdfast.features.sentiment.moods import TEXTS, Moods
from holdfast.features.sentiment.step import moods_of
from holdfast.findings import Finding


def without_words(folder: Path, how: Moods) -> list[Finding]:
    """Read the mood of the texts in the Parquet files of a folder, and write the files again without them.

    Every other column keeps its values, its type and its order.
    """
    paths = {name: folder / f"{name}.parquet" for name in TEXTS}
    tables = {name: pq.read_table(path) for name, path in paths.items() if path.is_file()}
    spoken = {name: table for name, table in tables.items() if set(TEXTS[name]) & set(table.column_names)}
    told, findings = moods_of({name: _dated(name, table) for name, table in spoken.items()}, how)
    for name, table in spoken.items():
        kept = table.drop_columns([column for column in TEXTS[name] if column in table.column_names])
        if "sentiment" in told[name]:
            mood = pa.array(told[name]["sentiment"], pa.float64(), from_pandas=True)
            there = kept.column_names.index("sentiment") if "sentiment" in kept.column_names else -1
            kept = kept.set_column(there, "sentiment", mood) if there >= 0 else kept.append_column("sentiment", mood)
        pq.write_table(kept, paths[name], compression="zstd")
    return findings


def _dated(name: str, table: pa.Table) -> pd.DataFrame:
    """Date the rows as they will be dated when they are read, and blank what nothing dates."""
    frame: pd.DataFrame = table.to_pandas()
    for column in TABLES[name].columns.values():
        if column.kind == "time" and column.name in frame:
            frame[column.name] = pd.to_datetime(frame[column.name], utc=True)
    flags = np.zeros(len(frame), dtype=np.uint16)
    date_rows(TABLES[name], frame, flags)
    blank_undated(TABLES[name], frame, flags)
    return frame
