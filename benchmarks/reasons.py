"""What explaining costs, and how steady the reasons are from one month's model to the next.

python -m benchmarks.reasons [--accounts N] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

import holdfast as hf
from benchmarks.quality.worlds import Question
from holdfast.features.snapshot import Snapshot
from holdfast.models.churn import ChurnModel
from holdfast.models.explain import Explanation

MONTH, TOP, ROWS = pd.Timedelta(days=28), 3, 100_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reasons", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--accounts", type=int, default=3_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    question = Question(0, asked.accounts)
    day = question.tests[-1]
    before, after = (learned(question, at) for at in (day - MONTH, day))
    told = cost(after, question.rows[0]) | steadiness(before, after, question.rows[0].at(day))
    print(json.dumps(told, indent=1) if asked.json else "\n".join(f"- {name}: {value}" for name, value in told.items()))
    return 0


def learned(question: Question, day: pd.Timestamp) -> ChurnModel:
    """Fit to what was settled on a day."""
    X, y = question.rows
    known = y.known(day)
    some = known.frame.notna().any(axis=1).to_numpy()
    return hf.ChurnModel().fit(X.rows(some), known.rows(some))


def cost(model: ChurnModel, X: Snapshot) -> dict[str, Any]:
    """Compare explaining many rows with what TreeSHAP alone takes, in CPU time; the best of three each."""
    rows = X.rows(np.arange(len(X)) < ROWS)
    features, trees = model.encoding_.features(rows), model.members_.trees
    if trees is None:
        return {"rows": len(rows)}
    alone, whole = (_best(one) for one in (lambda: trees.contributions(features), lambda: model.explain(rows)))
    return {"rows": len(rows), "pred_contrib_s": alone, "explain_s": whole, "ratio": whole / alone}


def steadiness(before: ChurnModel, after: ChurnModel, X: Snapshot) -> dict[str, Any]:
    """Give the overlap (Jaccard) of the strongest three signs of each account, and of their families."""
    signs = {one.name: one.variant_of or one.name for one in X.catalog if not one.calendar}
    old, new = (_strongest(model.explain(X), list(signs)) for model in (before, after))
    shared = [_jaccard(set(one), set(other)) for one, other in zip(old, new, strict=True)]
    families = [
        _jaccard({signs[name] for name in one}, {signs[name] for name in other})
        for one, other in zip(old, new, strict=True)
    ]
    same = [one[0] == other[0] for one, other in zip(old, new, strict=True)]
    return {
        "accounts": len(X),
        "top_3_overlap": float(np.mean(shared)),
        "top_3_overlap_of_families": float(np.mean(families)),
        "same_first": float(np.mean(same)),
    }


def _strongest(why: Explanation, signs: list[str]) -> list[list[str]]:
    """Name what raises the risk of each row most."""
    parts = why.contributions[[name for name in why.contributions if name in signs]]
    order = np.argsort(-parts.to_numpy(), axis=1, kind="stable")[:, :TOP]
    names = parts.columns.to_numpy(dtype=object)
    return [list(names[row]) for row in order]


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)


def _best(work: Callable[[], object]) -> float:
    found = []
    for _ in range(3):
        start = process_time()
        work()
        found.append(process_time() - start)
    return min(found)


if __name__ == "__main__":
    raise SystemExit(main())
