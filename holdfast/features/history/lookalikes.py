"""Ids of nobody that would be those of an account if blanks and letter case did not count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

ALIKE = (
    "write account ids alike everywhere: trim blanks and fold the letter case in the export or in the SQL of the "
    "mapping; neither is done unasked, since A-17 and a-17 may be two accounts"
)


def lookalikes(unknown: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Give each unknown id that differs by blanks or letter case alone from one known id, and from no other.

    Examples
    --------
    >>> lookalikes([" A-17 ", "b", "c"], ["A-17", "B", "C", "c "])
    {' A-17 ': 'A-17', 'b': 'B'}
    """
    wanted = {name: _folded(name) for name in unknown}
    searched = set(wanted.values())
    folded = [(form, name) for name in known if (form := _folded(name)) in searched]
    often, named = Counter(form for form, _ in folded), dict(folded)
    return {name: named[form] for name, form in wanted.items() if often[form] == 1}


def alike(unknown: Sequence[str], ids: int, known: Iterable[str]) -> str:
    """Say how many unknown ids only look otherwise, with one of them; nothing where none does.

    Parameters
    ----------
    unknown
        The most frequent of them, or all.
    ids
        How many there are.

    Examples
    --------
    >>> alike(["a-17", "x"], 2, ["A-17"])
    "1 of 2 unknown ids differ from known ones by blanks or letter case alone, such as 'a-17' from 'A-17'"
    """
    found = lookalikes(unknown, known)
    if not found:
        return ""
    one, own = next(iter(found.items()))
    most = "" if len(unknown) == ids else f"the {len(unknown)} most frequent of "
    told = f"{len(found)} of {most}{ids} unknown ids differ from known ones by blanks or letter case alone"
    return f"{told}, such as {one[:40]!r} from {own[:40]!r}"


def _folded(name: str) -> str:
    return "".join(name.split()).casefold()
