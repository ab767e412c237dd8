"""One peer in a process of its own: rows to learn from and rows to predict in, probabilities out.

The environments of the peers run this, so it needs no more than pandas.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd


def main() -> None:
    module, folder = sys.argv[1], Path(sys.argv[2])
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    train, test = (_text(pd.read_parquet(folder / f"{name}.parquet"), settings["words"]) for name in ("train", "test"))
    y, account = train.pop("_y").to_numpy(), train.pop("_account").to_numpy()
    peer = import_module(f"benchmarks.quality.peers.{module}")
    p = peer.fit_predict(train, y, account, test, settings)
    pd.DataFrame({"p": np.asarray(p, dtype=float)}).to_parquet(folder / "told.parquet", index=False)


def _text(frame: pd.DataFrame, words: list[str]) -> pd.DataFrame:
    for name in words:
        frame[name] = frame[name].astype(object).where(frame[name].notna(), "missing").astype(str).astype(object)
    return frame


if __name__ == "__main__":
    main()
