"""What was noticed when sources were mapped, as it was left beside the canonical tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from holdfast.errors import DataError
from holdfast.features.mapping.mapped import FACTS, TABLES
from holdfast.findings import KINDS, Finding

if TYPE_CHECKING:
    from pathlib import Path


def mapped(place: Path) -> Iterator[Finding]:
    """Read the findings of a mapping: under ``findings`` a list of ``code, where, count, message`` and perhaps ``do``.

    Parameters
    ----------
    place
        The folder of canonical tables; or the mapping file, or its folder, which holds them in ``history``.

    Raises
    ------
    DataError
        When the file is there and is not what a mapping writes.
    """
    home = place.parent if place.is_file() else place
    path = next((one for one in (home / FACTS, home / TABLES / FACTS) if one.is_file()), None)
    if path is None:
        return
    try:
        found = [_finding(one) for one in json.loads(path.read_bytes()).get("findings", ())]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        do = "map the sources again, or remove the file"
        raise DataError(str(path), "what was noticed when sources were mapped", repr(problem)[:200], do) from None
    yield from found


def _finding(one: dict[str, Any]) -> Finding:
    if one["code"] not in KINDS:
        raise ValueError(f"the code {one['code']!r}")
    return Finding(str(one["code"]), str(one["where"]), int(one["count"]), str(one["message"]), str(one.get("do", "")))
