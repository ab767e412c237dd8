"""The figures of a subscription business, counted by hand on a few accounts, and the laws they keep."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast as hf
from holdfast.errors import DataError, UsageError
from holdfast.serving.command import run
from holdfast.serving.workspace import write_manifest
from holdfast.training.churn import EXITS
from holdfast.training.kpis import Benchmark, Effect, Kpis, forecast, roi
from holdfast.training.kpis.forecast import past_growth
from holdfast.training.kpis.reading import currencies
from tests import served

BEGIN, END = "2024-01-01", "2025-07-01"
Row = dict[str, object]


def sub(account: str, start: str, mrr: float | None, **more: object) -> Row:
    """Write one version of a subscription; its id is that of the account unless given."""
    return {
        "account_id": account,
        "subscription_id": account,
        "status": "active",
        "valid_from": start,
        "mrr": mrr,
    } | more


def history(*rows: Row, end: str = END, **tables: pd.DataFrame) -> hf.History:
    """Put subscriptions into a history that begins with the year 2024 and a customer that never changes."""
    frame = pd.DataFrame([sub("base", BEGIN, 1000.0), *rows])
    times = [name for name in frame if name in ("valid_from", "valid_to", "known_at", "cancel_requested_at", "ends_at")]
    frame = frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in times})
    if "currency" not in frame:
        frame["currency"] = "EUR"
    ids = sorted(set(frame["account_id"]))
    accounts = pd.DataFrame({"account_id": ids, "valid_from": pd.Timestamp(BEGIN, tz="UTC")})
    usage = pd.DataFrame({"account_id": ["base"], "occurred_at": [pd.Timestamp(BEGIN, tz="UTC")]})
    given_tables = {"accounts": accounts, "usage": usage, "subscriptions": frame} | tables
    return hf.History.from_frames(given_tables, end=end)


def figures(*rows: Row, **more: object) -> pd.DataFrame:
    return hf.kpis(history(*rows, **more), signs=False).of()


def test_an_upgrade_is_expansion_in_the_quarter_in_which_it_begins() -> None:
    told = figures(sub("up", BEGIN, 100.0), sub("up", "2024-05-10", 150.0))
    assert told.loc["2024Q1", ["mrr_start", "mrr_expansion", "mrr_end"]].tolist() == [1100, 0, 1100]
    row = told.loc["2024Q2"]
    assert row[["mrr_start", "mrr_expansion", "mrr_contraction", "mrr_end"]].tolist() == [1100, 50, 0, 1150]
    assert row["nrr"] == pytest.approx(1150 / 1100)
    assert row["grr"] == 1
    assert row["upsell_rate"] == 0.5
    assert row["arpa"] == 575
    assert row["arr_end"] == 12 * 1150


def test_a_downgrade_is_contraction_and_no_churn() -> None:
    row = figures(sub("down", BEGIN, 100.0), sub("down", "2024-05-10", 40.0)).loc["2024Q2"]
    assert row[["mrr_contraction", "mrr_churned", "accounts_lost", "accounts_shrunk"]].tolist() == [60, 0, 0, 1]
    assert row["grr"] == row["nrr"] == pytest.approx(1040 / 1100)
    assert row["revenue_churn"] == 0
    free = figures(sub("down", BEGIN, 100.0), sub("down", "2024-05-10", 0.0)).loc["2024Q2"]
    assert free[["mrr_contraction", "accounts_lost"]].tolist() == [100, 0]  # it still runs


def test_a_customer_that_leaves_is_lost_on_the_day_of_its_notice() -> None:
    left = {"cancel_requested_at": "2024-05-10", "ends_at": "2024-08-01"}
    told = figures(sub("gone", BEGIN, 200.0), sub("gone", "2024-05-10", 200.0, **left), sub("other", BEGIN, 300.0))
    row = told.loc["2024Q2"]
    assert row[["accounts_start", "accounts_lost", "accounts_end"]].tolist() == [3, 1, 2]
    assert row["mrr_churned"] == 200
    assert row["logo_churn"] == pytest.approx(1 / 3)
    assert row["retention_rate"] == pytest.approx(2 / 3)
    assert row["revenue_churn"] == pytest.approx(200 / 1500)
    assert told.loc["2024Q3", "accounts_lost"] == 0


def test_who_comes_back_is_new_and_told_apart() -> None:
    told = figures(
        sub("back", BEGIN, 100.0),
        sub("back", "2024-05-01", 100.0, status="canceled"),
        sub("back", "2024-11-01", 80.0, subscription_id="second"),
        sub("fresh", "2024-11-01", 10.0),
    )
    assert told.loc["2024Q2", ["accounts_lost", "mrr_churned"]].tolist() == [1, 100]
    assert told.loc["2024Q4", ["accounts_new", "accounts_back", "mrr_new"]].tolist() == [2, 1, 90]


def test_who_leaves_and_returns_within_a_period_was_not_lost_in_it() -> None:
    versions = [sub("a", BEGIN, 100.0), sub("a", "2024-04-20", 100.0, status="canceled"), sub("a", "2024-06-01", 90.0)]
    row = figures(*versions).loc["2024Q2"]
    assert row[["accounts_lost", "accounts_new", "mrr_contraction"]].tolist() == [0, 0, 10]
    monthly = hf.kpis(history(*versions), by="month", signs=False).of()
    assert monthly.loc["2024-04", "accounts_lost"] == monthly.loc["2024-06", "accounts_back"] == 1


def test_two_subscriptions_of_one_account_are_one_customer() -> None:
    told = figures(
        sub("two", BEGIN, 100.0, subscription_id="first"),
        sub("two", "2024-05-01", 50.0, subscription_id="second"),
        sub("two", "2024-08-01", 100.0, subscription_id="first", status="canceled"),
    )
    assert told.loc["2024Q2", ["accounts_new", "mrr_expansion", "mrr_end"]].tolist() == [0, 50, 1150]
    assert told.loc["2024Q3", ["accounts_lost", "mrr_contraction", "mrr_end"]].tolist() == [0, 100, 1050]


def test_a_move_to_another_plan_on_the_same_day_is_no_churn() -> None:
    told = figures(
        sub("moves", BEGIN, 100.0, subscription_id="basic", plan="basic"),
        sub("moves", "2024-05-10", 100.0, subscription_id="basic", plan="basic", status="canceled"),
        sub("moves", "2024-05-10", 130.0, subscription_id="pro", plan="pro"),
    )
    row = told.loc["2024Q2"]
    assert row[["accounts_new", "accounts_lost", "mrr_churned", "mrr_new", "mrr_expansion"]].tolist() == [
        0,
        0,
        0,
        0,
        30,
    ]


def test_a_day_on_the_edge_belongs_to_the_period_that_begins_with_it() -> None:
    told = figures(
        sub("new", "2024-04-01", 100.0), sub("gone", BEGIN, 10.0), sub("gone", "2024-07-01", 0.0, status="canceled")
    )
    assert told["accounts_new"].tolist() == [0, 1, 0, 0, 0, 0]
    assert told["accounts_lost"].tolist() == [0, 0, 1, 0, 0, 0]


def test_amounts_are_as_known_now_and_exits_count_when_they_could_be_known() -> None:
    late = [
        sub("late", BEGIN, 100.0, known_at=BEGIN),
        sub("late", "2024-02-01", 160.0, known_at="2024-08-20"),  # told half a year late
        sub("gone", BEGIN, 10.0, known_at=BEGIN),
        sub("gone", "2024-02-01", 10.0, known_at="2024-08-20", status="canceled"),
    ]
    of = history(*late, end="2025-07-01")
    found = hf.kpis(of, signs=False)
    told = found.of()
    assert told.loc["2024Q1", ["mrr_expansion", "accounts_lost"]].tolist() == [60, 0]
    assert told.loc["2024Q3", "accounts_lost"] == 1
    assert "as known now" in found.text()
    then = hf.kpis(of.until("2024-07-01"), signs=False).of()
    assert then.loc["2024Q1", ["mrr_expansion", "accounts_lost"]].tolist() == [0, 0]


def test_currencies_are_never_added() -> None:
    rows = [
        sub("base", BEGIN, 1000.0, subscription_id="us", currency="USD"),
        sub("x", BEGIN, 5.0, currency="usd "),
        sub("y", BEGIN, 7.0, currency="EUR"),
        sub("z", BEGIN, 9.0, currency=None),
    ]
    found = hf.kpis(history(*rows), signs=False)
    assert found.currencies == ("EUR", "USD", "not told")
    assert found.of("USD").loc["2024Q1", ["accounts_start", "mrr_start"]].tolist() == [2, 1005]
    assert found.of("EUR").loc["2024Q1", "mrr_start"] == 7
    with pytest.raises(UsageError, match="currencies are not added"):
        found.of()
    assert "1 accounts have more than one" in found.text()


def test_a_period_that_the_data_does_not_cover_is_marked() -> None:
    rows = [sub(f"a{i}", "2024-02-03", 10.0) for i in range(8)]
    rows += [sub(f"a{i}", "2025-05-01", 10.0, status="canceled") for i in range(6)]
    of = history(*rows, end="2025-05-15")
    found = hf.kpis(of, signs=False)
    last = found.of().loc["2025Q2"]
    assert last["partial"]
    assert last["note"] == "to 2025-05-15"
    assert last["ends"] == pd.Timestamp("2025-05-15", tz="UTC")
    assert last["accounts_lost"] == 6
    assert math.isnan(last["clv"])
    assert "2025Q1, EUR" in found.text()  # the last whole one is told
    assert set(found.against()["period"]) == {"2025Q1"}
    assert not found.of().loc["2024Q1", "partial"]
    young = hf.kpis(hf.History.from_frames(_without_base(of), end="2025-05-15"), signs=False).of()
    assert young.loc["2024Q1", "note"].startswith("from 2024-02-03")
    assert young.loc["2024Q1", ["accounts_start", "accounts_new"]].tolist() == [8, 0]


def _without_base(of: hf.History) -> dict[str, pd.DataFrame]:
    frames = {name: of.as_of("2025-05-15")[name] for name in ("accounts", "usage")}
    rows = [sub(f"a{i}", "2024-02-03", 10.0, currency="EUR") for i in range(8)]
    return frames | {"subscriptions": pd.DataFrame(rows)}


def test_only_survivors_may_be_left_from_before_the_first_activity() -> None:
    usage = pd.DataFrame({"account_id": ["base"], "occurred_at": [pd.Timestamp("2024-10-01", tz="UTC")]})
    told = hf.kpis(history(sub("a", "2024-05-01", 1.0), usage=usage), signs=False).of()
    assert told["partial"].tolist() == [True, True, True, False, False, False]
    assert "who had left by then may be missing" in told.loc["2024Q2", "note"]
    lost = sub("a", "2024-05-15", 1.0, status="canceled")
    told = hf.kpis(history(sub("a", "2024-05-01", 1.0), lost, usage=usage), signs=False).of()
    assert told["partial"].tolist()[:3] == [True, True, True]  # come and gone within a quarter tells nothing
    lost = sub("a", "2024-06-01", 1.0, status="canceled")
    told = hf.kpis(history(sub("a", BEGIN, 1.0), lost, usage=usage), signs=False).of()
    assert told["partial"].tolist()[:4] == [True, True, False, False]  # from the first loss on, exits are known


def test_the_list_of_lost_customers_ends_what_subscriptions_leave_open() -> None:
    lost = pd.DataFrame(
        {"account_id": ["a"], "notice_at": ["2024-05-05"], "ended_at": ["2024-06-01"], "known_at": ["2024-05-05"]}
    )
    rows = [sub("a", BEGIN, 100.0), sub("a", "2024-11-01", 70.0, subscription_id="again")]
    told = figures(*rows, churn=lost)
    assert told.loc["2024Q2", ["accounts_lost", "mrr_churned"]].tolist() == [1, 100]
    assert told.loc["2024Q3", "accounts_end"] == 1
    assert told.loc["2024Q4", "accounts_back"] == 1


def test_lifetime_value_states_its_margin_and_needs_losses() -> None:
    rows = [sub(f"a{i}", BEGIN, 100.0) for i in range(19)]
    gone = [sub(f"a{i}", "2024-05-01", 100.0, status="canceled") for i in range(5)]
    told = hf.kpis(history(*rows, *gone), signs=False)
    row = told.of().loc["2024Q2"]
    assert row["logo_churn"] == 0.25
    assert row["clv"] == pytest.approx((1000 + 1400) / 15 * 3 / 0.25)
    assert "of revenue, before costs" in told.text()
    half = hf.kpis(history(*rows, *gone), margin=0.5, signs=False)
    assert half.of().loc["2024Q2", "clv"] == pytest.approx(row["clv"] / 2)
    assert "assumed gross margin of 50%" in half.text()
    few = hf.kpis(history(*rows, *gone[:4]), signs=False).of()
    assert math.isnan(few.loc["2024Q2", "clv"])


def test_segments_add_up_to_everybody() -> None:
    accounts = pd.DataFrame({"account_id": ["a", "b", "base"], "valid_from": BEGIN, "segment": ["smb", "mid", None]})
    found = hf.kpis(
        history(sub("a", BEGIN, 5.0), sub("b", "2024-05-01", 6.0), accounts=accounts), segment=True, signs=False
    )
    assert found.segments == ("all", "mid", "none", "smb")
    parts = found.rows[found.rows["segment"] != "all"].groupby("period")["mrr_end"].sum()
    assert parts.tolist() == found.of()["mrr_end"].tolist()
    assert found.of(segment="mid").loc["2024Q2", "accounts_new"] == 1


def test_surveys_and_use_come_from_the_catalogue() -> None:
    day = pd.Timestamp("2024-05-01", tz="UTC")
    surveys = pd.DataFrame(
        {"account_id": ["a", "b", "base"], "occurred_at": day, "kind": "survey", "score": [10, 9, 3], "score_max": 10}
    )
    use = pd.DataFrame({"account_id": ["base", "a"], "occurred_at": [BEGIN, "2024-06-20"], "duration_min": [1.0, 60.0]})
    found = hf.kpis(history(sub("a", BEGIN, 5.0), sub("b", BEGIN, 6.0), touchpoints=surveys, usage=use))
    row = found.of().loc["2024Q2"]
    assert row["nps"] == pytest.approx(100 / 3)
    assert row["usage_minutes"] == pytest.approx(60 / 3) or row["usage_minutes"] == 60  # who has no use is no value
    assert math.isnan(row["csat"])
    assert not found.of().loc["2024Q1", "nps"] > 0


def test_benchmarks_name_their_source_and_own_ones_join_them() -> None:
    own = Benchmark("grr", "our own target", low=0.9, source="board")
    told = hf.kpis(history(sub("a", BEGIN, 5.0)), benchmarks=[own], signs=False).against()
    assert told["source"].str.len().min() > 0
    assert told.set_index("says").loc["our own target", "holds"]
    assert "stated in the literature without data" in told.set_index("figure").loc["logo_churn", "source"]
    with pytest.raises(UsageError, match="did you mean 'grr'"):
        Benchmark("gr", "x")


def test_every_figure_is_defined() -> None:
    found = hf.kpis(history(sub("a", BEGIN, 5.0)))
    keys = {"period", "begins", "ends", "partial", "note", "currency", "segment"}
    assert set(found.rows.columns) - keys == set(found.definitions()["name"])
    assert (found.definitions()["formula"].str.len() > 5).all()


def test_results_are_json_and_escaped() -> None:
    accounts = pd.DataFrame({"account_id": ["a", "base"], "valid_from": BEGIN, "segment": ["<script>", "=1+1"]})
    found = hf.kpis(history(sub("a", BEGIN, 5.0), accounts=accounts), segment=True)
    json.dumps(found.to_dict(), allow_nan=False)
    assert "<script>" not in found._repr_html_()


def test_what_cannot_be_reckoned_is_refused_by_name() -> None:
    of = history(sub("a", BEGIN, 5.0))
    for bad in ({"by": "week"}, {"churn": "silence"}, {"margin": 0.0}, {"margin": math.nan}):
        with pytest.raises(UsageError):
            hf.kpis(of, **bad)
    with pytest.raises(DataError, match="less for 'a'"):
        hf.kpis(history(sub("a", BEGIN, -5.0)), signs=False)
    with pytest.raises(DataError, match="at most"):
        hf.kpis(history(sub("a", BEGIN, 1e300)), signs=False)
    with pytest.raises(DataError, match="one that ran"):
        hf.kpis(history(end="2023-06-01"), signs=False)
    bare = pd.DataFrame({"account_id": ["a"], "occurred_at": [BEGIN]})
    with pytest.raises(DataError, match="a table subscriptions"):
        hf.kpis(hf.History.from_frames({"accounts": bare[["account_id"]], "usage": bare}))


def test_a_missing_amount_counts_as_nothing_and_is_said() -> None:
    found = hf.kpis(history(sub("a", BEGIN, None)), signs=False)
    assert found.of().loc["2024Q1", ["accounts_start", "mrr_start"]].tolist() == [2, 1000]
    assert "1 versions of subscriptions have no MRR" in found.text()


def test_where_nothing_is_paid_it_is_said_why_no_revenue_is_told() -> None:
    free = [sub(f"l{i}", BEGIN, 0.0, valid_to="2024-05-01", currency="USD") for i in range(6)]
    rows = [*free, sub("stays", BEGIN, 0.0, currency="USD")]
    beside = hf.kpis(history(*rows), signs=False)
    assert beside.of("USD").loc["2024Q2", ["accounts_lost", "mrr_start"]].tolist() == [6, 0]
    assert beside.of("USD")[["grr", "nrr", "revenue_churn", "clv"]].isna().all(axis=None)
    assert "Every MRR in USD is 0: of nothing no share can be kept" in beside.text()
    whole = hf.kpis(history(*rows, subscriptions=pd.DataFrame(rows)), signs=False)
    assert "Every MRR is 0: of nothing no share can be kept" in whole.text()
    assert "Every MRR" not in hf.kpis(history(), signs=False).text()


VERSIONS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(("s", "t")),
        st.integers(0, 500),
        st.integers(0, 100_000),
        st.sampled_from(("active", "active", "past_due", "canceled", "trialing")),
        st.sampled_from(("EUR", "USD")),
    ),
    min_size=1,
    max_size=14,
    unique_by=lambda one: one[:3],
)


@settings(max_examples=20, deadline=None)
@given(VERSIONS, st.sampled_from(("month", "quarter", "year")))
def test_the_bridge_adds_up_exactly(versions: list[tuple[str, str, int, int, str, str]], by: str) -> None:
    rows = [
        sub(
            who,
            f"{pd.Timestamp(BEGIN) + pd.Timedelta(days=day):%Y-%m-%d}",
            cents / 100,
            subscription_id=f"{who}{which}",
            status=status,
            currency=money,
        )
        for who, which, day, cents, status, money in versions
    ]
    found = hf.kpis(history(*rows), by=by, signs=False, segment=True).rows
    _laws(found)


def _laws(found: pd.DataFrame) -> None:
    money = {name: np.rint(found[name] * 10_000).astype("int64") for name in found if str(name).startswith("mrr_")}
    ends = (
        money["mrr_start"] + money["mrr_new"] + money["mrr_expansion"] - money["mrr_contraction"] - money["mrr_churned"]
    )
    assert (ends == money["mrr_end"]).all()
    assert (found["accounts_start"] + found["accounts_new"] - found["accounts_lost"] == found["accounts_end"]).all()
    known = found.dropna(subset=["grr"])
    assert (known["nrr"] >= known["grr"]).all()
    assert known["grr"].between(0, 1).all()
    asked = found.dropna(subset=["logo_churn"])
    assert (asked["retention_rate"] == 1 - asked["logo_churn"]).all()
    for _, table in found.groupby(["currency", "segment"]):
        for name in ("mrr", "accounts"):
            assert table[f"{name}_start"].tolist()[1:] == table[f"{name}_end"].tolist()[:-1]


def test_the_simulated_company_keeps_the_laws_and_agrees_with_the_labels() -> None:
    of = hf.simulate(accounts=150, seed=3, months=18)
    found = hf.kpis(of, segment=True)
    assert isinstance(found, Kpis)
    _laws(found.rows)
    table = found.of()
    whole = table[~table["partial"]]
    assert table.loc[table["begins"] < of.start, "partial"].all()
    stands = pd.DatetimeIndex(whole["begins"])
    labels = hf.label(of, stands, horizons=(30,), churn=hf.Churn(min_tenure_days=0, lost=EXITS))
    rows = labels.event_at[labels.at_risk == ""].rename("at").reset_index()
    ends = rows["cutoff"].map(whole.set_index("begins")["ends"])
    left = (rows["at"] < ends).groupby(rows["cutoff"]).sum()
    assert left.sum() > 20
    assert left.tolist() == whole["accounts_lost"].tolist()
    pd.testing.assert_frame_equal(hf.kpis(of, segment=True).rows, found.rows)


def test_a_store_gives_the_same_figures(tmp_path: Path) -> None:
    of = hf.simulate(accounts=60, seed=5, months=12)
    of.write(tmp_path / "tables")
    stored = hf.History.build(tmp_path / "tables", tmp_path / "store", buckets=3, end=of.end)
    pd.testing.assert_frame_equal(hf.kpis(stored, segment=True).rows, hf.kpis(of, segment=True).rows)


def test_the_command_tells_tables_and_why_there_is_no_forecast(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["simulate", "--accounts", "40", "--months", "14", "--seed", "2", "--out", str(tmp_path / "acme")]) == 0
    plan = str(tmp_path / "acme" / "plan.toml")
    capsys.readouterr()
    assert run(["kpis", plan, "--by", "year", "--segment", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["by"] == "year"
    assert told["forecast"] == []
    assert "holdfast score PLAN" in told["no_forecast"]
    assert {"all", "smb"} <= {row["segment"] for row in told["rows"]}
    assert run(["kpis", plan, "--margin", "0.7"]) == 0
    out = capsys.readouterr().out
    assert "mrr_start" in out
    assert "assumed gross margin of 70%" in out
    assert run(["kpis", plan, "--by", "week"]) == 2


def test_scores_without_a_horizon_of_90_days_are_told_as_the_reason_for_no_forecast(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of = hf.simulate(accounts=20, seed=2, months=12)
    of.write(tmp_path / "history")
    told = served.scores([str(one) for one in of.accounts], day=of.now)
    served.serve(tmp_path, replace(told, rows=told.rows.assign(p90=float("nan"))))
    capsys.readouterr()
    assert run(["kpis", str(tmp_path / "plan.toml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["no_forecast"].endswith("the scores have no probability at 90 days.")


@pytest.mark.parametrize(("planned", "scored"), [("notice", "silence"), ("silence", "notice")])
def test_what_scores_tell_is_read_from_the_run_and_not_from_the_plan(
    planned: str, scored: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of = hf.simulate(accounts=20, seed=2, months=12)
    of.write(tmp_path / "history")
    place = served.serve(tmp_path, served.scores([str(one) for one in of.accounts], day=of.now))
    folder = place.runs / served.RUN
    write_manifest(folder, json.loads((folder / "manifest.json").read_bytes()) | {"churn": scored})
    plan = tmp_path / "plan.toml"
    plan.write_text(served.PLAN.replace('"notice"', f'"{planned}"'), encoding="utf-8")
    capsys.readouterr()
    assert run(["kpis", str(plan), "--json"]) == 0
    silent = "the scores tell silence" in json.loads(capsys.readouterr().out)["no_forecast"]
    assert silent == (scored == "silence")


def test_growth_of_the_past_needs_five_accounts_that_grew() -> None:
    rows = [sub(f"a{i}", BEGIN, 100.0) for i in range(10)]
    grown = [sub(f"a{i}", "2025-02-01", 120.0) for i in range(5)]
    quarters = hf.kpis(history(*rows, *grown), signs=False).of()
    told = past_growth(quarters)
    assert told is not None
    assert told["p"] == pytest.approx(5 / 44)  # eleven accounts in each of four quarters
    last = quarters.tail(4)
    assert told["p"] * told["growth"] == pytest.approx(100 / last["mrr_start"].sum())
    assert past_growth(hf.kpis(history(*rows, *grown[:4]), signs=False).of()) is None


def test_each_customer_has_a_currency_or_several() -> None:
    rows = [sub("a", BEGIN, 1.0, subscription_id="x"), sub("a", BEGIN, 1.0, subscription_id="y", currency="USD")]
    told = currencies(history(sub("gone", BEGIN, 1.0, valid_to="2024-02-01", currency="EUR"), *rows), hf.Churn())
    assert told.to_dict() == {"a": "several", "base": "not told"}


def scores(p: list[float], arr: list[float], **more: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"account_id": [f"a{i:03}" for i in range(len(p))], "arr": arr, "p90": p} | more)


def test_nobody_at_risk_keeps_everything() -> None:
    told = forecast(scores([0.0] * 5, [10.0] * 5))
    assert told.grr == told.grr_low == told.grr_high == 1
    assert math.isnan(told.nrr)
    assert "chance alone" in told.text()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(1, 1e6)), min_size=1, max_size=30))
def test_the_expectation_is_one_less_the_revenue_at_risk(pairs: list[tuple[float, float]]) -> None:
    p, arr = (list(one) for one in zip(*pairs, strict=True))
    told = forecast(scores(p, arr))
    assert told.grr == pytest.approx(1 - np.dot(p, arr) / np.sum(arr))
    assert 0 <= told.grr_low <= told.grr_high <= 1


def test_the_interval_is_that_of_the_coins() -> None:
    told = forecast(scores([0.1] * 400, [10.0] * 400))
    spread = 1.645 * math.sqrt(0.09 / 400)
    assert told.grr_low == pytest.approx(0.9 - spread, abs=0.005)
    assert told.grr_high == pytest.approx(0.9 + spread, abs=0.005)
    unsure = forecast(scores([0.1] * 400, [10.0] * 400, p90_low=[0.05] * 400, p90_high=[0.2] * 400))
    assert unsure.grr == told.grr
    assert unsure.grr_low == pytest.approx(0.8, abs=0.03)
    assert "uncertainty of the probabilities" in unsure.text()
    shuffled = scores([0.1] * 400, [10.0] * 400).sample(frac=1, random_state=1)
    assert forecast(shuffled).to_dict() == told.to_dict()


def test_growth_is_forecast_only_where_it_is_told() -> None:
    told = forecast(scores([0.1, 0.3], [100.0, 300.0]), expansion={"p": 0.5, "growth": 0.2})
    assert told.nrr == pytest.approx(told.grr + (0.9 * 100 + 0.7 * 300) * 0.1 / 400)
    assert told.nrr_low >= told.grr_low
    each = pd.DataFrame({"account_id": ["a001"], "p": [1.0], "growth": [1.0]})
    assert forecast(scores([0.0, 0.0], [100.0, 300.0]), expansion=each).nrr == 1.75


def test_scores_that_cannot_be_reckoned_with_are_refused_or_counted() -> None:
    assert forecast(scores([0.1, math.nan, 0.2], [1.0, 1.0, math.nan])).left_out == 2
    for bad in (
        scores([], []),
        scores([1.5], [1.0]),
        scores([0.5], [-1.0]),
        scores([0.5], [0.0]),
        scores([0.5, 0.5], [1.0, 1.0], currency=["EUR", "USD"]),
        pd.DataFrame({"account_id": ["a", "a"], "arr": 1.0, "p90": 0.1}),
        pd.DataFrame({"account_id": ["a"]}),
    ):
        with pytest.raises(DataError):
            forecast(bad)
    with pytest.raises(UsageError):
        forecast(scores([0.5], [1.0]), expansion={"p": 2.0, "growth": 0.1})


def test_a_programme_never_returns_more_than_its_assumptions_allow() -> None:
    rows = scores([0.5, 0.1, 0.2], [1000.0, 2000.0, 100.0])
    told = roi(rows, contacts=2, cost_per_contact=10, save_rate=(0.1, 0.3), margin=0.8)
    assert told.at_risk == pytest.approx((500 + 200) * 0.8)
    assert told.gain == pytest.approx(0.2 * 560 - 20)
    assert (told.gain_low, told.gain_high) == pytest.approx((0.1 * 560 - 20, 0.3 * 560 - 20))
    assert told.break_even == pytest.approx(20 / 560)
    assert told.label == "assumption-based"
    assert told.text().startswith("Assumption-based")
    for words in ("cost of a contact 10", "save rate 20% (10% to 30%)", "gross margin 80%"):
        assert words in told.text()
    most = roi(rows, contacts=99, cost_per_contact=0, save_rate=1.0, margin=1.0)
    assert most.gain == most.at_risk == pytest.approx(720)
    assert math.isnan(most.ratio)
    assert math.isnan(most.gain_low)
    measured = roi(rows, contacts=1, cost_per_contact=1, save_rate=Effect(0.2, -0.05, 0.4, "Q1 holdout"), margin=1)
    assert "measured with a holdout (Q1 holdout)" in measured.label
    assert measured.gain_low < 0
    json.dumps(measured.to_dict(), allow_nan=False)
    for bad in ({"save_rate": 1.2}, {"save_rate": (0.5, 0.1)}, {"contacts": 0}, {"margin": 2.0}):
        with pytest.raises(UsageError):
            roi(rows, **({"contacts": 1, "cost_per_contact": 1, "save_rate": 0.1, "margin": 0.5} | bad))
