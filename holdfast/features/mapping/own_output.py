"""What holdfast wrote itself: scores are no history, wherever they lie and whatever they were written into."""

from __future__ import annotations

import re
from collections.abc import Sequence

from holdfast.features.mapping.paths import plain

_OURS = re.compile(r"(^|_)holdfast_[a-z]")
# what tables of scores, of their reasons, of runs, lists to call and forms have in common, and with no source
_MARKS = (
    {"run_id", "model_sha256"},
    {"run_id", "rank", "contribution"},
    {"run_id", "driver_1"},
    {"account_id", "driver_1", "expected_arr_at_risk_90"},
    {"reason_1", "this_reason_is_wrong"},  # the workbook
    {"grund_1", "dieser_grund_ist_falsch"},
)


def is_own_field(column: str) -> bool:
    """Tell whether a column is one that write-back fills, under whatever prefix a connector lands it.

    Examples
    --------
    >>> is_own_field("property_holdfast_health"), is_own_field("Holdfast_Health__c"), is_own_field("health")
    (True, True, False)
    """
    return _OURS.search(plain(column)) is not None


def is_own_table(columns: Sequence[str]) -> bool:
    """Tell whether a table is one that a run left, as a file or in a database.

    Examples
    --------
    >>> is_own_table(["run_id", "account_id", "health", "model_sha256"]), is_own_table(["run_id", "account_id"])
    (True, False)
    """
    names = {plain(one) for one in columns}
    return any(mark <= names for mark in _MARKS)
