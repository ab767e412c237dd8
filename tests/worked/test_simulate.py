"""The simulated company obeys its own law and the rules of the canonical tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import UsageError
from holdfast.features.history import History
from holdfast.features.simulate import Scenario, simulate, simulate_frames, write_company

END = pd.Timestamp("2026-01-01", tz="UTC")
HAPPENED = {
    "accounts": "valid_from", "churn": None, "deals": "valid_from", "goals": "valid_from", "invoices": "issued_at",
    "people": "valid_from", "subscriptions": "valid_from", "tickets": "opened_at", "touchpoints": "occurred_at",
    "usage": "occurred_at",
}  # fmt: skip
DATED = (
    "first_reply_at",
    "solved_at",
    "satisfaction_at",
    "paid_at",
    "written_off_at",
    "voided_at",
    "replied_at",
    "occurred_at",
    "notice_at",
    "cancel_requested_at",
)


@pytest.fixture(scope="module")
def company() -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    return simulate_frames(accounts=300, seed=3, months=36)


@pytest.fixture(scope="module")
def exits(company: tuple[dict[str, pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    return company[0]["churn"].set_index("account_id")


def test_the_same_seed_gives_the_same_company_and_another_seed_another_one() -> None:
    first, truth = simulate_frames(accounts=25, seed=5, months=12)
    again, truth_again = simulate_frames(accounts=25, seed=5, months=12)
    other, _ = simulate_frames(accounts=25, seed=6, months=12)
    for name, frame in first.items():
        pd.testing.assert_frame_equal(frame, again[name])
    pd.testing.assert_frame_equal(truth, truth_again)
    assert not first["usage"].equals(other["usage"])


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    one, two = (write_company(tmp_path / name, accounts=20, seed=1, months=9) for name in ("one", "two"))
    files = sorted(path.name for path in one.iterdir())
    assert files == [f"{name}.parquet" for name in sorted(HAPPENED)]
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in files)


def test_the_truth_lies_outside_the_history_folder(tmp_path: Path) -> None:
    history = write_company(tmp_path, accounts=20, seed=1, months=9, format="csv")
    assert (tmp_path / "truth" / "states.parquet").exists()
    assert (tmp_path / "truth" / "law.json").exists()
    hidden = {"product", "relationship", "business", "log_hazard", "disengaged"}
    for path in history.iterdir():
        assert not hidden & set(pd.read_csv(path, nrows=1).columns), path.name


def test_nothing_happens_after_it_is_known_or_after_the_export(
    company: tuple[dict[str, pd.DataFrame], pd.DataFrame],
) -> None:
    for name, frame in company[0].items():
        assert (frame["known_at"] < END).all(), name
        for column in (HAPPENED[name], *DATED):
            if column in frame and frame[column].notna().any():
                told = frame.dropna(subset=[column])
                assert (told["known_at"] >= told[column]).all(), (name, column)


def test_every_record_belongs_to_an_account_and_every_person_to_the_list(
    company: tuple[dict[str, pd.DataFrame], pd.DataFrame],
) -> None:
    tables, _ = company
    accounts = set(tables["accounts"]["account_id"])
    assert len(accounts) == 300
    for name, frame in tables.items():
        assert set(frame["account_id"]) <= accounts, name
    people = set(tables["people"]["person_id"])
    assert set(tables["usage"]["person_id"]) <= people
    assert set(tables["tickets"]["person_id"]) <= people
    assert set(tables["invoices"]["subscription_id"]) <= set(tables["subscriptions"]["subscription_id"])


def test_versions_of_one_record_differ_in_the_time_they_were_known(
    company: tuple[dict[str, pd.DataFrame], pd.DataFrame],
) -> None:
    tables, _ = company
    keys = {
        "accounts": ["account_id", "valid_from"], "subscriptions": ["subscription_id", "valid_from"],
        "deals": ["deal_id", "valid_from"], "goals": ["goal_id", "valid_from"], "invoices": ["invoice_id"],
        "people": ["person_id", "role", "valid_from"], "tickets": ["ticket_id"], "churn": ["source_id"],
        "usage": ["source_id"], "touchpoints": ["source_id"],
    }  # fmt: skip
    for name, key in keys.items():
        assert not tables[name].duplicated([*key, "known_at"]).any(), name
    for name in ("usage", "touchpoints", "tickets", "invoices", "people"):
        assert tables[name].duplicated(keys[name]).any(), f"{name} holds no correction or later version"


def test_some_records_arrive_late(company: tuple[dict[str, pd.DataFrame], pd.DataFrame]) -> None:
    usage = company[0]["usage"]
    delay = usage["known_at"] - usage["occurred_at"]
    assert 0.005 < (delay > pd.Timedelta(days=4)).mean() < 0.05
    assert delay.max() < pd.Timedelta(days=60)


def test_notice_comes_before_the_end_and_nothing_after_it(
    company: tuple[dict[str, pd.DataFrame], pd.DataFrame], exits: pd.DataFrame
) -> None:
    told = exits.dropna(subset=["notice_at"])
    assert len(told) > 0.8 * len(exits)
    assert (told["notice_at"] < told["ended_at"]).all()
    for name in ("usage", "touchpoints", "tickets", "invoices"):
        frame = company[0][name]
        end = frame["account_id"].map(exits["ended_at"])
        assert not (frame[HAPPENED[name]] > end).any(), name


def test_use_winds_down_after_notice(
    company: tuple[dict[str, pd.DataFrame], pd.DataFrame], exits: pd.DataFrame
) -> None:
    usage = company[0]["usage"]
    notice, end = (usage["account_id"].map(exits[column]) for column in ("notice_at", "ended_at"))
    half = notice + (end - notice) / 2
    long = (end - notice) > pd.Timedelta(days=25)
    assert (long & (usage["occurred_at"] >= half)).sum() < 0.7 * (
        long & usage["occurred_at"].between(notice, half)
    ).sum()


def test_a_cancellation_is_asked_for_only_after_notice(
    company: tuple[dict[str, pd.DataFrame], pd.DataFrame], exits: pd.DataFrame
) -> None:
    tickets = company[0]["tickets"]
    asks = tickets[tickets["category"] == "cancellation"]
    assert len(asks) > 0
    assert (asks["opened_at"] >= asks["account_id"].map(exits["known_at"])).all()


def test_notice_lies_before_a_renewal_deadline_of_the_contract(
    company: tuple[dict[str, pd.DataFrame], pd.DataFrame], exits: pd.DataFrame
) -> None:
    versions = company[0]["subscriptions"]
    asked = versions[versions["cancel_requested_at"].notna() & (versions["status"] == "active")]
    kind = asked["account_id"].map(exits["kind"])
    asked = asked[(kind == "voluntary") & (asked["valid_from"] == asked["cancel_requested_at"])]
    days = (asked["term_end"] - asked["cancel_requested_at"]) / pd.Timedelta(days=1) - asked["notice_days"]
    assert days.between(-1, 11).all()


def test_rates_are_those_of_a_b2b_company() -> None:
    tables, truth = simulate_frames(accounts=1_000, seed=0, months=24)
    exits = tables["churn"].set_index("account_id")
    onset = exits["notice_at"].fillna(exits["ended_at"])
    alive = 1 - (exits["ended_at"] < END).sum() / 1_000
    assert 0.55 < alive < 0.80
    weeks = truth[truth["at"] < truth["account_id"].map(onset).fillna(END)]
    assert 0.15 < len(exits) / (len(weeks) / 52.2) < 0.32
    assert len(tables["usage"]) / (len(truth) / 4.35) < 150
    for days, low, high in ((30, 0.014, 0.027), (60, 0.03, 0.053), (90, 0.045, 0.08)):
        left = weeks["account_id"].map(onset) - weeks["at"]
        seen = weeks["at"] <= END - pd.Timedelta(days=90)
        assert low < (left[seen] <= pd.Timedelta(days=days)).mean() < high


def test_the_law_rules_the_decisions() -> None:
    """At a deadline the hazard of the truth ranks those who leave above those who stay, and its level is right."""
    tables, truth = simulate_frames(accounts=1_000, seed=2, months=24)
    versions = tables["subscriptions"]
    monthly = set(versions.loc[versions["term_months"] == 1, "account_id"])
    told = tables["churn"].query("kind == 'voluntary'").set_index("account_id")["notice_at"]
    weeks = truth[truth["account_id"].isin(monthly)]
    weeks = weeks[~(weeks["at"] > weeks["account_id"].map(told))]
    leaves = (weeks["account_id"].map(told) - weeks["at"]) < pd.Timedelta(days=7)
    expected = (1 - np.exp(-np.exp(weeks["log_hazard"]))) * 12 / 52.18
    assert leaves.sum() > 100
    assert expected.sum() == pytest.approx(leaves.sum(), rel=0.2)
    fifths = pd.qcut(expected, 5, labels=False)
    assert (leaves.groupby(fifths).mean().diff().dropna() > -0.001).all()


def test_hostile_names_are_among_the_accounts(company: tuple[dict[str, pd.DataFrame], pd.DataFrame]) -> None:
    names = set(company[0]["accounts"]["name"])
    assert {"O'Neil & Söhne <b>GmbH</b>", "=SUM(A1) Ltd", "NA"} <= names


def test_a_company_of_nobody_is_refused() -> None:
    with pytest.raises(UsageError, match="a whole number from 1 on"):
        simulate_frames(accounts=0)


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'parquet' or 'csv'"):
        write_company(tmp_path, accounts=5, format="xlsx")  # type: ignore[arg-type]


def test_the_door_reads_the_simulated_company() -> None:
    history = simulate(accounts=40, seed=0, months=12)
    assert history.now == END
    assert len(history.accounts) == 40
    assert {"usage", "subscriptions", "churn"} <= set(history.tables)


def test_help_comes_only_where_usage_was_low_and_by_the_chance_that_is_logged() -> None:
    tables, _ = simulate_frames(accounts=600, seed=2, months=24)
    rescues = tables["touchpoints"][tables["touchpoints"]["playbook"] == "usage rescue"]
    assert len(rescues) > 400
    assert set(rescues["status"]) == {"done", "holdout"}
    assert (rescues["score"] == 0.5).all()
    assert (rescues["status"] == "done").mean() == pytest.approx(0.5, abs=0.06)
    days = rescues.sort_values("occurred_at").groupby("account_id")["occurred_at"].diff().dropna()
    assert days.min() > pd.Timedelta(weeks=12)


def test_help_really_helps() -> None:
    left = [len(simulate_frames(600, 2, 24, scenario=Scenario(programme=one))[0]["churn"]) for one in (0.0, 1.0)]
    assert left[1] < 0.8 * left[0]


def test_a_shock_lowers_business_health_from_its_week_on() -> None:
    (_, calm), (_, hit) = (simulate_frames(200, 1, 24, scenario=Scenario(shock=one)) for one in (0, 6))
    both = calm.merge(hit, on=["account_id", "at"], suffixes=("", "_hit"))
    fell = both["business"] - both["business_hit"]
    late = both["at"] > END - pd.DateOffset(months=6)
    assert fell[late].to_numpy() == pytest.approx(1.0)
    assert (fell[both["at"] < END - pd.DateOffset(months=7)] == 0).all()


def test_a_weak_signal_leaves_churn_as_common_and_health_saying_less() -> None:
    (tables, _), (weak, truth) = (simulate_frames(800, 1, 24, scenario=Scenario(signal=one)) for one in (1.0, 0.1))
    assert len(weak["churn"]) == pytest.approx(len(tables["churn"]), rel=0.35)
    assert abs(truth[["product", "log_hazard"]].corr().iloc[0, 1]) < 0.3


def test_a_large_company_is_written_in_parts_whose_ids_never_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.features.simulate.writing.PART", 15)
    for kind in ("csv", "parquet"):
        history = write_company(tmp_path / kind, accounts=40, seed=1, months=9, format=kind)
        read = {"csv": pd.read_csv, "parquet": pd.read_parquet}[kind]
        accounts = read(history / f"accounts.{kind}")["account_id"]
        assert accounts.nunique() == 40
        assert accounts.str[:3].value_counts().index.sort_values().tolist() == ["000", "001", "002"]
        invoices = read(history / f"invoices.{kind}")
        assert (invoices["account_id"].str[:3] == invoices["invoice_id"].str[:3]).all()
    assert len(History.read(tmp_path / "parquet" / "history", end="2026-01-01").accounts) == 40


def test_a_scenario_outside_its_range_is_refused() -> None:
    with pytest.raises(UsageError, match="drift"):
        Scenario(drift=1.5)
    with pytest.raises(UsageError, match="shock"):
        Scenario(shock=-1)
    for effect in (-1.0, 100.0, float("nan")):
        with pytest.raises(UsageError, match="simulate, effect"):
            Scenario(effect=effect)


@pytest.mark.parametrize(
    "asked", [{"accounts": 2.5}, {"accounts": 0}, {"months": 2}, {"months": "12"}, {"seed": -1}, {"end": "nope"}]
)
def test_what_cannot_be_simulated_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="found"):
        simulate(**asked)


def test_a_company_that_nobody_left_has_no_table_of_exits(tmp_path: Path) -> None:
    history = simulate(accounts=3, months=3)
    assert "churn" not in history.tables
    written = write_company(tmp_path, accounts=3, months=3)
    assert not (written / "churn.parquet").exists()
    assert History.read(written, end="2026-01-01").tables == history.tables
