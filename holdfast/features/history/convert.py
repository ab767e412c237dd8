"""Values as delivered, turned into the canonical type of their column; what does not convert is named, not guessed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import DataError, did_you_mean
from holdfast.features.history.dialect import GROUPING, NUMBER, SPELLED_DATE, Dialect
from holdfast.features.time import IMPOSSIBLE_OFFSET, POSSIBLE_OFFSET

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history.tables import Column

_TRUE = ("true", "t", "yes", "y", "ja", "j", "wahr", "1", "1.0")
_FALSE = ("false", "f", "no", "n", "nein", "falsch", "0", "0.0")
_ZONE = r" ?(?:[Zz]|[+-]\d{2}(?::?\d{2})?)"
_ISO = rf"^\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d{{1,9}})?)?(?:{_ZONE})?)?$"
ZONED = rf":\d{{2}}(?:\.\d+)?(?:{_ZONE})$"
_NEVER = np.iinfo(np.int64).min
_EXACT_BITS = {16: 11, 32: 24, 64: 53}  # by width of a float: from two to this power on it skips whole numbers
_EARLIEST, _LATEST = np.datetime64("1970-01-01"), np.datetime64("2200-01-01")


@dataclass(frozen=True)
class Values:
    """A column in its canonical type, and the rows that lost something on the way.

    Attributes
    ----------
    series
        Text, float64 (numbers, flags) or ``datetime64[us, UTC]``.
    lost
        Rows whose number was not finite or whose date lies outside 1970 to 2200; read as missing. None when no row did.
    """

    series: pd.Series
    lost: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Coded:
    """Texts that have to be parsed: the distinct ones, and each row's position among them, -1 for missing."""

    distinct: pa.Array
    positions: NDArray[np.int64]

    def spread(self, values: NDArray[Any], missing: Any) -> NDArray[Any]:
        """Give each row the value of its text."""
        return np.append(values, np.asarray([missing], dtype=values.dtype))[self.positions]

    def first(self, bad: NDArray[np.bool_]) -> tuple[int, str]:
        """Give the first row whose text is bad, and that text."""
        row = int(np.argmax(self.spread(bad, False)))
        return row, str(self.distinct[int(self.positions[row])].as_py())


Raw: TypeAlias = "pa.ChunkedArray | Coded"


def coded(raw: pa.ChunkedArray, column: Column) -> Raw:
    """Prepare a delivered column: text that has to be parsed is split into distinct texts, everything else stays."""
    if column.kind == "text" or not is_textual(raw.type):
        return raw
    texts = pc.utf8_trim_whitespace(as_text(raw))
    if column.kind == "time" and (times := _at_once(texts)) is not None:
        return times
    encoded = pc.if_else(pc.equal(texts, ""), None, texts).combine_chunks().dictionary_encode()
    positions = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Coded(encoded.dictionary, positions)


def _at_once(texts: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Read plain ISO times without a zone in one go; None when there is anything else among them."""
    try:
        return texts.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return None


def convert(raw: Raw, column: Column, where: str, dialect: Dialect) -> Values:
    """Convert one delivered column to its canonical type.

    Raises
    ------
    DataError
        When a value does not convert or is not allowed, with the file, the column, the first such row and the value.
    """
    place = f"{where}, column {column.name}"
    values = {"text": _text, "number": _number, "flag": _flag, "time": _time}[column.kind](raw, place, dialect)
    _check_words(values.series, column, place)
    _check_range(values.series, column, place)
    return values


def as_text(raw: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give delivered values as text: whole numbers without a point, empty text as missing."""
    kind = raw.type
    if pa.types.is_dictionary(kind):
        raw = raw.cast(kind.value_type)
    elif pa.types.is_floating(kind):
        finite = pc.if_else(pc.is_finite(raw), raw, None)
        whole = pc.all(pc.equal(finite, pc.round(finite))).as_py() is not False
        raw = finite.cast(pa.int64()) if whole else finite
    elif pa.types.is_nested(kind):
        raw = pa.chunked_array(
            [[None if v is None else json.dumps(v, default=str) for v in raw.to_pylist()]], pa.string()
        )
    texts = raw.cast(pa.large_string())
    return pc.if_else(pc.equal(texts, ""), None, texts)


def is_textual(kind: pa.DataType) -> bool:
    """Tell whether a delivered type holds text that has to be parsed."""
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(
        test(inner)
        for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    )


def _refuse(place: str, expected: str, row: int, value: object) -> DataError:
    return DataError(
        f"{place}, row {row + 1}", expected, repr(value)[:80], "correct the value; an empty cell is missing"
    )


def inexact(raw: pa.ChunkedArray | pa.Array) -> NDArray[np.bool_]:
    """Tell which values are floats too large to be whole numbers for certain, so that they may name something else.

    Examples
    --------
    >>> inexact(pa.array([2.0**53 - 1, 2.0**53, None])).tolist()
    [False, True, False]
    """
    if not pa.types.is_floating(raw.type):
        return np.zeros(len(raw), dtype=bool)
    numbers = np.asarray(raw.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    return np.isfinite(numbers) & (np.abs(numbers) >= 2.0 ** _EXACT_BITS[raw.type.bit_width])


def _text(raw: Any, place: str, _: Dialect) -> Values:
    if (doubtful := inexact(raw)).any():
        row = int(np.argmax(doubtful))
        bits = _EXACT_BITS[raw.type.bit_width]
        expected = f"text, or numbers below 2**{bits}, up to which a {raw.type} holds every whole number"
        raise DataError(f"{place}, row {row + 1}", expected, repr(raw[row].as_py()), "deliver the column as text")
    try:
        return Values(as_text(raw).to_pandas().rename(None))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:  # Arrow has no such cast
        raise DataError(place, "text", f"{raw.type} ({error})"[:120], "deliver the column as text") from error


def _number(raw: Raw, place: str, dialect: Dialect) -> Values:
    if isinstance(raw, Coded):
        return _read_numbers(raw, place, dialect)
    try:
        numbers = raw.cast(pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:  # Arrow has no such cast
        raise DataError(place, "numbers", str(raw.type), "deliver the column as numbers") from error
    return _finite(numbers.to_numpy(), pc.invert(pc.is_finite(numbers)).fill_null(False).to_numpy())


def _read_numbers(raw: Coded, place: str, dialect: Dialect) -> Values:
    mark, plain = dialect.decimal, raw.distinct
    endless = _mask(pc.match_substring_regex(plain, r"^(?i)[+-]?(nan|inf|infinity)$"))
    bad = ~(
        _mask(pc.match_substring_regex(plain, NUMBER[mark])) & _mask(pc.match_substring_regex(plain, r"\d")) | endless
    )
    if bad.any():
        raise _refuse(place, f"a number with decimal {mark!r}", *raw.first(bad))
    digits = pc.replace_substring(pc.replace_substring_regex(plain, GROUPING[mark], ""), mark, ".")
    numbers = digits.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return _finite(raw.spread(numbers, np.nan), raw.spread(endless, False))


def _mask(found: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


def _finite(numbers: NDArray[np.float64], lost: NDArray[np.bool_]) -> Values:
    numbers = np.where(np.isfinite(numbers), numbers + 0.0, np.nan)
    return Values(pd.Series(numbers), lost if lost.any() else None)


def _flag(raw: Raw, place: str, dialect: Dialect) -> Values:
    if isinstance(raw, Coded):
        said = {**dict.fromkeys(_TRUE, 1.0), **dict.fromkeys(_FALSE, 0.0)}
        flags = np.array([said.get(text.lower(), np.nan) for text in raw.distinct.to_pylist()], dtype=float)
        if np.isnan(flags).any():
            raise _refuse(place, "true or false", *raw.first(np.isnan(flags)))
        return Values(pd.Series(raw.spread(flags, np.nan)))
    values = _number(raw.cast(pa.int8()) if pa.types.is_boolean(raw.type) else raw, place, dialect)
    odd = ~values.series.isin([0.0, 1.0, np.nan]).to_numpy()
    if odd.any():
        row = int(np.argmax(odd))
        raise _refuse(place, "true or false", row, float(values.series.iloc[row]))
    return values


def _time(raw: Raw, place: str, dialect: Dialect) -> Values:
    if isinstance(raw, Coded):
        return _read_times(raw, place, dialect)
    if not (pa.types.is_timestamp(raw.type) or pa.types.is_date(raw.type)):
        raise DataError(place, "times", str(raw.type), "deliver ISO times, or a timestamp or date type")
    times = raw.cast(pa.timestamp("us", getattr(raw.type, "tz", None)), safe=False)
    return _in_range(times.cast(pa.int64()).fill_null(_NEVER).to_numpy().view("M8[us]"))


def _read_times(raw: Coded, place: str, dialect: Dialect) -> Values:
    iso = _iso(raw.distinct, dialect)
    zoned = _mask(pc.match_substring_regex(iso, ZONED))
    naive = _mask(pc.match_substring(iso, ":")) & ~zoned
    if zoned.any() and naive.any():
        row, text = raw.first(naive)
        found = f"times with a zone and, first in row {row + 1}, one without: {text!r}"
        raise DataError(place, "times that all carry a zone, or none", found, "add the zone to every time")
    # pandas would guess at what is not shaped like ISO 8601
    far = _mask(pc.match_substring_regex(iso, IMPOSSIBLE_OFFSET))
    if far.any():
        raise _refuse(place, f"a time with {POSSIBLE_OFFSET}", *raw.first(far))
    shaped = pc.if_else(pc.match_substring_regex(iso, _ISO), iso, None).to_pandas().astype(object)
    stamps = pd.DatetimeIndex(pd.to_datetime(shaped, format="ISO8601", utc=True, errors="coerce")).as_unit("us")
    instants = stamps.tz_localize(None).to_numpy()
    if np.isnat(instants).any():
        order = {None: "", True: ", day first", False: ", month first"}[dialect.dayfirst]
        raise _refuse(place, f"a date or time{order}", *raw.first(np.isnat(instants)))
    return _in_range(raw.spread(instants, np.datetime64("NaT")))


def _iso(texts: pa.Array, dialect: Dialect) -> pa.Array:
    """Rewrite 31.12.2025 and 12/31/2025 as 2025-12-31; leave everything else."""
    if dialect.dayfirst is None:
        return texts
    padded = pc.replace_substring_regex(texts, r"^(\d)([./-])", r"0\1\2")
    padded = pc.replace_substring_regex(padded, r"^(\d{2}[./-])(\d[./-])", r"\10\2")
    order = r"\4-\3-\1" if dialect.dayfirst else r"\4-\1-\3"
    dates = pc.replace_substring_regex(padded, SPELLED_DATE, order + " ")
    dates = pc.replace_substring_regex(dates, r"^(\d{4}-\d{2}-\d{2}) +(\d):", r"\1 0\2:")
    return pc.utf8_trim_whitespace(dates)


def _in_range(instants: NDArray[np.datetime64]) -> Values:
    lost = (instants < _EARLIEST) | (instants >= _LATEST)
    kept = np.where(lost, np.datetime64("NaT"), instants) if lost.any() else instants
    return Values(pd.Series(kept).dt.tz_localize("UTC"), lost if lost.any() else None)


def _check_words(series: pd.Series, column: Column, place: str) -> None:
    if not column.words:
        return
    wrong = [word for word in series.dropna().unique() if word not in column.words]
    if wrong:
        row = int(np.argmax((series == wrong[0]).to_numpy(dtype=bool, na_value=False)))
        expected = f"one of {', '.join(column.words)}"
        raise DataError(
            f"{place}, row {row + 1}", expected, repr(wrong[0])[:80], did_you_mean(str(wrong[0]), column.words)
        )


def _check_range(series: pd.Series, column: Column, place: str) -> None:
    if column.within is None:
        return
    low, high = column.within
    outside = ((series < low) | (series > high)).to_numpy()
    if outside.any():
        row = int(np.argmax(outside))
        raise _refuse(place, f"a number from {low:g} to {high:g}", row, float(series.iloc[row]))
