"""Sources: where expressions begin, one per canonical table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.history.tables import TABLES
from holdfast.features.indicators.conditions import Condition, Filter, conditions
from holdfast.features.indicators.expression import Operation, Reading, Window

LONGEST = 36_525
NOT_RUNNING = ("trialing", "paused", "canceled", "draft")
CLOSINGS = {"invoices": ("paid_at", "written_off_at", "voided_at"), "tickets": ("solved_at",)}


@dataclass(frozen=True)
class Source:
    """A table to read from, narrowed by filters.

    Every verb takes ``days`` (the length of the window, None for everything since the beginning) and filters: a column
    by keyword (``kind="login"``, ``event=("a", "b")``) or a comparison (``where=column("score") >= 9``).
    Verbs that count give 0 where an account has no record; the others give missing.

    Examples
    --------
    >>> print(Source("usage").distinct("person_id", days=30, kind="login"))
    usage[kind = login].distinct(person_id, 30 d)
    """

    table: str
    filters: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        if self.table not in TABLES:
            raise UsageError("Source", "a canonical table", repr(self.table), did_you_mean(self.table, TABLES))
        known = TABLES[self.table].columns
        for name in (one.column for one in self.filters):
            if name not in known:
                raise UsageError(
                    f"Source({self.table!r})", "a column of the table", repr(name), did_you_mean(name, known)
                )

    def where(self, **filters: Filter) -> Source:
        """Narrow the source by further filters."""
        return replace(self, filters=tuple(sorted({*self.filters, *conditions(filters)}, key=str)))

    def count(self, *, days: float | None = None, **filters: Filter) -> Window:
        """Count records."""
        return self._window("count", "", days, filters)

    def sum(self, column: str, *, days: float | None = None, **filters: Filter) -> Window:
        """Add up a column, in fixed point: the same bits whatever the order; missing values count nothing.

        The point stands 32 binary digits behind the unit: of each value what is smaller than 2e-10 is lost.
        """
        return self._window("sum", column, days, filters)

    def mean(self, column: str, *, days: float | None = None, **filters: Filter) -> Window:
        """Average a column over the records that have it."""
        return self._window("mean", column, days, filters)

    def min(self, column: str, *, days: float | None = None, **filters: Filter) -> Window:
        """Take the smallest value."""
        return self._window("min", column, days, filters)

    def max(self, column: str, *, days: float | None = None, **filters: Filter) -> Window:
        """Take the largest value."""
        return self._window("max", column, days, filters)

    def distinct(self, column: str, *, days: float | None = None, **filters: Filter) -> Window:
        """Count the different values of a column."""
        return self._window("distinct", column, days, filters)

    def latest(self, column: str, *, days: float | None = None, **filters: Filter) -> Window:
        """Take the value of the latest record that has one."""
        return self._window("latest", column, days, filters)

    def first(self, column: str, *, days: float | None = None, **filters: Filter) -> Window:
        """Take the value of the earliest record that has one."""
        return self._window("first", column, days, filters)

    def days_since(self, *, days: float | None = None, **filters: Filter) -> Window:
        """Give the days from the latest record to the cutoff."""
        return self._window("days_since", "", days, filters)

    def days_since_first(self, *, days: float | None = None, **filters: Filter) -> Window:
        """Give the days from the earliest record to the cutoff."""
        return self._window("days_since_first", "", days, filters)

    def active_days(self, *, days: float | None = None, **filters: Filter) -> Window:
        """Count the UTC days with a record."""
        return self._window("active_days", "", days, filters)

    def frequent(self, column: str, *, days: float, on_days: int, **filters: Filter) -> Window:
        """Count the values of a column that occur on at least `on_days` different UTC days of the window."""
        _whole(f"{self.table}.frequent", "on_days", on_days, 1)
        return replace(self._window("frequent", column, days, filters), option=float(on_days))

    def hours_to(self, column: str, *, days: float | None = None, **filters: Filter) -> Window:
        """Average the hours from the record to a later date of it, known by the cutoff (``hours_to("replied_at")``).

        Where that date has not come, the hours so far count: a wait that lasts is no missing value.
        """
        return self._window("hours_to", column, days, filters)

    def regularity(self, *, days: float | None = None, **filters: Filter) -> Window:
        """Give the spread of the gaps between active days, over their mean; 0 is clockwork, missing below two gaps.

        Each active UTC day is dated by its first record; the spread is the population standard deviation.
        """
        return self._window("regularity", "", days, filters)

    def silence(self, *, days: float | None = None, **filters: Filter) -> Window:
        """Give the longest streak in days without a record, from the window's beginning to the cutoff.

        Without a window it is counted from the first record, and missing where there is none.
        """
        return self._window("silence", "", days, filters)

    def decayed(self, column: str = "", *, half_life: float = 30.0, **filters: Filter) -> Window:
        """Add up a column, or count records, at weight ``2 ** -(age / half_life)``, `half_life` in days.

        Whole blocks of eight half-lives older than 64 half-lives count nothing.
        """
        _positive(f"{self.table}.decayed", "half_life", half_life)
        return replace(self._window("decayed", column, None, filters), option=float(half_life))

    def trend(self, column: str = "", *, days: float = 90.0, buckets: int = 3, **filters: Filter) -> Window:
        """Fit a line through equal buckets of the window: slope per 30 days over the mean; missing where the mean is 0.

        A column is added up in each bucket; without one, records are counted.
        """
        _whole(f"{self.table}.trend", "buckets", buckets, 2)
        return replace(self._window("trend", column, days, filters), option=float(buckets))

    def share(self, where: Condition, *, days: float | None = None, **filters: Filter) -> Operation:
        """Give the share of records that meet a condition; missing where there are none."""
        return self.count(days=days, where=where, **filters) / self.count(days=days, **filters)

    def active(self, *, ago: float = 0.0, **filters: Filter) -> Held:
        """Read the versions of a state that hold at the cutoff, or `ago` days before it.

        A subscription counts when it runs: trials, pauses, drafts and what was cancelled are left out.
        """
        self._shaped("state", "active")
        source = self.where(**filters)
        if self.table == "subscriptions":
            source = source.where(where=Condition("status", "not in", NOT_RUNNING))
        return Held(self.table, "active", float(ago), source.filters)

    def open(self, *, since: str = "", ago: float = 0.0, **filters: Filter) -> Held:
        """Read the milestone records not closed at the cutoff (unpaid invoices, unsolved tickets).

        ``since="due_at"`` reads those past that date only.
        """
        self._shaped("milestone", "open")
        return Held(self.table, "open", float(ago), self.where(**filters).filters, since)

    def _window(self, verb: str, column: str, days: float | None, filters: dict[str, Filter]) -> Window:
        known = TABLES[self.table].columns
        if column and column not in known:
            raise UsageError(f"{self.table}.{verb}", "a column of the table", repr(column), did_you_mean(column, known))
        if days is not None:
            _positive(f"{self.table}.{verb}", "days", days)
        return Window(
            self.table, verb, column, None if days is None else float(days), 0.0, self.where(**filters).filters
        )

    def _shaped(self, shape: str, verb: str) -> None:
        states = (name for name, table in TABLES.items() if table.shape == "state")
        fits = sorted(states if shape == "state" else CLOSINGS)
        if self.table not in fits:
            raise UsageError(f"{self.table}.{verb}", f"a {shape} table", self.table, f"use one of {', '.join(fits)}")


@dataclass(frozen=True)
class Held:
    """What holds at the cutoff, waiting for a verb that reduces it per account."""

    table: str
    mode: Literal["active", "open"]
    ago: float
    filters: tuple[Condition, ...]
    since: str = ""

    def count(self) -> Reading:
        """Count what holds."""
        return self._reading("count", "")

    def sum(self, column: str) -> Reading:
        """Add up a column; 0 where nothing holds."""
        return self._reading("sum", column)

    def mean(self, column: str) -> Reading:
        """Average a column."""
        return self._reading("mean", column)

    def min(self, column: str) -> Reading:
        """Take the smallest value."""
        return self._reading("min", column)

    def max(self, column: str) -> Reading:
        """Take the largest value."""
        return self._reading("max", column)

    def latest(self, column: str) -> Reading:
        """Take the value of what began last and has one."""
        return self._reading("latest", column)

    def longest(self) -> Reading:
        """Give the days since the oldest of it began; 0 where nothing holds."""
        return self._reading("longest", "")

    def days_until(self, column: str) -> Reading:
        """Give the days until the nearest date of a column that is agreed beforehand, such as ``term_end``."""
        return self._reading("days_until", column)

    def days_since_change(self, column: str) -> Reading:
        """Give the days since a column last took another value, over what holds; missing where nothing does.

        Each entity is walked back from its version that holds over the versions known at the cutoff, as long as they
        have the same value (missing equals missing): the change is dated by the ``valid_from`` of the last one
        reached, so a value that never changed counts from the first version. Of several entities the most recent
        change counts.

        Examples
        --------
        >>> print(goals.active(ago=30).days_since_change("target"))
        goals.active(30 d ago).days_since_change(target)
        """
        if self.mode != "active":
            do = "read a state by .active(); a milestone record has no versions that hold one after the other"
            raise UsageError(f"{self.table}.open().days_since_change", "a state table", self.table, do)
        return self._reading("days_since_change", column)

    def _reading(self, verb: str, column: str) -> Reading:
        known = TABLES[self.table].columns
        for name in (column, self.since):
            if name and name not in known:
                raise UsageError(f"{self.table}.{verb}", "a column of the table", repr(name), did_you_mean(name, known))
        return Reading(self.table, self.mode, verb, column, self.ago, self.filters, self.since)


def _positive(where: str, name: str, value: float) -> None:
    if not 0 < value <= LONGEST:
        expected = f"{name} above 0 and up to {LONGEST:,} (a hundred years)"
        raise UsageError(where, expected, f"{value:g}", "give a number of days such as 30")


def _whole(where: str, name: str, value: float, least: int) -> None:
    if value != int(value) or value < least:
        raise UsageError(where, f"a whole number of {name}, at least {least}", f"{value:g}", f"give {name}={least}")


accounts = Source("accounts")
deals = Source("deals")
goals = Source("goals")
invoices = Source("invoices")
people = Source("people")
subscriptions = Source("subscriptions")
tickets = Source("tickets")
touchpoints = Source("touchpoints")
usage = Source("usage")
