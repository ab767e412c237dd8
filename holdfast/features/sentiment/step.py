"""The one place where texts of customers are seen: moods come out of it, and the words do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.history.defaults import DIGEST
from holdfast.features.history.landing import digest, identity
from holdfast.features.history.tables import Table
from holdfast.features.sentiment.moods import TEXTS, Moods
from holdfast.features.sentiment.saying import entities, first_texts, ratings_of
from holdfast.findings import Finding

if TYPE_CHECKING:
    from holdfast.features.history.landing import Landed
    from holdfast.features.sentiment.walking import Walked

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
    hashed = {name: _hashed(one.table, one.frame, frames[name]) for name, one in landed.items()}
    return {name: replace(one, frame=hashed[name]) for name, one in landed.items()}, findings


def moods_of(frames: Frames, how: Moods) -> tuple[dict[str, pd.DataFrame], list[Finding]]:
    """Do as `heard` does, for plain canonical frames."""
    spoken = {name: frames[name] for name in TEXTS if name in frames and _said(name, frames[name])}
    told = dict(frames)
    findings: list[Finding] = []
    if spoken and how.from_text:
        moods, findings = _read(spoken, how)
        for name, mood in moods.items():
            given = told[name]["sentiment"] if "sentiment" in told[name] else pd.Series(np.nan, index=mood.index)
            told[name] = told[name].assign(sentiment=given.astype("float64").fillna(mood))
    return {name: _without(name, frame) for name, frame in told.items()}, findings


def without_text(landed: Landed) -> tuple[Landed, int]:
    """Drop the texts of landed rows unread, and count the rows that had any and no mood of their own."""
    name, frame = landed.table.name, landed.frame
    said = _said(name, frame)
    if not said:
        return landed, 0
    unread = frame[said].notna().any(axis=1)
    if "sentiment" in frame:
        unread &= frame["sentiment"].isna()
    return replace(landed, frame=_hashed(landed.table, frame, _without(name, frame))), int(unread.sum())


def _said(name: str, frame: pd.DataFrame) -> list[str]:
    return [column for column in TEXTS.get(name, ()) if column in frame]


def _without(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    said = _said(name, frame)
    return frame.drop(columns=said) if said else frame


def _hashed(table: Table, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Keep the hash by which rows are named and ordered, as it was with their texts."""
    if not _said(table.name, before) or DIGEST in before:
        return after
    return after.assign(**{DIGEST: digest(before, identity(table, before))})


def _read(frames: Frames, how: Moods) -> tuple[dict[str, pd.Series], list[Finding]]:
    """Give the mood of every row that wants one, by table."""
    firsts = {name: first_texts(name, frame) for name, frame in frames.items()}
    wanting = {name: _wanting(name, frame, firsts[name]) for name, frame in frames.items()}
    texts = pd.concat({name: first[first.index.isin(wanting[name].dropna())] for name, first in firsts.items()})
    if texts.empty:
        return {}, []
    from holdfast.features.sentiment.walking import walk

    ratings = ratings_of(frames.get("tickets"), firsts.get("tickets"))
    walked = walk(texts.reset_index(drop=True), ratings, how.min_ratings)
    mood = pd.Series(walked.mood, index=texts.index)
    there = texts.index.unique(level=0)
    return {name: wanting[name].map(mood[name]) for name in there}, _findings(walked, ", ".join(there), how)


def _wanting(name: str, frame: pd.DataFrame, first: pd.DataFrame) -> pd.Series:
    """Name for each row whose mood it wants: none where one is told, before anything was said, and for our own."""
    entity = entities(name, frame)
    wanted = frame["known_at"] >= first["known"].reindex(entity).set_axis(frame.index)
    if "sentiment" in frame:
        wanted &= frame["sentiment"].isna()
    if name == "touchpoints":
        wanted &= ~frame["kind"].isin(_UNHEARD)
    if name == "touchpoints" and "direction" in frame:
        wanted &= frame["direction"].fillna("in") != "out"
    return entity.where(wanted)


def _findings(walked: Walked, where: str, how: Moods) -> list[Finding]:
    total, learned, lexical = len(walked.how), (walked.how == "learned").sum(), (walked.how == "vader").sum()
    unread = total - learned - lexical
    latest = f" ({walked.taught:,} of them for the latest)" if walked.taught else ""
    by_model = f"{learned:,} were read by a model learned from ratings known before{latest}"
    told = f"of {total:,} texts {by_model}, {lexical:,} English ones by VADER"
    if measured := str(walked.evaluation):
        told = f"{told}: {measured}"
    found = [Finding("HF068", where, int(learned + lexical), told)]
    if unread:
        why = f"before {how.min_ratings:,} ratings, good and bad, are known, English ones alone can be read"
        found.append(Finding("HF069", where, int(unread), f"{unread:,} of {total:,} texts were not read: {why}"))
    return found
