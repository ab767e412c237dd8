"""What a mapping makes, kept beside its file: made anew when a file, the mapping or its SQL has changed."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from holdfast.errors import DataError, did_you_mean
from holdfast.features.history import History
from holdfast.features.history.leaving_out import LeftOut
from holdfast.features.history.money import Rates
from holdfast.features.history.withdrawing import withdraw_tables
from holdfast.features.landed.files import RawTable, discover
from holdfast.features.landed.walking import files_below
from holdfast.features.mapping.binding import CAPTURED, bind
from holdfast.features.mapping.identity import UNMATCHED
from holdfast.features.mapping.mapfile import MapFile, mapping_path, read_mapping
from holdfast.features.mapping.running import Mapped, run
from holdfast.features.sentiment.files import without_words
from holdfast.features.sentiment.moods import MOODS, Moods
from holdfast.findings import Finding
from holdfast.safely import TEMPORARY, alone, folder_atomic, remove, sha256_of, write_atomic

logger = logging.getLogger("holdfast.mapping")
TABLES, FACTS, MANUAL, STORE = "history", "mapped.json", "manual.csv", "store"
LARGE = 3_000_000  # rows from which on a history is read bucket by bucket
NOBODY = "no list of accounts, and no key that leads to an account"
FIND_ACCOUNTS = (
    "map a list of accounts along with it (a CSV with account_id, name and domain), "
    "or say in manual.csv beside the mapping whose the keys of unmatched.csv are"
)
_FORMAT = 2
_MANUAL_COLUMNS = ("source", "kind", "source_key", "account_id")


@dataclass(frozen=True)
class Found:
    """Landed tables that were discovered a moment ago, what was noticed, and the folder that they are read from."""

    tables: list[RawTable]
    findings: list[Finding]
    scratch: Path


def refreshed(path: Path, moods: Moods = MOODS, left_out: LeftOut | None = None) -> Path:
    """Give the folder of canonical tables of a mapping, made anew when anything it is made of has changed.

    Parameters
    ----------
    path
        The mapping file, or the folder that holds it.
    left_out
        Accounts and persons that were erased.

    Raises
    ------
    UsageError
        When the mapping file or its SQL is wrong.
    DataError
        When a file cannot be read, or a table or column that is read is gone, and what was made before is intact; or
        when nothing leads to an account.
    LockHeld
        When another process works on it.
    """
    file = mapping_path(path)
    with alone(file.parent):
        folder = remade(file, moods=moods, left_out=left_out)
    if not facts(folder)["rows"].get("accounts"):
        raise DataError(str(file), "accounts", NOBODY, FIND_ACCOUNTS)
    return folder


def remade(file: Path, found: Found | None = None, moods: Moods = MOODS, left_out: LeftOut | None = None) -> Path:
    """Do as `refreshed` does, for one that works alone in the folder.

    Parameters
    ----------
    found
        What lies in its places, when that was looked up a moment ago.
    moods
        How the mood of texts is read.
    left_out
        Accounts and persons that were erased; while there are any, rows that cannot be read, or lead to no account,
        are not kept.
    """
    home, mapping = file.parent, read_mapping(file)
    folder = home / TABLES
    inputs = fingerprint(mapping, file) + ("" if moods == MOODS else f" {moods}")
    inputs += f" without {left_out.fingerprint()}" if left_out else ""
    if facts(folder).get("inputs") == inputs:
        return folder
    logger.info("mapping %s anew", file)
    if found is None:
        sweep(home)
    with TemporaryDirectory(prefix=TEMPORARY, dir=home) as scratch, folder_atomic(folder) as out:
        landed = found or find([home / place for place in mapping.places], Path(scratch))
        mapped, findings = make(mapping, home, out, landed)
        findings += without_words(out, moods)
        if left_out:
            mapped, findings = _without(left_out, mapped, out, findings)
            remove(landed.scratch / "quarantine")
            remove(home / STORE)
        findings = [_placed(one, landed.scratch, home) for one in findings]
        told = {
            "format": _FORMAT,
            "inputs": inputs,
            "rows": mapped.rows,
            "findings": [one.to_dict() for one in findings],
        }
        (out / FACTS).write_text(
            json.dumps(told, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
        )
        _keep_quarantine(landed.scratch / "quarantine", home / "quarantine")
        write_atomic(home / "unmatched.csv", mapped.unmatched.to_csv(index=False).encode())
        write_atomic(home / "id_map.csv", mapped.identities.to_csv(index=False).encode())
    return folder


def _without(left_out: LeftOut, mapped: Mapped, out: Path, findings: list[Finding]) -> tuple[Mapped, list[Finding]]:
    """Leave out who was erased, and every key that leads to no account: it may be theirs."""
    gone = withdraw_tables(out, left_out, f"{UNMATCHED}:")
    identities, *_ = left_out.rows(mapped.identities[mapped.identities["account_id"].notna()])
    untold = [
        replace(one, message=f"{one.count} rows lead to no account", do="") if one.code == "HF043" else one
        for one in findings
    ]
    return replace(mapped, identities=identities, unmatched=mapped.unmatched.assign(key="")), [*untold, *gone]


def find(places: Sequence[Path], scratch: Path) -> Found:
    """Look up what lies in the places."""
    return Found(*discover(places, scratch), scratch)


def sweep(home: Path) -> None:
    """Remove what a killed run left; only for one that works alone in the folder."""
    for leftover in home.glob(f"{TEMPORARY}*"):
        remove(leftover)


def _placed(finding: Finding, scratch: Path, home: Path) -> Finding:
    """Name the place where quarantined rows are kept, in place of the one where they were found."""
    return replace(finding, message=finding.message.replace(f"{scratch.resolve()}{os.sep}", f"{home}{os.sep}"))


def _keep_quarantine(found: Path, kept: Path) -> None:
    """Keep the rows that could not be read beside the mapping, in place of those of the run before."""
    remove(kept)
    if found.is_dir():
        shutil.move(found, kept)


def tables_of(
    path: Path,
    *,
    large: bool,
    moods: Moods = MOODS,
    left_out: LeftOut | None = None,
    rates: Rates | None = None,
) -> Path:
    """Give what a history of a mapping is read from: its canonical tables, or a store of them when they are many rows.

    Parameters
    ----------
    large
        Whether a store will do.
    moods
        How the mood of texts is read.
    left_out
        Accounts and persons that were erased.
    rates
        What amounts are converted by on their way into a store.
    """
    folder = refreshed(path, moods, left_out)
    told = facts(folder)
    if not large or sum(told["rows"].values()) < LARGE:
        return folder
    store, made_of = folder.parent / STORE, told["inputs"]
    if rates is not None:
        made_of = f"{made_of} {json.dumps(asdict(rates), sort_keys=True)}"
    with alone(folder.parent):
        if _stored(store) != made_of:
            with folder_atomic(store) as place:
                History.build(folder, place / STORE, rates=rates)
                (place / FACTS).write_text(json.dumps({"format": _FORMAT, "inputs": made_of}), encoding="utf-8")
    return store / STORE


def _stored(store: Path) -> object:
    return facts(store).get("inputs")


def make(mapping: MapFile, home: Path, out: Path, found: Found) -> tuple[Mapped, list[Finding]]:
    """Run a mapping once, into an existing folder."""
    bound = bind(mapping, home, found.tables, found.scratch)
    manual = _of_sources(manual_ids(home / MANUAL), [entry.name for entry in mapping.entries], home / MANUAL)
    mapped = run(bound.sources, mapping.accounts, mapping.tables, manual, out, found.scratch)
    return mapped, [*found.findings, *bound.findings, *mapped.findings]


def facts(folder: Path) -> Mapping[str, Any]:
    """Read what is told beside the tables; empty when nothing whole lies there."""
    try:
        told = json.loads((folder / FACTS).read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) and told.get("format") == _FORMAT else {}


def fingerprint(mapping: MapFile, file: Path) -> str:
    """Hash all that the tables are made of: the files, the mapping, its SQL, what was captured and stated by hand."""
    home = file.parent
    digest = hashlib.sha256(f"{_FORMAT}\n".encode())
    for place in (file.name, *_beside(mapping), CAPTURED, *mapping.places):
        for path, name in _files(home / place):
            digest.update(f"{name}\n{sha256_of(path)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _beside(mapping: MapFile) -> list[str]:
    return [MANUAL, *(entry.sql for entry in mapping.entries)]


def _files(place: Path) -> Iterator[tuple[Path, str]]:
    """List the files of a place with their names in it: a file that moves to another folder is another table."""
    if place.is_dir():
        yield from ((path, "/".join((*above, path.name))) for path, above in files_below(place.resolve(), (), []))
    elif place.is_file():
        yield place, place.name


def manual_ids(path: Path) -> pd.DataFrame:
    """Read the ids that were stated by hand: ``source, kind, source_key, account_id``; none when there is no file.

    Raises
    ------
    DataError
        When a column or a value is missing, a kind is neither account nor person, or a key has two accounts.
    """
    if not path.is_file():
        return pd.DataFrame(columns=list(_MANUAL_COLUMNS), dtype="str")
    try:
        stated = pd.read_csv(
            path, dtype="str", keep_default_na=False, encoding="utf-8-sig", sep=None, engine="python"
        ).fillna("")
    except (ValueError, UnicodeDecodeError) as problem:
        raise DataError(str(path), "a CSV file", str(problem).splitlines()[0][:200], "correct it") from problem
    missing = [name for name in _MANUAL_COLUMNS if name not in stated]
    if missing:
        expected = f"the columns {', '.join(_MANUAL_COLUMNS)}"
        raise DataError(str(path), expected, f"no {', '.join(missing)}", "put them back")
    wrong = stated[~stated["kind"].isin(["account", "person"])]
    if len(wrong):
        where = f"{path}, row {wrong.index[0] + 1}, column kind"
        raise DataError(where, "account or person", repr(wrong["kind"].iloc[0]), "correct it")
    for name in _MANUAL_COLUMNS:
        empty = stated[stated[name].str.strip() == ""]
        if len(empty):
            raise DataError(
                f"{path}, row {empty.index[0] + 1}, column {name}", "a value", "none", "fill it in, or remove the row"
            )
    stated = stated[list(_MANUAL_COLUMNS)].drop_duplicates()
    again = stated[stated.duplicated(list(_MANUAL_COLUMNS[:3]))]
    if len(again):
        found = f"another account for {again['source_key'].iloc[0]!r} than in a row above"
        raise DataError(f"{path}, row {again.index[0] + 1}", "one account per key", found, "remove one of them")
    return stated


def _of_sources(stated: pd.DataFrame, names: Sequence[str], path: Path) -> pd.DataFrame:
    for row, name in stated["source"].items():
        if name not in names:
            where = f"{path}, row {int(str(row)) + 1}, column source"
            raise DataError(where, "a source of the mapping", repr(name), did_you_mean(name, names))
    return stated
