"""Write a simulated company to files, part by part, so that a million accounts need no more memory than a few."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.errors import UsageError
from holdfast.features.simulate import latent
from holdfast.features.simulate import world as law
from holdfast.features.simulate.company import Day, simulate_frames, to_midnight
from holdfast.features.simulate.scenario import Scenario
from holdfast.progress import progress

__all__ = ["PART", "write_company"]

PART = 2_500  # accounts that are drawn together; part and seed decide what they are
Format = Literal["parquet", "csv"]


def write_company(
    folder: str | Path,
    accounts: int = 2_000,
    seed: int = 0,
    months: int = 36,
    end: Day = "2026-01-01",
    format: Format = "parquet",
    scenario: Scenario | None = None,
) -> Path:
    """Write a simulated company: canonical tables to ``folder/history``, the truth to ``folder/truth``.

    Nothing else reads the truth; ``law.json`` beside it names the weights of the churn law. More than 2,500 accounts
    are written in parts of that many. A table without a row, such as the exits where nobody left, is not written.

    Returns
    -------
    Path
        The folder of the canonical tables, ready for ``History.read``.

    Raises
    ------
    UsageError
        For a format that is neither ``parquet`` nor ``csv``.
    """
    if format not in ("parquet", "csv"):
        raise UsageError("write_company, format", "'parquet' or 'csv'", repr(format), "choose one of them")
    history, apart = Path(folder) / "history", Path(folder) / "truth"
    for path in (history, apart):
        path.mkdir(parents=True, exist_ok=True)
    terms = scenario or Scenario()
    sheets: dict[Path, _Sheet] = {}
    for tables, truth in _parts(accounts, seed, months, end, terms):
        for name, frame in ((name, frame) for name, frame in tables.items() if len(frame)):
            path = history / f"{name}.{format}"
            sheets.setdefault(path, _Sheet(path, format)).add(frame)
        path = apart / "states.parquet"
        sheets.setdefault(path, _Sheet(path, "parquet")).add(truth)
    for sheet in sheets.values():
        sheet.close()
    (apart / "law.json").write_text(json.dumps(_law(seed, end, terms), indent=2) + "\n", encoding="utf-8")
    return history


class _Sheet:
    """A table file that grows by frames."""

    def __init__(self, path: Path, format: str) -> None:
        self.path, self.format = path, format
        self.writer: pq.ParquetWriter | None = None
        self.begun = False

    def add(self, frame: pd.DataFrame) -> None:
        if self.format == "csv":
            with self.path.open("a" if self.begun else "w", encoding="utf-8", newline="") as sheet:
                frame.to_csv(sheet, index=False, date_format="%Y-%m-%dT%H:%M:%SZ", header=not self.begun)
        else:
            table = pa.table({str(name): _arrow(frame[name]) for name in frame})
            self.writer = self.writer or pq.ParquetWriter(self.path, table.schema, compression="zstd")
            self.writer.write_table(table.cast(self.writer.schema))
        self.begun = True

    def close(self) -> None:
        if self.writer:
            self.writer.close()


def _arrow(series: pd.Series) -> pa.Array:
    if not isinstance(series.dtype, pd.DatetimeTZDtype):
        return pa.array(series, from_pandas=True)
    return pa.array(series.dt.tz_convert(None).to_numpy(), pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))


def _parts(
    accounts: int, seed: int, months: int, end: Day, scenario: Scenario
) -> Iterator[tuple[dict[str, pd.DataFrame], pd.DataFrame]]:
    if accounts <= PART:
        yield simulate_frames(accounts, seed, months, end, scenario)
        return
    starts = range(0, accounts, PART)
    for number, first in enumerate(progress(starts, "accounts", len(starts))):
        tables, truth = simulate_frames(min(PART, accounts - first), (seed, number), months, end, scenario)
        yield {name: _told_apart(frame, number) for name, frame in tables.items()}, _told_apart(truth, number)


def _told_apart(frame: pd.DataFrame, part: int) -> pd.DataFrame:
    """Let ids begin with the number of their part, since each part counts from one."""
    ids = [name for name in frame if str(name).endswith("_id")]
    return frame.assign(**{str(name): f"{part:03d}-" + frame[name] for name in ids})


def _law(seed: int, end: Day, scenario: Scenario) -> dict[str, object]:
    return {
        "seed": seed,
        "end": str(to_midnight(end)),
        "weights": dict(zip(law.SEGMENTS, law.WEIGHTS.tolist(), strict=True)),
        "dimensions": latent.DIMENSIONS,
        "intercept": dict(zip(law.SEGMENTS, law.INTERCEPT.tolist(), strict=True)),
        "term_step": law.TERM_STEP,
        "sponsor": law.SPONSOR,
        "early": law.EARLY,
        "scenario": asdict(scenario),
    }
