"""Context: what describes an account at a cutoff without being a sign of health."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from holdfast.features.history.tables import ACTIVITY_TABLES
from holdfast.features.indicators.sources import Source, subscriptions
from holdfast.features.kernel.arrays import Bools, Floats, Ints, Objects
from holdfast.features.kernel.encoded import Encoded
from holdfast.features.kernel.measurement import Evaluation
from holdfast.features.kernel.states import Spells, largest, leading, meeting
from holdfast.features.time import DAY_US, FOREVER

TEXTS = ("segment", "plan", "contract")
NUMBERS = ("tenure_days", "recency_days", "arr")
NO_CONTRACT = "none"
TERMS: Mapping[str, int] = {"monthly": 1, "quarterly": 3, "half-yearly": 6, "annual": 12, "multi-year": 24}  # months

_MONTH_US = DAY_US * 365.2425 / 12
RUNNING = subscriptions.active()


def met(evaluation: Evaluation) -> Bools:
    """Tell which accounts are known at which cutoff: met, and not deleted."""
    spells = evaluation.holding("accounts", "met")
    return np.asarray(leading(spells) >= 0)


def context(evaluation: Evaluation) -> dict[str, Objects | Floats]:
    """Describe the accounts of a block: each column accounts x cutoffs.

    ``tenure_days`` runs from the account's first ``valid_from``, ``recency_days`` from the last record of any activity
    table; ``arr`` is twelve times the ``mrr`` of running subscriptions, missing when there is none that tells it.
    ``contract`` is the longest of `TERMS` that a running subscription reaches.
    """
    shape = (len(evaluation.block), len(evaluation.clock))
    history = evaluation.measurement.history
    recencies = [evaluation(Source(name).days_since()) for name in ACTIVITY_TABLES if name in history]
    described: dict[str, Objects | Floats] = {
        "segment": _text(evaluation, "accounts", "segment", evaluation.holding("accounts", "met")),
        "plan": np.full(shape, None, dtype=object),
        "contract": np.full(shape, NO_CONTRACT, dtype=object),
        "tenure_days": evaluation(Source("accounts").days_since_first()),
        "recency_days": np.fmin.reduce(recencies),
        "arr": np.full(shape, np.nan),
    }
    if "subscriptions" in history:
        held = running(evaluation)
        described["plan"] = _text(evaluation, "subscriptions", "plan", held)
        described["contract"] = _contract(evaluation, held)
        untold = np.isnan(evaluation(RUNNING.max("mrr")))
        described["arr"] = np.where(untold, np.nan, 12.0 * evaluation(RUNNING.sum("mrr")))
    return described


def running(evaluation: Evaluation) -> Spells:
    """Give the subscriptions that run: no trial, pause, draft or cancelled one."""
    spells = evaluation.holding("subscriptions", "active")
    return meeting(spells, evaluation.measurement.table("subscriptions"), RUNNING.filters, evaluation.clock)


def term_months(table: Encoded, rows: Ints) -> Ints:
    """Give the months after which a subscription comes up again, at least 1.

    Its ``term_months``, else the length from ``term_start`` to ``term_end``, else ``billing_months``, else the length
    from ``valid_from`` to ``term_end``; an evergreen one (0 months) goes by its billing.
    """
    end, begun = table.instants("term_end")[rows], table.records.at[rows]
    told, billing = table.numbers("term_months")[rows], table.numbers("billing_months")[rows]
    months = np.where(np.isnan(told), _length(table.instants("term_start")[rows], end), told)
    by_billing = np.where(np.isnan(billing), _length(begun, end), billing)
    return np.rint(np.fmax(np.where(months > 0, months, by_billing), 1.0)).astype(np.int64)


def _length(start: Ints, end: Ints) -> Floats:
    dated = (start < end) & (end < FOREVER)
    return np.where(dated, (end - np.where(dated, start, end)) / _MONTH_US, np.nan)


def _contract(evaluation: Evaluation, held: Spells) -> Objects:
    terms = term_months(evaluation.measurement.table("subscriptions"), held.row)
    longest = largest(held, terms.astype(np.float64))
    kind = np.where(np.isnan(longest), 0, np.searchsorted([*TERMS.values()], longest, side="right"))
    return np.array([NO_CONTRACT, *TERMS], dtype=object)[kind]


def _text(evaluation: Evaluation, name: str, column: str, spells: Spells) -> Objects:
    codes, values = evaluation.measurement.table(name).codes(column)
    words = np.array([*values, None], dtype=object)
    return np.asarray(words[np.append(codes, -1)[leading(spells)]])
