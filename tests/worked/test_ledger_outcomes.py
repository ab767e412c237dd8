"""Outcomes in the ledger, by hand: when a cell settles, what reopens it, and what is kept of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.errors import DataError
from holdfast.features.history import History
from holdfast.serving.ledger.outcomes import Reading, mature
from holdfast.serving.ledger.store import Ledger
from holdfast.training.labels import Churn
from tests.ledgered import NOW, outcomes, put
from tests.worked.test_labels_worked import gave, history

EVERYBODY = {account: {30: 0.2, 60: 0.3} for account in ("a", "b", "steady")}
NOTICE = Churn("notice")  # 14 days of settlement: a window of 30 days from 1 June settles on 15 July


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path / "ledger.db")
    put(made, "2024-06-01", chances=EVERYBODY)
    return made


def on(of: History, day: str) -> History:
    return of.until(day, end=day)


def read(ledger: Ledger, of: History, day: str, churn: Churn = NOTICE, *, anew: bool = False) -> Reading:
    return mature(ledger, on(of, day), churn, NOW, anew=anew)


def told(ledger: Ledger, account: str = "a") -> list[tuple[object, ...]]:
    rows = outcomes(ledger)
    mine = rows.loc[rows["account_id"] == account, ["horizon", "known_on", "state", "churned"]]
    return [tuple(None if one != one else one for one in row) for row in mine.itertuples(index=False, name=None)]


def test_a_cell_is_read_on_the_day_it_settles_and_not_before(ledger: Ledger) -> None:
    company = history(churn=[gave("2024-06-10")])
    assert read(ledger, company, "2024-07-14").settled == 0
    assert ledger.read("SELECT count(*) AS n FROM reading")["n"].item() == 0  # nothing to read: nothing is written
    assert read(ledger, company, "2024-07-15").settled == 3
    assert told(ledger) == [(30, "2024-07-15", "final", 1)]
    assert told(ledger, "steady") == [(30, "2024-07-15", "final", 0)]
    assert read(ledger, company, "2024-08-13") == Reading(on(company, "2024-08-13").now)
    assert read(ledger, company, "2024-08-14").settled == 3


def test_the_same_day_again_and_an_earlier_day_write_nothing(ledger: Ledger) -> None:
    company = history(churn=[gave("2024-06-10")])
    read(ledger, company, "2024-08-14")
    before = outcomes(ledger), ledger.read("SELECT * FROM reading")
    for day in ("2024-08-14", "2024-07-20"):
        assert read(ledger, company, day).settled == 0
    assert outcomes(ledger).equals(before[0])
    assert ledger.read("SELECT * FROM reading").equals(before[1])


def test_a_notice_that_is_withdrawn_late_reopens_its_cells_and_no_others(ledger: Ledger) -> None:
    put(ledger, "2024-05-01", "2024-06-11", chances=EVERYBODY)
    withdrawn = [gave("2024-06-10", "2024-06-10"), gave("2024-06-10", "2024-10-15", deleted=True)]
    other = gave("2024-06-05", account_id="b", source_id="2")
    company = history(churn=[*withdrawn, other])
    read(ledger, company, "2024-09-30")
    before = outcomes(ledger)
    quiet = read(ledger, company, "2024-10-14")
    assert (quiet.settled, quiet.reopened, quiet.sound) == (0, 0, True)
    found = read(ledger, company, "2024-10-20")
    assert (found.settled, found.reopened) == (0, 3)
    after = outcomes(ledger)
    new = after[after["known_on"] == "2024-10-20"]
    assert set(new["account_id"]) == {"a"}
    cells = [(as_of[:10], int(days), state, int(value)) for as_of, _, days, _, state, value in new.to_numpy().tolist()]
    # on 11 June the notice stood, so that day stays as it was; the window of 30 days from 1 May ends before it
    assert cells == [
        ("2024-05-01", 60, "final", 0),
        ("2024-06-01", 30, "final", 0),
        ("2024-06-01", 60, "final", 0),
    ]
    kept = after[after["known_on"] != "2024-10-20"].reset_index(drop=True)
    assert kept.equals(before)  # what was said before stays
    stood = before[(before["account_id"] == "a") & (before["as_of"] == "2024-06-11T00:00:00Z")]
    assert set(stood["state"]) == {"censored"}


def test_the_news_of_the_day_it_comes_is_found_whatever_was_skipped(ledger: Ledger) -> None:
    withdrawn = [gave("2024-06-10", "2024-06-10"), gave("2024-06-10", "2024-08-20", deleted=True)]
    company = history(churn=withdrawn)
    read(ledger, company, "2024-08-19")
    read(ledger, company, "2024-12-01")
    assert told(ledger) == [
        *((30, "2024-08-19", "final", 1), (30, "2024-12-01", "final", 0)),
        *((60, "2024-08-19", "final", 1), (60, "2024-12-01", "final", 0)),
    ]


def test_a_past_that_is_rewritten_is_noticed_and_read_anew_when_asked(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    told_then, rewritten = history(churn=[gave("2024-06-10")]), history(churn=[gave("2024-07-20", "2024-07-20")])
    read(ledger, told_then, "2024-09-01")
    for day in ("2024-09-02", "2024-09-03"):  # it is said every time until it is done
        caplog.clear()
        found = read(ledger, rewritten, day)
        assert (found.sound, found.reopened) == (False, 0)
        assert "rewritten" in caplog.text
    found = read(ledger, rewritten, "2024-09-03", anew=True)
    assert (found.sound, found.reopened) == (True, 1)
    assert told(ledger)[:2] == [(30, "2024-09-01", "final", 1), (30, "2024-09-03", "final", 0)]
    assert read(ledger, rewritten, "2024-09-04").sound


def test_a_shorter_history_cannot_be_read_anew(ledger: Ledger) -> None:
    company = history(churn=[gave("2024-06-10")])
    read(ledger, company, "2024-09-01")
    with pytest.raises(DataError, match="2024-09-01, the last reading, found one that ends on 2024-08-31"):
        read(ledger, company, "2024-08-31", anew=True)


def test_a_name_that_is_overwritten_rewrites_no_outcome(ledger: Ledger) -> None:
    company = history(churn=[gave("2024-06-10")])
    read(ledger, company, "2024-09-01")
    born = [{"account_id": name, "valid_from": "2023-01-01", "name": "new"} for name in ("a", "b", "steady")]
    assert read(ledger, history(churn=[gave("2024-06-10", reason="price")], accounts=born), "2024-09-02").sound


def test_another_meaning_of_churn_is_noticed_and_can_open_a_cell_again(ledger: Ledger) -> None:
    company = history(churn=[gave("2024-06-10")])
    read(ledger, company, "2024-07-20")
    patient = Churn("notice", settlement_days=60)
    assert not read(ledger, company, "2024-07-21", patient).sound
    found = read(ledger, company, "2024-07-21", patient, anew=True)
    assert (found.sound, found.reopened) == (True, 3)
    assert told(ledger)[-1] == (30, "2024-07-21", "open", None)
    assert read(ledger, company, "2024-08-29", patient).reopened == 0
    assert read(ledger, company, "2024-08-30", patient).reopened == 3  # 1 June, 30 days of window, 60 of settlement
    assert told(ledger)[-1] == (30, "2024-08-30", "final", 1)
    assert told(ledger, "steady")[-1] == (30, "2024-08-30", "final", 0)


def test_an_exit_that_is_none_censors(ledger: Ledger) -> None:
    read(ledger, history(churn=[gave("2024-06-10", kind="merger")]), "2024-07-15")
    assert told(ledger) == [(30, "2024-07-15", "censored", None)]


def test_two_runs_of_a_day_share_their_outcomes(ledger: Ledger) -> None:
    company = history(churn=[gave("2024-06-10")])
    read(ledger, company, "2024-07-15")
    put(ledger, "2024-06-01", chances={"a": {30: 0.9}, "new": {30: 0.1}}, kind="rescored")
    found = read(ledger, company, "2024-07-15")  # the same day: a run that was entered since is read all the same
    assert found.settled == 1
    assert told(ledger) == [(30, "2024-07-15", "final", 1)]
    assert told(ledger, "new") == [(30, "2024-07-15", "censored", None)]  # the labels know no such account
