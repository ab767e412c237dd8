"""Canonical files that hold texts, written again with their mood in place of the words."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

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
    if not spoken:
        return []
    frames = {name: table.to_pandas() for name, table in tables.items()}
    for frame in frames.values():
        frame["known_at"] = pd.to_datetime(frame["known_at"], utc=True)
    told, findings = moods_of(frames, how)
    for name, table in spoken.items():
        kept = table.drop_columns([column for column in TEXTS[name] if column in table.column_names])
        if "sentiment" in told[name]:
            mood = pa.array(told[name]["sentiment"], pa.float64(), from_pandas=True)
            there = kept.column_names.index("sentiment") if "sentiment" in kept.column_names else -1
            kept = kept.set_column(there, "sentiment", mood) if there >= 0 else kept.append_column("sentiment", mood)
        pq.write_table(kept, paths[name], compression="zstd")
    return findings
