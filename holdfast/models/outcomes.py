"""What a model needs to know of labels, without knowing how they were made."""

from __future__ import annotations

from typing import Protocol

import pandas as pd


class Outcomes(Protocol):
    """Labels as a model sees them.

    Attributes
    ----------
    frame
        Index (account_id, cutoff), one column per horizon in days (int): 1 churned within the horizon, 0 did not,
        missing when the window was not fully observed or the account was not at risk.
    kind
        "notice", "silence" or "departure".
    """

    @property
    def frame(self) -> pd.DataFrame:
        """The labels."""
        ...

    @property
    def kind(self) -> str:
        """What counts as churn."""
        ...

    @property
    def event_at(self) -> pd.Series:
        """When churn after the cutoff could be known, missing where there is none; on the index of the frame."""
        ...

    @property
    def horizons(self) -> tuple[int, ...]:
        """The columns of the frame."""
        ...

    @property
    def rises(self) -> bool:
        """Whether probability rises with the horizon (all kinds but silence)."""
        ...
