"""What people read above a column and in it, in their language; machines keep the names."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from holdfast.features.indicators.wording import put
from holdfast.serving.columns import horizon

if TYPE_CHECKING:
    from holdfast.features.indicators.wording import Language

_PLACE: dict[Language, int] = {"en": 0, "de": 1}


@cache
def _told() -> dict[str, dict[str, Any]]:
    return tomllib.loads((files("holdfast.serving") / "headings.toml").read_text(encoding="utf-8"))


def titled() -> frozenset[str]:
    """Name the columns that have a heading of their own."""
    return frozenset(_told()["columns"])


def title(column: str, language: Language) -> str:
    """Give the heading of a column.

    Examples
    --------
    >>> title("health", "de"), title("p120", "en")
    ('Gesundheit', 'Churn in 120 days')
    """
    days = horizon(column)
    return text("churn", language, days=days) if days else _of(_told()["columns"][column]["title"], language)


def about(column: str, language: Language) -> str:
    """Say in a sentence what a column holds."""
    days = horizon(column)
    return text("churn_about", language, days=days) if days else _of(_told()["columns"][column]["about"], language)


def value(name: str, language: Language) -> str:
    """Give a word of a column, such as a band; what is no such word stays as it is.

    Examples
    --------
    >>> value("scored_partial", "en"), value("red", "de"), value("Acme", "de")
    ('scored in part', 'rot', 'Acme')
    """
    found = _told()["values"].get(name)
    return name if found is None else _of(found, language)


def reason(told: str, language: Language) -> str:
    """Say why an account is not scored, or in part; a reason of which no translation is known stays as it is.

    Examples
    --------
    >>> reason("no activity in the last 90 days", "de"), reason("somebody said so", "de")
    ('keine Aktivität in den letzten 90 Tagen', 'somebody said so')
    """
    for both in _told()["reasons"].values():
        found = re.fullmatch(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(both[0])), told)
        if found is not None:
            return str(_of(both, language).format(**found.groupdict()))
    return told


def text(name: str, language: Language, **figures: object) -> str:
    """Give a phrase with its figures put in, as the language writes them."""
    return put(_of(_told()["texts"][name], language), figures, language)


def _of(both: list[str], language: Language) -> str:
    return both[_PLACE[language]]
