"""The one place where texts of customers are seen: moods come out of it, and the words do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.history.tables import TABLES
from holdfast.features.sentiment.moods import TEXTS, Moods
from holdfast.findings import Finding

if TYPE_CHECKING:
    from holdfast.features.history.landing import Landed

    Frames = Mapping[str, pd.DataFrame]

_UNHEARD = frozenset({"outreach", "action", "note"})  # what we write ourselves


def heard(landed: Mapping[str, Landed], how: Moods) -> tuple[dict[str, Landed], list[Finding]]:
    """Read the mood of texts into the column ``sentiment`` where it is empty, and drop the texts.

    Returns
    -------
    landed, findings
        The tables without texts, and what was read how.
    """
    frames, findings = moods_of({name: one.frame for name, one in landed.items()}, how)
    return {name: replace(one, frame=frames[name]) for name, one in landed.items()}, findings


def moods_of(frames: Frames, how: Moods) -> tuple[dict[str, pd.DataFrame], list[Finding]]:
    """Do as `heard` does, for plain canonical frames."""
    spoken = [name for name in TEXTS if name in frames and set(TEXTS[name]) & set(frames[name].columns)]
    told = dict(frames)
    findings: list[Finding] = []
    if spoken and how.from_text:
        moods, findings = _read({name: frames[name] for name in spoken}, how)
        for name, mood in moods.items():
            given = told[name]["sentiment"] if "sentiment" in told[name] else pd.Series(np.nan, index=mood.index)
            told[name] = told[name].assign(sentiment=given.astype("float64").fillna(mood))
    return {name: without(name, frame) for name, frame in told.items()}, findings


def without(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Drop the texts of a table."""
    said = [column for column in TEXTS.get(name, ()) if column in frame]
    return frame.drop(columns=said) if said else frame


def without_text(landed: Landed) -> tuple[Landed, int]:
    """Drop the texts of landed rows unread, and count the rows that had any and no mood of their own."""
    name, frame = landed.table.name, landed.frame
    said = [column for column in TEXTS.get(name, ()) if column in frame]
    if not said:
        return landed, 0
    unread = frame[said].notna().any(axis=1)
    if "sentiment" in frame:
        unread &= frame["sentiment"].isna()
    return replace(landed, frame=without(name, frame)), int(unread.sum())


def _read(frames: Frames, how: Moods) -> tuple[dict[str, pd.Series], list[Finding]]:
    from holdfast.features.sentiment.walking import walk

    rows = pd.concat([_texts(name, frame) for name, frame in frames.items()], ignore_index=True)
    wanted = rows[rows["wanted"]]
    if wanted.empty:
        return {}, []
    first = wanted.groupby(["table", "entity", "text"], sort=False)["known"].transform("min")
    texts = wanted.assign(known=first).drop_duplicates(["table", "entity", "text"])
    walked = walk(texts.reset_index(drop=True), _ratings(rows), how.min_ratings)
    keys = pd.MultiIndex.from_frame(texts[["table", "entity", "text"]])
    mood = pd.Series(walked.mood, index=keys).reindex(pd.MultiIndex.from_frame(wanted[["table", "entity", "text"]]))
    found: dict[str, pd.Series] = {}
    for name, frame in frames.items():
        mine = (wanted["table"] == name).to_numpy()
        values = np.full(len(frame), np.nan)
        values[wanted["row"].to_numpy()[mine]] = mood.to_numpy()[mine]
        found[name] = pd.Series(values, index=frame.index)
    number = {kind: int((walked.how == kind).sum()) for kind in ("learned", "vader", "")}
    told = (
        f"of {len(texts)} texts without a mood of their own {number['learned']} were read by a model learned from "
        f"ratings known before, {number['vader']} English ones by VADER, {number['']} not at all "
        f"({walked.rated} ratings in the end, a model from {how.min_ratings} on)"
    )
    told = f"{told}. {walked.evaluation}" if str(walked.evaluation) else told
    return found, [Finding("HF068", ", ".join(frames), len(texts), told)]


def _texts(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Lay out the texts of a table: what was said, of what, when it was known, and whether its mood is wanted."""
    said = [
        frame[column].astype("object").where(frame[column].notna(), "") for column in TEXTS[name] if column in frame
    ]
    text = said[0] if len(said) == 1 else said[0].str.cat(said[1], sep="\n")
    there = (text.str.strip() != "").to_numpy()
    wanted = there & frame["known_at"].notna().to_numpy()
    if "sentiment" in frame:
        wanted &= frame["sentiment"].isna().to_numpy()
    if name == "touchpoints":
        outward = frame["direction"].eq("out") if "direction" in frame else pd.Series(False, index=frame.index)
        wanted &= ~(outward | frame["kind"].isin(_UNHEARD)).to_numpy(dtype=bool)
    number = pd.Series(np.arange(len(frame)), index=frame.index)
    named = frame.get(TABLES[name].entity[-1], pd.Series(None, index=frame.index, dtype=object)).astype("object")
    return pd.DataFrame(
        {
            "table": name,
            "row": number,
            "entity": named.fillna(number.map("row {}".format)),
            "text": text,
            "lang": frame.get("lang", pd.Series(None, index=frame.index, dtype=object)).astype("object"),
            "known": frame["known_at"],
            "satisfaction": frame.get("satisfaction", pd.Series(np.nan, index=frame.index)).astype("float64"),
            "rated": pd.to_datetime(frame.get("satisfaction_at", pd.Series(pd.NaT, index=frame.index)), utc=True),
            "wanted": wanted,
            "spoken": there,
        }
    )


def _ratings(rows: pd.DataFrame) -> pd.DataFrame:
    """Take the first rating known of each ticket that said something, with the instant at which it was known."""
    rated = rows[(rows["table"] == "tickets") & rows["satisfaction"].notna() & rows["spoken"] & rows["known"].notna()]
    later = rated["rated"].where(rated["rated"] > rated["known"], rated["known"])
    rated = rated.assign(known=later).sort_values(["known", "row"], kind="stable")
    return rated.drop_duplicates("entity")[["text", "lang", "known", "satisfaction"]].reset_index(drop=True)
