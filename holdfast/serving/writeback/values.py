"""What is written of an account: rounded values under names of our own, and the hash that tells a change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from holdfast.errors import UsageError
from holdfast.serving.columns import Kind, kind
from holdfast.serving.scoring import Scores
from holdfast.serving.workspace import canonical_json

PREFIX = "holdfast_"
_DIGITS: dict[Kind, int] = {"points": 1, "share": 3, "money": 0, "count": 0}

Value = str | float | None


@dataclass(frozen=True)
class Record:
    """What one account gets.

    Attributes
    ----------
    fields
        By name, ``holdfast_...``; None clears a field.
    digest
        Of the values and where they go; the day and the model, which differ every time, are not in it.
    """

    account_id: str
    fields: Mapping[str, Value]
    digest: str

    def texts(self) -> dict[str, str]:
        """Give the fields as text, empty where a field is cleared."""
        return {name: "" if value is None else str(value) for name, value in self.fields.items()}


def records_of(scores: Scores, columns: Sequence[str], where: str) -> list[Record]:
    """Turn scores into what is written of each account.

    Parameters
    ----------
    where
        What tells one place from another: the same values go again where they were not written yet.

    Raises
    ------
    UsageError
        When the scores have no such column, as a probability at a horizon that the plan has not.
    """
    rows = scores.rows
    for name in columns:
        if name not in rows:
            do = "take it out of the fields, or score with that horizon"
            raise UsageError("plan, section writeback, key fields", "columns of the scores", repr(name), do)
    values = {PREFIX + name: _plain(rows[name], kind(name)) for name in columns}
    always = {PREFIX + name: _plain(rows[name], kind(name)) for name in ("as_of", "model_version")}
    made = []
    for i, account in enumerate(rows["account_id"].astype(str)):
        mine = {name: column[i] for name, column in values.items()}
        digest = hashlib.sha256(canonical_json([where, mine])).hexdigest()
        made.append(Record(account, mine | {name: column[i] for name, column in always.items()}, digest))
    return made


def _plain(values: pd.Series, kind: Kind) -> list[Value]:
    """Round figures, write days as ``2026-06-30``; what is missing is None."""
    if kind == "time":
        return [None if pd.isna(one) else _day(one) for one in values]
    if kind == "text":
        return [None if pd.isna(one) else str(one) or None for one in values]
    # adding zero turns -0.0 into 0.0
    return [None if pd.isna(one) else round(float(one), _DIGITS[kind]) + 0.0 for one in values]


def _day(value: Any) -> str:
    return str(value.strftime("%Y-%m-%d" if value == value.floor("D") else "%Y-%m-%dT%H:%M:%SZ"))
