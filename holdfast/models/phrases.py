"""Phrases: what reasons are told in, beside the sentences of the signs themselves."""

from __future__ import annotations

from typing import Any

from holdfast.features.indicators.wording import Language, put

_PHRASES: dict[Language, dict[str, str]] = {
    "en": {
        "heading": "{account}, as of {day}",
        "churn": "Churn: {chances}",
        "chance": "{p:.0%} within {days} days",
        "health": "Health: {score:.0f} of 100",
        "context": "Contract, segment, plan, tenure and size: risk times {factor:.2f}",
        "raises": "Raises the risk",
        "lowers": "Lowers the risk",
        "nothing": "{title}: nothing",
        "effect": "{points:+.1f} points of probability within {days} days",
        "past": "{days} days before: {value}",
        "peers": "percentile {place:.0f} in its segment",
        "fresh": "last record {days:.0f} days before",
        "others": "counts in {titles}",
        "more": "{titles} and {n} more",
        "not scored": "Not scored: {why}.",
        "health since": "Health since {day}: {before:.0f} to {after:.0f}",
        "risk since": "Risk since {day}: times {factor:.2f}",
        "points": "{points:+.1f}",
        "factor": "times {factor:.2f}",
        "mostly": "{title}: {moved} (mostly {step})",
        "if": "If the signs of {account} were others:",
        "moved": "{title}: {now} to {then}",
        "read": "the models would read",
        "chances": "churn {now:.0%} to {then:.0%} within {days} days",
        "scores": "health {now:.0f} ({old}) to {then:.0f} ({new})",
        "caution": "This is what they read, not what a change would bring about.",
        "no way": "No change within what comparable accounts show reaches the next band.",
        "best band": "It is in the best band: there is no next one.",
        "no health": "It has no health score, so there is no next band.",
        "nothing to try": "Nothing can be tried on an account that is not scored.",
        "no change": "What has changed is not told of an account that is not scored.",
        "no health then": "On {day} no health was given.",
        "no model then": "The model {version} of {day} can no longer be read: that day is told by the model of today.",
        "time": "passing time",
        "data": "new data",
        "configuration": "definitions",
        "model": "model and weights",
        "calibration": "calibration",
        "product": "product",
        "relationship": "relationship",
        "business": "business",
        "green": "green",
        "yellow": "yellow",
        "orange": "orange",
        "red": "red",
    },
    "de": {
        "heading": "{account}, Stand {day}",
        "churn": "Kündigung: {chances}",
        "chance": "{p:.0%} binnen {days} Tagen",
        "health": "Gesundheit: {score:.0f} von 100",
        "context": "Vertrag, Segment, Tarif, Dauer und Größe: Risiko mal {factor:.2f}",
        "raises": "Erhöht das Risiko",
        "lowers": "Senkt das Risiko",
        "nothing": "{title}: nichts",
        "effect": "{points:+.1f} Prozentpunkte binnen {days} Tagen",
        "past": "{days} Tage zuvor: {value}",
        "peers": "Perzentil {place:.0f} im Segment",
        "fresh": "letzter Eintrag {days:.0f} Tage zuvor",
        "others": "darin enthalten: {titles}",
        "more": "{titles} und {n} weitere",
        "not scored": "Nicht bewertet: {why}.",
        "health since": "Gesundheit seit {day}: {before:.0f} auf {after:.0f}",
        "risk since": "Risiko seit {day}: mal {factor:.2f}",
        "points": "{points:+.1f}",
        "factor": "mal {factor:.2f}",
        "mostly": "{title}: {moved} (vor allem {step})",
        "if": "Wären die Zeichen von {account} andere:",
        "moved": "{title}: {now} auf {then}",
        "read": "läsen die Modelle",
        "chances": "Kündigung {now:.0%} auf {then:.0%} binnen {days} Tagen",
        "scores": "Gesundheit {now:.0f} ({old}) auf {then:.0f} ({new})",
        "caution": "Das ist, was sie lesen, nicht, was eine Änderung bewirken würde.",
        "no way": "Keine Änderung im Rahmen vergleichbarer Kunden erreicht das nächste Band.",
        "best band": "Im besten Band: ein nächstes gibt es nicht.",
        "no health": "Ohne Gesundheit gibt es kein nächstes Band.",
        "nothing to try": "An einem Kunden, der nicht bewertet ist, lässt sich nichts erproben.",
        "no change": "Was sich geändert hat, wird von einem Kunden, der nicht bewertet ist, nicht erzählt.",
        "no health then": "Am {day} gab es keine Gesundheit.",
        "no model then": "Das Modell {version} vom {day} ist nicht mehr lesbar: erzählt wird nach dem heutigen.",
        "time": "vergangene Zeit",
        "data": "neue Daten",
        "configuration": "Definitionen",
        "model": "Modell und Gewichte",
        "calibration": "Kalibrierung",
        "product": "Produkt",
        "relationship": "Beziehung",
        "business": "Geschäft",
        "green": "grün",
        "yellow": "gelb",
        "orange": "orange",
        "red": "rot",
    },
}


def phrase(language: Language, name: str, /, **values: Any) -> str:
    """Say a phrase with its figures.

    Examples
    --------
    >>> phrase("de", "effect", points=3.25, days=90)
    '+3,2 Prozentpunkte binnen 90 Tagen'
    """
    return put(_PHRASES[language][name], values, language)
