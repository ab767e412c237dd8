"""Sources run into canonical tables, by hand: who has the word where two tell one thing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from holdfast.features.mapping.adapter import parse
from holdfast.features.mapping.objects import Source
from holdfast.features.mapping.running import run

HEAD = '/*\ntitle = "x"\nkeeps = "x"\nloses = "x"\n[objects]\n*/\n'
DAY = "TIMESTAMPTZ '2025-01-01 00:00:00+00'"
NOBODY = pd.DataFrame(columns=["source", "kind", "source_key", "account_id"], dtype="str")


def source(name: str, called: str, segment: str) -> Source:
    """Make a source that knows one account."""
    identity = "SELECT 'account' AS kind, 'A' AS source_key, NULL::VARCHAR AS account_key"
    others = ", ".join(f"NULL::VARCHAR AS {one}" for one in ("external_id", "crm_id", "email", "domain", "name"))
    row = f"SELECT 'A' AS account_id, {DAY} AS valid_from, {DAY} AS known_at, '{called}' AS name, {segment} AS segment"
    return Source(name, parse(f"{HEAD}-- table: identities\n{identity}, {others}\n-- table: accounts\n{row}", name), ())


@pytest.mark.parametrize("first", ["crm", "billing"])
def test_where_two_sources_tell_one_thing_the_one_that_is_named_first_has_the_word(tmp_path: Path, first: str) -> None:
    sources = [source("crm", "Zeta Corp", "'enterprise'"), source("billing", "ACME BILLING", "'smb'")]
    second = next(one.name for one in sources if one.name != first)
    made = run(sources, "crm", {"accounts": [first, second]}, NOBODY, tmp_path, tmp_path / "scratch")
    told = pd.read_parquet(tmp_path / "accounts.parquet")
    assert made.rows == {"accounts": 1}
    assert told[["source", "name"]].to_numpy().tolist() == [
        [first, {"crm": "Zeta Corp", "billing": "ACME BILLING"}[first]]
    ]
    assert [(one.code, one.count) for one in made.findings if one.code == "HF044"] == [("HF044", 1)]
