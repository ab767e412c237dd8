"""Progress bars on standard error for anything that lasts, silent when nobody watches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
    """Iterate with a bar that shows after two seconds, and only on a terminal.

    Examples
    --------
    >>> list(progress([1, 2], "counting"))
    [1, 2]
    """
    yield from tqdm(items, desc=label, total=total, delay=2, leave=False, disable=None)
