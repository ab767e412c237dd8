"""Whatever is typed into a name stays text: in CSV, in Excel, on the page, on the terminal, and on its way back."""

import csv
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from holdfast.serving import show
from holdfast.serving.columns import in_order
from holdfast.serving.delivery import write_scores
from holdfast.serving.feedback.keeping import import_form
from holdfast.serving.feedback.standing import Standing
from holdfast.serving.ledger.store import LEDGER, Ledger
from holdfast.serving.pages import environment
from holdfast.serving.queue.week import queue
from holdfast.serving.report import Page, render
from holdfast.serving.scoring import Scores
from holdfast.serving.sections import Queue
from holdfast.serving.workspace import Workspace
from tests.served import scores as made
from tests.served import serve

HOSTILE = [
    "=1+1",
    '=HYPERLINK("http://evil.example","click")',
    "+49 30 1234",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "{=1+1}",
    "http://evil.example",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% for x in y %}",
    "'; DROP TABLE accounts; --",
    "\x1b[2J\x1b]0;owned\x07",
    "Acme \u202egnp.exe",
    "</td></table><!--",
    'Łódź; "Nowy", S.A.\nsecond line',
    "NA",
    "0012",
]
PAGE = Page(verdict="=1+1", kind="notice")
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


@pytest.fixture(scope="module")
def scores() -> Scores:
    n, day = len(HOSTILE), pd.Timestamp("2026-01-01", tz="UTC")
    rows = pd.DataFrame(
        {
            "schema_version": 1,
            "as_of": day,
            "account_id": [f"A{i:02d}" for i in range(n)],
            "account_name": HOSTILE,
            "segment": HOSTILE,
            "csm": HOSTILE,
            "arr": [-12.5] * n,
            "health": 50.0,
            "band": "orange",
            "p30": 0.1,
            "p60": 0.2,
            "p90": 0.3,
            "expected_arr_at_risk_90": -3.75,
            "delta_health_30": -1.5,
            "driver_1": HOSTILE,
            "score_status": ["scored"] * (n - 1) + ["not_scored"],
            "score_reason": [""] * (n - 1) + ["=cmd|'/c calc'!A1"],
        }
    )
    told = {
        "code": "x",
        "dimension": "product",
        "value": 1.0,
        "direction": "raises",
        "contribution": 0.2,
        "rank": 1,
        "beside": "percentile 6 in its segment",
    }
    reasons = pd.DataFrame([{"account_id": f"A{i:02d}", "text": text, **told} for i, text in enumerate(HOSTILE)])
    return Scores(day, in_order(rows), reasons)


@pytest.fixture(scope="module")
def folder(scores: Scores, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scores")
    write_scores(scores, folder, {"note": "=1+1"}, PAGE, queue(scores, Queue()).frame())
    return folder


@pytest.mark.parametrize("name", ["scores.csv", "queue.csv", "feedback.csv"])
def test_csv_holds_no_formula_and_numbers_stay_numbers(folder: Path, name: str) -> None:
    with (folder / name).open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    for row in rows:
        for column, value in row.items():
            if column in {"arr", "expected_arr_at_risk_90", "delta_health_30"}:
                assert value == "" or float(value) < 0
            else:
                assert not value.startswith(STARTS), (column, value)


def test_csv_gives_the_names_back(folder: Path) -> None:
    with (folder / "scores.csv").open(newline="", encoding="utf-8") as handle:
        names = [row["account_name"] for row in csv.DictReader(handle)]
    assert [name[1:] if name.startswith("'") and name[1:].startswith(STARTS) else name for name in names] == [
        name.replace("\r", "\n") for name in HOSTILE
    ]


def test_parquet_is_raw(folder: Path) -> None:
    assert pd.read_parquet(folder / "scores.parquet")["account_name"].tolist() == HOSTILE


def test_excel_holds_no_formula_and_no_link(folder: Path) -> None:
    with zipfile.ZipFile(folder / "scores.xlsx") as book:
        parts = {name: book.read(name) for name in book.namelist()}
    sheets = b"".join(content for name, content in parts.items() if name.startswith("xl/worksheets/sheet"))
    assert b"<f>" not in sheets
    assert b"<f " not in sheets
    assert b"<hyperlink" not in sheets
    assert not any(name.startswith("xl/worksheets/_rels") for name in parts)


def test_a_page_neither_steers_a_device_nor_turns_its_reading_direction() -> None:
    page = environment().from_string("{% for name in names %}<p>{{ name }}</p>{% endfor %}").render(names=HOSTILE)
    assert "<p>Acme \\u202egnp.exe</p>" in page
    assert not {"\x1b", "\x07", "\u202e"} & set(page)
    assert "Łódź; &#34;Nowy&#34;, S.A.\nsecond line" in page


def test_the_same_scores_give_the_same_bytes(scores: Scores, folder: Path, tmp_path: Path) -> None:
    write_scores(scores, tmp_path, {"note": "=1+1"}, PAGE, queue(scores, Queue()).frame())
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def _form(place: Workspace, to: Path) -> Path:
    """Fill in a note for every account of the workbook, as another program would save it."""
    from python_calamine import CalamineWorkbook
    from xlsxwriter import Workbook as Book

    rows = CalamineWorkbook.from_path(place.current / "scores.xlsx").get_sheet_by_name("Scores").to_python()
    note, author = rows[0].index("Note"), rows[0].index("Your name")
    with Book(to, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet("any")
        for number, row in enumerate(rows):
            for at, cell in enumerate(row):
                told = {note: "seen", author: "Ann"}.get(at, cell) if number else cell
                sheet.write(number, at, told)
    return to


def _csv_form(place: Workspace, to: Path) -> Path:
    with (place.current / "feedback.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    with to.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows([row | {"note": "seen", "author": "Ann"} for row in rows])
    return to


@pytest.mark.parametrize(("fill", "name"), [(_form, "back.xlsx"), (_csv_form, "back.csv")])
def test_ids_come_back_as_they_are(fill: Callable[[Workspace, Path], Path], name: str, tmp_path: Path) -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    both = serve(tmp_path / "both", made(HOSTILE))
    found = import_form(both, fill(both, tmp_path / name), "", now)
    assert len(found.problems) == 2
    assert all("which is" in one.found for one in found.problems)  # both are written alike; nobody guesses
    place = serve(tmp_path / "apart", made([one for one in HOSTILE if one != "\r=1+1"]))
    found = import_form(place, fill(place, tmp_path / name), "", now)
    assert not found.problems
    kept = Ledger(place.root / LEDGER).read("SELECT account_id, value FROM feedback")
    assert set(kept["account_id"]) == {*HOSTILE} - {"\r=1+1"}
    assert set(kept["value"]) == {"seen"}


def test_what_people_wrote_is_inert_in_the_next_files(tmp_path: Path) -> None:
    rows = [(f"A{i:02d}", "override", "50", text, text, "2026-02-01T00:00:00Z") for i, text in enumerate(HOSTILE)]
    columns = ["account_id", "kind", "value", "reason", "author", "expires"]
    told = made([row[0] for row in rows])
    told = replace(told, rows=Standing(pd.DataFrame(rows, columns=columns)).over(told.rows))
    place = serve(tmp_path, told)
    raw = pd.read_parquet(place.current / "scores.parquet")
    assert raw["override_reason"].tolist() == raw["override_author"].tolist() == HOSTILE
    for name in ("scores.csv", "queue.csv"):
        with (place.current / name).open(newline="", encoding="utf-8") as handle:
            for row in csv.DictReader(handle):
                assert not row["override_reason"].startswith(STARTS)
                assert not row["override_author"].startswith(STARTS)


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_shows_names_as_text(scores: Scores) -> None:
    page = _Elements()
    page.feed(render(scores, Page(verdict="<script>alert(2)</script>", kind="notice", provenance={"<b>": "<i>"})))
    assert not {tag for tag, _ in page.tags} & {"script", "img", "iframe", "object", "embed", "form"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    text = "".join(page.text)
    for name in ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{ 7 * 7 }}", "</td></table><!--"):
        assert name in text


def test_the_page_asks_nothing_of_the_network(scores: Scores) -> None:
    page = _Elements()
    page.feed(render(scores, Page(verdict="fine", kind="notice")))
    sources = [value for _, attributes in page.tags for name, value in attributes.items() if name in {"src", "href"}]
    assert all(value is not None and value.startswith(("#", "data:")) for value in sources)


def test_a_terminal_gets_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    show.table([{"name": name} for name in HOSTILE], ["name"])
    show.say("".join(HOSTILE))
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert printed.count("\n") == len(HOSTILE) + 2
