"""A profile of a landed table: what each column holds, how it is written, and how much of it is there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import duckdb
import pandas as pd

from holdfast.errors import DataError
from holdfast.features.history.dialect import NUMBER, SPELLED_DATE
from holdfast.features.landed.casting import Written, cast, ended, written
from holdfast.features.landed.raw import RawTable, quoted

WHOLE_BYTES = 64 << 20
SAMPLE_ROWS = 200_000
COLUMNS = ("column", "kind", "how", "missing", "distinct", "first", "last", "example", "key")
_TEXTS = 1_000
_MOST = 0.95
_ROWS = "_profiled"
_ISO = re.compile(
    r"^\d{4}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2})?([.,]\d+)?)?\s?(Z|z|UTC|GMT|[+-]\d{2}(:?\d{2})?)?$"
)
_ZONE = re.compile(r":\d{2}([.,]\d+)?\s?(Z|z|UTC|GMT|[+-]\d{2}(:?\d{2})?)$")
_NAMED = re.compile(r"^[A-Za-z]{3,9} \d{1,2},? \d{4}|^\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{4}|^\d{4}/\d{1,2}/\d{1,2}")
_NUMBER = {  # the patterns are in the spelling of Arrow
    mark: re.compile(re.sub(r"\\x\{(\w+)\}", lambda match: chr(int(match[1], 16)), text))
    for mark, text in NUMBER.items()
}
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
_WORDS = {"true", "false", "t", "f", "yes", "no", "y", "n", "ja", "nein", "0", "1", "wahr", "falsch"}
_ID = re.compile(r"(?i:(^|[_\s.-])(id|ids|uuid|guid|key)$)|[a-z]I[dD]$")
_SAID = re.compile(
    r"(^|[_\s.-])(subject|body|text|message|description|comment|content|note|preview|betreff|beschreibung|nachricht|"
    r"kommentar|notiz)(s|en)?$",
    re.IGNORECASE,
)
_FEW = 8  # words, up to which a text is a name and not a sentence
_TIME = re.compile(
    r"(^|[_\s.-])(at|on|date|time|timestamp|ts|created|updated|start|end|synced|since|until|day)s?($|[_\s.(-])",
    re.IGNORECASE,
)
_UNIX_DIGITS = re.compile(r"^\d{9,19}(\.\d+)?$")
_UNIX = (("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6))
_AT_ONCE = 32  # columns whose distinct values are counted at once: tables of hundreds would not fit
_EARLY, _LATE = 946_684_800, 2_524_608_000


def profile(con: duckdb.DuckDBPyConnection, table: RawTable) -> pd.DataFrame:
    """Profile the columns of a landed table.

    A table of up to 64 MB is read whole, of a larger one the first 200,000 rows. Dates from 2050 on, by
    which open ends are marked, count as no date.

    Returns
    -------
    pandas.DataFrame
        One row per column: ``column``, ``kind`` (text, number, time, flag, json, email, id), ``how`` it is written,
        ``missing`` (share), ``distinct``, ``first`` and ``last`` (of times and numbers, as text), ``example`` (none of
        what people write, which goes no further), ``key`` (unique and never empty). Its ``attrs`` tell ``rows`` and
        ``sampled``, the rows that were read when not all.

    Raises
    ------
    DataError
        When the file changed since it was found and cannot be read any more.
    """
    try:
        return _profile(con, table)
    except duckdb.Error as problem:
        found = str(problem).splitlines()[0]
        raise DataError(table.name, "the file as it was found", found, "run again") from None


def _profile(con: duckdb.DuckDBPyConnection, table: RawTable) -> pd.DataFrame:
    rows, taken = _lay_down(con, table)
    try:
        counts = _counts(con, table.columns)
        texts = {name: _texts(con, place) for place, name in enumerate(table.columns)}
        kinds = {name: kind_of(name, table.types[name], texts[name], bool(counts[name][1] == taken)) for name in texts}
        spans = _spans(con, table, kinds, texts)
    finally:
        con.execute(f"DROP TABLE IF EXISTS {_ROWS}")
    examples = {name: (None if _is_prose(name, kinds[name][0], texts[name]) else counts[name][2]) for name in texts}
    frame = pd.DataFrame(
        [
            (
                name,
                *kinds[name],
                1 - filled / taken,
                distinct,
                *spans[name],
                examples[name],
                distinct == filled == taken,
            )
            for name, (filled, distinct, _) in counts.items()
        ],
        columns=list(COLUMNS),
    )
    frame.attrs = {"rows": rows, "sampled": taken if taken < rows else None}
    return frame


def _is_prose(name: str, kind: str, texts: Sequence[str]) -> bool:
    """Tell whether a column holds what people write, or a document that may hold it."""
    if kind == "json" or _SAID.search(name):
        return True
    return kind == "text" and any("\n" in text or len(text.split(None, _FEW)) > _FEW for text in texts)


def _lay_down(con: duckdb.DuckDBPyConnection, table: RawTable) -> tuple[int, int]:
    """Lay down the rows to look at, their columns by place; count all rows and those laid down."""
    names = ", ".join(f"{quoted(name)} AS c{place}" for place, name in enumerate(table.columns))
    large = table.bytes > WHOLE_BYTES
    (rows,) = (con.execute(f"SELECT count(*) FROM {table.scan}").fetchone() or (0,)) if large else (None,)
    head = f" LIMIT {SAMPLE_ROWS}" if large else ""
    con.execute(f"CREATE OR REPLACE TEMP TABLE {_ROWS} AS SELECT {names} FROM {table.scan}{head}")
    (taken,) = con.execute(f"SELECT count(*) FROM {_ROWS}").fetchone() or (0,)
    return rows or taken, taken


def _counts(con: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> dict[str, tuple[int, int, str | None]]:
    """Count the filled and the distinct values of each column, and give the least as an example."""
    counted: list[tuple[int, int, str | None]] = []
    for start in range(0, len(columns), _AT_ONCE):
        places = range(start, min(start + _AT_ONCE, len(columns)))
        asked = ", ".join(
            f"count(c{place}), count(DISTINCT c{place}), left(min(c{place})::VARCHAR, 80)" for place in places
        )
        found = con.execute(f"SELECT {asked} FROM {_ROWS}").fetchone() or ()
        counted += [found[3 * place : 3 * place + 3] for place in range(len(places))]
    return dict(zip(columns, counted, strict=True))


def _texts(con: duckdb.DuckDBPyConnection, place: int) -> list[str]:
    """Take some distinct values, the same ones every time."""
    query = (
        f"SELECT t FROM (SELECT DISTINCT left(trim(c{place}::VARCHAR), 5000) AS t FROM {_ROWS}) "
        f"WHERE t <> '' ORDER BY hash(t), t LIMIT {_TEXTS}"
    )
    return [text for (text,) in con.execute(query).fetchall()]


def kind_of(name: str, landed: str, texts: Sequence[str], unique: bool = False) -> tuple[str, str]:
    """Tell what a column holds and how it is written, from its name, its type and some of its values.

    Examples
    --------
    >>> kind_of("created", "VARCHAR", ["1700000000", "1700086400"])
    ('time', 'unix seconds')
    >>> kind_of("zip", "VARCHAR", ["0012", "0817"]), kind_of("amount", "VARCHAR", ["1.234,50", "7,1"])
    (('id', 'digits with leading zeros'), ('number', 'decimal comma'))
    """
    if landed == "BOOLEAN":
        return "flag", "own type"
    if landed.startswith(("TIMESTAMP", "DATE")):
        return "time", "own type with zone" if "ZONE" in landed else "own type"
    if not texts:
        return "text", "empty"
    for test in (_json, _email, _flag, _time, _number):
        told = test(name, texts)
        if told is not None:
            return told
    compact = unique and not any(" " in text for text in texts)
    return ("id", "texts") if _ID.search(name) or compact else ("text", "")


def _most(texts: Sequence[str], right: Callable[[str], object]) -> bool:
    return sum(bool(right(text)) for text in texts) >= _MOST * len(texts)


def _json(_: str, texts: Sequence[str]) -> tuple[str, str] | None:
    return ("json", "JSON text") if _most(texts, _is_json) else None


def _is_json(text: str) -> bool:
    if text[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return len(text) >= 5000
    return True


def _email(_: str, texts: Sequence[str]) -> tuple[str, str] | None:
    return ("email", "addresses") if _most(texts, _EMAIL.match) else None


def _flag(name: str, texts: Sequence[str]) -> tuple[str, str] | None:
    words = {text.lower() for text in texts}
    if len(words) > 2 or not words <= _WORDS or _ID.search(name) or words in ({"0"}, {"1"}):
        return None
    return "flag", "/".join(sorted(words))


def _time(name: str, texts: Sequence[str]) -> tuple[str, str] | None:
    if _most(texts, _ISO.match):
        return "time", "ISO with zone" if _most(texts, _ZONE.search) else "ISO"
    if _most(texts, re.compile(SPELLED_DATE).match):
        order = written([], [list(texts)], ",").dayfirst
        return "time", "day first" if order else "month first"
    if _most(texts, _NAMED.match):
        return "time", "named months" if re.search("[A-Za-z]{3}", texts[0]) else "year first"
    if _TIME.search(name):
        for unit, scale in _UNIX:
            if _most(texts, partial(_since_1970, scale)):
                return "time", f"unix {unit}"
    return None


def _since_1970(scale: int, text: str) -> bool:
    return bool(_UNIX_DIGITS.match(text)) and _EARLY <= float(text) / scale < _LATE


def _number(name: str, texts: Sequence[str]) -> tuple[str, str] | None:
    if _most(texts, re.compile(r"^-?\d+$").match):
        if any(len(text) > 1 and text[0] == "0" for text in texts):
            return "id", "digits with leading zeros"
        return ("id", "whole numbers") if _ID.search(name) else ("number", "whole")
    point, comma = (_most(texts, _NUMBER[mark].match) for mark in (".", ","))
    if not (point or comma) or not any(re.search(r"\d", text) for text in texts):
        return None
    decimal = written([list(texts)], [], ";" if comma and not point else ",").decimal
    return "number", "decimal comma" if decimal == "," else "decimal point"


def _spans(
    con: duckdb.DuckDBPyConnection,
    table: RawTable,
    kinds: Mapping[str, tuple[str, str]],
    texts: Mapping[str, list[str]],
) -> dict[str, tuple[str | None, str | None]]:
    """Give the first and last value of time and number columns."""
    asked: dict[str, str] = {}
    for place, name in enumerate(table.columns):
        kind, how = kinds[name]
        if kind in ("time", "number"):
            style = Written("," if how == "decimal comma" else ".", {"day first": True, "month first": False}.get(how))
            value = cast(f"c{place}", kind, table.types[name], texts[name], style).sql
            asked[name] = ended(f"({value})") if kind == "time" else value
    spans: dict[str, tuple[str | None, str | None]] = dict.fromkeys(table.columns, (None, None))
    if asked:
        values = ", ".join(f"{sql} AS v{place}" for place, sql in enumerate(asked.values()))
        query = ", ".join(f"min(v{place})::VARCHAR, max(v{place})::VARCHAR" for place in range(len(asked)))
        found = con.execute(f"SELECT {query} FROM (SELECT {values} FROM {_ROWS})").fetchone() or ()
        spans |= {name: (found[2 * place], found[2 * place + 1]) for place, name in enumerate(asked)}
    return spans
