"""What customers write: tickets in English and German, in a mood, about something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from holdfast.features.simulate.columns import pick
from holdfast.features.simulate.latent import Ints

__all__ = ["LANGUAGES", "bodies", "subjects"]

LANGUAGES = ("en", "de")
CATEGORIES = ("question", "bug", "performance", "billing", "access", "cancellation")

# By language: bad, flat and good; the openings and closings carry the mood, the matter does not.
_OPENINGS = {
    "en": (
        ("This is the third time we write.", "We are losing patience.", "Nobody has helped us so far.",
         "I am really disappointed.", "Once more we are stuck.", "This is unacceptable for us."),
        ("Hello team,", "A question from our side.", "We noticed the following.", "Good morning,",
         "Please have a look.", "I hope you can tell us."),
        ("Thanks for the quick answer last week!", "We like the new release a lot.", "Great work on the dashboards.",
         "Everything runs smoothly, thank you.", "Our team enjoys working with it.", "You have been a great help."),
    ),
    "de": (
        ("Wir schreiben Ihnen nun zum dritten Mal.", "Langsam verlieren wir die Geduld.",
         "Bisher hat uns niemand geholfen.",
         "Ich bin wirklich enttäuscht.", "Schon wieder kommen wir nicht weiter.",
         "Das ist für uns nicht akzeptabel."),
        ("Guten Tag,", "eine Frage von unserer Seite.", "Uns ist Folgendes aufgefallen.", "Hallo zusammen,",
         "Bitte schauen Sie sich das an.", "Vielleicht können Sie uns das sagen."),
        ("Danke für die schnelle Antwort letzte Woche!", "Die neue Version gefällt uns sehr.",
         "Tolle Arbeit an den Auswertungen.",
         "Alles läuft rund, vielen Dank.", "Unser Team arbeitet gern damit.", "Sie haben uns sehr geholfen."),
    ),
}  # fmt: skip
_MATTERS = {
    "en": (
        ("How do we add a column to the report?", "Where can we change the weekly export?",
         "What does the forecast take into account?"),
        ("The import stops halfway with an error.", "The export leaves out the last row.",
         "Comments vanish after saving."),
        ("The dashboard takes two minutes to open.", "Pages load slowly since Monday.", "The sync lags by an hour."),
        ("The invoice names the wrong number of seats.", "We were charged twice in May.",
         "The VAT number is not on the invoice."),
        ("A colleague cannot log in.", "We need access for two new people.",
         "The single sign-on asks again and again."),
        ("How can we end our contract?", "Please confirm that we cancel.", "What happens to our data when we leave?"),
    ),
    "de": (
        ("Wie fügen wir dem Bericht eine Spalte hinzu?", "Wo ändert man den wöchentlichen Export?",
         "Was berücksichtigt die Prognose?"),
        ("Der Import bricht mit einem Fehler ab.", "Im Export fehlt die letzte Zeile.",
         "Kommentare sind nach dem Speichern weg."),
        ("Die Übersicht braucht zwei Minuten.", "Seit Montag laden die Seiten langsam.",
         "Der Abgleich hinkt eine Stunde hinterher."),
        ("Auf der Rechnung steht die falsche Zahl an Plätzen.", "Im Mai wurde doppelt abgebucht.",
         "Die USt-ID fehlt auf der Rechnung."),
        ("Eine Kollegin kann sich nicht anmelden.", "Wir brauchen Zugang für zwei Neue.",
         "Die Anmeldung fragt immer wieder nach."),
        ("Wie können wir den Vertrag beenden?", "Bitte bestätigen Sie die Kündigung.",
         "Was geschieht mit unseren Daten, wenn wir gehen?"),
    ),
}  # fmt: skip
_CLOSINGS = {
    "en": (
        ("If this goes on we will look elsewhere.", "Please fix this at once.", "We expected better."),
        ("Best regards", "Thank you in advance.", "Looking forward to your answer."),
        ("Keep it up!", "Many thanks and have a nice day.", "Happy to recommend you."),
    ),
    "de": (
        ("Wenn das so weitergeht, sehen wir uns um.", "Bitte beheben Sie das sofort.", "Wir hatten mehr erwartet."),
        ("Mit freundlichen Grüßen", "Vielen Dank im Voraus.", "Wir freuen uns auf Ihre Antwort."),
        ("Weiter so!", "Herzlichen Dank und einen schönen Tag.", "Wir empfehlen Sie gern weiter."),
    ),
}
_SUBJECTS = {
    "en": ("A question", "Something is broken", "It is slow", "About our invoice", "Access", "Our contract"),
    "de": ("Eine Frage", "Etwas geht nicht", "Es ist langsam", "Zu unserer Rechnung", "Zugang", "Unser Vertrag"),
}


def subjects(language: Ints, category: Ints) -> pd.api.extensions.ExtensionArray:
    """Give the subjects of tickets, by position in `LANGUAGES` and `CATEGORIES`."""
    every = [text for name in LANGUAGES for text in _SUBJECTS[name]]
    return pick(every, language * len(CATEGORIES) + category)


def bodies(rng: np.random.Generator, language: Ints, category: Ints, tone: Ints) -> pd.api.extensions.ExtensionArray:
    """Draw the texts of tickets; ``tone`` is 0 bad, 1 flat, 2 good, and one in eight is written in another mood."""
    n = len(language)
    tone = np.where(rng.random(n) < 0.125, rng.integers(3, size=n), tone)
    opening = _drawn(rng, _OPENINGS, language, tone)
    matter, closing = _drawn(rng, _MATTERS, language, category), _drawn(rng, _CLOSINGS, language, tone)
    text = pd.Series(opening) + " " + pd.Series(matter) + "\n" + pd.Series(closing)
    return text.astype("str").array


def _drawn(
    rng: np.random.Generator, of: Mapping[str, Sequence[Sequence[str]]], language: Ints, by: Ints
) -> pd.api.extensions.ExtensionArray:
    """Draw one text of each row's language and kind."""
    every = [text for name in LANGUAGES for kind in of[name] for text in kind]
    kinds, width = len(of["en"]), len(of["en"][0])
    return pick(every, (language * kinds + by) * width + rng.integers(width, size=len(by)))
