"""Unpacking zip archives, with an eye on names that lead outside and on bombs."""

from __future__ import annotations

import re
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from holdfast.errors import DataError
from holdfast.features.landed.naming import safe_name

TOTAL = 2 << 30
RATIO = 200
_FILES = 100_000


def unpacked(path: Path, scratch: Path) -> Path:
    """Unpack an archive into a folder of its own and give it.

    Raises
    ------
    DataError
        When it is damaged, locked, leads outside its folder, or unpacks to more than it may.
    """
    folder = scratch / "zip" / safe_name(str(path))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
            check_size(path, members)
            written = 0
            for one in members:
                written = _extract(archive, one, folder, path, written)
    # zipfile knows neither every compression nor a password, and says so by a RuntimeError
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as problem:
        raise DataError(str(path), "a zip archive that can be unpacked", str(problem), "export it anew") from None
    return folder


def check_size(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse an archive that tells of more than 2 GB, or of 200 times its own size.

    Raises
    ------
    DataError
        When it does.
    """
    total = sum(one.file_size for one in members)
    packed = max(sum(one.compress_size for one in members), 1)
    if total > TOTAL or total > RATIO * max(packed, 1 << 12) or len(members) > _FILES:
        expected = "an archive of up to 2 GB, and of up to 200 times its own size"
        raise DataError(str(path), expected, f"{total} bytes in {packed}", "unpack it yourself if you trust it")


def _extract(archive: zipfile.ZipFile, one: zipfile.ZipInfo, folder: Path, path: Path, written: int) -> int:
    inner = PurePosixPath(one.filename.replace("\\", "/"))
    if inner.is_absolute() or ".." in inner.parts or re.match("[A-Za-z]:", one.filename):
        do = "do not trust it; ask who sent it"
        raise DataError(str(path), "files that stay in their folder", repr(one.filename), do)
    target = folder / inner
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(one) as source, target.open("wb") as out:
        while block := source.read(1 << 20):
            written += len(block)
            if written > TOTAL:
                raise DataError(str(path), "an archive of up to 2 GB", "more than it tells", "do not trust it")
            out.write(block)
    return written
