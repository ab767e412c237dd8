"""The rehearsal: learn from the earlier part of the training rows, and see on the later part how to learn from all.

Four things are settled there, each only where the later part shows a clear gain over the default: how many trees are
grown and how large, how much they count beside the regression, and whether the log-hazard is stretched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from holdfast.models.calibration import MIN_BLOCK_EVENTS, MIN_GAIN, MIN_SHARE, slope_if_it_helps
from holdfast.models.encoding import Encoding
from holdfast.models.hazard import Floats, Periods, fit_calendar, losses_at_own_level
from holdfast.models.periods import TREES_FROM, Observed, apart, last_block
from holdfast.models.ridge import fit_ridge
from holdfast.models.trees import ROUNDS, SIZES, SMALL, Grown, fit_trees, monotone_signs

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_LATE = 0.25  # share of the events that is kept for the later part
_SIZED = 20_000  # rows that are enough to see which size of trees is better
_MORE = 1.15  # all rows bear more trees than the earlier ones


@dataclass(frozen=True)
class Rehearsal:
    """How to learn: number and size of the trees, their share in the average, and the slope of the calibration."""

    rounds: int = ROUNDS
    leaves: int = SMALL
    share: float = 0.5
    slope: float = 1.0


def rehearse(observed: Observed, design: Floats, encoding: Encoding, strength: float, seed: int) -> Rehearsal:
    """Learn from the earlier part, split by time, else by accounts, and judge on the later one."""
    by_time = last_block(observed, share=_LATE)
    blocks = by_time or apart(observed, share=_LATE)
    if blocks is None:
        return Rehearsal()
    early, late = blocks
    learn, judge = early.seen, late.seen
    learned, judged = early.rows(learn), late.rows(judge)
    ridge = fit_ridge(design[learn], learned, encoding, strength, observed.evidence, tolerance=1e-8)
    g, seen, how = ridge.g(design[learn]), ridge.g(design[judge]), Rehearsal()
    if observed.evidence >= TREES_FROM:
        signs = monotone_signs(encoding, observed.health_sign)
        features, later = (encoding.features(observed.X.rows(rows)) for rows in (learn, judge))
        enough = judged.events >= MIN_BLOCK_EVENTS
        check = (later, judged) if enough else None
        leaves, grown = _sized(features, learned, check, signs, seed)
        how = replace(how, leaves=leaves)
        if grown is not None and enough:
            others = [] if by_time else _grown(observed, encoding, signs, how.leaves, seed)
            how = replace(how, rounds=round(_MORE * float(np.mean([grown.trees.rounds, *others]))))
        if grown is not None:
            both = (g, grown.g), (seen, grown.checked if enough else grown.trees.g(later))
            how = replace(how, share=_share(*both[1], judged) if enough else how.share)
            g, seen = ((1 - how.share) * one + how.share * other for one, other in both)
    eta = fit_calendar(learned, g).eta(seen, judged.exposure)
    accounts = observed.X.index.get_level_values("account_id")[judge]
    half = np.array([crc32(str(name).encode()) % 2 for name in accounts])
    return replace(how, slope=slope_if_it_helps(eta, judged, half))


def _sized(
    features: Floats, early: Periods, check: tuple[Floats, Periods] | None, signs: list[int], seed: int
) -> tuple[int, Grown | None]:
    """Choose the size of trees by those grown on some of the rows, and grow trees of that size on all.

    The next size is taken only where it clearly beats the last.
    """
    if check is None:
        return SMALL, fit_trees(features, early, signs, seed)
    some = np.arange(len(features)) % (1 + len(features) // _SIZED) == 0
    learned, (_, late) = early.rows(some), check
    chosen, best, least = SMALL, None, np.inf
    for leaves in SIZES:
        grown = fit_trees(features[some], learned, signs, seed, leaves=leaves, check=check)
        if grown is None:
            break
        loss = float(losses_at_own_level(grown.checked, late).sum())
        if least - loss <= max(MIN_SHARE * loss, MIN_GAIN):
            break
        chosen, best, least = leaves, grown, loss
    return chosen, best if some.all() else fit_trees(features, early, signs, seed, leaves=chosen, check=check)


def _grown(observed: Observed, encoding: Encoding, signs: list[int], leaves: int, seed: int) -> list[int]:
    """Count the trees that other parts of the accounts would stop at: one part by itself is led by its noise."""
    features, found = encoding.features(observed.X), []
    for part in range(1, round(1 / _LATE)):
        if (blocks := apart(observed, _LATE, part)) is not None:
            (learn, learned), (judge, judged) = ((one.seen, one.rows(one.seen)) for one in blocks)
            grown = fit_trees(features[learn], learned, signs, seed, leaves=leaves, check=(features[judge], judged))
            found += [] if grown is None else [grown.trees.rounds]
    return found


def _share(ridge: Floats, trees: Floats, late: Periods) -> float:
    """Choose the share of the trees that ranks the later part best, the middle one unless it is clearly beaten."""
    losses = {share: losses_at_own_level((1 - share) * ridge + share * trees, late).sum() for share in SHARES}
    best = min(SHARES, key=lambda share: (losses[share], abs(share - 0.5)))
    return best if losses[0.5] - losses[best] > MIN_GAIN else 0.5
