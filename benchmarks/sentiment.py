"""How well the mood of tickets is read, by language and by number of ratings: learned from ratings, and by VADER.

python -m benchmarks.sentiment [--json]

The tickets are generated: a few dozen sentences in a mood about a matter, one in eight in another mood than it was
rated. So the figures say that the step works, and how many ratings it asks for; what it reaches on your tickets is told
by `holdfast check` (HF068), on your own ratings that came later.
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np
import pandas as pd

from holdfast.features.sentiment.evaluation import auc
from holdfast.features.sentiment.walking import walk
from holdfast.features.simulate.texts import LANGUAGES, bodies

RATINGS = (100, 300, 600, 1_000, 2_000)
TESTED = 2_000
LEARNED, READ = pd.Timestamp("2025-01-15", tz="UTC"), pd.Timestamp("2025-05-15", tz="UTC")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sentiment", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    asked = parser.parse_args()
    if not asked.json:
        print("generated tickets; AUC of good against bad ratings that came later, with its 95 % interval")
    for ratings in RATINGS:
        for row in measured(ratings):
            if asked.json:
                print(json.dumps(row))
            else:
                figures = (
                    "read by nobody"
                    if np.isnan(row["auc"])
                    else f"{row['auc']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
                )
                print(f"{ratings:5d} ratings  {row['language']}  {row['reader']:8s} {row['n']:5d} texts  {figures}")
    return 0


def measured(ratings: int) -> list[dict[str, object]]:
    """Read rated tickets of a later quarter with so many ratings known before it."""
    rng = np.random.default_rng(ratings)
    n = ratings + TESTED
    language, tone = rng.integers(len(LANGUAGES), size=n), rng.integers(3, size=n)
    good = np.where(tone == 1, rng.random(n) < 0.5, tone == 2)
    told = pd.DataFrame(
        {
            "text": np.asarray(bodies(rng, language, rng.integers(0, 5, n), tone), dtype=object),
            "lang": np.array(LANGUAGES, dtype=object)[language],
            "known": np.where(np.arange(n) < ratings, LEARNED, READ),
            "satisfaction": good.astype(float),
        }
    )
    told["known"] = pd.to_datetime(told["known"], utc=True)
    walked = walk(told.drop(columns="satisfaction").head(0), told, min_ratings=ratings).evaluation.rows
    later = np.arange(n) >= ratings
    rows: list[dict[str, object]] = []
    for number, name in enumerate(LANGUAGES):
        for reader in ("learned", "vader"):
            there = later & (language == number) & walked[reader].notna().to_numpy()
            area, low, high = auc(walked[reader].to_numpy()[there], good[there])
            figures = {"n": int(there.sum()), "auc": area, "low": low, "high": high}
            rows.append({"ratings": ratings, "language": name, "reader": reader, **figures})
    return rows


if __name__ == "__main__":
    sys.exit(main())
