"""Erasure: nothing of an account or a person is left in any byte that holdfast keeps, and every figure stays."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from holdfast.features.capture import ChangeLog
from holdfast.features.database.fetched import parts_of
from holdfast.features.history import History
from holdfast.serving import opening, pipeline
from holdfast.serving.command import run
from holdfast.serving.erasure.erasing import Erased, erase
from holdfast.serving.erasure.subject import Subject
from holdfast.serving.erasure.tombstones import left_out_of
from holdfast.serving.ledger.as_served import as_served
from holdfast.serving.ledger.outcomes import mature, stands
from holdfast.serving.plan import Plan, read_plan
from holdfast.serving.runs import current
from holdfast.serving.workspace import Workspace, read_manifest
from tests.erasing import ACCOUNT, NAME, OTHERS, PERSON, PLAN, TRACES, company, found, frames, made, served

_ACCOUNTS = ("Queue", "Scores")  # sheets with a row per account
TODAY = pd.Timestamp("2026-06-02", tz="UTC").to_pydatetime()


@pytest.fixture(autouse=True)
def _target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "db").mkdir()
    monkeypatch.setenv("HOLDFAST_TEST_TARGET", f"sqlite:///{tmp_path / 'db' / 'target.db'}")


@pytest.fixture
def plan(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Plan:
    shutil.copytree(made(tmp_path_factory), tmp_path, symlinks=True, dirs_exist_ok=True)
    return read_plan(tmp_path / "acme" / "plan.toml")


def erased(plan: Plan, kind: str = "account", name: str = ACCOUNT, **how: bool) -> Erased:
    with pipeline.workspace(plan).lock():
        return erase(plan, Subject(kind, name), TODAY, **how)  # type: ignore[arg-type]


def rows_in(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def read(plan: Plan, query: str) -> list[Any]:
    return pipeline.ledger_of(plan).read(query).to_numpy().tolist()


def test_nothing_of_an_account_is_left_in_any_byte(plan: Plan, tmp_path: Path) -> None:
    places = {one.partition(":")[0].split("/")[0] for one in found(plan.output.workspace, *TRACES)}
    assert places == {"runs", "models", "mlartifacts", "ledger.db"}
    assert found(tmp_path / "db", *TRACES)
    told = erased(plan)
    assert told.fresh
    assert found(plan.output.workspace, *TRACES, PERSON) == set()
    assert found(tmp_path / "db", *TRACES) == set()
    assert set(told.removed["place"].str.partition("/")[0]) >= {"ledger.db", "runs", "models", "mlartifacts"}
    assert ACCOUNT not in json.dumps(told.to_dict())


def test_a_queue_that_a_spreadsheet_saved_again_stops_no_erasure(plan: Plan) -> None:
    folder = current(pipeline.workspace(plan)).folder
    queue = folder / "queue.csv"
    queue.write_text(queue.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8-sig")
    assert erased(plan).fresh
    assert found(plan.output.workspace, *TRACES) == set()
    assert not (folder / "scores.xlsx").exists()
    assert read_manifest(folder)["files"].keys() == {one.name for one in folder.iterdir()} - {"manifest.json"}


def test_the_others_keep_every_file_whole(plan: Plan) -> None:
    place = pipeline.workspace(plan)
    before = current(place)
    rows, book = pd.read_parquet(before.folder / "scores.parquet"), _sheets(before.folder)
    erased(plan)
    after = current(place)  # whole by its manifest
    assert (after.run_id, after.manifest["erased"]) == (before.run_id, 1)
    assert after.manifest["counts"] == {"scored": OTHERS, "scored_partial": 0, "not_scored": 0}
    kept = pd.read_parquet(after.folder / "scores.parquet")
    pd.testing.assert_frame_equal(kept, rows[rows["account_id"] != ACCOUNT].reset_index(drop=True))
    report = (after.folder / "report.html").read_text(encoding="utf-8")
    assert "A00023" in report
    assert report.count('<tbody class="account">') == 24
    for name, sheet in _sheets(after.folder).items():
        assert sheet == [row for row in book[name] if ACCOUNT not in row], name


def _sheets(folder: Path) -> dict[str, list[list[str]]]:
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_path(folder / "scores.xlsx")
    return {
        one: [[str(cell) for cell in row[:4]] for row in book.get_sheet_by_name(one).to_python()] for one in _ACCOUNTS
    }


def test_figures_of_the_ledger_stay_to_the_digit(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.serving.ledger.as_served.MIN_EVENTS", 5)
    ledger, rule = pipeline.ledger_of(plan), opening.definition(plan)
    mature(ledger, opening.known_on(plan, opening.read_history(plan, TODAY), None), rule, TODAY)
    before = as_served(ledger, bootstrap=0)
    assert before.figures["value"].notna().sum() >= 7
    erased(plan)
    after = as_served(ledger, bootstrap=0)
    pd.testing.assert_frame_equal(after.figures, before.figures)
    pd.testing.assert_frame_equal(after.cells, before.cells)
    assert not after.rewritten
    assert read(plan, "SELECT count(*), count(arr) FROM score WHERE account_id GLOB 'erased:[0-9]*'") == [[2, 0]]
    assert stands(ledger, opening.known_on(plan, opening.read_history(plan, TODAY), None), rule)


def test_reading_all_outcomes_anew_leaves_those_of_an_erased_account(plan: Plan) -> None:
    ledger, rule = pipeline.ledger_of(plan), opening.definition(plan)
    mature(ledger, opening.known_on(plan, opening.read_history(plan, TODAY), None), rule, TODAY)
    before = as_served(ledger, bootstrap=0)
    erased(plan)
    known = opening.known_on(plan, opening.read_history(plan, TODAY), None)
    mature(ledger, known, rule, TODAY, anew=True)
    pd.testing.assert_frame_equal(as_served(ledger, bootstrap=0).cells, before.cells)


def test_words_and_what_is_on_its_way_go_and_those_of_others_stay(plan: Plan) -> None:
    erased(plan)
    for table in ("feedback", "intervention", "alert", "written"):
        assert read(plan, f"SELECT account_id FROM {table}") == [["A00001"]]  # noqa: S608 # names above
    assert read(plan, "SELECT key, state FROM message ORDER BY key") == [["both", "waiting"], ["one", "failed"]]
    body = json.loads(read(plan, "SELECT body FROM message WHERE key = 'both'")[0][0])
    assert [one["account_id"] for one in body["accounts"]] == ["A00001"]


def test_rows_never_enter_a_history_again_and_are_told(plan: Plan) -> None:
    before = opening.read_history(plan, TODAY)
    erased(plan)
    after = opening.read_history(plan, TODAY)
    assert set(before.accounts) - set(after.accounts) == {ACCOUNT}
    told = {one.where: one.count for one in after.findings if one.code == "HF070"}
    assert told == {"accounts": 1, "subscriptions": 1, "usage": 70, "tickets": 1, "churn": 1}
    alone = frames()
    others = {name: frame[frame["account_id"] != ACCOUNT] for name, frame in alone.items()}
    assert after.fingerprint() == History.from_frames(others, end="2026-05-01").fingerprint()


def test_a_person_leaves_its_name_and_the_counts_stay(plan: Plan) -> None:
    before = opening.read_history(plan, TODAY).as_of("2026-05-01")
    told = erased(plan, "person", PERSON)
    assert told.fresh
    history = opening.read_history(plan, TODAY)
    after = history.as_of("2026-05-01")
    for table in ("usage", "tickets"):
        assert PERSON not in set(after[table]["person_id"])
        pd.testing.assert_series_equal(
            after[table].groupby("account_id")["person_id"].nunique(),
            before[table].groupby("account_id")["person_id"].nunique(),
        )
        assert len(after[table]) == len(before[table])
    mine = after["usage"].query("account_id == @ACCOUNT")
    assert mine["person_id"].unique().tolist() == after["tickets"].query("account_id == @ACCOUNT")["person_id"].tolist()
    assert mine["attrs"].isna().all()
    assert ACCOUNT in set(history.accounts)
    assert found(plan.output.workspace, PERSON) == set()
    assert not erased(plan, "person", PERSON).fresh


def test_erased_twice_is_nothing_to_do(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(plan.data.path.parent / "plan.toml")
    assert run(["erase", file, "--account", ACCOUNT]) == 0
    assert run(["erase", file, "--account", ACCOUNT]) == 10
    assert "nothing to do" in capsys.readouterr().out
    assert run(["erase", file, "--account", ACCOUNT, "--dry-run"]) == 0


def test_a_dry_run_tells_the_same_and_changes_nothing(plan: Plan) -> None:
    def files() -> dict[Path, bytes]:
        there = (path for path in plan.output.workspace.rglob("*") if path.is_file() and path.name != ".lock")
        return {path: path.read_bytes() for path in there}

    before = files()
    told = erased(plan, dry_run=True)
    assert files() == before
    pd.testing.assert_frame_equal(erased(plan).removed, told.removed)


def test_what_cannot_be_reached_is_said(plan: Plan) -> None:
    told = " ".join(erased(plan).beyond)
    assert "Your own files keep 74 rows" in told
    assert "hubspot" in told


def test_the_tombstone_names_nobody_and_its_key_is_private(plan: Plan) -> None:
    erased(plan)
    place = pipeline.workspace(plan)
    key = place.root / "erasure.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert left_out_of(place).has("account", ACCOUNT)
    assert not left_out_of(place).has("person", ACCOUNT)
    assert key.read_text().strip() not in repr(left_out_of(place))
    key.chmod(0o644)
    assert run(["erase", str(plan.data.path.parent / "plan.toml"), "--account", "A00001"]) == 2
    key.unlink()
    assert run(["score", str(plan.data.path.parent / "plan.toml")]) == 2


def test_an_unknown_id_is_refused_and_no_erased_one_is_suggested(
    plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(plan.data.path.parent / "plan.toml")
    assert run(["erase", file, "--account", "CANARY-4712"]) == 2
    assert f"did you mean '{ACCOUNT}'?" in capsys.readouterr().err
    erased(plan)
    assert run(["erase", file, "--account", "CANARY-4712"]) == 2
    assert ACCOUNT not in capsys.readouterr().err
    assert run(["erase", file]) == 2
    assert run(["erase", file, "--account", "a", "--person", "b"]) == 2
    assert read(plan, "SELECT count(*) FROM erased") == [[1]]


@pytest.mark.parametrize(
    "account",
    [
        "../../etc",
        "=cmd|'/c calc'!A1",
        '"; DROP TABLE score; --',
        "ünï\u2603 <b>&</b>",
        "A*",
        "erased:7",
        "O'Neil, Ltd",
    ],
)
def test_hostile_ids_are_ids(account: str, tmp_path: Path) -> None:
    plan = company(tmp_path / "acme", account)
    assert erased(plan, name=account).fresh
    for folder in plan.output.workspace.glob("runs/*"):
        assert read_manifest(folder) is not None
        rows = pd.read_csv(folder / "queue.csv", dtype=str, keep_default_na=False)
        assert rows["account_id"].tolist() == [one for one in rows["account_id"] if one.startswith("A000")]
    assert found(plan.output.workspace, "Kanarienvogel") == set()
    assert len(read(plan, "SELECT * FROM score WHERE account_id GLOB 'A000*'")) == 2 * OTHERS
    assert not erased(plan, name=account).fresh


def test_a_store_is_written_anew_and_refuses_who_comes_back(tmp_path: Path) -> None:
    for name, frame in frames().items():
        (tmp_path / "in").mkdir(exist_ok=True)
        frame.to_csv(tmp_path / "in" / f"{name}.csv", index=False)
    History.build(tmp_path / "in", tmp_path / "store", buckets=3)
    (tmp_path / "plan.toml").write_text(PLAN.format(data="store"), encoding="utf-8")
    plan = read_plan(tmp_path / "plan.toml")
    served(plan, ACCOUNT)
    store = History.open(tmp_path / "store")
    assert ACCOUNT in store.manifest.boundaries or found(tmp_path / "store", ACCOUNT)
    assert erased(plan).removed.query("place == 'store'")["rows"].tolist() == [74]
    assert found(tmp_path / "store", *TRACES, PERSON) == set()
    after = opening.read_history(plan, TODAY)
    others = {
        name: frame[frame["account_id"] != ACCOUNT].drop(columns="body", errors="ignore")
        for name, frame in frames().items()
    }
    assert list(after.accounts) == sorted(others["accounts"]["account_id"])
    History.open(tmp_path / "store").verify()
    assert not erased(plan).fresh
    again = frames()["usage"].query("account_id == @ACCOUNT").assign(occurred_at=pd.Timestamp("2026-04-30", tz="UTC"))
    (tmp_path / "more").mkdir()
    again.head(1).to_csv(tmp_path / "more" / "usage.csv", index=False)
    frames()["accounts"].query("account_id == @ACCOUNT").to_csv(tmp_path / "more" / "accounts.csv", index=False)
    History.open(tmp_path / "store").append(tmp_path / "more")
    assert run(["score", str(tmp_path / "plan.toml")]) == 30
    assert erased(plan).fresh
    assert found(tmp_path / "store", *TRACES, PERSON) == set()


def test_an_account_that_began_a_range_of_a_store_leaves_the_range(tmp_path: Path) -> None:
    from holdfast.features.history.leaving_out import LeftOut
    from holdfast.features.history.withdrawing import withdraw

    (tmp_path / "in").mkdir()
    for name, frame in frames().items():
        frame.to_csv(tmp_path / "in" / f"{name}.csv", index=False)
    store = History.build(tmp_path / "in", tmp_path / "store", buckets=OTHERS)
    accounts, (first, second) = set(store.accounts), store.manifest.boundaries[:2]
    left_out = LeftOut(b"k").also("account", first).also("account", second)
    assert withdraw(tmp_path / "store", left_out) > 0
    after = History.open(tmp_path / "store")
    assert accounts - set(after.accounts) == {first, second}
    assert {first, second}.isdisjoint(after.manifest.boundaries)
    assert len(after.records("usage")) == 70 * (OTHERS - 1)
    assert (
        after.append(tmp_path / "in").accounts.tolist() == after.accounts.tolist()
    )  # those files were delivered before


def test_names_of_others_stay_when_one_is_part_of_them(plan: Plan) -> None:
    erased(plan, name="A00001")
    assert read(plan, "SELECT account_id FROM feedback") == [[ACCOUNT]]
    assert found(plan.output.workspace, "A00011")
    assert NAME in set(pd.read_parquet(current(pipeline.workspace(plan)).folder / "scores.parquet")["account_name"])
    assert isinstance(pipeline.workspace(plan), Workspace)


def test_what_a_mapping_made_and_captured_is_made_without(tmp_path: Path) -> None:
    work, days = tmp_path / "work", pd.date_range("2025-01-01", periods=150, freq="2D", tz="UTC")
    (tmp_path / "in").mkdir()
    accounts = pd.DataFrame({"account_id": ["a", "b", ACCOUNT], "name": ["A", "B", NAME], "lifecycle": "customer"})
    accounts.to_csv(tmp_path / "in" / "accounts.csv", index=False)
    events = pd.DataFrame({"account_id": ["a", "b", ACCOUNT] * 50, "occurred_at": days, "event": "login"})
    events.to_csv(tmp_path / "in" / "usage.csv", index=False)
    assert run(["map", str(tmp_path / "in"), "--yes", "--out", str(work)]) == 0
    assert run(["capture", str(work)]) == 0
    assert {one.split("/")[0] for one in found(work, ACCOUNT)} >= {"history", "captured"}
    text = PLAN.format(data="mapping.toml").replace("2026-05-01", "2025-10-28")
    (work / "plan.toml").write_text(text, encoding="utf-8")
    plan = read_plan(work / "plan.toml")
    assert erased(plan).fresh
    assert found(work, ACCOUNT, "Kanarienvogel") == set()
    assert list(opening.read_history(plan, TODAY).accounts) == ["a", "b"]
    assert not erased(plan).fresh
    later = pd.DataFrame({"account_id": ["a"], "occurred_at": [days[-1] + pd.Timedelta(days=2)], "event": "login"})
    pd.concat([events, later]).to_csv(tmp_path / "in" / "usage.csv", index=False)
    opening.read_history(plan, TODAY)
    assert run(["capture", str(work)]) == 0  # the source has it still
    assert {one.split("/")[0] for one in found(work, ACCOUNT)} == {"captured"}
    assert list(opening.read_history(plan, TODAY).accounts) == ["a", "b"]
    assert erased(plan).fresh
    assert found(work, ACCOUNT, "Kanarienvogel") == set()


def test_a_key_that_is_a_number_counts_where_it_names_an_account_or_a_person(tmp_path: Path) -> None:
    work, rows = tmp_path / "work", pd.DataFrame({"id": range(1, 8), "seats": [3, 5, 5, 4, 9, 5, 50]})
    (tmp_path / "in").mkdir()
    accounts = rows.assign(name=[f"Acme {one} GmbH" for one in rows["id"]], segment="smb")
    accounts.to_csv(tmp_path / "in" / "accounts.csv", index=False)
    terms = rows.assign(account_id=[7, 6, 5, 4, 3, 2, 1], plan="pro", status="active", started_at="2025-01-01")
    terms.to_csv(tmp_path / "in" / "subscriptions.csv", index=False)
    days = pd.date_range("2025-01-01", periods=70, freq="2D", tz="UTC")
    events = pd.DataFrame({"account_id": [*rows["id"]] * 10, "occurred_at": days, "event": "login"})
    events.to_csv(tmp_path / "in" / "usage.csv", index=False)
    assert run(["map", str(tmp_path / "in"), "--yes", "--out", str(work)]) == 0
    assert run(["capture", str(work)]) == 0
    (work / "plan.toml").write_text(PLAN.format(data="mapping.toml"), encoding="utf-8")
    removed = erased(read_plan(work / "plan.toml"), name="5").removed
    assert removed.loc[removed["place"] == "captured", "rows"].tolist() == [2]
    log = ChangeLog(work / "captured")
    kept = {name: log.versions(name).column("id").to_pylist() for name in log.tables()}
    assert kept == {"accounts": [*map(str, (1, 2, 3, 4, 6, 7))], "subscriptions": [*map(str, (1, 2, 4, 5, 6, 7))]}


def test_rows_of_others_that_name_it_beside_them_stay_and_are_told(tmp_path: Path) -> None:
    work, days = tmp_path / "work", pd.date_range("2025-01-01", periods=70, freq="2D", tz="UTC")
    (tmp_path / "in").mkdir()
    accounts = pd.DataFrame({"account_id": ["a", "b", ACCOUNT], "name": ["A", "B", NAME]})
    accounts.to_csv(tmp_path / "in" / "accounts.csv", index=False)
    people = pd.DataFrame({"person_id": ["p", "q", "r"], "account_id": [f"{ACCOUNT};a", f"a; {ACCOUNT}", "b;a"]})
    people.assign(role="user").to_csv(tmp_path / "in" / "people.csv", index=False)
    events = pd.DataFrame({"account_id": ["a", ACCOUNT, "b", "a", "b"] * 14, "occurred_at": days, "event": "login"})
    events.to_csv(tmp_path / "in" / "usage.csv", index=False)
    assert run(["map", str(tmp_path / "in"), "--yes", "--out", str(work)]) == 0
    assert run(["capture", str(work)]) == 0
    text = PLAN.format(data="mapping.toml").replace("2026-05-01", "2025-05-19")
    (work / "plan.toml").write_text(text, encoding="utf-8")
    plan = read_plan(work / "plan.toml")
    told = erased(plan)
    assert told.removed.loc[told.removed["place"] == "captured", "rows"].tolist() == [2]
    assert "1 captured or fetched rows of others name it beside them in one cell, and stay" in told.text()
    assert ChangeLog(work / "captured").versions("people").column("person_id").to_pylist() == ["q", "r"]


def test_what_was_fetched_of_a_database_is_without_and_follows_the_source(tmp_path: Path) -> None:
    work, url, days = tmp_path / "work", f"sqlite:///{tmp_path / 'crm.db'}", pd.date_range("2025-01-01", periods=150)
    with sqlite3.connect(tmp_path / "crm.db") as db:
        db.execute("CREATE TABLE accounts (id TEXT PRIMARY KEY, name TEXT, segment TEXT, updated_at DATETIME)")
        db.execute("CREATE TABLE usage (id INTEGER, account_id TEXT, user_id TEXT, event TEXT, occurred_at DATETIME)")
        accounts = [(one, f"Firma {one}", "smb", "2025-01-01 00:00:00") for one in ("a", "b", ACCOUNT)]
        db.executemany("INSERT INTO accounts VALUES (?, ?, ?, ?)", accounts)
        events = [(i, accounts[i % 3][0], f"{i % 5}@b.example", "login", str(day)) for i, day in enumerate(days)]
        db.executemany("INSERT INTO usage VALUES (?, ?, ?, ?, ?)", events)
    db.close()
    assert run(["map", url, "--yes", "--out", str(work)]) == 0
    (work / "plan.toml").write_text(PLAN.format(data="mapping.toml"), encoding="utf-8")
    plan = read_plan(work / "plan.toml")
    assert run(["capture", str(work / "plan.toml")]) == 0
    before = set((work / "landed").rglob("*"))
    removed = erased(plan, dry_run=True).removed
    assert removed.loc[removed["place"] == "fetched", "rows"].tolist() == [51]
    assert set((work / "landed").rglob("*")) == before
    assert erased(plan).fresh
    assert found(work, ACCOUNT) == set()
    assert run(["capture", str(work / "plan.toml")]) == 10  # nothing was fetched since
    assert {name: sum(map(rows_in, paths)) for name, paths in parts_of(work / "landed", whole=True).items()} == {
        "accounts": 2,
        "usage": 100,
    }
    assert list(opening.read_history(plan, TODAY).accounts) == ["a", "b"]
    assert "What was fetched of a database keeps 20 rows" in erased(plan, "person", "1@b.example", dry_run=True).text()
    assert run(["map", url, "--yes", "--out", str(work)]) == 0  # a table that is read whole has it still
    assert {one.split("/")[0] for one in found(work, ACCOUNT)} == {"landed"}
    assert list(opening.read_history(plan, TODAY).accounts) == ["a", "b"]
    assert erased(plan).fresh
    assert found(work, ACCOUNT) == set()
