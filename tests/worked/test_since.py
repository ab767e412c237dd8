"""What has changed since a day, in lines: every line names what people know, whatever a column is called."""

import pandas as pd
import pytest

from holdfast.features.indicators.wording import Language
from holdfast.models.ledger import BASE, CALIBRATION, CLIP, STEPS, Ledger
from holdfast.serving.since import Since

DAY = pd.Timestamp("2026-01-01", tz="UTC")


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "en",
            [
                "  Kept within 0 and 100: -12.0 (mostly new data)",
                "  Use: +3.0 (mostly new data)",
                "  Whatever is on record: +2.0 (mostly new data)",
                "  Calibration: +1.0 (mostly new data)",
            ],
        ),
        (
            "de",
            [
                "  Grenzen von 0 und 100: -12,0 (vor allem neue Daten)",
                "  Use: +3,0 (vor allem neue Daten)",
                "  Was auch verzeichnet ist: +2,0 (vor allem neue Daten)",
                "  Kalibrierung: +1,0 (vor allem neue Daten)",
            ],
        ),
    ],
)
def test_what_is_no_sign_is_named_as_well(language: Language, lines: list[str]) -> None:
    moved = {CLIP: -12.0, "usage_30": 3.0, BASE: 2.0, CALIBRATION: 1.0}
    rows = pd.DataFrame(
        [
            {
                "indicator": name,
                "title": "Use" if name == "usage_30" else name,
                "dimension": "",
                **dict.fromkeys(STEPS, 0.0),
            }
            | {"data": change, "change": change}
            for name, change in moved.items()
        ]
    )
    ledger = Ledger("a", DAY, DAY, "points", rows, 10.0, 4.0)
    (told,) = Since(DAY, (ledger,)).blocks(language)
    assert told[1:] == lines
