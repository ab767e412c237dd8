"""holdfast: the store is built from the landed tables, once; later days are appended."""

from __future__ import annotations

import shutil
from pathlib import Path

from holdfast.features.history.history import History


def run(folder: Path) -> None:
    store = folder / "store"
    shutil.rmtree(store, ignore_errors=True)
    History.build(folder / "history", store)


def write(result: None, out: Path) -> None:
    """Leave nothing but the store."""
