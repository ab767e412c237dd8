"""Pages: one way of making HTML, where whatever was typed into a name stays text."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

_KEPT = (0x9, 0xA)
_TURNS = (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))  # turn the direction of what follows
_SHOWN = {
    one: repr(chr(one))[1:-1] if one < 0x100 else f"\\u{one:04x}"
    for one in (*range(0x20), *range(0x7F, 0xA0), *_TURNS)
    if one not in _KEPT
}


@cache
def environment() -> Environment:
    """Give the templates of the package, escaping everything and refusing what is not defined; each is read once."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("holdfast.serving"),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def shown(value: Any) -> Any:
    r"""Show the characters of a text that control a device, or turn its reading direction, as their codes.

    Examples
    --------
    >>> shown("Acme \u202egnp.exe\x1b"), shown(3)
    ('Acme \\u202egnp.exe\\x1b', 3)
    """
    return value.translate(_SHOWN) if type(value) is str else value
