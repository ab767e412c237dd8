"""The page of findings: what each code means, how much it matters and what to do about it, from their registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from holdfast.findings import KINDS


def page() -> str:
    """Write the page: one row per code."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Findings"
    yield ""
    yield "What `check`, `train`, `score`, `monitor` and other commands may tell of your data, by its code. An error is"
    yield "to be mended first, and keeps a challenger from promotion; a warning may change figures; an info says how"
    yield "the data were read. Made by"
    yield "`python -m holdfast.serving.findings_page docs/findings.md`."
    yield ""
    yield "| code | severity | what it means | what to do |"
    yield "|---|---|---|---|"
    for code, kind in sorted(KINDS.items()):
        yield f"| {code} | {kind.severity} | {kind.meaning} | {kind.remedy} |"


if __name__ == "__main__":
    import sys

    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
