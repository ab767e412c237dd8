"""Indicators of one's own: a Python file, each declared like those that are shipped.

The file runs, as any module does that is imported: it is the company's own code, named in its own plan. What it
declares is measured through the same door as the rest, and proven by ``holdfast check``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError, UsageError, did_you_mean
from holdfast.features.catalog.script import Script, line_of, run_script
from holdfast.features.context import NUMBERS, TEXTS
from holdfast.features.history.tables import TABLES
from holdfast.features.history.view import View
from holdfast.features.indicators.curves import Curve
from holdfast.features.indicators.expression import Expression, Function, Operation, Peers
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.snapshot import INDEX

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.features.catalog.collection import Catalog

_LABELS = "churn"
_BEFORE = "a sign must be known before the exit: read what led to it, such as usage or tickets"
_COLUMNS = (*INDEX, *TEXTS, *NUMBERS)  # what else a snapshot holds


def own_indicators(path: str | Path, catalog: Catalog) -> tuple[Indicator, ...]:
    """Read the indicators that a Python file declares, in the order of the file.

    A variable that holds an `Indicator` names it; a function decorated by ``@indicator`` goes by its own name. What the
    file imports is not taken, nor what begins with an underscore.

    Parameters
    ----------
    catalog
        What is there already: a name cannot be taken twice.

    Raises
    ------
    UsageError
        When the file cannot be read or run, declares nothing, takes a name that is taken, or reads what it must not.

    Examples
    --------
    >>> from holdfast.features.catalog import catalog
    >>> own_indicators("no_such_file.py", catalog)
    Traceback (most recent call last):
    holdfast.errors.UsageError: no_such_file.py: expected a Python file, found no such file. \
Do: correct [indicators] file in the plan.
    """
    script = run_script(path)
    declared = {name: one for name, one in script.own.items() if isinstance(one, Indicator)}
    if not declared:
        do = "write name = Indicator(...) or a function under @indicator(...)"
        raise UsageError(str(path), "at least one indicator", "none", do)
    taken, found = dict.fromkeys(catalog.names, "the catalogue"), []
    for variable, given in declared.items():
        one = given if given.name else given.called(variable)
        where = f"{script.at(variable)}, {one.name}"
        _once(script, variable, where)
        for name in (member.name for member in one.family):
            _free(name, taken, where)
            taken[name] = script.at(variable)
        _sound(one, where)
        found.append(_guarded(one, script, variable, where))
    return tuple(found)


def _once(script: Script, variable: str, where: str) -> None:
    lines = [str(one.line) for one in script.definitions[variable]]
    if len(lines) > 1:
        raise UsageError(where, "one declaration of each name", f"lines {' and '.join(lines)}", "rename one of them")


def _free(name: str, taken: Mapping[str, str], where: str) -> None:
    if not name.isidentifier():
        raise UsageError(where, "a name of letters, digits and _", repr(name), "rename it")
    if name in taken:
        found = f"{name!r}, which is taken in {taken[name]}"
        raise UsageError(where, "a name of its own", found, f"rename it, such as own_{name}")
    if name in _COLUMNS or name.startswith(("coverage_", "decisions_")):
        found = f"{name!r}, as another column of a snapshot is called"
        raise UsageError(where, "a name of its own", found, f"rename it, such as own_{name}")


def _sound(one: Indicator, where: str) -> None:
    """Hold a declaration to what holds for every shipped one."""
    for node in (node for part in one.expressions for node in part.walk() if isinstance(node, Function)):
        _tables(node.needs, f"{where}, needs")
    if _LABELS in one.tables:
        raise UsageError(where, "tables that tell of the past", f"{_LABELS!r}, which tells who left", _BEFORE)
    _agreeing(one.curve, one.healthy, where)
    try:
        one.sentence(dict.fromkeys(one.said, 1.0))
    except (ValueError, TypeError, LookupError, AttributeError) as problem:
        do = "write figures like {value:.0f}, {value:,.1f} or {value:.0%}"
        raise UsageError(f"{where}, evidence", "a sentence to put figures in", f"{problem}", do) from None


def _tables(needs: object, where: str) -> None:
    if not isinstance(needs, tuple) or not needs:
        found = repr(needs)
        raise UsageError(where, "a tuple of tables", found, 'write needs=("usage",), with the comma')
    for table in needs:
        if table not in TABLES:
            raise UsageError(where, "a canonical table", repr(table), did_you_mean(str(table), TABLES))


def _agreeing(curve: object, healthy: str, where: str) -> None:
    if curve is None:
        return
    if not isinstance(curve, Curve):
        do = "write curve=bands((value, points), ...)"
        raise UsageError(f"{where}, curve", "a curve", type(curve).__name__, do)
    agrees = {"high": curve.rises, "low": curve.falls}.get(healthy, True)
    if not agrees:
        found = f"a curve that {'falls' if healthy == 'high' else 'rises'} somewhere"
        raise UsageError(where, f"points that agree with healthy={healthy!r}", found, "correct one of the two")


def _guarded(one: Indicator, script: Script, variable: str, where: str) -> Indicator:
    """Let functions see the tables that they declare and no others, and identify them by all that they are made of."""

    def watched(expression: Expression) -> Expression:
        match expression:
            case Function():
                function = _only(expression.function, expression.needs, script.path, where)
                return replace(expression, function=function, source=script.text_of(variable))
            case Operation():
                return replace(expression, left=watched(expression.left), right=watched(expression.right))
            case Peers():
                return replace(expression, of=watched(expression.of))
        return expression

    return replace(one, expression=watched(one.expression), applies=one.applies and watched(one.applies))


def _only(
    function: Callable[[View], pd.Series], needs: tuple[str, ...], file: Path, where: str
) -> Callable[[View], pd.Series]:
    @wraps(function)
    def guarded(view: View) -> pd.Series:
        try:
            return function(View(view.instant, _Declared(view, needs, where)))
        except HoldfastError:
            raise
        except Exception as problem:  # whatever it does wrong is told where, and is no fault of ours
            line = line_of(problem, file)
            found = f"{type(problem).__name__}: {problem}".rstrip(": ") + ("" if line is None else f", in line {line}")
            raise UsageError(where, "one number per account_id", found, "correct it") from problem

    return guarded


@dataclass(frozen=True)
class _Declared(Mapping[str, "pd.DataFrame"]):
    """The tables of a view that were declared; asking for another is refused."""

    view: View
    needs: tuple[str, ...]
    where: str

    def __contains__(self, table: object) -> bool:
        if table not in self.needs:
            do = f"add it: needs=({', '.join(map(repr, (*self.needs, table)))})"
            if table not in TABLES:
                do = did_you_mean(str(table), TABLES)
            if table == _LABELS:
                do = _BEFORE
            raise UsageError(self.where, f"the tables in needs={self.needs}", f"a look at {table!r}", do)
        return table in self.view.tables

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self.view[table]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.view.tables if name in self.needs)

    def __len__(self) -> int:
        return sum(1 for _ in self)
