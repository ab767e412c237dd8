"""What explaining costs, how steady reasons are from month to month, and how often they name the cause that is known.

python -m benchmarks.reasons [--accounts N] [--seed N] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict

import holdfast as hf
from benchmarks.quality.worlds import Question
from benchmarks.sources import SOURCES, data_folder, write
from holdfast.features.simulate.latent import DIMENSIONS
from holdfast.features.simulate.world import WEIGHTS
from holdfast.features.snapshot import Snapshot
from holdfast.models.churn import ChurnModel
from holdfast.models.health import HealthScore
from holdfast.models.strength import strengths
from holdfast.serving.learning import examples
from holdfast.serving.opening import known_on, read_history
from holdfast.serving.plan import read_plan
from holdfast.training.stability import likeness

MONTH, ROWS = pd.Timedelta(days=28), 100_000
_NAMES = np.array(DIMENSIONS, dtype=object)
DOMINANT = {"dominant": (1.0, 2.0), "sole": (2.0, 3.0)}  # log-hazard, and how many times that of the next
CLOCK = datetime(2026, 1, 1, tzinfo=UTC)  # long after the data
# The law of the social network, by its maker: what lowers churn (-1) and what raises it.
SIGNS = {"post": -1, "newfriend": -1, "like": -1, "message": -1, "reply": -1, "adview": 1, "dislike": 1, "unfriend": 1}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reasons", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--accounts", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    question = Question(asked.seed, asked.accounts)
    day = question.tests[-1]
    before, after = ((learned(question, at), health_of(question, at)) for at in (day - MONTH, day))
    (model, health), now = after, question.rows[0].at(day)
    alike = likeness(model.explain(now), before[0].explain(now), (health, before[1]))
    told = (
        cost(model, question.rows[0]) | {"accounts": len(now)} | {f"month_{name}": one for name, one in alike.items()}
    )
    told |= planted(model, health, question, day)
    data = data_folder()
    told |= {} if data is None else known_signs(data) | alarms(data)
    print(json.dumps(told, indent=1) if asked.json else "\n".join(f"- {name}: {value}" for name, value in told.items()))
    return 0


def learned(question: Question, day: pd.Timestamp) -> ChurnModel:
    """Fit to what was settled on a day."""
    X, y = question.rows
    known = y.known(day)
    some = known.frame.notna().any(axis=1).to_numpy()
    return hf.ChurnModel().fit(X.rows(some), known.rows(some))


def health_of(question: Question, day: pd.Timestamp) -> HealthScore:
    """Fit a health score to what was settled on a day."""
    X, y = question.rows
    known = y.known(day)
    some = known.frame.notna().any(axis=1).to_numpy()
    return HealthScore().fit(X.rows(some), known.rows(some))


def cost(model: ChurnModel, X: Snapshot) -> dict[str, Any]:
    """Compare explaining many rows with what TreeSHAP alone takes, in CPU time; the best of three each."""
    rows = X.rows(np.arange(len(X)) < ROWS)
    features, trees = model.encoding_.features(rows), model.members_.trees
    if trees is None:
        return {"rows": len(rows)}
    alone, whole = (_best(one) for one in (lambda: trees.contributions(features), lambda: model.explain(rows)))
    return {"rows": len(rows), "pred_contrib_s": alone, "explain_s": whole, "ratio": whole / alone}


def planted(model: ChurnModel, health: HealthScore, question: Question, day: pd.Timestamp) -> dict[str, Any]:
    """Compare the first reason with the hidden cause, where one of the three states outweighs the others by far.

    A sign stands for the state that moves it most in this world, which need not be the dimension it is filed under:
    progress towards goals is business to whoever reads it, and here follows how well the product fits. Beside it
    stands what could be had at all: a regression of the hidden states themselves on the same signs, each account judged
    by a fit to the others.
    """
    now, world = question.rows[0].at(day), question.world()
    place = pd.Index(world.book.ids).get_indexer(now.index.get_level_values("account_id"))
    days = np.full(len(place), (day - world.start) / pd.Timedelta(days=1))
    state = np.column_stack([world.state(name, place, days) for name in DIMENSIONS])
    pull = -(state - state.mean(axis=0)) * WEIGHTS[world.book.segment[place]]
    cause = _NAMES[pull.argmax(axis=1)]
    why = model.explain(now)
    signs = [one.name for one in now.catalog if not one.calendar]
    moved = {name: moved_by(now.indicators[name], state) for name in signs}
    seen = now.indicators[signs].notna()
    reasons = {"first_reason": strengths(why, health), "churn_model_alone": why.contributions}
    said = {name: _leading(parts[signs].where(seen, 0.0), why.sources["group"]) for name, parts in reasons.items()}
    told = {name: np.array([moved[one] for one in first], dtype=object) for name, first in said.items()}
    told["first_reason_by_its_dimension"] = why.sources["dimension"][said["first_reason"]].to_numpy()
    design = model.encoding_.design(now)
    learner = RidgeCV(np.logspace(0, 5, 12))
    known = np.column_stack([cross_val_predict(learner, design, pull[:, k], cv=5) for k in range(3)])
    told["signs_at_best"] = _NAMES[known.argmax(axis=1)]
    order, found = np.sort(pull, axis=1)[:, ::-1], dict[str, Any]()
    for name, (least, times) in DOMINANT.items():
        one = (order[:, 0] >= least) & (order[:, 0] >= times * np.maximum(order[:, 1], 0.0))
        found |= {f"{name}_cause": int(one.sum())}
        found |= {f"{name}_cause_named_by_{who}": float((named == cause)[one].mean()) for who, named in told.items()}
    return found


def moved_by(values: pd.Series, state: np.ndarray) -> str:
    """Name the hidden state that moves a sign most, the others held: by its ranks among the accounts that have it."""
    there = values.notna().to_numpy()
    if values[there].nunique() < 2:
        return ""
    ranks = values[there].rank().to_numpy()
    beside = np.column_stack([np.ones(there.sum()), state[there] / state.std(axis=0)])
    slopes = np.linalg.lstsq(beside, (ranks - ranks.mean()) / ranks.std(), rcond=None)[0][1:]
    return str(_NAMES[np.abs(slopes).argmax()])


def _leading(parts: pd.DataFrame, group: pd.Series) -> np.ndarray:
    """Name of each account the sign that says most of the group that raises its risk most."""
    mine = group[parts.columns].to_numpy()
    sums = parts.T.groupby(mine, sort=False).sum().T
    first = sums.columns.to_numpy(dtype=object)[sums.to_numpy().argmax(axis=1)]
    inside = np.where(mine[None, :] == first[:, None], parts.to_numpy(), -np.inf)
    return parts.columns.to_numpy(dtype=object)[inside.argmax(axis=1)]


def known_signs(data: Path) -> dict[str, Any]:
    """Tell whether more of each event of a social network, whose law is known, moves the risk the way it does there."""
    with TemporaryDirectory() as folder:
        plan = read_plan(write(SOURCES["fightchurn_socialnet7"], data, Path(folder)))
        X, y = examples(plan, known_on(plan, read_history(plan, CLOCK), None))
    why = hf.ChurnModel().fit(X, y).explain(X)
    told = {}
    for event, sign in SIGNS.items():
        names = [f"adoption_{event}", f"adoption_share_{event}"]
        both = why.contributions[names].sum(axis=1)
        told[event] = all(sign * both.corr(X.indicators[name], method="spearman") > 0 for name in names)
    return {"known_signs": len(told), "right": sum(told.values()), "wrong": [name for name in told if not told[name]]}


def alarms(data: Path) -> dict[str, Any]:
    """Name what leaks in a table of bank customers: with the two columns that do, and without them."""
    table = pd.read_csv(data / "bankchurners" / "BankChurners.csv").drop(columns="CLIENTNUM")
    left = (table.pop("Attrition_Flag") == "Attrited Customer").astype(int)
    leaking = [name for name in table if name.startswith("Naive_Bayes")]
    found = [
        [one.where for one in hf.importance(hf.ChurnModel(), rows, left, without=0).findings]
        for rows in (table, table.drop(columns=leaking))
    ]
    return {
        "leaking_columns": len(leaking),
        "named": sum(name in leaking for name in found[0]),
        "named_without": found[1],
    }


def _best(work: Callable[[], object]) -> float:
    found = []
    for _ in range(3):
        start = process_time()
        work()
        found.append(process_time() - start)
    return min(found)


if __name__ == "__main__":
    raise SystemExit(main())
