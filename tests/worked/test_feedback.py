"""What people write into the files of a run: read back in every dialect, refused by cell, kept once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook as Book
from openpyxl import load_workbook

from holdfast.errors import DataError, UsageError
from holdfast.features.sheets.sheet import fold
from holdfast.serving.columns import COLUMNS
from holdfast.serving.command import run
from holdfast.serving.feedback.desk import Desk, Refusal
from holdfast.serving.feedback.entry import Entry
from holdfast.serving.feedback.form import ASKED
from holdfast.serving.feedback.keeping import import_form
from holdfast.serving.feedback.reading import read_form
from holdfast.serving.feedback.summary import Feedback
from holdfast.serving.headings import title, titled
from holdfast.serving.ledger.store import LEDGER, Ledger
from holdfast.serving.workspace import Workspace
from tests.served import DAY, RUN, scores, serve

NOW = datetime(2026, 1, 2, 9, 30, tzinfo=UTC)
ACCOUNTS = ["a", "b", "c", "0012"]
HEAD = "account_id,set_score,set_reason,set_until,snooze_until,outcome,wrong_reason,author,note"
DESK = Desk(RUN, DAY, ACCOUNTS, lambda run, _, rank: f"sign_{rank}" if rank < 3 and run == RUN else None, "Ann")
# openpyxl drops what Excel keeps of data bars, and says so
pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported:UserWarning")


def said(entry: Entry) -> tuple[str, str, str, str, str, str | None]:
    return entry.account_id, entry.kind, entry.value, entry.reason, entry.author, entry.expires


def kept(place: Workspace) -> pd.DataFrame:
    return Ledger(place.root / LEDGER).read("SELECT * FROM feedback ORDER BY rowid")


def text(folder: Path, *lines: str, name: str = "f.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def filled(place: Workspace, to: Path, sheet: int, **cells: object) -> Path:
    """Fill in the row of 0012 as a person would, by the headings, with the name dragged down over all rows."""
    book = load_workbook(place.current / "scores.xlsx")
    page = book.worksheets[sheet]
    places = {cell.value: cell.column for cell in page[1]}
    names = {name: places[title(name, "de" if "Kunde" in places else "en")] for name in [*ASKED, "account_id"]}
    for number in range(2, page.max_row + 1):
        page.cell(number, names["author"], "Ann")
        if page.cell(number, names["account_id"]).value == "0012":
            for name, value in cells.items():
                page.cell(number, names[name], value)
    book.save(to)
    return to


def test_what_each_row_says_is_read_as_it_is_meant(tmp_path: Path) -> None:
    path = text(
        tmp_path,
        HEAD,
        "a,75.5,they renewed,2026-02-01,,,,Ben,",
        "b,,,,2026-01-20,leaves,2,,called twice",
        "c,,,,,,,Ben,",
        "0012,0,gone quiet,2026-01-01,,,,,",
    )
    found = read_form(path, DESK)
    assert (found.problems, found.unread) == ([], [])
    assert [said(one) for one in found.entries] == [
        ("a", "override", "75.5", "they renewed", "Ben", "2026-02-01T00:00:00Z"),
        ("b", "snooze", "", "", "Ann", "2026-01-20T00:00:00Z"),
        ("b", "outcome", "leaves", "", "Ann", None),
        ("b", "note", "called twice", "", "Ann", None),
        ("b", "wrong_reason", "sign_2", "", "Ann", None),
        ("0012", "override", "0", "gone quiet", "Ann", "2026-01-01T00:00:00Z"),
    ]
    assert {one.run_id for one in found.entries} == {RUN}


@pytest.mark.parametrize(
    ("head", "row", "encoding"),
    [
        ("Kunden-ID;Score setzen;Begründung;Setzen bis;Ihr Name", "a;75,5;läuft;1.2.2026;Jörg", "cp1252"),
        ("Account ID\tSet score\tSet it because\tSet it until\tYour name", "a\t75.5\tläuft\t2026-02-01\tJörg", "utf-8"),
        ("note|ACCOUNT_ID|set score|set_reason|SET UNTIL|author", "|a|75.5|läuft|2026-02-01|Jörg", "utf-8-sig"),
    ],
)
def test_the_dialect_and_the_language_do_not_matter(tmp_path: Path, head: str, row: str, encoding: str) -> None:
    found = read_form(text(tmp_path, head, row, encoding=encoding), DESK)
    assert [said(one) for one in found.entries] == [("a", "override", "75.5", "läuft", "Jörg", "2026-02-01T00:00:00Z")]


def test_days_that_read_in_two_ways_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="order of day and month open"):
        read_form(text(tmp_path, "account_id,snooze_until", "a,02/03/2026"), DESK)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({"set_score": 0.0}, None),
        ({"set_score": 100.0}, None),
        ({"set_score": 100.1}, ("set_score", "100.1", "a score from 0 to 100")),
        ({"set_score": -0.1}, ("set_score", "-0.1", "a score from 0 to 100")),
        ({"set_score": float("nan")}, ("set_score", "nan", "a score from 0 to 100")),
        ({"set_until": DAY + timedelta(days=90)}, None),
        ({"set_until": DAY}, None),
        ({"set_until": DAY + timedelta(days=91)}, ("set_until", "2026-04-02", "a day from 2026-01-01 to 2026-04-01")),
        ({"set_until": DAY - timedelta(1)}, ("set_until", "2025-12-31", "a day from 2026-01-01 to 2026-04-01")),
        ({"set_reason": "x" * 2000}, None),
        ({"set_reason": "x" * 2001}, ("set_reason", "2001 characters", "at most 2000")),
    ],
)
def test_an_override_within_bounds(row: dict[str, object], wrong: tuple[str, str, str] | None) -> None:
    whole = {"account_id": "a", "set_score": 50.0, "set_reason": "why", "set_until": DAY + timedelta(days=30)}
    found = DESK.take(whole | row)  # type: ignore[arg-type]
    assert found == [wrong] if wrong else [type(one) for one in found] == [Entry]


@pytest.mark.parametrize("lacking", ["set_score", "set_reason", "set_until"])
def test_an_override_needs_score_reason_and_day(lacking: str) -> None:
    whole = {"account_id": "a", "set_score": 50.0, "set_reason": "why", "set_until": DAY + timedelta(days=30)}
    (found,) = DESK.take(whole | {lacking: None})
    assert isinstance(found, Refusal)
    assert (found.column, found.found) == (lacking, "nothing")


def test_every_bad_cell_is_named_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = serve(tmp_path, scores(ACCOUNTS))
    path = text(
        tmp_path,
        HEAD,
        "a,50,fine,2026-02-01,,,,Ann,",
        "b,120,,soon,2027-01-01,perhaps,4,,",
        "bb,,,,2026-01-20,,,Ann,",
    )
    assert run(["import", str(tmp_path), str(path), "--json"]) == 30
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert {(one["row"], one["column"]) for one in found["problems"]} == {
        (3, "set_score"),
        (3, "set_reason"),
        (3, "set_until"),
        (3, "snooze_until"),
        (3, "outcome"),
        (3, "wrong_reason"),
        (3, "author"),
        (4, "account_id"),
    }
    assert "did you mean" in next(one["expected"] for one in found["problems"] if one["column"] == "account_id")
    assert "8 cells that cannot" in told.err
    assert not (place.root / LEDGER).exists()


def test_the_same_file_again_is_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = serve(tmp_path, scores(ACCOUNTS))
    first = text(tmp_path, HEAD, "a,50,fine,2026-02-01,,,,Ann,", name="1.csv")
    second = text(tmp_path, HEAD, "a,90,better,2026-02-01,,,,Ann,", "b,,,,,stays,,Ann,", name="2.csv")
    assert [run(["import", str(tmp_path), str(one)]) for one in (first, first, second, first, second)] == [
        *(0, 10, 0, 10, 10)
    ]
    assert kept(place)["value"].tolist() == ["50", "90", "stays"]
    assert "nothing to do: 2 entries, all known before" in capsys.readouterr().out


def test_a_word_that_was_replaced_since_is_said_not_to_count_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = serve(tmp_path, scores(ACCOUNTS))
    first = text(tmp_path, HEAD, "a,50,x,2026-01-20,,,,Ann,one", "b,60,x,2026-01-20,,,,Ann,", name="first.csv")
    second = text(tmp_path, HEAD, "a,60,x,2026-01-20,,,,Ann,two", name="second.csv")
    for hours, path in enumerate((first, second)):
        assert import_form(place, path, "", NOW + timedelta(hours=hours)).replaced == []
    assert import_form(place, first, "", NOW + timedelta(hours=2)).replaced == ["a (override)"]
    assert run(["import", str(tmp_path), str(first)]) == 10
    said = "Said before and replaced since, so that it does not count: a (override). Say it in the file of a later run."
    assert said in capsys.readouterr().out


def test_one_file_does_not_say_two_things_of_one_account(tmp_path: Path) -> None:
    path = text(tmp_path, HEAD, "a,,,,2026-01-20,,,Ann,", "b,,,,,,,Ann,hello", "a,,,,2026-01-21,,,Ann,")
    (problem,) = read_form(path, DESK).problems
    assert (problem.where, problem.row, problem.found) == ("f.csv", 4, "a otherwise than in row 2")
    again = text(tmp_path, HEAD, "a,,,,2026-01-20,,,Ann,", "a,,,,2026-01-20,,,Ann,")
    assert len(read_form(again, DESK).entries) == 1


def test_a_reason_is_wrong_as_the_run_of_the_file_told_it(tmp_path: Path) -> None:
    place = serve(tmp_path, scores(["a"], run="a" * 16), run="a" * 16)
    serve(tmp_path, scores(["a"]))
    told = pd.read_parquet(place.runs / ("a" * 16) / "drivers.parquet").assign(code=["old_1", "old_2"])
    told.to_parquet(place.runs / ("a" * 16) / "drivers.parquet", index=False)
    head = "run_id,account_id,wrong_reason,author"
    for run_id, code in (("a" * 16, "old_2"), (RUN, "sign_2"), ("", "sign_2")):
        import_form(place, text(tmp_path, head, f"{run_id},a,2,Ann"), "", NOW)
        assert kept(place)["value"].iloc[-1] == code
    for run_id, rank in (("b" * 16, 1), (RUN, 3), ("../../etc/passwd", 1)):
        found = import_form(place, text(tmp_path, head, f"{run_id},a,{rank},Ann"), "", NOW)
        assert [one.column for one in found.problems] == ["run_id" if "/" in run_id else "wrong_reason"]


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("sheet", [0, 1])
def test_the_workbook_comes_back(tmp_path: Path, language: str, sheet: int) -> None:
    place = serve(tmp_path, scores(ACCOUNTS), language)
    said = {"set_score": 75, "set_reason": "it is", "set_until": datetime(2026, 2, 1), "outcome": "Bleibt"}
    found = import_form(place, filled(place, tmp_path / "back.xlsx", sheet, **said), "", NOW)
    assert (found.new, found.problems, found.unread) == (2, (), [])
    rows = kept(place).fillna("")
    assert rows[["account_id", "kind", "value", "said_on", "expires", "recorded_at"]].values.tolist() == [
        ["0012", "override", "75", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-01-02T09:30:00Z"],
        ["0012", "outcome", "stays", "2026-01-01T00:00:00Z", "", "2026-01-02T09:30:00Z"],
    ]


def test_a_formula_is_not_reckoned(tmp_path: Path) -> None:
    place = serve(tmp_path, scores(ACCOUNTS))
    said = {"set_score": "=50+25", "set_reason": "it is", "set_until": datetime(2026, 2, 1)}
    found = import_form(place, filled(place, tmp_path / "back.xlsx", 0, **said), "", NOW)
    assert [(one.column, one.found) for one in found.problems] == [("Set score", "nothing")]


def test_a_file_that_was_filled_in_where_it_lies_is_taken_as_well(tmp_path: Path) -> None:
    place = serve(tmp_path, scores(ACCOUNTS))
    found = import_form(place, filled(place, place.current / "scores.xlsx", 1, note="hello"), "", NOW)
    assert (found.new, found.problems) == (1, ())
    (place.current / "scores.parquet").write_bytes(b"damaged")
    with pytest.raises(UsageError, match="none that is whole"):
        import_form(place, place.current / "scores.xlsx", "", NOW)


def test_an_empty_form_says_nothing(tmp_path: Path) -> None:
    place = serve(tmp_path, scores(ACCOUNTS))
    for name in ("scores.xlsx", "feedback.csv"):
        found = import_form(place, place.current / name, "Ann", NOW)
        assert (found.new, found.known, found.problems, found.unread) == (0, 0, (), [])
    assert not (place.root / LEDGER).exists()


def test_a_file_that_is_no_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no sheet that has the first of them"):
        read_form(text(tmp_path, "account_id,arr", "a,1"), DESK)
    with pytest.raises(DataError, match="'Set skore': did you mean 'Set score'"):
        read_form(text(tmp_path, "account_id,Set skore", "a,1"), DESK)
    with pytest.raises(DataError, match="'snooze': did you mean 'snooze_until'"):
        read_form(text(tmp_path, "account_id,snooze,author", "a,2026-01-20,Ann"), DESK)
    with pytest.raises(DataError, match="'acount_id': did you mean 'account_id'"):
        read_form(text(tmp_path, "acount_id,note", "a,hello"), DESK)
    with pytest.raises(DataError, match="no sheet that has"):
        read_form(text(tmp_path, "account_id,author", "a,Ann"), DESK)
    with pytest.raises(DataError, match="each column once"):
        read_form(text(tmp_path, "account_id,set_score,Set score", "a,1,2"), DESK)
    book = Book()
    book.save(tmp_path / "empty.xlsx")
    with pytest.raises(DataError, match="no sheet that has"):
        read_form(tmp_path / "empty.xlsx", DESK)


def test_columns_of_ones_own_are_told_and_no_hindrance(tmp_path: Path) -> None:
    found = read_form(text(tmp_path, "account_id,health,p120,mood,empty,note", "a,50,0.1,good,,hello"), DESK)
    assert found.unread == ["f.csv, 'mood'"]
    assert [one.kind for one in found.entries] == ["note"]


def test_a_column_that_is_nearly_called_like_one_of_the_form_is_asked_about_and_never_lost(tmp_path: Path) -> None:
    lines = ("account_id,outcome,snooze,author", "a,,2026-01-20,Ann")
    with pytest.raises(DataError, match=r"found nothing but in f\.csv, 'snooze'"):
        read_form(text(tmp_path, *lines), DESK)
    found = read_form(text(tmp_path, *lines, "b,stays,,Ann"), DESK)
    assert found.unread == ["f.csv, 'snooze'; did you mean 'snooze_until'?"]
    assert [one.kind for one in found.entries] == ["outcome"]


def test_a_score_that_is_set_for_an_account_that_is_not_scored_is_said_to_have_no_effect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = scores(ACCOUNTS)
    gone = told.rows["account_id"] == "b"
    rows = told.rows.assign(
        score_status=told.rows["score_status"].mask(gone, "not_scored"),
        score_reason=told.rows["score_reason"].mask(gone, "left on 2025-11-03"),
    )
    serve(tmp_path, replace(told, rows=rows))
    path = text(tmp_path, HEAD, "a,50,fine,2026-02-01,,,,Ann,", "b,50,back,2026-02-01,,stays,,Ann,")
    for code, first in (
        (0, "They count from the next score on, a set score once its account is scored."),
        (10, "known"),
    ):
        assert run(["import", str(tmp_path), str(path)]) == code
        out = capsys.readouterr().out
        assert first in out
        assert "that is not scored, and without effect until it is: b (left on 2025-11-03)." in out


def test_what_was_said_is_told_with_its_state_and_beside_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = serve(tmp_path, scores(["a", "b"]))
    for number, row in enumerate(
        ["a,50,one,2026-02-01,,stays,1,Ann,", "a,90,two,2026-01-01,2026-01-01,leaves,2,Ann,", "b,,,,,leaves,2,Ann,"]
    ):
        import_form(place, text(tmp_path, HEAD, row), "", NOW + timedelta(minutes=number))
    found = Feedback.read(Ledger(place.root / LEDGER), DAY, place.runs)
    states = {(row["account_id"], row["kind"], row["value"]): row["state"] for row in found.rows.to_dict("records")}
    assert states == {
        ("a", "override", "50"): "replaced",
        ("a", "override", "90"): "ended",
        ("a", "snooze", ""): "ended",
        ("a", "outcome", "stays"): "replaced",
        ("a", "outcome", "leaves"): "kept",
        ("b", "outcome", "leaves"): "kept",
        ("a", "wrong_reason", "sign_1"): "kept",
        ("a", "wrong_reason", "sign_2"): "kept",
        ("b", "wrong_reason", "sign_2"): "kept",
    }
    assert found.wrong_reasons.values.tolist() == [["sign_2", 2, 2], ["sign_1", 1, 1]]
    assert found.outcomes.values.tolist() == [
        ["leaves", 2, 15.0, pytest.approx(0.2995)]
    ]  # (10 + 20) / 2, (.3 + .299) / 2
    assert run(["feedback", str(tmp_path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 9
    assert run(["feedback", str(tmp_path)]) == 0
    assert "Reasons called wrong" in capsys.readouterr().out


def test_no_two_headings_are_taken_for_one_another() -> None:
    names = {*COLUMNS, *ASKED, "rank", "band_churn", "decision", "call_by", "expected_saved"}
    assert names - {"p30", "p60", "p90"} == titled()
    ways: dict[str, set[str]] = {}
    for name in names:
        for way in (name, title(name, "en"), title(name, "de")):
            ways.setdefault(fold(way), set()).add(name)
    assert {way: of for way, of in ways.items() if len(of) > 1} == {}
