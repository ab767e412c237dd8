"""The mood of texts: what is read of them, by whom, when, and that the words are gone afterwards."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.features.history import History
from holdfast.features.sentiment.cleaning import LONGEST, clean
from holdfast.features.sentiment.evaluation import auc
from holdfast.features.sentiment.language import is_english
from holdfast.features.sentiment.moods import Moods
from holdfast.features.simulate.texts import bodies
from holdfast.serving.command import run

SECRET = "xyzzy-secret-4711"  # noqa: S105 # planted, to be looked for
END = pd.Timestamp("2026-01-01", tz="UTC")


def rated(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """Tickets over a year, German and English, rated a day later as they sound, mostly."""
    rng = np.random.default_rng(seed)
    opened = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(np.sort(rng.integers(0, 360 * 24, n)), unit="h")
    tone = rng.integers(0, 3, n)
    text = bodies(rng, rng.integers(0, 2, n), rng.integers(0, 5, n), tone)
    good = np.where(tone == 1, rng.random(n) < 0.5, tone == 2)
    return pd.DataFrame(
        {
            "account_id": "a",
            "ticket_id": [f"T{i}" for i in range(n)],
            "opened_at": opened,
            "known_at": opened + pd.Timedelta(days=1),
            "satisfaction": good.astype(float),
            "satisfaction_at": opened + pd.Timedelta(days=1),
            "body": np.asarray(text, dtype=object),
        }
    )


def history(tickets: pd.DataFrame, moods: Moods | None = None, **tables: pd.DataFrame) -> History:
    accounts = pd.DataFrame({"account_id": ["a"], "valid_from": ["2024-01-01"]})
    return History.from_frames(
        {"accounts": accounts, "tickets": tickets, **tables}, end=END, moods=moods or Moods(min_ratings=50)
    )


def mood(of: History, table: str = "tickets") -> pd.Series:
    return of.as_of(END)[table].set_index("ticket_id" if table == "tickets" else "source_id")["sentiment"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("<div>Broken<br>again</div><script>alert('x')</script>", "Broken\nagain"),
        ("<p>No.</p><blockquote><p>Yes?</p><blockquote>old</blockquote></blockquote>", "No."),
        ("It works now.\n\n-- \nJane Doe\nVP", "It works now."),
        ("Geht nicht.\n\nMit freundlichen Grüßen\nMax", "Geht nicht."),
        ("Still broken.\n\nSent from my iPhone", "Still broken."),
        ("Immer noch.\n\nVon meinem iPhone gesendet", "Immer noch."),
        ("Bad.\n\nOn Mon, Mar 3, 2025 at 9:00 AM Support <s@x.com> wrote:\n> great product", "Bad."),
        ("Schlecht.\n\nVon: Support\nGesendet: Montag, 3. März 2025\nAn: Max\nBetreff: AW\n\ngut", "Schlecht."),
        ("Bad.\n\n-----Original Message-----\nFrom: A\nSent: today\n\ngreat", "Bad."),
        ("   \n\n", ""),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ],
)
def test_markup_quotes_and_signatures_are_not_what_somebody_said(text: str, kept: str) -> None:
    assert clean(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "<" * 50_000,
        "<p>" * 50_000,
        "> " * 50_000,
        "a" * 200_000,
        "\n" * 50_000,
        "&#x0;" * 9_000,
        "Am a schrieb " * 2_000,
        "On " * 7_000 + "wrote:",
        "Von: a\n" * 4_000,
    ],
)
def test_hostile_texts_are_bounded(text: str) -> None:
    assert len(clean(text)) <= LONGEST


def test_english_is_told_or_counted() -> None:
    assert is_english("whatever", "en-GB")
    assert not is_english("this is it", "de")
    assert not is_english("12345")
    assert not is_english("")


def test_a_text_is_read_by_ratings_known_before_its_quarter_and_by_vader_until_then() -> None:
    tickets = rated()
    read = history(tickets, Moods(min_ratings=80))
    found = next(one for one in read.findings if one.code == "HF068")
    rated_by = tickets["known_at"] < pd.Timestamp("2025-04-01", tz="UTC")
    assert rated_by.sum() >= 80
    early = mood(read)[tickets["ticket_id"][rated_by].tolist()]
    german = tickets.loc[rated_by, "body"].map(lambda text: not is_english(clean(text))).to_numpy()
    assert early[german].isna().all(), "no German text is read before there are ratings"
    assert early[~german].notna().all()
    later = mood(read)[tickets["ticket_id"][~rated_by].tolist()]
    assert later.notna().all()
    good = tickets.loc[~rated_by, "satisfaction"].to_numpy() > 0.5
    assert auc(later.to_numpy(), good)[0] > 0.75
    assert "learned from your ratings: AUC" in found.message
    assert "VADER: AUC" in found.message


def test_without_enough_ratings_english_is_read_by_vader_and_german_not_at_all() -> None:
    tickets = rated(4).assign(
        body=[
            "This is terrible and useless.",
            "Das ist furchtbar und nutzlos, bitte.",
            "I love it, it is great!",
            None,
        ],
        satisfaction=np.nan,
    )
    read = mood(history(tickets))
    assert read["T0"] < -0.4 < 0.4 < read["T2"]
    assert read[["T1", "T3"]].isna().all()


def test_a_mood_that_is_told_stays_and_only_the_empty_ones_are_read() -> None:
    tickets = rated(3).assign(
        sentiment=[0.25, np.nan, np.nan], body=["awful", "This is awful.", None], satisfaction=np.nan
    )
    read = mood(history(tickets))
    assert read["T0"] == 0.25
    assert read["T1"] < 0
    assert np.isnan(read["T2"])


def test_ratings_of_one_kind_teach_nothing() -> None:
    found = next(one for one in history(rated().assign(satisfaction=1.0)).findings if one.code == "HF068")
    assert " 0 were read by a model" in found.message


def test_only_what_comes_in_is_read_of_messages() -> None:
    talks = pd.DataFrame(
        {
            "account_id": "a",
            "source_id": ["m1", "m2", "m3"],
            "occurred_at": "2025-03-01",
            "kind": ["message", "message", "outreach"],
            "direction": ["in", "out", None],
            "text": "This is terrible.",
        }
    )
    read = mood(history(rated(2), touchpoints=talks), "touchpoints")
    assert read["m1"] < 0
    assert read[["m2", "m3"]].isna().all()


def test_switched_off_nothing_is_read_and_the_words_are_gone_all_the_same() -> None:
    read = history(rated(5), Moods(from_text=False))
    assert "sentiment" not in read.as_of(END)["tickets"]
    assert not {"body", "subject"} & set(read.as_of(END)["tickets"])
    assert not [one for one in read.findings if one.code == "HF068"]


def test_without_texts_nothing_heavy_is_imported_and_nothing_changes() -> None:
    before = {name for name in sys.modules if name.startswith("vaderSentiment")}
    read = history(rated(5).drop(columns="body"))
    assert "sentiment" not in read.as_of(END)["tickets"]
    assert {name for name in sys.modules if name.startswith("vaderSentiment")} == before


def test_the_words_of_a_customer_are_in_no_file_that_is_written(tmp_path: Path) -> None:
    tickets = rated(60)
    tickets.loc[7, "body"] = f"{SECRET} is broken, this is bad"
    read = history(tickets)
    read.write(tmp_path / "written")
    folder = tmp_path / "source"
    folder.mkdir()
    pd.DataFrame({"account_id": ["a"], "valid_from": ["2024-01-01"]}).to_csv(folder / "accounts.csv", index=False)
    tickets.to_csv(folder / "tickets.csv", index=False)
    store = History.build(folder, tmp_path / "store")
    assert [one.count for one in store.findings if one.code == "HF069"] == [60]
    assert run(["map", str(folder), "--out", str(tmp_path / "mapped"), "--yes"]) == 0
    written = [
        path for place in ("written", "store", "mapped") for path in (tmp_path / place).rglob("*") if path.is_file()
    ]
    assert len(written) > 5
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]
    for path in (one for one in written if one.suffix == ".parquet"):
        assert SECRET not in pd.read_parquet(path).to_csv(), path
