"""What the rehearsal settles, and what certainty costs."""

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.models.encoding import Encoding
from holdfast.models.periods import Observed, churn_probability, observe
from holdfast.models.plain import read
from holdfast.models.rehearsal import Rehearsal, rehearse
from holdfast.models.trees import SIZES, SMALL


def _observed(seed: int, together: bool) -> Observed:
    """Make 6,000 accounts whose five columns act alone, or only all together."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(6_000, 5)), columns=list("abcde"))
    above = (X > 0).to_numpy()
    cells = above @ [1, 2, 4, 8, 16]
    risk = rng.permutation(np.linspace(-5.0, 5.0, 32))[cells] if together else X.to_numpy() @ [1.0, 0.8, 0.5, 0.3, 0.0]
    left = rng.random(len(X)) < 1 / (1 + np.exp(1.5 - risk))
    return observe(*read(hf.ChurnModel(), X, left.astype(int)))


def _rehearsed(observed: Observed) -> Rehearsal:
    encoding = Encoding.fit(observed.X)
    return rehearse(observed, encoding.design(observed.X), encoding, 30.0, 0)


def test_trees_are_large_and_stand_alone_where_columns_act_together() -> None:
    how = _rehearsed(_observed(1, together=True))
    assert (how.leaves, how.share) == (SIZES[-1], 1.0)


def test_trees_are_small_and_do_not_lead_where_columns_act_alone() -> None:
    how = _rehearsed(_observed(1, together=False))
    assert how.leaves == SMALL
    assert how.share <= 0.5


@pytest.mark.parametrize("rises", [True, False])
def test_certainty_grows_slowly_beyond_98_in_100_and_never_turns(rises: bool) -> None:
    eta = np.linspace(-6.0, 6.0, 2_401)[:, None]
    p = churn_probability(eta, rises=rises)[:, 0]
    event = p if rises else 1.0 - p
    assert (np.diff(event) > 0).all()
    plain = -np.expm1(-np.exp(eta[:, 0]))
    assert np.allclose(event[plain <= 0.98], plain[plain <= 0.98])
    assert event[eta[:, 0] <= 3.0].max() < 0.991
