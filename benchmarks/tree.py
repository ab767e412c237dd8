"""A process and those it started: who they are, and the most memory they held together."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType


def descendants(pid: int) -> list[int]:
    """List the processes that one has started, and those that they have."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [one for child in map(int, text.split()) for one in (child, *descendants(child))]


def held(pid: int) -> float:
    """Give the megabytes that a process holds; what several share is shared out among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


class Watch:
    """Look several times a second at what a process and its own hold together."""

    def __init__(self, pid: int, every: float = 0.25) -> None:
        self.pid, self.every, self.most = pid, every, 0.0
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
            self.most = max(self.most, sum(map(held, (self.pid, *descendants(self.pid)))))
