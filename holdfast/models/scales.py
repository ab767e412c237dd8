"""Scales: one health score as a colour, a letter, a percentage, and as a second figure its place in the book."""

from __future__ import annotations

from math import floor

import numpy as np
import pandas as pd

from holdfast.models.bands import ACTION, BandPolicy

GRADES = BandPolicy(("A", "B", "C", "D", "E", "F"), (90.0, 80.0, 60.0, 40.0, 20.0))
"""Letters: green is A or B, yellow C, orange D, red E or F."""


def percentile(scores: pd.Series) -> pd.Series:
    """Give the share of the other accounts that score lower, of those level half; it never decides on a band.

    Returns
    -------
    Series
        0 to 1; missing where the score is, or where there is no other account.

    Examples
    --------
    >>> percentile(pd.Series([40.0, 90.0, 60.0, float("nan")])).tolist()
    [0.0, 1.0, 0.5, nan]
    """
    others = scores.notna().sum() - 1
    if others < 1:
        return pd.Series(np.nan, index=scores.index, name="percentile")
    return ((scores.rank(method="average") - 1.0) / others).rename("percentile")


def scales(scores: pd.Series, policy: BandPolicy = ACTION) -> pd.DataFrame:
    """Tell scores on every scale.

    No scale contradicts another: a letter lies inside one colour, and the percentage is rounded down, so that whoever
    reads 59 % finds the same colour and letter for it.

    Parameters
    ----------
    scores
        0 to 100, high is healthy.

    Returns
    -------
    DataFrame
        ``health`` (the score itself), ``colour``, ``grade``, ``percent`` (text), ``percentile``; empty or missing where
        the score is.

    Examples
    --------
    >>> scales(pd.Series([84.6, 59.99])).drop(columns="health").to_dict("records")  # doctest: +NORMALIZE_WHITESPACE
    [{'colour': 'green', 'grade': 'B', 'percent': '84 %', 'percentile': 1.0},
     {'colour': 'orange', 'grade': 'D', 'percent': '59 %', 'percentile': 0.0}]
    """
    return pd.DataFrame(
        {
            "health": scores,
            "colour": policy.names_of(scores),
            "grade": GRADES.names_of(scores),
            "percent": ["" if pd.isna(one) else f"{floor(one)} %" for one in scores],
            "percentile": percentile(scores),
        },
        index=scores.index,
    )
