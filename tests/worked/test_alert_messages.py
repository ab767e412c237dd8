"""What a message says, to whom, and when: digests, rhythm, and names that stay names."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from holdfast.serving.alerts import outbox
from holdfast.serving.alerts.channels import slack
from holdfast.serving.alerts.delivering import preview, settle_current
from holdfast.serving.alerts.digest import Digest, digest_of, inert
from holdfast.serving.alerts.episodes import open_episodes
from holdfast.serving.alerts.guard import Answer
from holdfast.serving.ledger.store import LEDGER, Ledger
from holdfast.serving.plan import Plan, parse_plan
from tests.alerted import Alert, judged, serve

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)
ACCOUNTS = {
    "A1": {"account_name": "Acme & Söhne", "csm": "Ann Lee", "arr": 52000.0, "expected_arr_at_risk_90": 900.0},
    "A2": {"account_name": "Beta", "csm": "", "arr": float("nan"), "expected_arr_at_risk_90": 5000.0, "health": 12.4},
}
ALERTS = [("A1", "drop"), ("A1", "band"), ("A2", "silence")]


def plan_in(root: Path, **alerts: object) -> Plan:
    told = {"enabled": True, "quiet": "", "channels": ["env:HOOK"], **alerts}
    out = {"workspace": str(root), "language": "en"}
    return parse_plan({"data": {"path": "h"}, "churn": {"kind": "notice"}, "alerts": told, "output": out})


def digest(language: str = "en", **changes: object) -> Digest:
    news = judged(*ALERTS).drop(columns="state").assign(as_of="2026-03-01T00:00:00Z")
    rows = pd.DataFrame(
        [{"account_id": key, "currency": "EUR", "health": 48.0, **one} for key, one in ACCOUNTS.items()]
    )
    given = {"key": "k1", "as_of": "2026-03-01", "open_alerts": 7, "language": language, **changes}
    return digest_of(news, rows, **given)  # type: ignore[arg-type] # what a test changes


def test_a_digest_tells_accounts_with_most_at_stake_first_each_in_one_line() -> None:
    assert digest().title() == "holdfast: 2 accounts with new alerts"
    assert digest().text().splitlines() == [
        "As of 2026-03-01. Alerts now open: 7.",
        "- Beta (A2), health 12: silence of A2.",
        "- Acme & Söhne (A1), ARR 52,000 EUR, health 48, Ann Lee: band of A1; drop of A1.",
        "Message k1; what carries the same number twice is the same message.",
    ]


def test_it_is_told_in_german() -> None:
    told = digest("de")
    assert told.title() == "holdfast: 2 Kunden mit neuen Meldungen"
    lines = told.text().splitlines()
    assert lines[0] == "Stand 2026-03-01. Offene Meldungen: 7."
    assert lines[2] == "- Acme & Söhne (A1), ARR 52.000 EUR, Gesundheit 48, Ann Lee: band of A1; drop of A1."


def test_it_comes_out_of_the_outbox_as_it_went_in_and_carries_its_data_for_machines() -> None:
    told = digest()
    assert Digest.read(told.json()) == told
    payload = json.loads(json.dumps(told.payload(), allow_nan=False))
    assert (payload["kind"], payload["key"], payload["open"]) == ("holdfast.alerts", "k1", 7)
    assert payload["accounts"][0]["arr"] is None
    assert payload["accounts"][1]["alerts"][0] == {
        "rule": "band",
        "as_of": "2026-03-01T00:00:00Z",
        "text": "band of A1",
    }


def test_what_has_no_room_is_counted() -> None:
    many = [(f"A{n:03d}", "drop") for n in range(130)]
    news = judged(*many).drop(columns="state").assign(as_of="2026-03-01T00:00:00Z")
    columns = ["account_name", "csm", "arr", "currency", "health", "expected_arr_at_risk_90"]
    rows = pd.DataFrame({"account_id": [one for one, _ in many]}).reindex(columns=["account_id", *columns])
    told = digest_of(news, rows, key="k", as_of="d", open_alerts=130, language="en")
    assert (len(told.accounts), told.left_out) == (100, 30)
    assert told.title() == "holdfast: 130 accounts with new alerts"
    assert told.text().splitlines()[-2] == "And 110 more accounts: holdfast alerts PLAN"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Acme\r\n\x1b[2JGmbH", "Acme [2JGmbH"),
        ("evil\u202egpj.exe", "evil gpj.exe"),  # which would be read from right to left
        ("https://evil.example www.evil.example", "https: //evil.example www .evil.example"),
        ("x" * 100, "x" * 79 + "…"),
    ],
)
def test_names_become_one_short_line_without_links(name: str, expected: str) -> None:
    assert inert(name) == expected


def test_slack_gets_no_markup_mention_or_link_out_of_a_name() -> None:
    told = digest()
    told.accounts[0]["account_name"] = "<!channel> *bold* <https://evil.example|click> &amp;"
    content = slack(told)
    assert "- &lt;!channel&gt; *bold* &lt;https: //evil.example|click&gt; &amp;amp; (A2)" in str(content["text"])
    assert (content["mrkdwn"], content["parse"], content["link_names"]) == (False, "none", False)


# ------------------------------------------------------------------------------- the outbox


def opened(root: Path, day: str, alerts: list[Alert], now: datetime, **settings: object) -> Ledger:
    serve(root, day, alerts)
    settle_current(plan_in(root, **settings), now)
    return Ledger(root / LEDGER)


def write(key: str, news: pd.DataFrame, still: int) -> Digest:
    accounts = [{"account_id": one} for one in sorted(set(news["account_id"]))]
    return Digest(key, "2026-03-01", "en", still, accounts, [])


def composed(ledger: Ledger, rhythm: outbox.Rhythm, now: datetime, channel: str = "env:HOOK") -> list[list[str]]:
    known = set(ledger.read("SELECT key FROM message")["key"])
    outbox.compose(ledger, channel, rhythm, "Europe/Berlin", write, now)
    rows = ledger.read("SELECT key, body FROM message ORDER BY through, body")
    news = rows[~rows["key"].isin(known)]
    return [[one["account_id"] for one in json.loads(body)["accounts"]] for body in news["body"]]


def test_a_daily_digest_comes_once_a_day_of_the_place_and_holds_what_is_new(tmp_path: Path) -> None:
    ledger = opened(tmp_path, "2026-03-01", [("A1", "drop"), ("A2", "band")], NOON)
    assert composed(ledger, "daily", NOON) == [["A1", "A2"]]
    opened(tmp_path, "2026-03-02", [("A1", "drop"), ("A2", "band"), ("A3", "band")], NOON)
    assert composed(ledger, "daily", NOON + timedelta(hours=10, minutes=59)) == []  # 23:59 in Berlin
    assert composed(ledger, "daily", NOON + timedelta(hours=11)) == [["A3"]]  # what was told is not told again
    assert composed(ledger, "daily", NOON + 2 * DAY) == []  # nothing new


def test_a_weekly_digest_waits_for_the_next_week(tmp_path: Path) -> None:
    ledger = opened(tmp_path, "2026-03-01", [("A1", "drop")], NOON)
    assert composed(ledger, "weekly", NOON) == [["A1"]]
    opened(tmp_path, "2026-03-03", [("A1", "drop"), ("A3", "band")], NOON + DAY)
    assert composed(ledger, "weekly", NOON + 6 * DAY) == []  # Sunday
    assert composed(ledger, "weekly", NOON + 7 * DAY) == [["A3"]]


def test_each_account_gets_its_message_after_a_first_one_that_holds_all(tmp_path: Path) -> None:
    ledger = opened(tmp_path, "2026-03-01", [("A1", "drop"), ("A2", "band")], NOON)
    assert composed(ledger, "each", NOON) == [["A1", "A2"]]
    later = [("A1", "drop"), ("A2", "band"), ("A3", "band"), ("A3", "drop"), ("A4", "drop")]
    opened(tmp_path, "2026-03-02", later, NOON + DAY)
    assert composed(ledger, "each", NOON + DAY) == [["A3"], ["A4"]]
    assert composed(ledger, "each", NOON + DAY, "env:NEW") == [["A1", "A2", "A3", "A4"]]


def test_what_has_closed_before_it_was_told_is_not_told(tmp_path: Path) -> None:
    opened(tmp_path, "2026-03-01", [("A1", "drop"), ("A2", "band")], NOON)
    ledger = opened(tmp_path, "2026-03-02", [("A2", "band")], NOON)
    assert composed(ledger, "daily", NOON) == [["A2"]]


def test_a_message_that_fails_waits_longer_each_time_and_is_given_up_in_the_end(tmp_path: Path) -> None:
    ledger, now = opened(tmp_path, "2026-03-01", [("A1", "drop")], NOON), NOON
    composed(ledger, "daily", now)
    waits = []
    for _ in range(outbox.MAX_ATTEMPTS):
        (message,) = outbox.due(ledger, "env:HOOK", now)
        assert outbox.claim(ledger, message, now)
        assert not outbox.claim(ledger, message, now)  # another process comes too late
        state = outbox.mark(ledger, message, Answer(sent=False, again=True, why="the host answers 502"), now)
        after = datetime.fromisoformat(ledger.read("SELECT next_at FROM message")["next_at"].item())
        waits.append((after - now) // timedelta(minutes=1))
        now = after
    assert waits == [1, 4, 16, 64, 256, 360, 360, 360]
    assert state == "failed"
    assert outbox.due(ledger, "env:HOOK", now + 9 * DAY) == []


def test_a_pause_that_is_asked_for_holds_for_all_that_waits_for_the_channel(tmp_path: Path) -> None:
    ledger = opened(tmp_path, "2026-03-01", [("A1", "drop")], NOON)
    composed(ledger, "each", NOON)
    opened(tmp_path, "2026-03-02", [("A1", "drop"), ("A2", "band")], NOON)
    composed(ledger, "each", NOON)
    first, second = outbox.due(ledger, "env:HOOK", NOON)
    outbox.claim(ledger, first, NOON)
    asked = Answer(sent=False, again=True, why="the host answers 429", wait=600)
    assert outbox.mark(ledger, first, asked, NOON) == "waiting"
    assert outbox.due(ledger, "env:HOOK", NOON + timedelta(seconds=599)) == []
    found = outbox.due(ledger, "env:HOOK", NOON + timedelta(seconds=600))
    assert [one.key for one in found] == [first.key, second.key]


def test_a_message_that_was_taken_leaves_no_name_behind(tmp_path: Path) -> None:
    ledger = opened(tmp_path, "2026-03-01", [("A1", "drop")], NOON)
    composed(ledger, "daily", NOON)
    (message,) = outbox.due(ledger, "env:HOOK", NOON)
    outbox.claim(ledger, message, NOON)
    outbox.mark(ledger, message, Answer(sent=True), NOON)
    assert ledger.read("SELECT state, body FROM message").values.tolist() == [["sent", ""]]


# ------------------------------------------------------------------------------- runs and episodes


def test_a_run_opens_its_episodes_once_and_a_run_of_an_older_day_none(tmp_path: Path) -> None:
    ledger = opened(tmp_path, "2026-03-01", [("A1", "drop")], NOON)
    opened(tmp_path, "2026-03-01", [("A1", "drop")], NOON)
    assert open_episodes(ledger).values.tolist() == [["A1", "drop", "2026-03-01T00:00:00Z", "drop of A1"]]
    opened(tmp_path, "2026-02-01", [("A9", "band")], NOON)  # though somebody pointed `current` to it
    assert len(ledger.read("SELECT * FROM alert")) == 1


def test_nothing_is_written_while_alerts_are_off(tmp_path: Path) -> None:
    ledger = opened(tmp_path, "2026-03-01", [("A1", "drop")], NOON, enabled=False)
    assert not ledger.path.exists()


def test_a_preview_tells_the_next_message_and_sends_nothing(tmp_path: Path) -> None:
    ledger = opened(tmp_path, "2026-03-01", [("A1", "drop")], NOON)
    episodes, told = preview(plan_in(tmp_path))
    assert (len(episodes), told and told.title()) == (1, "holdfast: 1 account with a new alert")
    assert ledger.read("SELECT * FROM message").empty
    composed(ledger, "daily", NOON)
    assert preview(plan_in(tmp_path))[1] is None
