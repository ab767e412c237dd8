"""One more day, worked by hand: what arrives, what comes late, and what a window leaves behind."""

import pandas as pd
import pytest

from holdfast.features.carry import Carry
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import usage

READ = {
    "week": usage.count(days=7),
    "ever": usage.count(),
    "minutes": usage.sum("duration_min", days=7),
    "people": usage.distinct("person_id", days=7),
    "days": usage.active_days(days=7),
    "since": usage.days_since(),
}
CATALOG = Catalog(
    tuple(
        Indicator(
            one,
            name=name,
            dimension="product",
            healthy="unclear",
            unit="number",
            title=name,
            curve=None,
            evidence="{value:g}",
        )
        for name, one in READ.items()
    )
)
ROWS = [  # account, happened, known, person, minutes
    ("a", "2025-03-01T10:00", None, "p", 1.5),
    ("a", "2025-03-01T11:00", None, "q", 2.0),
    ("a", "2025-03-05T10:00", "2025-03-09T08:00", "r", 4.0),  # four days late
    ("a", "2025-03-09T00:00", None, "p", 8.0),  # exactly at a cutoff
    ("b", "2025-03-20T00:00", None, "s", 1.0),
]


@pytest.fixture
def history():
    names = ["account_id", "occurred_at", "known_at", "person_id", "duration_min"]
    rows = pd.DataFrame(ROWS, columns=names)
    return History.from_frames({"accounts": pd.DataFrame({"account_id": ["a"], "valid_from": "2025-01-01"}),
                                "usage": rows[rows["account_id"] == "a"]}, end="2025-03-20")  # fmt: skip


def test_the_window_moves_and_late_records_count_once_they_are_known(history, tmp_path):
    carry = Carry.start(CATALOG, history, "2025-03-07", tmp_path)
    told = [carry.snapshot, *(carry.advance(history, f"2025-03-{day:02d}") for day in (8, 9, 10, 13, 17))]
    values = [tuple(one.indicators.iloc[0]) for one in told]
    assert values == [
        (2, 2, 3.5, 2, 1, 5 + 13 / 24),  # up to the 7th: the two of the 1st
        (2, 2, 3.5, 2, 1, 6 + 13 / 24),
        (1, 3, 8.0, 1, 1, 0.0),  # those of the 1st are out; the one at the cutoff itself counts
        (2, 4, 12.0, 2, 2, 1.0),  # the late one is known now
        (1, 4, 8.0, 1, 1, 4.0),
        (0, 4, 0.0, 0, 0, 8.0),
    ]


def test_the_folder_says_where_it_stands(history, tmp_path):
    Carry.start(CATALOG, history, "2025-03-07", tmp_path)
    assert Carry(CATALOG, tmp_path).instant == pd.Timestamp("2025-03-07", tz="UTC")
    Carry(CATALOG, tmp_path).advance(history, "2025-03-08")
    assert Carry(CATALOG, tmp_path).instant == pd.Timestamp("2025-03-08", tz="UTC")
