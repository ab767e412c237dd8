"""What was said first of each ticket and message, and how each ticket was first rated, with the time it was known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from holdfast.features.history.records import group
from holdfast.features.history.tables import TABLES
from holdfast.features.sentiment.moods import TEXTS

RATING = ["text", "lang", "known", "satisfaction"]


def entities(name: str, frame: pd.DataFrame) -> pd.Series:
    """Give each row the number of the ticket or message that it is a version of; one without a name is alone.

    Examples
    --------
    >>> entities("tickets", pd.DataFrame({"ticket_id": ["t1", None, "t1", None]})).tolist()
    [0, -2, 0, -4]
    """
    keys = [column for column in TABLES[name].entity if column in frame]
    alone = -1 - np.arange(len(frame))
    own = TABLES[name].entity[-1]
    if own not in frame:
        return pd.Series(alone, index=frame.index)
    numbers = group([frame[key] for key in keys])
    return pd.Series(np.where(frame[own].isna(), alone, numbers), index=frame.index)


def first_texts(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Give for each ticket or message that said something the first that was known of it: ``text, lang, known``.

    A later version may hold what others wrote below it.
    """
    said = [
        frame[column].astype("object").where(frame[column].notna(), "") for column in TEXTS[name] if column in frame
    ]
    text = said[0] if len(said) == 1 else said[0].str.cat(said[1], sep="\n")
    lang = frame["lang"].astype("object") if "lang" in frame else pd.Series(None, index=frame.index, dtype=object)
    rows = pd.DataFrame({"entity": entities(name, frame), "text": text, "lang": lang, "known": frame["known_at"]})
    there = (rows["text"].str.strip() != "") & rows["known"].notna()
    # of versions known at once the order of rows must not choose
    ordered = rows[there].sort_values(["known", "text", "lang"], kind="stable")
    return ordered.drop_duplicates("entity").set_index("entity")


def ratings_of(tickets: pd.DataFrame | None, first: pd.DataFrame | None) -> pd.DataFrame:
    """Give the first rating known of each ticket that said something: ``text, lang, known, satisfaction``, by time."""
    if tickets is None or first is None or "satisfaction" not in tickets:
        return pd.DataFrame(columns=RATING).astype({"known": "datetime64[us, UTC]", "satisfaction": "float64"})
    rated, known = tickets.get("satisfaction_at"), tickets["known_at"]
    if rated is not None:
        known = known.where(~(rated > known), rated)
    rows = pd.DataFrame(
        {"entity": entities("tickets", tickets), "known": known, "satisfaction": tickets["satisfaction"]}
    )
    rows = rows[rows["satisfaction"].notna() & rows["known"].notna()].sort_values(["known", "satisfaction"])
    rows = rows.drop_duplicates("entity")
    rows = rows[rows["entity"].isin(first.index)]
    said = first.loc[rows["entity"]].reset_index(drop=True)
    rows = rows.reset_index(drop=True).assign(text=said["text"], lang=said["lang"])
    rows["known"] = rows["known"].where(rows["known"] > said["known"], said["known"])
    ordered = rows.sort_values(["known", "text", "satisfaction"], kind="stable")
    return ordered[RATING].reset_index(drop=True)
