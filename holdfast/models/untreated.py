"""Risk without help: what a model is told of interventions, so that it does not mistake success for safety."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.models.periods import Observed


@dataclass(frozen=True)
class Untreated:
    """How much each observed interval says of accounts that nobody helped.

    Attributes
    ----------
    weight
        One column per horizon, on (account_id, cutoff): 0 where the account was under an intervention at the cutoff or
        from some day of the interval on; else 1 over the chance that nobody helped so far.
    ground
        What the figures rest on, in words.
    identified
        Whether chance decided who was helped, and the chance was logged; else the figures rest on an assumption.
    """

    weight: pd.DataFrame
    ground: str
    identified: bool

    def applied(self, observed: Observed) -> Observed:
        """Weigh what was observed; rows without a weight count as they are.

        Raises
        ------
        UsageError
            When a horizon has no weights.
        """
        missing = [h for h in observed.horizons if h not in self.weight]
        if missing:
            found = f"{list(self.weight.columns)}"
            do = "ask treatments for weights of the horizons of the labels"
            raise UsageError("fit, untreated", f"weights for the horizons {missing}", found, do)
        factor = self.weight.reindex(observed.X.index)[list(observed.horizons)].fillna(1.0).to_numpy(float)
        periods = replace(observed.periods, weight=observed.periods.weight * factor)
        happened = np.flatnonzero((periods.event * periods.weight > 0).any(axis=1))
        accounts = observed.X.index.get_level_values("account_id").to_numpy(dtype=object)
        events = int(np.unique(accounts[happened]).size)
        seen = periods.seen
        return replace(observed, periods=periods, events=min(events, observed.events)).rows(seen)
