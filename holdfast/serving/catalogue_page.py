"""The catalogue as pages: what is measured and how it is scored, and what was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.serving.columns import records

if TYPE_CHECKING:
    from holdfast.features.catalog.collection import Catalog

_MADE = "`python -m holdfast.serving.catalogue_page docs/indicators.md docs/seeds.md`"
_ELSEWHERE = {
    "S060": "the template 40-30-30",
    "S061": "levels inside the template, held against learned weights by every backtest; see `holdfast hypotheses`",
    "S062": "the template by-segment",
    "S063": "weights by segment are data; models by segment belong to learning, not to a sign",
    "S064": "the template 40-30-20-10",
    "S067": "the alert rule `drop`, by delta_health_30; no sign of its own; measured by `holdfast hypotheses`",
    "S069": "levels in templates, and holdfast sensitivity",
    "S070": "bands are absolute; the mix holds by the anchors of the learned score on the rows it learned from",
    "S071": "templates are files with a version and an author, and can be compared",
}
_CLAIMS = {
    "S012": "that recency weighs as much as frequency",
    "S015": "that ten features at moderate depth beat two at expert depth",
    "S018": "that penetration foretells expansion",
    "S020": "that integrations foretell staying",
    "S022": "that three power users hardly ever leave",
    "S032": "that a sponsor triples retention",
    "S051": "that outcomes foretell best",
    "S055": "that longer terms stay",
    "S068": "that 85 falling to 65 is riskier than a stable 60",
}


def page(catalog: Catalog) -> str:
    """Write the page of a catalogue, one table per dimension."""
    return "\n".join(_lines(catalog)) + "\n"


def seeds_page(catalog: Catalog, tests: Path) -> str:
    """Write the page of what was asked for: each number with its indicators and its tests."""
    return "\n".join(_seed_lines(catalog, tests)) + "\n"


def proven_by(tests: Path) -> dict[str, list[str]]:
    """Find the tests that are named after a number, such as ``test_s017_penetration``."""
    found: dict[str, list[str]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        for name in re.findall(r"^def (test_s\d{3}_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(f"S{name[6:9]}", []).append(name)
    return found


def numbers() -> list[str]:
    """List the numbers that signs and scores were asked for under."""
    spans = ((10, 25), (30, 42), (50, 58), (60, 71))
    return [f"S{number:03d}" for low, high in spans for number in range(low, high + 1)]


def reason(number: str) -> str:
    """Say where a number lives that is no sign, or what it claims; empty where neither."""
    if number in _ELSEWHERE:
        return _ELSEWHERE[number]
    return (
        f"a claim, {_CLAIMS[number]}: measured on your data by `holdfast hypotheses`, never built in"
        if number in _CLAIMS
        else ""
    )


def _lines(catalog: Catalog) -> Iterator[str]:
    yield "# Indicators"
    yield ""
    yield "Every sign that is shipped, from its one declaration in `holdfast/features/catalog/`."
    yield f"Made by {_MADE}."
    yield "`holdfast indicators PLAN` tells which of them your data can carry, and for how many accounts."
    yield "[Indicators of your own](own_indicators.md) stand beside them."
    yield "A sign without points is told to the models and kept out of the score. Changes and trends compare with the"
    yield "account's own past, peers with its segment on the same day."
    frame = catalog.frame()
    for dimension in ("product", "relationship", "business"):
        yield ""
        yield f"## {dimension.capitalize()}"
        yield ""
        yield "| name | what it is | unit | healthy | formula | lookback, days | tables | points | seeds |"
        yield "|---|---|---|---|---|---|---|---|---|"
        for row in records(frame[frame["dimension"] == dimension]):
            back = "ever" if pd.isna(row["lookback_days"]) else f"{row['lookback_days']:g}"
            cells = [
                f"`{row['name']}`",
                row["title"],
                row["unit"],
                row["healthy"],
                row["formula"],
                back,
                ", ".join(row["tables"]),
                str(catalog[row["name"]].curve or ""),
                ", ".join(row["seeds"]),
            ]
            yield f"| {' | '.join(cells)} |"


def _seed_lines(catalog: Catalog, tests: Path) -> Iterator[str]:
    yield "# What was asked for"
    yield ""
    yield "Each number of the list of requirements, the indicators declared for it, and the tests that bear its name."
    yield f"Made by {_MADE}."
    yield ""
    yield "| number | indicators | or where else | tests |"
    yield "|---|---|---|---|"
    proven = proven_by(tests)
    for number in numbers():
        names = [f"`{one.name}`" for one in catalog if number in one.seeds and not one.variant_of]
        told = [f"`{name}`" for name in proven.get(number, [])]
        yield f"| {number} | {', '.join(names)} | {reason(number)} | {', '.join(told)} |"


if __name__ == "__main__":
    import sys

    from holdfast.features.catalog import catalog as shipped

    home = Path(__file__).resolve().parents[2]
    Path(sys.argv[1]).write_text(page(shipped), encoding="utf-8")
    Path(sys.argv[2]).write_text(seeds_page(shipped, home / "tests"), encoding="utf-8")
