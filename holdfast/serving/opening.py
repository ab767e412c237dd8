"""Opening a history: what the plan says of the data, and the day on which one stands."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.history import History
from holdfast.features.history.dialect import stated
from holdfast.features.history.leaving_out import LeftOut
from holdfast.features.history.money import CODE, Rates, by_rows, currencies, in_words
from holdfast.features.history.stored import StoredHistory
from holdfast.features.history.tables import TABLES
from holdfast.features.sentiment.moods import Moods
from holdfast.features.time import cutoffs, to_instant
from holdfast.serving.erasure.tombstones import left_out_of
from holdfast.serving.plan import Plan
from holdfast.serving.workspace import Workspace
from holdfast.training.labels import Churn, Expansion, Labels, data_end, label

logger = logging.getLogger("holdfast.opening")
STILL = pd.Timedelta(days=31)  # no table need have a record on every day


def read_history(plan: Plan, clock: datetime, left_out: LeftOut | None = None) -> History:
    """Read the history of a plan; rows after the clock are set aside, and accounts that were erased left out.

    Parameters
    ----------
    left_out
        Who is left out; default: who was erased from the workspace.

    Raises
    ------
    UsageError
        When the plan states a data end that has not come yet: until then everyone would look silent.
    DataError
        When a store holds accounts that were erased.
    """
    end, now = plan.data.end, pd.Timestamp(clock)
    if end is not None and end > now + pd.Timedelta(days=1):
        do = "correct it, or leave it out to read it from the data"
        raise UsageError("plan, key data.end", f"a day up to today, {now:%Y-%m-%d}", f"{end:%Y-%m-%d}", do)
    dialect, strict = dialects_of(plan.data.dialect), plan.data.strict_clock
    moods = Moods(**plan.sentiment.model_dump())
    gone = left_out_of(Workspace(plan.output.workspace)) if left_out is None else left_out
    history = History.read(
        plan.data.path,
        end=end,
        clock=now,
        dialect=dialect,
        strict_clock=strict,
        moods=moods,
        left_out=gone,
        rates=rates_of(plan),
    )
    if isinstance(history, StoredHistory):
        _refuse_erased(history, gone)
        _refuse_unconverted(history, plan)
    for finding in (one for one in history.findings if one.code == "HF020"):
        logger.warning("%s", finding)
    return history


def _refuse_erased(history: StoredHistory, left_out: LeftOut) -> None:
    if left_out.accounts and (back := sum(left_out.has("account", str(one)) for one in history.accounts)):
        do = "erase them again: holdfast erase PLAN --account ID; and deliver without them"
        raise DataError(str(history.folder), "a store without the accounts that were erased", f"{back} of them", do)


def rates_of(plan: Plan) -> Rates | None:
    """Give the rates of a plan; none where it names no currency."""
    return None if plan.data.currency is None else Rates(plan.data.currency, plan.data.rates)


def _refuse_unconverted(history: StoredHistory, plan: Plan) -> None:
    found = currencies(history.facts_of(table) for table in history.tables)
    if plan.data.currency is not None and set(found) - {plan.data.currency}:
        wanted = f"a store whose amounts are in {plan.data.currency}"
        do = "build it anew with the rates: holdfast ingest SOURCE STORE --currency EUR --rate USD=0.92"
        raise DataError(str(history.folder), wanted, in_words(found), do)


def refuse_several_currencies(history: History) -> None:
    """Refuse amounts in several currencies, which can be neither added nor ranked.

    Raises
    ------
    DataError
        With the currencies, and the lines of the plan that settle it.
    """
    found = currencies(history.facts_of(table) for table in history.tables)
    if len(found) > 1:
        most, *others = by_rows(found)
        rates = ", ".join(f"{code} = ..." for code in others[:3])
        lines = f'currency = "{most}", rates = {{ {rates} }}'
        do = f"write into [data] of the plan what one unit is worth in {most}: {lines}"
        if odd := [code for code in by_rows(found) if not CODE.fullmatch(code)]:
            do = f"write currencies as three letters, such as EUR, and not as {odd[0][:10]!r}"
        raise DataError("history", "amounts in one currency, or rates between them", in_words(found), do)


def dialects_of(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give what is stated by table: what is stated for all, and over it what is stated for the one.

    Raises
    ------
    UsageError
        When a table or key is unknown, or a value cannot be.
    """
    by_table = {name: dict(value) for name, value in given.items() if isinstance(value, Mapping)}
    for_all = {key: value for key, value in given.items() if key not in by_table}
    where = "plan, key data.dialect"
    stated(where, for_all)
    for name, one in by_table.items():
        if name not in TABLES:
            raise UsageError(f"{where}.{name}", "the name of a table", repr(name), did_you_mean(name, TABLES))
        stated(f"{where}.{name}", one)
    return {name: for_all | by_table.get(name, {}) for name in TABLES}


def known_on(plan: Plan, history: History, day: str | None) -> History:
    """Return the history as it was known at the start of a day, by default its last one; that day is its data end.

    How far the data reach is read from what was known by that day, so that a history that was read then and one that
    goes on later are treated alike.

    Raises
    ------
    UsageError
        When the day lies after the data end that the plan states, or more than a month after the last record.
    """
    instant = (data_end(history, definition(plan)) if day is None else to_instant(day)).floor("D")
    known = history.until(instant, end=instant)
    last = max(known.watermark(table) for table in known.tables) + STILL
    limit = last if plan.data.end is None else min(last, history.end)
    if instant > limit:
        found, do = f"{instant:%Y-%m-%d}", "choose an earlier day, or deliver what has happened since"
        raise UsageError("the day", f"a day up to the data end, {limit:%Y-%m-%d} at the latest", found, do)
    return known


def definition(plan: Plan) -> Churn:
    """Return what the plan calls churn."""
    return Churn(**plan.churn.model_dump())


def expansion_of(plan: Plan, history: History, y: Labels) -> Labels | None:
    """Label expansion at the same cutoffs; nothing where churn is no notice, or no table tells of growth."""
    if y.kind != "notice" or not {"subscriptions", "deals"}.intersection(history.tables):
        return None
    return label(history, y.cutoffs, y.horizons, Expansion(churn=definition(plan)))


def cutoffs_of(plan: Plan, history: History) -> pd.DatetimeIndex:
    """Lay out the cutoffs of a plan, none after the last day of the history."""
    last = plan.cutoffs.last and min(pd.Timestamp(plan.cutoffs.last), history.now)
    return cutoffs(history, plan.cutoffs.every, first=plan.cutoffs.first, last=last)
