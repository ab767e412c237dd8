"""Numbers reckoned anew, slowly, from the history as it was known: what a sentence says must come out again.

Nothing of the kernel is used: one account at a time, plain loops over the rows of `History.as_of`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache, cached_property, lru_cache
from string import Formatter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.features.history import History
from holdfast.features.history.tables import TABLES
from holdfast.features.indicators.conditions import Condition
from holdfast.features.indicators.expression import Constant, Expression, Operation, Peers, Reading, Window
from holdfast.features.indicators.indicator import Indicator

DAY = pd.Timedelta(days=1)
CLOSED = {"tickets": ("solved_at",), "invoices": ("paid_at", "voided_at", "written_off_at")}
Rows = pd.DataFrame


class Reckoner:
    """Reckon expressions for accounts at one instant."""

    def __init__(self, history: History, instant: pd.Timestamp) -> None:
        self.history, self.instant = history, instant
        self.found: dict[tuple[Expression, str], float] = {}

    @cached_property
    def events(self) -> dict[str, dict[str, Rows]]:
        """Rows of each table by account, as known at the instant."""
        view = self.history.as_of(self.instant)
        return {table: by_account(view[table]) for table in view}

    @lru_cache(maxsize=64)  # noqa: B019 # lives as long as one test
    def held(self, table: str, ago: float) -> dict[str, Rows]:
        """The version of each entity that held some days before, by account, as known at the instant."""
        records, then = self.history.records(table), self.instant - ago * DAY
        frame = records.columns.assign(
            account_id=np.asarray(self.history.accounts)[records.account],
            known=pd.to_datetime(records.known, utc=True, unit="us"),
            begun=pd.to_datetime(records.at, utc=True, unit="us"),
        )
        frame = frame[(frame["known"] <= self.instant) & (frame["begun"] <= then)]
        entity = [name for name in TABLES[table].entity if name in frame]
        frame = frame.sort_values(["begun", "known"], kind="stable").drop_duplicates(entity, keep="last")
        if "valid_to" in frame:
            frame = frame[~(frame["valid_to"] <= then)]
        if "deleted" in frame:
            frame = frame[~frame["deleted"].astype(bool)]
        return by_account(frame)

    def value(self, node: Expression, account: str) -> float:
        """Reckon one expression of one account; missing where there is nothing to say."""
        if (node, account) not in self.found:
            self.found[node, account] = self._value(node, account)
        return self.found[node, account]

    def _value(self, node: Expression, account: str) -> float:
        if isinstance(node, Constant):
            return node.value
        if isinstance(node, Operation):
            return combined(node.operator, self.value(node.left, account), self.value(node.right, account))
        if isinstance(node, Window):
            return self.window(node, account)
        if isinstance(node, Reading):
            return self.reading(node, account)
        if isinstance(node, Peers):
            return self.place(node, account)
        raise NotImplementedError(f"{node}")

    def window(self, node: Window, account: str) -> float:
        frame = self.happened(node.table, account)
        if frame is None:
            return aggregate(node, [], [], self.instant)
        end = self.instant - node.ago * DAY
        at = self.moments(node.table, account)
        inside = (at <= plain(end)) & self.met(node.table, account, node.filters)
        if node.days is not None:
            inside &= at > plain(end - node.days * DAY)
        when = self.cells(node.table, account, "at")[inside].tolist()
        known = node.column in frame
        values = self.cells(node.table, account, node.column)[inside].tolist() if known else [None] * len(when)
        return aggregate(node, values, when, end)

    @cache  # noqa: B019 # lives as long as one test
    def happened(self, table: str, account: str) -> Rows | None:
        """What happened to an account, oldest first; what was written down ahead counts from when it was known."""
        frame = self.events.get(table, {}).get(account)
        if frame is None:
            return None
        at = frame[TABLES[table].time]
        if table != "invoices":
            at = at.where(at <= frame["known_at"], frame["known_at"])
        return frame.assign(at=at).sort_values(["at", "known_at"], kind="stable")

    @cache  # noqa: B019 # lives as long as one test
    def moments(self, table: str, account: str) -> NDArray[np.datetime64]:
        frame = self.happened(table, account)
        assert frame is not None
        return frame["at"].dt.tz_localize(None).to_numpy()

    @cache  # noqa: B019 # lives as long as one test
    def cells(self, table: str, account: str, column: str) -> NDArray[np.object_]:
        frame = self.happened(table, account)
        assert frame is not None
        return frame[column].to_numpy(object)

    @cache  # noqa: B019 # lives as long as one test
    def met(self, table: str, account: str, filters: tuple[Condition, ...]) -> NDArray[np.bool_]:
        frame = self.happened(table, account)
        assert frame is not None
        return holds(frame, filters).to_numpy(bool)

    def reading(self, node: Reading, account: str) -> float:
        then = self.instant - node.ago * DAY
        if node.mode == "active":
            frame = self.held(node.table, node.ago).get(account)
            if frame is None:
                return reduced(node, [], [], then)
            rows, begun = frame[holds(frame, node.filters)], "begun"
        else:
            frame = self.events.get(node.table, {}).get(account)
            if frame is None:
                return reduced(node, [], [], then)
            begun = node.since or TABLES[node.table].time
            still = frame[begun] <= then
            for date in (one for one in CLOSED[node.table] if one in frame):
                still &= ~(frame[date] <= then)
            rows = frame[still & holds(frame, node.filters)]
        rows = rows.sort_values([begun], kind="stable")
        values = rows[node.column].tolist() if node.column in rows else [None] * len(rows)
        return reduced(node, values, rows[begun].tolist(), then)

    def place(self, node: Peers, account: str) -> float:
        own = self.value(node.of, account)
        others = [self.value(node.of, one) for one in self.peers(account) if one != account]
        there = [one for one in others if not math.isnan(one)]
        if math.isnan(own) or len(there) + 1 < 10:
            return math.nan
        return (sum(one < own for one in there) + sum(one == own for one in there) / 2) / len(there)

    @lru_cache(maxsize=4096)  # noqa: B019 # lives as long as one test
    def peers(self, account: str) -> tuple[str, ...]:
        """The accounts of the same segment that are known at the instant."""
        segments = self.segments
        return tuple(segments.index[segments == segments[account]])

    @cached_property
    def segments(self) -> pd.Series:
        frame = self.held("accounts", 0.0)
        return pd.Series({account: str(rows["segment"].iloc[-1]) for account, rows in frame.items()})


def plain(instant: pd.Timestamp) -> np.datetime64:
    return instant.tz_localize(None).to_datetime64()


def by_account(frame: Rows) -> dict[str, Rows]:
    """Split rows by account; texts as plain objects, which single rows are read from faster."""
    texts = {name: object for name in frame if pd.api.types.is_string_dtype(frame[name])}
    return {str(account): rows for account, rows in frame.astype(texts).groupby("account_id")}


def holds(frame: Rows, filters: tuple[Condition, ...]) -> pd.Series:
    """Tell which rows meet every condition; a missing value meets only ``not in`` and ``missing``."""
    met = pd.Series(True, index=frame.index)
    for one in filters:
        if one.column not in frame:
            met &= one.negative
            continue
        values = frame[one.column]
        told = values.notna()
        if one.relation in ("known", "missing"):
            met &= told if one.relation == "known" else ~told
            continue
        if one.relation in ("in", "not in"):
            listed = values.astype(object).map(lambda value: value in one.values)  # noqa: B023
            met &= (told & listed) if one.relation == "in" else ~(told & listed)
            continue
        number, bound = pd.to_numeric(values.astype(object), errors="coerce"), float(one.values[0])
        met &= {"<": number < bound, "<=": number <= bound, ">": number > bound, ">=": number >= bound}[one.relation]
    return met


def aggregate(node: Window, values: list[Any], at: list[pd.Timestamp], end: pd.Timestamp) -> float:
    """Aggregate the rows of a window, oldest first."""
    there = [value for value in values if not pd.isna(value)]
    if node.verb in _OF_TIMES:
        return _OF_TIMES[node.verb](at, end)
    if node.verb == "frequent":
        pairs = {(name, moment.floor("D")) for name, moment in zip(values, at, strict=True) if not pd.isna(name)}
        return float((pd.Series([name for name, _ in pairs], dtype=object).value_counts() >= node.option).sum())
    if node.verb == "decayed":
        weights = [1.0] * len(at) if not node.column else [0.0 if pd.isna(value) else float(value) for value in values]
        halves = [((end - moment) / DAY) / node.option for moment in at]
        return float(sum(weight * 2.0**-half for weight, half in zip(weights, halves, strict=True)))
    if node.verb == "hours_to":
        until = [end if pd.isna(value) else min(value, end) for value in values]
        waits = [max(one - moment, 0 * DAY) * 24 / DAY for one, moment in zip(until, at, strict=True)]
        return float(np.mean(waits)) if waits else math.nan
    return _OF_VALUES[node.verb](there)


def _irregular(at: list[pd.Timestamp], _: pd.Timestamp) -> float:
    gaps = np.diff([day.value for day in sorted({moment.floor("D") for moment in at})]).astype(float)
    return float(gaps.std() / gaps.mean()) if len(gaps) >= 2 else math.nan


_OF_TIMES: dict[str, Callable[[list[pd.Timestamp], pd.Timestamp], float]] = {
    "count": lambda at, _: float(len(at)),
    "active_days": lambda at, _: float(len({moment.date() for moment in at})),
    "days_since": lambda at, end: (end - max(at)) / DAY if at else math.nan,
    "days_since_first": lambda at, end: (end - min(at)) / DAY if at else math.nan,
    "regularity": _irregular,
}
_OF_VALUES: dict[str, Callable[[list[Any]], float]] = {
    "sum": lambda there: float(sum(map(float, there))),
    "mean": lambda there: float(np.mean(there)) if there else math.nan,
    "max": lambda there: float(max(there)) if there else math.nan,
    "latest": lambda there: float(there[-1]) if there else math.nan,
    "distinct": lambda there: float(len(set(there))),
}


def reduced(node: Reading, values: list[Any], begun: list[pd.Timestamp], then: pd.Timestamp) -> float:
    """Reduce what holds."""
    there = [value for value in values if not pd.isna(value)]
    match node.verb:
        case "count":
            return float(len(begun))
        case "longest":
            return max(((then - moment) / DAY for moment in begun), default=0.0)
        case "days_until":
            return min(((date - then) / DAY for date in there if date > then), default=math.nan)
    return _OF_VALUES[node.verb](there)


def combined(operator: str, left: float, right: float) -> float:
    """Combine two numbers as the vocabulary does."""
    if math.isnan(left) or math.isnan(right):
        return math.nan
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right if right else math.nan
        case "min":
            return min(left, right)
        case "max":
            return max(left, right)
        case "vs":
            return min(left / right, 10.0) if right > 0 else 10.0 if left > 0 else 1.0
    raise NotImplementedError(operator)


_NAUGHT = {  # the words that people have for none, and the figures that stand behind them
    "^Nothing was delivered for the": "0 delivered is 0.0 times the",
    "less than 0.1 times": "0.0 times",
    "not once": "0 times",
    r"on none of the last (\d+) days": r"on 0 days of the last \1",
}


def figures(sign: Indicator, sentence: str) -> dict[str, float] | None:
    """Read the figures out of a sentence, by name; none where it tells of none."""
    for none, naught in _NAUGHT.items():
        sentence = re.sub(none, naught, sentence)
    found = _pattern(sign.evidence).fullmatch(sentence)
    if found is None:
        return None
    return {
        name.rsplit("_", 1)[0]: float(text.rstrip("%").replace(",", "")) / (100.0 if text.endswith("%") else 1.0)
        for name, text in found.groupdict().items()
    }


def unit_of(sign: Indicator, name: str) -> float:
    """Half of the last digit that a sentence shows of a figure."""
    form = next(form or "" for _, slot, form, _ in Formatter().parse(sign.evidence) if slot == name)
    digits = int(found.group(1)) if (found := re.search(r"\.(\d)", form)) else 0
    return 0.5 * 10.0 ** -(digits + (2 if form.endswith("%") else 0))


@lru_cache(maxsize=512)
def _pattern(evidence: str) -> re.Pattern[str]:
    parts = []
    for place, (text, name, _, _) in enumerate(Formatter().parse(evidence)):
        parts.append(re.sub(r"(day|hour|time|minute|event|promoter|detractor)s\b", r"\1s?", re.escape(text)))
        if name is not None:
            parts.append(rf"(?P<{name}_{place}>[+-]?[\d,.]*\d%?)")
    return re.compile("".join(parts))
