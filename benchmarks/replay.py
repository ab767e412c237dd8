"""Replay: daily runs of a small company, with backfills and corrections on the way, all made again at the end.

    python -m benchmarks.replay [--days 60] [--accounts 60] [--out FOLDER]

Every day is delivered as it was known then and scored. Three times rows come late: visits of weeks ago, a subscription
put right, a notice withdrawn; an old day is scored again after each. At the end every day is made again from the whole
history: what came late must change nothing, and nothing may lack an explanation.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from holdfast.features.history import History
from holdfast.serving import learning, opening, pipeline
from holdfast.serving.ledger.as_served import as_served
from holdfast.serving.ledger.replay import replay
from holdfast.serving.plan import Plan, read_plan

START, FIRST = pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2025-03-01", tz="UTC")
SETTINGS = """
[data]
path = "history"
end = {end}
[churn]
kind = "notice"
settlement_days = 7
[cutoffs]
every = "56d"
[horizons]
days = [15, 30]
[backtest]
audits = false
bootstrap = 0
retrain_every = 50
[tracking]
enabled = false
"""
Frames = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Company:
    """A company with its whole history, and the plan beside it.

    Attributes
    ----------
    frames
        Every row with the instant at which it became known.
    late
        The days on which rows came late.
    end
        The last day.
    """

    folder: Path
    frames: Frames
    late: tuple[pd.Timestamp, ...]
    end: pd.Timestamp

    @property
    def plan(self) -> Plan:
        """The plan, as a file says it."""
        return read_plan(self.folder / "plan.toml")

    def known(self, day: pd.Timestamp) -> History:
        """Read what is delivered on a day, as known on it."""
        frames = {name: frame[frame["known_at"] <= day] for name, frame in self.frames.items()}
        history = History.from_frames({name: frame for name, frame in frames.items() if len(frame)}, end=self.end)
        return opening.known_on(self.plan, history, f"{day:%Y-%m-%d}")

    def whole(self) -> History:
        """Read everything that was ever delivered."""
        return History.from_frames(self.frames, end=self.end)


def company(folder: Path, accounts: int = 60, days: int = 60) -> Company:
    """Make a company of which every third account leaves, and lay a plan beside it."""
    (folder / "history").mkdir(parents=True)
    last = FIRST + pd.Timedelta(days=days)
    (folder / "plan.toml").write_text(SETTINGS.format(end=f"{last:%Y-%m-%d}"))
    late = tuple(FIRST + pd.Timedelta(days=max(1, days * share // 5)) for share in (1, 2, 3))
    frames = {
        "accounts": _known(pd.DataFrame([_account(i) for i in range(accounts)]), "valid_from"),
        "usage": _known(pd.DataFrame(_visits(accounts, last)), "occurred_at"),
        "subscriptions": _known(pd.DataFrame([_contract(i) for i in range(accounts)]), "valid_from"),
        "churn": _known(pd.DataFrame(_notices(accounts, last)), "notice_at"),
    }
    whole = _come_late(frames, late)
    for name, frame in whole.items():
        frame.to_parquet(folder / "history" / f"{name}.parquet", index=False)
    return Company(folder, whole, late, last)


def serve(place: Company, days: int, step: int = 1) -> Iterator[dict[str, Any]]:
    """Train on the first day, then score day by day; after each backfill score an old day as well."""
    plan = place.plan
    bundle = learning.train(plan, place.known(FIRST), FIRST.to_pydatetime()).bundle
    with pipeline.workspace(plan).lock():
        for number in range(0, days, step):
            day = FIRST + pd.Timedelta(days=number)
            run = pipeline.publish(plan, place.known(day), bundle, (day + pd.Timedelta(hours=6)).to_pydatetime())
            yield {"day": day, "run": run, "current": pipeline.workspace(plan).current.readlink()}
            if any(day - pd.Timedelta(days=step) < one <= day for one in place.late):
                old = FIRST + pd.Timedelta(days=number - 1)
                again = pipeline.publish(plan, place.known(old), bundle, (day + pd.Timedelta(hours=7)).to_pydatetime())
                yield {"day": old, "run": again, "current": pipeline.workspace(plan).current.readlink()}


def replayed(place: Company) -> pd.DataFrame:
    """Make every served day again from the whole history: ``day, equal, differences, unexplained``."""
    history, plan = place.whole(), place.plan
    days = pipeline.ledger_of(plan).read("SELECT DISTINCT as_of FROM run WHERE kind = 'served' ORDER BY as_of")["as_of"]
    found = [(str(day)[:10], replay(plan, history, str(day)[:10])) for day in days]
    rows = [(day, one.equal, len(one.differences), one.unexplained) for day, one in found]
    return pd.DataFrame(rows, columns=["day", "equal", "differences", "unexplained"])


def _account(i: int) -> dict[str, object]:
    return {"account_id": f"A{i:02d}", "name": f"Account {i}", "valid_from": START}


def _contract(i: int) -> dict[str, object]:
    terms = {"mrr": 100.0 + i, "seats": 10.0, "currency": "EUR", "term_months": 12.0, "auto_renew": True}
    return {"account_id": f"A{i:02d}", "subscription_id": f"S{i:02d}", "valid_from": START, "status": "active", **terms}


def _leaves(i: int, last: pd.Timestamp) -> pd.Timestamp:
    """Give the day on which an account leaves, spread over the whole history; every third one does."""
    span = (last - START).days - 120
    return START + pd.Timedelta(days=100 + i * span // 60 % span) if i % 3 == 0 else pd.Timestamp.max.tz_localize("UTC")


def _visits(accounts: int, last: pd.Timestamp) -> Iterator[dict[str, object]]:
    """Give visits twice a week, which become rare before an account leaves."""
    for i in range(accounts):
        for week in range((last - START).days // 7 + 1):
            at = START + pd.Timedelta(days=7 * week + i % 5, hours=i % 24)
            ahead = (_leaves(i, last) - at).days
            for number in range(2 if ahead > 60 else int(week % 3 == 0 and ahead > 0)):
                when = at + pd.Timedelta(hours=30 * number)
                yield {
                    "account_id": f"A{i:02d}",
                    "occurred_at": when,
                    "source_id": f"{i}-{week}-{number}",
                    "source": "app",
                }


def _notices(accounts: int, last: pd.Timestamp) -> Iterator[dict[str, object]]:
    for i in range(0, accounts, 3):
        yield {"account_id": f"A{i:02d}", "source_id": f"N{i}", "source": "crm", "notice_at": _leaves(i, last)}


def _known(frame: pd.DataFrame, time: str) -> pd.DataFrame:
    """Let rows become known an hour after they happened."""
    return frame.assign(known_at=frame[time] + pd.Timedelta(hours=1), deleted=False)


def _come_late(frames: Frames, late: tuple[pd.Timestamp, ...]) -> Frames:
    """Add visits of weeks ago, a contract put right since its beginning, and a notice withdrawn, each in its time."""
    first, second, third = late
    usage, contracts, notices = (frames[name] for name in ("usage", "subscriptions", "churn"))
    old = usage[usage["occurred_at"] < first - pd.Timedelta(days=20)].groupby("account_id").tail(4)
    visits = old.assign(source_id=old["source_id"] + "-late", known_at=first)
    right = contracts.iloc[1:6].assign(mrr=900.0, seats=40.0, known_at=second)
    gone = notices[notices["notice_at"] < third - pd.Timedelta(days=30)].tail(2).assign(deleted=True, known_at=third)
    return frames | {
        "usage": pd.concat([usage, visits], ignore_index=True),
        "subscriptions": pd.concat([contracts, right], ignore_index=True),
        "churn": pd.concat([notices, gone], ignore_index=True),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--accounts", type=int, default=60)
    parser.add_argument("--out", type=Path, help="keep what is made there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = company(asked.out or Path(folder), asked.accounts, asked.days)
        started = perf_counter()
        made = list(serve(place, asked.days))
        print(f"{len(made)} runs in {perf_counter() - started:.0f} s")
        print(as_served(pipeline.ledger_of(place.plan)).text())
        started = perf_counter()
        rows = replayed(place)
        seconds, equal = perf_counter() - started, rows["equal"].sum()
        print(f"{len(rows)} days made again in {seconds:.0f} s: {equal} to the last bit, "
              f"{rows['differences'].sum()} differences, {rows['unexplained'].sum()} unexplained")  # fmt: skip
    return int(rows["unexplained"].sum() > 0)


if __name__ == "__main__":
    sys.exit(main())
