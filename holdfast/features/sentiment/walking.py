"""Walking forward: each text is read with what was known before its quarter began."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.sentiment.cleaning import clean
from holdfast.features.sentiment.evaluation import Evaluation
from holdfast.features.sentiment.language import is_english
from holdfast.features.sentiment.learning import read, vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    Floats = NDArray[np.float64]

GOOD = 0.5  # a rating above the middle is a good one


@dataclass(frozen=True)
class Walked:
    """What came of some texts.

    Attributes
    ----------
    mood
        -1 to 1 by text; missing where it could not be read.
    how
        By text ``learned``, ``vader`` or nothing.
    evaluation
        Readings of the rated texts beside their ratings.
    rated
        How many ratings were known in the end.
    """

    mood: Floats
    how: NDArray[np.object_]
    evaluation: Evaluation
    rated: int


def walk(texts: pd.DataFrame, ratings: pd.DataFrame, min_ratings: int) -> Walked:
    """Read texts, each by the model of its quarter, else by VADER where it is English.

    Parameters
    ----------
    texts
        ``text, lang, known``: as written, the language where it is told, and when it was first known (UTC).
    ratings
        ``text, lang, known, satisfaction``: rated texts, and when the rating was known; 0 worst to 1 best.
    min_ratings
        From so many ratings known before a quarter, and both good and bad ones among them, a model is learned.
    """
    both = pd.concat([texts, ratings], ignore_index=True)
    cleaned = {text: clean(text) for text in both["text"].unique()}
    words = [cleaned[text] for text in both["text"]]
    unique, place = np.unique(np.array(words, dtype=str), return_inverse=True)
    quarter = both["known"].dt.tz_localize(None).dt.to_period("Q").dt.start_time.dt.tz_localize("UTC")
    spoken = np.array([bool(word) for word in words])
    mood, how = np.full(len(both), np.nan), np.full(len(both), "", dtype=object)
    is_rating = np.arange(len(both)) >= len(texts)
    good = ratings["satisfaction"].to_numpy(dtype=float) > GOOD
    counted, rated_at = None, place[is_rating]
    for begin in sorted(quarter.unique()):
        before = (ratings["known"] < begin).to_numpy() & spoken[is_rating]
        if before.sum() < min_ratings or good[before].all() or not good[before].any():
            continue
        counted = vectors(unique.tolist()) if counted is None else counted
        mine = np.flatnonzero((quarter == begin).to_numpy() & spoken)
        mood[mine] = read(counted[rated_at[before]], good[before], counted[place[mine]])
        how[mine] = "learned"
    unread = np.flatnonzero(spoken & (is_rating | (how == ""))).tolist()
    english = [row for row in unread if is_english(words[row], _told(both, row))]
    lexical = np.full(len(both), np.nan)
    lexical[english] = [_vader(words[row]) for row in english]
    rest = np.array([row for row in english if not is_rating[row] and not how[row]], dtype=np.int64)
    mood[rest], how[rest] = lexical[rest], "vader"
    told = pd.DataFrame(
        {
            "quarter": quarter[is_rating].to_numpy(),
            "good": good,
            "learned": mood[is_rating],
            "vader": lexical[is_rating],
        }
    )
    return Walked(mood[~is_rating], how[~is_rating], Evaluation(told), int(spoken[is_rating].sum()))


def _told(both: pd.DataFrame, place: int) -> str | None:
    told = both["lang"].iloc[place]
    return None if pd.isna(told) else str(told)


def _vader(text: str) -> float:
    return float(_analyzer().polarity_scores(text)["compound"])


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
