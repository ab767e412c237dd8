"""The day on which a note was written is the day from which it was known."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mapping_world import WORLD, findings, mapped, table

HEADER = "account_id,kind,date"


def touchpoints(folder: Path, named: str, *rows: str) -> list[tuple[str, str | None]]:
    """When each touchpoint happened, and when it says that it was known."""
    text = "\n".join([f"{HEADER},{named}", *rows]) + "\n"
    work = mapped(folder, {**WORLD, "meetings.csv": text})
    assert findings(work).get("HF047") is None
    told = sorted(table(work, "touchpoints", "occurred_at", "known_at"))
    return [tuple(None if one is None else f"{one:%Y-%m-%d %H:%M}" for one in row) for row in told]


@pytest.mark.parametrize("named", ["noted_on", "Entered on", "created_at", "Erfasst am", "notiert_am"])
def test_a_meeting_written_down_two_weeks_later_was_known_then(tmp_path, named):
    told = touchpoints(tmp_path, named, "A,meeting,2026-01-05 14:00,2026-01-19", "B,meeting,2026-01-06 14:00,")
    assert told == [("2026-01-05 14:00", "2026-01-19 00:00"), ("2026-01-06 14:00", None)]


def test_a_meeting_written_down_before_is_known_when_it_takes_place(tmp_path):
    told = touchpoints(
        tmp_path, "noted_on", "A,meeting,2026-01-05 14:00,2026-01-05", "B,meeting,2026-02-06 14:00,2026-01-05"
    )
    assert told == [("2026-01-05 14:00", "2026-01-05 14:00"), ("2026-02-06 14:00", "2026-02-06 14:00")]
