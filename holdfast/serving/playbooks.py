"""Playbooks: what to do with an account, who does it and by when, as data; escalation by what is at stake."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.models.bands import POLICIES
from holdfast.serving.columns import stake

ESCALATION = "escalation"
_FIELDS = {"title": str, "every_days": int, "due_days": int, "owner": str, "actions": list}


@dataclass(frozen=True)
class Playbook:
    """What to do in one band.

    Attributes
    ----------
    id
        Policy and band, such as ``action.red``, or ``escalation``.
    title, actions, owner
        What is done, in words, and by whom.
    every_days, due_days
        How often, and in how many days from the score first.
    """

    id: str
    title: str
    actions: tuple[str, ...]
    owner: str
    every_days: int
    due_days: int


@dataclass(frozen=True)
class Playbooks:
    """The playbooks of a company.

    Attributes
    ----------
    books
        By id.
    escalate
        How many accounts management can take at a time: those with most at stake are escalated, whatever their colour.
    """

    books: Mapping[str, Playbook]
    escalate: int = 0

    @classmethod
    def read(cls, path: Path | None = None, escalate: int = 0) -> Playbooks:
        """Read the shipped playbooks, or those of a file.

        Raises
        ------
        UsageError
            When the file cannot be read, or lacks a band, or says what nobody understands.
        """
        if path is None:
            text, where = (files("holdfast.serving") / "playbooks.toml").read_text(encoding="utf-8"), "playbooks.toml"
        else:
            text, where = _text(path), str(path)
        try:
            told = tomllib.loads(text)
        except tomllib.TOMLDecodeError as problem:
            raise UsageError(where, "TOML", str(problem), "correct the file") from problem
        return cls(_books(told, where), escalate)

    def assign(self, rows: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
        """Give each scored account its playbook and the day it is due: ``playbook_id, due_date``.

        The band decides, but for the accounts with most at stake (see `holdfast.serving.columns.stake`), as many as
        management can take: these are escalated. One that is snoozed takes nobody's place. It is due no later than the
        last day of notice, while that lies ahead.
        """
        scored = (rows["score_status"] != "not_scored").to_numpy()
        awake = ~(rows["snoozed_until"] > as_of).to_numpy()
        ids = ("action." + rows["band"].astype(str)).where(scored & rows["health"].notna(), "")
        ids = ids.where(~rows.index.isin(self._escalated(rows[scored & awake])), ESCALATION)
        days = ids.map(lambda one: self.books[one].due_days if one else None)
        due = as_of + pd.to_timedelta(days, unit="D")
        first = rows["notice_deadline"]
        return pd.DataFrame({"playbook_id": ids, "due_date": due.mask((first >= as_of) & (first < due), first)})

    def frame(self) -> pd.DataFrame:
        """Give ``id, title, owner, every_days, due_days, actions``, one row each."""
        rows = [(one.id, one.title, one.owner, one.every_days, one.due_days, "; ".join(one.actions)) for one in
                self.books.values()]  # fmt: skip
        return pd.DataFrame(rows, columns=["id", "title", "owner", "every_days", "due_days", "actions"])

    def _repr_html_(self) -> str:
        return str(self.frame().to_html(escape=True, index=False))

    def _escalated(self, scored: pd.DataFrame) -> pd.Index:
        order = scored.assign(stake=stake(scored)).dropna(subset="stake")
        top = order.sort_values(["stake", "account_id"], ascending=[False, True], kind="stable").head(self.escalate)
        return top.index


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        do = "correct [playbooks] file in the plan"
        raise UsageError(str(path), "a file of playbooks, TOML", str(problem), do) from problem


def _books(told: Mapping[str, Any], where: str) -> dict[str, Playbook]:
    wanted = {f"{policy}.{band}": (policy, band) for policy, one in POLICIES.items() for band in one.names}
    books = {}
    for name, (policy, band) in wanted.items():
        part = told.get(policy, {})
        if not isinstance(part, dict) or band not in part:
            raise UsageError(where, f"a playbook [{name}]", "none", "write it, or leave the file out")
        books[name] = _book(name, part[band], where)
    if ESCALATION not in told:
        raise UsageError(where, f"a playbook [{ESCALATION}]", "none", "write it, or leave the file out")
    return books | {ESCALATION: _book(ESCALATION, told[ESCALATION], where)}


def _book(name: str, said: Any, where: str) -> Playbook:
    place = f"{where}, section {name}"
    if not isinstance(said, dict):
        raise UsageError(place, "a section", repr(said), "write it as the shipped file does")
    for key in said:
        if key not in _FIELDS:
            raise UsageError(place, ", ".join(_FIELDS), repr(key), did_you_mean(key, _FIELDS))
    for key, kind in _FIELDS.items():
        if not _fits(said.get(key), kind):
            words = {str: "text", int: "a number of days", list: "a list of texts"}
            raise UsageError(f"{place}, key {key}", words[kind], repr(said.get(key)), "correct it")
    return Playbook(name, said["title"], tuple(said["actions"]), said["owner"], said["every_days"], said["due_days"])


def _fits(value: object, kind: type) -> bool:
    if isinstance(value, list):
        return kind is list and all(isinstance(one, str) for one in value)
    if isinstance(value, int):
        return kind is int and not isinstance(value, bool) and value >= 0
    return kind is str and isinstance(value, str)
