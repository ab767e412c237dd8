"""The contract of the data: small companies whose findings are worked out by hand."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import DataError
from holdfast.features.history import History
from holdfast.findings import Finding
from holdfast.serving.contract.cadence import stale
from holdfast.serving.contract.contract import contract, foretellers
from holdfast.serving.contract.mapped import mapped
from holdfast.serving.opening import refuse_several_currencies
from holdfast.serving.volumes import guarded, last_volumes, shrunk
from holdfast.serving.workspace import Workspace
from holdfast.training.kpis import kpis
from holdfast.training.labels import Churn, label

START = pd.Timestamp("2024-01-01", tz="UTC")
N = 12
IDS = [f"A{i:02d}" for i in range(N)]


def _days(count: int, step: int, hour: int = 0) -> list[pd.Timestamp]:
    return [START + pd.Timedelta(days=step * i, hours=hour) for i in range(count)]


def _usage(count: int = 420, step: int = 1, ids: list[str] = IDS, **more: Any) -> pd.DataFrame:
    """Give each account one event every so many days, received on the spot."""
    rows = pd.DataFrame([(one, at) for at in _days(count, step) for one in ids], columns=["account_id", "occurred_at"])
    return rows.assign(known_at=rows["occurred_at"], known_basis="event", **more)


def _company(usage: pd.DataFrame | None = None, **tables: Any) -> dict[str, pd.DataFrame]:
    accounts = pd.DataFrame({"account_id": IDS, "valid_from": START, "known_at": START, "known_basis": "history"})
    frames = {"accounts": accounts, "usage": _usage() if usage is None else usage}
    return frames | {name: pd.DataFrame(rows) for name, rows in tables.items()}


def _told(frames: dict[str, pd.DataFrame], code: str, end: str | None = None) -> list[Finding]:
    return [one for one in contract(History.from_frames(frames, end=end), 14) if one.code == code]


def _contracts(**terms: Any) -> pd.DataFrame:
    return pd.DataFrame({"account_id": IDS, "subscription_id": IDS, "valid_from": START, "known_at": START, **terms})


def test_a_sound_company_has_nothing_but_its_clocks_told() -> None:
    found = contract(History.from_frames(_company(subscriptions=_contracts(mrr=10.0, notice_days=30))), 14)
    assert {one.code for one in found if one.where != "subscriptions"} == {"HF059"}
    assert not [one for one in found if one.severity != "info"]


def test_monthly_data_is_too_slow_for_a_month_of_notice_and_fast_enough_for_a_quarter() -> None:
    terms = [{"notice_days": days} for days in (30, 90)]
    usage = _usage(count=14, step=30)
    fast = _told(_company(usage, subscriptions=_contracts(mrr=100.0, currency="EUR", **terms[0])), "HF050")
    assert [(one.where, one.count) for one in fast] == [("usage", N)]
    assert "news comes every 30 days" in fast[0].message
    assert fast[0].message.endswith("with ARR 14,400 EUR")
    assert _told(_company(usage, subscriptions=_contracts(mrr=100.0, **terms[1])), "HF050") == []


def test_only_the_accounts_that_are_fast_enough_are_counted() -> None:
    subscriptions = _contracts(mrr=100.0, notice_days=[14.0] * 3 + [60.0] * 9)
    found = _told(_company(_usage(count=14, step=30), subscriptions=subscriptions), "HF050")
    assert found[0].count == 3
    assert "3 of 12 accounts" in found[0].message
    assert "with ARR 3,600" in found[0].message


@pytest.mark.parametrize(
    ("terms", "fast"),
    [
        ({"billing_months": 1}, True),  # no notice told: one may let the month run out
        ({"term_months": 12, "billing_months": 1}, False),  # paid by the month, bound for the year
        ({"term_months": 0, "billing_months": 1}, True),  # evergreen
        ({"notice_days": 0, "term_months": 1}, True),
        ({"auto_renew": True}, False),  # nothing told: left out
    ],
)
def test_the_notice_period_where_it_is_not_told(terms: dict[str, Any], fast: bool) -> None:
    found = _told(_company(_usage(count=14, step=30), subscriptions=_contracts(mrr=1.0, **terms)), "HF050")
    assert bool(found) == fast


def test_each_source_of_a_table_has_its_own_cadence() -> None:
    daily, monthly = _usage(source="app"), _usage(count=14, step=30, source="erp")
    frames = _company(pd.concat([daily, monthly]), subscriptions=_contracts(mrr=1.0, notice_days=14))
    assert [one.where for one in _told(frames, "HF050")] == ["usage, source 'erp'"]


@pytest.mark.parametrize(("quiet", "told"), [(2, False), (3, True), (10, True)])
def test_a_daily_source_is_stale_after_three_days_while_another_goes_on(quiet: int, told: bool) -> None:
    usage, other = _usage(count=100 - quiet, source="app"), _usage(count=100, source="web")
    found = _told(_company(pd.concat([usage, other])), "HF014")
    assert [(one.where, one.count) for one in found] == ([("usage, source 'app'", quiet)] if told else [])


def test_a_weekend_does_not_make_a_source_stale() -> None:
    usage = _usage(count=103)
    usage = usage[usage["occurred_at"].dt.day_of_week < 5]  # the last day is a Friday
    tickets = pd.DataFrame({"account_id": IDS, "opened_at": START + pd.Timedelta(days=105)})  # a Monday
    assert _told(_company(usage, tickets=tickets), "HF014") == []


@pytest.mark.parametrize("last", ["2025-01-31", "2025-07-31", "2025-08-01"])
def test_a_source_that_rests_for_a_day_longer_than_ever_is_not_stale(last: str) -> None:
    days = pd.date_range(START, pd.Timestamp(last, tz="UTC"), inclusive="left")
    met = [day for day in days if day.day <= 28 or (day.day == 31 and day.month_name() != "July")]
    deals = pd.DataFrame([(one, f"{one}-{at:%j%y}", at, at) for at in met for one in IDS])
    deals.columns = pd.Index(["account_id", "deal_id", "valid_from", "known_at"])
    assert _told(_company(_usage(count=len(days) + 1), deals=deals), "HF014") == []


@pytest.mark.parametrize(("quiet", "told"), [(16, 0), (31, 0), (95, 1)])
def test_a_monthly_source_is_stale_by_its_own_measure(quiet: int, told: int) -> None:
    days = [START + pd.Timedelta(days=30 * i) for i in range(14) for _ in IDS]
    invoices = {"account_id": IDS * 14, "invoice_id": [f"i{i}" for i in range(len(days))], "issued_at": days}
    found = _told(_company(_usage(count=391 + quiet), invoices=invoices), "HF014")
    assert [(one.where, one.count) for one in found] == [("invoices", quiet)] * told
    few = {name: rows[:: len(IDS)] for name, rows in invoices.items()}  # of one account
    alone = _told(_company(_usage(count=391 + quiet), invoices=few), "HF014")
    assert [one.where for one in alone] == ["invoices"] * told


@pytest.mark.parametrize(("step", "quiet"), [(1, 2), (1, 3), (1, 10), (7, 15), (7, 30), (30, 16), (30, 31), (30, 95)])
def test_scores_call_stale_what_check_calls_stale(step: int, quiet: int) -> None:
    usage, news = _usage(count=421 + quiet), _days(1 + 420 // step, step)
    tickets = pd.DataFrame([(one, at) for at in news for one in IDS], columns=["account_id", "opened_at"])
    history = History.from_frames(_company(usage, tickets=tickets), end=str(news[-1] + pd.Timedelta(days=quiet)))
    told = [one.where for one in contract(history, 14) if one.code == "HF014"]
    assert stale(history, history.end) == told
    assert bool(told) == (quiet >= 3 * step)
    assert stale(history, news[-1]) == [], "what came to be later was not known"


def test_a_month_with_less_than_half_of_what_is_usual_is_a_hole() -> None:
    usage = _usage(count=420)
    june = (usage["occurred_at"].dt.year == 2024) & (usage["occurred_at"].dt.month == 6)
    holed = usage[~june | (usage["occurred_at"].dt.day <= 14)]
    found = _told(_company(holed), "HF052")
    assert [(one.where, one.count, one.message) for one in found] == [
        ("usage", 1, "2024-06: 168 rows, where 366 were usual")
    ]
    assert _told(_company(usage[~june | (usage["occurred_at"].dt.day <= 16)]), "HF052") == []


def test_keys_are_looked_for_under_the_same_account() -> None:
    people = pd.DataFrame({"account_id": IDS, "person_id": [f"p-{one}" for one in IDS], "valid_from": START})
    tickets = {
        "account_id": [*IDS, "A00", "A01", "A02"],
        "person_id": [*people["person_id"], "p-A01", "nobody", "nobody"],
        "opened_at": START + pd.Timedelta(days=9),
        "subject": [f"s{i}" for i in range(N + 3)],
    }
    accounts = _company()["accounts"].assign(parent_account_id=["A01", "A99", *[None] * 10])
    found = _told({**_company(people=people, tickets=tickets), "accounts": accounts}, "HF053")
    assert {one.where: (one.count, one.message) for one in found} == {
        "tickets, column person_id": (3, "3 of 15 rows (20%) match nothing in people: 'nobody', 'p-A01'"),
        "accounts, column parent_account_id": (1, "1 of 2 rows (50%) match nothing in accounts: 'A99'"),
    }


def test_keys_that_floats_have_given_a_point_are_told_with_their_cause() -> None:
    numbers = [str(i) for i in range(N)]
    people = pd.DataFrame({"account_id": IDS, "person_id": numbers, "valid_from": START})
    tickets = pd.DataFrame({"account_id": IDS, "person_id": [f"{i}.0" for i in numbers], "opened_at": _days(N, 30)})
    usage = _usage(person_id="nobody lists me")
    assert _told(_company(usage, people=people), "HF053") == []
    usage.loc[::2, "person_id"] = [f"{IDS.index(one)}.0" for one in usage["account_id"][::2]]
    for frames in (_company(usage, people=people, tickets=tickets), _pointed(people, usage, tickets)):
        found = {one.where: one for one in _told(frames, "HF053")}
        assert set(found) == {"usage, column person_id", "tickets, column person_id"}
        assert found["usage, column person_id"].count == len(usage) // 2
        assert found["tickets, column person_id"].message.endswith("; 12 of them would if 1.0 were read as 1")
        assert all("astype('Int64')" in one.remedy for one in found.values())


def _pointed(people: pd.DataFrame, usage: pd.DataFrame, tickets: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Give the point to the list of people instead."""
    use, asked = (one.assign(person_id=one["person_id"].str.removesuffix(".0")) for one in (usage, tickets))
    return _company(use, people=people.assign(person_id=people["person_id"] + ".0"), tickets=asked)


def test_accounts_that_floats_have_given_a_point_are_told_with_their_cause() -> None:
    accounts = pd.DataFrame({"account_id": ["1", "2"], "valid_from": START})
    rows = pd.concat([_usage(ids=["1", "2"]), _usage(ids=["1.0", "2.0"])])
    found = History.from_frames({"accounts": accounts, "usage": rows}).findings
    (told,) = [one for one in found if one.code == "HF004"]
    assert told.count == 840
    assert told.message.endswith("; 1.0 is not read as 1")
    assert "astype('Int64')" in told.remedy


def _spelt(ids: list[str]) -> dict[str, pd.DataFrame]:
    return {"accounts": pd.DataFrame({"account_id": ["A-17", "B-2", "Ö", "x", "X"], "valid_from": START}),
            "usage": _usage(ids=ids)}  # fmt: skip


def test_accounts_that_differ_by_blanks_or_case_alone_are_told_with_their_cause(tmp_path: Path) -> None:
    frames = _spelt([" A-17 ", "a-17", "b -2", "ö", "C-9", "x ", "B-2"])  # x may be two accounts: left out
    (told,) = [one for one in History.from_frames(frames).findings if one.code == "HF004"]
    assert told.count == 6 * 420
    cause = "4 of 6 unknown ids differ from known ones by blanks or letter case alone, such as ' A-17 ' from 'A-17'"
    assert told.message.endswith(f"; {cause}")
    assert "trim blanks and fold the letter case" in told.remedy
    for name, frame in frames.items():
        (tmp_path / "raw").mkdir(exist_ok=True)
        frame.to_parquet(tmp_path / "raw" / f"{name}.parquet")
    stored = History.build(tmp_path / "raw", tmp_path / "store", buckets=3)
    assert [one for one in stored.findings if one.code == "HF004"] == [told]
    (other,) = [one for one in History.from_frames(_spelt(["C-9", "A-17"])).findings if one.code == "HF004"]
    assert "blanks" not in other.message + other.remedy


def test_where_no_row_is_left_the_refusal_names_the_spelling(tmp_path: Path) -> None:
    frames = _spelt(["a-17"])
    with pytest.raises(DataError, match="1 of 1 unknown ids differ from known ones by blanks or letter case") as caught:
        History.from_frames(frames)
    assert "trim blanks" in caught.value.do
    for name, frame in frames.items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(DataError, match="1 of 1 unknown ids differ"):
        History.build(tmp_path, tmp_path.with_name("store"), buckets=2)


def test_of_many_unknown_accounts_the_most_frequent_are_looked_at() -> None:
    frames = _spelt(["B-2", "a-17", *(f"u{i}" for i in range(150))])
    frames["usage"] = pd.concat([frames["usage"], frames["usage"][frames["usage"]["account_id"] == "a-17"]])
    (told,) = [one for one in History.from_frames(frames).findings if one.code == "HF004"]
    assert "; 1 of the 100 most frequent of 151 unknown ids differ" in told.message
    assert told.message.count("(") == 5


@pytest.mark.parametrize(("factor", "way"), [(100, "up"), (1 / 100, "down"), (60, "up"), (1000, "up")])
@pytest.mark.parametrize("day", [1, 17])
def test_a_jump_of_the_unit_is_told_by_column_month_and_factor(factor: float, way: str, day: int) -> None:
    rng = np.random.default_rng(0)
    usage = _usage(count=300, duration_min=0.0)
    usage["duration_min"] = rng.lognormal(1.0, 1.0, len(usage))
    later = usage["occurred_at"] >= pd.Timestamp(f"2024-08-{day:02d}", tz="UTC")
    usage.loc[later, "duration_min"] *= factor
    found = _told(_company(usage), "HF054")
    assert [(one.where, one.count) for one in found] == [("usage, column duration_min", N)]
    month = "2024-08" if day == 1 else "2024-09"
    assert found[0].message.startswith(
        f"in {month} 12 of 12 accounts jump {way} by a factor near {round(max(factor, 1 / factor))},"
    )


@pytest.mark.parametrize("growth", [3.0, 10.0])
def test_growth_is_no_jump_of_a_unit(growth: float) -> None:
    usage = _usage(count=300, duration_min=5.0)
    usage.loc[usage["occurred_at"] >= pd.Timestamp("2024-08-01", tz="UTC"), "duration_min"] *= growth
    assert _told(_company(usage), "HF054") == []


def test_prices_in_cents_from_one_month_on() -> None:
    invoices = [
        {"account_id": one, "issued_at": at, "amount": 50.0 * (100 if at >= _days(13, 31)[9] else 1), "currency": "EUR"}
        for one in IDS
        for at in _days(13, 31)
    ]
    found = _told(_company(invoices=invoices), "HF054")
    assert [one.where for one in found] == ["invoices, column amount"]
    assert "by a factor near 100" in found[0].message


def test_an_account_that_changes_its_currency() -> None:
    invoices = [
        {"account_id": one, "issued_at": at, "amount": 50.0, "currency": "USD" if one == "A03" and i else "EUR"}
        for one in IDS
        for i, at in enumerate(_days(3, 31))
    ]
    found = _told(_company(invoices=invoices), "HF054")
    assert [(one.where, one.count) for one in found] == [("invoices, column currency", 1)]


def test_two_columns_of_dates_in_each_others_place_are_told() -> None:
    early, late = START + pd.Timedelta(days=50, hours=14), START + pd.Timedelta(days=80)
    churn = pd.DataFrame({"account_id": IDS[:2], "notice_at": [early, early], "ended_at": [late, early.floor("D")]})
    terms = _contracts(term_start=early, term_end=late)
    for swapped in (False, True):
        if swapped:
            churn = churn.rename(columns={"notice_at": "ended_at", "ended_at": "notice_at"})
            terms = terms.rename(columns={"term_start": "term_end", "term_end": "term_start"})
        history = History.from_frames(_company(churn=churn, subscriptions=terms))
        found = {one.where: (one.count, one.message) for one in history.findings if one.code == "HF072"}
        assert found == (
            {
                "churn": (1, "1 of 2 rows have an end that is not after its beginning: ended_at and notice_at"),
                "subscriptions": (
                    N,
                    "12 of 12 rows have an end that is not after its beginning: valid_to and valid_from, term_end and "
                    "term_start",
                ),
            }
            if swapped
            else {}
        )


def test_one_currency_is_one_however_it_is_written() -> None:
    frames = _company(subscriptions=_contracts(mrr=10.0, currency=["EUR", "eur", " EUR ", *["EUR"] * 9]))
    again = frames["subscriptions"].assign(valid_from=START + pd.Timedelta(days=40), currency="Eur")
    frames["subscriptions"] = pd.concat([frames["subscriptions"], again.assign(known_at=again["valid_from"])])
    history = History.from_frames(frames)
    refuse_several_currencies(history)
    assert not [one for one in history.findings if one.code == "HF018"]
    assert _told(frames, "HF054") == []
    frames["subscriptions"].loc[3, "currency"] = "€"
    with pytest.raises(DataError) as refused:
        refuse_several_currencies(History.from_frames(frames))
    assert refused.value.do == "write currencies as three letters, such as EUR, and not as '€'"


def test_a_last_month_that_is_spread_otherwise() -> None:
    usage = _usage(count=400, duration_min=0.0)
    usage["duration_min"] = np.resize([1.0, 2.0, 4.0, 8.0], len(usage))
    assert _told(_company(usage), "HF055") == []
    january = (usage["occurred_at"].dt.year == 2025) & (usage["occurred_at"].dt.month == 1)
    usage.loc[january, "duration_min"] = 8.0
    assert [(one.where, one.count) for one in _told(_company(usage), "HF055")] == [
        ("usage, column duration_min", 31 * N)
    ]


def test_activity_after_the_end_of_the_list_and_of_the_contract() -> None:
    gone = START + pd.Timedelta(days=100)
    churn = [{"account_id": "A00", "notice_at": gone - pd.Timedelta(days=30), "ended_at": gone, "known_at": gone}]
    subscriptions = _contracts(valid_to=[None, gone, *[None] * 10])
    found = _told(_company(churn=churn, subscriptions=subscriptions), "HF056")
    assert found[0].count == 2
    assert "'A00' ended 2024-04-10, last seen 2025-02-23" in found[0].message
    within = _usage(count=100 + 14)
    assert _told(_company(within, churn=churn, subscriptions=subscriptions), "HF056") == []


def test_who_comes_back_under_a_contract_is_told_apart() -> None:
    gone, again = START + pd.Timedelta(days=100), START + pd.Timedelta(days=200)
    churn = [
        {"account_id": "A00", "ended_at": gone, "notice_at": gone},
        {"account_id": "A01", "ended_at": gone, "notice_at": gone, "kind": "merger"},
    ]
    more = {"account_id": ["A00"], "subscription_id": ["again"], "valid_from": [again], "known_at": [again]}
    subscriptions = pd.concat([_contracts(), pd.DataFrame(more)])
    kept = _usage()[lambda rows: (rows["account_id"] != "A01") | (rows["occurred_at"] < gone)]
    frames = _company(kept, churn=churn, subscriptions=subscriptions)
    frames["accounts"] = frames["accounts"].assign(parent_account_id=["A02", "A02", *[None] * 10])
    assert _told(frames, "HF056") == []
    (one,) = _told(frames, "HF058")
    assert one.message == (
        "1 came back after an exit, and are at risk again; 1 left by a merger or otherwise without churning; their "
        "windows are missing; 2 belong to one of 1 parents; an exit is of the account that has it"
    )
    days, window = [gone - pd.Timedelta(days=10), again + pd.Timedelta(days=50)], 30
    y = label(History.from_frames(frames, end="2025-02-23"), days, [window], Churn("notice"))
    labels = {account: y.frame.xs(account)[window].tolist() for account in ("A00", "A01", "A02")}
    assert labels["A00"] == [1.0, 0.0]  # left, came back and stays
    assert np.isnan(labels["A01"]).all()  # merged into its parent: no churn
    assert labels["A02"] == [0.0, 0.0]  # the parent of both never left


def test_a_state_that_only_todays_row_can_know() -> None:
    over = START + pd.Timedelta(days=200)
    subscriptions = _contracts(status=["canceled", *["active"] * 11], ends_at=[over, *[None] * 11])
    deals = {"account_id": IDS, "deal_id": IDS, "is_closed": True, "close_date": over, "known_at": START}
    frames = _company(subscriptions=subscriptions, deals=deals)
    frames["accounts"] = frames["accounts"].assign(attrs=json.dumps({"health_score": 3, "colour": "red"}))
    assert [(one.where, one.count) for one in _told(frames, "HF057")] == [
        ("deals, column is_closed", N),
        ("subscriptions, column status", 1),
        ("accounts, column attrs", 1),
    ]


def _leavers(stays: int, owner: list[str], known: pd.Timestamp = START) -> tuple[History, Any]:
    ids = [f"B{i:03d}" for i in range(len(owner))]
    gone = START + pd.Timedelta(days=200)
    accounts = {"account_id": ids, "valid_from": START, "known_at": START, "owner": "x"}
    versions = {"account_id": ids, "valid_from": known, "known_at": known, "owner": owner}
    first = pd.DataFrame(accounts)
    rows = pd.DataFrame(versions) if known == START else pd.concat([first, pd.DataFrame(versions)])
    usage = _usage(count=60, step=7, ids=ids)
    churn = pd.DataFrame({"account_id": ids[stays:], "notice_at": gone, "ended_at": gone, "known_at": gone})
    history = History.from_frames({"accounts": rows, "usage": usage, "churn": churn})
    return history, label(history, [START + pd.Timedelta(days=150)], [90], Churn("notice"))


def test_a_value_that_only_leavers_have() -> None:
    owners = ["Ann", "Bob"] * 20 + ["Offboarding Team"] * 10
    (one,) = foretellers(*_leavers(40, owners))
    assert (one.code, one.where, one.count) == ("HF057", "accounts, column owner", 10)
    assert "10 of 10 accounts that had 'Offboarding Team' 30 days before left later; of all, 20% did" in one.message
    assert foretellers(*_leavers(40, ["Ann", "Bob"] * 25)) == []


def test_a_value_that_leavers_get_as_they_leave_is_honest() -> None:
    owners = ["Ann", "Bob"] * 20 + ["Offboarding Team"] * 10
    assert foretellers(*_leavers(40, owners, known=START + pd.Timedelta(days=190))) == []


def test_the_ground_of_known_at_by_table() -> None:
    usage = _usage(count=10)
    usage.loc[usage["account_id"] == "A00", ["known_at", "known_basis"]] = None
    found = {one.where: one for one in _told(_company(usage), "HF059")}
    assert found["usage"].count == 10
    assert found["usage"].message.startswith("120 rows: 91.7 % event (received")
    assert "8.3 % assumed" in found["usage"].message


def test_a_store_tells_what_the_same_history_tells_in_memory(tmp_path: Path) -> None:
    people = pd.DataFrame({"account_id": IDS, "person_id": [f"p-{one}" for one in IDS], "valid_from": START})
    usage = _usage(count=400, duration_min=1.0, source="app")
    tickets = pd.DataFrame({"account_id": IDS, "person_id": "nobody", "opened_at": START + pd.Timedelta(days=9)})
    usage.loc[usage["occurred_at"] >= _days(301, 1)[300], "duration_min"] = 60.0
    gone = START + pd.Timedelta(days=100)
    frames = _company(
        pd.concat([usage, _usage(count=13, step=30, source="erp")]),
        people=people,
        tickets=tickets,
        subscriptions=_contracts(mrr=5.0, notice_days=30, valid_to=[gone, *[None] * 11]),
    )
    History.from_frames(frames).write(tmp_path / "files")
    memory = History.read(tmp_path / "files")
    store = History.build(tmp_path / "files", tmp_path / "store", buckets=4)
    assert sum(1 for _ in store.buckets()) == 4
    told = contract(memory, 14)
    assert contract(store, 14) == told
    assert {"HF050", "HF053", "HF054", "HF056", "HF059"} <= {one.code for one in told}


def test_an_extract_is_held_against_the_last_runs_and_let_through_once(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    whole, half = (History.from_frames(_company(_usage(count=days))) for days in (400, 200))

    def once(history: History, allow: bool = False) -> None:
        with guarded(place, history, history, strict_clock=False, allow_shrink=allow):
            pass

    once(whole)
    once(whole)
    before = (tmp_path / "volumes.json").read_bytes()
    assert len(last_volumes(place, strict_clock=False)) == 1  # the same again is no other run
    with pytest.raises(
        DataError, match=r"usage: 2400 rows, where the last 1 runs had 4800 \(worst months: 2024-08"
    ) as told:
        once(half)
    assert "--allow-shrink" in str(told.value)
    assert (tmp_path / "volumes.json").read_bytes() == before
    assert [(one.where, one.count) for one in shrunk(half, last_volumes(place, strict_clock=False))] == [
        ("usage", 2400)
    ]
    assert last_volumes(place, strict_clock=True) == []  # another clock, another measure
    once(half, allow=True)
    once(half)
    once(whole)


def test_a_run_that_fails_leaves_no_volume_and_a_damaged_file_is_no_measure(tmp_path: Path) -> None:
    place, history = Workspace(tmp_path), History.from_frames(_company())
    with pytest.raises(ZeroDivisionError), guarded(place, history, history, strict_clock=False, allow_shrink=False):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    for damage in ("{", "[]", '{"runs": [{"strict_clock": false, "tables": {"usage": {"rows": "9", "months": {}}}}]}'):
        (tmp_path / "volumes.json").write_text(damage)
        assert last_volumes(place, strict_clock=False) == []
    with guarded(place, history, history, strict_clock=False, allow_shrink=False):
        pass
    assert last_volumes(place, strict_clock=False)[0]["tables"]["usage"]["rows"] == 420 * N


def test_months_of_the_volume_add_up_to_its_rows(tmp_path: Path) -> None:
    history = History.from_frames(_company())
    with guarded(Workspace(tmp_path), history, history, strict_clock=False, allow_shrink=False):
        pass
    usage = last_volumes(Workspace(tmp_path), strict_clock=False)[0]["tables"]["usage"]
    assert Counter(usage["months"]).total() == usage["rows"] == 420 * N
    assert usage["months"]["2024-02"] == 29 * N


def test_what_a_mapping_left_is_told_and_what_is_none_is_refused(tmp_path: Path) -> None:
    assert list(mapped(tmp_path)) == []
    left = {"findings": [{"code": "HF053", "where": "zendesk.ticket", "count": 7, "message": "7 of 90 match nothing"}]}
    (tmp_path / "mapped.json").write_text(json.dumps(left))
    assert list(mapped(tmp_path)) == [Finding("HF053", "zendesk.ticket", 7, "7 of 90 match nothing")]
    (tmp_path / "history").mkdir()
    (tmp_path / "mapped.json").rename(tmp_path / "history" / "mapped.json")
    assert len(list(mapped(tmp_path))) == 1
    (tmp_path / "mapped.json").write_text('{"findings": [{"code": "HF999"}]}')
    with pytest.raises(DataError, match="HF999"):
        list(mapped(tmp_path))


def test_revenue_that_adds_up_to_less_than_nothing_is_told_before_kpis_refuses_it() -> None:
    owed = _contracts(mrr=[-5.0, *[10.0] * 11])
    (found,) = _told(_company(subscriptions=owed), "HF071")
    assert (found.where, found.count, found.severity) == ("subscriptions, column mrr", 1, "warning")
    assert "A00" in found.message
    assert "take credits out of mrr" in found.remedy
    with pytest.raises(DataError, match="less for 'A00'"):
        kpis(History.from_frames(_company(subscriptions=owed)), signs=False)


@pytest.mark.parametrize(("credit", "until", "told"), [(-4.0, None, 0), (-12.0, None, 12), (-4.0, 100, 12)])
def test_a_credit_beside_a_subscription_is_no_fault_while_more_is_paid(
    credit: float, until: int | None, told: int
) -> None:
    lasts = None if until is None else START + pd.Timedelta(days=until)
    lines = [
        _contracts(mrr=10.0, valid_to=lasts),
        _contracts(mrr=credit).assign(subscription_id=[f"{one}-credit" for one in IDS]),
    ]
    found = _told(_company(subscriptions=pd.concat(lines)), "HF071")
    assert sum(one.count for one in found) == told


@pytest.mark.parametrize(
    ("mrr", "seats", "told"),
    [
        (12.0, 499.9, True),
        (499.9, 12.0, False),  # as it should be
        (12.0, 499.0, False),  # many seats at a low price look the same
        (12.5, 499.9, False),
        (900.0, 12.5, False),  # an average of seats
        (12.0, 12.345, False),  # no amount of money
    ],
)
def test_mrr_and_seats_in_each_others_place_are_told_where_it_is_certain(mrr: float, seats: float, told: bool) -> None:
    terms = _contracts(mrr=mrr, seats=[seats] * 3 + [float(round(seats) + 1)] * 9)
    later = terms.assign(valid_from=START + pd.Timedelta(days=90), known_at=START + pd.Timedelta(days=90))
    free = terms.head(4).assign(subscription_id=range(4), mrr=[0.0, 5.0, 0.0, 0.0], seats=[9.5, 0.0, 0.0, 1.0])
    found = _told(_company(subscriptions=pd.concat([terms, later, free])), "HF074")
    assert [one.count for one in found] == [24] * told
    assert not _told(_company(subscriptions=terms), "HF074")  # too few rows


def test_revenue_beyond_what_anybody_pays_is_told_before_kpis_refuses_it() -> None:
    (found,) = _told(_company(subscriptions=_contracts(mrr=[1e15, *[10.0] * 11])), "HF071")
    assert (found.count, "1,000,000,000,000,000" in found.message) == (1, True)
    assert "major units" in found.remedy
