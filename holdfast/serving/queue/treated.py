"""The log of interventions as training reads it: as canonical rows, and as treatments beside those of the history.

It does not enter the tables that indicators read. There our own calls would look like activity of the customer, and
would move the day up to which the data reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.serving.ledger.store import LEDGER, Ledger
from holdfast.serving.queue.log import CALLED, HELD_OUT, in_trial, interventions
from holdfast.serving.workspace import Workspace
from holdfast.training.treatment import HELD_OUT as LEFT_ALONE
from holdfast.training.treatment import Treatments

if TYPE_CHECKING:
    from holdfast.serving.plan import Plan

SOURCE = "holdfast"


def touchpoints(log: pd.DataFrame) -> pd.DataFrame:
    """Write the log as rows of the canonical table ``touchpoints``: actions with a playbook.

    A decision of a lot counts from the day of the lot, with its chance as ``score``, whatever came of it: only so are
    the arms alike. Other calls are ``scheduled`` until it is told that they were made.

    Parameters
    ----------
    log
        See `interventions`.
    """
    drawn = in_trial(log).to_numpy()
    arm = log["arm"].to_numpy()
    status = np.where(arm == HELD_OUT, LEFT_ALONE, np.where((arm == CALLED) & ~drawn, "scheduled", "done"))
    return pd.DataFrame(
        {
            "source": SOURCE, "source_id": log["id"], "account_id": log["account_id"], "occurred_at": log["at"],
            "known_at": log["recorded_at"], "known_basis": "event", "kind": "action", "status": status,
            "playbook": log["playbook_id"].where(log["playbook_id"] != "", "call"), "owner": log["author"],
            "score": log["propensity"].where(drawn), "score_max": np.where(drawn, 1.0, np.nan),
        }
    )  # fmt: skip


def treatments_of(plan: Plan, day: pd.Timestamp) -> Treatments:
    """Read the interventions that the ledger of a plan holds and that were known on a day."""
    log = interventions(Ledger(Workspace(plan.output.workspace).root / LEDGER))
    return Treatments.of_actions(touchpoints(log[log["recorded_at"] <= day]))
