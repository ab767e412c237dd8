"""The page on lost customers: one by one, what was knowable before each of them left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from holdfast.serving.attributes import attributes
from holdfast.serving.pages import environment
from holdfast.training.autopsy import LEADS
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.training.autopsy import Autopsy

WARNINGS, SILENT = 5, 12


def told(found: Autopsy, history: History) -> pd.DataFrame:
    """Give the losses with the names of the customers, and their days without a time."""
    ids = pd.Index(found.losses["account_id"], name="account_id")
    known = attributes(history, history.now, ids)[["account_name", "segment", "csm"]]
    named = found.losses.join(known.rename(columns={"account_name": "name"}).fillna(""), on="account_id")
    return named.assign(left=named["left"].dt.strftime("%Y-%m-%d"))


def render(found: Autopsy, named: pd.DataFrame, as_of: str) -> str:
    """Render the page as HTML; whatever a customer typed into a name stays text.

    Parameters
    ----------
    named
        From `told`.
    """
    warned = found.signs[found.signs["state"] == "warned"]
    loud = {account: rows["sentence"].head(WARNINGS).tolist() for account, rows in warned.groupby("account_id")}
    return (
        environment()
        .get_template("autopsy.html.j2")
        .render(
            as_of=as_of,
            summary=found.text(),
            leads=LEADS,
            money=bool(named["arr"].notna().any()),
            asked=f"p_{LEADS[0]}" in named,
            losses=[row | {"warnings": loud.get(row["account_id"], [])} for row in json_rows(named)],
            silent=json_rows(found.silent().head(SILENT)),
            count=len(named),
        )
    )
