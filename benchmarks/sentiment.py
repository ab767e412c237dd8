"""Read the mood of generated tickets by a model and by VADER, per language and number of ratings learned from.

python -m benchmarks.sentiment [--json]

The tickets are generated, not written by customers: one or two sentences in a mood, whose word for it is now common and
now rare, now and then denied or in another mood than the rest; sentences that have none; typing errors, markup, quoted
answers and signatures; and one rating in eight turned. They show how readings grow with ratings and across languages,
not how well they do on tickets of yours: for that there is `holdfast.features.sentiment.evaluating.evaluate`, and
`holdfast check` tells it.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.features.sentiment.cleaning import clean
from holdfast.features.sentiment.evaluation import auc
from holdfast.features.sentiment.learning import read, vectors
from holdfast.features.sentiment.lexicon import looked_up

SIZES = (150, 300, 600, 1_200, 2_400)
_ASKED = 2_000  # tickets read per language
_MIXED, _DENIED, _TURNED, _MISTYPED = 0.2, 0.1, 0.125, 0.02  # shares of sentences, words, ratings and letters

# By language: what is spoken of, how, and the words of a bad and a good mood, the common ones first.
_THINGS = {
    "en": ("the export", "the new report", "your support", "the calendar", "the app", "the last release", "the import",
           "the invoice", "the search", "the help page"),
    "de": ("der Export", "der neue Bericht", "Ihr Support", "der Kalender", "die App", "die letzte Version",
           "der Import", "die Rechnung", "die Suche", "die Hilfeseite"),
}  # fmt: skip
_SAID = {
    "en": ("{} is {}{}.", "For us {} is {}{}.", "Since May {} is {}{} for our team.", "I must say {} is {}{}."),
    "de": ("{} ist {}{}.", "Für uns gilt: {} ist {}{}.", "Seit Mai gilt, {} ist {}{} für unser Team.",
           "Ich muss sagen, {} ist {}{}."),
}  # fmt: skip
_NOT = {"en": "not ", "de": "nicht "}
_MOODS = {
    "en": (
        "slow broken bad useless confusing terrible frustrating disappointing unreliable annoying wrong buggy clumsy "
        "unusable worse unacceptable awful painful late ridiculous incomplete lousy chaotic hopeless horrible",
        "great good fast helpful easy reliable clear excellent friendly smooth perfect wonderful quick handy stable "
        "brilliant simple pleasant superb impressive useful neat flawless delightful solid",
    ),
    "de": (
        "langsam kaputt schlecht nutzlos verwirrend furchtbar frustrierend enttäuschend unzuverlässig nervig falsch "
        "fehlerhaft umständlich unbrauchbar schlimmer inakzeptabel schrecklich mühsam verspätet lächerlich "
        "unvollständig miserabel chaotisch hoffnungslos grauenhaft",
        "toll gut schnell hilfreich einfach zuverlässig klar ausgezeichnet freundlich flüssig perfekt wunderbar zügig "
        "praktisch stabil genial simpel angenehm hervorragend beeindruckend nützlich gelungen fehlerfrei erfreulich "
        "solide",
    ),
}
_FLAT = {
    "en": ("Please have a look.", "We noticed the following.", "Could you check this problem?", "I attach the file.",
           "We use the web version.", "It concerns two of our users.", "Tell me if you need more.", "See below.",
           "Thanks in advance.", "The error has the number 17."),
    "de": ("Bitte schauen Sie sich das an.", "Uns ist Folgendes aufgefallen.", "Können Sie das Problem prüfen?",
           "Die Datei hängt an.", "Wir nutzen die Webversion.", "Es betrifft zwei unserer Nutzer.",
           "Melden Sie sich bei Rückfragen.", "Siehe unten.", "Danke im Voraus.", "Der Fehler hat die Nummer 17."),
}  # fmt: skip
_TAILS = {
    "en": (
        "",
        "\n\nBest regards\nJane",
        "\n\nSent from my iPhone",
        "\n\nOn 3 May 2025 Support wrote:\n> That is great!",
    ),
    "de": (
        "",
        "\n\nMit freundlichen Grüßen\nEva",
        "\n\nVon meinem iPhone gesendet",
        "\n\nAm 03.05.2025 schrieb Support:\n> Wunderbar!",
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sentiment", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    told = figures(np.random.default_rng(0))
    if asked.json:
        print(json.dumps({"data": "generated", "rows": told.to_dict("records")}))
        return 0
    print("generated tickets, not customers': AUC of a good against a bad rating (95 % interval)\n")
    shown = told.assign(auc=[f"{row.auc:.3f} ({row.low:.3f}-{row.high:.3f})" for row in told.itertuples()])
    table = shown.pivot(index="reader", columns="language", values="auc")
    print(table.loc[told["reader"].drop_duplicates()].to_string())
    return 0


def figures(rng: np.random.Generator) -> pd.DataFrame:
    """Give ``reader, language, n, auc, low, high``; one model reads both languages."""
    taught, rated = _tickets(rng, max(SIZES), tuple(_MOODS))
    rows: list[dict[str, Any]] = []
    for language in _MOODS:
        texts, good = _tickets(rng, _ASKED, (language,))
        counted = vectors([clean(text) for text in taught + texts])
        readings = {"VADER": np.array([looked_up(clean(text)) for text in texts])}
        for size in SIZES:
            readings[f"learned from {size:,}"] = read(counted[:size], rated[:size], counted[len(taught) :])
        for reader, moods in readings.items():
            area, low, high = auc(moods, good)
            told = {"reader": reader, "language": language, "n": len(texts)}
            rows.append({**told, "auc": area, "low": low, "high": high})
    return pd.DataFrame(rows)


def _tickets(rng: np.random.Generator, n: int, languages: tuple[str, ...]) -> tuple[list[str], NDArray[np.bool_]]:
    """Write tickets, and rate them."""
    good = rng.random(n) < 0.5
    texts = [_ticket(rng, str(rng.choice(languages)), one) for one in good.tolist()]
    return texts, good ^ (rng.random(n) < _TURNED)


def _ticket(rng: np.random.Generator, language: str, good: bool) -> str:
    said = [_in_a_mood(rng, language, good ^ (rng.random() < _MIXED)) for _ in range(rng.integers(1, 3))]
    said += [str(one) for one in rng.choice(_FLAT[language], rng.integers(1, 4), replace=False)]
    text = " ".join(said[place] for place in rng.permutation(len(said)))
    text = _mistyped(rng, text) + str(rng.choice(_TAILS[language]))
    return f"<p>{text.replace(chr(10), '<br>')}</p>" if rng.random() < 0.3 else text


def _in_a_mood(rng: np.random.Generator, language: str, good: bool) -> str:
    denied = bool(rng.random() < _DENIED)
    words = _MOODS[language][int(good ^ denied)].split()
    common = 1 / np.arange(1, len(words) + 1)
    word = rng.choice(words, p=common / common.sum())
    sentence = str(rng.choice(_SAID[language]))
    said = sentence.format(rng.choice(_THINGS[language]), _NOT[language] if denied else "", word)
    return said[0].upper() + said[1:]


def _mistyped(rng: np.random.Generator, text: str) -> str:
    return "".join(letter for letter, lost in zip(text, rng.random(len(text)) < _MISTYPED, strict=True) if not lost)


if __name__ == "__main__":
    raise SystemExit(main())
