"""What was noticed in the files of all deliveries of a store."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.features.history.landing import told_outside
from holdfast.features.history.manifest import Manifest
from holdfast.findings import Finding


def told(manifest: Manifest) -> Iterator[Finding]:
    """Tell what was noticed in the files of all deliveries, each once."""
    once: dict[Finding, None] = {}
    for part in manifest.parts:
        for found in part.findings.values():
            once |= dict.fromkeys(one for one in found if one.code != "HF007")
    yield from once
    for name in manifest.columns:
        dateless = sum(part.dateless.get(name, 0) for part in manifest.parts)
        rows = sum(part.rows.get(name, 0) for part in manifest.parts)
        if dateless:
            yield Finding("HF005", name, dateless, f"{dateless} of {rows} rows have no date at all")
        outside = sum(f.count for one in manifest.parts for f in one.findings.get(name, ()) if f.code == "HF007")
        if outside:
            yield told_outside(name, outside, rows)
        if assumed := sum(part.assumed.get(name, 0) for part in manifest.parts):
            left_out = f"{assumed} of {rows - dateless - outside} rows have no known_at and were left out"
            yield Finding("HF021", name, assumed, left_out)
