"""Texts that mean harm, tables that say little: bounded in time, told in words, and never quoted."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from holdfast.errors import DataError
from holdfast.features.history import History
from holdfast.features.sentiment.cleaning import ENOUGH, clean
from holdfast.features.sentiment.evaluating import evaluate
from holdfast.features.sentiment.learning import vectors
from holdfast.features.sentiment.lexicon import looked_up
from holdfast.features.sentiment.moods import Moods
from tests.worked.test_sentiment import END, SECRET, history, mood, rated

HOSTILE = {
    "open brackets": "<" * 50_000,
    "open tags": "<a " * 20_000,
    "open values": "<p a='" * 9_000,
    "open comments": "<p>" + "<!--" * 9_000,
    "open sections": "<p>" + "<![CDATA[" * 9_000,
    "instructions": "<p>" + "<?" * 20_000,
    "nesting": "<blockquote>" * 9_000,
    "quotes": "> " * 50_000,
    "one word": "a" * 200_000,
    "empty lines": "\n" * 50_000,
    "short lines": "a\n" * 50_000,
    "zeros": "&#x0;" * 9_000,
    "who wrote": "Am 1 schrieb " * 9_000,
    "who wrote when": "On 1 " * 7_000 + "wrote:",
    "headers": "Von: a\n" * 9_000,
    "many words": "bad but not " * 20_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_are_bounded(text: str) -> None:
    looked_up("so that what is imported"), vectors(["takes none of the time"])
    begun = time.process_time()
    for said in (text, f"<p>Hello</p>{text}", f"{text}<p>"):
        kept = clean(said)
        assert len(kept) <= ENOUGH
        if kept:
            looked_up(kept)
            vectors([kept])
    assert time.process_time() - begun < 2


def test_odd_texts_are_read_or_left_and_break_nothing() -> None:
    odd = ["!!!", "12345", "\x00\x01", "🙂🙂🙂", "   ", "<br>", "-- ", "\u202eabc", "ﷺ" * 50, "None"]
    tickets = rated(60)
    tickets["body"] = [odd[i % len(odd)] for i in range(60)]
    read = mood(history(tickets, Moods(min_ratings=5)))
    assert read.dropna().between(-1, 1).all()
    assert read[["T4", "T5"]].isna().all(), "nothing was said there"


@pytest.mark.parametrize("body", [[1, 2, 3], [True, False, None], [1.5, None, np.inf]])
def test_a_text_column_of_another_type_is_read_as_text(body: list[object]) -> None:
    assert "body" not in history(rated(3).assign(body=body)).as_of(END)["tickets"]


def test_a_text_column_that_is_empty_adds_nothing() -> None:
    read = history(rated(5).assign(body=None))
    assert "sentiment" not in read.supplied("tickets")
    assert not [one for one in read.findings if one.code in ("HF068", "HF069")]


def test_what_cannot_be_read_is_counted() -> None:
    german = rated(5).assign(body="Das ist furchtbar und es geht nicht.", satisfaction=np.nan)
    found = {one.code: one for one in history(german).findings}
    assert found["HF069"].count == 5
    assert "before 50 ratings, good and bad, are known" in found["HF069"].message


@pytest.mark.parametrize("end", ["", ",,,", "\n"])
def test_an_error_quotes_no_text(tmp_path: Path, end: str) -> None:
    (tmp_path / "accounts.csv").write_text("account_id\na\n")
    row = {"": f"a,2025-01-01,{SECRET}", ",,,": f"{SECRET} is bad,a,2025-01-01,b,c", "\n": f"{SECRET}"}[end]
    (tmp_path / "tickets.csv").write_text(f"account_id,opened_at,satisfaction,body\na,2025-01-01,1,fine\n{row}{end}\n")
    with pytest.raises(DataError, match="row 2") as told:
        History.read(tmp_path)
    assert SECRET not in str(told.value)


def test_a_version_told_in_two_ways_is_refused_without_its_text() -> None:
    tickets = rated(2).assign(ticket_id="T0", known_at=END, body=[f"{SECRET} one", f"{SECRET} two"], reopens=[1.0, 2.0])
    with pytest.raises(DataError, match="duplicate rows") as told:
        history(tickets)
    assert SECRET not in str(told.value)


@pytest.mark.parametrize(("gone", "named"), [("body", "subject or body"), ("satisfaction", "satisfaction")])
def test_nothing_is_evaluated_without_texts_or_ratings(gone: str, named: str) -> None:
    with pytest.raises(DataError, match=f"the column {named}"):
        evaluate(rated(5).drop(columns=gone))


def test_without_any_rating_the_evaluation_is_empty() -> None:
    told = evaluate(rated(5).assign(satisfaction=np.nan))
    assert (str(told), len(told.frame())) == ("", 0)


def test_a_rating_that_nothing_dates_teaches_nothing() -> None:
    undated = rated(400).drop(columns=["satisfaction_at", "known_at"])
    found = next(one for one in history(undated).findings if one.code == "HF068")
    assert found.message.startswith("of 400 texts 0 were read by a model")


def test_ratings_of_one_kind_teach_nothing() -> None:
    assert set(evaluate(rated().assign(satisfaction=1.0), min_ratings=50).frame()["reader"]) == {"vader"}
    assert evaluate(rated().assign(satisfaction=1.0), min_ratings=50).frame()["auc"].isna().all()
