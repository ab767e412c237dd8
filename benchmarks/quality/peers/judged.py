"""What the probabilities of several models on the same rows are worth, and how far ours is from the best rival."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.quality.peers.splits import PLAIN, Split
from holdfast.training import metrics
from holdfast.training.bootstrap import draw, interval
from holdfast.training.metrics import Floats, Ranking

OURS = "holdfast"
REPLICATES = 1_000  # of 200 the 2.5 % end itself moves by .0005

Told = Mapping[str, list[pd.DataFrame]]  # by model: one frame per split, one column per horizon


def judge(data: str, splits: list[Split], told: Told) -> list[dict[str, Any]]:
    """Give one row per model and horizon, over the test rows of all splits together."""
    rows: list[dict[str, Any]] = []
    for horizon in splits[0].truth.columns:
        known = [one.truth[horizon].notna().to_numpy() for one in splits]
        y = np.concatenate([one.truth[horizon].to_numpy()[k] for one, k in zip(splits, known, strict=True)])
        base = np.concatenate(
            [np.full(k.sum(), one.learned[horizon].mean()) for one, k in zip(splits, known, strict=True)]
        )
        who = np.concatenate(
            [one.truth.index.get_level_values(0).to_numpy()[k] for one, k in zip(splits, known, strict=True)]
        )
        p = {
            name: np.concatenate([one[horizon].to_numpy(float)[k] for one, k in zip(parts, known, strict=True)])
            for name, parts in told.items()
            if all(horizon in one for one in parts)
        }
        here = {name: {"data": data, "model": name, "horizon": _days(horizon)} | _figures(y, q, base)
                for name, q in p.items()}  # fmt: skip
        if OURS in here and len(here) > 1:
            here[OURS] |= _beside_rivals(y, p, pd.factorize(who)[0], here)
        rows += here.values()
    return rows


def _figures(y: Floats, p: Floats, base: Floats) -> dict[str, Any]:
    figures = {
        "auc": metrics.auc(y, p),
        "log_loss": metrics.log_loss(y, p),
        "skill": metrics.skill(y, p, base),
        "ece": metrics.ece(y, p),
        "slope": metrics.calibration_line(y, p)[0],
    }
    counts = {"n": len(y), "events": int(y.sum())}
    return counts | {name: _number(value) for name, value in figures.items()}


def _beside_rivals(
    y: Floats, p: Mapping[str, Floats], account: NDArray[np.intp], figures: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Pair ours with the rival of the highest AUC, accounts drawn together; and with the one of the lowest log loss."""
    rivals = [name for name in p if name != OURS]
    ranked = max(rivals, key=lambda name: figures[name]["auc"])
    sharp = min(rivals, key=lambda name: figures[name]["log_loss"])
    weights = draw(int(account.max()) + 1, REPLICATES, seed=0)
    own, best = (_aucs(y, p[name], account, weights) for name in (OURS, ranked))
    low, high = interval((own - best)[1:, None])
    return {
        "best_auc_of": ranked,
        "auc_difference": _number(own[0] - best[0]),
        "auc_difference_low": _number(low[0]),
        "auc_difference_high": _number(high[0]),
        "best_log_loss_of": sharp,
        "log_loss_ratio": _number(figures[OURS]["log_loss"] / figures[sharp]["log_loss"]),
    }


def _aucs(y: Floats, p: Floats, account: NDArray[np.intp], weights: Floats) -> Floats:
    ranking = Ranking.of(y, p)
    ordered = account[ranking.order]
    return np.array([metrics.auc_of(*ranking.sums(weight[ordered])) for weight in weights])


def _days(horizon: Any) -> int | None:
    return None if horizon == PLAIN else int(horizon)


def _number(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None
