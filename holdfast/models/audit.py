"""The audit of learned weights: how sure each is, and which indicators deserve none.

Two tables. The one prints the weights as people set them by hand, summing to 100, with intervals from drawing accounts
anew. The other is the inference of a plain regression that knows no prior: a GLM with complementary log-log link and
errors clustered by account, where a weight that deserves to be zero can come out as zero, or with the wrong sign.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.linalg import qr

from holdfast.errors import UsageError
from holdfast.models.periods import Observed, observe, sampled
from holdfast.models.template import SHARES
from holdfast.models.weights import fit_weights
from holdfast.progress import progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.snapshot import Snapshot
    from holdfast.models.hazard import Floats
    from holdfast.models.health import HealthScore
    from holdfast.models.outcomes import Outcomes

_MOST = 30_000  # rows of the inference
_COLLINEAR = 1e-6
TOTAL = ""  # the name in a row that stands for a whole dimension


def weight_table(
    health: HealthScore, X: Snapshot, y: Outcomes, *, replicates: int = 100, seed: int = 0, level: float = 0.9
) -> pd.DataFrame:
    """Print learned weights as they are set by hand, with intervals.

    Accounts are drawn with replacement and the weights learned anew with the strength of the prior that was chosen.

    Parameters
    ----------
    health
        Fitted, with learned weights.
    X, y
        The rows and labels it was fitted to.

    Returns
    -------
    DataFrame
        One row per indicator, and one per dimension whose ``indicator`` is empty: ``dimension, indicator, title,
        weight, low, high, template``; the weights of the indicators, and those of the dimensions, sum to 100.

    Raises
    ------
    UsageError
        When the weights were not learned.
    """
    observed, curves, context = _learned_from(health, X, y)
    prior = health.prior_.to_numpy(float)
    drawn = _drawn(health, observed, curves, context, prior, replicates, seed)
    table = health.table_.assign(weight=100 * health.weights_.to_numpy(), template=100 * prior)
    ends = np.quantile(100 * drawn, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    table[["low", "high"]] = ends.T
    parts = [_dimension(table, drawn, name, level) for name in SHARES if (table["dimension"] == name).any()]
    columns = ["dimension", "indicator", "title", "weight", "low", "high", "template"]
    return pd.concat(parts, ignore_index=True)[columns]


def inference(health: HealthScore, X: Snapshot, y: Outcomes) -> pd.DataFrame:
    """Regress on the curves without prior or sign, with errors clustered by account (statsmodels).

    Returns
    -------
    DataFrame
        One row per indicator: ``indicator, title, dimension, protects`` (log-hazard between the worst and the best
        value, positive where a better value lowers the risk), ``se, z, p, low, high`` (95 %) and ``deserves``: ``zero``
        where the interval holds 0, ``less than zero`` where it lies below. A column that is a combination of others
        cannot be told apart and has no figures. Of more than 30,000 rows those of some accounts are taken.

    Raises
    ------
    UsageError
        When the weights were not learned.
    """
    every, curves, context = _learned_from(health, X, y)
    observed = every.rows(sampled(every, _MOST))
    if observed is not every:
        curves, context = _columns(health, observed.X)
    fit = _glm(observed, curves, context)
    size = curves.shape[1]
    table = health.table_.assign(protects=fit.params[:size], se=fit.bse[:size])
    table["z"], table["p"] = table["protects"] / table["se"], fit.pvalues[:size]
    table["low"], table["high"] = table["protects"] - 1.96 * table["se"], table["protects"] + 1.96 * table["se"]
    lost = table["protects"].isna()
    words = ["cannot be told apart", "less than zero", "zero"]
    table["deserves"] = np.select([lost, table["high"] < 0, table["low"] <= 0], words, "weight")
    return table.sort_values("z", ascending=False, ignore_index=True)


def _learned_from(health: HealthScore, X: Snapshot, y: Outcomes) -> tuple[Observed, Floats, Floats]:
    if not health.learned:
        raise UsageError("audit", "a health score with learned weights", "the weights of a template", "fit one")
    observed = observe(X, y)
    return observed, *_columns(health, observed.X)


def _columns(health: HealthScore, X: Snapshot) -> tuple[Floats, Floats]:
    """Lay out curves and context of rows."""
    context = np.empty((len(X), 0)) if health.context_ is None else health.context_.design(X)
    return health.curves(X).to_numpy(float), context


def _drawn(
    health: HealthScore, observed: Observed, curves: Floats, context: Floats, prior: Floats, replicates: int, seed: int
) -> Floats:
    code = pd.factorize(observed.X.index.get_level_values("account_id"))[0]
    rng, alpha = np.random.default_rng(seed), float(health.alpha_ or 0.0)
    start = fit_weights(curves, context, observed.periods, prior, alpha, sign=observed.health_sign).theta
    drawn = []
    for _ in progress(range(replicates), "weights", replicates):
        times = np.bincount(rng.integers(0, code.max() + 1, code.max() + 1), minlength=code.max() + 1)
        again = replace(observed.periods, weight=observed.periods.weight * times[code][:, None])
        one = fit_weights(curves, context, again, prior, alpha, sign=observed.health_sign, start=start, tolerance=1e-5)
        drawn.append(one.weights)
    return np.array(drawn)


def _dimension(table: pd.DataFrame, drawn: Floats, name: str, level: float) -> pd.DataFrame:
    """Put a subtotal before the indicators of a dimension, heaviest first."""
    inside = (table["dimension"] == name).to_numpy()
    total = 100 * drawn[:, inside].sum(axis=1)
    low, high = np.quantile(total, [0.5 - level / 2, 0.5 + level / 2])
    weight, template = table.loc[inside, ["weight", "template"]].sum()
    head = {"dimension": name, "indicator": TOTAL, "title": f"{name} in all", "weight": weight, "template": template}
    rest = table[inside].sort_values(["weight", "indicator"], ascending=[False, True])
    return pd.concat([pd.DataFrame([head | {"low": low, "high": high}]), rest], ignore_index=True)


def _glm(observed: Observed, curves: Floats, context: Floats) -> _Fit:
    """Fit intervals as rows: curves turned so that more protects, context, interval and off-cycle intercepts."""
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.families.links import CLogLog
    from statsmodels.genmod.generalized_linear_model import GLM

    periods = observed.periods
    n, k = periods.event.shape
    seen = periods.weight.ravel() > 0
    row = np.repeat(np.arange(n), k)[seen]
    which = np.tile(np.arange(k), n)[seen]
    toward = observed.health_sign * curves[row]
    design = np.hstack([toward, context[row], np.eye(k)[which], periods.exposure.off_cycle.ravel()[seen, None]])
    apart = _told_apart(design)
    groups = pd.factorize(observed.X.index.get_level_values("account_id"))[0][row]
    model = GLM(
        periods.event.ravel()[seen],
        design[:, apart],
        family=Binomial(CLogLog()),
        offset=periods.exposure.offset.ravel()[seen],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # separable or collinear columns: their errors are wide, which is the message
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": groups})
    return _Fit.laid_out(fit, apart, design.shape[1])


def _told_apart(design: Floats) -> NDArray[np.intp]:
    """Give the places of columns that are no combination of others; of several the first choice of a pivoted QR."""
    scale = np.sqrt((design**2).sum(axis=0))
    _, triangle, order = qr(design / np.where(scale > 0, scale, 1.0), mode="economic", pivoting=True)
    rank = int((np.abs(np.diag(triangle)) > _COLLINEAR).sum())
    return np.sort(order[:rank])


class _Fit:
    """Parameters, errors and p-values on all columns; what cannot be told apart from others has none."""

    def __init__(self, params: Floats, bse: Floats, pvalues: Floats) -> None:
        self.params, self.bse, self.pvalues = params, bse, pvalues

    @classmethod
    def laid_out(cls, fit: object, places: NDArray[np.intp], size: int) -> _Fit:
        out = []
        for name in ("params", "bse", "pvalues"):
            values = np.full(size, np.nan)
            values[places] = np.asarray(getattr(fit, name), dtype=float)
            out.append(values)
        return cls(*out)
