"""How near the models come to the ceiling, on simulated companies whose law is known.

python -m benchmarks.quality [--seeds N ...] [--accounts N] [--study NAME ...] [--json]

The reference world has seed 0; its hash is checked, so that figures stay comparable. Real tables are judged by
``python -m benchmarks.quality.tables``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

import pandas as pd

import holdfast as hf
from benchmarks.quality import studies
from benchmarks.quality.measures import lines, means
from benchmarks.quality.rivals import ContractDates, PerHorizon, TreesAlone, WithInterval, lightgbm_default, logistic
from benchmarks.quality.treatment import programme
from benchmarks.quality.worlds import Question

SEEDS = (0, 1, 2, 3, 4)
REFERENCE = "eacba96cc69ffe4b"  # where the hash of the reference world begins
STUDIES: dict[str, Callable[[Question], Any]] = {
    "few events": studies.few_events,
    "intervals": studies.intervals,
    "weights": studies.weights,
    "bands": studies.bands,
    "shock": lambda question: studies.shock(question.seed, question.accounts),
    "programme": lambda question: programme(question.seed, question.accounts),
}


def models() -> dict[str, Any]:
    """Name the models that are asked."""
    return {
        "churn": hf.ChurnModel(),
        "health": hf.HealthScore(),
        "template": hf.HealthScore.template(),
        "logistic": PerHorizon(logistic),
        "lightgbm": PerHorizon(lightgbm_default),
        "context": ContractDates(),
    }


def main() -> int:
    asked = _arguments()
    found: list[dict[str, Any]] = []
    for seed in asked.seeds:
        question = Question(seed, asked.accounts)
        if seed == 0 and asked.accounts == 3_000 and question.sha256[:16] != REFERENCE:
            print(f"quality: the reference world has changed: {question.sha256[:16]}", file=sys.stderr)
        if not asked.study or "ceiling" in asked.study:
            found += _ceiling(question, asked)
        for name in [one for one in asked.study if one in STUDIES]:
            told = STUDIES[name](question)
            _tell(f"{name}, seed {seed}", told, asked)
            found.append({"study": name, "seed": seed} | (told if isinstance(told, dict) else {"table": _plain(told)}))
    if asked.json:
        print(json.dumps(found, indent=1, default=float))
    elif any("horizon" in one for one in found):
        print("\nMeans over the seeds\n")
        print(_markdown(means([one for one in found if "horizon" in one]).reset_index()))
    return 0


def _ceiling(question: Question, asked: argparse.Namespace) -> list[dict[str, Any]]:
    contestants = models()
    if asked.interactions:
        contestants |= {"trees": TreesAlone(), "trees that see the interval": WithInterval()}
    _, y = question.rows
    oracle, answers = question.oracles(), question.answers(contestants)
    labels = y.frame[question.tested()]
    both = pd.concat([oracle, answers.reindex(oracle.index)], axis=1)
    found = lines("simulated", question.seed, both, labels)
    _tell(f"ceiling, seed {question.seed}", pd.DataFrame(found).drop(columns=["data", "seed"]), asked)
    further = studies.beyond_context(question, answers) | _horizons(answers)
    further |= studies.coverage(question, oracle, _last(question))
    _tell(f"further figures, seed {question.seed}", further, asked)
    _tell(f"by segment, seed {question.seed}", studies.by_segment(question, answers), asked)
    return [*found, {"study": "further", "seed": question.seed} | further]


def _last(question: Question) -> hf.ChurnModel:
    """Fit the churn model as it stood at the middle of the last year."""
    X, y = question.rows
    known = y.known(question.tests[-1])
    some = known.frame.notna().any(axis=1).to_numpy()
    return hf.ChurnModel().fit(X.rows(some), known.rows(some))


def _horizons(answers: pd.DataFrame) -> dict[str, int]:
    p = answers["churn"].to_numpy()
    return {"rows": len(p), "horizon_violations": int((p[:, 1:] < p[:, :-1]).any(axis=1).sum())}


def _tell(title: str, told: Any, asked: argparse.Namespace) -> None:
    if asked.json:
        return
    print(f"\n{title}\n", flush=True)
    if isinstance(told, pd.DataFrame):
        print(_markdown(told if isinstance(told.index, pd.RangeIndex) else told.reset_index()), flush=True)
    else:
        print("\n".join(f"- {name}: {_figure(value)}" for name, value in told.items()), flush=True)


def _markdown(table: pd.DataFrame) -> str:
    names = [" ".join(map(str, name)).strip() if isinstance(name, tuple) else str(name) for name in table.columns]
    rows = [names, ["---"] * len(names), *([_figure(value) for value in row] for row in table.to_numpy(dtype=object))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _figure(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    flat = table.reset_index()
    flat.columns = [" ".join(map(str, one)).strip() if isinstance(one, tuple) else str(one) for one in flat.columns]
    return flat.to_dict("records")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--accounts", type=int, default=3_000)
    parser.add_argument("--study", nargs="+", default=[], choices=["ceiling", *STUDIES])
    parser.add_argument("--interactions", action="store_true", help="measure what trees gain by seeing the interval")
    parser.add_argument("--json", action="store_true", help="a list of objects, nothing else")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
