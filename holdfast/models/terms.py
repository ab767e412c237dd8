"""What is expected of a contract before any data: that a year under it carries the same risk as under any other.

A renewal decision then carries the risk of the term that it ends, and an annual one twelve times that of a monthly one.
Where few left, this says more of the difference than they can.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

MONTHS: Mapping[str, float] = {"monthly": 1.0, "annual": 12.0, "multi-year": 24.0}  # the shortest term of each


def expected_difference(contract: str, reference: str) -> float:
    """Give the log-hazard of a decision under a contract less that under the reference; 0 where a term is unknown.

    Examples
    --------
    >>> round(expected_difference("monthly", "annual"), 2), expected_difference("none", "annual")
    (-2.48, 0.0)
    """
    if contract not in MONTHS or reference not in MONTHS:
        return 0.0
    return math.log(MONTHS[contract] / MONTHS[reference])
