"""Finding the files under the places given, in one order, and which of them are parts of one table."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.errors import DataError
from holdfast.features.database.fetched import STATE, parts_of
from holdfast.features.history.ingest import MAPPING
from holdfast.features.landed.archives import unpacked
from holdfast.features.landed.naming import format_of, hidden, no_data, numbered, part_like, stem_of
from holdfast.findings import Finding

# what a mapping leaves beside its file
_OWN = (
    "history",
    "store",
    "captured",
    "quarantine",
    "sql",
    "out",
    "id_map.csv",
    "unmatched.csv",
    "manual.csv",
    "profile.csv",
)


@dataclass(frozen=True)
class Found:
    """A file with data.

    Attributes
    ----------
    above
        The names of the folders between the place and the file.
    place
        The name of the place.
    """

    path: Path
    format: str
    above: tuple[str, ...]
    place: str


@dataclass(frozen=True)
class Unit:
    """The files that are one table, and what it is called."""

    name: str
    folder: str
    stem: str
    paths: tuple[Path, ...]
    format: str


def unread(where: str, reason: str) -> Finding:
    """Tell of a file that is left unread."""
    return Finding("HF042", where.encode("utf-8", "backslashreplace").decode(), 1, f"it was left unread: {reason}")


def walk(places: Sequence[Path], scratch: Path) -> tuple[list[Found], list[Finding]]:
    """List the files with data.

    Raises
    ------
    DataError
        When a place does not exist.
    """
    found: list[Found] = []
    findings: list[Finding] = []
    for place in places:
        top = Path(os.path.abspath(place))  # noqa: PTH100 # a place that is itself a link keeps its name
        if not top.exists():
            raise DataError(str(place), "a file or folder", "none", "check the path")
        if top.is_dir():
            entries = files_below(top.resolve(), (), findings)
            inner = [(path, above) for path, above in entries if path.resolve() != scratch.resolve()]
        else:
            inner = [(top, ())]
        name = top.name if top.is_dir() else top.parent.name
        for path, above in inner:
            found += _sorted_out(path, above, name, scratch, findings)
    return found, findings


def files_below(
    folder: Path, above: tuple[str, ...], findings: list[Finding]
) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """List the files under a folder, but for those that holdfast made; links are not followed."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as problem:
        findings.append(unread(str(folder), problem.strerror or "it cannot be opened"))
        return
    if any(entry.name == STATE for entry in entries):
        yield from ((path, (*above, name)) for name, paths in parts_of(folder).items() for path in paths)
        return
    own = _OWN if any(entry.name == MAPPING for entry in entries) else ()
    for entry in entries:
        if hidden(entry.name) or entry.name in own:
            continue
        path = Path(entry.path)
        if entry.is_symlink():
            findings.append(unread(entry.path, _link(path, folder, len(above))))
        elif entry.is_dir(follow_symlinks=False):
            yield from files_below(path, (*above, entry.name), findings)
        else:
            yield path, above


def _link(path: Path, folder: Path, depth: int) -> str:
    """Say why a link is not followed."""
    top = folder.parents[depth - 1] if depth else folder
    try:
        inside = path.resolve().is_relative_to(top)
    except (OSError, RuntimeError):
        return "a link that leads nowhere"
    return "a link within the folder; what it leads to is read where it lies" if inside else "a link that leads outside"


def _sorted_out(
    path: Path, above: tuple[str, ...], place: str, scratch: Path, findings: list[Finding]
) -> Iterator[Found]:
    stem, kind = format_of(path.name)
    problem = _unfit(path, kind)
    if problem is not None:
        findings += [unread(str(path), problem)] * bool(problem)
    elif kind == "zip":
        try:
            folder = unpacked(path, scratch)
        except DataError as refused:
            findings.append(unread(str(path), f"expected {refused.expected}, found {refused.found}"))
            return
        for inner, inside in list(files_below(folder, (*above, stem), findings)):
            if inner.name.lower().endswith(".zip"):
                findings.append(unread(str(inner), "an archive within an archive"))
            else:
                yield from _sorted_out(inner, inside, place, scratch, findings)
    elif kind is not None:
        yield Found(path, kind, above, place)


def _unfit(path: Path, kind: str | None) -> str | None:
    """Say why a file cannot hold a table: an empty text when that goes without saying, none when it can."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "its name is no UTF-8"
    if kind is None or (kind == "csv" and no_data(path.name)):
        return "" if no_data(path.name) else "its ending is not known"
    if not path.is_file():
        return "no regular file"
    return None if os.access(path, os.R_OK) else "reading it is not allowed"


def units(files: Sequence[Found]) -> list[Unit]:
    """Put parts together and give every table a name of its own, in the order of the files."""
    grouped: dict[tuple[object, ...], list[Found]] = {}
    mixed = {(one.place, one.path.parent) for one in files if not _part(one)}
    for one in files:
        folder = _folder_of_parts(one)
        alone = one.format == "xlsx" or not _part(one) or (one.place, one.path.parent) in mixed or folder is None
        grouped.setdefault((one.path,) if alone else (one.place, folder, one.format), []).append(one)
    made = [_unit(key, members) for key, members in grouped.items()]
    return _named_apart(made, [members[0] for members in grouped.values()])


def _part(one: Found) -> bool:
    return part_like(format_of(one.path.name)[0], one.above[-1] if one.above else one.place)


def _folder_of_parts(one: Found) -> tuple[str, ...] | None:
    """Climb to the folder that bears the table's name: past dates and key=value."""
    above = one.above
    while above and numbered(above[-1]):
        above = above[:-1]
    return above or None


def _unit(key: tuple[object, ...], members: list[Found]) -> Unit:
    first = members[0]
    parted = len(key) > 1
    above = (_folder_of_parts(first) or ()) if parted else first.above
    last = above[-1] if parted else format_of(first.path.name)[0]
    folders = above[:-1] if parted else above
    shown = first.path.name if first.format == "xlsx" else last
    folder = "/".join(folders or (first.place,)).lower()
    return Unit("/".join((*folders, shown)), folder, stem_of(last), tuple(one.path for one in members), first.format)


def _named_apart(made: list[Unit], firsts: list[Found]) -> list[Unit]:
    """Tell tables of one name apart: by their ending, by the place, then by a number."""

    def endings(unit: Unit, first: Found) -> str:
        return unit.name if unit.format == "xlsx" else f"{unit.name}{_ending(first.path.name)}"

    for spell in (endings, lambda unit, first: f"{first.place}/{unit.name}"):
        spelled = [spell(unit, first) for unit, first in zip(made, firsts, strict=True)]
        before, after = Counter(unit.name for unit in made), Counter(spelled)
        made = [
            replace(unit, name=name) if before[unit.name] > 1 and after[name] == 1 else unit
            for unit, name in zip(made, spelled, strict=True)
        ]
    taken: Counter[str] = Counter()
    for place, unit in enumerate(made):
        taken[unit.name] += 1
        if taken[unit.name] > 1:
            made[place] = replace(unit, name=f"{unit.name} ({taken[unit.name]})")
    return made


def _ending(name: str) -> str:
    return name[len(format_of(name)[0]) :]
