"""Formulas in words: what an expression reads, as one would say it to a colleague."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from holdfast.features.history.tables import TABLES
from holdfast.features.indicators.conditions import Condition
from holdfast.features.indicators.expression import (
    Constant,
    Expression,
    Function,
    Operation,
    Peers,
    Reading,
    Window,
)
from holdfast.features.indicators.sources import NOT_RUNNING

_ROWS = {
    "usage": ("use", "uses"),
    "tickets": ("ticket", "tickets"),
    "invoices": ("invoice", "invoices"),
    "touchpoints": ("touchpoint", "touchpoints"),
    "people": ("person", "people"),
    "subscriptions": ("subscription", "subscriptions"),
    "deals": ("deal", "deals"),
    "goals": ("goal", "goals"),
    "accounts": ("account record", "account records"),
    "churn": ("exit", "exits"),
}
_RUNNING = Condition("status", "not in", NOT_RUNNING)
_OPERATORS = {"+": "{} plus {}", "-": "{} less {}", "*": "{} times {}", "/": "{}, divided by {}",
              "min": "{}, at most {}", "max": "{}, at least {}", "vs": "{}, against {}"}  # fmt: skip
_WINDOWS = {
    "count": "number of {rows}",
    "sum": "sum of {column} over {rows}",
    "mean": "mean {column} of {rows}",
    "min": "smallest {column} of {rows}",
    "max": "largest {column} of {rows}",
    "distinct": "number of different {column} among {rows}",
    "latest": "{column} of the latest {row}",
    "first": "{column} of the first {row}",
    "days_since": "days since the latest {row}",
    "days_since_first": "days since the first {row}",
    "active_days": "days with any {row}",
    "frequent": "number of {column} seen on at least {option:g} days among {rows}",
    "hours_to": "mean hours to {column} of {rows}, those without it waiting until now",
    "regularity": "spread of the gaps between days with any {row}, over their mean",
    "silence": "longest streak of days without any {row}",
    "decayed": "{what}, older ones fading by half every {option:g} days",
    "trend": "slope of {what} over {option:g} equal parts, per 30 days, over their mean",
}
_READINGS = {
    "count": "number of {rows}",
    "sum": "sum of {column} over {rows}",
    "mean": "mean {column} of {rows}",
    "min": "smallest {column} of {rows}",
    "max": "largest {column} of {rows}",
    "latest": "{column} of the newest {row}",
    "longest": "days since the oldest {row} began",
    "days_until": "days until the next {column} of {rows}",
    "days_since_change": "days since {column} of {rows} last changed",
}


def in_words(expression: Expression) -> str:
    """Say what an expression measures.

    Raises
    ------
    TypeError
        For a kind of expression that is not known here.

    Examples
    --------
    >>> from holdfast.features.indicators.sources import subscriptions, usage
    >>> in_words(usage.distinct("person_id", days=30) / subscriptions.active().sum("seats"))
    'number of different person_id among uses in the last 30 days, divided by sum of seats over running subscriptions'
    """
    match expression:
        case Constant():
            return f"{expression.value:g}"
        case Operation():
            return _OPERATORS[expression.operator].format(*_sides(expression))
        case Peers():
            return f"place among the accounts of the same segment at the same cutoff, by {in_words(expression.of)}"
        case Window():
            return _window(expression)
        case Reading():
            return _reading(expression)
        case Function():
            return _function(expression)
    raise TypeError(f"no words for {type(expression).__name__}")


def _sides(expression: Operation) -> Iterator[str]:
    """Say both sides; a combination inside another is bracketed where it would read otherwise."""
    operator = expression.operator
    for side in expression.parts:
        inner = side.operator if isinstance(side, Operation) else ""
        plain = not inner or (operator, inner) == ("+", "+")
        capped = operator in ("min", "max") and side is expression.left and inner != "vs"
        yield in_words(side) if plain or capped else f"({in_words(side)})"


def _window(leaf: Window) -> str:
    row, rows = (text + _span(leaf) for text in _rows(leaf.table, leaf.filters))
    what = f"sum of {leaf.column} over {rows}" if leaf.column else f"number of {rows}"
    return _WINDOWS[leaf.verb].format(row=row, rows=rows, column=leaf.column, option=leaf.option, what=what)


def _span(leaf: Window) -> str:
    if leaf.days is None:
        return f" up to {leaf.ago:g} days ago" if leaf.ago else ""
    return f" in the {leaf.days:g} days up to {leaf.ago:g} days ago" if leaf.ago else f" in the last {leaf.days:g} days"


def _reading(leaf: Reading) -> str:
    filters = tuple(one for one in leaf.filters if one != _RUNNING)
    kind = {"active": "running " if _RUNNING in leaf.filters else "", "open": "open "}[leaf.mode]
    past = f" past {leaf.since}" if leaf.since else ""
    then = f" {leaf.ago:g} days ago" if leaf.ago else ""
    row, rows = (f"{kind}{text}{past}{then}" for text in _rows(leaf.table, filters))
    return _READINGS[leaf.verb].format(row=row, rows=rows, column=leaf.column)


def _rows(table: str, filters: tuple[Condition, ...]) -> tuple[str, str]:
    """Name one record, and many, that meet the filters."""
    told = " and ".join(_condition(one, table) for one in filters)
    one, many = _ROWS[table]
    return (f"{one} with {told}", f"{many} with {told}") if told else (one, many)


def _condition(one: Condition, table: str) -> str:
    if TABLES[table].columns[one.column].kind == "flag" and one.values == (1.0,) and one.relation in (">=", "<"):
        return f"{one.column} {'yes' if one.relation == '>=' else 'no'}"
    listed = [f"{value:g}" if isinstance(value, float) else str(value) for value in one.values]
    match one.relation:
        case "known":
            return f"{one.column} told"
        case "missing":
            return f"{one.column} not told"
        case "in":
            return f"{one.column} {' or '.join(listed)}"
        case "not in":
            return f"{one.column} other than {' or '.join(listed)}"
    words = {"<": "below", "<=": "at most", ">": "above", ">=": "at least"}
    return f"{one.column} {words[one.relation]} {listed[0]}"


def _function(expression: Function) -> str:
    told = inspect.getdoc(inspect.unwrap(expression.function)) or f"{expression.name}, a function of its own"
    first = told.strip().splitlines()[0].rstrip(".")
    return f"{first} (over {', '.join(expression.needs)})"
