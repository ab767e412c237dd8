"""What lies beside a mapping: captures and look-ups that hold the keys under which the sources know somebody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.features.capture.withdrawing import withdraw
from holdfast.features.database.withdrawing import withdraw as withdraw_from_fetched
from holdfast.features.mapping.binding import CAPTURED
from holdfast.features.mapping.mapfile import mapping_path, read_mapping
from holdfast.safely import alone
from holdfast.serving.erasure.keys import Keys

if TYPE_CHECKING:
    from holdfast.serving.erasure.subject import Subject

_PROFILE = "profile.csv"


def from_captures(path: Path, who: Subject, *, dry_run: bool) -> int:
    """Take somebody out of what was captured beside a mapping, and return how many rows that concerned.

    Raises
    ------
    LockHeld
        When another process works on the mapping.
    """
    home = mapping_path(path).parent
    keys = Keys.read(home, who)
    with alone(home):
        return withdraw(home / CAPTURED, keys.held, dry_run=dry_run)


def from_fetched(path: Path, who: Subject, *, dry_run: bool) -> int:
    """Take somebody out of what was fetched of databases that a mapping reads, and return how many rows that concerned.

    Raises
    ------
    LockHeld
        When another process fetches.
    """
    home = mapping_path(path).parent
    keys, folders = Keys.read(home, who), [home / one for one in read_mapping(mapping_path(path)).places]
    fetched = (one for one in folders if one.is_dir())
    return sum(withdraw_from_fetched(one, keys.held, dry_run=dry_run) for one in fetched)


def shared(path: Path, who: Subject) -> int:
    """Count the rows, captured or fetched, of others that name somebody beside them; they stay as they are."""
    home = mapping_path(path).parent
    keys, folders = Keys.read(home, who), [home / one for one in read_mapping(mapping_path(path)).places]
    captured = withdraw(home / CAPTURED, keys.shared, dry_run=True)
    return captured + sum(withdraw_from_fetched(one, keys.shared, dry_run=True) for one in folders if one.is_dir())


def from_profile(path: Path, who: Subject, *, dry_run: bool) -> int:
    """Remove the profile of the columns when an example in it names somebody; `holdfast map` writes it again."""
    profile = mapping_path(path).parent / _PROFILE
    if not profile.is_file() or who.name.encode() not in profile.read_bytes():
        return 0
    if not dry_run:
        profile.unlink()
    return 1
