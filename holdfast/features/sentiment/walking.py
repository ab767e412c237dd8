"""Walking forward: each text is read with what was known before its quarter began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.sentiment.cleaning import clean
from holdfast.features.sentiment.evaluation import Evaluation
from holdfast.features.sentiment.language import is_english
from holdfast.features.sentiment.learning import read, vectors
from holdfast.features.sentiment.lexicon import looked_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

GOOD = 0.5  # a rating above the middle is a good one
MOST = 10_000  # ratings that a model is learned from, the latest; more cost time and gain little
_COMPARED = 2_000  # ratings for which the list of words is asked too, the latest


@dataclass(frozen=True)
class Walked:
    """What came of some texts.

    Attributes
    ----------
    mood
        -1 to 1 by text; missing where it could not be read.
    how
        By text ``learned``, ``vader`` or nothing.
    taught
        Of how many ratings the latest model was learned; 0 when there was none.
    evaluation
        Readings of the rated texts beside their ratings.
    """

    mood: Floats
    how: NDArray[np.object_]
    taught: int
    evaluation: Evaluation


def walk(texts: pd.DataFrame, ratings: pd.DataFrame, min_ratings: int) -> Walked:
    """Read texts, each by the model of its quarter, else by VADER where it is English.

    Parameters
    ----------
    texts
        ``text, lang, known``: as written, the language where it is told, and when it was first known (UTC).
    ratings
        ``text, lang, known, satisfaction``: rated texts by the time at which the rating was known; 0 worst to 1 best.
    min_ratings
        From so many ratings known before a quarter, and both good and bad ones among them, a model is learned.

    Examples
    --------
    >>> day = pd.Timestamp("2025-05-01", tz="UTC")
    >>> texts = pd.DataFrame({"text": ["This is awful."], "lang": ["en"], "known": [day]})
    >>> walked = walk(texts, texts[:0].assign(satisfaction=0.0), 600)
    >>> walked.how[0], bool(walked.mood[0] < 0)
    ('vader', True)
    """
    rows = _laid_out(texts, ratings)
    rated = rows["rated"].to_numpy()
    learned, taught = _learned(rows, min_ratings)
    lexical = _lexical(rows, _to_look_up(rows, learned))
    mood, missing = learned[~rated], np.isnan(learned[~rated])
    mood[missing] = lexical[~rated][missing]
    how = np.where(missing, np.where(np.isnan(mood), "", "vader"), "learned").astype(object)
    told = rows.loc[rated, ["quarter", "good"]].assign(learned=learned[rated], vader=lexical[rated])
    return Walked(mood, how, taught, Evaluation(told.reset_index(drop=True)))


def _laid_out(texts: pd.DataFrame, ratings: pd.DataFrame) -> pd.DataFrame:
    """Put texts and ratings below each other: ``words, lang, known, quarter, rated, good``."""
    columns = ["text", "lang", "known"]
    rows = pd.concat([texts[columns], ratings[columns]], ignore_index=True)
    cleaned = {text: clean(text) for text in rows["text"].unique()}
    good = np.concatenate([np.zeros(len(texts), dtype=bool), ratings["satisfaction"].to_numpy(dtype=float) > GOOD])
    quarter = rows["known"].dt.tz_localize(None).dt.to_period("Q").dt.start_time.dt.tz_localize("UTC")
    return pd.DataFrame(
        {
            "words": rows["text"].map(cleaned).astype(object),
            "lang": rows["lang"].astype(object),
            "known": rows["known"],
            "quarter": quarter,
            "rated": np.arange(len(rows)) >= len(texts),
            "good": good,
        }
    )


def _learned(rows: pd.DataFrame, min_ratings: int) -> tuple[Floats, int]:
    """Read every row by the model of its quarter where there is one, and count what the latest was learned from."""
    mood, taught = np.full(len(rows), np.nan), 0
    spoken, good = (rows["words"] != "").to_numpy(), rows["good"].to_numpy()
    place, distinct = pd.factorize(rows["words"], sort=True)
    counted = None
    for quarter in sorted(rows["quarter"].unique()):
        known = spoken & rows["rated"].to_numpy() & (rows["known"] < quarter).to_numpy()
        before = np.flatnonzero(known)[-MOST:]
        if len(before) < min_ratings or len(np.unique(good[before])) < 2:
            continue
        counted = vectors(distinct.tolist()) if counted is None else counted
        mine = np.flatnonzero(spoken & (rows["quarter"] == quarter).to_numpy())
        mood[mine] = read(counted[place[before]], good[before], counted[place[mine]])
        taught = len(before)
    return mood, taught


def _to_look_up(rows: pd.DataFrame, learned: Floats) -> NDArray[np.bool_]:
    """Tell which rows the list of words is asked for: texts left over, and ratings to compare."""
    rated, missing = rows["rated"].to_numpy(), np.isnan(learned)
    compared = np.flatnonzero(rated & (~missing if (rated & ~missing).any() else True))
    wanted = ~rated & missing
    wanted[compared[-_COMPARED:]] = True
    return np.asarray(wanted & (rows["words"] != "").to_numpy())


def _lexical(rows: pd.DataFrame, wanted: NDArray[np.bool_]) -> Floats:
    """Read by VADER those of the wanted rows that are English."""
    asked = rows.loc[wanted, ["words", "lang"]]
    told = asked["lang"].where(asked["lang"].notna(), "").astype(str)
    english = [is_english(words, lang or None) for words, lang in zip(asked["words"], told, strict=True)]
    words = asked["words"][english]
    moods = {one: looked_up(one) for one in words.unique()}
    found = np.full(len(rows), np.nan)
    found[words.index] = words.map(moods).to_numpy(dtype=float)
    return found
