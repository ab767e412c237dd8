"""What the names of files tell: their format, what the table is called, and which files are parts of one table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".zip": "zip",
}
_ZIPPED = ("csv", "json")
_NO_DATA = re.compile(
    r"\.(md|rst|toml|ya?ml|sql|py|ipynb|r|sh|pdf|docx?|pptx?|html?|css|js|png|jpe?g|gif|svg|log|lock|duckdb)$"
    r"|^(readme|licen[cs]e|notice|copying|authors|changelog)(\.txt)?$|^init$|^thumbs\.db$|^desktop\.ini$",
    re.IGNORECASE,
)
_CAPITALS = re.compile(r"^[A-Z]+$")
_AIRBYTE = "_airbyte_raw_"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_STAMP = r"\d{4}[-_.]?\d{2}[-_.]?\d{2}([t _-]\d{2}[-_.:h]?\d{2}([-_.:m]?\d{2}([.,]\d+)?)?s?z?)?"
_SUFFIX = re.compile(rf"[\s._#-]*(\(\d+\)|(?<![^\W_])({_STAMP}|\d+(t\d+z?)?))$", re.IGNORECASE)
_PART_WORDS = {"part", "parts", "data", "chunk", "batch", "page", "export", "snappy", "gz", "zstd"}
_PART_TOKEN = re.compile(r"^(\d+|\d+t\d+z?|(?=.*\d)[0-9a-f]{6,}|[0-9a-f]{10,}|c\d{3})$")


def format_of(name: str) -> tuple[str, str | None]:
    """Part a file name from its known endings, and tell the format.

    Examples
    --------
    >>> format_of("Events.jsonl.gz"), format_of("a.parquet"), format_of("a.docx")
    (('Events', 'json'), ('a', 'parquet'), ('a.docx', None))
    """
    lower = name.lower()
    bare = lower.removesuffix(".gz")
    for ending, kind in FORMATS.items():
        if bare.endswith(ending) and len(bare) > len(ending) and (bare == lower or kind in _ZIPPED):
            return name[: len(bare) - len(ending)], kind
    return name, None


def hidden(name: str) -> bool:
    """Tell names that are nobody's data; what Airbyte lays down raw begins with an underscore and is.

    Examples
    --------
    >>> hidden(".git"), hidden("_dlt_loads"), hidden("_airbyte_raw_users.jsonl")
    (True, True, False)
    """
    return name.startswith((".", "_", "~$")) and not name.startswith(_AIRBYTE)


def no_data(name: str) -> bool:
    """Tell files that obviously hold no tables, such as a licence or a picture."""
    return bool(_NO_DATA.search(name) or _CAPITALS.match(name))


def stem_of(name: str) -> str:
    """Give the lower-case name of a table without the date or number at its end.

    Examples
    --------
    >>> [stem_of(name) for name in ("Customers-2025-01-31", "unified (2)", "events_2024", "2024", "product2")]
    ['customers', 'unified', 'events', '2024', 'product2']
    """
    stem = name.strip().lower().removeprefix(_AIRBYTE)
    while (cut := _SUFFIX.sub("", stem).rstrip(" ._#-")) and cut != stem:
        stem = cut
    return stem


def part_like(stem: str, folder: str) -> bool:
    """Tell whether a file is called like one part among many, and not like a table.

    Examples
    --------
    >>> part_like("part-00000-c000.snappy", "events"), part_like("1704412800.51.0fa1c23de4", "events")
    (True, True)
    >>> part_like("customers", "stripe"), part_like("events_2", "events")
    (False, True)
    """
    own = set(_tokens(folder))
    tokens = [token for token in _tokens(_UUID.sub(" 0 ", stem.lower())) if token not in own]
    return all(token in _PART_WORDS or _PART_TOKEN.match(token) for token in tokens)


def numbered(folder: str) -> bool:
    """Tell whether a folder is called by a number or a date alone, or as ``key=value``.

    Examples
    --------
    >>> numbered("2024-01"), numbered("day=mon"), numbered("export")
    (True, True, False)
    """
    return "=" in folder or all(_PART_TOKEN.match(token) for token in _tokens(folder))


def _tokens(text: str) -> list[str]:
    return [token for token in re.split(r"[\W_]+", text.lower()) if token]


def distinct(names: Iterable[str]) -> list[str]:
    """Name every column once, in spite of blanks, quotes, empty and repeated names.

    Examples
    --------
    >>> distinct([' id ', '"END"', "", "ID"])
    ['id', 'END', 'column_3', 'ID_2']
    """
    found: list[str] = []
    used: set[str] = set()
    for place, raw in enumerate(names, start=1):
        name = _bare(raw) or f"column_{place}"
        count, unique = 1, name
        while unique.lower() in used:
            count += 1
            unique = f"{name}_{count}"
        used.add(unique.lower())
        found.append(unique)
    return found


def _bare(name: str) -> str:
    name = name.replace("\0", "").replace("\ufeff", "").strip()
    while len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1].strip()
    return name


def safe_name(name: str) -> str:
    """Spell a table's name so that any disk takes it as a file name; different names stay different.

    Examples
    --------
    >>> safe_name("events"), safe_name("stripe/customers")
    ('events', 'stripe_customers-85541834')
    """
    safe = re.sub(r"[^\w.#-]", "_", name)[:80]
    return safe if safe == name else f"{safe}-{sha256(name.encode(errors='replace')).hexdigest()[:8]}"
