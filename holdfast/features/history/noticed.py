"""What was noticed in single rows, counted for exactly the rows that are left, and told as findings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from holdfast.features.history.defaults import BASIS, CLAMPED, FLAGS, LOST, UNDATED, default_bit
from holdfast.features.history.facts import MOST, Facts
from holdfast.features.history.lookalikes import ALIKE, alike
from holdfast.features.history.money import MONEY
from holdfast.features.history.tables import BASES, NO_CURRENCY, PROGRESS, SOURCE_ID, TABLES, Table
from holdfast.features.time import FOREVER, instants, micros
from holdfast.findings import Finding

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

FLOATED = r"(?:0|[1-9]\d{0,14})\.0"
"""A key that is a whole number, as a column of floats writes it."""
WHOLE = (
    "write keys as whole numbers (in pandas: astype('Int64')), or let `holdfast map` read the files, to which 1.0 is 1"
)
_SPANS = (("valid_from", "valid_to"), ("term_start", "term_end"), ("notice_at", "ended_at"))
_SAME_DAY = np.timedelta64(1, "D")
_BITS = {"HF007": LOST, "HF010": CLAMPED, "HF017": UNDATED}
_WORDS = {
    "HF002": "have no known_at; the event's time is taken",
    "HF007": "hold a number that is not finite or a date outside 1970 to 2199",
    "HF010": "happened after they were known",
    "HF017": "hold values that were overwritten without a date",
    "HF072": "have an end that is not after its beginning: {spans}",
}


def tally(table: Table, frame: pd.DataFrame, at: NDArray[np.int64]) -> Facts:
    """Count the defaults, the losses and the oddities of the rows that are left, and see how far they reach.

    Parameters
    ----------
    at
        When each row happened.
    """
    if not len(frame):
        return Facts()
    flags, known = frame[FLAGS].to_numpy(), micros(frame["known_at"])
    assumed = frame[BASIS].to_numpy() == BASES.index("assumed")
    return Facts(
        rows=len(frame),
        known_first=int(known.min()),
        known_last=int(known.max()),
        told_last=int(known[~assumed].max(initial=-FOREVER)),
        happened_first=int(at.min()),
        assumed=int(assumed.sum()),
        counts={code: int(((flags & bit) > 0).sum()) for code, bit in _BITS.items()}
        | {"HF002": int(assumed.sum()), "HF072": _backward(frame)},
        defaults={name: int(((flags & default_bit(table, name)) > 0).sum()) for name in table.defaulted}
        | {name: len(frame) for name in ("source", SOURCE_ID) if name not in frame},
        currencies=_currencies(table.name, frame),
        bases=_bases(frame),
        bases_since=_bases_since(frame, known),
        filled=tuple(sorted(name for name in table.columns if name in frame and frame[name].notna().any())),
    )


def _currencies(name: str, frame: pd.DataFrame) -> dict[str, int]:
    amount = next(iter(MONEY.get(name, ())), "")
    if not {"currency", amount} <= set(frame):
        return {}
    paid = frame["currency"][frame[amount].notna()].astype("str").str.strip().str.upper()
    return {str(one): int(count) for one, count in paid[~paid.isin([NO_CURRENCY, ""])].value_counts(sort=False).items()}


def _bases(frame: pd.DataFrame) -> dict[str, int]:
    counted = np.bincount(frame[BASIS].to_numpy(), minlength=len(BASES)).tolist()
    return {name: rows for name, rows in zip(BASES, counted, strict=True) if rows}


def _bases_since(frame: pd.DataFrame, known: NDArray[np.int64]) -> dict[str, int]:
    codes = frame[BASIS].to_numpy()
    return {BASES[code]: int(known[codes == code].min()) for code in np.unique(codes).tolist()}


def _backward(frame: pd.DataFrame) -> int:
    """Count the rows that end before they begin; a notice may come on the day of the end, whatever the hour."""
    wrong = np.zeros(len(frame), dtype=bool)
    for begin, end in (pair for pair in _SPANS if set(pair) <= set(frame)):
        late = frame[end] + _SAME_DAY < frame[begin] if end == "ended_at" else frame[end] <= frame[begin]
        wrong |= late.to_numpy(dtype=bool)
    return int(wrong.sum())


def supplied(table: Table, facts: Facts) -> frozenset[str]:
    """Give the canonical columns that hold a value which is no default."""
    candidates = (*(name for name in table.columns if name in facts.filled), "known_basis")
    return frozenset(n for n in candidates if n not in table.defaulted or facts.defaults.get(n, 0) < facts.rows)


def findings_of(facts: Mapping[str, Facts], accounts: Iterable[str]) -> Iterator[Finding]:
    """Tell what the facts of each table show.

    Parameters
    ----------
    accounts
        The ids that are known.
    """
    for name, one in facts.items():
        yield from _left_out(name, one, accounts)
        if one.rows:
            yield from _noticed(TABLES[name], one)


def _left_out(name: str, one: Facts, accounts: Iterable[str]) -> Iterator[Finding]:
    if one.late:
        first = instants(np.array([one.late_first]))[0]
        after = f"{one.late} of {one.landed} rows are dated {first:%Y-%m-%d} or later"
        yield Finding("HF006", name, one.late, after)
    if dateless := one.undated - one.outside:
        yield Finding("HF005", name, dateless, f"{dateless} accounts have neither a date nor any record")
    if one.outside:
        told = f"{one.outside} accounts are dated outside 1970 to 2199 and have no record, and were left out"
        yield Finding("HF007", name, one.outside, told)
    present = one.landed - one.late - one.undated
    if one.unknown:
        shown = ", ".join(f"{text[:80]!r} ({count})" for text, count in one.unknown_most[:MOST])
        why, do = _why_unknown(one, accounts)
        told = f"{one.unknown} of {present} rows, of {one.unknown_ids} ids: {shown}{why and f'; {why}'}"
        yield Finding("HF004", name, one.unknown, told, do)
    if one.repeated:
        told = f"{one.repeated} of {present - one.unknown} rows repeat another in full"
        yield Finding("HF008", name, one.repeated, told)


def _why_unknown(one: Facts, accounts: Iterable[str]) -> tuple[str, str]:
    """Give the cause for which accounts are unknown, where it shows, and what to do about it."""
    names = [text for text, _ in one.unknown_most]
    if all(re.fullmatch(FLOATED, text) for text in names):
        return "1.0 is not read as 1", WHOLE
    why = alike(names, one.unknown_ids, accounts)
    return why, ALIKE if why else ""


def _noticed(table: Table, one: Facts) -> Iterator[Finding]:
    worked_out = {column.name for column in table.columns.values() if column.default == PROGRESS}
    given = {
        name: one.defaults[name]
        for name in ("source", SOURCE_ID, *table.defaulted)
        if one.defaults.get(name) and name != "known_at" and name not in worked_out
    }
    if given:
        told = ", ".join(f"{name} ({count})" for name, count in given.items())
        most = max(count for name, count in one.defaults.items() if name not in worked_out)
        yield Finding("HF001", table.name, most, f"rows given a default: {told}")
    for code, words in _WORDS.items():
        if count := one.counts.get(code, 0):
            spans = ", ".join(f"{end} and {begin}" for begin, end in _SPANS if {begin, end} <= set(table.columns))
            yield Finding(code, table.name, count, f"{count} of {one.rows} rows {words.format(spans=spans)}")
    if len(one.currencies) > 1:
        paid = sorted(one.currencies.items(), key=lambda of: (-of[1], of[0]))
        shown = ", ".join(f"{currency[:10]!r} ({count})" for currency, count in paid[:MOST])
        what = f"amounts are kept as delivered, in {len(paid)} currencies: {shown}"
        yield Finding("HF018", table.name, len(paid), what)
