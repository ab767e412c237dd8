"""The pages of the catalogue: made from the declarations, never stale, and nothing that was asked for is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holdfast.features.catalog import catalog
from holdfast.serving.catalogue_page import numbers, page, proven_by, reason, seeds_page

ROOT = Path(__file__).parents[2]
ASKED_FOR = ROOT.parent / "shared" / "SEEDS.md"
RENEW = "run python -m holdfast.serving.catalogue_page docs/indicators.md docs/seeds.md"


def cells(text: str) -> list[list[str]]:
    lines = (
        line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| name", "| number"))
    )
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_of_indicators_is_not_stale() -> None:
    assert (ROOT / "docs" / "indicators.md").read_text(encoding="utf-8") == page(catalog), RENEW


def test_the_page_of_what_was_asked_for_is_not_stale() -> None:
    assert (ROOT / "docs" / "seeds.md").read_text(encoding="utf-8") == seeds_page(catalog, ROOT / "tests"), RENEW


def test_every_indicator_has_one_whole_row() -> None:
    rows = cells(page(catalog))
    assert sorted(row[0].strip("`") for row in rows) == sorted(catalog.names)
    assert {len(row) for row in rows} == {9}
    for row in rows:
        one = catalog[row[0].strip("`")]
        assert row[1:5] == [one.title, one.unit, one.healthy, one.formula]
        assert bool(row[7]) == (one.curve is not None)


def test_points_are_told_with_their_jumps() -> None:
    row = next(row for row in cells(page(catalog)) if row[0] == "`power_users`")
    curve = catalog["power_users"].curve
    assert curve is not None
    assert row[7].split(", ") == [f"{x:g}: {p:g}" for x, p in zip(curve.x, curve.points, strict=True)]


@pytest.mark.parametrize("number", numbers())
def test_every_number_has_an_indicator_or_a_reason(number: str) -> None:
    row = next(row for row in cells(seeds_page(catalog, ROOT / "tests")) if row[0] == number)
    assert row[1] or row[2], "declare an indicator for it, or say where else it lives"
    assert row[1] or reason(number)


@pytest.mark.skipif(not ASKED_FOR.exists(), reason="the list of requirements is not part of the package")
def test_the_numbers_are_those_of_the_list() -> None:
    found = re.findall(r"^\| (S\d{3}) \|", ASKED_FOR.read_text(encoding="utf-8"), re.MULTILINE)
    assert numbers() == [one for one in found if "S010" <= one <= "S071"]


def test_tests_are_found_by_the_number_in_their_name(tmp_path: Path) -> None:
    (tmp_path / "laws").mkdir()
    (tmp_path / "laws" / "test_a.py").write_text("def test_s017_bands() -> None: ...\ndef test_other() -> None: ...\n")
    (tmp_path / "test_b.py").write_text("def test_s017_ends(): ...\n    def test_s018_inside(): ...\n")
    assert proven_by(tmp_path) == {"S017": ["test_s017_bands", "test_s017_ends"]}
