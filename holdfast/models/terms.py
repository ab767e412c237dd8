"""What is expected of a contract before any data: that a year under it carries the same risk as under any other.

A renewal decision then carries the risk of the term that it ends, and an annual one twelve times that of a monthly one.
Where few left, this says more of the difference than they can.
"""

from __future__ import annotations

import math

from holdfast.features.context import TERMS


def expected_difference(contract: str, reference: str) -> float:
    """Give the log-hazard of a decision under a contract less that under the reference; 0 where a term is unknown.

    Examples
    --------
    >>> round(expected_difference("monthly", "annual"), 2), expected_difference("none", "annual")
    (-2.48, 0.0)
    """
    if contract not in TERMS or reference not in TERMS:
        return 0.0
    return math.log(TERMS[contract] / TERMS[reference])
