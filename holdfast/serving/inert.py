"""Text that a spreadsheet would run is made inert."""

from __future__ import annotations

_DANGEROUS = ("=", "+", "-", "@", "\t", "\n", "\0")


def inert(text: str) -> str:
    """Make a text cell safe for a spreadsheet: no formula, no bare carriage return (readers take it for a new row).

    Examples
    --------
    >>> inert("=1+1"), inert("Acme")
    ("'=1+1", 'Acme')
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if text.startswith(_DANGEROUS) else text
