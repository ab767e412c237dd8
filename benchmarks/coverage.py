"""How often the intervals of a backtest hold the truth when few accounts have left.

python -m benchmarks.coverage [--replicates N] [--events N] [--json]

A world whose law is known: every account has a hidden hazard that wanders, a model that sees it through noise, and a
chance to leave every month. The value that each figure has in the whole population is computed from very many accounts;
then small books are drawn from the same world, their figures bounded as a backtest bounds them (accounts drawn
together, 95 %), and it is counted how often the bounds hold the value of the population. The calibration error is not
among them: in a small book it is larger than in the population by its nature, which is what its noise floor tells.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from holdfast.progress import progress
from holdfast.training import bootstrap
from holdfast.training.metrics import NAMES, Floats

MONTHS, AHEAD = 12, 3  # cutoffs, and the horizon, in months
HAZARD, SPREAD, WANDER, NOISE = -4.75, 0.9, 0.25, 0.6
POPULATION = 150_000
BOUND = 0.93
TOLD = tuple(name for name in NAMES if name not in ("ece", "intercept"))


@dataclass(frozen=True)
class Book:
    """Rows of accounts at cutoffs: label, two probabilities, the base rate, and whose row it is."""

    y: Floats
    p: Floats
    rival: Floats
    account: Any

    @property
    def events(self) -> int:
        """Accounts that left within the horizon of some cutoff."""
        return len(np.unique(self.account[self.y == 1]))


def book(accounts: int, rng: np.random.Generator) -> Book:
    """Draw a book: hidden hazards, what models see of them, and who leaves."""
    months = MONTHS + AHEAD
    steps = rng.normal(0, WANDER, (accounts, months))
    steps[:, 0] = rng.normal(0, SPREAD, accounts)
    hidden = np.cumsum(steps, axis=1)
    leaves = rng.random((accounts, months)) < 1 - np.exp(-np.exp(HAZARD + hidden))
    left = np.where(leaves.any(axis=1), leaves.argmax(axis=1), months)
    cutoff = np.arange(MONTHS)
    there = left[:, None] >= cutoff
    y = (left[:, None] < cutoff + AHEAD).astype(float)
    seen, less = (hidden[:, :MONTHS] + rng.normal(0, NOISE * more, (accounts, MONTHS)) for more in (1, 3))
    p, rival = (
        1 - np.exp(-AHEAD * np.exp(HAZARD + 0.15 + weight * one)) for one, weight in ((seen, 0.8), (less, 0.25))
    )
    who = np.broadcast_to(np.arange(accounts)[:, None], y.shape)
    return Book(y[there], p[there], rival[there], who[there])


def figures(drawn: Book, replicates: int, seed: int) -> tuple[Floats, Floats]:
    """Compute every figure of the model, and what it gains in AUC over the rival, in every replicate."""
    base = np.full(len(drawn.y), drawn.y.mean())
    _, code = np.unique(drawn.account, return_inverse=True)
    weights = bootstrap.draw(int(code.max()) + 1, replicates, seed)
    own, other = (bootstrap.replicate(drawn.y, p, base, code, weights, drawn.rival) for p in (drawn.p, drawn.rival))
    return own, own[:, NAMES.index("auc")] - other[:, NAMES.index("auc")]


def study(replicates: int, events: int, seed: int = 0) -> dict[str, Any]:
    """Count how often the bounds hold the value of the population."""
    rng = np.random.default_rng(seed)
    whole = book(POPULATION, rng)
    truth, gained = figures(whole, 0, 0)
    accounts = round(POPULATION * events / whole.events)
    held = {name: [] for name in (*TOLD, "auc_gained")}  # type: dict[str, list[bool]]
    seen = []
    for _ in progress(range(replicates), "books", replicates):
        drawn = book(accounts, rng)
        seen.append(drawn.events)
        own, gain = figures(drawn, 200, int(rng.integers(2**31)))
        low, high = bootstrap.interval(own[1:], evidence=drawn.events)
        for name in TOLD:
            place = NAMES.index(name)
            held[name].append(bool(low[place] <= truth[0, place] <= high[place]))
        low, high = bootstrap.interval(gain[1:, None], evidence=drawn.events)
        held["auc_gained"].append(bool(low[0] <= gained[0] <= high[0]))
    coverage = {name: float(np.mean(one)) for name, one in held.items()}
    return {
        "replicates": replicates,
        "accounts": accounts,
        "events": float(np.mean(seen)),
        "truth": {name: float(truth[0, NAMES.index(name)]) for name in TOLD} | {"auc_gained": float(gained[0])},
        "coverage": coverage,
        "bound": BOUND,
        "missed": [name for name, share in coverage.items() if share < BOUND],
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__.split("\n")[0])
    parser.add_argument("--replicates", type=int, default=1_000)
    parser.add_argument("--events", type=int, default=40, help="accounts that leave in a book, on average")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    found = study(asked.replicates, asked.events)
    if asked.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{found['replicates']} books of {found['accounts']} accounts, {found['events']:.0f} of which left")
        table = pd.DataFrame({"population": found["truth"], "held": found["coverage"]})
        print(table.to_string(float_format="{:.3f}".format))
        print("bound .93; " + (f"missed by {', '.join(found['missed'])}" if found["missed"] else "all hold"))
    return 1 if found["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
