"""The simulator writes what the catalogue reads, and a healthy account looks healthy in it."""

from __future__ import annotations

import pandas as pd
import pytest

import holdfast as hf
from holdfast.features.catalog.applicable import DERIVED
from holdfast.features.history import History
from holdfast.features.history.tables import TABLES
from holdfast.features.simulate import simulate_frames

END = pd.Timestamp("2026-01-01", tz="UTC")
READ = sorted({pair for one in hf.catalog for pair in one.reads})
Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def company() -> tuple[Tables, pd.DataFrame]:
    return simulate_frames(accounts=120, seed=0)


@pytest.fixture(scope="module")
def tables(company: tuple[Tables, pd.DataFrame]) -> Tables:
    return company[0]


@pytest.fixture(scope="module")
def larger() -> tuple[Tables, pd.DataFrame]:
    return simulate_frames(accounts=400, seed=1, months=24)


@pytest.mark.parametrize(("table", "column"), READ, ids=[".".join(pair) for pair in READ])
def test_every_column_that_the_catalogue_reads_is_written(tables: Tables, table: str, column: str) -> None:
    for name in DERIVED.get((table, column), (column,)):
        assert not name or tables[table][name].notna().any()


def test_every_indicator_applies_but_those_that_stand_back_beside_contracts(tables: Tables) -> None:
    measured = hf.catalog.measure(History.from_frames(tables, end=END), ["2025-06-01", "2025-12-01"])
    stands_back = {one.name for one in hf.catalog if one.unless}
    assert set(measured.left_out) == stands_back
    assert measured.indicators.notna().any().all()


@pytest.mark.parametrize(
    ("table", "column"),
    [("usage", "kind"), ("touchpoints", "kind"), ("touchpoints", "direction"), ("goals", "kind")],
)
def test_every_word_of_a_vocabulary_occurs(tables: Tables, table: str, column: str) -> None:
    assert set(TABLES[table].columns[column].words) <= set(tables[table][column])


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("people", "role", {"user", "exec_sponsor", "champion", "economic_buyer"}),
        ("deals", "kind", {"new", "renewal", "expansion", "contraction"}),
        ("deals", "budget_status", {"dedicated", "contested", "none"}),
        ("goals", "status", {"planned", "late", "reached", "behind", "on track"}),
        ("touchpoints", "status", {"scheduled", "held", "no_show", "cancelled", "done", "holdout"}),
        ("touchpoints", "subtype", {"nps", "csat", "reference", "case_study", "talk", "recommendation", "referral"}),
        ("tickets", "priority", {"low", "normal", "high", "urgent"}),
        ("tickets", "lang", {"en", "de"}),
    ],
)
def test_the_words_people_use_occur(tables: Tables, table: str, column: str, words: set[str]) -> None:
    assert set(tables[table][column].dropna()) == words


def test_tickets_are_written_in_the_language_of_the_country(tables: Tables) -> None:
    country = tables["tickets"]["account_id"].map(tables["accounts"].groupby("account_id")["country"].first())
    assert ((tables["tickets"]["lang"] == "de") == country.isin(["DE", "AT"])).all()
    texts = tables["tickets"].drop_duplicates("ticket_id")
    assert texts["body"].nunique() > 0.5 * len(texts)
    assert texts.groupby("lang")["subject"].nunique().tolist() == [6, 6]


def test_surveys_are_scored_on_their_own_scale(tables: Tables) -> None:
    scored = tables["touchpoints"].dropna(subset=["score"])
    told = scored[scored["kind"] == "survey"]
    assert (told["score_max"] == told["subtype"].map({"nps": 10.0, "csat": 5.0})).all()
    assert told["score"].between(told["subtype"].map({"nps": 0, "csat": 1}), told["score_max"]).all()
    assert (scored[scored["kind"] != "survey"]["playbook"] == "usage rescue").all()


def test_the_sponsor_who_comes_to_a_review_is_in_office(larger: tuple[Tables, pd.DataFrame]) -> None:
    people, talks = larger[0]["people"], larger[0]["touchpoints"].dropna(subset=["person_id"])
    office = people[people["role"] == "exec_sponsor"].groupby("person_id").agg({"valid_from": "min", "valid_to": "max"})
    assert len(talks) > 200
    assert set(talks["kind"]) == {"review"}
    assert set(talks["status"]) == {"held"}
    held = office.loc[talks["person_id"]]
    assert (held["valid_from"].to_numpy() <= talks["occurred_at"].to_numpy() + pd.Timedelta(days=7)).all()
    assert not (held["valid_to"].to_numpy() <= talks["occurred_at"].to_numpy()).any()


def test_a_review_is_booked_before_it_takes_place_and_booked_whether_or_not_it_will(
    larger: tuple[Tables, pd.DataFrame],
) -> None:
    talks = larger[0]["touchpoints"]
    reviews = talks[talks["kind"] == "review"]
    booked = reviews[reviews["status"] == "scheduled"]
    assert (booked["known_at"] < booked["scheduled_at"]).all()
    over = reviews[reviews["status"] != "scheduled"].set_index("source_id")
    same = booked[booked["source_id"].isin(over.index)].set_index("source_id")
    assert (over.loc[same.index, "scheduled_at"] == same["scheduled_at"]).all()
    assert (over.loc[same.index, "known_at"] >= same["scheduled_at"]).all()
    end = larger[0]["churn"].set_index("account_id")["ended_at"]
    open_ = booked[~booked["source_id"].isin(over.index)]
    unwritten = END - pd.Timedelta(days=21)  # a review may be written down that late
    over_at = open_["account_id"].map(end).fillna(END)
    assert ((open_["scheduled_at"] >= over_at) | (open_["scheduled_at"] >= unwritten)).all()
    assert (open_["scheduled_at"] > END).sum() > 5


def test_few_invoices_are_voided_and_what_failed_to_be_paid_is_written_off(
    larger: tuple[Tables, pd.DataFrame],
) -> None:
    bills = larger[0]["invoices"]
    last = bills.sort_values("known_at", kind="stable").drop_duplicates("invoice_id", keep="last")
    assert 0.002 < last["voided_at"].notna().mean() < 0.012
    assert last.loc[last["voided_at"].notna(), "paid_at"].isna().all()
    voided = last[last["voided_at"].notna()]
    assert (voided["voided_at"] < voided["due_at"]).all()
    lost = last[last["written_off_at"].notna()]
    kinds = larger[0]["churn"].set_index("account_id")["kind"]
    assert set(lost["account_id"].map(kinds)) == {"payment"}
    assert lost["paid_at"].isna().all()
    assert (bills["failed_attempts"] > 0).any()


def test_goals_below_their_start_are_measured_downwards(larger: tuple[Tables, pd.DataFrame]) -> None:
    goals = larger[0]["goals"].query("kind == 'goal'")
    way = (goals["actual"] - goals["baseline"]) / (goals["target"] - goals["baseline"])
    down = goals["target"] < goals["baseline"]
    assert 0.1 < down.mean() < 0.5
    assert way.between(0, 1.5).all()
    assert way[down].mean() == pytest.approx(way[~down].mean(), abs=0.1)


def test_a_stage_is_late_from_the_day_after_it_was_due_unless_reached_by_then(
    larger: tuple[Tables, pd.DataFrame],
) -> None:
    stages = larger[0]["goals"].query("kind == 'milestone'")
    begun = stages.pivot_table(index="goal_id", columns="status", values="valid_from", aggfunc="first")
    due = stages.groupby("goal_id")["due_at"].first().loc[begun.index]
    assert (begun["late"].dropna() == due[begun["late"].notna()] + pd.Timedelta(days=1)).all()
    assert not (begun["reached"] < begun["late"]).any()


def test_a_contraction_that_was_agreed_lowers_the_seats_within_a_week(larger: tuple[Tables, pd.DataFrame]) -> None:
    deals, terms = larger[0]["deals"].query("kind == 'contraction'"), larger[0]["subscriptions"]
    won = deals[deals["is_won"] & (deals["valid_from"] < END - pd.Timedelta(days=30))]
    lost = deals[deals["is_closed"] & ~deals["is_won"]]
    assert len(won) > 30
    assert len(lost) > 10
    moves = set(zip(terms["account_id"], terms["valid_from"], strict=True))
    moved = [pair in moves for pair in zip(won["account_id"], won["valid_from"], strict=True)]
    assert sum(moved) / len(moved) > 0.8  # of a few seats, a share may round to none


SIGNS = {  # sign: (what it should follow, at least so closely)
    "seat_penetration": ("product", 0.4),
    "workflow_completion": ("product", 0.15),
    "ticket_sentiment": ("relationship", 0.3),
    "message_sentiment": ("relationship", 0.4),
    "csat_surveys": ("relationship", 0.25),
    "nps_latest": ("relationship", 0.25),
    "outreach_answered": ("relationship", 0.2),
    "review_attendance": ("relationship", 0.2),
    "goal_progress": ("business", 0.15),
    "budget_dedicated": ("business", 0.3),
    "budget_change": ("business", 0.05),
    "employees_change": ("business", 0.3),
    "expansion_mood": ("business", 0.15),
    "days_to_pay": ("business", -0.1),
    "failed_payments": ("business", -0.1),
}


def test_signs_follow_the_latent_health_of_the_day(larger: tuple[Tables, pd.DataFrame]) -> None:
    history = History.from_frames(larger[0], end=END)
    measured = hf.catalog.select(SIGNS).measure(history, ["2024-12-01", "2025-07-01"]).indicators.reset_index()
    weeks = larger[1].assign(week=larger[1]["at"] + pd.Timedelta(days=7)).sort_values("week")
    weeks["week"] = weeks["week"].astype(measured["cutoff"].dtype)
    joined = pd.merge_asof(
        measured.sort_values("cutoff"), weeks, left_on="cutoff", right_on="week", by="account_id",
        tolerance=pd.Timedelta(days=7),
    )  # fmt: skip
    follows = {name: joined[name].corr(joined[of], method="spearman") for name, (of, _) in SIGNS.items()}
    weak = {
        name: follows[name] for name, (_, least) in SIGNS.items() if follows[name] * (least / abs(least)) < abs(least)
    }
    assert not weak
