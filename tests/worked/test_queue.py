"""The queue of a week, by hand: who is called in which order, who rests and why, what is logged and read back."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import UsageError
from holdfast.serving.columns import in_order
from holdfast.serving.ledger.store import Ledger, stamp
from holdfast.serving.queue.log import Done, did, interventions, record, recorded
from holdfast.serving.queue.said import said_of
from holdfast.serving.queue.treated import touchpoints
from holdfast.serving.queue.trial import leave_alone, power_of, trials_of
from holdfast.serving.queue.week import Queue, Said, queue
from holdfast.serving.scoring import Scores
from holdfast.serving.sections import Queue as Settings
from holdfast.training.churn import Churn
from tests.served import serve

DAY = pd.Timestamp("2026-01-01", tz="UTC")  # a Thursday; its week began on 29 December
NOW = datetime(2026, 1, 2, 9, tzinfo=UTC)
ROWS = {
    #     csm, ARR, p90, band, playbook
    "a": ("Kim", 1000.0, 0.50, "red", "action.red"),  # 100 saved at 20 %
    "b": ("Kim", 4000.0, 0.10, "orange", "action.orange"),  # 80
    "c": ("Kim", 500.0, 0.90, "red", "action.red"),  # 90
    "d": ("", 2000.0, 0.30, "red", "action.red"),  # 120, the pool's
    "e": ("Kim", 90_000.0, 0.20, "green", "escalation"),
    "f": ("Kim", 2000.0, 0.01, "green", "action.green"),  # 4
}


def scores(**columns: object) -> Scores:
    names = ["csm", "arr", "p90", "band", "playbook_id"]
    rows = pd.DataFrame.from_dict(ROWS, orient="index", columns=names).rename_axis("account_id").reset_index()
    rows = rows.assign(schema_version=3, score_status="scored", health=50.0, as_of=DAY)
    return Scores(DAY, in_order(rows.assign(**columns)), pd.DataFrame())


def week(hours: float = 2.0, said: Said | None = None, of: Scores | None = None, **how: object) -> Queue:
    return queue(of or scores(), Settings(hours=hours, **how), said)


def accounts(planned: Queue, decision: str) -> str:
    return "".join(planned.of(decision)["account_id"])


def test_each_calls_what_is_worth_most_within_the_hours_and_management_stands_beside() -> None:
    planned = week()
    assert accounts(planned, "call") == "dac"  # d by the pool; a and c fill Kim's two hours
    assert accounts(planned, "later") == "bf"
    assert accounts(planned, "escalate") == "e"
    assert planned.rows["rank"].tolist() == [1, 2, 3, 4, 5, 6]
    assert planned.rows.set_index("account_id")["expected_saved"].round(6).to_dict() == {
        "e": 3600.0, "d": 120.0, "a": 100.0, "c": 90.0, "b": 80.0, "f": 4.0
    }  # fmt: skip
    load = planned.load.set_index("csm")
    assert load["hours"].to_dict() == {"": 2.0, "Kim": 2.0}
    assert load["planned"].to_dict() == {"": 1.0, "Kim": 2.0}
    assert "3 calls, 3 of 4 hours. Expected to save 310 of ARR within 90 days" in planned.text()
    assert "1 escalated to management, 2 left for later weeks" in planned.text()


def test_the_files_of_a_run_have_the_same_order(tmp_path: Path) -> None:
    of = scores(snoozed_until=[None, DAY + pd.Timedelta(days=9), None, None, None, None])
    place = serve(tmp_path, of)
    written = pd.read_csv(place.current / "queue.csv", dtype=str)
    assert "".join(written["account_id"]) == "edacfb"
    assert set(written["call_by"]) == {"2026-01-08"}
    assert written["decision"].tolist() == ["escalate", *["call"] * 4, "resting"]
    sheet = pd.read_excel(place.current / "scores.xlsx", sheet_name="Queue", engine="calamine")
    assert sheet["This week"].tolist() == written["decision"].tolist()


def test_power_is_reckoned_with_the_effect_that_is_assumed_and_not_with_a_rounded_one() -> None:
    of = scores(p90=[0.003] * 6, playbook_id="action.red")
    found = power_of(week(of=of, save_rate=0.1), 90, 0.1)
    assert found.points == pytest.approx(0.03)
    assert "An effect of 0.03 points cannot be shown" in found.text()
    whole = power_of(week(of=scores(p90=[0.3] * 6, playbook_id="action.red"), save_rate=1.0), 90, 0.1)
    assert whole.rows["held_out"].notna().all()  # who would leave, and all of them kept


def test_a_long_playbook_gives_way_to_two_short_ones_that_save_more() -> None:
    # with two hours for red, Kim can make one such call (100) or two of an hour (80 + 4)
    assert accounts(week(playbook_hours={"action.red": 2.0}, pool=0), "call") == "a"
    assert accounts(week(playbook_hours={"action.red": 2.5}, pool=0), "call") == "bf"


def test_hours_are_those_of_each_csm_and_the_pool_has_what_its_people_have() -> None:
    assert accounts(week(hours_of={"Kim": 0.5}), "call") == "d"
    assert accounts(week(pool=0), "call") == "ac"
    with pytest.raises(UsageError, match=r"hours_of.*did you mean 'Kim'"):
        week(hours_of={"Kimm": 2.0})
    with pytest.raises(UsageError, match=r"playbook_hours.*did you mean 'action.red'"):
        week(playbook_hours={"action.rod": 2.0})


def test_who_must_be_called_before_the_last_day_of_notice_comes_first() -> None:
    days = [None, None, DAY + pd.Timedelta(days=3), DAY - pd.Timedelta(days=1), None, DAY + pd.Timedelta(days=8)]
    planned = week(of=scores(notice_deadline=pd.to_datetime(pd.Series(days), utc=True)))
    assert accounts(planned, "call") == "cda"
    first = planned.of("call").iloc[0]
    assert first["call_by"] == DAY + pd.Timedelta(days=3)
    assert first["why"] == "p90 90% x ARR 500 x 20% kept = 90; notice until 2026-01-04"
    assert set(planned.of("call")["call_by"].iloc[1:]) == {DAY + pd.Timedelta(days=7)}


def test_who_rests_leaves_the_hours_to_others_and_says_why() -> None:
    planned = week(said=Said(resting={"a": "called on 2025-12-30"}))
    assert accounts(planned, "call") == "dcb"
    assert planned.of("resting")[["account_id", "why"]].to_numpy().tolist() == [["a", "called on 2025-12-30"]]
    asleep = scores(snoozed_until=[DAY + pd.Timedelta(days=1), DAY, None, None, None, None])
    assert accounts(week(of=asleep), "resting") == "a"


def test_a_score_set_by_hand_counts_as_its_band_in_both_directions_and_the_models_own_stays_beside_it() -> None:
    # of the others c and d are red (0.9 and 0.3, median 0.6), and e is green (0.2)
    planned = week(of=scores(override_health=[95.0, None, None, None, None, 10.0]))
    rows = planned.rows.set_index("account_id")
    assert rows.loc[["a", "f"], "risk"].tolist() == pytest.approx([0.2, 0.6])
    assert rows.loc[["a", "f"], "p90"].tolist() == [0.5, 0.01]
    assert accounts(planned, "call") == "fdc"  # 240, 120, 90


def test_without_revenue_accounts_count_alike_and_what_is_unknown_of_one_counts_nothing() -> None:
    assert accounts(week(of=scores(arr=None)), "call") == "cad"
    assert "Expected to save 0.3 accounts" in week(of=scores(arr=None)).text()
    assert accounts(week(of=scores(arr=[None, 4000.0, 500.0, 2000.0, 1.0, 2000.0])), "call") == "dcb"


def test_where_nobody_pays_anything_accounts_count_alike_too() -> None:
    planned = week(of=scores(arr=0.0))
    assert accounts(planned, "call") == "cad"  # by risk, and not by name
    assert "Expected to save 0.3 accounts within 90 days" in planned.text()
    assert planned.rows.set_index("account_id").at["c", "why"] == "p90 90% x 20% kept, ARR 0 as of all"


def test_a_purview_shows_the_accounts_of_one_csm() -> None:
    mine = week().purview("Kim")
    assert accounts(mine, "call") == "ac"
    assert mine.rows["rank"].tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(UsageError, match="did you mean 'Kim'"):
        week().purview("Kin")


def test_lots_move_a_share_out_of_the_calls_and_leave_their_hours_free() -> None:
    planned = leave_alone(week(hours=9), 0.5, "run 1")
    assert len(planned.of("call")) + len(planned.of("left_alone")) == 5
    assert len(planned.of("left_alone")) in (2, 3)
    assert planned.load["calls"].sum() == len(planned.of("call"))
    assert "left alone by lot" in planned.text()
    pd.testing.assert_frame_equal(leave_alone(week(hours=9), 0.5, "run 1").rows, planned.rows)
    assert leave_alone(week(), 0.0, "run 1").of("left_alone").empty


def test_power_counts_whom_the_team_can_reach_until_they_rest_no_more() -> None:
    found = power_of(week(), 91, 0.0)  # thirteen weeks for three calls each, and only five accounts
    assert found.weekly == pytest.approx(5 / 13)
    assert found.base == pytest.approx((0.5 + 0.1 + 0.9 + 0.3 + 0.01) / 5)
    assert found.points == pytest.approx(100 * 0.2 * found.base)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


def test_a_queue_is_recorded_once_with_the_chance_of_each(ledger: Ledger) -> None:
    planned = leave_alone(week(hours=9), 0.5, "run 1")
    assert record(ledger, planned, "run 1", 0.5, "", NOW) == 5
    assert record(ledger, planned, "run 1", 0.5, "", NOW) == 0
    assert record(ledger, week(), "run 1", None, "", NOW) == 0  # nor another queue for the same run
    log = interventions(ledger)
    assert set(log["arm"]) == {"called", "held_out"}
    assert (log["propensity"] == 0.5).all()
    assert set(log["recorded_at"]) == {pd.Timestamp(NOW)}
    assert log.set_index("account_id")["author"].to_dict() == {"a": "Kim", "b": "Kim", "c": "Kim", "d": "", "f": "Kim"}


def test_what_was_done_is_logged_once_and_told_beside_what_was_recorded(ledger: Ledger) -> None:
    record(ledger, week(), "run 1", None, "Lou", NOW)
    done = [Done("a", "action.red", "Kim", DAY + pd.Timedelta(days=1), "asked for it")]
    assert did(ledger, done, NOW) == 1
    assert did(ledger, done, datetime(2026, 1, 3, tzinfo=UTC)) == 0
    told = recorded(interventions(ledger), DAY).set_index("account_id")
    assert told["author"].tolist() == ["Lou"] * 3
    assert told["done_on"].to_dict() == {"a": DAY + pd.Timedelta(days=1), "c": pd.NaT, "d": pd.NaT}
    assert recorded(interventions(ledger), DAY + pd.Timedelta(days=4)).empty  # the next Monday


def test_two_entries_of_a_day_that_differ_in_their_reason_are_two(ledger: Ledger) -> None:
    first, second = (Done("a", "action.red", "Kim", DAY, why) for why in ("no answer", "they will sign"))
    assert [did(ledger, [first, second, second], NOW), did(ledger, [second, first], NOW)] == [2, 0]
    assert sorted(interventions(ledger)["reason"]) == ["no answer", "they will sign"]


def test_what_is_kept_under_an_id_without_its_reason_is_not_kept_again(ledger: Ledger) -> None:
    first, second = (Done("a", "action.red", "Kim", DAY, why) for why in ("no answer", ""))
    did(ledger, [first], NOW)
    old = sha256("\n".join(("did", "a", "action.red", "Kim", stamp(DAY))).encode()).hexdigest()[:32]
    with ledger.writing() as db:
        db.execute("UPDATE intervention SET id = ?", (old,))  # as logs were written at first
    assert [did(ledger, [first], NOW), did(ledger, [second], NOW), did(ledger, [first, second], NOW)] == [0, 1, 0]


def test_who_was_called_rests_for_the_cool_down_and_who_is_in_a_trial_until_it_is_seen(ledger: Ledger) -> None:
    how = Settings(cool_down_days=28)
    did(ledger, [Done("a", "action.red", "Kim", DAY - pd.Timedelta(days=27)),
                 Done("b", "action.red", "Kim", DAY - pd.Timedelta(days=28))], NOW)  # fmt: skip
    assert said_of(ledger, scores(), how, 90).resting == {"a": "helped on 2025-12-05, rests until 2026-01-02"}
    drawn = leave_alone(week(hours=9), 0.5, "run 1")
    record(ledger, drawn, "run 1", 0.5, "", NOW)
    later = Scores(DAY + pd.Timedelta(days=89), scores().rows, pd.DataFrame())
    assert set(said_of(ledger, later, how, 90).resting) == set("abcdf")
    over = Scores(DAY + pd.Timedelta(days=90), scores().rows, pd.DataFrame())
    assert said_of(ledger, over, how, 90).resting == {}


def test_hours_of_this_week_that_were_given_away_are_gone(ledger: Ledger) -> None:
    record(ledger, week(), "run 1", None, "", NOW)
    monday = Scores(DAY + pd.Timedelta(days=4), scores().rows, pd.DataFrame())
    friday = Scores(DAY + pd.Timedelta(days=1), scores().rows, pd.DataFrame())
    assert said_of(ledger, friday, Settings(), 90).spent == {"": 60, "Kim": 120}
    assert said_of(ledger, monday, Settings(), 90).spent == {}
    planned = queue(friday, Settings(hours=2.0), said_of(ledger, friday, Settings(), 90))
    assert planned.of("call").empty


def test_who_told_an_outcome_lately_rests(ledger: Ledger) -> None:
    row = (
        "INSERT INTO feedback (id, account_id, kind, run_id, value, reason, author, said_on, recorded_at) "
        "VALUES (?, ?, 'outcome', '', 'stays', '', 'Jo', ?, ?)"
    )
    with ledger.writing() as db:
        for account, day in (("a", "2025-12-05T00:00:00Z"), ("b", "2025-12-04T00:00:00Z")):  # 27 and 28 days ago
            db.execute(row, (account, account, day, day))
    assert said_of(ledger, scores(), Settings(), 90).resting == {"a": "outcome 'stays' told on 2025-12-05"}


def test_the_log_is_read_back_as_canonical_actions_known_when_recorded(ledger: Ledger) -> None:
    drawn = leave_alone(week(hours=9), 0.5, "run 1")
    record(ledger, drawn, "run 1", 0.5, "", NOW)
    did(ledger, [Done("e", "escalation", "Max", DAY)], NOW)
    rows = touchpoints(interventions(ledger))
    known = pd.DataFrame({"account_id": list("abcdef"), "valid_from": DAY, "known_at": DAY})
    history = hf.History.from_frames({"accounts": known, "touchpoints": rows}, end="2026-02-01")
    read = hf.Treatments.read(history)
    assert read.identified
    assert read.frame["account_id"].tolist() == list("abcdf")
    assert set(read.frame["at"]) == {pd.Timestamp(NOW)}
    held = read.frame.loc[~read.frame["helped"], "account_id"].tolist()
    assert held == sorted(drawn.of("left_alone")["account_id"])
    pd.testing.assert_frame_equal(hf.Treatments.of_actions(rows).frame, read.frame)


def test_a_call_without_a_lot_is_no_help_until_it_is_told_that_it_was_made(ledger: Ledger) -> None:
    record(ledger, week(), "run 1", None, "", NOW)
    assert len(hf.Treatments.of_actions(touchpoints(interventions(ledger)))) == 0
    did(ledger, [Done("a", "action.red", "Kim", DAY)], NOW)
    told = hf.Treatments.of_actions(touchpoints(interventions(ledger)))
    assert told.frame["account_id"].tolist() == ["a"]
    other = hf.Treatments.of(pd.DataFrame({"account_id": ["x"], "at": [DAY], "helped": [False], "propensity": [0.5]}))
    assert told.beside(other).frame["account_id"].tolist() == [
        "x"
    ]  # where any tells its chance, the others do not count
    assert told.beside(told).frame["account_id"].tolist() == ["a", "a"]


def leavers(notice: dict[str, str]) -> hf.History:
    ids = list("abcdef")
    start = pd.Timestamp("2024-01-01", tz="UTC")
    usage = pd.DataFrame({"account_id": ids, "occurred_at": start, "known_at": start})
    accounts = pd.DataFrame({"account_id": ids, "valid_from": start, "known_at": start})
    terms = pd.DataFrame({"account_id": ids, "subscription_id": ids, "valid_from": start, "known_at": start, "mrr": 1.0,
                          "status": "active"})  # fmt: skip
    left = pd.DataFrame(
        {"account_id": list(notice), "notice_at": list(notice.values()), "known_at": list(notice.values())}
    )
    frames = {"accounts": accounts, "usage": usage, "subscriptions": terms, "churn": left}
    return hf.History.from_frames(frames, end="2026-12-01")


def test_the_outcome_of_a_lot_is_the_exit_within_the_horizon_and_waits_until_it_is_settled(ledger: Ledger) -> None:
    drawn = leave_alone(week(hours=9), 0.5, "run 1")
    record(ledger, drawn, "run 1", 0.5, "", NOW)
    did(ledger, [Done("a", "action.red", "Kim", DAY + pd.Timedelta(days=2))], NOW)
    log = interventions(ledger)
    history = leavers({"a": "2026-02-01", "b": "2026-04-02", "f": "2026-04-01"})
    told = trials_of(log, history, Churn(), 90).set_index("account_id")
    assert told["left"].to_dict() == {"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0, "f": 1.0}  # 1 April is day 90
    assert told["helped"].to_dict() == {"a": True, "b": False, "c": False, "d": False, "f": False}
    assert (~told["called"]).sum() == len(drawn.of("left_alone"))
    early = trials_of(log, history.until("2026-04-05", end="2026-04-05"), Churn(), 90)
    assert early["left"].isna().all()


def test_the_stamp_of_the_log_is_the_day_of_the_scores(ledger: Ledger) -> None:
    record(ledger, week(), "run 1", None, "", NOW)
    assert set(ledger.read("SELECT at FROM intervention")["at"]) == {stamp(DAY)}
