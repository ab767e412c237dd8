"""Texts as landed to typed SQL values: how a column is written is read off some of its values, and said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median

import pyarrow as pa

from holdfast.features.history.dialect import GROUPING, NUMBER, dayfirst_of, decimal_of
from holdfast.features.landed.raw import literal
from holdfast.features.landed.zones import ZONED, names_zone, spelled_out, strange, zoned
from holdfast.features.time import IMPOSSIBLE_OFFSET

_TRUE = ("true", "t", "yes", "y", "ja", "j", "wahr", "1", "1.0", "x")
_FALSE = ("false", "f", "no", "n", "nein", "falsch", "0", "0.0")
_DIGITS = re.compile(r"^-?\d+(\.\d+)?$")
_COMPACT = re.compile(
    r"^(19|20)\d{6}(\d{6})?$"
)  # 20260131 and 20260131101500 are dates, however many seconds they look
_ISO = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}([T ]|$)")
_NAIVE = r"\d{4}-\d{1,2}-\d{1,2}([T ]\s*\d{1,2}:\d{2}(:\d{2}([.,]\d*)?)?)?"
_TAILS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %I:%M %p")
_DAY_FIRST = ("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y")
_MONTH_FIRST = ("%m/%d/%Y", "%m-%d-%Y")
_NAMED = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y%m%d",
    "%Y%m%d%H%M%S",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%y",
    "%d-%b-%Y",
)
_SHORT_YEAR = r"^\d{1,2}[./-]\d{1,2}[./-]\d{2}(\D|$)"
_YEAR = re.compile(r"^(\d{1,2}[./]\d{1,2}[./])(\d{2})(?!\d)")
_DASHES = re.compile(r"^\d{1,2}-\d{1,2}-\d{2}(\D|$)")  # the year may be the first or the last
_FIRST_DAY, _LAST_DAY = 25_571, 73_050  # as spreadsheets count from 1899-12-30: 1970-01-03 and 2099-12-31
_NO_START, _NO_END = "TIMESTAMPTZ '1970-01-02 00:00:00+00'", "TIMESTAMPTZ '2050-01-01 00:00:00+00'"
_EPOCHS = ((3e11, 1_000_000, "seconds"), (3e14, 1_000, "milliseconds"), (3e17, 1, "microseconds"))  # past the year 9999
_UNIT = r"(?:[\p{L}]{0,3}\p{Sc}|[\p{L}]{2,4}\.?|%)"
_AROUND = rf"^([(+-]?)\s*{_UNIT}\s*|\s*{_UNIT}([)]?-?)$"
_MINUS = r"^[(](.*)[)]$|^(.+)-$"
_FINITE = r"^[+-]?[\d.]{1,200}([eE][+-]?\d{1,2})?$"  # beyond lies infinity
_NUMBERS = re.compile(r"^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*|BOOLEAN)$")
_FLOATING = {"FLOAT": 2**24, "DOUBLE": 2**53}  # from there on a float skips whole numbers
_UNLIKE = "none; its type holds no such value"


@dataclass(frozen=True)
class Written:
    """How the texts of one file are written.

    Attributes
    ----------
    decimal
        The decimal mark of its numbers.
    dayfirst
        Whether 3/4/2025 is in April; None when no such date occurs.
    zone
        The time zone of times without one.
    doubts
        What the texts leave open, in words.
    """

    decimal: str = "."
    dayfirst: bool | None = None
    zone: str = "UTC"
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cast:
    """An SQL expression, and in words how it reads the texts."""

    sql: str
    how: str


def written(numbers: Sequence[list[str]], times: Sequence[list[str]], delimiter: str, zone: str = "UTC") -> Written:
    """Tell how a file is written from some texts of its number and time columns.

    Examples
    --------
    >>> written([["1,5"]], [["31.12.2025"]], ";").decimal, written([], [["2025-12-31"]], ",").dayfirst
    (',', None)
    """
    bare = [pa.array([_without_unit(text) for text in texts], pa.large_string()) for texts in numbers]
    decimal, doubt = decimal_of(bare, delimiter)
    whole = [pa.array([_YEAR.sub(r"\g<1>20\2", text) for text in texts], pa.large_string()) for texts in times]
    dayfirst, order, against = dayfirst_of(whole, delimiter)
    contradiction = f"{against!r} has the month first, other dates have the day first" if against else None
    return Written(decimal, dayfirst, zone, tuple(one for one in (doubt, order, contradiction) if one))


def cast(value: str, kind: str, landed: str, texts: list[str], how: Written) -> Cast:
    """Write the expression that gives a landed column its kind; what cannot be read becomes NULL.

    Parameters
    ----------
    value
        SQL of the landed column.
    kind
        text, time, number, flag or json.
    landed
        Its DuckDB type.
    texts
        Some of its values.
    """
    if landed == "JSON" and kind != "json":
        value, landed = f"json_extract_string({value}, '$')", "VARCHAR"
    if kind == "time":
        return Cast(*_instant(value, landed, texts, how))
    if kind == "number":
        return _number(value, landed, how)
    if kind == "flag":
        return _flag(value, landed)
    return Cast(f"nullif(trim({as_text(value, landed)}), '')", "as it is")


def as_text(value: str, landed: str) -> str:
    """Write a landed column as text: a key of whole numbers with gaps comes as 1.0, 2.0 and NaN, and means 1 and 2.

    Examples
    --------
    >>> as_text("id", "BIGINT")
    '(id)::VARCHAR'
    """
    if landed not in _FLOATING:
        return f"({value})::VARCHAR"
    whole = f"abs({value}) < {_FLOATING[landed]} AND {value} = trunc({value})"
    integer, other = f"({value})::BIGINT::VARCHAR", f"CASE WHEN NOT isnan({value}) THEN ({value})::VARCHAR END"
    return f"CASE WHEN {whole} THEN {integer} ELSE {other} END"


def _without_unit(text: str) -> str:
    """Strip what stands around a number, so that its decimal mark can be told: a currency, a percent sign, brackets.

    Examples
    --------
    >>> _without_unit("1.000,50 €"), _without_unit("EUR 7"), _without_unit("(5)")
    ('1.000,50', '7', '5')
    """
    return re.sub(r"^[^\d.,+-]{0,6}|[^\d.,]{0,6}$", "", text)


def _number(value: str, landed: str, how: Written) -> Cast:
    if landed in _FLOATING:
        return Cast(f"CASE WHEN isfinite({value}) THEN {value}::DOUBLE END", "finite numbers")
    if _NUMBERS.match(landed):
        return Cast(f"{value}::DOUBLE", "as it is")
    if landed != "VARCHAR":
        return Cast(f"CASE WHEN {value} IS NULL THEN NULL::DOUBLE END", _UNLIKE)
    sql = _spelled_number(value, how.decimal)
    if how.decimal == ".":
        sql = f"coalesce(TRY_CAST(regexp_extract(trim({value}), {literal(_FINITE)}) AS DOUBLE), {sql})"
    return Cast(sql, f"decimal {how.decimal!r}")


def _spelled_number(value: str, decimal: str) -> str:
    """Read 1,234.50, 1.234,50 €, -5 %, (3) and 3-; a number with the other decimal mark is none.

    No part is written twice: DuckDB keeps room for each, and tables have hundreds of columns.
    """
    text = f"replace(replace(trim({value}), '\u2212', '-'), '\u2019', {literal(chr(39))})"
    bare = f"regexp_replace({text}, {literal(_AROUND)}, '\\1\\2', 'g')"
    signed = f"regexp_replace({bare}, {literal(_MINUS)}, '-\\1\\2')"
    whole = (
        f"regexp_replace(regexp_extract({signed}, {literal(NUMBER[decimal])}), {literal(GROUPING[decimal])}, '', 'g')"
    )
    point = whole if decimal == "." else f"replace({whole}, ',', '.')"
    scale = f"CASE WHEN contains({value}, '%') THEN 100 ELSE 1 END"
    return f"TRY_CAST(regexp_extract({point}, {literal(_FINITE)}) AS DOUBLE) / {scale}"


def _flag(value: str, landed: str) -> Cast:
    if landed == "BOOLEAN":
        return Cast(value, "as it is")
    text = f"lower(trim({value}::VARCHAR))"
    yes, no = (", ".join(map(literal, words)) for words in (_TRUE, _FALSE))
    return Cast(f"CASE WHEN {text} IN ({yes}) THEN true WHEN {text} IN ({no}) THEN false END", "yes or no")


def ended(time: str) -> str:
    """Read a sentinel such as 0001-01-01, 1970-01-01, 2050-01-01 or 9999-12-31 as no date."""
    return f"CASE WHEN {time} >= {_NO_START} AND {time} < {_NO_END} THEN {time} END"


def _instant(value: str, landed: str, texts: list[str], how: Written) -> tuple[str, str]:
    if landed == "TIMESTAMP WITH TIME ZONE":
        return value, "times with a zone"
    if landed.startswith("TIMESTAMP") or landed == "DATE":
        told = "days" if landed == "DATE" else f"times without a zone, read as {how.zone}"
        return f"timezone({literal(how.zone)}, {value}::TIMESTAMP)", told
    if landed == "VARCHAR":
        return _text_instant(value, texts, how)
    if landed == "BOOLEAN" or not _NUMBERS.match(landed):
        return f"CASE WHEN {value} IS NULL THEN NULL::TIMESTAMPTZ END", _UNLIKE
    return _epoch(f"{value}::DOUBLE", how.zone), _epoch_told(texts)


def _text_instant(value: str, texts: list[str], how: Written) -> tuple[str, str]:
    if any(map(names_zone, texts)):
        value = spelled_out(value)
    iso, digits = _iso(value, how.zone), [text for text in texts if _DIGITS.match(text) and not _COMPACT.match(text)]
    if texts and len(digits) == len(texts):
        return f"coalesce({_epoch(f'TRY_CAST({value} AS DOUBLE)', how.zone)}, {iso})", _epoch_told(texts)
    spelled = _spelled(value, how)
    share = sum(bool(_ISO.match(text)) for text in texts)
    suffix = "" if all(map(zoned, texts)) else f", without a zone, read as {how.zone}"
    if names := strange(texts):
        suffix = (
            f"{suffix}; {', '.join(names)} behind a time may mean several zones, or none: export it with its offset"
        )
    if any(map(_DASHES.match, texts)):
        suffix = f"{suffix}; write the year with four digits"
    if texts and share == len(texts):
        # nearly always the whole story; letters may be a zone that DuckDB takes for another one, as BST for Dhaka's
        last = f"right({value}, 1)"
        plain = f"{last} = 'Z' OR ({last} < 'A' AND NOT regexp_matches({value}, {literal(IMPOSSIBLE_OFFSET)}))"
        fast = f"TRY_CAST(CASE WHEN {plain} THEN {value} END AS TIMESTAMPTZ), "
        fast = fast if how.zone == "UTC" else ""
        return f"coalesce({fast}{iso}, {spelled})", f"ISO{suffix}"
    order = {None: "", True: ", day first", False: ", month first"}[how.dayfirst]
    number = (
        f"CASE WHEN NOT regexp_matches(trim({value}), {literal(_COMPACT.pattern)}) THEN TRY_CAST({value} AS DOUBLE) END"
    )
    mixed = f", {_epoch(number, how.zone)}" if digits else ""
    return f"coalesce({spelled}, {iso}{mixed})", f"spelled dates{order}{suffix}"


def _iso(value: str, zone: str) -> str:
    text = f"CASE WHEN substr(trim({value}), 5, 1) = '-' THEN trim({value}) END"  # 12-11-10 is no day of the year 12
    bare = f"regexp_replace({text}, '\\s*(UTC|Z|GMT)$', '')"
    tidy = f"regexp_replace({bare}, '\\s*([+-]\\d{{2}}:?\\d{{2}})$', '\\1')"
    local = f"timezone({literal(zone)}, TRY_CAST({text} AS TIMESTAMP))"
    told = f"coalesce(TRY_CAST({text} AS TIMESTAMPTZ), TRY_CAST({tidy} AS TIMESTAMPTZ))"
    naive, of_zone = f"regexp_full_match({text}, {literal(_NAIVE)})", f"regexp_matches({text}, {literal(ZONED)})"
    far = f"regexp_matches({text}, {literal(IMPOSSIBLE_OFFSET)})"
    return f"CASE WHEN {naive} THEN {local} WHEN {of_zone} AND NOT {far} THEN {told} END"


def _spelled(value: str, how: Written) -> str:
    orders = (_DAY_FIRST, _MONTH_FIRST) if how.dayfirst else (_MONTH_FIRST, _DAY_FIRST)
    days = orders[0] if how.dayfirst is not None else (*orders[0], *orders[1])
    text = f"trim({value})"
    short = _strptime(text, [day.replace("%Y", "%y") for day in days if "-" not in day])
    long = f"CASE WHEN regexp_matches({text}, '\\d') THEN {_strptime(text, [*days, *_NAMED])} END"
    parsed = f"CASE WHEN regexp_matches({text}, {literal(_SHORT_YEAR)}) THEN {short} ELSE {long} END"
    return f"timezone({literal(how.zone)}, {parsed})"


def _strptime(text: str, days: Sequence[str]) -> str:
    forms = ", ".join(literal(day + tail) for day, tail in product(days, _TAILS))
    return f"try_strptime({text}, [{forms}])"


def _epoch(number: str, zone: str) -> str:
    """Read a number since 1970, each by its size: seconds, milliseconds, microseconds or nanoseconds.

    Within the first day of 1970 lie the days of spreadsheets, whose cell has lost its format, and years and the like.
    """
    scales = " ".join(f"WHEN abs({number}) < {limit:.0f} THEN {scale}" for limit, scale, _ in _EPOCHS)
    since = f"TRY(make_timestamptz(({number} * CASE {scales} ELSE 0.001 END)::BIGINT))"
    seconds = f"to_seconds(round({number} * 86400)::BIGINT)"
    days = f"timezone({literal(zone)}, TIMESTAMP '1899-12-30' + {seconds})"
    other = f"abs({number}) < 86400 AND {number} NOT IN (0, -1)"
    return f"CASE WHEN {number} BETWEEN {_FIRST_DAY} AND {_LAST_DAY} THEN {days} WHEN NOT ({other}) THEN {since} END"


def _epoch_told(texts: list[str]) -> str:
    sizes = [abs(float(text)) for text in texts if _DIGITS.match(text)]
    usual = median(sizes) if sizes else 0.0
    if _FIRST_DAY <= usual <= _LAST_DAY:
        return "days of a spreadsheet, since 1899-12-30"
    return "unix " + next((told for limit, _, told in _EPOCHS if usual < limit), "nanoseconds")
