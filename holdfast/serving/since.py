"""What has changed since an earlier day: by which model it is told, what cannot be told, and the words for it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import exp
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.errors import BundleError, UsageError
from holdfast.features.indicators.wording import Language
from holdfast.features.time import to_instant
from holdfast.models.ledger import BASE, CALIBRATION, CLIP, STEPS, Ledger, Standing, ledger
from holdfast.models.phrases import phrase
from holdfast.serving import pipeline
from holdfast.serving.columns import records
from holdfast.serving.ledger.entry import run_of

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.serving.bundle import Bundle
    from holdfast.serving.plan import Plan

logger = logging.getLogger("holdfast.since")
_MOST, _NOTHING = 5, 1e-9
_NO_SIGN = {BASE, CLIP, CALIBRATION}


@dataclass(frozen=True)
class Since:
    """What has changed for an account since an earlier day.

    Attributes
    ----------
    day
        The earlier day.
    ledgers
        Of its risk and, where it had a score on both days, of its health; none where it is not scored.
    notes
        What cannot be told, or is told by another model than that of the day.
    """

    day: pd.Timestamp
    ledgers: tuple[Ledger, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Tell it in plain values."""
        return {
            "since": self.day,
            "changes": {one.unit: _change(one) for one in self.ledgers},
            "changes_notes": list(self.notes),
        }

    def blocks(self, language: Language) -> Iterator[list[str]]:
        """Tell it in blocks: a line, and what it consists of."""
        yield from ([note] for note in self.notes)
        yield from (list(_told(one, language)) for one in self.ledgers)


def earlier(since: str, today: pd.Timestamp) -> pd.Timestamp:
    """Read the earlier day.

    Raises
    ------
    UsageError
        When it is no day, or lies after the day that is told.
    """
    day = to_instant(since).floor("D")
    if day > today:
        found = f"{day:%Y-%m-%d}"
        raise UsageError("--since", f"a day up to {today:%Y-%m-%d}, which is told", found, "choose an earlier day")
    return day


def changes(plan: Plan, account: str, known: History, bundle: Bundle, today: pd.Timestamp, day: pd.Timestamp) -> Since:
    """Explain the change since an earlier day: of the risk, and of the health where there was one and is one."""
    say = partial(phrase, plan.output.language)
    before, notes = _bundle_then(plan, day)
    pairs = ((day, before or bundle), (today, bundle))
    was, now = (Standing(at, one.model, one.health, one.catalog) for at, one in pairs)
    risk, health = ledger(account, known, was, now, grace_days=bundle.churn["grace_days"])
    if not health.given[0]:
        notes = (*notes, say("no health then", day=f"{day:%Y-%m-%d}"))
    return Since(day, (risk, health) if all(health.given) else (risk,), notes)


def _bundle_then(plan: Plan, day: pd.Timestamp) -> tuple[Bundle | None, tuple[str, ...]]:
    """Read the bundle that scored a day, where one did: that of the run that was served."""
    run = run_of(pipeline.ledger_of(plan), day)
    if run is None:
        return None, ()
    try:
        return pipeline.bundle_of(plan, run["model_version"]), ()
    except BundleError as problem:
        logger.warning("%s", problem)
        told = {"day": f"{day:%Y-%m-%d}", "version": run["model_version"]}
        return None, (phrase(plan.output.language, "no model then", **told),)


def _change(one: Ledger) -> dict[str, Any]:
    moved = one.rows[one.rows["change"] != 0.0]
    steps = {name: float(value) for name, value in one.steps().items()}
    return {"before": one.before, "after": one.after, "steps": steps, "rows": records(moved)}


def _told(one: Ledger, language: Language) -> Iterator[str]:
    """Write what changed: points of health as they are, the log-hazard as a factor on the risk."""
    say = partial(phrase, language)
    health, day = one.unit == "points", f"{one.since:%Y-%m-%d}"

    def moved(value: float) -> str:
        return say("points", points=value) if health else say("factor", factor=exp(value))

    if health:
        start = say("health since", day=day, before=one.before, after=one.after)
    else:
        start = say("risk since", day=day, factor=exp(one.difference))
    steps = [f"{say(str(name))} {moved(value)}" for name, value in one.steps().items() if abs(value) > _NOTHING]
    yield start + (f" ({', '.join(steps)})" if steps else "")
    for row in records(one.rows[one.rows["change"].abs() > _NOTHING].head(_MOST)):
        by = max(STEPS, key=lambda name: abs(row[name]))
        title = say(f"no sign {row['indicator']}") if row["indicator"] in _NO_SIGN else row["title"]
        yield "  " + say("mostly", title=title, moved=moved(row["change"]), step=say(by))
