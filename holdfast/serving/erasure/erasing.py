"""Erasing: the tombstone first, then place by place; whatever ends it half-way, the same call does what is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.features.history.ingest import is_mapping
from holdfast.features.history.stored import is_store
from holdfast.features.history.withdrawing import withdraw as withdraw_from_store
from holdfast.serving import opening, pipeline
from holdfast.serving.erasure import ledgered, mapped, proofs, published, tabled
from holdfast.serving.erasure.subject import Subject, known_ids, refuse_unknown, rows_of
from holdfast.serving.erasure.tombstones import bury, keyed, left_out_of
from holdfast.serving.ledger.outcomes import ground_now, stands
from holdfast.serving.tables.target import target_of
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.serving.plan import Plan

_COLUMNS = ["place", "what", "rows"]


@dataclass(frozen=True, eq=False)
class Erased:
    """What an erasure took from where.

    Attributes
    ----------
    kind
        ``account`` or ``person``; the id is not told.
    removed
        ``place, what, rows``: what was taken out, or made to lead nowhere.
    beyond
        What it cannot reach, as sentences.
    fresh
        Whether anything was done; else all of it had been before.
    dry_run
        Whether it only tells what would be.
    """

    kind: str
    removed: pd.DataFrame
    beyond: tuple[str, ...]
    fresh: bool
    dry_run: bool

    def frame(self) -> pd.DataFrame:
        """Return what was taken from where."""
        return self.removed

    def text(self) -> str:
        """Tell it in sentences."""
        rows = int(self.removed["rows"].sum())
        done = "would be" if self.dry_run else "was" if self.fresh else "had been"
        told = f"The {self.kind} {done} erased: {rows:,} rows." if self.fresh or self.dry_run else ""
        return " ".join([told or f"nothing to do: the {self.kind} {done} erased before.", *self.beyond])

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        told = {"in_words": self.text(), "kind": self.kind, "fresh": self.fresh, "dry_run": self.dry_run}
        return told | {"removed": json_rows(self.removed), "beyond": list(self.beyond)}

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.text())}</p>{self.removed.to_html(escape=True, index=False)}"


def erase(plan: Plan, who: Subject, at: datetime, *, dry_run: bool = False) -> Erased:
    """Take an account or a person out of everything that holdfast keeps for a plan, for good.

    Works alone: the caller holds the lock of the workspace and that of its models.

    Parameters
    ----------
    at
        When this is done, for the tombstone.
    dry_run
        Tell what would be taken from where, and change nothing.

    Raises
    ------
    UsageError
        When nobody has that id, or the key of the tombstones is gone.
    PublishError
        When a disk or a database refuses; call again to go on.
    """
    place, ledger, rule = pipeline.workspace(plan), pipeline.ledger_of(plan), opening.definition(plan)
    others = left_out_of(place) if dry_run else keyed(place)
    buried = bool(others) and others.has(who.kind, who.name)
    others = others.without(who.kind, who.name) if buried else others
    # a mapping is not made anew with somebody who was taken out of it already
    before = opening.read_history(plan, at, None if buried and is_mapping(plan.data.path) else others)
    if not buried:
        refuse_unknown(who, known_ids(before, ledger, who.kind))
    beyond, stood = tuple(_beyond(plan, who, before)), stands(ledger, before, rule)
    fresh = not dry_run and bury(place, others, who.kind, who.name, at)
    lines = [*_from_history(plan, who, at, before, dry_run=dry_run)]
    ground = ground_now(ledger, opening.read_history(plan, at), rule) if stood and not dry_run else None
    lines += _from_workspace(plan, who, ground, dry_run=dry_run)
    removed = pd.DataFrame([one for one in lines if one[2]], columns=_COLUMNS)
    return Erased(who.kind, removed, beyond, fresh or (bool(len(removed)) and not dry_run), dry_run)


def _from_history(plan: Plan, who: Subject, at: datetime, before: History, *, dry_run: bool) -> Iterator[Line]:
    """Take somebody out of stores and out of what mappings make; the company's own files are left alone."""
    path = plan.data.path
    if is_mapping(path):
        yield "captured", "rows", mapped.from_captures(path, who, dry_run=dry_run)
        if who.kind == "account":
            yield "fetched", "rows", mapped.from_fetched(path, who, dry_run=dry_run)
        yield "profile.csv", "files", mapped.from_profile(path, who, dry_run=dry_run)
        if not dry_run:
            opening.read_history(plan, at)  # makes the tables anew, without
    elif is_store(path):
        left_out = left_out_of(pipeline.workspace(plan))
        yield path.name, "rows", rows_of(before, who) if dry_run else withdraw_from_store(path, left_out)


def _from_workspace(plan: Plan, who: Subject, ground: tuple[int, str] | None, *, dry_run: bool) -> Iterator[Line]:
    """Take somebody out of the ledger, and an account out of runs, backtests and the database."""
    place, ledger, name = pipeline.workspace(plan), pipeline.ledger_of(plan), ledgered.pseudonym()
    found = ledgered.count(ledger, who) if dry_run else ledgered.withdraw(ledger, who, name, ground)
    yield from (("ledger.db", table, rows) for table, rows in found.items())
    if who.kind == "account":
        yield from _from_files(plan, who.name, name, dry_run=dry_run)
    if not dry_run:
        ledgered.rehash(ledger, published.rehashed(place))
        ledgered.compact(ledger)


def _from_files(plan: Plan, account: str, name: str, *, dry_run: bool) -> Iterator[Line]:
    place, language, books = pipeline.workspace(plan), plan.output.language, pipeline.playbooks_of(plan)
    for folder, rows in list(published.naming(place, account)):
        if not dry_run:
            published.rewrite(folder, account, place.models, books, language)
        yield f"runs/{folder.name}", "rows", rows
    if not dry_run:
        proofs.swept(place)
    for folder, rows in list(proofs.naming(place, account)):
        if not dry_run:
            proofs.rewrite(folder, account, name)
        yield folder.relative_to(place.root).as_posix(), "predictions", rows
    if target := target_of(plan.output):
        yield str(target), "rows", tabled.withdraw(target, account, dry_run=dry_run)


def _beyond(plan: Plan, who: Subject, before: History) -> Iterator[str]:
    """Say what cannot be reached from here."""
    ledger, place = pipeline.ledger_of(plan), pipeline.workspace(plan)
    rows = rows_of(before, who)
    if rows and not is_store(plan.data.path):
        how = "are left out whenever it is read" if who.kind == "account" else "are read under a pseudonym"
        yield f"Your own files keep {rows:,} rows, which {how}: delete them at the source, in exports and in backups."
    if who.kind == "person" and is_mapping(plan.data.path):
        fetched = mapped.from_fetched(plan.data.path, who, dry_run=True)
        if fetched:
            yield f"What was fetched of a database keeps {fetched:,} rows: delete them there, map into a new workspace."
    if is_mapping(plan.data.path) and (beside := mapped.shared(plan.data.path, who)):
        yield (
            f"{beside:,} captured or fetched rows of others name it beside them in one cell, and stay: "
            "delete it there at the source, and map and capture into a new workspace."
        )
    if who.kind == "account":
        held = ledger.read("SELECT DISTINCT sink FROM written WHERE account_id = ? ORDER BY sink", (who.name,))
        if names := ", ".join(held["sink"]):
            yield f"What was written to {names} is still there: delete it in the tool."
    sent = int(ledger.read("SELECT count(*) AS n FROM message WHERE state = 'sent'")["n"].iloc[0])
    if sent:
        yield f"{sent:,} messages were sent, and cannot be called back."
    if plan.tracking.enabled and plan.tracking.uri:
        yield "The MLflow server of the plan keeps copies of backtests: delete its runs there."
    if damaged := ", ".join(one.name for one in published.broken(place)):
        yield f"Runs that are not as they were written were left alone: {damaged}; remove them."


Line = tuple[str, str, int]
