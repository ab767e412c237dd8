"""Files as people really deliver them: read right, or refused with the place, the reason and the remedy."""

import gzip
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import DataError, UsageError
from holdfast.features.history import History

ACCOUNTS = "account_id,valid_from\nA1,2025-01-01\nA2,2025-01-01\n"
USAGE = "account_id,occurred_at\nA1,2025-02-01\nA2,2025-03-01\n"


@pytest.fixture
def folder(tmp_path):
    """Lay files into a folder, beside two good ones; None takes a file away."""

    def lay(**files):
        for name, content in {"accounts.csv": ACCOUNTS, "usage.csv": USAGE, **files}.items():
            if content is None:
                continue
            if isinstance(content, pd.DataFrame):
                content.to_parquet(tmp_path / name)
            else:
                (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return lay


def lay_and_read(folder, **files) -> History:
    return History.read(folder(**files))


def refused(folder, match, **files) -> DataError:
    with pytest.raises(DataError, match=match) as caught:
        lay_and_read(folder, **files)
    assert caught.value.exit_code == 30
    assert caught.value.do
    return caught.value


def column(history, table, name):
    return history.records(table).columns[name].tolist()


def codes(history):
    return {(finding.code, finding.where.rsplit("/", 1)[-1]): finding.count for finding in history.findings}


# --- the folder


def test_a_missing_folder_and_a_file_in_its_place(tmp_path):
    with pytest.raises(DataError, match=r"nowhere.*No such file"):
        History.read(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="Not a directory"):
        History.read(tmp_path / "file")


def test_an_empty_folder_and_one_with_accounts_alone(folder, tmp_path):
    with pytest.raises(DataError, match=r"accounts and at least one of usage.*found no table"):
        History.read(tmp_path)
    refused(folder, "at least one of usage, invoices, touchpoints, tickets, found accounts", **{"usage.csv": None})


def test_activity_without_accounts(folder):
    refused(folder, "accounts and at least one", **{"accounts.csv": None})


@pytest.mark.parametrize("name", ["usgae.csv", "tickts.parquet", "Invoice.csv.gz"])
def test_a_misspelled_table_is_refused(folder, name):
    assert "did you mean" in refused(folder, "named like a table", **{name: "a,b\n1,2\n"}).do


def test_a_file_of_another_name_is_refused_and_other_files_are_left_alone(folder):
    refused(folder, "named like a table, found 'export.csv'", **{"export.csv": "a,b\n1,2\n"})


def test_what_is_no_table_is_left_alone(folder, tmp_path):
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "lambda.parquet").write_bytes(b"x")
    history = lay_and_read(folder, **{"README.md": "x", "plan.toml": "x", "usage.xlsx": b"PK", ".DS_Store": b"\0"})
    assert history.tables == ("accounts", "usage")
    assert codes(history)["HF009", "usage.xlsx"] == 1


def test_the_same_table_twice(folder):
    refused(folder, "one file for the table usage", **{"usage.csv.gz": gzip.compress(USAGE.encode())})


def test_gzip_upper_case_and_parts(folder, tmp_path):
    (tmp_path / "usage").mkdir()
    for part in (1, 2):
        rows = {"account_id": ["A1"], "occurred_at": [f"2025-02-0{part}"]}
        pd.DataFrame(rows).to_parquet(tmp_path / "usage" / f"part-{part}.parquet")
    packed = gzip.compress(b"account_id,kind,occurred_at\nA1,call,2025-02-03\n", mtime=0)
    history = lay_and_read(
        folder, **{"usage.csv": None, "touchpoints.csv.gz": packed, "ACCOUNTS.CSV": ACCOUNTS, "accounts.csv": None}
    )
    assert history.tables == ("accounts", "touchpoints", "usage")
    assert len(history.records("usage")) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("usage.csv.gz", b"no gzip"),
        ("usage.csv.gz", gzip.compress(USAGE.encode(), mtime=0)[:30]),
        ("usage.parquet", b"PAR1nonsense"),
    ],
)
def test_a_broken_container(folder, name, content):
    refused(folder, "a readable file", **{"usage.csv": None, name: content})


# --- the shape of a CSV file


@pytest.mark.parametrize("content", ["", "\n\n", "   \n"])
def test_an_empty_file(folder, content):
    refused(folder, "usage.csv: expected a header and rows, found an empty file", **{"usage.csv": content})


def test_a_header_without_rows(folder):
    refused(folder, "usage.csv: expected rows, found a header alone", **{"usage.csv": "account_id,occurred_at\n"})


@pytest.mark.parametrize("row", ["A1", "A1,2025-02-01,x"])
def test_a_row_of_another_width_is_named(folder, row):
    refused(folder, "usage.csv, row 3: expected 2 cells, found", **{"usage.csv": USAGE + row + "\n"})


def test_an_open_quote(folder):
    refused(folder, "usage.csv", **{"usage.csv": USAGE + 'A1,"2025-02-01\nA2,2025-02-02\n'})


def test_bytes_of_no_encoding_are_named_by_line(folder):
    refused(folder, "usage.csv, line 3: expected UTF-8 or Windows-1252, found byte 0x81", **{
        "usage.csv": b"account_id,event,occurred_at\nA1,\xc3\xbc,2025-02-01\nA1,\xff\x81,2025-02-01\n"
    })  # fmt: skip


def test_nul_and_utf16(folder):
    refused(folder, "usage.csv, line 2: expected text, found a NUL", **{"usage.csv": USAGE.replace("A1", "A\0")})
    refused(folder, "UTF-16", **{"usage.csv": USAGE.encode("utf-16")})


def test_a_byte_order_mark_and_windows_text(folder):
    history = lay_and_read(folder, **{
        "accounts.csv": b"\xef\xbb\xbf" + ACCOUNTS.encode(),
        "usage.csv": "account_id;event;occurred_at\r\nA1;Übersicht;2025-02-01\r\n".encode("cp1252"),
    })  # fmt: skip
    assert column(history, "usage", "event") == ["Übersicht"]
    assert history.dialects["accounts"].encoding == "utf-8-sig"
    assert history.dialects["usage"].encoding == "cp1252"


def test_line_breaks_delimiters_and_quotes_inside_a_cell(folder):
    text = 'account_id,name\nA1,"x ""y"",\nz"\n\nA2,\n'
    history = lay_and_read(folder, **{"accounts.csv": text})
    assert [str(name) for name in column(history, "accounts", "name")] == ['x "y",\nz', "nan"]


def test_a_name_of_a_megabyte(folder):
    history = lay_and_read(folder, **{"accounts.csv": f"account_id,name\nA1,{'x' * 1_000_000}\nA2,y\n"})
    assert len(column(history, "accounts", "name")[0]) == 1_000_000


def test_columns_in_another_order_with_spaces_and_capitals(folder):
    history = lay_and_read(folder, **{"usage.csv": " Occurred_At ,ACCOUNT_ID\n2025-02-01,A1\n"})
    assert len(history.records("usage")) == 1


def test_a_column_twice(folder):
    refused(
        folder, "each column once", **{"usage.csv": "account_id,occurred_at,occurred_at\nA1,2025-02-01,2025-02-01\n"}
    )
    refused(
        folder, "each column once", **{"usage.csv": "account_id,occurred_at,Occurred_at\nA1,2025-02-01,2025-02-01\n"}
    )


def test_a_missing_column_names_the_nearest(folder):
    error = refused(folder, "found no occurred_at", **{"usage.csv": "account_id,occured_at\nA1,2025-02-01\n"})
    assert "did you mean 'occured_at'" in error.do
    refused(folder, "found no account_id", **{"accounts.csv": "accountid,name\nA1,x\n"})
    refused(folder, "found no notice_at or ended_at", **{"churn.csv": "account_id,reason\nA1,x\n"})


def test_an_unknown_column_is_left_unread_and_told(folder):
    history = lay_and_read(folder, **{"usage.csv": "account_id,occurred_at,mood\nA1,2025-02-01,good\n"})
    assert codes(history)["HF009", "usage.csv"] == 1


# --- text


def test_ids_and_names_stay_text(folder):
    ids = ["0012", "9007199254740993", "NA", "None", "null", "1e5", "true", "12.0", " x ", "ä"]
    rows = "".join(f"{name},{name}\n" for name in ids)
    usage = "".join(f"{name},2025-02-01\n" for name in ids)
    history = lay_and_read(folder, **{
        "accounts.csv": "account_id,name\n" + rows,
        "usage.csv": "account_id,occurred_at\n" + usage,
    })  # fmt: skip
    assert list(history.accounts) == sorted(ids)
    assert column(history, "accounts", "name") == sorted(ids)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(ids=st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), min_size=1, unique=True))
def test_any_id_survives_writing_and_reading(ids, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ids")
    frame = pd.DataFrame({"account_id": ids, "occurred_at": "2025-02-01"})
    frame[["account_id"]].to_csv(folder / "accounts.csv", index=False, encoding="utf-8")
    frame.to_csv(folder / "usage.csv", index=False, encoding="utf-8")
    assert sorted(History.read(folder).accounts) == sorted(ids)


def test_whole_numbers_in_parquet_are_ids_without_a_point(folder):
    ids = pd.DataFrame({"account_id": [12, 9_007_199_254_740_993]})
    usage = pd.DataFrame({"account_id": [12.0, np.nan], "occurred_at": [pd.Timestamp("2025-02-01")] * 2})
    history = lay_and_read(folder, **{
        "accounts.csv": None, "usage.csv": None, "accounts.parquet": ids, "usage.parquet": usage
    })  # fmt: skip
    assert "12" in history.accounts
    assert codes(history)["HF004", "usage"] == 1


def test_hostile_names_are_only_names(folder):
    names = ["=HYPERLINK(1)", "<script>alert(1)</script>", "'; drop table accounts; --", "../../etc/passwd"]
    frame = pd.DataFrame({"account_id": names, "name": names})
    usage = pd.DataFrame({"account_id": [*names, "<b>nobody</b>"], "occurred_at": "2025-02-01"})
    history = lay_and_read(folder, **{
        "accounts.csv": frame.to_csv(index=False), "usage.csv": usage.to_csv(index=False)
    })  # fmt: skip
    assert sorted(history.accounts) == sorted(names)
    html = history._repr_html_() + history.as_of("2026-01-01")._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html


# --- numbers


def amounts(folder, delimiter, values, **own):
    rows = "".join(f"A1{delimiter}2025-02-0{i + 1}{delimiter}{value}\n" for i, value in enumerate(values))
    text = delimiter.join(["account_id", "issued_at", "amount"]) + "\n" + rows
    return History.read(folder(**{"invoices.csv": text}), **own)


@pytest.mark.parametrize(
    ("delimiter", "values", "numbers", "decimal"),
    [
        (",", ["1.5", "1e3", "-2", ""], [1.5, 1000, -2, None], "."),
        (";", ["1.234,50", "0,5", "7"], [1234.5, 0.5, 7], ","),
        (";", ["1.200", "2.500.000"], [1200, 2_500_000], ","),
        (";", ["0.125", "1.250"], [0.125, 1.25], "."),
        (";", ["1.25", "3"], [1.25, 3], "."),
        (",", ['"1,234.50"', "2"], [1234.5, 2], "."),
        (",", ['"12,5"', "2"], [12.5, 2], ","),
        ("\t", ["1 234,5", "2"], [1234.5, 2], ","),
        ("|", ["+3", " 4 "], [3, 4], "."),
    ],
)
def test_decimal_marks(folder, delimiter, values, numbers, decimal):
    history = amounts(folder, delimiter, values)
    assert history.dialects["invoices"].decimal == decimal
    assert [None if np.isnan(n) else n for n in column(history, "invoices", "amount")] == numbers


def test_an_open_decimal_mark_is_said_and_can_be_stated(folder):
    history = amounts(folder, ";", ["1.200"])
    assert "point or comma" in next(f.message for f in history.findings if f.code == "HF003")
    stated = amounts(folder, ";", ["1.200"], dialect={"invoices": {"decimal": "."}})
    assert column(stated, "invoices", "amount") == [1.2]


@pytest.mark.parametrize("value", ["twelve", "1,2,3", "12 EUR", "1.2.3", "NULL", "0x10", "1_000", "--1", "."])
def test_what_is_no_number_is_named(folder, value):
    with pytest.raises(DataError, match=r"invoices.csv, column amount, row 2: expected a number") as caught:
        amounts(folder, ";", ["1", value])
    assert repr(value) in caught.value.found


def test_numbers_that_are_not_finite_are_missing_and_counted(folder):
    history = amounts(folder, ",", ["inf", "-Infinity", "NaN", "1"])
    assert np.isnan(column(history, "invoices", "amount")[:3]).all()
    assert codes(history)["HF007", "invoices"] == 3


def test_a_rating_outside_its_range(folder):
    rows = "account_id,opened_at,satisfaction\nA1,2025-02-01,0.5\nA1,2025-02-02,4\n"
    refused(folder, "column satisfaction, row 2: expected a number from 0 to 1, found 4", **{"tickets.csv": rows})


def test_several_currencies_are_kept_and_told(folder):
    rows = "account_id,issued_at,amount,currency\nA1,2025-02-01,1,EUR\nA1,2025-02-02,4,USD\n"
    assert codes(lay_and_read(folder, **{"invoices.csv": rows}))["HF018", "invoices"] == 2


@pytest.mark.parametrize(("word", "flag"), [("true", 1), ("JA", 1), ("0", 0), ("no", 0), ("nein", 0), ("", None)])
def test_flags(folder, word, flag):
    history = lay_and_read(
        folder, **{"people.csv": f"account_id,valid_from,seat\nA1,2025-02-01,{word}\nA2,2025-02-01,1\n"}
    )
    seat = column(history, "people", "seat")[0]
    assert (None if np.isnan(seat) else seat) == flag


def test_what_is_no_flag(folder):
    rows = "account_id,valid_from,seat\nA1,2025-02-01,perhaps\n"
    refused(folder, "column seat, row 1: expected true or false, found 'perhaps'", **{"people.csv": rows})


def test_a_word_that_is_not_in_the_list(folder):
    rows = "account_id,occurred_at,kind\nA1,2025-02-01,call\nA1,2025-02-01,meting\n"
    assert "'meeting'" in refused(folder, "column kind, row 2", **{"touchpoints.csv": rows}).do


# --- times


def times(folder, values, delimiter=",", **own):
    rows = "".join(f"A1{delimiter}{value}\n" for value in values)
    return History.read(folder(**{"usage.csv": f"account_id{delimiter}occurred_at\n{rows}"}), **own)


def moments(history):
    return [f"{pd.Timestamp(at, unit='us'):%Y-%m-%d %H:%M:%S}" for at in history.records("usage").at]


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2025-12-31", "2025-12-31 00:00:00"),
        ("2025-12-31 13:05", "2025-12-31 13:05:00"),
        ("2025-12-31T13:05:09.123456789", "2025-12-31 13:05:09"),
        ("2025-12-31T13:05:09Z", "2025-12-31 13:05:09"),
        ("2025-12-31 13:05:09+02:00", "2025-12-31 11:05:09"),
        ("2025-12-31 13:05:09 +0200", "2025-12-31 11:05:09"),
        ("31.12.2025", "2025-12-31 00:00:00"),
        ("1.2.2025 3:04", "2025-02-01 03:04:00"),
        ("31/12/2025 13:05:09", "2025-12-31 13:05:09"),
        ("12/31/2025", "2025-12-31 00:00:00"),
        ("31-12-2025", "2025-12-31 00:00:00"),
        ("2024-02-29", "2024-02-29 00:00:00"),
    ],
)
def test_ways_to_write_a_time(folder, value, moment):
    assert moments(times(folder, [value])) == [moment]


@pytest.mark.parametrize(
    "value",
    [
        "soon",
        "2025-13-01",
        "2025-02-30",
        "31.13.2025",
        "30/30/2025",
        "20250101",
        "2025",
        "1700000000",
        "now",
        "1.2.25",
        "-",
    ],
)
def test_what_is_no_time_is_named(folder, value):
    with pytest.raises(DataError, match=r"usage.csv, column occurred_at, row 2: expected a date or time") as caught:
        times(folder, ["2025-01-01", value])
    assert repr(value) in caught.value.found


def test_zones_in_some_times_and_not_in_others(folder):
    with pytest.raises(
        DataError, match=r"column occurred_at: expected times that all carry a zone.*row 2, one without"
    ):
        times(folder, ["2025-01-01T10:00:00Z", "2025-01-01T11:00:00"])
    assert len(times(folder, ["2025-01-01T10:00:00Z", "2025-01-02"]).records("usage")) == 2


def test_the_order_of_day_and_month(folder):
    assert moments(times(folder, ["03/04/2025", "13/04/2025"])) == ["2025-04-03 00:00:00", "2025-04-13 00:00:00"]
    assert moments(times(folder, ["03/04/2025", "04/13/2025"])) == ["2025-03-04 00:00:00", "2025-04-13 00:00:00"]
    with pytest.raises(DataError, match=r"column occurred_at, row 2: expected one order of day and month"):
        times(folder, ["13/04/2025", "04/13/2025"])


def test_an_open_order_follows_the_delimiter_is_said_and_can_be_stated(folder):
    open_ = times(folder, ["03/04/2025"])
    assert moments(open_) == ["2025-03-04 00:00:00"]
    assert "month first is assumed" in next(f.message for f in open_.findings if f.code == "HF003")
    assert moments(times(folder, ["03/04/2025"], ";")) == ["2025-04-03 00:00:00"]
    stated = times(folder, ["03/04/2025"], dialect={"usage": {"dayfirst": True}})
    assert moments(stated) == ["2025-04-03 00:00:00"]
    assert "assumed" not in next(f.message for f in stated.findings if f.code == "HF003")
    with pytest.raises(DataError, match="day first"):
        times(folder, ["12/31/2025"], dialect={"usage": {"dayfirst": True}})


def test_a_plain_file_has_no_dialect_to_tell(folder):
    history = lay_and_read(folder)
    assert history.dialects["usage"].plain
    assert not [f for f in history.findings if f.code == "HF003"]


@pytest.mark.parametrize(
    ("stated", "match"),
    [
        ({"usgae": {}}, "did you mean 'usage'"),
        ({"usage": {"delimeter": ";"}}, "did you mean 'delimiter'"),
        ({"usage": {"decimal": ";"}}, "decimal"),
        ({"usage": {"delimiter": ""}}, "delimiter"),
        ({"usage": {"delimiter": ";;"}}, "delimiter"),
        ({"usage": {"encoding": "klingon"}}, "encoding"),
        ({"usage": {"dayfirst": "yes"}}, "dayfirst"),
    ],
)
def test_a_wrong_statement_about_a_dialect(folder, stated, match):
    with pytest.raises(UsageError, match=match):
        History.read(folder(), dialect=stated)


def test_a_stated_encoding_that_does_not_fit(folder):
    with pytest.raises(DataError, match=r"usage.csv, line 2"):
        History.read(
            folder(**{"usage.csv": "account_id,event,occurred_at\nA1,Ü,2025-02-01\n".encode("cp1252")}),
            dialect={"usage": {"encoding": "utf-8"}},
        )


def test_times_of_frames_in_any_unit():
    at = pd.Timestamp("2025-02-01 10:00:00.000001")
    for unit in ("s", "ms", "us", "ns"):
        frame = pd.DataFrame({"account_id": ["A1"], "occurred_at": pd.Series([at]).astype(f"M8[{unit}]")})
        history = History.from_frames({"accounts": pd.DataFrame({"account_id": ["A1"]}), "usage": frame})
        assert history.records("usage").at[0] == pd.Timestamp(at).as_unit(unit).value // 1000
    zoned = frame.assign(occurred_at=pd.Series([at]).dt.tz_localize("Europe/Berlin"))
    history = History.from_frames({"accounts": pd.DataFrame({"account_id": ["A1"]}), "usage": zoned})
    assert moments(history) == ["2025-02-01 09:00:00"]


def test_dates_and_decimals_of_parquet(folder, tmp_path):
    folder()
    rows = pa.table({
        "account_id": pa.array(["A1"]).dictionary_encode(),
        "issued_at": pa.array([pd.Timestamp("2025-02-01").date()]),
        "amount": pa.array([Decimal("12.50")]),
        "currency": pa.array(["EUR"], pa.large_string()),
    })  # fmt: skip
    pq.write_table(rows, tmp_path / "invoices.parquet")
    history = History.read(tmp_path)
    assert column(history, "invoices", "amount") == [12.5]
    assert history.records("invoices").at[0] == 1_738_368_000_000_000


@pytest.mark.parametrize(
    ("name", "values", "match"),
    [
        ("occurred_at", [1, 2], "expected times, found int64"),
        ("count", [pd.Timestamp("2025-01-01")] * 2, "expected numbers, found timestamp"),
        ("kind", [True, False], "one of login"),
        ("advanced", [0.5, 1.0], "true or false"),
    ],
)
def test_a_parquet_column_of_another_type(name, values, match):
    usage = pd.DataFrame({"account_id": ["A1", "A1"], "occurred_at": "2025-02-01"}).assign(**{name: values})
    with pytest.raises(DataError, match=match):
        History.from_frames({"accounts": pd.DataFrame({"account_id": ["A1"]}), "usage": usage})


def test_dates_of_another_age_are_missing_and_counted(folder):
    rows = "account_id,valid_from,valid_to\nA1,2025-02-01,9999-12-31\nA2,0001-01-01,2025-05-01\n"
    history = lay_and_read(folder, **{"subscriptions.csv": rows})
    assert ("HF005", "subscriptions") not in codes(history)
    assert [f.count for f in history.findings if (f.code, f.where) == ("HF007", "subscriptions")] == [1, 1]
    assert history.records("subscriptions").columns["valid_to"].isna().all()


# --- rows and their neighbours


def test_rows_without_a_date_or_of_nobody_are_left_out_and_counted(folder):
    rows = "account_id,notice_at,ended_at\nA1,2025-02-01,\nA2,,\nXX,2025-02-01,\nXX,2025-02-02,\n,2025-02-02,\n"
    history = lay_and_read(folder, **{"churn.csv": rows})
    assert len(history.records("churn")) == 1
    assert codes(history)["HF005", "churn"] == 1
    assert codes(history)["HF004", "churn"] == 3
    assert "'XX' (2)" in next(f.message for f in history.findings if f.code == "HF004")


def test_duplicate_accounts_that_differ_are_refused(folder):
    rows = "account_id,valid_from,name\nA1,2025-01-01,x\nA1,2025-01-01,y\nA2,2025-01-01,z\n"
    error = refused(folder, "duplicate rows that differ, for 1 keys: account_id=A1", **{"accounts.csv": rows})
    assert "known_at" in error.do


def test_duplicate_accounts_that_are_alike_count_once(folder):
    rows = "account_id,valid_from,name\nA1,2025-01-01,x\nA1,2025-01-01,x\nA2,2025-01-01,z\n"
    history = lay_and_read(folder, **{"accounts.csv": rows})
    assert codes(history)["HF008", "accounts"] == 1
    assert len(history.records("accounts")) == 2


def test_a_duplicate_name_of_an_event(folder):
    rows = "account_id,occurred_at,source_id\nA1,2025-02-01,u1\nA1,2025-02-03,u1\n"
    assert len(lay_and_read(folder, **{"usage.csv": rows}).records("usage")) == 2  # known later: a correction
    rows = "account_id,occurred_at,known_at,source_id\nA1,2025-02-01,2025-02-05,u1\nA1,2025-02-03,2025-02-05,u1\n"
    refused(folder, "source_id=u1", **{"usage.csv": rows})


def test_defaults_are_counted(folder):
    history = lay_and_read(folder)
    assert codes(history)["HF002", "usage"] == 2
    told = next(f.message for f in history.findings if f.code == "HF001" and f.where == "usage")
    for name in ("source", "source_id", "known_basis", "kind", "event", "count"):
        assert f"{name} (2)" in told


def test_an_event_is_named_by_its_feature_else_by_its_kind(folder):
    rows = "account_id,occurred_at,kind,feature\nA1,2025-02-01,api,\nA1,2025-02-02,feature,export\nA1,2025-02-03,,\n"
    history = lay_and_read(folder, **{"usage.csv": rows})
    assert column(history, "usage", "event") == ["api", "export", "feature"]
    assert column(history, "usage", "kind") == ["api", "feature", "feature"]


def test_a_version_that_never_holds_is_told(folder):
    rows = "account_id,valid_from,valid_to\nA1,2025-02-01,2025-02-01\n"
    assert codes(lay_and_read(folder, **{"subscriptions.csv": rows}))["HF072", "subscriptions"] == 1


def test_nothing_left_is_refused(folder):
    refused(folder, "left out", **{"usage.csv": "account_id,occurred_at\nnobody,2025-02-01\n"})


def test_frames_are_refused_like_files():
    accounts = pd.DataFrame({"account_id": ["A1"]})
    with pytest.raises(DataError, match=r"did you mean 'usage'"):
        History.from_frames({"accounts": accounts, "usgae": accounts})
    with pytest.raises(DataError, match="frame usage: expected rows"):
        History.from_frames({"accounts": accounts, "usage": accounts[:0]})
    mixed = pd.DataFrame({"account_id": [1, "A1"], "occurred_at": [pd.Timestamp("2025-01-01"), "2025-02-01"]})
    history = History.from_frames({"accounts": accounts, "usage": mixed})
    assert moments(history) == ["2025-02-01 00:00:00"]


def test_a_frame_is_not_changed_by_being_read():
    frames = {
        "accounts": pd.DataFrame({"account_id": ["A1"]}),
        "usage": pd.DataFrame({"account_id": ["A1"], "occurred_at": ["2025-02-01"], "count": [np.inf]}),
    }
    before = {name: frame.copy(deep=True) for name, frame in frames.items()}
    History.from_frames(frames).until("2025-03-01").fingerprint()
    for name, frame in frames.items():
        pd.testing.assert_frame_equal(frame, before[name])


def test_reading_warns_of_nothing(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lay_and_read(folder).report()
