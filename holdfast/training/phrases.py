"""Phrases: what sentences about a test have in common."""

from __future__ import annotations

from collections.abc import Sequence


def joined(parts: Sequence[str]) -> str:
    """Join parts as a sentence lists them.

    Examples
    --------
    >>> joined(["age"]), joined(["age", "recency"]), joined(["30", "60", "90"])
    ('age', 'age and recency', '30, 60 and 90')
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def in_days(horizons: Sequence[int]) -> str:
    """Name horizons.

    Examples
    --------
    >>> in_days([30, 60])
    '30 and 60 days'
    """
    return f"{joined([str(one) for one in horizons])} days"


def capital(words: str) -> str:
    """Begin a sentence: the first letter large, the others as they are.

    Examples
    --------
    >>> capital("the 40/30/30 score by CSM")
    'The 40/30/30 score by CSM'
    """
    return words[:1].upper() + words[1:]
