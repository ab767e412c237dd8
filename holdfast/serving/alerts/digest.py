"""The digest: what a message says, as data for machines and as text for people."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.serving.alerts.rules import COMPANY
from holdfast.serving.alerts.words import say

if TYPE_CHECKING:
    from holdfast.features.indicators.wording import Language

_CARRIED, _SHOWN = 100, 20  # accounts in the data of a message, and in its text
_LONGEST = 80  # characters of a name


@dataclass(frozen=True)
class Digest:
    """One message.

    Attributes
    ----------
    key
        Names it: whoever receives the same key twice has received the same message twice.
    as_of
        The day of the scores.
    open
        Alerts that are open then.
    accounts
        Those with new alerts, most at stake first: ``account_id, account_name, csm, arr, currency, health`` (missing
        where unknown) and ``alerts``, a list of ``rule, as_of, text``.
    company
        Sentences that concern no single account.
    left_out
        Accounts that had no room.
    """

    key: str
    as_of: str
    language: Language
    open: int
    accounts: list[dict[str, Any]]
    company: list[str]
    left_out: int = 0

    def json(self) -> str:
        """Write it as JSON, as it waits in the outbox."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, allow_nan=False)

    @classmethod
    def read(cls, text: str) -> Digest:
        """Read it back."""
        return cls(**json.loads(text))

    def title(self) -> str:
        """Say it in a line, without a name."""
        n = len(self.accounts) + self.left_out
        name = "title data" if not n else "title one" if n == 1 else "title"
        return f"holdfast: {say(self.language, name, accounts=n)}"

    def text(self, escape: Callable[[str], str] = str) -> str:
        """Say it in plain lines; names are made inert, and escaped for where they go."""
        lines = [say(self.language, "head", day=self.as_of, open=self.open), *self.company]
        lines += [self._line(one, escape) for one in self.accounts[:_SHOWN]]
        if more := len(self.accounts[_SHOWN:]) + self.left_out:
            lines.append(say(self.language, "more", n=more))
        return "\n".join([*lines, say(self.language, "key", key=self.key)])

    def payload(self) -> dict[str, Any]:
        """Give it for a webhook: text, and the same as data."""
        return {"kind": "holdfast.alerts", "title": self.title(), "text": self.text(), **asdict(self)}

    def _line(self, one: dict[str, Any], escape: Callable[[str], str]) -> str:
        name, account, csm = (escape(inert(one[key])) for key in ("account_name", "account_id", "csm"))
        told = [f"{name} ({account})" if name and name != account else account]
        if one["arr"] is not None:
            told.append(say(self.language, "arr", arr=one["arr"], currency=escape(inert(one["currency"]))).strip())
        if one["health"] is not None:
            told.append(say(self.language, "health", health=one["health"]))
        told += [csm] if csm else []
        return f"- {', '.join(told)}: {'; '.join(alert['text'] for alert in one['alerts'])}."


def inert(name: str) -> str:
    r"""Make a name safe to read: one short line, nothing that turns the writing direction, no link.

    Examples
    --------
    >>> inert("Acme\n<!here> https://evil.example")
    'Acme <!here> https: //evil.example'
    """
    line = " ".join("".join(one if one.isprintable() else " " for one in name).split())
    line = line.replace("://", ": //").replace("www.", "www .")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def digest_of(
    news: pd.DataFrame, scores: pd.DataFrame, *, key: str, as_of: str, open_alerts: int, language: Language
) -> Digest:
    """Put new alerts into a message.

    Parameters
    ----------
    news
        ``account_id, rule, as_of, text``.
    scores
        Rows of the run that is served, for names and what is at stake.
    """
    company = news.loc[news["account_id"] == COMPANY, "text"].tolist()
    columns = ["account_id", "account_name", "csm", "arr", "currency", "health", "expected_arr_at_risk_90"]
    mine = news[news["account_id"] != COMPANY].merge(scores[columns], on="account_id", how="left")
    order = mine.drop_duplicates("account_id").sort_values(
        ["expected_arr_at_risk_90", "account_id"], ascending=[False, True], kind="stable", na_position="last"
    )
    told = dict(list(mine.groupby("account_id", sort=False)))
    accounts = [_account(row, told[row["account_id"]]) for row in order.to_dict("records")]
    whole = Digest(key, as_of, language, open_alerts, accounts, company)
    return replace(whole, accounts=accounts[:_CARRIED], left_out=len(accounts[_CARRIED:]))


def _account(row: dict[Any, Any], alerts: pd.DataFrame) -> dict[str, Any]:
    text = {
        key: str(row[key]) if pd.notna(row[key]) else "" for key in ("account_id", "account_name", "csm", "currency")
    }
    figures = {key: round(float(row[key]), 1) if np.isfinite(row[key]) else None for key in ("arr", "health")}
    said = alerts[["rule", "as_of", "text"]].sort_values("rule").to_dict("records")
    return {**text, **figures, "alerts": said}
