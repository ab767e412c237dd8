"""The page about weights shows files and figures that hold."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from holdfast.features.catalog import catalog
from holdfast.models.bands import ACTION, ALERT
from holdfast.models.scales import GRADES
from holdfast.models.template import Template, scored, shipped
from holdfast.serving.plan import parse_plan
from holdfast.serving.weights import template_of

PAGE = (Path(__file__).parents[2] / "docs" / "weights.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(toml|python)\n(.*?)```", PAGE, re.DOTALL)
SMALL = {"data": {"path": "h"}, "churn": {"kind": "notice"}}


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "toml"])
def test_every_file_on_the_page_is_taken(text: str) -> None:
    told = tomllib.loads(text)
    template = template_of(parse_plan({**SMALL, **told}), catalog) if "health" in told else Template.from_dict(told)
    template.check(one.name for one in scored(catalog))
    for segment in (None, *template.segments):
        assert template.weights(catalog, segment).sum() == pytest.approx(1)


def test_the_code_on_the_page_runs() -> None:
    for text in (text for kind, text in BLOCKS if kind == "python"):
        names: dict[str, Any] = {}
        exec(text, names)  # noqa: S102 # our own page
        assert not names["before"].diff(names["after"]).empty


def test_every_shipped_template_is_on_the_page() -> None:
    assert set(re.findall(r"^\| `([\w-]+)`", PAGE, re.MULTILINE)) == set(shipped())


def test_the_table_of_scales_is_what_the_policies_say() -> None:
    rows = re.findall(r"^\| (\d+) to (\d+) \| (\w+) \| (\w) \| (\w+) \|", PAGE, re.MULTILINE)
    assert [int(high) for _, high, *_ in rows] == [100, *(int(low) for low, *_ in rows[:-1])]
    for low, high, *names in rows:
        for score in (float(low), (float(low) + float(high)) / 2):
            assert [policy.of(score).name for policy in (ACTION, GRADES, ALERT)] == names
