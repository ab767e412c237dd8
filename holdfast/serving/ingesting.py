"""Ingesting: a folder of files becomes a store, or one more delivery of a store that is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from holdfast.errors import UsageError
from holdfast.features.history import History
from holdfast.features.history.money import Rates
from holdfast.features.history.stored import StoredHistory, is_store


def ingest(source: Path, store: Path, buckets: int | None, compact: bool, rates: Rates | None = None) -> dict[str, Any]:
    """Build a store, or append to it when it exists, and sum up what it holds.

    Raises
    ------
    UsageError
        When buckets are given for a store that is cut already.
    """
    if not is_store(store):
        return _summary(History.build(source, store, buckets=buckets, rates=rates), "built", source)
    if buckets is not None:
        do = "leave --buckets out, or build another store"
        raise UsageError("--buckets", "none for a store that is cut already", str(buckets), do)
    before = History.open(store)
    after = before.append(source, rates=rates)
    fresh = len(after.parts) > len(before.parts)
    if compact:
        after = after.compact()
    changed = after.manifest.generation > before.manifest.generation
    return _summary(after, "appended" if fresh else "compacted" if changed else "nothing to do", source)


def rates_from(currency: str | None, told: Sequence[str]) -> Rates | None:
    """Read rates such as ``USD=0.92``; none where no currency is named.

    Raises
    ------
    UsageError
        When a rate is not written like that, or none names the currency.

    Examples
    --------
    >>> rates_from("EUR", ["USD=0.92"])
    Rates(currency='EUR', worth={'USD': 0.92})
    """
    if currency is None:
        if told:
            raise UsageError("--rate", "a currency beside it", "none", "add --currency EUR")
        return None
    worth = {}
    for one in told:
        code, _, rate = one.partition("=")
        try:
            worth[code] = float(rate)
        except ValueError:
            raise UsageError("--rate", "CODE=NUMBER", repr(one), "write it like USD=0.92") from None
    return Rates(currency, worth)


def _summary(history: StoredHistory, done: str, source: Path) -> dict[str, Any]:
    parts = history.manifest.parts
    return {
        "done": done,
        "source": str(source),
        "store": str(history.folder),
        "parts": len(parts),
        "buckets": len(history.manifest.buckets),
        "rows": {name: sum(part.rows.get(name, 0) for part in parts) for name in history.manifest.columns},
        "ready": history.ready,
    }


def told(summary: dict[str, Any]) -> str:
    """Say what was done in a line.

    Examples
    --------
    >>> told({"done": "nothing to do", "source": "in", "store": "out"})
    'nothing to do: the files of in were delivered to out before'
    """
    if summary["done"] == "nothing to do":
        return f"nothing to do: the files of {summary['source']} were delivered to {summary['store']} before"
    rows = sum(summary["rows"].values())
    waiting = "" if summary["ready"] else "; --compact makes it fast to read again"
    where = f"{summary['store']} ({summary['parts']} parts, {summary['buckets']} buckets, {rows:,} rows)"
    return f"{summary['done']}: {where}{waiting}"
