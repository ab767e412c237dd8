"""What labels stand on: what changes the hash of it, and what does not."""

from __future__ import annotations

import pandas as pd
import pytest

from holdfast.features.history import History
from holdfast.training.label_ground import ground
from holdfast.training.labels import Churn
from tests.worked.test_labels_worked import active, gave, history, subscribed

DAY = pd.Timestamp("2024-08-01", tz="UTC")
NOTICE = Churn("notice")
TERM = subscribed("a", "2024-01-01", term_end="2025-01-01", mrr=10.0)


def hashed(of: History, churn: Churn = NOTICE, day: pd.Timestamp = DAY) -> str:
    return ground(of, churn, day)


PLAIN = {"churn": [gave("2024-06-10", "2024-06-12")], "subscriptions": [TERM]}


@pytest.mark.parametrize(
    "changed",
    [
        {"churn": [gave("2024-06-11", "2024-06-12")]},
        {"churn": [gave("2024-06-10", "2024-06-13")]},
        {"churn": [gave("2024-06-10", "2024-06-12", kind="merger")]},
        {"churn": [*PLAIN["churn"], gave("2024-06-10", "2024-07-20", deleted=True)]},
        {"churn": [*PLAIN["churn"], gave("2024-05-01", source_id="2", account_id="b")]},
        {"subscriptions": [{**TERM, "term_end": "2024-12-01"}]},
        {"subscriptions": [{**TERM, "notice_days": 60.0}]},
        {"subscriptions": [{**TERM, "cancel_requested_at": "2024-07-01"}]},
        {"accounts": [{"account_id": name, "valid_from": "2023-01-02"} for name in ("a", "b", "steady")]},
    ],
    ids=["date", "known_at", "kind", "withdrawn", "another", "term", "notice period", "cancelled", "age"],
)
def test_whatever_a_label_reads_changes_it(changed: dict[str, list[dict[str, object]]]) -> None:
    assert hashed(history(**{**PLAIN, **changed})) != hashed(history(**PLAIN))


@pytest.mark.parametrize(
    "changed",
    [
        {"churn": [*PLAIN["churn"], gave("2024-06-10", "2024-08-02", deleted=True)]},
        {"churn": [*PLAIN["churn"], gave("2024-06-20", "2024-08-02", source_id="2", account_id="b")]},
        {"churn": [gave("2024-06-10", "2024-06-12", reason="price")]},
        {"subscriptions": [{**TERM, "mrr": 20.0, "seats": 5.0}]},
        {"subscriptions": [{**TERM, "cancel_requested_at": "2024-08-02", "ends_at": "2024-09-01"}]},
        {"usage": active("2024-05-01")},
    ],
    ids=["withdrawn later", "told later", "reason", "amounts", "cancelled later", "activity"],
)
def test_what_is_known_later_and_what_no_label_reads_changes_nothing(
    changed: dict[str, list[dict[str, object]]],
) -> None:
    assert hashed(history(**{**PLAIN, **changed})) == hashed(history(**PLAIN))


def test_the_order_of_rows_and_later_news_do_not_matter() -> None:
    whole = history(**PLAIN)
    assert hashed(whole) == hashed(whole.until("2024-09-01")) == hashed(whole.until(DAY))
    rows = [gave("2024-06-10"), gave("2024-05-10", source_id="2", account_id="b")]
    assert hashed(history(churn=rows)) == hashed(history(churn=rows[::-1]))


def test_a_flag_that_nobody_raised_is_like_none() -> None:
    down = history(**{**PLAIN, "subscriptions": [{**TERM, "deleted": False, "auto_renew": False}]})
    assert hashed(down) == hashed(history(**PLAIN))


def test_activity_counts_where_churn_is_read_from_it() -> None:
    silence = Churn("silence")
    quiet, busy = history(usage=active("2024-05-01")), history(usage=active("2024-05-01", "2024-06-01"))
    assert hashed(quiet, silence) != hashed(busy, silence)
    assert hashed(quiet, silence) == hashed(history(usage=active("2024-05-01", "2024-08-02")), silence)


def test_a_store_stands_on_the_same_ground(tmp_path: object) -> None:
    whole = history(**PLAIN, usage=active("2024-05-01", "2024-06-01"))
    whole.write(f"{tmp_path}/files")
    stored = History.build(f"{tmp_path}/files", f"{tmp_path}/store", buckets=2)
    for churn in (NOTICE, Churn("silence")):
        assert hashed(stored, churn) == hashed(whole, churn)
