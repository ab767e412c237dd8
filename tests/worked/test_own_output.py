"""What holdfast wrote is never read back as history: fields that were written back, and tables of scores."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from holdfast.features.capture.drift import BOOKKEEPING, is_bookkeeping
from holdfast.features.landed.files import discover
from holdfast.features.mapping.adapter import shipped
from holdfast.features.mapping.generic import _spelled, propose
from holdfast.features.mapping.own_output import is_own_field, is_own_table
from holdfast.features.mapping.proposing import draft
from holdfast.serving.command import run
from holdfast.serving.delivery import write_scores
from holdfast.serving.plan import Queue
from holdfast.serving.queue.week import queue
from holdfast.serving.report import Page
from holdfast.serving.tables.layout import layout
from holdfast.serving.tables.target import Target
from holdfast.serving.writeback.settings import ALWAYS, FIELDS
from holdfast.serving.writeback.values import PREFIX
from tests.adapting import canonical
from tests.published import scores_of
from tests.worked.test_adapter_hubspot import FIVETRAN as HUBSPOT
from tests.worked.test_adapter_salesforce import FIVETRAN as SALESFORCE

WRITTEN = [PREFIX + name for name in (*FIELDS, *ALWAYS)]


def filled(text: str, names: list[str]) -> str:
    """Add columns that write-back has filled to every row of a table."""
    head, *rows = text.strip().split("\n")
    return "\n".join([",".join([head, *names]), *(",".join([row, *["7"] * len(names)]) for row in rows)])


def test_fields_that_were_written_back_change_nothing_of_hubspot(tmp_path: Path) -> None:
    own = [f"property_{name}" for name in WRITTEN]
    changed = dict(HUBSPOT) | {"company.csv": filled(str(HUBSPOT["company.csv"]), own)}
    history = "".join(f"\n500,2024-06-15 08:00:00,2024-06-16 00:00:00,INTEGRATION,,{name},7" for name in WRITTEN)
    changed["company_property_history.csv"] = str(HUBSPOT["company_property_history.csv"]) + history
    before, after = (canonical("hubspot", files, tmp_path / name) for name, files in (("a", HUBSPOT), ("b", changed)))
    assert before["accounts"]
    assert after == before


def test_fields_that_were_written_back_change_nothing_of_salesforce(tmp_path: Path) -> None:
    changed = dict(SALESFORCE)
    changed["sf_account_history.csv"] = filled(SALESFORCE["sf_account_history.csv"], [f"{one}__c" for one in WRITTEN])
    before, after = (
        canonical("salesforce", files, tmp_path / name) for name, files in (("a", SALESFORCE), ("b", changed))
    )
    assert before["accounts"]
    assert after == before


def test_no_adapter_and_no_spelling_reads_a_field_of_ours() -> None:
    read = [path for one in shipped().values() for made in one.objects.values() for field in made.fields.values()
            for path in field.names]  # fmt: skip
    read += [name for said in _spelled().values() for names in said["columns"].values() for name in names]
    assert len(read) > 500
    assert [name for name in read if is_own_field(name)] == []


@pytest.mark.parametrize("name", ["{}", "property_{}", "properties__{}", "{}__c", "{}_c", "{}__gc", "attr_{}"])
def test_fields_of_ours_are_known_as_connectors_land_them(name: str) -> None:
    assert all(is_own_field(name.format(one)) for one in WRITTEN)
    assert all(is_own_field(name.format(one).title()) for one in WRITTEN)


@pytest.mark.parametrize("name", ["health", "hold_fast", "holdfast", "withholdfast_x", "customer_health_score"])
def test_fields_of_others_are_theirs(name: str) -> None:
    assert not is_own_field(name)


def test_a_list_that_was_written_back_into_is_taken_for_what_it_was(tmp_path: Path) -> None:
    text = "customer_id,customer_name,plan,industry,country\nc1,Acme,pro,it,DE\nc2,Bold,pro,it,DE"
    found = {}
    for name, content in (("plain", text), ("filled", filled(text, [f"{one}__c" for one in WRITTEN]))):
        place = tmp_path / name
        place.mkdir()
        (place / "book.csv").write_text(content)
        tables, _ = discover([place], tmp_path / f"{name} scratch")
        (tmp_path / f"{name} draft").mkdir()
        proposed = draft(tables, [str(place)], tmp_path / f"{name} draft")
        found[name] = [(one.object, one.ground) for one in proposed.matches]
    assert found["filled"] == found["plain"] != []


def test_scores_are_left_out_under_any_name_and_in_any_form(tmp_path: Path) -> None:
    place = tmp_path / "exports"
    write_scores_into(place)
    (place / "usage.csv").write_text("account_id,occurred_at,event\nA00000,2025-01-01,login\n")
    assert run(["map", str(place), "--out", str(tmp_path / "out"), "--yes"]) == 0
    mapping = (tmp_path / "out" / "mapping.toml").read_text(encoding="utf-8")
    assert mapping.count('"holdfast wrote it: scores are no history"') == 5
    left = mapping.partition("[left]")[2]
    assert all(name in left for name in ("accounts", "customers", "subscriptions", "reasons", "call_list"))
    assert "account_name" not in mapping.partition("[left]")[0]


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_workbook_of_a_run_is_known_in_either_language(tmp_path: Path, language: Literal["en", "de"]) -> None:
    scores, place = scores_of(3), tmp_path / "run"
    place.mkdir()
    page = Page(verdict="", kind="notice", language=language)
    write_scores(scores, place, {}, page, queue(scores, Queue()).frame())
    tables, _ = discover([place / "scores.xlsx", place / "feedback.csv"], tmp_path / "scratch")
    ours = [one.name for one in tables if is_own_table(one.columns)]
    assert len(ours) == 3  # the list, the scores and the form; the rest has no accounts
    assert not [one for one in tables if one.name not in ours and propose(one) is not None]


def write_scores_into(place: Path) -> None:
    """Lay the files of a run among exports, named like tables of a company."""
    scores, folder = scores_of(20), place.parent / "run"
    scores.rows["run_id"] = "r1"
    for one in (place, folder):
        one.mkdir()
    write_scores(scores, folder, {}, Page(verdict="", kind="notice"), queue(scores, Queue()).frame())
    names = {"scores.csv": "accounts.csv", "scores.parquet": "customers.parquet", "queue.csv": "call_list.csv"}
    for name, other in names.items():
        (folder / name).rename(place / other)
    scores.rows.to_csv(place / "subscriptions.csv", index=False)
    scores.reasons.assign(run_id="r1", as_of=scores.as_of).to_csv(place / "reasons.csv", index=False)


def test_tables_that_were_published_are_known_by_their_columns() -> None:
    from sqlalchemy import make_url

    from holdfast.features.database.sqlsource import Source

    made = layout(Target(Source(make_url("sqlite://")), None, "holdfast_scores"), [])
    assert all(is_own_table(one.c.keys()) for one in made.tables)


def test_a_capture_makes_no_version_of_what_was_written_back() -> None:
    names = [form.format(one) for one in WRITTEN for form in ("{}", "property_{}", "properties.{}", "{}__c")]
    assert all(is_bookkeeping(name, BOOKKEEPING) and is_bookkeeping(name.title(), BOOKKEEPING) for name in names)
    assert not is_bookkeeping("property_health", BOOKKEEPING)
