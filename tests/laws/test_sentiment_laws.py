"""A mood of the past is what it was: what becomes known later changes none, nor does the order of rows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from holdfast.features.history import History
from tests.worked.test_sentiment import history, mood, rated

CUT = pd.Timestamp("2025-08-15", tz="UTC")


@pytest.mark.parametrize("way", ["later rows gone", "later ratings turned", "later texts other", "shuffled"])
def test_what_comes_later_changes_no_mood(way: str) -> None:
    tickets = rated(400)
    later = (tickets["known_at"] > CUT).to_numpy()
    told = {
        "later rows gone": tickets[~later],
        "later ratings turned": tickets.assign(
            satisfaction=tickets["satisfaction"].mask(later, 1 - tickets["satisfaction"])
        ),
        "later texts other": tickets.assign(body=tickets["body"].mask(later, "Something else entirely, das ist neu.")),
        "shuffled": tickets.sample(frac=1, random_state=1),
    }[way]
    expected, found = mood(history(tickets)), mood(history(told))
    past = tickets["ticket_id"][~later].tolist()
    pd.testing.assert_series_equal(found[past], expected[past], check_exact=True)


def test_a_rating_that_becomes_known_later_teaches_only_later_quarters() -> None:
    tickets = rated(400)
    late = tickets.assign(satisfaction_at=tickets["satisfaction_at"] + pd.Timedelta(days=200))
    late["known_at"] = late["satisfaction_at"]
    first = tickets.drop(columns=["satisfaction", "satisfaction_at"])
    both = mood(history(pd.concat([first, late], ignore_index=True)))
    summer = tickets["ticket_id"][tickets["known_at"].between("2025-04-01", "2025-06-30")].tolist()
    unrated = mood(history(first))
    pd.testing.assert_series_equal(both[summer], unrated[summer], check_exact=True)


def test_versions_of_a_ticket_have_one_mood() -> None:
    tickets = rated(300)
    again = tickets.assign(known_at=tickets["known_at"] + pd.Timedelta(days=150), reopens=1.0)
    once, twice = mood(history(tickets)), mood(history(pd.concat([tickets, again], ignore_index=True)))
    pd.testing.assert_series_equal(twice[once.index], once, check_exact=True)


def test_rows_known_at_once_may_come_in_any_order() -> None:
    tickets = rated(300)
    known = tickets["known_at"].dt.floor("30D")
    tickets = tickets.assign(known_at=known, opened_at=known, satisfaction_at=known)
    expected = mood(history(tickets))
    for seed in range(3):
        found = mood(history(tickets.sample(frac=1, random_state=seed)))
        pd.testing.assert_series_equal(found[expected.index], expected, check_exact=True)


def test_threads_change_no_bit() -> None:
    tickets = rated(300)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(mood(history(tickets)))
    pd.testing.assert_series_equal(*found, check_exact=True)


def test_a_history_cut_off_has_the_moods_of_one_that_was_read_then() -> None:
    tickets = rated(300)
    cut, then = history(tickets).until(CUT), history(tickets[tickets["known_at"] <= CUT])
    pd.testing.assert_series_equal(*(mood(one.until(CUT)) for one in (cut, then)), check_exact=True)


def test_written_and_read_again_moods_stay(tmp_path: Path) -> None:
    read = history(rated(150))
    read.write(tmp_path)
    again = History.read(tmp_path, end=read.end)
    pd.testing.assert_series_equal(mood(again), mood(read), check_exact=True)
