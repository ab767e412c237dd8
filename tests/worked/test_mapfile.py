"""The mapping file: what is written is read, what is wrong in it is told, and what lies there is bound to it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from holdfast.errors import DataError, HoldfastError, UsageError
from holdfast.features.mapping.mapfile import Entry, MapFile, Reading, mapping_path, mapping_text, read_mapping
from holdfast.features.mapping.mapped import refreshed
from tests.mapped_rows import write
from tests.mapping_world import ACCOUNTS, USAGE, WORLD, findings, mapped, table

WHOLE = MapFile(
    places=("../in", "landed"),
    accounts="salesforce",
    tables={"accounts": ("salesforce",), "usage": ("amplitude", 'odd "name"')},
    entries=(
        Entry(
            "salesforce",
            "sql/salesforce.sql",
            (Reading("sf/account", "account", reads=("Id", 'Na"me', "Kündigung")),),
            pd.Timestamp("2026-01-31 23:59:59", tz="UTC"),
        ),
        Entry(
            "amplitude",
            "sql/amplitude.sql",
            (Reading("events", "event", columns={"user_id": "my\tuser"}, reads=("a\\b",)),),
            zone="Europe/Berlin",
        ),
        Entry('odd "name"', "sql/odd.sql", (Reading("Sheet\x1b[1m", "rows", reads=(), sheet="reviews"),)),
    ),
    database="postgresql://reader@db/prod",
    left={"notes #1": "no canonical table is like it", "]\n[x]": "you said so"},
)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "mapping.toml"
    path.write_text(mapping_text(WHOLE), encoding="utf-8")
    assert read_mapping(path) == WHOLE
    assert mapping_text(read_mapping(path)) == mapping_text(WHOLE)


def test_grounds_are_comments_whatever_they_say(tmp_path):
    grounds = {"accounts": "a\nversion = 2", "usage": "b\r\x00\u2028[tables]"}
    path = tmp_path / "mapping.toml"
    path.write_text(mapping_text(MapFile(**{**vars(WHOLE), "grounds": grounds})), encoding="utf-8")
    assert read_mapping(path) == WHOLE
    assert "# a version = 2" in path.read_text(encoding="utf-8")


def test_a_folder_means_its_mapping(tmp_path):
    assert mapping_path(tmp_path) == mapping_path(tmp_path / "mapping.toml") == tmp_path / "mapping.toml"


RIGHT = """version = 1
places = ["in"]
accounts = "crm"
[tables]
accounts = ["crm"]
[sources.crm]
sql = "sql/crm.sql"
[[sources.crm.readings]]
table = "accounts"
object = "rows"
"""


@pytest.mark.parametrize(
    ("old", "new", "where", "do"),
    [
        ("version = 1", "version = 2", "key version", "run `holdfast map` again"),
        ("version = 1", "", "key version", "add version = 1"),
        ("version = 1", "version = ", "mapping.toml", "correct that line"),
        ("places", "place", "key place", "did you mean 'places'"),
        ("places = ", "places = 3 #", "key places", "add or correct it"),
        ('["in"]', "[1]", "key places", "correct it"),
        ('accounts = "crm"', "", "key accounts", "add or correct it"),
        ('accounts = "crm"', 'accounts = "cmr"', "key accounts", "did you mean 'crm'"),
        ('accounts = ["crm"]', 'acounts = ["crm"]', "[tables]", "did you mean 'accounts'"),
        ('accounts = ["crm"]', 'accounts = ["cmr"]', "tables.accounts", "did you mean 'crm'"),
        ('accounts = ["crm"]', 'accounts = "crm"', "key accounts", "add or correct it"),
        ("sql =", "sgl =", "[sources.crm], key sgl", "did you mean 'sql'"),
        ("sql =", 'zone = "Berlin/Europe"\nsql =', "key zone", "correct it"),
        ("sql =", "zone = 1\nsql =", "key zone", "correct it"),
        ("sql =", 'exported_at = "2026-01-31"\nsql =', "key exported_at", "without quotes"),
        ("sql =", "exported_at = 10:00:00\nsql =", "key exported_at", "without quotes"),
        ("object =", "objekt =", "reading 1, key objekt", "did you mean 'object'"),
        ("object =", "reads = [1]\nobject =", "key reads", "correct it"),
        ("object =", "columns = 5\nobject =", "key columns", "add or correct it"),
        ("object =", "columns = { a = 5 }\nobject =", "columns.a", "correct it"),
        ("object =", "sheet = 5\nobject =", "key sheet", "add or correct it"),
        ("[tables]", "[extra]\n[tables]", "key extra", "known are"),
        (
            "[sources.crm]\nsql",
            "[sources.cmr]\nsql = 5\nreadings = []\n[sources.crm]\nsql",
            "key sql",
            "add or correct it",
        ),
        ("[sources.crm]\nsql", "[sources.crm]\nreadings = 5\nsql", "mapping.toml", "correct that line"),
        ("version = 1", "version = 1\nleft = 5", "key left", "add or correct it"),
        ("version = 1", "version = 1\ndatabase = 5", "key database", "add or correct it"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old, new, where, do, tmp_path):
    assert old in RIGHT
    (tmp_path / "mapping.toml").write_text(RIGHT, encoding="utf-8")
    read_mapping(tmp_path / "mapping.toml")
    (tmp_path / "mapping.toml").write_text(RIGHT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageError) as told:
        read_mapping(tmp_path / "mapping.toml")
    assert where in told.value.where
    assert do in told.value.do


def test_a_mapping_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(UsageError, match="holdfast map"):
        read_mapping(tmp_path / "mapping.toml")
    (tmp_path / "mapping.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="TOML"):
        read_mapping(tmp_path / "mapping.toml")


# --- bound to what lies there


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, text
    path.write_text(text.replace(old, new), encoding="utf-8")


def refusal(work: Path, kind: type[HoldfastError], *words: str) -> None:
    """Hold that nothing was made anew, and why."""
    before = {path.name: path.read_bytes() for path in (work / "history").iterdir()}
    with pytest.raises(kind) as told:
        refreshed(work)
    assert all(word in str(told.value) for word in words), str(told.value)
    assert {path.name: path.read_bytes() for path in (work / "history").iterdir()} == before


@pytest.fixture
def work(tmp_path):
    return mapped(tmp_path)


def test_nothing_is_made_anew_while_nothing_changes(work):
    before = (work / "history" / "usage.parquet").stat().st_ino
    refreshed(work)
    assert (work / "history" / "usage.parquet").stat().st_ino == before


@pytest.mark.parametrize("change", ["file", "sql", "mapping", "manual", "moved"])
def test_everything_that_the_tables_are_made_of_counts(change, work):
    before = (work / "history" / "usage.parquet").stat().st_ino
    place = work.parent / "in"
    if change == "file":
        write(place, {"usage.csv": USAGE + "A,u1,2026-02-05,login\n"})
    elif change == "sql":
        edit(work / "sql" / "usage.sql", "-- table: identities", "-- mine\n-- table: identities")
    elif change == "mapping":
        edit(work / "mapping.toml", 'zone = "UTC"', 'zone = "Europe/Berlin"')
    elif change == "manual":
        (work / "manual.csv").write_text("source,kind,source_key,account_id\nusage,account,B,A\n")
    else:
        write(place, {"later/usage.csv": USAGE})
        (place / "usage.csv").unlink()
        return refusal(work, DataError, "the table usage", "did you mean 'later/usage'")
    refreshed(work)
    assert (work / "history" / "usage.parquet").stat().st_ino != before
    return None


def test_missing_sql(work):
    (work / "sql" / "usage.sql").unlink()
    refusal(work, UsageError, "usage.sql", "put it back")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('  "occurred_at"', '  "occured_at"', ["usage.sql, -- table: usage", "SQL that runs", "occurred_at"]),
        ("-- table: usage", "-- table: usages", ["usage.sql, -- table: usages", "did you mean 'usage'"]),
        ('  "occurred_at"', '  "occurred_at" AS happened_at', ["-- table: usage", "'happened_at'", "known are"]),
        ('  "occurred_at"', '  "occurred_at" AS occured_at', ["-- table: usage", "did you mean 'occurred_at'"]),
        ("keeps =", "keep =", ["usage.sql, leading comment", "the key keeps"]),
        ("/*", "/* [[[", ["usage.sql, leading comment", "TOML"]),
        (
            "SELECT DISTINCT 'account' AS kind",
            "SELECT DISTINCT nonsense AS kind",
            ["-- table: identities", "SQL that runs"],
        ),
        (
            "-- table: usage\nSELECT",
            "-- table: usage\nSELECT 1; DROP SCHEMA main; SELECT",
            ["-- table: usage", "SQL that runs"],
        ),
    ],
)
def test_broken_sql_is_told_with_its_file_and_table(old, new, words, work):
    edit(work / "sql" / "usage.sql", old, new)
    refusal(work, UsageError, *words)


def test_a_column_that_is_gone_is_refused_with_the_nearest_one(work):
    write(work.parent / "in", {"usage.csv": USAGE.replace("occurred_at", "occured_at")})
    refusal(work, DataError, "usage", "'occurred_at'", "did you mean 'occured_at'")


def test_a_file_that_is_gone_is_refused(work):
    (work.parent / "in" / "usage.csv").unlink()
    refusal(work, DataError, "the table usage", "none of that name")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('object = "rows"  # 4 of 4', 'object = "row"  # 4 of 4', ["the table usage", "'row'", "did you mean 'rows'"]),
        (
            'table = "usage"',
            'table = "usage"\ncolumns = { evnt = "user" }',
            ["columns", "'evnt'", "did you mean 'event'"],
        ),
    ],
)
def test_an_object_or_column_that_the_sql_does_not_declare(old, new, words, work):
    edit(work / "mapping.toml", old, new)
    refusal(work, UsageError, *words)


def test_a_stated_column_that_is_not_there(work):
    edit(work / "mapping.toml", 'table = "usage"', 'table = "usage"\ncolumns = { event = "usr" }')
    refusal(work, DataError, "'usr'", "did you mean 'user'")


def test_a_stated_column_is_read(work):
    edit(work / "mapping.toml", 'table = "usage"', 'table = "usage"\ncolumns = { event = "user" }')
    refreshed(work)
    assert table(work, "usage", "event") == ["u1", "u2"]


def test_a_stated_zone_is_the_zone(work):
    edit(work / "mapping.toml", 'zone = "UTC"', 'zone = "Europe/Berlin"')
    refreshed(work)
    assert [f"{at:%m-%d %H:%M}" for at in table(work, "usage", "occurred_at")] == ["01-04 23:00", "01-06 09:00"]


def test_the_export_of_the_next_day_is_found_by_its_name_but_for_the_date(tmp_path):
    work = mapped(tmp_path, {"accounts.csv": ACCOUNTS, "usage-2026-01-31.csv": USAGE})
    (tmp_path / "in" / "usage-2026-01-31.csv").unlink()
    write(tmp_path / "in", {"usage-2026-02-01.csv": USAGE + "A,u1,2026-02-01,login\n"})
    refreshed(work)
    assert len(table(work, "usage", "account_id")) == 3
    assert "HF040" not in findings(work)


def test_a_new_export_beside_the_old_one_is_told_if_it_is_not_read(tmp_path):
    work = mapped(tmp_path, {"accounts.csv": ACCOUNTS, "usage-2026-01-31.csv": USAGE})
    write(tmp_path / "in", {"usage-2026-02-01.csv": USAGE + "A,u1,2026-02-01,login\n"})
    refreshed(work)
    assert len(table(work, "usage", "account_id")) == 3 or findings(work)["HF040"] == ["usage-2026-02-01"]


def test_an_unknown_file_is_told(work):
    write(work.parent / "in", {"surprise.csv": "colour,shape\nred,round\n"})
    refreshed(work)
    assert findings(work)["HF040"] == ["surprise"]
    assert table(work, "usage", "account_id") == ["A", "B"]
    assert set(WORLD) == {"accounts.csv", "usage.csv"}
