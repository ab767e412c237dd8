"""Trying the reading of moods on tickets of one's own, before any of it is used."""

from __future__ import annotations

import pandas as pd

from holdfast.errors import DataError
from holdfast.features.history.ingest import deliveries_of
from holdfast.features.history.landing import land
from holdfast.features.sentiment.evaluation import Evaluation
from holdfast.features.sentiment.moods import MOODS, TEXTS
from holdfast.features.sentiment.saying import first_texts, ratings_of
from holdfast.features.sentiment.walking import walk


def evaluate(tickets: pd.DataFrame, *, min_ratings: int = MOODS.min_ratings) -> Evaluation:
    """Measure how well moods are read: each quarter's ratings by the model that was learned before it, and by VADER.

    Parameters
    ----------
    tickets
        The canonical table, with ``subject`` or ``body``, ``satisfaction`` (0 worst to 1 best; above the middle is
        good) and the times at which tickets and ratings were known.
    min_ratings
        From so many ratings known before a quarter a model is learned for it.

    Raises
    ------
    DataError
        When a column is absent, or a value is not what it should be.

    Examples
    --------
    >>> evaluate(pd.DataFrame({
    ...     "account_id": "a", "opened_at": ["2025-01-07", "2025-02-03"], "solved_at": ["2025-01-08", "2025-02-04"],
    ...     "body": ["It is a mess and it does not work.", "Thanks, it is great!"], "satisfaction": [0, 1],
    ... })).frame()[["quarter", "reader", "n", "auc"]]
      quarter reader  n  auc
    0  2025Q1  vader  2  1.0
    1     all  vader  2  1.0
    """
    (delivery,) = deliveries_of({"tickets": tickets})
    frame = land(delivery).frame
    for needed in (TEXTS["tickets"], ("satisfaction",)):
        if not set(needed) & set(frame):
            where, do = "frame tickets", "deliver what customers wrote and how they rated it"
            raise DataError(where, f"the column {' or '.join(needed)}", "none", do)
    first = first_texts("tickets", frame)
    return walk(first[:0], ratings_of(frame, first), min_ratings).evaluation
