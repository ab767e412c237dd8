"""Whether a text is English, by its smallest words: the one lexicon there is reads nothing else."""

from __future__ import annotations

import re

_WORD = re.compile(r"[a-zäöüß']+")
_ENGLISH = frozenset(
    _WORD.findall(
        "the a an and or but is are was were be been it its this that these those i we you they he she my our your to"
        " of in on for with not no do does did can could would will please thanks have has had there here what how"
        " when why"
    )
)
_GERMAN = frozenset(
    _WORD.findall(
        "der die das den dem des ein eine einen einem einer und oder aber ist sind war waren sein es dies diese dieser"
        " ich wir sie ihr er mein unser zu von in im auf für mit nicht kein keine kann können würde wird bitte danke"
        " haben hat hatte da hier was wie wann warum bei nach auch noch nur"
    )
)


def is_english(text: str, told: str | None = None) -> bool:
    """Tell whether a text is English: as it is told (``en``, ``en-US``), else by a count of small words.

    Examples
    --------
    >>> [is_english("It does not work, please help"), is_english("Das geht nicht, bitte"), is_english("OK", "en")]
    [True, False, True]
    """
    if told:
        return told.strip().lower().split("-")[0].split("_")[0] in ("en", "eng", "english")
    words = _WORD.findall(text.lower())
    english, german = (sum(word in of for word in words) for of in (_ENGLISH, _GERMAN))
    return english > german
