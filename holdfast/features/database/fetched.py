"""The folder of fetched tables: a folder of Parquet parts per table, and ``fetched.json``, which lists what counts.

``fetched.json`` is replaced last, in one step. Whoever reads the folder asks `parts_of`: a part that is not listed is
left over from a fetch that was killed, and the next fetch removes it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from holdfast.errors import DataError, UsageError
from holdfast.safely import LOCK, TEMPORARY, flush, sha256_of, write_safely

STATE = "fetched.json"
STAGE = f"{TEMPORARY}fetch"
PART = re.compile(r"\d{4,9}\.parquet")
_UNSAFE = re.compile(r'[<>:"/\\|?*%.\x00-\x1f\x7f]|^ | $')


class Part(BaseModel):
    """One file of rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(pattern=rf"^{PART.pattern}$")
    rows: int = Field(ge=0)
    sha256: str


class Landed(BaseModel):
    """What is known of one table that was fetched.

    Attributes
    ----------
    watermark, until
        The column that dates changes, and the last value seen; None when the table is read whole.
    columns
        The columns of its parts, each with its Arrow type.
    fetched_at
        The instant of its last fetch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: str | None = Field(alias="schema")
    name: str
    watermark: str | None
    until: str | None
    columns: dict[str, str]
    fetched_at: str
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """How many rows its parts hold."""
        return sum(part.rows for part in self.parts)


class State(BaseModel):
    """What a folder of fetched tables holds, by the name of the folder of each table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = Field(default=1, ge=1, le=1)
    source: str
    tables: dict[str, Landed] = {}

    def write(self, folder: Path) -> None:
        """Replace the file in one step."""
        write_safely(folder / STATE, (self.model_dump_json(by_alias=True, indent=2) + "\n").encode())


def folder_of(schema: str | None, name: str) -> str:
    """Name the folder of a table; what a file system might not bear stands as ``%XX``.

    Examples
    --------
    >>> folder_of(None, "invoices"), folder_of("crm", "Odd/Name v1.2")
    ('invoices', 'crm.Odd%2FName v1%2E2')
    """
    parts = (name,) if schema is None else (schema, name)
    return ".".join(_UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", part) for part in parts)


def read_state(folder: Path) -> State | None:
    """Read what a folder holds; None when nothing was fetched into it.

    Raises
    ------
    DataError
        When the file is damaged.
    """
    path = folder / STATE
    try:
        return State.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False)[0]
        found = f"{'.'.join(str(one) for one in first['loc'])}: {first['msg']}"
    except OSError as problem:
        found = problem.strerror or str(problem)
    raise DataError(str(path), "the list of what was fetched", found, "restore it, or fetch into a new folder")


def parts_of(folder: Path, *, whole: bool = False) -> dict[str, list[Path]]:
    """List the parts that count, by table, the oldest first; with their every byte checked when `whole`.

    Raises
    ------
    DataError
        When nothing was fetched into the folder, or a part is absent or not what was written.
    """
    state = read_state(folder)
    if state is None:
        raise DataError(str(folder), f"a folder of fetched tables, with {STATE}", "none", "fetch into it first")
    return {name: sound(folder / name, landed, whole=whole) for name, landed in state.tables.items()}


def sound(folder: Path, landed: Landed, *, whole: bool = True) -> list[Path]:
    """List the parts of one table, once they are what was written.

    Raises
    ------
    DataError
        When one is absent or has other bytes.
    """
    paths = [folder / part.file for part in landed.parts]
    for path, part in zip(paths, landed.parts, strict=True):
        found = None if path.is_file() and not path.is_symlink() else "none"
        if found is None and whole and sha256_of(path) != part.sha256:
            found = "other bytes"
        if found is not None:
            do = "restore it from a backup, or fetch into a new folder"
            raise DataError(str(path), "the part that was written", found, do)
    return paths


def begin(folder: Path, source: str) -> State:
    """Take up a folder: a new one, or one that was fetched into before.

    Raises
    ------
    UsageError
        When the folder holds something else, or tables of another database.
    """
    state = read_state(folder)
    if state is None:
        strange = sorted(
            one.name for one in folder.iterdir() if one.name != LOCK and not one.name.startswith(TEMPORARY)
        )
        if strange:
            found = ", ".join(strange[:5])
            raise UsageError(str(folder), "a new or empty folder", found, "name another folder for what is fetched")
    if state is None or not state.tables:
        state = State(source=source)
        state.write(folder)
    if state.source != source:
        do = "fetch every database into a folder of its own"
        raise UsageError(str(folder), f"tables of {state.source}", f"another database, {source}", do)
    clean_stage(folder)
    for name, landed in state.tables.items():
        sweep(folder / name, landed)
    return state


def clean_stage(folder: Path) -> Path:
    """Give an empty place for parts that do not count yet."""
    stage = folder / STAGE
    if stage.is_symlink():
        stage.unlink()
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()
    return stage


def sweep(folder: Path, landed: Landed | None) -> None:
    """Remove parts that are not listed; what has another name than a part stays."""
    if not folder.is_dir() or folder.is_symlink():
        return
    kept = {part.file for part in landed.parts} if landed else set()
    for path in folder.iterdir():
        if PART.fullmatch(path.name) and path.name not in kept:
            path.unlink()


def publish(folder: Path, state: State, new: Mapping[str, Landed], staged: Iterable[Path]) -> State:
    """Have the staged parts count: move them to their tables, replace the state, remove what it no longer lists."""
    for name in new:
        if (folder / name).is_symlink():
            raise UsageError(str(folder / name), "a folder", "a link", "remove the link")
        (folder / name).mkdir(exist_ok=True)
        sweep(folder / name, state.tables.get(name))
    for path in staged:
        path.replace(folder / path.parent.name / path.name)
    for name in new:
        flush(folder / name)
    after = state.model_copy(update={"tables": dict(sorted({**state.tables, **new}.items()))})
    after.write(folder)
    for name, landed in new.items():
        sweep(folder / name, landed)
    shutil.rmtree(folder / STAGE, ignore_errors=True)
    return after
