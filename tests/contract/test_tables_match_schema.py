"""The declared tables against the DDL that rules."""

import re
from pathlib import Path

import pytest

from holdfast.features.history.tables import ACTIVITY_TABLES, SOURCE_ID, TABLES

SCHEMA = Path(__file__).parents[3] / "shared" / "schema.sql"
KINDS = {
    "VARCHAR": "text",
    "JSON": "text",
    "DOUBLE": "number",
    "INTEGER": "number",
    "BIGINT": "number",
    "BOOLEAN": "flag",
    "DATE": "time",
    "TIMESTAMP WITH TIME ZONE": "time",
}
OURS = {"deleted", "progress"}  # a mark of deliveries, and a figure that stands beside what it is worked out from
pytestmark = pytest.mark.skipif(not SCHEMA.exists(), reason="the DDL is kept outside the repository")


@pytest.fixture(scope="module")
def ddl() -> dict[str, dict[str, tuple[str, bool]]]:
    import duckdb

    connection = duckdb.connect()
    connection.execute(SCHEMA.read_text())
    rows = connection.execute(
        "select table_name, column_name, data_type, is_nullable from information_schema.columns"
    ).fetchall()
    tables: dict[str, dict[str, tuple[str, bool]]] = {}
    for table, column, kind, nullable in rows:
        tables.setdefault(table, {})[column] = (kind, nullable == "NO")
    return tables


def test_the_same_tables(ddl):
    assert set(TABLES) == set(ddl)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_same_columns_of_the_same_kind(ddl, name):
    declared = {column.name: column.kind for column in TABLES[name].columns.values() if column.name not in OURS}
    assert declared == {column: KINDS[kind] for column, (kind, _) in ddl[name].items()}


@pytest.mark.parametrize("name", sorted(set(TABLES) - {"id_map"}))
def test_what_may_not_be_missing_is_required_or_has_a_default(ddl, name):
    table = TABLES[name]
    never_missing = {column for column, (_, required) in ddl[name].items() if required}
    settled = {*table.required, *table.defaulted, "source", SOURCE_ID, "valid_from"}
    assert never_missing - settled <= {"amount"}  # an invoice without amount still says when it was paid


@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_same_words_and_ranges(name):
    body = re.search(rf"CREATE TABLE {name} \((.*?)\n\);", SCHEMA.read_text(), re.DOTALL)[1]
    words = {
        column: tuple(re.findall(r"'(\w+)'", listed))
        for column, listed in re.findall(r"^ +\S* *.*CHECK\((\w+) IN\((.*?)\)\)", body, re.MULTILINE)
    }
    ranges = {
        column: (float(a), float(b)) for column, a, b in re.findall(r"CHECK\((\w+) BETWEEN (-?\d) AND (\d)\)", body)
    }
    columns = TABLES[name].columns.values()
    assert {c.name: c.within for c in columns if c.within} == ranges
    assert {c.name: c.words for c in columns if c.words and c.name != "known_basis"} == {
        name: listed for name, listed in words.items() if name != "known_basis"
    }


def test_every_named_column_exists():
    for table in TABLES.values():
        named = {*table.entity, table.time, *table.required, *table.late, *table.undated}
        assert named <= set(table.columns), table.name


def test_a_default_mark_has_a_bit_of_its_own():
    assert max(len(table.defaulted) for table in TABLES.values()) <= 16 - 3
    assert set(ACTIVITY_TABLES) < set(TABLES)
