"""Public data sets: how each is read, how churn is defined on it, and the figures others reached.

The files are those of ``HOLDFAST_DATA``, described in the README.md of that folder; nothing of them is kept here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.convert import Tables, cdnow, fightchurn, online_retail, ravenstack

Aucs = tuple[float, float, float]

__all__ = ["SOURCES", "Source", "data_folder", "write"]


@dataclass(frozen=True)
class Source:
    """A data set: how it becomes canonical tables, how churn is defined on it, what others reached.

    Attributes
    ----------
    name
        Also the folder it lies in.
    tables
        Reads the folder and returns the canonical tables.
    plan
        What ``plan.toml`` says beside the path of the history.
    reference
        AUC at 30, 60 and 90 days by model, under a time split.
    """

    name: str
    tables: Callable[[Path], Tables]
    plan: str
    reference: Mapping[str, Aucs]


def data_folder() -> Path | None:
    """Find the folder of the data sets: ``HOLDFAST_DATA``, else ``../shared/data`` beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("HOLDFAST_DATA", beside))
    return folder if folder.is_dir() else None


def write(source: Source, data: Path, out: Path) -> Path:
    """Convert a data set to ``out/<name>/history`` with a ``plan.toml`` beside it; return the path of the plan."""
    home = out / source.name
    (home / "history").mkdir(parents=True, exist_ok=True)
    for name, frame in source.tables(data / source.name).items():
        frame.to_parquet(home / "history" / f"{name}.parquet", index=False)
    plan = home / "plan.toml"
    plan.write_text(source.plan.lstrip(), encoding="utf-8")
    return plan


_SILENCE = """
[data]
path = "history"

[churn]
kind = "silence"
activity = ["invoices"]  # an order is activity, a return is not
active_days = {active_days}
settlement_days = 0  # nothing arrives late

[cutoffs]
every = "28d"
{first}
[horizons]
days = [30, 60, 90]
"""

_FULL_WINDOW = "first = 1997-07-01  # before it nobody can have been silent for 180 days\n"

_NOTICE = """
[data]
path = "history"
end = {end}  # the first day of the last billing rows; usage runs on

[churn]
kind = "notice"
grace_days = 0  # an exit is dated by the end of its last billing period
settlement_days = 0

[cutoffs]
every = "28d"

[horizons]
days = [30, 60, 90]
"""

_LISTED = """
[data]
path = "history"

[churn]
kind = "notice"

[cutoffs]
every = "28d"

[horizons]
days = [30, 60, 90]
"""

SOURCES: Mapping[str, Source] = {
    source.name: source
    for source in (
        Source(
            "online_retail", online_retail, _SILENCE.format(active_days=90, first=""),
            {"logistic": (0.731, 0.752, 0.760), "LightGBM": (0.727, 0.744, 0.744), "recency": (0.563, 0.588, 0.600)},
        ),
        Source(
            "cdnow", cdnow, _SILENCE.format(active_days=180, first=_FULL_WINDOW),
            {
                "logistic": (0.703, 0.704, 0.707), "LightGBM": (0.697, 0.695, 0.700),
                "BG/NBD": (0.703, 0.702, 0.702), "Pareto/NBD": (0.703, 0.703, 0.704),
            },
        ),
        Source(
            "fightchurn_crm5_reset", fightchurn, _NOTICE.format(end="2024-01-01"),
            {
                "logistic": (0.759, 0.723, 0.719), "LightGBM": (0.791, 0.748, 0.738),
                "without usage": (0.762, 0.728, 0.710), "near-oracle": (0.849, 0.828, 0.823),
            },
        ),
        Source(
            "fightchurn_socialnet7", fightchurn, _NOTICE.format(end="2021-01-01"),
            {
                "logistic": (0.755, 0.741, 0.738), "LightGBM": (0.730, 0.708, 0.714),
                "without usage": (0.594, 0.594, 0.594),
            },
        ),
        Source(
            "ravenstack", ravenstack, _LISTED,
            {"boosted trees": (0.514, 0.547, 0.577), "account age": (0.642, 0.635, 0.638)},
        ),
    )
}  # fmt: skip
