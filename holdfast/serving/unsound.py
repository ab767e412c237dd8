"""Unsound rows: an account of which something is infinite is not scored, and says why; too many of them end the run.

Revenue below zero counts as unknown, and the account is scored without it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import DataError

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot

logger = logging.getLogger("holdfast.scoring")
MOST = 0.05  # of the accounts; where more are unsound it is not they that are to be mended
_UNSOUND = "cannot be reckoned: "


def set_aside(now: Snapshot) -> tuple[Snapshot, pd.Series]:
    """Take what cannot be for missing, and give each row the reason not to score it, empty where there is none."""
    now = replace(now, context=now.context.assign(arr=now.context["arr"].mask(owing(now))))
    numbers = now.context.select_dtypes("number")
    table = pd.concat([now.indicators, numbers], axis=1)
    wrong = np.isinf(table.to_numpy(float))
    found = wrong.any(axis=1)
    first = table.columns.to_numpy(dtype=object)[wrong.argmax(axis=1)]
    reason = pd.Series(np.where(found, _UNSOUND + first + " is infinite", ""), index=now.index, dtype="str")
    if not found.any():
        return now, reason
    mended = table.mask(wrong)
    context = now.context.assign(**{str(name): mended[name] for name in numbers})
    return replace(now, indicators=mended[now.indicators.columns], context=context), reason


def owing(now: Snapshot) -> pd.Series:
    """Tell which accounts pay less than nothing, as where a credit is written as a subscription."""
    return now.context["arr"].between(-np.inf, 0, inclusive="neither")


def refuse_many(rows: pd.DataFrame) -> None:
    """Refuse a book of which too many rows are unsound; tell of some.

    Raises
    ------
    DataError
        When more than one account in twenty is.
    """
    wrong = rows[rows["score_reason"].str.startswith(_UNSOUND)]
    if wrong.empty:
        return
    pairs = zip(wrong["account_id"][:3], wrong["score_reason"].str.removeprefix(_UNSOUND)[:3], strict=True)
    told = ", ".join(f"{account} ({why})" for account, why in pairs)
    found = f"{len(wrong):,} of {len(rows):,} that cannot be reckoned: {told}"
    if len(wrong) > MOST * len(rows):
        raise DataError("scores", f"at most {MOST:.0%} of the accounts unsound", found, "correct the source")
    logger.warning("not scored: %s", found)
