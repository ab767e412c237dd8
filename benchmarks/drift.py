"""False alarms, and what is found: companies without drift, and with one sign that has moved, of 50 to 50,000 accounts.

A company has thirty signs of several shapes that hang together, accounts that come and go and stay much as they were,
and thirteen days of training. In four worlds nothing drifts: days are alike; days differ for everybody, as seasons do;
all accounts of today are new ones; both. A false alarm is a day on which any sign at all is told to have drifted.

    python -m benchmarks.drift [--sizes ACCOUNTS ...] [--companies N] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom

from holdfast.features.snapshot import Snapshot
from holdfast.training.monitoring.drift import LEVEL, drift
from holdfast.training.monitoring.reference import Reference

SIGNS, DAYS = 30, 13
START = pd.Timestamp("2025-01-01", tz="UTC")
SIZES = (50, 200, 1_000, 5_000, 50_000)
LARGEST = SIZES[-1]
WORLDS = {"days alike": (0.0, False), "days differ": (0.1, False), "all accounts new": (0.0, True), "both": (0.1, True)}
SHIFTS = (0.25, 0.5, 1.0)  # standard deviations


def company(
    accounts: int, seed: int, sway: float = 0.0, renewed: bool = False, shift: float = 0.0
) -> tuple[Snapshot, Snapshot]:
    """Draw the rows of training and those of today.

    Parameters
    ----------
    sway
        Standard deviation of what a day does to a sign of every account.
    renewed
        Whether today's accounts are none of those in training.
    shift
        By how much the first sign of everybody has moved today, in standard deviations.
    """
    rng = np.random.default_rng(seed)
    before = _values(rng, accounts, DAYS + 1, sway)
    there = _there(rng, accounts)
    today = _values(rng, accounts, 1, sway)[:, 0] if renewed else before[:, DAYS]
    today[:, 0] += shift
    past = before[:, :DAYS][there[:, :DAYS]]
    account, day = np.nonzero(there[:, :DAYS])
    here = np.flatnonzero(there[:, DAYS])
    return _snapshot(rng, past, account, day), _snapshot(
        rng, today[here], here + accounts * renewed, np.full(len(here), DAYS)
    )


def _values(rng: np.random.Generator, accounts: int, days: int, sway: float) -> np.ndarray:
    """Draw signs (accounts, days, signs): what they share, what stays with the account, and what comes and goes."""
    shared = rng.normal(size=(accounts, 1, 1))
    stays, passes = rng.normal(size=(accounts, 1, SIGNS)), rng.normal(size=(accounts, days, SIGNS))
    return 0.5 * shared + np.sqrt(0.5) * stays + 0.5 * passes + sway * rng.normal(size=(1, days, SIGNS))


def _there(rng: np.random.Generator, accounts: int) -> np.ndarray:
    """Tell who is a customer on which day: half from the start, and each may go at any time."""
    come = np.where(rng.random(accounts) < 0.5, 0, rng.integers(0, DAYS, accounts))[:, None]
    go = (come[:, 0] + 1 + rng.geometric(0.03, accounts))[:, None]
    day = np.arange(DAYS + 1)
    return (day >= come) & (day < go)


def _snapshot(rng: np.random.Generator, z: np.ndarray, account: np.ndarray, day: np.ndarray) -> Snapshot:
    shapes = (
        lambda v: v,
        np.exp,
        lambda v: np.floor(np.exp(v)),
        lambda v: (v > 1.0) * 1.0,
        lambda v: np.clip(0.5 + v / 3, 0, 1),
    )
    values = np.column_stack([shapes[j % len(shapes)](z[:, j]) for j in range(SIGNS)])
    values[:, 1::3] = np.where(rng.random(values[:, 1::3].shape) < 0.1, np.nan, values[:, 1::3])
    index = pd.MultiIndex.from_arrays(
        [account.astype(str), START + pd.to_timedelta(28 * day, unit="D")], names=["account_id", "cutoff"]
    )
    plans = np.array(["basic", "team", "firm"])[(account * 2_654_435_761 >> 7) % 3]
    nothing = pd.DataFrame(index=index)
    signs = pd.DataFrame(values, index, [f"sign_{j}" for j in range(SIGNS)])
    return Snapshot(signs, pd.DataFrame({"plan": plans}, index), nothing, nothing, ())


def heard(accounts: int, seed: int, **world: Any) -> pd.DataFrame:
    """Give what is told of one company."""
    past, today = company(accounts, seed, **world)
    return drift(today, Reference.of(past))


def false_alarms(sizes: Sequence[int], companies: int) -> Iterator[dict[str, Any]]:
    """Count the companies without drift that hear of some."""
    for accounts in sizes:
        for name, (sway, renewed) in WORLDS.items():
            asked = companies if accounts < LARGEST else max(companies // 5, 1)
            wrong = sum(heard(accounts, seed, sway=sway, renewed=renewed)["drifts"].any() for seed in range(asked))
            doubt = float(binom.sf(wrong - 1, asked, LEVEL)) if wrong else 1.0
            yield {
                "accounts": accounts,
                "world": name,
                "companies": asked,
                "alarms": int(wrong),
                "rate": wrong / asked,
                "chance": doubt,
            }


def found(sizes: Sequence[int], companies: int) -> Iterator[dict[str, Any]]:
    """Count the companies in which the one sign that moved is told."""
    for accounts in (one for one in sizes if one < LARGEST):
        for shift in SHIFTS:
            told = [heard(accounts, 10_000 + seed, shift=shift) for seed in range(max(companies // 5, 1))]
            right = [bool(one.loc[one["sign"] == "sign_0", "drifts"].any()) for one in told]
            others = [bool(one.loc[one["sign"] != "sign_0", "drifts"].any()) for one in told]
            yield {
                "accounts": accounts,
                "shift": shift,
                "found": float(np.mean(right)),
                "others": float(np.mean(others)),
            }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--companies", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    alarms = []
    for one in false_alarms(asked.sizes, asked.companies):
        alarms.append(one)
        print(
            f"{one['accounts']:,} accounts, {one['world']}: {one['alarms']} of {one['companies']}",
            file=sys.stderr,
            flush=True,
        )
    power = list(found(asked.sizes, asked.companies))
    if asked.json:
        print(json.dumps({"alarms": alarms, "found": power}, indent=2))
    else:
        print(pd.DataFrame(alarms).drop(columns="chance").to_string(index=False))
        if power:
            print(pd.DataFrame(power).to_string(index=False))
    return 1 if any(one["chance"] < 0.01 for one in alarms) else 0  # more than chance allows at a rate of 5 %


if __name__ == "__main__":
    sys.exit(main())
