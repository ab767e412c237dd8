"""How the mood of texts is read, and which columns hold texts."""

from __future__ import annotations

from dataclasses import dataclass

TEXTS = {"tickets": ("subject", "body"), "touchpoints": ("text",)}


@dataclass(frozen=True)
class Moods:
    """How the mood is read where the source does not tell it.

    Attributes
    ----------
    from_text
        Whether texts are read at all; they are dropped in any case.
    min_ratings
        From so many rated tickets on a model is learned from them.
    """

    from_text: bool = True
    min_ratings: int = 600


MOODS = Moods()
