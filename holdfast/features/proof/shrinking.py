"""Shrinking: from many changes that break a law together to the fewest that still do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def smallest(items: Sequence[Item], breaks: Callable[[Sequence[Item]], bool], tries: int = 120) -> list[Item]:
    """Give few of the items that still break, by halving, then by ever finer parts (delta debugging).

    No single one of them can be spared, unless the tries ran out.

    Examples
    --------
    >>> smallest(range(1000), lambda some: 700 in some)
    [700]
    >>> smallest(range(1000), lambda some: 3 in some and 700 in some)
    [3, 700]
    """
    left, kept, parts = tries, list(items), 2
    while len(kept) > 1 and left > 0:
        size = -(-len(kept) // parts)
        chunks = [kept[start : start + size] for start in range(0, len(kept), size)]
        candidates = [*chunks, *_without_each(chunks)] if len(chunks) > 2 else chunks
        for candidate in candidates:
            left -= 1
            if breaks(candidate):
                parts = 2 if candidate in chunks else max(parts - 1, 2)
                kept = candidate
                break
            if left <= 0:
                break
        else:
            if parts >= len(kept):
                break
            parts = min(2 * parts, len(kept))
    return kept


def _without_each(chunks: list[list[Item]]) -> list[list[Item]]:
    return [[item for other in chunks if other is not chunk for item in other] for chunk in chunks]
