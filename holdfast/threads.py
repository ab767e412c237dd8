"""Threads: how many numerical libraries may use, and how many cores there are."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep numerical libraries to one thread: how many share a sum shows in its last digits, and so in the hash."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
