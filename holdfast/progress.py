"""Progress bars on standard error for anything that lasts, silent when nobody watches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"


def progress(items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
    """Iterate with a bar that shows after two seconds, and only on a terminal.

    Examples
    --------
    >>> list(progress([1, 2], "counting"))
    [1, 2]
    """
    yield from tqdm(items, desc=label, total=total, delay=2, leave=False, disable=None)


def weighted(items: Iterable[Item], weights: Sequence[float], label: str) -> Iterator[Item]:
    """Do the same where items take unequally long: the bar moves by the weight of an item once it is done.

    Examples
    --------
    >>> list(weighted(["small", "large"], [1.0, 9.0], "working"))
    ['small', 'large']
    """
    with tqdm(total=sum(weights), desc=label, delay=2, leave=False, disable=None, bar_format=_BAR) as bar:
        for item, weight in zip(items, weights, strict=True):
            yield item
            bar.update(weight)
