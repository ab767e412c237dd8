"""Files and folders as a company has them become tables, every value as it was delivered."""

import csv
import gzip
import json
import os
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import openpyxl
import pandas as pd
import pytest

from holdfast.features.landed.files import connect, discover, profile
from holdfast.features.landed.profile import kind_of

LANDED = Path(os.environ.get("HOLDFAST_LANDED", Path(__file__).parents[2].parent / "shared" / "landed"))


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    return folder


@pytest.fixture
def found(place, tmp_path):
    """Discover what lies in the place: tables by name, and the findings."""

    def run(*places):
        tables, findings = discover(places or [place], tmp_path / "scratch")
        assert len({table.name for table in tables}) == len(tables)
        return {table.name: table for table in tables}, findings

    return run


def rows(table):
    with connect() as con:
        return con.execute(f"FROM {table.scan}").fetchall()


def lay(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def parquet(path, sql):
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.connect().execute(f"COPY ({sql}) TO '{path}'")


# --- delimited text


def test_values_survive_as_text(place, found):
    lay(
        place,
        "stripe/Customers-2025-01-31.csv",
        'id,name,n\n0012,NA,9007199254740993\n12.0,None,\n1,"a\nb, ""c""",nan\n',
    )
    (table,) = found()[0].values()
    assert (table.name, table.folder, table.stem) == ("stripe/Customers-2025-01-31", "stripe", "customers")
    assert (table.format, table.columns, set(table.types.values())) == ("csv", ("id", "name", "n"), {"VARCHAR"})
    assert rows(table) == [
        ("0012", "NA", "9007199254740993"),
        ("12.0", "None", None),
        ("1", 'a\nb, "c"', "nan"),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiters_and_encodings(place, found, delimiter, encoding):
    text = f"Kündigung{delimiter}Wert\n€ 7{delimiter}1,5\nü{delimiter}2,5\n".replace("1,5", "1.5").replace("2,5", "2.5")
    lay(place, "liste.txt", text.encode(encoding))
    tables, findings = found()
    table = tables["liste"]
    assert table.columns == ("Kündigung", "Wert")
    assert rows(table) == [("€ 7", "1.5"), ("ü", "2.5")]
    assert (table.dialect.delimiter, table.dialect.encoding) == (delimiter, encoding)
    assert {one.code for one in findings} == (set() if table.dialect.plain else {"HF003"})


def test_headers_as_they_come(place, found):
    lay(place, "a.csv", '\n\n"""END""", id ,,id,ID\n1,2,3,4,5\n')
    tables, findings = found()
    assert tables["a"].columns == ("END", "id", "column_3", "id_2", "ID_3")
    assert rows(tables["a"]) == [("1", "2", "3", "4", "5")]
    assert [one.message.split()[-1] for one in findings] == ["'id_2'", "'ID_3'"]


def test_excel_says_its_delimiter_and_old_line_ends(place, found):
    lay(place, "a.csv", "sep=;\r\na,x;b\r\n1;2\r\n")
    lay(place, "b.csv.gz", gzip.compress(b"a,b\r1,2\r3,4\r"))
    lay(place, "c.tsv", "a\tb\n1\t2,3\n")
    tables, _ = found()
    assert [rows(tables[name]) for name in "abc"] == [[("1", "2")], [("1", "2"), ("3", "4")], [("1", "2,3")]]
    assert tables["a"].columns == ("a,x", "b")


# --- JSON

RECORDS = [{"id": "0012", "n": 9007199254740993, "plan": {"tiers": [1, 2]}, "x": None}, {"id": "b", "late": True}]
COLUMNS = ("id", "n", "plan", "x", "late")
EXPECTED = [("0012", "9007199254740993", {"tiers": [1, 2]}, None, None), ("b", None, None, None, "true")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", json.dumps(RECORDS, indent=2)),
        ("a.jsonl", "\n".join(map(json.dumps, RECORDS))),
        ("a.ndjson.gz", gzip.compress("\n".join(map(json.dumps, RECORDS)).encode(), mtime=0)),
        ("a.json", json.dumps({"object": "list", "data": RECORDS, "has_more": False, "url": "/v1/customers"})),
        ("a.json", json.dumps({"tickets": RECORDS, "next_page": None, "count": 2}, indent=1)),
        ("a.jsonl", "\n".join(json.dumps({"results": [one], "paging": {"next": {"after": "2"}}}) for one in RECORDS)),
        ("a.json", json.dumps([{"records": [one], "done": True, "totalSize": 2} for one in RECORDS])),
        ("a.json", "\n".join(json.dumps(one, indent=1) for one in RECORDS)),
    ],
)
def test_json_layouts(place, found, name, text):
    lay(place, name, text)
    tables, findings = found()
    table = tables["a"]
    assert not findings
    assert (table.format, table.columns, set(table.types.values())) == ("json", COLUMNS, {"VARCHAR"})
    assert [(*row[:2], row[2] and json.loads(row[2]), *row[3:]) for row in rows(table)] == EXPECTED


def test_one_object_a_file_and_lists_beside_each_other(place, found):
    lay(place, "orders/1.json", '{"id": 1, "lines": [{"sku": "a"}]}')
    lay(place, "orders/2.json", '{"id": 2, "lines": []}')
    lay(place, "page.json", '{"tickets": [{"id": 1}], "users": [{"name": "x"}], "count": 1}')
    tables, _ = found()
    assert rows(tables["orders"]) == [("1", '[{"sku":"a"}]'), ("2", "[]")]
    assert (rows(tables["page#tickets"]), rows(tables["page#users"])) == ([("1",)], [("x",)])
    assert tables["page#users"].stem == "users"


def test_an_object_that_is_no_list_is_left_unread(place, found):
    lay(place, "fixtures.json", '{"resources": {"account": {"id": 1}}}')
    tables, (finding,) = found()
    assert not tables
    assert finding.code == "HF042"
    assert "one object of resources" in finding.message


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_raw_tables_of_airbyte(place, found, ending):
    data = [{"id": 7, "plan": {"name": "pro"}}, {"id": 8, "seats": 3}]
    flat = [{"_airbyte_raw_id": "u", "_airbyte_extracted_at": "1700000000000", "_airbyte_data": one} for one in data]
    path = place / f"_airbyte_raw_users.{ending}"
    if ending == "jsonl":
        lay(place, path.name, "\n".join(map(json.dumps, flat)))
    else:
        frame = pd.DataFrame(flat).assign(_airbyte_data=[json.dumps(one) for one in data])
        frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    (table,) = found()[0].values()
    assert table.stem == "users"
    assert table.columns == ("id", "plan", "seats", "_airbyte_extracted_at")
    compact = [tuple(cell and cell.replace(" ", "") for cell in row) for row in rows(table)]
    assert compact == [("7", '{"name":"pro"}', None, "1700000000000"), ("8", None, "3", "1700000000000")]


# --- Parquet, workbooks, archives, folders


def test_parquet_keeps_its_types_and_gives_nested_columns_as_json(place, found):
    parquet(
        place / "a.parquet",
        "SELECT 1::BIGINT AS n, TIMESTAMPTZ '2025-01-01 00:00:00+00' AS at, {'a': [1]} AS s, ['x'] AS l, "
        "MAP {'k': 2} AS m, 1.50::DECIMAL(9, 2) AS d",
    )
    (table,) = found()[0].values()
    assert dict(table.types) == {
        "n": "BIGINT",
        "at": "TIMESTAMP WITH TIME ZONE",
        "s": "VARCHAR",
        "l": "VARCHAR",
        "m": "VARCHAR",
        "d": "DECIMAL(9,2)",
    }
    ((n, at, *nested, d),) = rows(table)
    assert (n, at, nested, str(d)) == (1, datetime(2025, 1, 1, tzinfo=UTC), ['{"a":[1]}', '["x"]', '{"k":2}'], "1.50")


def test_parts_of_a_folder_are_one_table(place, found):
    parquet(place / "dlt/customers/1704412800.51.0fa1c23de4.parquet", "SELECT 1 AS id")
    parquet(place / "dlt/customers/1704499200.62.1fa1c23de4.parquet", "SELECT 2 AS id, 'x' AS late")
    lay(place, "airbyte/users/2024_01_05_1704412800000_0.jsonl", '{"id": 1}')
    lay(place, "airbyte/users/2024_01_06_1704499200000_0.jsonl", '{"id": 2, "n": 3}')
    lay(place, "s3/events/2024/01/part-0001.csv", "a,b\n1,2\n")
    lay(place, "s3/events/2024/02/part-0002.csv", "b,a\n4,3\n")
    lay(place, "crm/2024.csv", "a\n1\n")
    lay(place, "crm/deals.csv", "a\n1\n")
    lay(place, "dlt/_dlt_loads/1.jsonl", '{"id": 1}')
    tables, _ = found()
    assert list(tables) == ["airbyte/users", "crm/2024", "crm/deals", "dlt/customers", "s3/events"]
    assert rows(tables["dlt/customers"]) == [(1, None), (2, "x")]
    assert rows(tables["airbyte/users"]) == [("1", None), ("2", "3")]
    assert rows(tables["s3/events"]) == [("1", "2"), ("3", "4")]
    customers = tables["dlt/customers"]
    assert (customers.folder, customers.stem, len(customers.paths)) == ("dlt", "customers", 2)
    assert customers.bytes == sum(path.stat().st_size for path in customers.paths)


def test_names_are_told_apart_and_come_in_order(place, found):
    for name in ("b.csv", "a.csv", "a.jsonl"):
        lay(place, name, "x,y\n1,2\n" if name.endswith("csv") else '{"x": 1}')
    other = place.parent / "more"
    lay(other, "b.csv", "x,y\n1,2\n")
    assert list(found(place, other)[0]) == ["a.csv", "a.jsonl", "exports/b", "more/b"]


def test_a_workbook(place, found):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Kündigungen"
    sheet.append(["Liste der Kündigungen"])
    sheet.append([])
    sheet.append(["Konto", "Am", "Betrag", "Nummer", "Aktiv", "Um"])
    sheet.append(["0012", date(2025, 1, 31), 12.0, 3, True, datetime(2025, 1, 31, 10, 30)])
    sheet.append([None, None, None, None, None, None])
    sheet.append(["NA", None, 1.5, None, False, None])
    book.create_sheet("Tabelle2").append(["alone"])
    secret = book.create_sheet("geheim")
    secret.append(["a"])
    secret.append(["b"])
    secret.sheet_state = "hidden"
    book.save(place / "Kunden.xlsx")
    tables, findings = found()
    table = tables["Kunden.xlsx#Kündigungen"]
    assert (table.format, table.stem, len(tables)) == ("xlsx", "kündigungen", 1)
    assert table.columns == ("Konto", "Am", "Betrag", "Nummer", "Aktiv", "Um")
    assert rows(table) == [
        ("0012", "2025-01-31", "12", "3", "true", "2025-01-31 10:30:00"),
        ("NA", None, "1.5", None, "false", None),
    ]
    assert [(one.code, one.where.split("#")[1]) for one in findings] == [
        ("HF003", "Kündigungen"),
        ("HF042", "Tabelle2"),
        ("HF042", "geheim"),
    ]
    assert "the header is row 3" in findings[0].message


def test_an_export_of_amplitude(place, found):
    with zipfile.ZipFile(place / "export.zip", "w") as archive:
        for hour in (0, 1):
            content = gzip.compress(json.dumps({"event_type": "login", "hour": hour}).encode() + b"\n")
            archive.writestr(f"123456/123456_2024-01-01_{hour}#{hour}.json.gz", content)
    (table,) = found()[0].values()
    assert (table.name, len(table.paths)) == ("export", 2)
    assert rows(table) == [("login", "0"), ("login", "1")]


def test_what_is_no_data_is_passed_over_and_the_rest_is_told(place, found):
    for name in ("README.md", "LICENSE", "plan.toml", "a.sql", "logo.png", ".git/x.csv", "_old.csv", "readme.txt"):
        lay(place, name, "x,y\n1,2\n")
    lay(place, "notes.txt", "Dear all,\nwe met today.\n")
    lay(place, "dump.bak", b"\0\1")
    tables, findings = found()
    assert not tables
    assert [(one.code, Path(one.where).name) for one in findings] == [("HF042", "dump.bak"), ("HF042", "notes.txt")]


def test_again_gives_the_same(place, found, tmp_path):
    lay(place, "a.csv", "a,b\n1,2\n3\n")
    lay(place, "b.csv", "a;b\nü;2\n".encode("cp1252"))
    first, second = found(), found()
    assert first == second
    assert len((tmp_path / "scratch/quarantine/a.csv").read_text().splitlines()) == 2


@pytest.mark.skipif(not LANDED.is_dir(), reason="no folder of landed samples (HOLDFAST_LANDED)")
def test_the_landed_samples_have_the_rows_that_their_files_have(found):
    tables, findings = found(LANDED)
    assert [Path(one.where).name for one in findings if one.code != "HF003"] == ["fixtures3.json"]
    assert len(tables) == len(list(LANDED.rglob("*.csv")))
    with connect() as con:
        for table in tables.values():
            with table.paths[0].open(encoding="utf-8-sig", newline="") as handle:
                header, *body = [row for row in csv.reader(handle) if row]
            assert len(table.columns) == len(header), table.name
            expected = [tuple(cell or None for cell in row) for row in body]
            assert con.execute(f"FROM {table.scan}").fetchall() == expected, table.name


# --- profile


def test_a_profile(place, found):
    lay(
        place,
        "a.csv",
        "id;created;closed;amount;vip;mail;attrs;note\n"
        '01;1700000000;31.12.2024;1.234,50;ja;a@x.de;"{""a"": 1}";b b\n'
        '02;1700086400;01.01.9999;7,5;nein;b@x.de;"{}";\n',
    )
    (table,) = found()[0].values()
    with connect() as con:
        frame = profile(con, table).set_index("column")
        assert not con.execute("SELECT * FROM duckdb_tables()").fetchall()
    assert frame[["kind", "how"]].to_numpy().tolist() == [
        ["id", "digits with leading zeros"],
        ["time", "unix seconds"],
        ["time", "day first"],
        ["number", "decimal comma"],
        ["flag", "ja/nein"],
        ["email", "addresses"],
        ["json", "JSON text"],
        ["text", ""],
    ]
    assert frame.loc["created", ["first", "last"]].tolist() == ["2023-11-14 22:13:20+00", "2023-11-15 22:13:20+00"]
    assert frame.loc["closed", ["first", "last"]].tolist() == ["2024-12-31 00:00:00+00"] * 2
    assert frame.loc["amount", ["first", "last"]].tolist() == ["7.5", "1234.5"]
    assert frame.loc["note", ["missing", "distinct", "key"]].tolist() == [0.5, 1, False]
    assert (frame.loc["id", "key"], frame.loc["id", "example"]) == (True, "01")
    assert frame.attrs == {"rows": 2, "sampled": None}


def test_a_large_table_is_profiled_by_a_sample_and_says_so(place, found, monkeypatch):
    parquet(place / "a.parquet", "SELECT range AS id, DATE '2024-01-01' + (range % 366)::INT AS day FROM range(10000)")
    monkeypatch.setattr("holdfast.features.landed.profile.WHOLE_BYTES", 100)
    monkeypatch.setattr("holdfast.features.landed.profile.SAMPLE_ROWS", 1000)
    (table,) = found()[0].values()
    with connect() as con:
        frame, again = profile(con, table), profile(con, table)
    assert frame.attrs == {"rows": 10_000, "sampled": 1_000}
    assert frame.equals(again)
    assert frame["kind"].tolist() == ["id", "time"]
    assert frame["distinct"].tolist()[0] == 1_000


def test_a_word_among_unix_times_is_no_reason_to_stop() -> None:
    texts = [str(1_700_000_000 + day * 86_400) for day in range(39)]
    assert kind_of("created", "VARCHAR", [*texts, "never"]) == ("time", "unix seconds")
