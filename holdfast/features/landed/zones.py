r"""Zones behind a time: by their offset, by their name in the tz database, or by an abbreviation that means one thing.

An abbreviation counts where the clocks of all countries that use it have agreed since 2010, and those of North America
by RFC 822. The others, such as IST (India, Ireland, Israel) or MSK (whose clocks were moved), are not guessed at: such
a time is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from holdfast.features.landed.raw import literal

OFFSETS = {
    **{"EST": "-05:00", "EDT": "-04:00", "CST": "-06:00", "CDT": "-05:00"},  # RFC 822
    **{"MST": "-07:00", "MDT": "-06:00", "PST": "-08:00", "PDT": "-07:00"},
    **{"AST": "-04:00", "ADT": "-03:00", "NST": "-03:30", "NDT": "-02:30"},
    **{"AKST": "-09:00", "AKDT": "-08:00", "HST": "-10:00"},
    **{"WET": "+00:00", "WEST": "+01:00", "BST": "+01:00", "CET": "+01:00", "CEST": "+02:00"},
    **{"MEZ": "+01:00", "MESZ": "+02:00", "EET": "+02:00", "EEST": "+03:00", "IDT": "+03:00"},
    **{"WAT": "+01:00", "CAT": "+02:00", "SAST": "+02:00", "EAT": "+03:00"},
    **{"PKT": "+05:00", "WIB": "+07:00", "WITA": "+08:00", "WIT": "+09:00"},
    **{"HKT": "+08:00", "SGT": "+08:00", "JST": "+09:00", "KST": "+09:00"},
    **{"AWST": "+08:00", "ACST": "+09:30", "ACDT": "+10:30", "AEST": "+10:00", "AEDT": "+11:00"},
    **{"NZST": "+12:00", "NZDT": "+13:00"},
}
_UNIVERSAL = ("UTC", "GMT", "Z", "AM", "PM")  # of these DuckDB knows what they mean, or they are no zone
_NAMED = r"(:\d{2}(?:\.\d+)?)\s*([A-Za-z]{1,5})$"
_TOLD_TWICE = r"([+-]\d{2}:?\d{2})\s*\(?[A-Za-z]{1,5}\)?$"  # +0100 CET
_OFFSET = r"(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?"
_PLACE = r"[A-Z][A-Za-z]+/[A-Za-z0-9_+/-]+"
ZONED = rf":\d{{2}}(\.\d+)?\s*(Z|z|UTC|GMT|{_OFFSET}|{_PLACE})$"


def names_zone(text: str) -> bool:
    """Tell whether letters stand behind a time, or behind its offset, that have to be read as the name of a zone.

    Examples
    --------
    >>> names_zone("2026-01-31 10:00 CET"), names_zone("2026-01-31 10:00Z"), names_zone("2026-01-31")
    (True, False, False)
    """
    name = _name(text)
    return bool(name and name not in _UNIVERSAL) or re.search(_TOLD_TWICE, text.strip()) is not None


def zoned(text: str) -> bool:
    """Tell whether a time says its zone.

    Examples
    --------
    >>> zoned("10:00+02:00"), zoned("10:00 Europe/Berlin"), zoned("10:00 CET"), zoned("10:00 IST"), zoned("10:00 PM")
    (True, True, True, False, False)
    """
    return _name(text) in OFFSETS or re.search(_TOLD_TWICE, text) is not None or re.search(ZONED, text) is not None


def strange(texts: Iterable[str]) -> list[str]:
    """Give the abbreviations behind times that mean no zone, or more than one.

    Examples
    --------
    >>> strange(["2026-01-31 10:00 IST", "2026-01-31 10:00 CET", "2026-01-31 10:00 PM"])
    ['IST']
    """
    return sorted({_name(text) for text in texts} - {"", *_UNIVERSAL, *OFFSETS})


def spelled_out(value: str) -> str:
    """Write the SQL that puts its offset in place of the name of a zone; a name that is none leaves no time."""
    text = f"regexp_replace(trim({value}), {literal(_TOLD_TWICE)}, '\\1')"
    name = f"upper(regexp_extract({text}, {literal(_NAMED)}, 2))"
    known = " ".join(f"WHEN {literal(one)} THEN '\\1{offset}'" for one, offset in OFFSETS.items())
    plain = " ".join(f"WHEN {literal(one)} THEN '\\1 {one}'" for one in _UNIVERSAL)
    return f"regexp_replace({text}, {literal(_NAMED)}, CASE {name} {known} {plain} ELSE '\\1 ?' END)"


def _name(text: str) -> str:
    found = re.search(_NAMED, text.strip())
    return found[2].upper() if found else ""
