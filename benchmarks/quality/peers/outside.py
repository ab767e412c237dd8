"""Ask a peer in its own process: rows go out as Parquet files, probabilities come back as one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.speed.environments import environment

Floats = NDArray[np.float64]


class PeerFailed(Exception):
    """A peer that is installed ended without an answer."""


def ask(
    python: Path, module: str, train: pd.DataFrame, y: Floats, test: pd.DataFrame, settings: Mapping[str, Any]
) -> Floats:
    """Fit a peer to rows and give its probabilities for others.

    Parameters
    ----------
    train, test
        Text columns may be categorical. The first level of the index is the account.
    settings
        Plain values for the peer; ``words``, the names of the text columns, are added.

    Raises
    ------
    PeerFailed
        With the last line it said.
    """
    words = [str(name) for name in train if not pd.api.types.is_numeric_dtype(train[name])]
    account = pd.factorize(train.index.get_level_values(0))[0]
    with TemporaryDirectory(prefix="holdfast-peer-") as place:
        folder = Path(place)
        _write(_plain(train, words).assign(_y=y, _account=account), folder / "train.parquet")
        _write(_plain(test, words), folder / "test.parquet")
        (folder / "settings.json").write_text(json.dumps({**settings, "words": words}), encoding="utf-8")
        command = [str(python), "-m", "benchmarks.quality.peers.child", module, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), cwd=folder)
        if done.returncode:
            raise PeerFailed((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
        told: Floats = pd.read_parquet(folder / "told.parquet")["p"].to_numpy(dtype=float)
    if not np.isfinite(told).all():
        raise PeerFailed(f"{int((~np.isfinite(told)).sum())} of {len(told)} probabilities are missing")
    return told


def _plain(frame: pd.DataFrame, words: list[str]) -> pd.DataFrame:
    return frame.astype({str(name): object if name in words else "float64" for name in frame})


def _write(frame: pd.DataFrame, path: Path) -> None:
    """Write without what pandas notes of its own types: the peers read with older releases."""
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None), path)
