"""Delimited text: DuckDB reads it, strictly, every cell as text.

Only a file that DuckDB refuses is read row by row, its good rows laid down anew and its bad ones in quarantine.
"""

from __future__ import annotations

import codecs
import io
import mmap
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from holdfast.errors import DataError
from holdfast.features.history.dialect import Dialect
from holdfast.features.landed.naming import distinct, safe_name
from holdfast.features.landed.quarantine import CELL, Quarantine, keep, sift
from holdfast.features.landed.raw import file_literal, files_literal, literal, quoted
from holdfast.features.landed.sniffing import Sniffed, opened, sniff, zipped

_BLOCK = 1 << 24
_UTF8 = ("utf-8", "utf-8-sig")


def read_delimited(
    con: duckdb.DuckDBPyConnection, paths: Sequence[Path], scratch: Path, bad: Quarantine
) -> tuple[str, Dialect, list[str]]:
    """Read files that are one table.

    Returns
    -------
    tuple
        The SQL that reads them, how the first is written, and the names that its header repeats.

    Raises
    ------
    DataError
        When one of them is no text, or none of them has rows.
    """
    alike: dict[tuple[Sniffed, bool], list[Path]] = {}
    saved: list[str] = []
    encodings: list[str] = []
    sniffed = [sniff(path) for path in paths]
    for one in sniffed:
        encoding, checked = _checked(con, one, scratch, bad)
        encodings.append(encoding)
        if isinstance(checked, Sniffed):
            written = replace(checked, path=Path(), encoding="utf-8")
            alike.setdefault((written, zipped(checked.path)), []).append(checked.path)
        elif checked is not None:
            saved.append(checked)
    scans = [_scan(written, tuple(files), packed) for (written, packed), files in alike.items()] + saved
    if not scans:
        raise DataError(str(paths[0]), "rows under the header", "none", "export it anew if it should have some")
    dialect = Dialect(delimiter=sniffed[0].delimiter, encoding=encodings[0])
    return united(scans), dialect, _repeated(sniffed[0])


def united(scans: Sequence[str]) -> str:
    """Read several relations as one, by the names of their columns."""
    if len(scans) == 1:
        return scans[0]
    return "(" + " UNION ALL BY NAME ".join(f"SELECT * FROM {scan}" for scan in scans) + ")"


def _repeated(one: Sniffed) -> list[str]:
    return [name for name, raw in zip(one.columns, one.header, strict=True) if _renamed(name, raw)]


def _renamed(name: str, raw: str) -> bool:
    return bool(re.search(r"_\d+$", name)) and distinct([raw])[0] != name and bool(raw.strip())


def _checked(
    con: duckdb.DuckDBPyConnection, one: Sniffed, scratch: Path, bad: Quarantine
) -> tuple[str, Sniffed | str | None]:
    """Have DuckDB read a file.

    Returns
    -------
    tuple
        The encoding, and what DuckDB reads as it lies, or the SQL of what could be saved, or nothing without rows.
    """
    encoding = one.encoding
    if encoding in _UTF8 and (strict := _strict(con, one)) is not None:
        return encoding, one if strict else None
    if encoding != "utf-16":
        encoding = _encoding_of_all(one)
    if encoding not in _UTF8:
        one = _transcoded(replace(one, encoding=encoding), scratch)
        if (strict := _strict(con, one)) is not None:
            return encoding, one if strict else None
    return encoding, _saved(one, scratch, bad)


def _strict(con: duckdb.DuckDBPyConnection, one: Sniffed) -> int | None:
    """Count the rows of a file when all can be read, else give none."""
    spread = any("\n" in name or "\r" in name for name in one.header)  # a header that DuckDB does not skip whole
    if spread or (not zipped(one.path) and _holds_nul(one.path)):
        return None
    longest = ", ".join(f"max(strlen({quoted(name)}))" for name in one.columns)
    nul = " OR ".join(f"contains({quoted(name)}, chr(0))" for name in one.columns) if zipped(one.path) else "false"
    query = f"SELECT count(*), count(*) FILTER ({nul}), {longest} FROM {_scan(one, (one.path,), zipped(one.path))}"
    try:
        found = con.execute(query).fetchone() or (0, 0)
    except duckdb.Error:
        return None
    return None if found[1] or max((size or 0 for size in found[2:]), default=0) > CELL else int(found[0])


def _holds_nul(path: Path) -> bool:
    """Search the mapped pages of a file; nothing of it is copied."""
    with opened(path) as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        return pages.find(b"\0") >= 0


def _scan(one: Sniffed, files: tuple[Path, ...], packed: bool) -> str:
    """Write the SQL of files that are written alike.

    Nothing is left to DuckDB's sniffer: names, delimiter and quotes are stated; a row that does not fit is an error.
    It is read in parallel even where cells hold line ends: ``parallel = false`` drops, without a word, all that follows
    a quote that does not close.
    """
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in one.columns)
    options = (
        f"auto_detect = false, columns = {{{columns}}}, delim = {literal(one.delimiter)}, quote = '\"', escape = '\"', "
        f"header = true, skip = {one.skip}, all_varchar = true, nullstr = '', allow_quoted_nulls = true, "
        f"strict_mode = true, null_padding = false, max_line_size = 2097152, parallel = true, "
        f"compression = {literal('gzip' if packed else 'none')}, hive_partitioning = false"
    )
    return f"read_csv({files_literal(files)}, {options})"


def _encoding_of_all(one: Sniffed) -> str:
    """Tell Windows-1252 from UTF-8 with damaged rows: which of both do most lines beyond ASCII speak."""
    right = wrong = 0
    with opened(one.path) as handle:
        for line in handle:
            if not line.isascii():
                try:
                    line.decode()
                    right += 1
                except UnicodeDecodeError:
                    wrong += 1
    return "cp1252" if wrong > right else one.encoding if one.encoding in _UTF8 else "utf-8"


def _transcoded(one: Sniffed, scratch: Path) -> Sniffed:
    """Write a file anew in UTF-8; bytes that its encoding does not know stay what they are, and are found later."""
    target = scratch / "text" / f"{safe_name(str(one.path))}.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    decoder = codecs.getincrementaldecoder(one.encoding)("surrogateescape")
    with opened(one.path) as source, target.open("wb") as out:
        while block := source.read(_BLOCK):
            out.write(decoder.decode(block).encode("utf-8", "surrogateescape"))
        out.write(decoder.decode(b"", True).encode("utf-8", "surrogateescape"))
    return replace(one, path=target)


def _saved(one: Sniffed, scratch: Path, bad: Quarantine) -> str | None:
    """Read a file row by row; give the SQL of its good rows, or nothing when it has none."""
    target = scratch / "rows" / f"{safe_name(str(one.path))}.parquet"
    with opened(one.path) as handle, io.TextIOWrapper(handle, "utf-8-sig", "surrogateescape", newline="") as text:
        rows = sift(text, one.delimiter, len(one.header), one.skip)
        kept = keep(rows, one.columns, target, one.path, bad)
    return f"read_parquet({file_literal(target)})" if kept else None
