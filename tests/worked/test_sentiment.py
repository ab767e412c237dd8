"""The mood of texts: what is read of them, by whom, when, and that the words are gone afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.features.history import History
from holdfast.features.history.ingest import deliveries_of
from holdfast.features.history.landing import land
from holdfast.features.history.naming import source_ids
from holdfast.features.history.tables import TABLES
from holdfast.features.sentiment.cleaning import clean
from holdfast.features.sentiment.evaluating import evaluate
from holdfast.features.sentiment.evaluation import auc
from holdfast.features.sentiment.language import is_english
from holdfast.features.sentiment.moods import Moods
from holdfast.features.sentiment.saying import first_texts, ratings_of
from holdfast.features.simulate.texts import bodies
from holdfast.serving.command import run
from holdfast.serving.opening import read_history
from holdfast.serving.plan import read_plan

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
        ("Bad.\n\nAm Mo., 3. März 2025 um 09:00 Uhr schrieb Support\n<s@x.com>:\n> gut", "Bad."),
        ("Siehe unten.\n\nAnfang der weitergeleiteten Nachricht:\n\nVon: x", "Siehe unten."),
        ("FYI.\n\n---------- Forwarded message ---------\nFrom: x", "FYI."),
        ("Slow.\n\nSent from Outlook for iOS", "Slow."),
        ("Geht.\n\nHolen Sie sich Outlook für iOS", "Geht."),
        ("Danke!\n\nViele Gruesse\nEva", "Danke!"),
        ("Danke!\n\nLG Eva", "Danke!"),
        ("<p class='x'>Hi &amp; thanks</p><!-- <b>hidden</b> --><p>Bye</p>", "Hi & thanks\n\nBye"),
        ("<p>a < b</p>", "a < b"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ],
)
def test_markup_quotes_and_signatures_are_not_what_somebody_said(text: str, kept: str) -> None:
    assert clean(text) == kept


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
    assert "ratings that came later the model has AUC" in found.message
    assert "English ones VADER has AUC" in found.message


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


def test_without_texts_or_with_told_moods_nothing_heavy_is_imported() -> None:
    code = """
import sys, pandas as pd
from holdfast.features.history import History
base = {"account_id": ["a"], "opened_at": ["2025-01-01"]}
for more in ({}, {"body": ["This is bad."], "sentiment": [0.5]}):
    tables = {"accounts": pd.DataFrame({"account_id": ["a"]}), "tickets": pd.DataFrame(base | more)}
    print(History.from_frames(tables).as_of("2025-02-01")["tickets"].get("sentiment", pd.Series([None]))[0])
print([name for name in ("sklearn", "vaderSentiment") if name in sys.modules])
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split("\n")[:3] == ["None", "0.5", "[]"]


def test_the_words_of_a_customer_are_in_no_file_that_is_written(tmp_path: Path) -> None:
    tickets = rated(60)
    tickets["body"] = f"{SECRET} is broken, this is bad. " + tickets["body"]
    tickets["subject"] = SECRET
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


def test_rows_without_a_name_keep_the_one_they_had() -> None:
    tickets = rated(20).drop(columns="ticket_id")
    (delivery,) = deliveries_of({"tickets": tickets})
    named = source_ids(TABLES["tickets"], land(delivery).frame)
    assert sorted(history(tickets).as_of(END)["tickets"]["ticket_id"]) == sorted(named)


def test_rows_without_a_name_have_one_name_in_memory_and_in_a_store_that_got_texts_later(tmp_path: Path) -> None:
    accounts = pd.DataFrame({"account_id": ["a"], "valid_from": ["2024-01-01"]})
    silent = rated(8).drop(columns=["ticket_id", "body"])
    spoken = rated(8, seed=1).drop(columns="ticket_id")
    whole = history(pd.concat([silent, spoken], ignore_index=True), Moods(from_text=False))
    for name, rows in (("0", silent), ("1", spoken)):
        (tmp_path / name).mkdir()
        rows.to_parquet(tmp_path / name / "tickets.parquet")
    accounts.to_parquet(tmp_path / "0" / "accounts.parquet")
    store = History.build(tmp_path / "0", tmp_path / "store", end=END).append(tmp_path / "1")
    assert store.as_of(END)["tickets"]["ticket_id"].tolist() == whole.as_of(END)["tickets"]["ticket_id"].tolist()


def test_a_mood_that_was_read_counts_as_supplied() -> None:
    assert "sentiment" in history(rated(5).assign(body="This is bad.")).supplied("tickets")
    assert "sentiment" not in history(rated(5).drop(columns="body")).supplied("tickets")


def test_the_first_version_of_a_ticket_tells_its_mood() -> None:
    first = rated(2).assign(body=["This is terrible.", None], satisfaction=np.nan)
    later = first.assign(
        body=["We love it, great! This is terrible.", "This is great."],
        known_at=first["known_at"] + pd.Timedelta(days=9),
    )
    last = later.assign(body=None, known_at=later["known_at"] + pd.Timedelta(days=9))
    read = history(pd.concat([first, later, last], ignore_index=True))
    early, late = (read.as_of(rows["known_at"].max())["tickets"].set_index("ticket_id") for rows in (first, last))
    assert early.loc["T0", "sentiment"] == late.loc["T0", "sentiment"] < 0
    assert np.isnan(early.loc["T1", "sentiment"])
    assert late.loc["T1", "sentiment"] > 0


def test_a_rating_counts_from_the_last_of_the_times_that_date_it() -> None:
    tickets = pd.DataFrame(
        {
            "ticket_id": ["a", "a", "b", "c"],
            "known_at": pd.to_datetime(["2025-01-01", "2025-03-01", "2025-01-05", "2025-02-01"], utc=True),
            "satisfaction_at": pd.to_datetime(["2025-02-01", "2025-02-01", "2025-04-01", None], utc=True),
            "satisfaction": [np.nan, 1.0, 0.0, 0.5],
            "body": ["one", "one and more", "two", "three"],
        }
    )
    told = ratings_of(tickets, first_texts("tickets", tickets))
    assert told["text"].tolist() == ["three", "one", "two"]
    assert told["known"].dt.strftime("%m-%d").tolist() == ["02-01", "03-01", "04-01"]


def test_each_quarter_is_measured_by_the_model_that_was_learned_before_it() -> None:
    told = evaluate(rated(), min_ratings=80).frame()
    assert told["quarter"].drop_duplicates().tolist() == ["2025Q2", "2025Q3", "2025Q4", "all"]
    assert told[["reader", "texts"]].drop_duplicates().to_numpy().tolist() == [
        ["learned", "all"],
        ["learned", "English"],
        ["vader", "English"],
    ]
    by_reader = told[told["texts"] == "all"].set_index("quarter")
    later = rated()["known_at"] >= pd.Timestamp("2025-04-01", tz="UTC")
    assert by_reader.loc["all", "n"] == by_reader["n"].iloc[:-1].sum() == later.sum()
    assert (told["low"] <= told["auc"]).all()
    assert (told["auc"] <= told["high"]).all()
    few = evaluate(rated())
    assert set(few.frame()["reader"]) == {"vader"}, "fewer than 600 ratings teach nothing"


def test_the_interval_is_that_of_hanley_and_mcneil() -> None:
    scores, good = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
    area, low, high = auc(scores, good)
    error = np.sqrt((0.1875 + (0.6 - 0.5625) + (2 * 0.5625 / 1.75 - 0.5625)) / 4)
    assert (area, low) == (0.75, pytest.approx(0.75 - 1.959964 * error))
    assert high == 1.0


def test_a_mapping_reads_the_moods_that_a_folder_reads(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    pd.DataFrame({"account_id": ["a"], "valid_from": ["2024-01-01"]}).to_csv(folder / "accounts.csv", index=False)
    tickets = rated(400)
    tickets.to_csv(folder / "tickets.csv", index=False)
    assert run(["map", str(folder), "--out", str(tmp_path / "mapped"), "--yes"]) == 0
    read = [History.read(place, end=END, moods=Moods(min_ratings=50)) for place in (folder, tmp_path / "mapped")]
    pd.testing.assert_series_equal(mood(read[1]).sort_index(), mood(read[0]).sort_index(), check_exact=True)
    assert mood(read[0]).notna().sum() > 300


def test_the_plan_says_whether_moods_are_read(tmp_path: Path) -> None:
    pd.DataFrame({"account_id": ["a"], "valid_from": ["2024-01-01"]}).to_csv(tmp_path / "accounts.csv", index=False)
    rated(60).to_csv(tmp_path / "tickets.csv", index=False)
    plan = tmp_path / "plan.toml"
    for said, there in (("", True), ("[sentiment]\nfrom_text = false\n", False)):
        plan.write_text(f'[data]\npath = "."\n[churn]\nkind = "silence"\n{said}')
        read = read_history(read_plan(plan), END.to_pydatetime())
        assert ("sentiment" in read.supplied("tickets")) is there
