"""Files that are damaged, hostile or written by somebody else's program: what can be read is, the rest is told."""

import csv
import gzip
import io
import os
import socket
import zipfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import DataError
from holdfast.features.landed import archives, sniffing
from holdfast.features.landed.files import connect, discover, profile

GOOD = "id,name\n1,a\n2,b\n"


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "good.csv").write_text(GOOD)
    return folder


@pytest.fixture
def found(place, tmp_path):
    """Discover what lies in the place; the good file is always read."""

    def run():
        tables, findings = discover([place], tmp_path / "scratch")
        by_name = {table.name: table for table in tables}
        assert rows(by_name.pop("good")) == [("1", "a"), ("2", "b")]
        return by_name, findings

    return run


@pytest.fixture
def aside(tmp_path):
    """Give line, reason and text of what lies in quarantine."""

    def read():
        (path,) = (tmp_path / "scratch/quarantine").iterdir()
        usual = csv.field_size_limit(1 << 24)
        try:
            with path.open(encoding="utf-8", newline="") as handle:
                return [(int(row["line"]), row["reason"], row["text"]) for row in csv.DictReader(handle)]
        finally:
            csv.field_size_limit(usual)

    return read


def rows(table):
    with connect() as con:
        return con.execute(f"FROM {table.scan}").fetchall()


def unread(findings):
    """Give the reason of the one file that was left unread."""
    (finding,) = findings
    assert (finding.code, finding.severity) == ("HF042", "warning")
    return finding.message


# --- rows that cannot be read


@pytest.mark.parametrize(
    ("content", "kept", "bad"),
    [
        (
            b"a,b\n1,2\n3\n4,5,6\n7,8\n",
            [("1", "2"), ("7", "8")],
            [(3, "1 cells instead of 2", "3"), (4, "3 cells", "")],
        ),
        (b"a,b\n1,\0\n3,4\n", [("3", "4")], [(2, "a NUL byte", "1,\0")]),
        (b"a,b\n1,\xc3\xbc\n2,\xff\n3,4\n", [("1", "ü"), ("3", "4")], [(3, "bytes that are not text", "2,\\udcff")]),
        (b'a,b\n1,"x\n2,y\n3,z\n', [("2", "y"), ("3", "z")], [(2, "a quote that does not close", '1,"x')]),
        (b'a,b\n1,"x"y\n"2\n2",z\n', [("2\n2", "z")], [(2, "a quote that does not close", '1,"x"y')]),
        (b'a,b\n1,"x\n2,"y"\n3,z\n', [("2", "y"), ("3", "z")], [(2, "a quote", '1,"x')]),
        (b"a,b\r\n1\r\n\r\n3,4\n5,6\r", [("3", "4"), ("5", "6")], [(2, "1 cells", "1")]),
        (b"a,b\n1,2,\n3,4,,\n5\n", [("1", "2"), ("3", "4")], [(4, "1 cells", "5")]),
    ],
)
def test_rows_go_into_quarantine_with_line_and_reason(place, found, aside, content, kept, bad):
    (place / "bad.csv").write_bytes(content)
    tables, (finding,) = found()
    table = tables["bad"]
    assert rows(table) == kept
    assert (finding.code, finding.count, table.quarantined) == ("HF041", len(bad), len(bad))
    for (line, reason, text), (right, begins, raw) in zip(aside(), bad, strict=True):
        assert (line, text if raw else "") == (right, raw)
        assert reason.startswith(begins)


def test_a_cell_above_1_mb_costs_its_row_and_one_below_does_not(place, found, aside):
    for name, size, kept in (("fits", (1 << 20) - 2, 3), ("long", (1 << 20) + 2, 2)):
        (place / f"{name}.csv").write_text(f"a,b\n1,2\n3,{'x' * size}\n5,6\n")
        tables, _ = found()
        assert len(rows(tables[name])) == kept
    assert [(line, reason) for line, reason, _ in aside()] == [(3, "a cell above 1 MB")]


def test_windows_1252_beyond_the_head_is_seen(place, found, monkeypatch):
    monkeypatch.setattr(sniffing, "HEAD", 64)
    (place / "late.csv").write_bytes(b"a,b\n" + b"1,2\n" * 50 + "3,€ü\n".encode("cp1252"))
    tables, findings = found()
    assert rows(tables["late"])[-1] == ("3", "€ü")
    assert tables["late"].dialect.encoding == "cp1252"
    assert [one.code for one in findings] == ["HF003"]


def test_bad_lines_of_json(place, found, aside):
    (place / "bad.jsonl").write_bytes(
        b'{"a": 1}\n{"a": \n[2]\n{"a": "\xff"}\n\n{"a": "\\ud800"}\n{"a": 12345678901234567890}\n'
    )
    tables, (finding,) = found()
    assert rows(tables["bad"]) == [("1",), ("12345678901234567890",)]
    assert (finding.code, finding.count) == ("HF041", 4)
    assert [line for line, _, _ in aside()] == [2, 3, 4, 6]


def test_values_in_a_list_that_are_no_objects(place, found, aside):
    (place / "bad.json").write_text('[{"a": 1}, 5, null, {"b": 2}]')
    tables, _ = found()
    assert rows(tables["bad"]) == [("1", None), (None, "2")]
    assert aside() == [(2, "no JSON object", "5"), (3, "no JSON object", "null")]


CELLS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=8)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, st.sampled_from(["0012", "NA", "9007199254740993", "None"])), min_size=1))
def test_whatever_python_writes_comes_back(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("round")
    with (folder / "a.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([("x", "y", "z"), *lines])
    (table,), findings = discover([folder], folder / "scratch")
    assert not [one for one in findings if one.code != "HF003"]
    assert rows(table) == [tuple(cell or None for cell in line) for line in lines]


# --- files that cannot be read

WHOLE = gzip.compress(b"id,n\n" + b"".join(b"%d,%d\n" % (i, i * 7919 % 10007) for i in range(50_000)), mtime=0)


def _parquet() -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table({"id": range(100_000)}), target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"", "an empty file"),
        ("a.csv", b"\xef\xbb\xbf\n\n", "an empty file"),
        ("a.csv", b"id,name\n", "found none"),
        ("a.csv", b"id,name\n1\n2\n", "found none"),
        ("a.csv", b"PK\3\4" + b"\0" * 50, "a binary file"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16-le"), "UTF-16 without its mark"),
        ("a.csv.gz", WHOLE[: len(WHOLE) // 2], "ended before the end-of-stream marker"),
        ("a.csv.gz", WHOLE[:2000] + b"\0" * 50 + WHOLE[2050:], "Error"),
        ("a.csv.gz", b"id,n\n1,2\n", "gzip"),
        ("a.json", b"", "an empty file"),
        ("a.json", b"<html></html>", "begins with '<'"),
        ("a.json", b'[{"a": 1}, {"a"', "cut off"),
        ("a.json", b'[{"a": 1}, {"a" 2}]', "JSON"),
        ("a.json", b"[]", "found none"),
        ("a.json", b'{"a": {', "JSON"),
        ("a.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 9999, mtime=0)[:60], "ended before"),
        ("a.json", b'[' * 100_000 + b']' * 100_000, ""),
        ("a.parquet", b"PAR1" + b"\0" * 100, "found"),
        ("a.parquet", b"not parquet", "does not begin like one"),
        ("a.parquet", _parquet()[:-50], "found"),
        ("a.xlsx", b"no workbook", "found"),
        ("a.xlsx", b"PK\3\4" + b"\0" * 50, "found"),
        ("a.zip", b"PK\3\4" + b"\0" * 50, "found"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_told_and_the_others_are_read(place, found, name, content, reason):
    (place / name).write_bytes(content)
    tables, findings = found()
    assert not tables
    assert reason.lower() in unread([one for one in findings if one.code == "HF042"]).lower()


def test_a_damaged_page_in_the_middle_of_a_parquet_file(place, found):
    content = bytearray(_parquet())
    content[200:-3000] = bytes(len(content) - 3200)
    (place / "a.parquet").write_bytes(content)
    tables, findings = found()
    assert not tables
    assert "found" in unread(findings)


def test_a_place_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"nowhere.*a file or folder.*check the path"):
        discover([tmp_path / "nowhere"], tmp_path / "scratch")


def test_nothing_at_all(tmp_path):
    (tmp_path / "empty").mkdir()
    assert discover([tmp_path / "empty"], tmp_path / "scratch") == ([], [])


def test_a_file_that_is_gone_when_it_is_profiled(place, tmp_path):
    (table,), _ = discover([place], tmp_path / "scratch")
    (place / "good.csv").unlink()
    with connect() as con, pytest.raises(DataError, match=r"good.*the file as it was found.*run again"):
        profile(con, table)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(place, found):
    (place / "secret.csv").write_text(GOOD)
    (place / "secret.csv").chmod(0)
    assert "not allowed" in unread(found()[1])


def test_what_may_not_be_read_is_told_to_root_too(place, found, monkeypatch):
    (place / "secret.csv").write_text(GOOD)
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: "secret" not in str(path) and allowed(path, mode))
    assert "not allowed" in unread(found()[1])


# --- names and links


@pytest.mark.parametrize(
    "stem",
    ["it's; DROP TABLE x;--", 'a"b', "new\nline", "a[1]", "a*", "a?b", "**", "[a-z]", "back\\slash", "{a,b}", "ü"],
)
@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_file_names_are_only_names(place, found, stem, ending):
    if ending == ".parquet":
        duckdb.sql("SELECT '1' AS id, 'x' AS own").write_parquet(str(place / "plain.parquet"))
        (place / "plain.parquet").rename(place / f"{stem}{ending}")
    else:
        (place / f"{stem}{ending}").write_text("id,own\n1,x\n" if ending == ".csv" else '{"id": "1", "own": "x"}')
    (place / f"ab{ending}").write_text("id,own\n2,y\n")
    tables, _ = found()
    assert rows(tables[stem]) == [("1", "x")]


def test_a_name_that_is_no_utf_8(place, found):
    (place / os.fsdecode(b"\xff.csv")).write_text(GOOD)
    (finding,) = found()[1]
    assert "no UTF-8" in finding.message
    assert finding.where.encode().endswith(b"\\udcff.csv")


def test_header_names_are_only_names(place, found):
    names = ["a'b", 'x"y', "c;--", "SELECT 1", "{d}", "e\nf", "g'} : 'VARCHAR"]
    with (place / "a.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([names, list("1234567")])
    (table,) = found()[0].values()
    assert table.columns == tuple(names)
    assert rows(table) == [tuple("1234567")]
    with connect() as con:
        assert profile(con, table)["column"].tolist() == names


def test_links_are_not_followed(place, found, tmp_path):
    (tmp_path / "outside.csv").write_text(GOOD)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.csv").write_text(GOOD)
    (place / "sub").mkdir()
    (place / "out.csv").symlink_to(tmp_path / "outside.csv")
    (place / "sub/outfolder").symlink_to(tmp_path / "elsewhere")
    (place / "sub/loop").symlink_to(place)
    (place / "self.csv").symlink_to(place / "self.csv")
    (place / "in.csv").symlink_to(place / "good.csv")
    tables, findings = found()
    assert not tables
    told = {Path(one.where).name: one.message for one in findings}
    assert all("leads outside" in told[name] for name in ("out.csv", "outfolder"))
    assert all("read where it lies" in told[name] for name in ("loop", "in.csv"))
    assert "nowhere" in told["self.csv"]


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(place, found):
    os.mkfifo(place / "pipe.csv")
    assert "no regular file" in unread(found()[1])


# --- archives


@pytest.mark.parametrize(
    "inner", ["../../evil.csv", "/etc/evil.csv", "a/../../evil.csv", "C:\\evil.csv", "..\\evil.csv"]
)
def test_an_archive_that_leads_outside(place, found, tmp_path, inner):
    with zipfile.ZipFile(place / "a.zip", "w") as archive:
        archive.writestr(inner, GOOD)
    assert "stay in their folder" in unread(found()[1])
    assert not list(tmp_path.rglob("*evil*"))


def test_bombs(place, found, monkeypatch):
    with zipfile.ZipFile(place / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"0" * (8 << 20))
    assert "200 times" in unread(found()[1])
    (place / "a.zip").rename(place / "a.xlsx")
    assert "200 times" in unread(found()[1])
    monkeypatch.setattr(archives, "RATIO", 10**6)
    monkeypatch.setattr(archives, "TOTAL", 1 << 20)
    assert "2 GB" in unread(found()[1])


def test_an_archive_within_an_archive_and_a_locked_one(place, found):
    with zipfile.ZipFile(place / "a.zip", "w") as archive:
        archive.writestr("inner.zip", b"PK")
        archive.writestr("b.csv", GOOD)
    tables, findings = found()
    assert rows(tables["a/b"]) == [("1", "a"), ("2", "b")]
    assert "within an archive" in unread(findings)


# --- economy


def test_a_good_file_is_read_by_python_no_further_than_its_head(place, found, monkeypatch):
    (place / "big.csv").write_bytes(b"a,b\n" + b"1,2\n" * 200_000)
    monkeypatch.setattr(sniffing, "HEAD", 4096)
    read = 0
    original = Path.open

    class Counted(io.FileIO):
        def read(self, size=-1):
            nonlocal read
            block = super().read(size)
            read += len(block)
            return block

    def counted(path, mode="r", *rest, **more):
        return Counted(path) if path.name == "big.csv" else original(path, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", counted)
    tables, _ = found()
    assert len(rows(tables["big"])) == 200_000
    assert read == 4096
