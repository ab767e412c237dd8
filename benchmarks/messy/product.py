"""The product's events: one row per event, keyed by the user's mail address alone."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.messy.company import Company

STRANGERS = {"qa@werkbank-intern.example": 40, "demo.user@gmail.com": 25, "lars@unbekannt.example": 10}
REPEATED = 200
DAMAGED = (
    "2025-03-04T09:1",
    "2025-06-11T08:02:33.120Z,anna",
    "2025-07-01T10:44:00.000Z,ben.dietz@example.org,report,report,3,5,surplus,fields",
)
_NAMES = {
    "sync": "api_sync",
    "integration_on": "integration_connected",
    "integration_off": "integration_disconnected",
    "import_done": "import_completed",
}
_OPENS, _CLOSES = 7 * 3_600_000, 18 * 3_600_000  # milliseconds of a working day


def write_events(folder: Path, company: Company) -> None:
    """Write one file per year, the older ones packed; some rows twice, some cut off."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = events(company)
    repeated = rows.iloc[:: max(len(rows) // REPEATED, 1)].head(REPEATED)
    rows = pd.concat([rows, repeated]).sort_values("timestamp", kind="stable")
    last = rows["timestamp"].str[:4].max()
    for year, part in rows.groupby(rows["timestamp"].str[:4]):
        text = part.to_csv(index=False, lineterminator="\n")
        if year == last:
            (folder / f"events-{year}.csv").write_text(_damaged(text), encoding="utf-8", newline="")
        else:
            (folder / f"events-{year}.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def events(company: Company) -> pd.DataFrame:
    """Give the events: ``timestamp, user_email, event, page, minutes``."""
    usage = company.tables["usage"].drop_duplicates("source_id")
    usage = usage.loc[usage.index.repeat(usage["count"].astype(int))].reset_index(drop=True)
    usage["user_email"] = usage["person_id"].map(company.people["email"])
    rows = pd.concat([usage[["occurred_at", "user_email", "event", "feature"]], _strangers(usage)], ignore_index=True)
    moment = company.random(1).integers(_OPENS, _CLOSES, len(rows))
    at = rows["occurred_at"].dt.normalize() + pd.to_timedelta(moment, unit="ms")
    frame = pd.DataFrame(
        {
            "timestamp": at.dt.strftime("%Y-%m-%dT%H:%M:%S.") + at.dt.strftime("%f").str[:3] + "Z",
            "user_email": rows["user_email"],
            "event": rows["event"].replace(_NAMES),
            "page": rows["feature"],
        }
    )
    frame = frame.drop_duplicates(["timestamp", "user_email", "event"])
    return frame.sort_values(["timestamp", "user_email", "event"], ignore_index=True)


def _strangers(usage: pd.DataFrame) -> pd.DataFrame:
    """Let some users act whom no other system knows."""
    who = np.repeat(list(STRANGERS), list(STRANGERS.values()))
    when = usage["occurred_at"].iloc[np.linspace(0, len(usage) - 1, len(who)).astype(int)].to_numpy()
    stray = pd.DataFrame({"occurred_at": when, "user_email": who, "event": "login", "feature": None})
    return stray.astype({"feature": "str", "occurred_at": usage["occurred_at"].dtype})


def _damaged(text: str) -> str:
    """Put lines in between that a crash or a careless hand left."""
    lines = text.splitlines(keepends=True)
    for place, line in enumerate(DAMAGED, 1):
        lines.insert(place * len(lines) // (len(DAMAGED) + 1), line + "\n")
    return "".join(lines)
