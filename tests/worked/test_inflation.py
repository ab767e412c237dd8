"""What the usual mistakes claim: on a planted company where nothing can be foretold, and on a simulated one."""

from __future__ import annotations

import inspect
import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import TooFewEvents, UsageError
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import touchpoints, usage
from holdfast.models.boosted import Boosted
from holdfast.training import mistakes
from holdfast.training.folds import folds
from holdfast.training.inflation import END, EVENT, HONEST, LINES, LIVE, RANDOM, TODAY, UNPURGED, Inflation, inflation

START, DAYS, ACCOUNTS = pd.Timestamp("2023-01-01", tz="UTC"), 720, 240
END_OF_DATA = START + pd.Timedelta(days=DAYS)
CUTOFFS = pd.date_range(START + pd.Timedelta(days=60), END_OF_DATA, freq="20D")


def sign(expression, name: str) -> Indicator:
    return Indicator(
        expression,
        name=name,
        dimension="product",
        healthy="high",
        unit="records",
        title=name,
        curve=None,
        evidence="{value}",
    )


SPARE = {"retrain_every": 40, "bootstrap": 0}  # where the figures do not matter

SIGNS = Catalog(
    (
        sign(usage.count(days=30), "use"),
        sign(usage.latest("duration_min"), "minutes"),
        sign(touchpoints.count(days=60), "notes"),
    )
)


@cache
def frames() -> dict[str, pd.DataFrame]:
    """Accounts that leave at random, each with a length of visits of its own, that tells no more than a name.

    Who has given notice stops using the product, and is gone 75 days later. Of what was said 20 days before the notice
    a note is taken 15 days after it. A fifth of the exits turn out to be mergers 150 days later.
    """
    rng = np.random.default_rng(0)
    names = np.array([f"a{i:03d}" for i in range(ACCOUNTS)])
    notice = rng.integers(40, DAYS + 300, ACCOUNTS).astype(float)
    day = np.arange(0, DAYS, 5.0)
    account, when = (one.ravel() for one in np.meshgrid(np.arange(ACCOUNTS), day, indexing="ij"))
    there = (rng.random(len(when)) < 0.7) & (when < notice[account])
    leaves = notice < DAYS
    who, said = names[leaves], notice[leaves]
    at = START + pd.to_timedelta(said, unit="D")
    left = pd.DataFrame({"source_id": [f"c-{one}" for one in who], "account_id": who, "notice_at": at})
    left = left.assign(ended_at=at + pd.Timedelta(days=75), known_at=at + pd.Timedelta(days=1), kind="voluntary")
    merged = left[::5].assign(kind="merger", known_at=left["known_at"] + pd.Timedelta(days=150))
    used = START + pd.to_timedelta(when[there], unit="D")
    talk = pd.DataFrame({"account_id": who, "occurred_at": at - pd.Timedelta(days=20), "kind": "note"})
    talk["known_at"] = at + pd.Timedelta(days=15)
    known = (one[one["known_at"] <= END_OF_DATA] for one in (pd.concat([left, merged]), talk))
    told = dict(zip(("churn", "touchpoints"), known, strict=True))
    return {
        "accounts": pd.DataFrame({"account_id": names, "valid_from": START, "known_at": START}),
        "usage": pd.DataFrame(
            {
                "account_id": names[account[there]],
                "occurred_at": used,
                "known_at": used,
                "duration_min": rng.permutation(ACCOUNTS)[account[there]] + 1.0,
            }
        ),
        **told,
    }


def planted(**other: pd.DataFrame) -> History:
    return History.from_frames(frames() | other, end=END_OF_DATA)


def asked(history: History, churn: hf.Churn | str = "notice", **how: object) -> Inflation:
    options = {"horizons": (90,), "catalog": SIGNS, "bootstrap": 30, "retrain_every": 8, "progress": False} | how
    return inflation(history, CUTOFFS, churn=churn, **options)


@cache
def found() -> Inflation:
    return asked(planted())


def test_nothing_can_be_foretold_and_every_mistake_claims_that_it_can() -> None:
    told = found()
    assert list(told.rows["line"]) == list(LINES)
    honest = told.value(HONEST, 90)
    assert abs(honest - 0.5) < 0.08
    assert (
        told.value(RANDOM, 90) > honest + 0.1
    )  # the length of visits is a name, and the month before has the same label
    assert told.value(UNPURGED, 90) > honest + 0.05
    assert told.value(END, 90) > honest + 0.3  # who has given notice uses nothing any more
    assert told.value(EVENT, 90) > honest + 0.1  # the note stands before the notice
    assert told.value(TODAY, 90) == pytest.approx(honest, abs=0.1)
    gains = told.rows.set_index("line").loc[[RANDOM, END, EVENT], "auc_diff_low"]
    assert (gains > 0).all()


def test_what_learned_by_event_time_is_worth_nothing_in_use() -> None:
    told = found()
    assert told.value(LIVE, 90) < told.value(EVENT, 90) - 0.1
    assert abs(told.value(LIVE, 90) - 0.5) < 0.08
    assert told.value(LIVE, 90, "skill") < told.value(EVENT, 90, "skill")
    assert f"What learned by event time reaches {told.value(LIVE, 90):.3f} in use." in told.text()


def test_the_honest_line_is_the_backtest() -> None:
    history = planted()
    y = hf.label(history, CUTOFFS, (90,))
    X = SIGNS.measure(history, CUTOFFS, (90,))
    result = (
        hf.backtest({"model": Boosted()}, X, y, bootstrap=0, baselines=("base_rate",), progress=False, retrain_every=8)
        .table()
        .loc[(90, "model"), :]
    )
    row = found().rows.set_index("line").loc[HONEST]
    for figure in ("auc", "skill", "log_loss", "n", "events"):
        assert row[figure] == pytest.approx(result[figure])
    assert np.isnan(row["auc_diff"])
    again = asked(history, measured=(X, y))
    pd.testing.assert_frame_equal(again.rows, found().rows)


def test_figures_are_bounded_and_differences_are_paired() -> None:
    rows = found().rows
    for figure in ("auc", "skill", "log_loss"):
        assert (rows[f"{figure}_low"] <= rows[figure]).all()
        assert (rows[figure] <= rows[f"{figure}_high"]).all()
        np.testing.assert_allclose(rows[f"{figure}_diff"][1:], rows[figure][1:] - rows[figure][0])
    same = rows[rows["line"] != END]
    assert same["n"].nunique() == 1
    assert same["events"].nunique() == 1
    assert rows.set_index("line").loc[END, "n"] > same["n"].iloc[0]  # who has given notice is asked of, too


def test_it_is_said_what_was_done_wrong() -> None:
    told = found()
    wrong = told.rows.set_index("line")["wrong"]
    assert wrong.str.endswith(".").all()
    assert wrong.nunique() == len(LINES)
    assert "% of the churn in its test had given notice already." in wrong[END]
    words = told.text()
    assert words.startswith("90 days ahead, gradient boosting with default settings reaches AUC 0.")
    assert f"{told.value(RANDOM, 90):.3f} by random rows (+0." in words
    assert "<table" in told._repr_html_()
    json.dumps(told.to_dict(), allow_nan=False)
    assert told.text(30) == ""


def test_the_same_seed_gives_the_same_result() -> None:
    assert asked(planted()).to_dict() == found().to_dict()


def test_with_two_equal_clocks_event_time_is_no_mistake() -> None:
    prompt = frames()["touchpoints"].assign(known_at=lambda one: one["occurred_at"])
    told = asked(planted(touchpoints=prompt), **SPARE)
    assert told.left_out[EVENT] == told.left_out[LIVE] == "no record that is read was known later than it happened"
    assert np.isnan(told.value(EVENT, 90))


def test_without_corrections_there_are_no_other_labels_today() -> None:
    first = frames()["churn"].drop_duplicates("source_id")
    told = asked(planted(churn=first), **SPARE)
    assert set(told.left_out) == {TODAY}
    row = told.rows.set_index("line").loc[TODAY]
    assert row["n"] == 0
    assert row["wrong"] == "Not applicable: on every day of a refit, labels were known as they are today."
    assert told.to_dict()["lines"][-1]["auc"] is None


def test_a_history_without_notices_has_no_end_date_label() -> None:
    ends = frames()["churn"].assign(notice_at=pd.NaT)
    told = asked(planted(churn=ends), **SPARE)
    assert told.left_out[END].startswith("no notice is on record")
    at_once = frames()["churn"].assign(ended_at=lambda one: one["notice_at"])
    assert asked(planted(churn=at_once), **SPARE).left_out[END] == "no exit on record ends later than its notice"


@pytest.mark.parametrize("kind", ["silence", "departure"])
def test_without_notice_by_definition_the_end_date_label_is_not_applicable(kind: str) -> None:
    told = asked(planted(), hf.Churn(kind, active_days=40, confirm_days=40), **SPARE)
    assert told.left_out[END] == f"{kind} is read from what accounts do, and has no notice"
    assert f"Not applicable: end-date label ({kind} is read from what accounts do, and has no notice)." in told.text()
    assert told.rows.set_index("line").loc[[HONEST, RANDOM, UNPURGED], "auc"].notna().all()


def test_one_cutoff_is_too_few() -> None:
    with pytest.raises(TooFewEvents, match="backtest"):
        inflation(planted(), CUTOFFS[-9:-8], catalog=SIGNS, progress=False)


def test_contracts_alone_tell_their_ends_too() -> None:
    gone = frames()["churn"].drop_duplicates("source_id").set_index("account_id")
    names = frames()["accounts"]["account_id"]
    now = pd.DataFrame({"account_id": names, "subscription_id": "s" + names, "valid_from": START, "known_at": START})
    asked_to = now[names.isin(gone.index)].assign(
        valid_from=gone["notice_at"].to_numpy(), known_at=gone["known_at"].to_numpy()
    )
    asked_to = asked_to.assign(
        cancel_requested_at=gone["notice_at"].to_numpy(), term_end=gone["ended_at"].to_numpy(), auto_renew=False
    )
    contracts = pd.concat([now.assign(auto_renew=True), asked_to])
    history = History.from_frames(
        {**{name: one for name, one in frames().items() if name != "churn"}, "subscriptions": contracts},
        end=END_OF_DATA,
    )
    y = hf.label(history, CUTOFFS, (90,))
    ended = mistakes.labels_dated_by_the_end_of_contracts(history, y)
    both = pd.DataFrame({"notice": y.event_at, "end": ended.event_at}).dropna()
    apart = (both["end"] - both["notice"]).dt.days
    assert len(both) > 300
    assert apart.between(74, 75 + y.churn.grace_days).all()
    between = (y.at_risk == "has given notice or left") & (ended.at_risk == "")
    assert between.sum() > 100


def test_read_by_event_time_a_record_is_known_when_it_happened_in_its_last_version() -> None:
    calm = pd.DataFrame(
        {
            "account_id": ["a000"] * 3,
            "source_id": ["x", "x", "y"],
            "occurred_at": START + pd.to_timedelta([10, 10, 50], unit="D"),
            "known_at": START + pd.to_timedelta([12, 30, 400], unit="D"),
            "kind": ["note"] * 3,
            "score": [1.0, 2.0, 3.0],
        }
    )
    history = planted(touchpoints=calm)
    seen = mistakes.RetoldHistory(history, mistakes._as_it_happened).as_of(START + pd.Timedelta(days=60))
    assert seen["touchpoints"]["score"].tolist() == [2.0, 3.0]
    assert history.as_of(START + pd.Timedelta(days=60))["touchpoints"]["score"].tolist() == [2.0]


def test_a_stored_history_is_told_otherwise_bucket_by_bucket(tmp_path: Path) -> None:
    history = planted()
    history.write(tmp_path / "tables")
    stored = History.build(tmp_path / "tables", tmp_path / "store", buckets=3, end=END_OF_DATA)
    y, X = hf.label(history, CUTOFFS, (90,)), SIGNS.measure(history, CUTOFFS, (90,))
    whole, parts = (mistakes.measured_by_event_time(one, X, y) for one in (history, stored))
    pd.testing.assert_frame_equal(whole.frame(), parts.frame())
    assert not whole.frame().equals(X.frame())
    ends, again = (mistakes.labels_dated_by_the_end_of_contracts(one, y) for one in (history, stored))
    pd.testing.assert_frame_equal(ends.frame, again.frame)
    with pytest.raises(UsageError, match="ask the original"):
        mistakes.RetoldHistory(history, mistakes._as_it_happened).until(END_OF_DATA)


def test_an_account_is_on_both_sides_of_a_random_split_and_never_a_row() -> None:
    history = planted()
    y, X = hf.label(history, CUTOFFS, (90,)), SIGNS.measure(history, CUTOFFS, (90,))
    plan = folds(y)
    lessons = list(mistakes.random_rows(X, y.on(X.index), plan, RANDOM, 0))
    tested = pd.concat([one.asked[RANDOM].indicators for one in lessons])
    assert not tested.index.has_duplicates
    for one in lessons:
        assert not one.X.index.isin(one.asked[RANDOM].index).any()
        assert set(one.asked[RANDOM].index.get_level_values(0)) & set(one.X.index.get_level_values(0))


def test_no_mistake_is_an_argument_and_no_model_is_returned() -> None:
    for function in (hf.backtest, folds, hf.label):
        said = " ".join(inspect.signature(function).parameters) + inspect.getsource(inspect.getmodule(function))
        for word in ("mistakes", "random_rows", "unpurged", "event_time", "end_date", "purge="):
            assert word not in said
    values = list(vars(found()).values())
    assert not any(hasattr(one, "predict_proba") or hasattr(one, "fit") for one in values)


def test_on_a_simulated_company_mistakes_flatter_too() -> None:
    history = hf.simulate(accounts=300, seed=2, months=26)
    names = ("days_since_usage", "usage_30", "active_users", "seat_penetration", "tickets_90", "days_to_renewal", "mrr")
    signs = hf.catalog.select(names)
    told = inflation(
        history, hf.cutoffs(history, "28d"), horizons=(90,), catalog=signs, retrain_every=4, bootstrap=0, progress=False
    )
    honest = told.value(HONEST, 90)
    assert told.value(RANDOM, 90) > honest + 0.05
    assert told.value(UNPURGED, 90) > honest
    assert told.value(END, 90) > honest + 0.02
    assert told.value(EVENT, 90) > honest - 0.02
