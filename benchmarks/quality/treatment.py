"""What a programme that helps does to a model that is not told of it.

In this world four in five accounts whose usage is low are helped, the rest held out by chance. The risk of an account
is what it would be if nobody helped from now on: it is known here, since the law can be played forward without the
programme. Even a model that learned where nobody was ever helped gives the truly risky less than that, since it cannot
see all that is hidden: it is the yardstick.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import holdfast as hf
from benchmarks.quality.filter import foresee_truth
from benchmarks.quality.worlds import HORIZONS, Question
from holdfast.features.simulate import Scenario
from holdfast.features.simulate.talks import RESCUE

PROGRAMME = Scenario(programme=0.8, effect=3.0)
RISKY = 0.05  # share of the rows that is truly the riskiest


def programme(seed: int, accounts: int = 3_000) -> dict[str, Any]:
    """Compare the risk that a naive and an aware refit give to the truly risky with what it would be without help."""
    question = Question(seed, accounts, PROGRAMME)
    X, y = question.rows
    log = hf.Treatments.read(question.history, playbooks=[RESCUE])
    stands, day = X.index.get_level_values("cutoff"), question.tests[0]
    known = y.known(day)
    some = known.frame.notna().any(axis=1).to_numpy()
    rows, labels = X.rows(some), known.rows(some)
    naive = hf.ChurnModel().fit(rows, labels)
    aware = hf.ChurnModel().fit(rows, labels, untreated=log.until(day).untreated(rows.index, HORIZONS))
    here = question.tested() & (stands >= day) & ~log.active(X.index).to_numpy()
    now = X.rows(here)
    untouched = _untouched(seed, accounts)
    world = question.world()
    alone = replace(world, scenario=replace(world.scenario, programme=0.0))
    truth = foresee_truth(alone, now.index, HORIZONS)[:, -1]
    risky = truth >= np.quantile(truth, 1 - RISKY)
    return {
        "rows": int(risky.sum()),
        "without_help": float(truth[risky].mean()),
        "naive": float(naive.predict_proba(now)[90].to_numpy()[risky].mean()),
        "aware": float(aware.predict_proba(now)[90].to_numpy()[risky].mean()),
        "learned_without_programme": float(untouched.predict_proba(now)[90].to_numpy()[risky].mean()),
        "ground": aware.ground_,
    }


def _untouched(seed: int, accounts: int) -> hf.ChurnModel:
    """Learn in the same world without any programme."""
    question = Question(seed, accounts, Scenario(programme=0.0))
    X, y = question.rows
    known = y.known(question.tests[0])
    some = known.frame.notna().any(axis=1).to_numpy()
    return hf.ChurnModel().fit(X.rows(some), known.rows(some))
