"""Lots: which of those that would be called are left alone, so that one day the effect of a call can be measured.

Lots are drawn among accounts of like probability: sorted by it and cut into small blocks, of which each gives its
share. So both arms are endangered alike, and the difference between them owes less to chance. Every account has
exactly the stated chance, and the same run draws the same lots wherever it is repeated.
"""

from __future__ import annotations

import math
from hashlib import sha256

import numpy as np
import pandas as pd

from holdfast.errors import UsageError

MOST = 0.5


def draw_lots(p: pd.Series[float], share: float, run: str) -> pd.Series[bool]:
    """Draw who is left alone.

    Parameters
    ----------
    p
        Probability to leave of those that would be called, indexed by account; the order does not matter.
    share
        The chance of each to be left alone, above 0 and up to a half.
    run
        The seed, as a text.

    Returns
    -------
    Series of bool
        On the index of `p`: True where left alone.

    Raises
    ------
    UsageError
        When the share is outside its range.

    Examples
    --------
    >>> p = pd.Series([0.5, 0.4, 0.2, 0.1], index=["a", "b", "c", "d"])
    >>> held = draw_lots(p, 0.5, "run 1")
    >>> int(held[["a", "b"]].sum()), int(held[["c", "d"]].sum())
    (1, 1)
    """
    if not 0 < share <= MOST:
        raise UsageError("draw_lots, share", f"above 0 and up to {MOST:g}", f"{share:g}", "correct it")
    table = pd.DataFrame({"p": p.to_numpy(float), "id": p.index.astype("str")})
    ordered = table.sort_values(["p", "id"], ascending=[False, True], kind="stable")
    ordered["block"] = np.arange(len(ordered)) // math.ceil(1 / share)
    ordered["lot"] = [_number(run, "account", one) for one in ordered["id"]]
    place = ordered.groupby("block")["lot"].rank(method="first") - 1
    size = ordered["block"].map(ordered["block"].value_counts())
    spare = ordered["block"].map(lambda block: _number(run, "block", str(block)))
    # a block whose share is no whole number gives one more with the chance of the rest
    room = np.floor(share * size + 1e-9) + (spare < (share * size + 1e-9) % 1.0)
    held: pd.Series[bool] = (place < room).sort_index().set_axis(p.index)
    return held


def _number(run: str, kind: str, name: str) -> float:
    """Give a number in [0, 1) that only these texts decide."""
    digest = sha256("\n".join((run, kind, name)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
