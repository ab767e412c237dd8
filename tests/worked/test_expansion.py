"""Expansion: what counts as growth, who is asked, how it is predicted, and who is ready for more."""

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import UsageError
from holdfast.features.time import FOREVER
from holdfast.models.expansion import readiness
from holdfast.training.expansion import Expansion, expansion
from holdfast.training.labels import label

START = pd.Timestamp("2025-01-01", tz="UTC")
CUTOFF, DAY = "2025-06-01", pd.Timedelta(days=1)


def subscription(account: str, month: float, mrr: float, seats: float = 5.0, **more: object) -> dict[str, object]:
    at = START + pd.Timedelta(days=30 * month)
    return {
        "account_id": account, "subscription_id": f"{more.pop('id', 's')}-{account}", "valid_from": at, "known_at": at,
        "status": "active", "mrr": mrr, "seats": seats, "term_start": START, "term_months": 24.0,
    } | more  # fmt: skip


def company(**tables: list[dict[str, object]]) -> hf.History:
    names = sorted({str(row["account_id"]) for table in tables.values() for row in table})
    return hf.History.from_frames(
        {
            "accounts": pd.DataFrame({"account_id": names, "valid_from": START, "known_at": START}),
            "usage": pd.DataFrame({"account_id": names, "occurred_at": START, "known_at": START, "count": 1.0}),
            **{name: pd.DataFrame(table) for name, table in tables.items()},
        },
        end="2026-01-01",
    )


def labelled(of: hf.History, rule: Expansion | str = "expansion") -> dict[str, list[float]]:
    frame = label(of, [CUTOFF], (30, 60), rule).frame
    return {account: frame.loc[account].iloc[0].tolist() for account in frame.index.get_level_values(0)}


def test_more_revenue_more_seats_and_a_further_subscription_count() -> None:
    of = company(
        subscriptions=[
            *[subscription(name, 0, 100) for name in ("revenue", "seats", "more", "less", "same", "hardly")],
            subscription("revenue", 5.5, 130), subscription("seats", 6.5, 100, seats=8), subscription("less", 5.5, 70),
            subscription("more", 5.5, 20, id="second"), subscription("same", 5.5, 100),
            subscription("hardly", 5.5, 101),
        ]
    )  # fmt: skip
    found = labelled(of)
    assert found == {
        "revenue": [1, 1], "seats": [0, 1], "more": [1, 1], "less": [0, 0], "same": [0, 0], "hardly": [0, 0],
    }  # fmt: skip
    assert labelled(of, Expansion(growth=0.005))["hardly"] == [1, 1]


def test_a_renewal_under_another_name_is_compared_with_what_it_replaces() -> None:
    due = START + pd.Timedelta(days=165)
    ended = {"term_end": due, "valid_to": due}
    of = company(
        subscriptions=[
            *[subscription(name, 0, 100, **ended) for name in ("same", "dearer", "late", "merged", "split")],
            subscription("merged", 0, 60, id="other", **ended), subscription("split", 0, 60, id="other"),
            subscription("same", 5.5, 100, id="next"), subscription("dearer", 5.5, 130, id="next"),
            subscription("late", 5.8, 100, id="next"), subscription("merged", 5.5, 160, seats=10, id="next"),
            subscription("split", 5.5, 100, id="next"),
        ]
    )  # fmt: skip
    found = labelled(of)
    assert found == {"same": [0, 0], "dearer": [1, 1], "late": [0, 0], "merged": [0, 0], "split": [0, 0]}


def until(day: float) -> dict[str, object]:
    return {"term_end": START + pd.Timedelta(days=day), "valid_to": START + pd.Timedelta(days=day)}


def test_a_renewal_that_begins_before_the_old_one_ends_is_compared_with_it_too() -> None:
    names = ("same", "dearer", "merged", "beside", "more", "then", "cancelled", "extended", "both")
    days = {"beyond": until(180), "extended": until(170), "cancelled": {}}
    of = company(
        subscriptions=[
            *[subscription(name, 0, 100, **days.get(name, until(175))) for name in (*names, "beyond")],
            subscription("same", 5.5, 100, id="next"), subscription("dearer", 5.5, 130, id="next"),
            subscription("beyond", 5.5, 100, id="next"), subscription("cancelled", 5.5, 100, id="next"),
            subscription("merged", 0, 60, id="other", **until(170)),
            subscription("merged", 5.5, 160, seats=10, id="next"),
            subscription("beside", 0, 60, id="other"), subscription("beside", 5.5, 100, id="next"),
            subscription("more", 5.5, 100, id="next"), subscription("more", 5.6, 50, seats=1, id="third"),
            subscription("then", 5.5, 100, id="next"), subscription("then", 6.5, 50, seats=1, id="third"),
            subscription("cancelled", 5.8, 100, status="canceled"),
            subscription("extended", 5.6, 100, **until(400)), subscription("extended", 5.5, 100, id="next"),
            subscription("both", 5.5, 60, seats=3, id="next"), subscription("both", 5.5, 40, seats=2, id="third"),
        ]
    )  # fmt: skip
    assert labelled(of) == {
        "same": [0, 0], "dearer": [1, 1], "beyond": [1, 1], "merged": [0, 0], "beside": [0, 0], "more": [1, 1],
        "then": [0, 1], "cancelled": [0, 0], "extended": [1, 1], "both": [0, 0],
    }  # fmt: skip
    short = Expansion(churn=hf.Churn(grace_days=5))
    assert labelled(of, short)["same"] == [1, 1]
    assert Expansion(churn=hf.Churn(grace_days=30)).resolution_days(90) == 90 + 30 + 14


def test_that_the_old_one_ends_counts_from_the_day_it_is_known() -> None:
    ends, told = START + pd.Timedelta(days=170), START + pd.Timedelta(days=172)
    of = company(
        subscriptions=[
            subscription("a", 0, 100), subscription("a", 0, 100, valid_to=ends, known_at=told),
            subscription("a", 5.5, 100, id="next"),
        ]
    )  # fmt: skip
    cutoffs = np.array([pd.Timestamp(CUTOFF, tz="UTC").value // 1000])
    before, after = (expansion(of, cutoffs, Expansion(), day.value // 1000).first[0, 0] for day in (told - DAY, told))
    assert before == (START + pd.Timedelta(days=165)).value // 1000
    assert after == FOREVER


def test_a_subscription_beside_one_that_is_read_to_have_ended_later_is_none() -> None:
    due, told = START + pd.Timedelta(days=165), START + pd.Timedelta(days=167)
    of = company(
        subscriptions=[
            subscription("a", 0, 100), subscription("a", 0, 100, valid_to=due, known_at=told),
            subscription("a", 5.5, 100, id="next"),
        ]
    )  # fmt: skip
    assert labelled(of) == {"a": [0, 0]}


def test_what_was_put_right_or_never_was_is_no_growth() -> None:
    later = START + pd.Timedelta(days=170)
    of = company(
        subscriptions=[
            *[subscription(name, 0, 100) for name in ("typo", "mistake", "raised", "slip")],
            subscription("typo", 0, 100, seats=50, known_at=later),
            subscription("mistake", 5.5, 100, id="second"),
            subscription("mistake", 5.5, 100, id="second", known_at=later, deleted=True),
            subscription("slip", 5.5, 900), subscription("slip", 5.5, 100, known_at=later),
            subscription("raised", 5.5, 120), subscription("raised", 5.5, 130, known_at=START + pd.Timedelta(days=190)),
        ]
    )  # fmt: skip
    # what was raised, and put right later, grew when it was first told
    assert labelled(of) == {"typo": [0, 0], "mistake": [0, 0], "raised": [1, 1], "slip": [0, 0]}


def test_growth_counts_from_the_day_it_is_known_and_only_ahead() -> None:
    late = START + pd.Timedelta(days=190)
    of = company(
        subscriptions=[
            *[subscription(name, 0, 100) for name in ("late", "before")],
            subscription("late", 4.9, 130, known_at=late), subscription("before", 4, 130),
        ]
    )  # fmt: skip
    assert labelled(of) == {"late": [0, 1], "before": [0, 0]}


def deal(account: str, month: float, won: bool, kind: str = "expansion", **more: object) -> dict[str, object]:
    at = START + pd.Timedelta(days=30 * month)
    return {
        "account_id": account, "deal_id": f"d-{account}", "kind": kind, "valid_from": at, "known_at": at,
        "is_closed": True, "is_won": won,
    } | more  # fmt: skip


def test_a_won_deal_counts_once_and_a_lost_one_never() -> None:
    of = company(
        subscriptions=[subscription(name, 0, 100) for name in ("won", "lost", "renewed", "past")],
        deals=[deal("won", 5.5, True), deal("lost", 5.5, False), deal("renewed", 5.5, True, "renewal"),
               deal("past", 3, True), deal("past", 5.5, True)],
    )  # fmt: skip
    assert labelled(of) == {"won": [1, 1], "lost": [0, 0], "renewed": [0, 0], "past": [0, 0]}


def test_a_deal_that_was_put_right_or_never_was_is_no_growth() -> None:
    later = START + pd.Timedelta(days=190)
    of = company(
        subscriptions=[subscription(name, 0, 100) for name in ("lost", "mistake", "won")],
        deals=[deal("lost", 5.5, True), deal("lost", 5.5, False, known_at=later), deal("mistake", 5.5, True),
               deal("mistake", 5.5, True, known_at=later, deleted=True), deal("won", 5.5, True, amount=1.0),
               deal("won", 5.5, True, amount=2.0, known_at=later)],
    )  # fmt: skip
    assert labelled(of) == {"lost": [0, 0], "mistake": [0, 0], "won": [1, 1]}


def test_leaving_ends_the_observation() -> None:
    notice = START + pd.Timedelta(days=165)
    of = company(
        subscriptions=[subscription("gone", 0, 100), subscription("stays", 0, 100)],
        churn=[{"account_id": "gone", "notice_at": notice, "known_at": notice}],
    )
    found = labelled(of)
    assert found["stays"] == [0, 0]
    assert all(pd.isna(one) for one in found["gone"])


def test_a_wrong_rule_is_refused() -> None:
    with pytest.raises(UsageError, match="growth"):
        Expansion(growth=0)
    with pytest.raises(UsageError, match="notice"):
        Expansion(churn=hf.Churn("silence"))


@pytest.fixture(scope="module")
def simulated() -> tuple[hf.Snapshot, hf.Labels, hf.Labels]:
    of = hf.simulate(accounts=350, seed=3, months=24)
    stands = hf.cutoffs(of, every="56d")
    X = hf.catalog.measure(of, stands)
    return X, hf.label(of, stands).on(X.index), hf.label(of, stands, churn="expansion").on(X.index)


def test_health_raises_the_chance_to_grow_as_it_lowers_that_to_leave(simulated) -> None:
    X, churn, growth = simulated
    leaving, growing = hf.ChurnModel().fit(X, churn), hf.ExpansionModel().fit(X, growth)
    p = growing.predict_proba(X)
    assert (p[30] <= p[60]).all()
    assert (p[60] <= p[90]).all()
    both = growth.frame[90].notna().to_numpy()
    assert p[90][both].mean() == pytest.approx(growth.frame[90][both].mean(), rel=0.15)
    expanded = (growth.frame[90] == 1).to_numpy()
    assert p[90][expanded].mean() > 1.3 * p[90][both & ~expanded].mean()
    health = hf.HealthScore.template().score(X)
    assert health.corr(p[90], method="spearman") > 0
    assert health.corr(leaving.predict_proba(X)[90], method="spearman") < 0
    now = X.at(X.cutoffs[-1])
    listed = readiness(leaving.predict_proba(now), growing.predict_proba(now), now.context["arr"])
    assert listed["reads"].str.match(r"^renewal \d+ %, expansion \d+ %$").all()
    assert listed["ready"].is_monotonic_decreasing
    assert 0 < listed["ready"].sum() <= 0.26 * len(listed)


def test_labels_of_churn_are_refused_and_rows_must_be_the_same(simulated) -> None:
    X, churn, _ = simulated
    with pytest.raises(UsageError, match="expansion"):
        hf.ExpansionModel().fit(X, churn)
    frame = pd.DataFrame({30: [0.1]})
    with pytest.raises(UsageError, match="common horizon"):
        readiness(frame, pd.DataFrame({60: [0.1]}))
