"""Wording: what surrounds the figures of a sentence, in each language that sentences are told in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any, Literal

from holdfast.errors import UsageError, did_you_mean

Language = Literal["en", "de"]
ENGLISH: Language = "en"


@dataclass(frozen=True)
class Wording:
    """The fixed parts of titles and sentences; ``{title}``, ``{days}`` and the figures are put in.

    Attributes
    ----------
    one, single
        A pattern that finds a plural after the number 1, and what becomes of it.
    none
        Patterns that find a 0 where people have a word for it, each with what becomes of it.
    """

    missing: str
    inapplicable: str
    change: str
    changed: str
    trend: str
    trended: str
    peers: str
    compared: str
    use: str
    used: str
    share: str
    shared: str
    one: re.Pattern[str]
    single: str
    none: tuple[tuple[re.Pattern[str], str], ...]


WORDINGS: dict[Language, Wording] = {
    "en": Wording(
        missing="{title}: nothing on record",
        inapplicable="{title}: not applicable here",
        change="{title} against {days:g} days earlier",
        changed="{title}: now {now}, {days:g} days earlier {before}",
        trend="{title}, trend",
        trended="{title}, {days:g} days apart: {first}, {before}, {now}",
        peers="{title} among peers",
        compared="{title}: {now}, rank {{value:.0%}} in its segment (0% the lowest)",
        use="Use: {event}",
        used="{event}: {{value:,.0f}} times in the last 30 days",
        share="Share in usage: {event}",
        shared="{event}: {{used:,.0f}} of {{total:,.0f}} uses in the last 90 days",
        one=re.compile(r"(?<![\d.,])1 (day|hour|time|minute|event|promoter|detractor)s\b"),
        single=r"1 \1",
        none=(
            (re.compile(r"^0 delivered is 0\.0 times the"), "Nothing was delivered for the"),
            (re.compile(r"(?<![\d.,])0\.0 times\b"), "less than 0.1 times"),
            (re.compile(r"(?<![\d.,])0 times\b"), "not once"),
            (re.compile(r"\bon 0 days of the last (\d+)"), r"on none of the last \1 days"),
        ),
    ),
    "de": Wording(
        missing="{title}: nichts verzeichnet",
        inapplicable="{title}: hier nicht anwendbar",
        change="{title} gegenüber {days:g} Tagen zuvor",
        changed="{title}: jetzt {now}, {days:g} Tage zuvor {before}",
        trend="{title}, Verlauf",
        trended="{title}, im Abstand von {days:g} Tagen: {first}, {before}, {now}",
        peers="{title} im Vergleich",
        compared="{title}: {now}, Rang {{value:.0%}} im Segment (0% der niedrigste)",
        use="Nutzung: {event}",
        used="{event}: {{value:,.0f}} Mal in den letzten 30 Tagen",
        share="Anteil an der Nutzung: {event}",
        shared="{event}: {{used:,.0f}} von {{total:,.0f}} Nutzungen in den letzten 90 Tagen",
        one=re.compile(r"(?<![\d.,])1 (Tag|Stunde)(?:e|en|n)\b"),
        single=r"1 \1",
        none=(
            (re.compile(r"Nutzen von 0 ist das 0,0-fache der ([\d.,]*\d)"), r"Nutzen von 0 steht gegen die \1"),
            (re.compile(r"\bdas 0,0-fache\b"), "weniger als das 0,1-fache"),
            (re.compile(r"(?<![\d.,])0 Mal\b"), "kein Mal"),
            (re.compile(r"\b([Aa]n) 0 Tagen der letzten (\d+)"), r"\1 keinem der letzten \2 Tage"),
        ),
    ),
}


def check_language(language: str) -> Language:
    """Return a language that sentences are told in.

    Raises
    ------
    UsageError
        When there are none in that language.

    Examples
    --------
    >>> check_language("de")
    'de'
    """
    for known in WORDINGS:
        if known == language:
            return known
    raise UsageError("language", "en or de", repr(language), did_you_mean(language, WORDINGS))


_LEAST, _EXACT = 0.0005, 0.0995
_BELOW: dict[Language, str] = {"en": "below {value:.1%}", "de": "unter {value:.1%}"}
_FORMS = {"share": "{value:.0%}", "0 to 1": "{value:.0%}", "-1 to 1": "{value:+z.2f}"}
_WHOLE = 99.95
_TIMES: dict[Language, dict[str, str]] = {
    "en": {"days": "days", "hours": "hours", "minutes": "minutes", "months": "months"},
    "de": {"days": "Tage", "hours": "Stunden", "minutes": "Minuten", "months": "Monate"},
}


def put(sentence: str, values: Mapping[str, Any], language: Language) -> str:
    """Put figures into a sentence, written as the language writes numbers.

    Examples
    --------
    >>> put("{n:,.1f} Ereignisse", {"n": 1234.5}, "de"), put("{n:,.1f} events", {"n": 1234.5}, "en")
    ('1.234,5 Ereignisse', '1,234.5 events')
    >>> put("Report export: {n:.0f} times in the last 30 days", {"n": 0.0}, "en")
    'Report export: not once in the last 30 days'
    """
    wording = WORDINGS[language]
    told = wording.one.sub(wording.single, _FILLED[language](sentence, values))
    for pattern, naught in wording.none:
        told = pattern.sub(naught, told)
    return told


def chance(p: float, language: Language) -> str:
    """Write a probability: in percent, below a tenth to one place.

    Examples
    --------
    >>> chance(0.423, "en"), chance(0.0088, "de"), chance(0.0002, "en")
    ('42%', '0,9%', 'below 0.1%')
    """
    if p < _LEAST:
        return put(_BELOW[language], {"value": 2 * _LEAST}, language)
    return put("{value:.1%}" if p < _EXACT else "{value:.0%}", {"value": p}, language)


def points(p: float, language: Language) -> str:
    """Write a difference of probabilities in points of percent: to one place, below one point to two.

    Examples
    --------
    >>> points(0.0325, "de"), points(-0.0004, "en"), points(-0.00003, "en")
    ('+3,2', '-0.04', '0.00')
    """
    value = 100.0 * p
    small = round(value, 2)
    form = "{value:+z.1f}" if abs(small) >= 1.0 else "{value:+z.2f}" if small else "{value:.2f}"
    return put(form, {"value": value if small else 0.0}, language)


def written(value: float, unit: str, language: Language) -> str:
    """Write a figure by its unit: shares in percent, moods to two places, the rest to three digits, times with a unit.

    Examples
    --------
    >>> written(0.6895, "share", "en"), written(33.5, "days", "de"), written(-0.1698, "-1 to 1", "en")
    ('69%', '33,5 Tage', '-0.17')
    """
    form = _FORMS.get(unit, _digits(value))
    if unit in _TIMES[language]:
        form = f"{form} {_TIMES[language][unit]}"
    return put(form, {"value": value}, language)


def _digits(value: float) -> str:
    """Three digits that count, and whole numbers whole."""
    return "{value:,.0f}" if abs(value) >= _WHOLE or value == round(value) else "{value:,.3g}"


@cache
def translations(language: Language) -> Mapping[str, tuple[str, str]]:
    """Read title and evidence of every sign that is shipped, in a language other than that of its declaration."""
    import tomllib

    names: dict[Language, str] = {"de": "german.toml"}
    if language not in names:
        return {}
    told = tomllib.loads((files("holdfast.features.indicators") / names[language]).read_text(encoding="utf-8"))
    return {name: (one["title"], one["evidence"]) for name, one in told.items()}


class _German(Formatter):
    """Swap comma and point in figures."""

    _SWAP = str.maketrans(",.", ".,")

    def format_field(self, value: Any, format_spec: str) -> str:
        told = str(super().format_field(value, format_spec))
        return told if isinstance(value, str) else told.translate(self._SWAP)


def _german(sentence: str, values: Mapping[str, Any]) -> str:
    return _German().vformat(sentence, (), values)


_FILLED: dict[Language, Callable[[str, Mapping[str, Any]], str]] = {"en": str.format_map, "de": _german}
