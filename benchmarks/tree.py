"""The most memory that a process and those it started held together."""

from __future__ import annotations

import threading
from contextlib import suppress
from types import TracebackType

import psutil


def held(process: psutil.Process) -> float:
    """Give the megabytes that a process and its own hold; what several share is shared out among them."""
    found = 0
    with suppress(psutil.Error):
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                found += one.memory_full_info().pss
    return found / 2**20


class Watch:
    """Look several times a second at what a process and its own hold together."""

    def __init__(self, pid: int, every: float = 0.25) -> None:
        self.process, self.every, self.most = psutil.Process(pid), every, 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(self.every):
            self.most = max(self.most, held(self.process))
