"""The next decision on a contract: its dates, and the horizon it falls into, which moves the probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.models.phrases import phrase
from holdfast.serving.show import missing_as_none

if TYPE_CHECKING:
    from holdfast.features.indicators.wording import Language
    from holdfast.models.explain import Explanation


@dataclass(frozen=True)
class Decision:
    """What the contract calendar says of one account.

    Attributes
    ----------
    today
        The day that is told.
    renewal_date, notice_deadline
        End of the running term, and the last day on which notice can be given for it; missing where none is known.
    days
        Days until the next decision is known at the latest, as the model counts them; none where it counts none.
    log_hazard
        By horizon: what the calendar adds to the total in the interval that ends there; empty where not scored.
    """

    today: pd.Timestamp
    renewal_date: pd.Timestamp
    notice_deadline: pd.Timestamp
    days: int | None = None
    log_hazard: Mapping[int, float] = field(default_factory=dict)

    @classmethod
    def of(cls, row: Mapping[str, Any], why: Explanation | None = None, *, decided: bool = True) -> Decision:
        """Read it from the row of an account and, where it is scored, from the explanation of its day.

        Parameters
        ----------
        decided
            Whether decisions have a say in the model.
        """
        dates = row["as_of"], pd.Timestamp(row["renewal_date"]), pd.Timestamp(row["notice_deadline"])
        if why is None:
            return cls(*dates)
        place = why.place_of(row["account_id"])
        ahead = why.X.calendar.iloc[place].to_numpy(float) if decided and len(why.X.calendar) else np.empty(0)
        coming = ahead[ahead > 0]
        added = dict(zip(why.line.horizons, why.line.calendar[place].tolist(), strict=True))
        return cls(*dates, int(coming.min()) if len(coming) else None, added)

    @property
    def within(self) -> int | None:
        """The shortest horizon by whose end the next decision is known; none where it lies beyond all of them."""
        days = self.days
        return None if days is None else min((one for one in self.log_hazard if days <= one), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Tell it in plain values."""
        told = {
            "renewal_date": self.renewal_date,
            "notice_deadline": self.notice_deadline,
            "decision_in_days": self.days,
            "decision_within": self.within,
        }
        return missing_as_none(told) | {"log_hazard": {f"p{days}": value for days, value in self.log_hazard.items()}}

    def line(self, language: Language) -> str:
        """Tell it in a line; empty where no date is known."""
        told = list(self._parts(language))
        return phrase(language, "calendar", told="; ".join(told)) if told else ""

    def _parts(self, language: Language) -> Iterator[str]:
        say = partial(phrase, language)
        if not pd.isna(self.notice_deadline):
            name = "notice until" if self.notice_deadline >= self.today else "notice was"
            yield say(name, day=f"{self.notice_deadline:%Y-%m-%d}")
        if not pd.isna(self.renewal_date):
            yield say("term end", day=f"{self.renewal_date:%Y-%m-%d}")
        if self.days is not None:
            before = [one for one in self.log_hazard if one < self.days]
            if self.within is None:
                yield say("decision beyond", days=self.days, last=before[-1])
            elif before:
                yield say("decision between", days=self.days, within=self.within, before=before[-1])
            else:
                yield say("decision within", days=self.days, within=self.within)
