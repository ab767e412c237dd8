"""A company with an account whose names occur nowhere else, all that holdfast keeps of it, and a search for it."""

from __future__ import annotations

import io
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from holdfast.serving import runs
from holdfast.serving.ledger.entry import enter
from holdfast.serving.ledger.store import Ledger, stamp
from holdfast.serving.plan import Plan, Queue, read_plan
from holdfast.serving.queue.week import queue
from holdfast.serving.report import Page
from holdfast.serving.runs import Run
from holdfast.serving.tables.publishing import publish_tables
from holdfast.serving.tables.target import target_of
from holdfast.serving.workspace import Workspace, canonical_json, folder_atomic, write_manifest
from tests.ledgered import NOW
from tests.once import made_once
from tests.published import scores_of

ACCOUNT, NAME = "CANARY-4711", "Kanarienvogel & Söhne <GmbH>"
PERSON, WORDS = "canary.person@vogel.example", "Gefieder zerzaust"
TRACES = ("CANARY-4711", "Kanarienvogel", "Gefieder")
OTHERS = 24
DAYS = ("2026-01-01", "2026-02-01")
PLAN = """
[data]
path = "{data}"
end = 2026-05-01
[churn]
kind = "notice"
[tracking]
enabled = false
[output]
table = "holdfast_scores"
url = "env:HOLDFAST_TEST_TARGET"
"""


def frames(account: str = ACCOUNT, n: int = OTHERS) -> dict[str, pd.DataFrame]:
    """Write the history of n accounts, every second of which leaves, and of the one."""
    ids, start = [*(f"A{i:05d}" for i in range(n)), account], pd.Timestamp("2025-01-01", tz="UTC")
    names = [*(f"Account {i}" for i in range(n)), NAME]
    people = [*(f"u{i}@a.example" for i in range(n)), PERSON]
    tickets = {"subject": "slow", "body": [*["it is slow"] * n, WORDS]}
    gone = [one for i, one in enumerate(ids) if i % 2 == 0]
    notice = pd.Timestamp("2026-01-10", tz="UTC")
    return {
        "accounts": pd.DataFrame({"account_id": ids, "name": names, "valid_from": start, "known_at": start}),
        "subscriptions": pd.DataFrame({"account_id": ids, "valid_from": start, "known_at": start, "mrr": 10.0}),
        "usage": _often(ids, people, start),
        "tickets": pd.DataFrame(
            {"account_id": ids, "opened_at": start, "person_id": people, "ticket_id": ids} | tickets
        ),
        "churn": pd.DataFrame({"account_id": gone, "notice_at": notice, "known_at": notice}),
    }


def _often(ids: list[str], people: list[str], start: pd.Timestamp) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"account_id": ids, "person_id": people, "occurred_at": start + pd.Timedelta(days=7 * week)})
        for week in range(70)
    ]
    return pd.concat(parts, ignore_index=True).assign(attrs="{}")


def company(folder: Path, account: str = ACCOUNT) -> Plan:
    """Lay a plan and a history down, serve two runs, and let every store hold something of the account."""
    (folder / "history").mkdir(parents=True)
    for name, frame in frames(account).items():
        frame.to_csv(folder / "history" / f"{name}.csv", index=False)
    (folder / "plan.toml").write_text(PLAN.format(data="history"), encoding="utf-8")
    plan = read_plan(folder / "plan.toml")
    served(plan, account)
    return plan


def made(place: pytest.TempPathFactory) -> Path:
    """Give a folder with the company in ``acme`` and what it published in ``db``, to be copied."""

    def make(folder: Path) -> None:
        (folder / "db").mkdir(parents=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HOLDFAST_TEST_TARGET", f"sqlite:///{folder / 'db' / 'target.db'}")
            company(folder / "acme")

    return made_once(place, "erasing", make)


def served(plan: Plan, account: str) -> None:
    """Serve two runs, and let ledger, backtests and the database hold something of the account."""
    place, ledger = Workspace(plan.output.workspace), Ledger(plan.output.workspace / "ledger.db")
    for seed, day in enumerate(DAYS):
        run = _run(place, pd.Timestamp(day, tz="UTC"), seed, account)
        enter(ledger, run, NOW)
        runs.serve(place, run)
        if target := target_of(plan.output):
            publish_tables(target, run, NOW)
    _said(ledger, account)
    for home in (place.models / "v1.backtest", place.root / "mlartifacts/1/x/artifacts/v1.backtest"):
        _backtest(home, account)


def _run(place: Workspace, day: pd.Timestamp, seed: int, account: str) -> Run:
    ids = [*(f"A{i:05d}" for i in range(OTHERS)), account]
    risk = np.round(np.linspace(0.02, 0.5, OTHERS + 1) if seed else np.linspace(0.5, 0.02, OTHERS + 1), 3)
    scores = scores_of(
        OTHERS + 1, day, seed, account_id=ids, account_name=[*(f"Account {i}" for i in range(OTHERS)), NAME], p90=risk
    )
    scores.rows["run_id"] = name = f"{day:%Y%m%d}"
    scores.rows["p30"], scores.rows["p60"] = scores.rows["p90"] / 4, scores.rows["p90"] / 2
    scores.rows["expected_arr_at_risk_90"] = scores.rows["p90"] * scores.rows["arr"]
    facts = {"run_id": name, "as_of": day.isoformat(), "model_version": "v1", "model_sha256": "m" * 64}
    facts |= {"input_sha256": "i" * 64, "feedback_sha256": "", "config_sha256": "c" * 64, "holdfast": "0.1.0"}
    return runs.write_run(place, scores, Page("fine", "notice"), "# card", facts, queue(scores, Queue()).frame())


def _said(ledger: Ledger, account: str) -> None:
    """Let people say something of the account, and something be on its way."""
    at, both = stamp(NOW), [account, "A00001"]
    with ledger.writing() as db:
        for one in both:
            note = (f"f {len(one)}", one, "note", "20260101", f"{NAME}, says {PERSON}", "", "csm", at, None, at)
            db.execute("INSERT INTO feedback VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", note)
            done = (f"i {len(one)}", one, at, "done", "call", "csm", "spoke", None, "20260101", at)
            db.execute("INSERT INTO intervention VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", done)
            db.execute("INSERT INTO alert VALUES (NULL, ?, 'drop', ?, 'opened', '20260101', 'fell', ?)", (one, at, at))
            db.execute("INSERT INTO written VALUES ('hubspot', ?, ?, 'x', 'confirmed', '', ?)", (one, at, at))
        db.execute("UPDATE feedback SET value = 'fine' WHERE account_id = 'A00001'")
        for key, some in (("both", both), ("one", [account])):
            told = [{"account_id": one, "account_name": NAME if one == account else "", "alerts": []} for one in some]
            body = {"key": key, "as_of": DAYS[1], "language": "en", "open": 2, "accounts": told, "company": []}
            row = (key, "env:X", canonical_json(body | {"left_out": 0}).decode(), at, at)
            db.execute("INSERT INTO message VALUES (?, ?, 2, ?, 'waiting', 0, ?, '', ?)", row)


def _backtest(home: Path, account: str) -> None:
    rows = pd.DataFrame({"account_id": ["A00001", account], "p": [0.1, 0.9], "y": [0.0, 1.0]})
    green = {"green_churn": {"accounts": [{"account_id": account, "arr": 5.0}]}}
    with folder_atomic(home) as folder:
        rows.to_parquet(folder / "predictions.parquet", index=False)
        told = {"result": {"verdict": "fine"}, "evidence": green, "findings": [], "notes": [], "left_out": {}}
        (folder / "backtest.json").write_bytes(canonical_json(told))
        write_manifest(folder, {"version": "v1"})


def found(folder: Path, *texts: str) -> set[str]:
    """Search every byte below a folder, inside of Parquet, workbooks and databases too: which files hold which text."""
    needles = {text: text.encode() for text in texts}
    return {
        f"{path.relative_to(folder)}: {text}"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
        for data in _bytes(path)
        for text, needle in needles.items()
        if needle in data
    } | {str(path) for path in folder.rglob("*") for text in texts if text in path.name}


def _bytes(path: Path) -> Iterator[bytes]:
    yield path.read_bytes()
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        yield repr([*map(str, table.to_pylist()), table.schema.metadata]).encode()
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as book:
            yield from map(book.read, book.namelist())
    if path.suffix == ".db":
        with closing(sqlite3.connect(path)) as db:
            yield "\n".join(db.iterdump()).encode()
