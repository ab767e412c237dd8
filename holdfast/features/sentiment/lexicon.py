"""Reading English by a list of words and what they weigh, where there is nothing to learn from."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

_READ = 500  # characters; its time grows with the square of the length


def looked_up(text: str) -> float:
    """Read an English text by VADER: -1 bad to 1 good.

    Examples
    --------
    >>> looked_up("I love it!") > 0 > looked_up("This is terrible.")
    True
    """
    return float(_analyzer().polarity_scores(text[:_READ])["compound"])


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
