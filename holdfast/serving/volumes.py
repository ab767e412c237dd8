"""How much the last runs were made of: an extract that has shrunk is refused before anything is learned or served.

Each run leaves the number of rows of every table, how far they reach, and the rows of each month, in ``volumes.json``
of the workspace, newest last. A history grows: what happened stays. A table that holds far fewer rows than it did at
the last runs is half an extract, not a company in decline.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from statistics import median
from typing import TYPE_CHECKING, Any

from holdfast.errors import DataError
from holdfast.findings import Finding
from holdfast.serving.contract.tally import SHOWN, counted, month_name, months_of
from holdfast.serving.workspace import Workspace, canonical_json, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.features.history import History

logger = logging.getLogger("holdfast.volumes")

LAST = 5  # runs
KEPT = 0.7  # of the rows of the last runs; half an extract is well below, and old months that fall away well above
FEWEST_ROWS = 50

Volume = dict[str, Any]
"""One run: ``strict_clock``, and by table ``rows``, ``known_last`` and ``months`` (of what was known on its day)."""


def volume(history: History, *, strict_clock: bool, known: History | None = None) -> Volume:
    """Count the rows of a history by table, and by month in which they happened.

    Parameters
    ----------
    known
        The history as known on the day of the run, of which months are counted: its rows are laid out already.
    """
    months: dict[str, Counter[int]] = {name: Counter() for name in history.tables}
    day = history if known is None else known
    for bucket in day.buckets():
        for name in day.tables:
            counts = months[name]
            found = counted(months_of(bucket.records(name, ()).at))
            counts.update({month: rows for (month,), rows in found.items()})
    tables = {
        name: {
            "rows": history.facts_of(name).rows,
            "known_last": history.watermark(name).isoformat(),
            "months": {month_name(month): counts[month] for month in sorted(counts)},
        }
        for name, counts in months.items()
    }
    return {"strict_clock": strict_clock, "tables": tables}


def last_volumes(place: Workspace, *, strict_clock: bool) -> list[Volume]:
    """Read the volumes of the last runs under the same clock, newest last; none where nothing whole is there."""
    try:
        runs = json.loads(_file(place).read_bytes())["runs"]
        alike = [one for one in runs if one["strict_clock"] == strict_clock]
        return [one for one in alike if all(_whole(table) for table in one["tables"].values())][-LAST:]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        logger.warning("%s cannot be read (%s): the extract is not compared with the last runs", _file(place), problem)
        return []


def shrunk(history: History, before: Sequence[Volume]) -> Iterator[Finding]:
    """Tell which tables hold far fewer rows than at the last runs, and which of their months have lost most."""
    usual: dict[str, list[int]] = {}
    for one in before:
        for name, table in one["tables"].items():
            usual.setdefault(name, []).append(table["rows"])
    for name, rows in sorted(usual.items()):
        had, now = int(median(rows)), history.facts_of(name).rows if name in history else 0
        if had >= FEWEST_ROWS and now < KEPT * had:
            told = f"{now} rows, where the last {len(rows)} runs had {had}{_months(history, name, before)}"
            yield Finding("HF051", name, had - now, told)


@contextmanager
def guarded(
    place: Workspace,
    history: History,
    known: History,
    *,
    strict_clock: bool,
    allow_shrink: bool,
    writing: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Iterator[None]:
    """Refuse a history that has shrunk since the last runs; remember its volume when the run ends well.

    Parameters
    ----------
    history
        The whole extract as read, whatever day is looked at.
    known
        The same as known on that day.
    allow_shrink
        Whether to let it through, this once; it is what later runs are compared with.
    writing
        What holds the workspace while the volume is written, for a run that does not hold it all the time.

    Raises
    ------
    DataError
        When a table has shrunk; nothing is written.
    """
    before = last_volumes(place, strict_clock=strict_clock)
    found = list(shrunk(history, before))
    for one in found if allow_shrink else ():
        logger.warning("%s", one)
    if found and not allow_shrink:
        told = "; ".join(f"{one.where}: {one.message}" for one in found)
        expected = f"at least {KEPT:.0%} of the rows of the last runs"
        do = "deliver the whole extract; if it is meant to be smaller, run once with --allow-shrink"
        raise DataError("the extract", expected, told, do)
    yield
    new = volume(history, strict_clock=strict_clock, known=known)
    with writing():
        _remember(place, new, forget=bool(found))


def _remember(place: Workspace, new: Volume, *, forget: bool) -> None:
    """Keep the volume as the newest of its clock, without the former ones where those are no measure any more."""
    strict = bool(new["strict_clock"])
    same = [] if forget else last_volumes(place, strict_clock=strict)
    if not same or same[-1] != new:
        other = last_volumes(place, strict_clock=not strict)
        write_atomic(_file(place), canonical_json({"runs": [*other, *same[-(LAST - 1) :], new]}))


def _months(history: History, name: str, before: Sequence[Volume]) -> str:
    """Name the months that have lost most rows since the last run."""
    then = before[-1]["tables"].get(name, {"months": {}})["months"]
    now: Mapping[str, int] = {}
    if name in history:
        now = volume(history, strict_clock=False)["tables"][name]["months"]
    lost = {month: rows - now.get(month, 0) for month, rows in then.items() if rows > now.get(month, 0)}
    worst = sorted(lost, key=lambda month: (-lost[month], month))[:SHOWN]
    shown = ", ".join(f"{month} {now.get(month, 0)} of {then[month]}" for month in worst)
    return f" (worst months: {shown})" if shown else ""


def _whole(table: Any) -> bool:
    numbers = [table["rows"], *table["months"].values()]
    return all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in numbers)


def _file(place: Workspace) -> Path:
    return place.root / "volumes.json"
