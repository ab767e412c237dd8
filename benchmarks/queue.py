"""The queue on simulated companies: what it catches beside two plain rankings and two oracles.

At every cutoff of the last year a twentieth of the accounts at risk is called. The model learned twice, from what was
settled by then. One oracle knows the hidden state of every account and the law, hence its true probability; the other
knows who leaves. Nobody can know either; chance decides at each renewal, so the second is out of reach of the first.

    python -m benchmarks.queue [--accounts N] [--worlds N] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

import holdfast as hf
from benchmarks.quality.filter import foresee_truth
from benchmarks.quality.worlds import HORIZONS, Question
from holdfast.features.simulate import Scenario
from holdfast.training.queue.choice import choose

SHARE = 0.05
MOST = 0.25  # regret that is claimed against true probabilities, in expectation
WORLDS: Mapping[str, Scenario] = {
    "as a rule": Scenario(),
    "no programme": Scenario(programme=0.0),
    "shock": Scenario(shock=6),
    "drift": Scenario(drift=0.8),
    "weak signal": Scenario(signal=0.5),
    "hardly a signal": Scenario(signal=0.2),
}
RANKINGS = ("queue", "by p", "by ARR", "true p", "who leaves")


def rows_of(question: Question) -> pd.DataFrame:
    """Give the rows that are predicted: ``account_id, cutoff, p, true, left, arr``."""
    X, y = question.rows
    tested = question.tested()
    index = X.index[tested]
    p = question.answers({"churn": hf.ChurnModel()})[("churn", HORIZONS[-1])].reindex(index).to_numpy()
    true = foresee_truth(question.world(), index, HORIZONS)[:, -1]
    arr = X.context["arr"][tested].fillna(0.0).to_numpy()
    frame = pd.DataFrame({"p": p, "true": true, "left": y.frame[HORIZONS[-1]][tested].to_numpy(), "arr": arr}, index)
    return frame.dropna(subset="left").reset_index()


def caught(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the share of the ARR that left which each ranking caught, and which it was to be expected to catch."""
    worth = {
        "queue": rows["p"] * rows["arr"],
        "by p": rows["p"],
        "by ARR": rows["arr"],
        "true p": rows["true"] * rows["arr"],
        "who leaves": rows["left"] * rows["arr"],
    }
    lost, expected = rows["left"] * rows["arr"], rows["true"] * rows["arr"]
    found = {}
    for name, value in worth.items():
        called = np.concatenate([_called(rows.loc[at.index], at) for _, at in value.groupby(rows["cutoff"])])
        found[name] = (lost[called].sum() / lost.sum(), expected[called].sum() / expected.sum())
    return pd.DataFrame(found, index=["caught", "expected"]).T


def _called(rows: pd.DataFrame, value: pd.Series[float]) -> np.ndarray:
    work = pd.DataFrame({"owner": "team", "value": value.to_numpy(), "minutes": 60}, index=rows["account_id"])
    chosen = choose(work, {"team": 60 * int(np.ceil(SHARE * len(rows)))})
    return rows.index.to_numpy()[chosen.to_numpy()]


def world(question: Question, name: str) -> dict[str, Any]:
    """Give the figures of a world."""
    rows = rows_of(question)
    table = caught(rows)
    told: dict[str, Any] = {"world": name, "seed": question.seed, "left": int(rows["left"].sum())}
    for kind in table:
        told |= {f"{kind} {ranking}": round(float(table.loc[ranking, kind]), 4) for ranking in RANKINGS}
    for oracle, kind in (("true p", "expected"), ("who leaves", "caught")):
        told[f"regret against {oracle}"] = round(1 - table.loc["queue", kind] / table.loc[oracle, kind], 4)
    beaten = [table.loc["queue", "caught"] > table.loc[plain, "caught"] for plain in ("by p", "by ARR")]
    return told | {"beats both": bool(all(beaten))}


def worlds(accounts: int, most: int) -> Iterator[dict[str, Any]]:
    """Yield world after world: every scenario with two seeds."""
    asked = [(name, scenario, seed) for seed in (0, 1) for name, scenario in WORLDS.items()]
    for number, (name, scenario, seed) in enumerate(asked[:most]):
        yield world(Question(10 * number + seed, accounts, scenario), name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--accounts", type=int, default=2000)
    parser.add_argument("--worlds", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = []
    for one in worlds(asked.accounts, asked.worlds):
        found.append(one)
        print(f"{one['world']}, seed {one['seed']}: {one['caught queue']:.3f}", file=sys.stderr, flush=True)
    if asked.json:
        print(json.dumps(found, indent=2))
    else:
        _tell(pd.DataFrame(found))
    claimed = all(one["beats both"] and one["regret against true p"] <= MOST for one in found)
    return 0 if claimed else 1


def _tell(table: pd.DataFrame) -> None:
    heads = {
        "world": "world",
        "seed": "seed",
        "left": "left",
        **{f"caught {name}": name for name in RANKINGS},
        "expected queue": "queue, expected",
        "expected true p": "true p, expected",
        "regret against true p": "regret against true p",
        "regret against who leaves": "against who leaves",
    }
    shown = table[list(heads)].rename(columns=heads)
    print(f"| {' | '.join(shown)} |")
    print("|---" * len(shown.columns) + "|")
    for row in shown.itertuples(index=False):
        print(f"| {' | '.join(f'{one:.0%}' if isinstance(one, float) else str(one) for one in row)} |")
    mean = table.mean(numeric_only=True)
    print(
        f"\nOn average: {mean['caught queue']:.0%} caught, {mean['regret against true p']:.0%} regret in expectation."
    )
    print(f"Beats both rankings in {int(table['beats both'].sum())} of {len(table)} worlds.")


if __name__ == "__main__":
    sys.exit(main())
