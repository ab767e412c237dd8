"""How the rows lie in a JSON file: a list, one a line, one a file, or in the pages of an API."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from holdfast.errors import DataError
from holdfast.features.landed.sniffing import HEAD, opened, zipped

PAGE = 100 << 20  # bytes of the longest page of an API
_ENVELOPE = re.compile(
    r"^(object|type|url|status|success|ok|done|error|errors|message|links?|meta|metadata|paging|pages?|pagination|cursors?"
    r"|count|total|total_?count|total_?size|total_?results|size|limit|offset|per_?page|page_?size|page_?number"
    r"|has_?more|more|next|prev|previous|before|after|first|last|end_?of_?stream|start_?time|end_?time|session_?id"
    r"|process_?id|request_?id|(next|prev|previous|before|after|first|last|current|starting|ending)_?\w+|vid_?offset)$",
    re.IGNORECASE,
)
_STARTS = b" \t\r\n\xef\xbb\xbf"


@dataclass(frozen=True)
class Layout:
    """How the rows lie in a JSON file.

    Attributes
    ----------
    form
        DuckDB's word: ``array``, ``newline_delimited`` or ``unstructured``.
    lists
        The keys of the lists in each page of an API; empty when the objects themselves are the rows.
    """

    form: str
    lists: tuple[str, ...] = ()


def layout_of(path: Path) -> Layout:
    """Tell how the rows lie, from the head of a file and, for one large object, from the whole.

    Raises
    ------
    DataError
        When it is empty, no JSON, or holds no list of rows.
    """
    with opened(path) as handle:
        head = handle.read(HEAD)
        text = head.lstrip(_STARTS)
        if text[:1] == b"[":
            _closed(path, handle, head)
            first = _first_of(text[1:])
            return Layout("array", _lists(first))
        if text[:1] != b"{":
            found = "an empty file" if not text else f"text that begins with {text[:1].decode(errors='replace')!r}"
            raise DataError(str(path), "JSON objects", found, "export it anew")
        line, _, rest = text.partition(b"\n")
        first = _parsed(line)
        if isinstance(first, dict) and (rest.strip() or handle.read(1)):
            return Layout("newline_delimited", _lists(first))
        if not isinstance(first, dict) and re.match(rb"\{[^{}\r\n]*\r?\n\s*\{", text):
            return Layout("newline_delimited")  # its first line is damaged
        return _of_objects(path, first if isinstance(first, dict) else _first_of(text, path))


def _of_objects(path: Path, first: Any) -> Layout:
    """Tell how rows lie in objects that span lines."""
    lists = _lists(first)
    if not lists and isinstance(first, dict) and not any(_plain(value) for value in first.values()):
        found = f"one object of {', '.join(list(first)[:5])}"
        raise DataError(str(path), "a list of objects", found, "export the objects as a list")
    return Layout("unstructured", lists)


def _plain(value: object) -> bool:
    return not isinstance(value, dict | list)


def _closed(path: Path, handle: IO[bytes], head: bytes) -> None:
    """Check that a list has its end: DuckDB reads one that was cut off without a word."""
    tail = head
    if zipped(path):
        while block := handle.read(1 << 24):
            tail = tail[-64:] + block
    else:
        handle.seek(-min(4096, path.stat().st_size), 2)
        tail = handle.read()
    if not tail.rstrip().endswith(b"]"):
        raise DataError(str(path), "a list that is closed with ]", "a file that was cut off", "export it anew")


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _first_of(text: bytes, path: Path | None = None) -> Any:
    """Read the first value of a text that goes on; from the file when its head is too short."""
    if path is not None and len(text) >= HEAD - 8:
        with opened(path) as handle:
            text = handle.read(PAGE)
    try:
        decoded = text.decode("utf-8-sig", errors="ignore").lstrip()
        return json.JSONDecoder().raw_decode(decoded)[0]
    except (ValueError, RecursionError):
        return None


def _lists(first: object) -> tuple[str, ...]:
    """Name the lists of rows when an object is a page of an API and no row itself."""
    if not isinstance(first, dict):
        return ()
    lists = [key for key, value in first.items() if isinstance(value, list) and _of_rows(value)]
    if first.get("object") == "list" and "data" in lists:
        return ("data",)
    others = [key for key in first if key not in lists and not _ENVELOPE.match(key.replace("-", "_"))]
    if not lists or others:
        return ()
    return tuple(key for key in lists if first[key] and not _ENVELOPE.match(key)) or tuple(lists[:1])


def _of_rows(values: list[object]) -> bool:
    return all(isinstance(value, dict) for value in values)
