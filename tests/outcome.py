"""Labels as a model sees them, for tests that make their own."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Outcome:
    """Labels of one kind; see `holdfast.models.outcomes.Outcomes`."""

    frame: pd.DataFrame
    kind: str = "notice"

    @property
    def horizons(self) -> tuple[int, ...]:
        return tuple(self.frame.columns)

    @property
    def event_at(self) -> pd.Series:
        return pd.Series(pd.NaT, index=self.frame.index, dtype="datetime64[us, UTC]")

    @property
    def rises(self) -> bool:
        return self.kind != "silence"
