"""The words of alerts and of the messages that carry them, in each language of the house."""

from __future__ import annotations

from typing import Any

from holdfast.features.indicators.wording import Language, put

_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "drop": "Health fell by {fall:.0f} points in 30 days, from {health_before:.0f} to {health:.0f}",
        "unusual": "Health fell by {fall:.0f} points in 30 days, where this account moves by {noise:.0f} as a rule",
        "band": "From {band_before} to {band} within 30 days, health {health_before:.0f} to {health:.0f}",
        "sponsor": "No executive sponsor is left; 30 days before: {sponsors_before:.0f}",
        "champion": "No champion is left; 30 days before: {champions_before:.0f}",
        "silence": "No use for {silent_days:.0f} days, {silent_times:.1f} times the usual gap",
        "renewal": "Renewal is decided in {decision_days:.0f} days, and health fell by {fall:.0f} points in 30 days",
        "data_gap": "Evidence fell from {coverage_before:.0%} to {coverage:.0%} of what applies",
        "source": "Nothing new from {sources} for much longer than usual: alerts that health or use would raise wait",
        "green": "green",
        "yellow": "yellow",
        "orange": "orange",
        "red": "red",
        "title": "{accounts:,.0f} accounts with new alerts",
        "title one": "1 account with a new alert",
        "title data": "A source of data has gone quiet",
        "head": "As of {day}. Alerts now open: {open:,.0f}.",
        "arr": "ARR {arr:,.0f} {currency}",
        "health": "health {health:.0f}",
        "more": "And {n:,.0f} more accounts: holdfast alerts PLAN",
        "key": "Message {key}; what carries the same number twice is the same message.",
    },
    "de": {
        "drop": "Gesundheit fiel in 30 Tagen um {fall:.0f} Punkte, von {health_before:.0f} auf {health:.0f}",
        "unusual": "Gesundheit fiel in 30 Tagen um {fall:.0f} Punkte, üblich sind hier {noise:.0f}",
        "band": "Binnen 30 Tagen von {band_before} auf {band}, Gesundheit {health_before:.0f} auf {health:.0f}",
        "sponsor": "Kein Sponsor in der Leitung mehr; 30 Tage zuvor: {sponsors_before:.0f}",
        "champion": "Kein Fürsprecher mehr; 30 Tage zuvor: {champions_before:.0f}",
        "silence": "Keine Nutzung seit {silent_days:.0f} Tagen, das {silent_times:.1f}-Fache der üblichen Pause",
        "renewal": "Verlängerung wird in {decision_days:.0f} Tagen entschieden, Gesundheit fiel in 30 Tagen um "
        "{fall:.0f} Punkte",
        "data_gap": "Belege fielen von {coverage_before:.0%} auf {coverage:.0%} dessen, was zutrifft",
        "source": "Nichts Neues aus {sources}, viel länger als üblich: Meldungen aus Gesundheit und Nutzung warten",
        "green": "Grün",
        "yellow": "Gelb",
        "orange": "Orange",
        "red": "Rot",
        "title": "{accounts:,.0f} Kunden mit neuen Meldungen",
        "title one": "1 Kunde mit einer neuen Meldung",
        "title data": "Eine Datenquelle ist verstummt",
        "head": "Stand {day}. Offene Meldungen: {open:,.0f}.",
        "arr": "ARR {arr:,.0f} {currency}",
        "health": "Gesundheit {health:.0f}",
        "more": "Und {n:,.0f} weitere Kunden: holdfast alerts PLAN",
        "key": "Nachricht {key}; was dieselbe Nummer zweimal trägt, ist dieselbe Nachricht.",
    },
}


def say(language: Language, name: str, **values: Any) -> str:
    """Say it in a language.

    Examples
    --------
    >>> say("en", "silence", silent_days=21, silent_times=4.2)
    'No use for 21 days, 4.2 times the usual gap'
    >>> say("de", "silence", silent_days=21, silent_times=4.2)
    'Keine Nutzung seit 21 Tagen, das 4,2-Fache der üblichen Pause'
    """
    return put(_WORDS[language][name], values, language)
