"""Checking before learning: what `holdfast check` notices in the data, asked by a retraining that nobody watches."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from holdfast.errors import DataError
from holdfast.features.capture import truth
from holdfast.serving.inspection import by_severity, of_data, of_labels
from holdfast.serving.opening import cutoffs_of

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.findings import Finding
    from holdfast.serving.learning import Trained
    from holdfast.serving.plan import Plan

logger = logging.getLogger("holdfast.retraining")
_SHOWN = 5


def sound(plan: Plan, history: History) -> list[Finding]:
    """Look at the data before anything is learned; give what deserves attention, and log it.

    Parameters
    ----------
    history
        As known on the day of training.

    Raises
    ------
    DataError
        When a finding is an error; nothing was written.
    """
    found = [*of_data(plan, history), *truth.findings(history, cutoffs_of(plan, history))]
    errors = [one for one in found if one.severity == "error"]
    if errors:
        told = "; ".join(f"{one.code} {one.where}: {one.message}" for one in errors[:_SHOWN])
        more = f"; {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
        do = "; ".join(dict.fromkeys(one.remedy for one in errors[:_SHOWN]))
        raise DataError("the history", "data without errors", told + more, f"{do}; `holdfast check PLAN` tells all")
    return _attended(found, [one for one in history.findings if one.code == "HF020"])


def afterthoughts(history: History, trained: Trained) -> list[Finding]:
    """Look at the labels that were learned from, as `sound` does at the data."""
    return _attended(of_labels(history, trained.X, trained.y), trained.y.findings)


def _attended(found: Iterable[Finding], said: Sequence[Finding]) -> list[Finding]:
    """Keep what is more than information, and log what was not said in passing when the history was opened."""
    kept = [one for one in by_severity(found) if one.severity != "info"]
    for one in kept:
        if one not in said:
            logger.warning("%s", one)
    return kept
