"""Drift of a source's columns from one capture to the next, told with the likely new name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from holdfast.errors import did_you_mean
from holdfast.features.capture.log import Log
from holdfast.features.capture.naming import same
from holdfast.findings import Finding

BOOKKEEPING = (
    *("_fivetran_synced", "_dlt_load_id", "_dlt_id", "_airbyte_*", "_fetched_at", "_sdc_*"),
    *("holdfast_*", "propert*holdfast_*"),  # what write-back fills
)


@dataclass(frozen=True)
class Drift:
    """Which columns have appeared and vanished, in their order there."""

    appeared: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()


def is_bookkeeping(column: str, ignore: Iterable[str]) -> bool:
    """Tell whether a column is about the load and not about the row.

    Examples
    --------
    >>> is_bookkeeping("_airbyte_raw_id", BOOKKEEPING), is_bookkeeping("plan", BOOKKEEPING)
    (True, False)
    """
    return any(fnmatchcase(same(column), same(pattern)) for pattern in ignore)


def drift(before: Sequence[str], now: Sequence[str], ignore: Sequence[str]) -> Drift:
    """Compare the columns of two captures, load bookkeeping aside.

    Examples
    --------
    >>> drift(["id", "plan"], ["ID", "plan_name", "_dlt_id"], BOOKKEEPING)
    Drift(appeared=('plan_name',), vanished=('plan',))
    """
    had, has = ({same(name) for name in names} for names in (before, now))
    new = (name for name in now if same(name) not in had and not is_bookkeeping(name, ignore))
    old = (name for name in before if same(name) not in has and not is_bookkeeping(name, ignore))
    return Drift(tuple(new), tuple(old))


def drifted(log: Log) -> Iterator[Finding]:
    """Tell of the captures from which on columns are missing that the source had, as far as they are not back."""
    there = {same(name) for name in log.columns}
    for one in log.entries:
        if gone := [name for name in one.vanished if same(name) not in there]:
            shown = "; ".join(f"{name[:40]!r}{_renamed(name, one.appeared)}" for name in gone)
            told = f"columns gone since {one.at:%Y-%m-%d}: {shown}"
            others = ", ".join(repr(name[:40]) for name in one.appeared)
            yield Finding("HF060", log.table, len(gone), f"{told}; new then: {others or 'none'}")


def _renamed(name: str, appeared: Sequence[str]) -> str:
    hint = did_you_mean(name, appeared) if appeared else ""
    return f" ({hint})" if hint.startswith("did you mean") else ""
