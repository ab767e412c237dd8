"""The page of findings: not stale, one row for every code, and no code that nothing in the package tells."""

from __future__ import annotations

import re
from pathlib import Path

from holdfast.findings import KINDS
from holdfast.serving.findings_page import page

ROOT = Path(__file__).parents[2]


def test_the_page_is_not_stale() -> None:
    assert (ROOT / "docs" / "findings.md").read_text(encoding="utf-8") == page(), (
        "run python -m holdfast.serving.findings_page docs/findings.md"
    )


def test_every_code_has_one_whole_row() -> None:
    rows = [line.strip("|").split("|") for line in page().splitlines() if line.startswith("| HF")]
    assert [row[0].strip() for row in rows] == sorted(KINDS)
    assert {len(row) for row in rows} == {4}
    assert all(cell.strip() for row in rows for cell in row)


def test_no_code_is_registered_that_nothing_tells() -> None:
    package = [path for path in (ROOT / "holdfast").rglob("*.py") if path.name != "findings.py"]
    told = {code for path in package for code in re.findall(r"\bHF\d{3}\b", path.read_text(encoding="utf-8"))}
    assert told == set(KINDS)
