"""How a text file was written: delimiter, encoding, decimal mark, and order of day and month; sniffed, and said."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import DataError, UsageError, did_you_mean

_BLOCK = 1 << 24
_SPACES = r" '\x{00a0}\x{202f}"
NUMBER = {
    mark: rf"^[+-]?(\d+|[1-9]\d{{0,2}}([{_SPACES}{thousand}]\d{{3}})+)?(\{mark}\d*)?([eE][+-]?\d+)?$"
    for mark, thousand in ((".", ","), (",", "."))
}
GROUPING = {".": rf"[{_SPACES},]", ",": rf"[{_SPACES}.]"}
_MONTH, _NO_MONTH = r"(0?[1-9]|1[0-2])", r"(1[3-9]|[2-9]\d)"
SPELLED_DATE = r"^(\d{1,2})([./-])(\d{1,2})[./-](\d{4})(?:,? +|T|$)"


@dataclass(frozen=True)
class Dialect:
    """The way one text file is written.

    Attributes
    ----------
    dayfirst
        Whether 03.04.2025 is the third of April; None when no such date occurs.
    doubts
        What the text leaves open, in words.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."
    dayfirst: bool | None = None
    doubts: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether it is what a program would have written: commas, UTF-8, points, ISO dates."""
        return replace(self, doubts=()) == Dialect() and not self.doubts

    def __str__(self) -> str:
        order = {None: "ISO dates", True: "day first", False: "month first"}[self.dayfirst]
        said = f"delimiter {self.delimiter!r}, encoding {self.encoding}, decimal {self.decimal!r}, {order}"
        return "; ".join([said, *self.doubts])


def stated(where: str, override: Mapping[str, object] | None) -> dict[str, object]:
    """Check what the caller states about a dialect.

    Parameters
    ----------
    where
        Where it is stated, for messages.

    Raises
    ------
    UsageError
        When a key is unknown or a value cannot be.
    """
    for key, value in (override or {}).items():
        if key not in _STATABLE:
            raise UsageError(where, "a key of a dialect", repr(key), did_you_mean(key, _STATABLE))
        expected, right = _STATABLE[key]
        if not right(value):
            raise UsageError(f"{where}, {key}", expected, repr(value), "state it that way")
    return dict(override or {})


def _is_encoding(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(codecs.lookup(value))
    except LookupError:
        return False


_STATABLE: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "delimiter": ("one character", lambda value: isinstance(value, str) and len(value) == 1 and value not in '"\r\n'),
    "encoding": ("the name of an encoding such as cp1252", _is_encoding),
    "decimal": ("'.' or ','", lambda value: value in (".", ",")),
    "dayfirst": ("true or false", lambda value: isinstance(value, bool)),
}


def encoding_of(data: bytes, where: str, stated_encoding: str | None = None) -> str:
    """Tell UTF-8 (with or without mark) from Windows-1252, or check the encoding that is stated.

    Raises
    ------
    DataError
        When the bytes are neither, or hold NUL, with the line.
    """
    if stated_encoding is not None:
        bad = _undecodable(data, stated_encoding)
        if bad is not None:
            where = f"{where}, line {_line(data, bad)}"
            raise DataError(where, stated_encoding, f"byte {data[bad]:#04x}", "state another encoding, or none")
        return stated_encoding
    if (nul := data.find(b"\0")) >= 0:
        do = "save it as UTF-8 text; UTF-16 and binary files are full of NUL bytes"
        raise DataError(f"{where}, line {_line(data, nul)}", "text", "a NUL byte", do)
    for encoding in ("utf-8", "cp1252"):
        bad = _undecodable(data, encoding)
        if bad is None:
            return "utf-8-sig" if data.startswith(codecs.BOM_UTF8) and encoding == "utf-8" else encoding
    where = f"{where}, line {_line(data, bad or 0)}"
    raise DataError(where, "UTF-8 or Windows-1252", f"byte {data[bad or 0]:#04x}", "save it as UTF-8")


def _line(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


def _undecodable(data: bytes, encoding: str) -> int | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    view = memoryview(data)
    for start in range(0, max(len(data), 1), _BLOCK):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(view[start : start + _BLOCK], final=start + _BLOCK >= len(data))
        except UnicodeDecodeError as error:
            return start - pending + error.start
    return None


def delimiter_of(header: str, known: Iterable[str]) -> str:
    """Choose the delimiter under which the header holds the most known columns.

    Examples
    --------
    >>> delimiter_of("account_id;occurred_at", ["account_id", "occurred_at"])
    ';'
    """
    names = set(known)

    def fit(delimiter: str) -> tuple[int, int]:
        cells = [cell.strip().strip('"').strip().lower() for cell in header.split(delimiter)]
        return len(names.intersection(cells)), len(cells)

    return max((",", ";", "\t", "|"), key=fit)


def decimal_of(numbers: list[pa.Array], delimiter: str) -> tuple[str, str | None]:
    """Choose the decimal mark under which all numbers can be read, and the doubt that remains.

    Parameters
    ----------
    numbers
        The distinct texts of each numeric column.
    delimiter
        Decides when both marks would do: semicolons come from countries with a decimal comma.
    """
    texts = pa.concat_arrays(numbers) if numbers else pa.array([], pa.large_string())
    readable = {mark: pc.match_substring_regex(texts, pattern) for mark, pattern in NUMBER.items()}
    telling = pc.and_(pc.match_substring_regex(texts, "[.,]"), pc.or_(*readable.values()))
    marked = texts.filter(telling)
    if not len(marked):
        return ".", None
    fits = [mark for mark, read in readable.items() if pc.all(read.filter(telling)).as_py()]
    usual = "," if delimiter == ";" else "."
    if len(fits) == 1:
        return fits[0], None
    example = marked[0].as_py()
    doubt = f"{example!r} could be read with point or comma as the decimal mark; {usual!r} is assumed" if fits else None
    return usual, doubt


def dayfirst_of(dates: list[pa.Array], delimiter: str) -> tuple[bool | None, str | None, str | None]:
    """Find the order of day and month in dates such as 3/4/2025.

    Parameters
    ----------
    dates
        The distinct texts of each time column.

    Returns
    -------
    tuple
        Whether the day comes first (None: no such date), the doubt that remains, and a value that contradicts the rest.
    """
    spelled = [texts.filter(pc.match_substring_regex(texts, SPELLED_DATE)) for texts in dates]
    texts = pa.concat_arrays(spelled) if spelled else pa.array([], pa.large_string())
    if not len(texts):
        return None, None, None
    dotted = pc.match_substring(texts, ".")
    day_first = texts.filter(pc.or_(dotted, pc.match_substring_regex(texts, rf"^{_NO_MONTH}[/-]{_MONTH}[/-]")))
    month_first = texts.filter(pc.match_substring_regex(texts, rf"^{_MONTH}[/-]{_NO_MONTH}[/-]"))
    if len(day_first) and len(month_first):
        return True, None, month_first[0].as_py()
    if len(day_first) or len(month_first):
        return bool(len(day_first)), None, None
    assumed = delimiter == ";"
    order = "day first" if assumed else "month first"
    return assumed, f"{texts[0].as_py()!r} leaves the order of day and month open; {order} is assumed", None
