"""What is made once in a session, however many workers run the tests: the first that asks makes it, the others wait."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.safely import locked


def made_once(place: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Give a folder that all workers share, to be copied or read; it is there whole, or not at all.

    Parameters
    ----------
    make
        Fills a folder that is not there yet.
    """
    base = place.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, draft = root / f"once-{name}", root / f"draft-{name}"
    with (root / f"{name}.lock").open("a+") as handle:
        while not locked(handle):
            time.sleep(0.05)
        if not folder.exists():
            if draft.exists():  # left by one that failed
                shutil.rmtree(draft)
            make(draft)
            draft.rename(folder)
    return folder
