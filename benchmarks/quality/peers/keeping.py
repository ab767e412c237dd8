"""Keep what a rival said of a split, so that it is not asked again while rows, labels and settings stay the same."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pandas as pd

from benchmarks.quality.peers.splits import Split

Answer = Callable[[Split], pd.DataFrame]  # probabilities of the test rows, one column per horizon


def kept(name: str, answer: Answer, folder: Path) -> Answer:
    """Wrap a model: its answers lie in a folder, a file for each split, named by what was asked.

    Parameters
    ----------
    name
        The model with its settings; part of the file's name.
    """

    def told(split: Split) -> pd.DataFrame:
        place = folder / f"{name}-{fingerprint(split)[:16]}.parquet"
        if place.exists():
            return pd.read_parquet(place).set_axis(split.learned.columns, axis=1).set_axis(split.test.index)
        found = answer(split)
        folder.mkdir(parents=True, exist_ok=True)
        half = place.with_suffix(".half")
        found[split.learned.columns].rename(columns=str).reset_index(drop=True).to_parquet(half)
        half.replace(place)
        return found

    return told


def fingerprint(split: Split) -> str:
    """Hash rows and labels of a split, in their order."""
    told = sha256()
    for frame in (split.train, split.test, split.learned, *(split.buyers or ())):
        told.update(repr([str(name) for name in frame]).encode())
        told.update(pd.util.hash_pandas_object(frame, index=True).to_numpy().tobytes())
    return told.hexdigest()
