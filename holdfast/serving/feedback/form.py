"""The form: the columns that people fill in, in either language, and what each of them asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.features.sheets.sheet import Kind, SheetColumn, Word
from holdfast.serving.headings import about, title, value

if TYPE_CHECKING:
    from holdfast.features.indicators.wording import Language

MOST_DAYS = 90  # an override that nobody renews ends
LONGEST = 2_000  # characters of a reason or a note
OUTCOMES = ("stays", "leaves", "grows", "shrinks", "no_contact")
REASONS = ("1", "2", "3")
ASKED: dict[str, Kind] = {
    "set_score": "number",
    "set_reason": "text",
    "set_until": "date",
    "snooze_until": "date",
    "outcome": "choice",
    "wrong_reason": "choice",
    "author": "text",
    "note": "text",
}
_LANGUAGES: tuple[Language, ...] = ("en", "de")


def words(column: str) -> tuple[Word, ...]:
    """Give the list that a column is chosen from; nothing where it is none."""
    if column == "wrong_reason":
        return tuple(Word(one, one) for one in REASONS)
    if column == "outcome":
        return tuple(Word(one, value(one, "en"), (value(one, "de"),)) for one in OUTCOMES)
    return ()


def _column(name: str, kind: Kind) -> SheetColumn:
    ways = tuple(title(name, language) for language in _LANGUAGES)
    return SheetColumn(name, kind, name, about(name, "en"), words=words(name), also=ways)


COLUMNS = {
    **{name: _column(name, "text") for name in ("account_id", "run_id")},
    **{name: _column(name, kind) for name, kind in ASKED.items()},
}
"""Every column that is read back, by its name in CSV; its headings in both languages mean the same."""
