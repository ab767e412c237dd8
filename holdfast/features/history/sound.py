"""What a manifest must hold to be trusted: known names, numbers that are numbers, and nothing that leads elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from holdfast.features.history.defaults import BASIS, DIGEST, FLAGS
from holdfast.features.history.dialect import Dialect
from holdfast.features.history.facts import Facts
from holdfast.features.history.tables import TABLES
from holdfast.findings import KINDS

if TYPE_CHECKING:
    from holdfast.features.history.manifest import Bucket, Manifest, Part

_NAMES = "|".join(sorted(TABLES))
FILE = re.compile(
    rf"(?:landed/([0-9]{{1,9}})/(?:{_NAMES})|records/([0-9]{{1,9}})/(?:{_NAMES}|ids))/([0-9]{{1,9}})\.parquet"
)
FOLDER = re.compile(rf"(?:landed|records)/[0-9]{{1,9}}(?:/(?:{_NAMES}|ids))?")
_NUMBER, _HASH = re.compile(r"[0-9]{1,9}"), re.compile(r"[0-9a-f]{64}")
_BOOKKEEPING = {FLAGS, BASIS, DIGEST}


def checked(manifest: Manifest) -> Manifest:
    """Give a manifest as it is read from disk, once everything in it is of its kind.

    Raises
    ------
    ValueError
        When something in it is not.
    """
    for wrong in _wrong(manifest):
        raise ValueError(wrong[:200])
    return manifest


def _wrong(manifest: Manifest) -> Iterator[str]:
    if not _whole(manifest.generation):
        yield f"the generation {manifest.generation!r}"
    if not _texts(manifest.boundaries) or list(manifest.boundaries) != sorted(set(manifest.boundaries)):
        yield "boundaries that do not ascend"
    if len(manifest.buckets) != len(manifest.boundaries) + 1:
        yield "more or fewer buckets than ranges"
    if not manifest.parts:
        yield "no delivery"
    yield from _wrong_columns(manifest)
    for part in manifest.parts:
        yield from _wrong_part(part)
    for number, bucket in enumerate(manifest.buckets):
        yield from _wrong_bucket(manifest, number, bucket)
    yield from _wrong_files(manifest)
    if set(manifest.reach()) != set(manifest.columns):
        yield "a reach of other tables than there are"


def _wrong_columns(manifest: Manifest) -> Iterator[str]:
    for name, columns in manifest.columns.items():
        if name not in TABLES:
            yield f"the table {name!r}"
        elif not _texts(columns) or not {*columns} <= {*TABLES[name].columns} | _BOOKKEEPING:
            yield f"columns of {name} that it has not"
    for name, names in manifest.shared.items():
        if name not in manifest.columns or not _texts(names):
            yield f"shared names of {name!r}"


def _wrong_files(manifest: Manifest) -> Iterator[str]:
    if not isinstance(manifest.files, Mapping) or not _texts(manifest.former):
        yield "files that are no list by name"
        return
    numbers = [int(part.name) for part in manifest.parts]
    for name in (*manifest.files, *manifest.former):
        found = FILE.fullmatch(name)
        if found is None:
            yield f"the name {name!r}"
            return
        numbers.append(int(found[1] or found[2]))
        if name in manifest.files and int(found[3]) >= len(manifest.buckets):
            yield f"the name {name!r} of no bucket"
    for name, entry in manifest.files.items():
        if not _whole(entry["bytes"]) or not all(_hash(entry[one]) for one in ("sha256", "footer")):
            yield f"the size or hash of {name}"
    if max(numbers, default=-1) >= manifest.generation:
        yield f"the generation {manifest.generation} before its own files"


def _wrong_part(part: Part) -> Iterator[str]:
    if not _number(part.name):
        yield f"the delivery {part.name!r}"
    given = (part.rows, part.dateless, part.reach, part.dialects, part.assumed)
    if any(name not in TABLES for one in given for name in one) or {*part.findings} - {"", *TABLES}:
        yield "a delivery of unknown tables"
    if not all(_whole(count) for one in (part.rows, part.dateless, part.assumed) for count in one.values()):
        yield "counts of rows that are none"
    for name, reach in part.reach.items():
        if not _whole(reach.rows) or not _integers(reach.top) or list(reach.top) != sorted(reach.top):
            yield f"the reach of {name}"
    for found in (one for several in part.findings.values() for one in several):
        if found.code not in KINDS or not _texts([found.where, found.message]) or not _whole(found.count):
            yield f"the finding {found.code!r}"
    for told in part.dialects.values():
        Dialect(**{**told, "doubts": tuple(told["doubts"])})
    if not all(_hash(source["sha256"]) for source in part.sources.values()):
        yield "sources without a hash"


def _wrong_bucket(manifest: Manifest, number: int, bucket: Bucket) -> Iterator[str]:
    if bucket.records is not None and not _number(bucket.records):
        yield f"the records {bucket.records!r}"
    elif bucket.records is not None and f"records/{bucket.records}/ids/{number:05d}.parquet" not in manifest.files:
        yield f"no accounts of bucket {number}"
    for name, facts in bucket.facts.items():
        if name not in manifest.columns:
            yield f"facts of {name!r}"
        yield from (f"{wrong} of {name}" for wrong in _wrong_facts(facts))


def _wrong_facts(facts: Facts) -> Iterator[str]:
    for one in fields(Facts):
        value, plain = getattr(facts, one.name), getattr(Facts(), one.name)
        counted = isinstance(value, dict) and _texts(value) and _integers(value.values())
        if (isinstance(plain, int) and not _integers([value])) or (isinstance(plain, dict) and not counted):
            yield f"{one.name} {value!r}"
    if not _texts(facts.filled):
        yield f"filled {facts.filled!r}"


def _integers(values: Iterable[Any]) -> bool:
    return all(isinstance(one, int) and not isinstance(one, bool) and abs(one) < 1 << 63 for one in values)


def _whole(value: Any) -> bool:
    return _integers([value]) and value >= 0


def _texts(values: Iterable[Any]) -> bool:
    return not isinstance(values, str) and all(isinstance(one, str) for one in values)


def _number(value: Any) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def _hash(value: Any) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None
