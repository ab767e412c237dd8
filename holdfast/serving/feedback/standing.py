"""What stands: the overrides and snoozes in force on a day, laid over the scores of that day."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.models.bands import ACTION
from holdfast.serving.columns import horizon
from holdfast.serving.ledger.store import stamp

if TYPE_CHECKING:
    from holdfast.serving.ledger.store import Ledger

_COLUMNS = ["account_id", "kind", "value", "reason", "author", "expires"]
_LAST_WORDS = """
SELECT account_id, kind, value, reason, author, expires
FROM (
    SELECT *, row_number() OVER (PARTITION BY account_id, kind ORDER BY recorded_at DESC, rowid DESC) AS place
    FROM feedback
    WHERE kind IN ('override', 'snooze') AND said_on <= ? AND rowid <= ?
)
WHERE place = 1 AND expires > ?
ORDER BY account_id, kind
"""
_ROWS = "SELECT rowid FROM feedback WHERE kind IN ('override', 'snooze') AND said_on <= ? ORDER BY rowid DESC"
_EVERY = 2**62


@dataclass(frozen=True)
class Standing:
    """The overrides and snoozes in force on a day.

    Attributes
    ----------
    rows
        ``account_id, kind, value, reason, author, expires``, at most one of a kind for an account.
    """

    rows: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_COLUMNS))

    @classmethod
    def read(cls, ledger: Ledger, day: pd.Timestamp, *, rows: int = _EVERY) -> Standing:
        """Read what is in force on a day: the last word of each kind that was said by then and has not ended.

        Parameters
        ----------
        rows
            Read no further than to this row of what was said; default: everything.
        """
        return cls(ledger.read(_LAST_WORDS, (stamp(day), rows, stamp(day))))

    @classmethod
    def seen(cls, ledger: Ledger, day: pd.Timestamp, fingerprint: str) -> Standing | None:
        """Find what a run of a day saw, whatever was said since, by its fingerprint; None where it is gone."""
        for last in (*ledger.read(_ROWS, (stamp(day),))["rowid"], 0):
            found = cls.read(ledger, day, rows=int(last))
            if found.fingerprint() == fingerprint:
                return found
        return None

    def fingerprint(self) -> str:
        """Hash what is in force; empty when nothing is.

        Examples
        --------
        >>> Standing().fingerprint()
        ''
        """
        if self.rows.empty:
            return ""
        return hashlib.sha256(self.rows.to_json(orient="values").encode()).hexdigest()

    def over(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Lay it over the rows of scores: ``override_*`` and ``snoozed_until``; the model's columns stay."""
        by = {kind: self.rows[self.rows["kind"] == kind].set_index("account_id") for kind in ("override", "snooze")}
        held, ids = by["override"].reindex(rows["account_id"]), rows["account_id"]
        return rows.assign(
            override_health=held["value"].to_numpy(dtype=float),
            override_reason=held["reason"].fillna("").to_numpy(),
            override_author=held["author"].fillna("").to_numpy(),
            override_expires=_instants(held["expires"]),
            snoozed_until=_instants(by["snooze"]["expires"].reindex(ids)),
        )


def acted_on(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the rows as playbooks and the queue take them: health and band as they were set by hand.

    An account whose score was set by hand stands at the median probabilities of the accounts that the model puts in
    that band today, and its ARR at risk follows; where the band is empty its own probabilities stay.

    Parameters
    ----------
    rows
        Of scores; ``override_health`` tells what was set.
    """
    scored = rows["score_status"] != "not_scored"
    held = rows["override_health"].notna() & scored
    if not held.any():
        return rows
    out = rows.copy()
    out.loc[held, "health"] = rows.loc[held, "override_health"]
    out.loc[held, "band"] = ACTION.names_of(rows.loc[held, "override_health"].rename("health")).astype(str)
    chances = [str(name) for name in rows if horizon(str(name))]
    usual = rows[scored & ~held].groupby("band")[chances].median()
    for name in chances:
        out.loc[held, name] = out.loc[held, "band"].map(usual[name]).fillna(rows.loc[held, name])
    if "p90" in chances:
        out.loc[held, "expected_arr_at_risk_90"] = out.loc[held, "arr"] * out.loc[held, "p90"]
    return out


def _instants(expires: pd.Series) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(expires.to_numpy(dtype=object), utc=True)).as_unit("us")
