"""The faults of data in, as a table: what is done about each, under which code, shown end to end through the command.

Details of each have tests of their own: reading (`test_reading.py`), values, keys and clocks (`test_bad_input.py`),
local clocks and leap days (`test_local_clocks.py`), the contract of the data (`tests/worked/test_data_contract.py`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.features.history import History
from holdfast.serving import inspection
from holdfast.serving.command import run

START, WEEKS, N = pd.Timestamp("2024-01-01", tz="UTC"), 60, 40
LAST = START + pd.Timedelta(days=7 * (WEEKS - 1))
REFUSED = 30
Frames = dict[str, pd.DataFrame]


def _id(number: int) -> str:
    return f"A{number:02d}"


def _sound() -> Frames:
    """Give a company of 40: one visit and one invoice a week, every second account falls silent in its turn."""
    accounts = pd.DataFrame({"account_id": [_id(i) for i in range(N)], "valid_from": START, "known_at": START})
    rows = [
        (_id(i), START + pd.Timedelta(days=7 * week, hours=i % 24))
        for i in range(N)
        for week in range(WEEKS if i % 2 else 12 + i)
    ]
    usage = pd.DataFrame(rows, columns=["account_id", "occurred_at"])
    usage = usage.assign(known_at=usage["occurred_at"], known_basis="event", duration_min=5.0)
    return {"accounts": accounts.assign(known_basis="history"), "usage": usage}


def _lay(folder: Path, frames: Frames) -> Path:
    (folder / "history").mkdir(parents=True, exist_ok=True)
    for old in (folder / "history").iterdir():
        old.unlink()
    for name, frame in frames.items():
        frame.to_csv(folder / "history" / f"{name}.csv", index=False)
    plan = folder / "plan.toml"
    plan.write_text(
        '[data]\npath = "history"\n[churn]\nkind = "departure"\nactivity = ["usage"]\n[cutoffs]\nevery = "56d"\n'
        "[horizons]\ndays = [30, 60, 90]\n[backtest]\naudits = false\nbootstrap = 5\n[tracking]\nenabled = false\n"
    )
    return plan


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the proof of the catalogue, which has nothing to do with faults of the data."""
    monkeypatch.setattr(inspection, "proven", lambda *_: [])


# ------------------------------------------------------------------------------- the faults


def _infinite(frames: Frames) -> None:
    frames["usage"].loc[3, "duration_min"] = np.inf


def _twice(frames: Frames) -> None:
    frames["accounts"] = pd.concat([frames["accounts"], frames["accounts"].head(1).assign(name="another")])


def _floats(frames: Frames) -> None:
    frames["usage"]["account_id"] = "9007199254740993.0"


def _unknown_ids(frames: Frames) -> None:
    ids = {_id(0): "0012", _id(1): "NA", _id(2): "9007199254740993"}
    frames["accounts"]["account_id"] = frames["accounts"]["account_id"].replace(ids)
    lost = {**ids, _id(0): "12"}  # as a spreadsheet writes it
    frames["usage"]["account_id"] = frames["usage"]["account_id"].replace(lost)


def _zones_in_part(frames: Frames) -> None:
    texts = frames["usage"]["occurred_at"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    frames["usage"]["occurred_at"] = texts.where(texts.index > 0, texts + "+02:00")


def _future(frames: Frames) -> None:
    late = frames["usage"].tail(3).assign(occurred_at="2090-01-01T00:00:00Z", known_at="2090-01-01T00:00:00Z")
    frames["usage"] = pd.concat([frames["usage"], late])


def _before_receipt(frames: Frames) -> None:
    frames["usage"].loc[:4, "occurred_at"] += pd.Timedelta(days=3)


def _empty(frames: Frames) -> None:
    frames["usage"] = frames["usage"].head(0)


def _frozen(frames: Frames) -> None:
    usage = frames["usage"]
    frames["tickets"] = usage[["account_id"]].assign(opened_at=usage["occurred_at"], ticket_id=usage.index)
    frames["usage"] = usage[usage["occurred_at"] < LAST - pd.Timedelta(days=28)]


def _seconds(frames: Frames) -> None:
    later = frames["usage"]["occurred_at"] >= pd.Timestamp("2024-11-01", tz="UTC")
    frames["usage"].loc[later, "duration_min"] *= 60


def _percent(frames: Frames) -> None:
    frames["tickets"] = pd.DataFrame({"account_id": [_id(1)], "opened_at": START, "satisfaction": 87.0})


def _renamed(frames: Frames) -> None:
    frames["usage"] = frames["usage"].rename(columns={"occurred_at": "ocurred_at"})


def _dropped(frames: Frames) -> None:
    frames["usage"] = frames["usage"].rename(columns={"duration_min": "len"})


def _money(frames: Frames) -> None:
    rows = [(_id(i), START + pd.Timedelta(days=30 * k), 9.0, "EUR" if k else "USD") for i in range(N) for k in (0, 1)]
    frames["invoices"] = pd.DataFrame(rows, columns=["account_id", "issued_at", "amount", "currency"])


def _kin(frames: Frames) -> None:
    frames["accounts"]["parent_account_id"] = [None, _id(0), *[None] * (N - 2)]
    ends = START + pd.Timedelta(days=90)
    frames["churn"] = pd.DataFrame({"account_id": [_id(1), _id(3)], "notice_at": ends, "ended_at": ends})
    frames["churn"]["kind"] = ["merger", "voluntary"]


@dataclass(frozen=True)
class Fault:
    """One fault: its number, what is done, the code or exit code under which it is told, and how it comes about."""

    number: int
    done: str
    told: str | int
    make: Callable[[Frames], None]
    says: str = ""


TABLE = (
    Fault(7, "read as missing, counted", "HF007", _infinite, "1 of"),
    Fault(8, "refused by its key", REFUSED, _twice, "account_id=A00"),
    Fault(
        9, "ids are texts; one that lost its zeros belongs to nobody, and is told", "HF004", _unknown_ids, "'12' (12)"
    ),
    Fault(9, "ids that have been floats match nothing; nothing is left", REFUSED, _floats, "usage"),
    Fault(16, "refused by its column", REFUSED, _zones_in_part, "occurred_at"),
    Fault(17, "set aside, counted", "HF006", _future, "3 of"),
    Fault(17, "moved to its receipt, counted", "HF010", _before_receipt, "5 of"),
    Fault(18, "refused", REFUSED, _empty, "usage"),
    Fault(20, "told as stale", "HF014", _frozen, "where it came every"),
    Fault(21, "told by column, month and factor", "HF054", _seconds, "factor near 60"),
    Fault(21, "refused by its range", REFUSED, _percent, "satisfaction"),
    Fault(22, "refused, with the nearest name", REFUSED, _renamed, "occurred_at"),
    Fault(22, "left unread, told by name", "HF009", _dropped, "'len'"),
    Fault(24, "kept as delivered, told by table", "HF018", _money, "in 2 currencies"),
    Fault(24, "told where an account changes it", "HF054", _money, "40 of 40 accounts"),
    Fault(25, "told with what labels make of it", "HF058", _kin, "1 belong to one of 1 parents"),
    Fault(25, "told where activity goes on after the end", "HF056", _kin, "2 of 2 accounts"),
)
ELSEWHERE = {14, 15, 19, 23}  # below


def test_every_fault_of_the_list_has_a_row_or_a_test_below() -> None:
    assert {fault.number for fault in TABLE} | ELSEWHERE == {7, 8, 9, *range(14, 26)}


def test_the_sound_company_is_told_none_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = {str(fault.told) for fault in TABLE}
    assert not told & {row["code"] for row in _checked(_lay(tmp_path, _sound()), capsys)}


@pytest.mark.parametrize("fault", TABLE, ids=lambda fault: f"{fault.number}-{fault.told}-{fault.make.__name__[1:]}")
def test_a_fault_is_told_under_its_code(fault: Fault, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = _sound()
    fault.make(frames)
    plan = _lay(tmp_path, frames)
    if fault.told == REFUSED:
        assert fault.says in _refused(capsys, "check", str(plan))
        return
    found = [row for row in _checked(plan, capsys) if row["code"] == fault.told]
    assert [row for row in found if fault.says in row["message"]], found
    assert all(row["meaning"] and row["remedy"] for row in found)


def _checked(plan: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert run(["check", str(plan), "--json"]) in {0, 1}
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(arguments) == REFUSED
    printed = capsys.readouterr()
    assert (printed.out, "Traceback" in printed.err) == ("", False)
    return printed.err


# ------------------------------------------------------------------------------- 14, 15, 23


def test_14_local_times_over_the_change_of_clocks_are_the_instants_that_they_name(tmp_path: Path) -> None:
    frames = _sound()
    berlin = ["2024-03-31T01:59:59+01:00", "2024-03-31T03:00:00+02:00", "2024-10-27T02:30:00+02:00"]
    frames["usage"] = pd.DataFrame({"account_id": _id(1), "occurred_at": [*berlin, "2024-10-27T02:30:00+01:00"]})
    _lay(tmp_path, frames)
    read = History.read(tmp_path / "history").as_of("2025-01-01")["usage"]["occurred_at"]
    assert read.diff().dropna().dt.total_seconds().tolist() == [1.0, 209 * 86_400 + 23.5 * 3_600, 3_600.0]


def test_15_a_leap_day_is_a_day(tmp_path: Path) -> None:
    frames = _sound()
    frames["usage"] = pd.DataFrame({"account_id": _id(1), "occurred_at": ["2024-02-28", "2024-02-29", "2024-03-01"]})
    _lay(tmp_path, frames)
    history = History.read(tmp_path / "history")
    assert [len(history.as_of(day)["usage"]) for day in ("2024-02-28", "2024-02-29", "2024-03-01")] == [1, 2, 3]
    frames["usage"] = frames["usage"].assign(occurred_at="2025-02-29")
    assert run(["check", str(_lay(tmp_path, frames))]) == REFUSED


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"account_id,occurred_at,event\nA01,2024-01-01,caf\xe9 \xff\x81\n", "usage.csv"),
        (b"account_id,occurred_at\nA01,2024-01-01,too,many\n", "usage.csv"),
    ],
)
def test_23_bytes_that_cannot_be_read_are_refused_by_file(
    content: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = _lay(tmp_path, _sound())
    (tmp_path / "history" / "usage.csv").write_bytes(content)
    assert says in _refused(capsys, "check", str(plan))


def test_23_a_byte_order_mark_line_breaks_and_a_name_of_a_megabyte_are_read(tmp_path: Path) -> None:
    frames = _sound()
    name = "ö\n" + "x" * 1_000_000
    frames["accounts"] = frames["accounts"].assign(name=name)
    _lay(tmp_path, frames)
    path = tmp_path / "history" / "accounts.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    history = History.read(tmp_path / "history")
    assert history.as_of("2025-01-01")["accounts"]["name"].iloc[0] == name


# ------------------------------------------------------------------------------- 24


def test_24_amounts_in_several_currencies_are_refused_until_rates_are_stated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = _sound()
    plan = _lay(tmp_path, frames)
    assert run(["train", str(plan)]) == 0
    _money(frames)
    plan = _lay(tmp_path, frames)
    for name in ("train", "score"):
        assert 'currency = "EUR", rates = { USD = ... }' in _refused(capsys, name, str(plan))
    (told,) = [row for row in _checked(plan, capsys) if row["code"] == "HF022"]
    assert (told["severity"], told["message"][:32]) == ("error", "expected amounts in one currency")
    assert 'currency = "EUR", rates = { USD = ... }' in told["remedy"]
    plan.write_text(plan.read_text().replace("[data]", '[data]\ncurrency = "EUR"\nrates = { USD = 0.9 }'))
    assert run(["score", str(plan)]) == 0


# ------------------------------------------------------------------------------- 19, 20


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock"}


def test_19_half_an_extract_is_refused_and_what_was_served_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = _sound()
    plan = _lay(tmp_path, frames)
    assert run(["train", str(plan)]) == 0
    assert run(["score", str(plan)]) == 0
    before = _files(tmp_path / "out")
    half = frames["usage"].sample(frac=0.5, random_state=0).sort_index()
    _lay(tmp_path, {**frames, "usage": half})
    for name in ("train", "score"):
        told = _refused(capsys, name, str(plan))
        assert "usage: " in told
        assert "--allow-shrink" in told
    assert _files(tmp_path / "out") == before
    (found,) = [row for row in _checked(plan, capsys) if row["code"] == "HF051"]
    assert (found["where"], found["severity"]) == ("usage", "error")
    assert found["count"] == len(frames["usage"]) - len(half)
    model = before[tmp_path / "out" / "models" / "champion"].decode().strip()
    assert run(["score", str(plan), "--model", model, "--allow-shrink"]) == 0
    assert run(["score", str(plan), "--model", model]) == 10  # from now on this is what is usual
    assert not [row for row in _checked(plan, capsys) if row["code"] == "HF051"]


def test_20_where_churn_is_silence_a_frozen_source_holds_the_day_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = _sound()
    _frozen(frames)
    plan = _lay(tmp_path, frames)
    assert [row["where"] for row in _checked(plan, capsys) if row["code"] == "HF014"] == ["usage"]
    assert run(["train", str(plan)]) == 0
    assert run(["score", str(plan)]) == 0
    scores = pd.read_parquet(tmp_path / "out" / "current" / "scores.parquet").set_index("account_id")
    assert scores["as_of"].iloc[0] == frames["usage"]["known_at"].max().floor("D")
    assert (scores.loc[[_id(i) for i in range(1, N, 2)], "score_status"] != "not_scored").all()


def test_20_where_contracts_set_the_day_a_frozen_source_is_told_with_the_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = _sound()
    gone = {_id(i): START + pd.Timedelta(days=7 * (12 + i)) for i in range(0, N, 2)}
    frames["churn"] = pd.DataFrame({"account_id": list(gone), "notice_at": list(gone.values())})
    terms = frames["accounts"][["account_id", "valid_from", "known_at"]].assign(subscription_id=range(N))
    signed = terms.tail(1).assign(valid_from=LAST, known_at=LAST)
    frames["subscriptions"] = pd.concat([terms, signed]).assign(known_basis="history", status="active", mrr=10.0)
    frames["usage"] = frames["usage"][frames["usage"]["occurred_at"] < LAST - pd.Timedelta(days=28)]
    plan = _lay(tmp_path, frames)
    text = plan.read_text().replace('"departure"\nactivity = ["usage"]', '"notice"')
    plan.write_text(text)
    assert run(["train", str(plan)]) == 0
    capsys.readouterr()
    assert run(["score", str(plan)]) == 0
    assert "HF014 usage: no news for 35 days, where it came every 7" in capsys.readouterr().err
    current = tmp_path / "out" / "current"
    scores = pd.read_parquet(current / "scores.parquet")
    assert (scores["stale_sources"] == "usage").all()
    page = (current / "report.html").read_text(encoding="utf-8")
    for shown in (
        "<h3>Warnings (",
        "<code>HF014</code>",
        "a source has been silent for much longer",
        "refresh the source",
    ):
        assert shown in page
