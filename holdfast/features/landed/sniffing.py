"""How a delimited text file is written, told from its head."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from holdfast.errors import DataError
from holdfast.features.history.dialect import encoding_of
from holdfast.features.landed.naming import distinct

HEAD = 1 << 20
_DELIMITERS = (",", ";", "\t", "|")
_SEP = re.compile(r'^"?sep=(.)"?\r?$')
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Sniffed:
    """How one delimited file is written.

    Attributes
    ----------
    header
        The names in it, as they stand there.
    skip
        Lines before the header.
    """

    path: Path
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    skip: int

    @property
    def columns(self) -> list[str]:
        """The names under which the columns are read."""
        return distinct(self.header)


def zipped(path: Path) -> bool:
    """Tell whether a file is compressed, by its name."""
    return path.name.lower().endswith(".gz")


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for its bytes, unpacked.

    Raises
    ------
    DataError
        When it cannot be read, or is damaged.
    """
    try:
        with path.open("rb") as packed:
            if not zipped(path):
                yield packed
                return
            with gzip.open(packed) as handle:
                yield cast(IO[bytes], handle)
    except (OSError, EOFError, zlib.error) as problem:
        found = getattr(problem, "strerror", None) or str(problem)
        raise DataError(str(path), "a file that can be read", found, "allow reading it, or export it anew") from None


def sniff(path: Path) -> Sniffed:
    """Tell from its head how a delimited file is written.

    Raises
    ------
    DataError
        When it is empty or no text.
    """
    with opened(path) as handle:
        head = handle.read(HEAD)
    if not head.strip(b"\r\n\t \xef\xbb\xbf"):
        raise DataError(str(path), "a header and rows", "an empty file", "export it anew")
    encoding = _encoding(path, head)
    lines = _head_lines(head, encoding)
    skip = next(i for i, line in enumerate(lines) if line.strip())
    told = _SEP.match(lines[skip].rstrip("\n"))
    if told:
        skip += 1
    body = lines[skip:]
    delimiter = told.group(1) if told else _delimiter(body)
    rows = _rows(body, delimiter)
    if not rows:
        raise DataError(str(path), "a header and rows", "an empty file", "export it anew")
    return Sniffed(path, encoding, delimiter, tuple(rows[0]), skip)


def _encoding(path: Path, head: bytes) -> str:
    if head.startswith(_UTF16):
        return "utf-16"
    if head.startswith((b"PK\3\4", b"\x1f\x8b", b"PAR1")) or head.count(b"\0") > len(head) // 5:
        do = "save it as UTF-8 text"
        raise DataError(str(path), "text", "a binary file, or UTF-16 without its mark", do)
    whole = head[: head.rfind(b"\n") + 1] if len(head) == HEAD else head
    try:
        return encoding_of(whole.replace(b"\0", b""), str(path))
    except DataError:
        return "utf-8"


def _head_lines(head: bytes, encoding: str) -> list[str]:
    text = head.decode(encoding, errors="replace")
    lines = io.StringIO(text, newline="").readlines()
    return lines[:-1] if len(head) == HEAD and len(lines) > 1 else lines


def _delimiter(lines: Sequence[str]) -> str:
    """Choose the delimiter under which most rows have as many cells as the header."""

    def fit(delimiter: str) -> tuple[bool, float, int]:
        rows = _rows(lines[:500], delimiter)
        width = len(rows[0]) if rows else 0
        alike = sum(len(row) == width for row in rows) / max(len(rows), 1)
        return width > 1, round(alike, 1), width

    return max(_DELIMITERS, key=fit)


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        rows.extend(row for row in csv.reader(lines, delimiter=delimiter) if row)
    except csv.Error:
        return rows
    return rows


def regular(one: Sniffed) -> bool:
    """Tell whether a text file of any name is delimited: two columns and more, and rows that keep to them."""
    with opened(one.path) as handle:
        head = handle.read(HEAD)
    rows = _rows(_head_lines(head, one.encoding)[one.skip :], one.delimiter)
    alike = sum(len(row) == len(one.header) for row in rows)
    return len(one.header) > 1 and len(rows) > 1 and alike >= 0.9 * len(rows)
