"""The command: what each promises to print, to write and to leave alone, from an empty folder to served scores."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import holdfast as hf
from holdfast.serving.columns import COLUMNS
from holdfast.serving.command import run
from holdfast.serving.workspace import read_manifest
from holdfast.training import importance as importances
from holdfast.training.importance import Importance
from holdfast.training.verdict import BASELINES
from tests.acme import DAY, Company, as_json
from tests.proofs import few_proofs

COMMANDS = (
    "demo",
    "init",
    "simulate",
    "plan",
    "check",
    "train",
    "backtest",
    "score",
    "sync",
    "explain",
    "importance",
    "audit",
    "autopsy",
    "inflation",
    "hypotheses",
    "labels",
    "definitions",
    "kpis",
    "queue",
    "did",
    "ledger",
    "replay",
    "import",
    "feedback",
    "alerts",
    "deliver",
    "writeback",
    "erase",
    "report",
    "indicators",
    "retrain",
    "promote",
    "rollback",
    "compare",
    "models",
)
MODELS = {"churn", "health", *BASELINES}
FIGURES = {"auc", "ap", "log_loss", "skill", "skill_context", "brier", "ece", "ece_floor", "slope", "ratio", "lift_10"}
FIGURES |= {"n", "events"}


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"holdfast {hf.__version__}\n"


def test_help_of_every_command_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom holdfast.serving.command import run\n"
        f"assert [run([*c.split(), '--help']) for c in ['', *{COMMANDS!r}]] == [0] * {len(COMMANDS) + 1}\n"
        "heavy = {'numpy', 'pandas', 'duckdb', 'sklearn', 'lightgbm', 'shap', 'mlflow', 'matplotlib', 'pyarrow'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout for command in COMMANDS)
    assert "Exit codes" in done.stdout


@pytest.mark.parametrize("program", [(sys.executable, "-m", "holdfast"), (f"{Path(sys.executable).parent}/holdfast",)])
def test_the_package_runs_as_a_module_and_as_a_program(program: tuple[str, ...]) -> None:
    done = subprocess.run([*program, "plan", "nowhere.toml"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_a_run_leaves_what_the_readme_names(company: Company) -> None:
    left = {path.name for path in (company.out / "current").iterdir()}
    assert left == {
        *(
            "scores.parquet",
            "scores.csv",
            "scores.xlsx",
            "drivers.parquet",
            "alerts.parquet",
            "queue.csv",
            "feedback.csv",
            "report.html",
            "card.md",
            "manifest.json",
        )
    }
    assert read_manifest(company.out / "current") is not None
    assert (company.out / "current").is_symlink()
    assert not list(company.out.rglob(".tmp-*"))
    assert (company.out / "current" / "report.html").stat().st_size < 3_000_000
    card = (company.out / "current" / "card.md").read_text(encoding="utf-8")
    assert "## What the backtest showed" in card
    assert "| Churn model | 90 |" in card


def test_scores_keep_the_contract(company: Company) -> None:
    rows = pd.read_parquet(company.out / "current" / "scores.parquet")
    assert list(rows.columns) == list(COLUMNS)
    accounts = pd.read_parquet(company.folder / "history" / "accounts.parquet")["account_id"]
    assert sorted(rows["account_id"]) == sorted(accounts.unique())
    scored = rows[rows["score_status"] != "not_scored"]
    assert scored[["health", "p30", "p60", "p90"]].notna().all(axis=None)
    assert (scored["p30"] <= scored["p60"]).all()
    assert (scored["p60"] <= scored["p90"]).all()
    assert (scored[["driver_1", "band", "run_id", "model_sha256"]] != "").all(axis=None)
    silent = rows[rows["score_status"] == "not_scored"]
    assert (silent["score_reason"] != "").all()
    assert silent[["health", "p30", "p90", "expected_arr_at_risk_90"]].isna().all(axis=None)
    assert scored["p_renew"].dropna().between(0, 1).all()
    as_text = pd.read_csv(company.out / "current" / "scores.csv", dtype=str)
    assert as_text["as_of"].unique().tolist() == ["2026-01-01"]


def test_the_same_inputs_again_are_nothing_to_do(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    before = (company.out / "current").readlink()
    assert run(["score", company.plan]) == 10
    assert "nothing to do: same inputs" in capsys.readouterr().out
    assert (company.out / "current").readlink() == before


def test_a_run_is_published_as_tables_once(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = company.copy(tmp_path / "acme")
    text = Path(mine.plan).read_text(encoding="utf-8")
    Path(mine.plan).write_text(text.replace("[output]", '[output]\ntable = "holdfast_scores"\nurl = "env:BI_URL"'))
    monkeypatch.delenv("BI_URL", raising=False)
    assert run(["score", mine.plan]) == 2
    assert "environment variable BI_URL: expected a secret" in capsys.readouterr().err
    monkeypatch.setenv("BI_URL", f"sqlite:///{tmp_path}/absent/bi.db")
    assert run(["score", mine.plan]) == 60
    assert "unable to open database file" in capsys.readouterr().err
    monkeypatch.setenv("BI_URL", f"sqlite:///{tmp_path}/bi.db")
    told = as_json(capsys, "score", mine.plan)
    assert isinstance(told, dict)
    assert (told["fresh"], told["table"]["accounts"], told["table"]["fresh"]) == (False, 100, True)
    assert run(["score", mine.plan]) == 10
    with sqlite3.connect(tmp_path / "bi.db") as db:
        rows = db.execute("SELECT count(*), min(run_id) FROM holdfast_current").fetchall()
    db.close()
    assert rows == [(100, told["run"])]


def test_a_damaged_run_is_made_again(company: Company, tmp_path: Path) -> None:
    mine = company.copy(tmp_path / "acme")
    path = mine.out / "current" / "scores.csv"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert run(["score", mine.plan]) == 0
    assert (mine.out / "current" / "scores.csv").read_bytes() == whole


@pytest.fixture(scope="module")
def earlier(untrained: Company, tmp_path_factory: pytest.TempPathFactory) -> Company:
    """The company with a model that learned until some months before the end, which has scored nothing yet."""
    made = untrained.copy(tmp_path_factory.mktemp("earlier") / "acme")
    assert run(["train", made.plan, "--until", DAY]) == 0
    return made


def test_what_becomes_known_later_changes_not_a_byte(untrained: Company, earlier: Company, tmp_path: Path) -> None:
    """Rows known after the day are cut off in one company and kept in the other."""
    limit = pd.Timestamp(DAY, tz="UTC") + pd.Timedelta(days=20)
    full = earlier.copy(tmp_path / "full")
    short = untrained.copy(tmp_path / "short", lambda frame: frame[frame["known_at"] <= limit])
    assert run(["train", short.plan, "--until", DAY]) == 0
    for one in (full, short):
        assert run(["score", one.plan, "--at", DAY]) == 0
    assert (full.out / "models" / "champion").read_text() == (short.out / "models" / "champion").read_text()
    files = ("scores.csv", "scores.parquet", "scores.xlsx", "drivers.parquet", "alerts.parquet", "queue.csv")
    for name in (*files, "feedback.csv"):
        assert (full.out / "current" / name).read_bytes() == (short.out / "current" / name).read_bytes(), name


def test_a_model_does_not_score_days_it_has_seen_unless_named(
    company: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = company.copy(tmp_path / "acme")
    served = (mine.out / "current").readlink()
    assert run(["score", mine.plan, "--at", DAY]) == 2
    assert "learned from earlier days" in capsys.readouterr().err
    version = (mine.out / "models" / "champion").read_text().strip()
    assert run(["score", mine.plan, "--at", DAY, "--model", version]) == 0
    assert "current was left alone" in capsys.readouterr().out
    assert (mine.out / "current").readlink() == served
    assert len(list((mine.out / "runs").iterdir())) == 2


def test_plan_as_json(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    settings = as_json(capsys, "plan", company.plan, "--show")
    assert isinstance(settings, dict)
    assert settings["horizons"]["days"] == [30, 60, 90]
    assert settings["backtest"]["bootstrap"] == 20


def test_plan_shows_every_setting(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["plan", company.plan, "--show"]) == 0
    printed = capsys.readouterr().out
    assert "churn.grace_days\t14\tdefault" in printed
    assert "backtest.bootstrap\t20\tplan" in printed


def test_indicators_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    rows = as_json(capsys, "indicators", "--dimension", "product")
    assert isinstance(rows, list)
    assert len(rows) >= 4
    keys = {"name", "dimension", "unit", "healthy", "formula", "lookback_days", "tables", "seeds"}
    assert all(keys <= set(row) and row["dimension"] == "product" for row in rows)
    assert run(["indicators", "--dimension", "produkt"]) == 2


def test_check_as_json(company: Company, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    few_proofs(monkeypatch)
    capsys.readouterr()
    code = run(["check", company.plan, "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert code == int(any(row["severity"] != "info" for row in rows))
    assert all({"code", "severity", "where", "count", "message", "meaning", "remedy"} == set(row) for row in rows)


def test_backtest_as_json(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    result = as_json(capsys, "backtest", company.plan)
    assert isinstance(result, dict)
    assert {"models", "cutoffs", "seconds", "verdict"} <= set(result)
    assert set(result["models"]) == MODELS
    assert all(set(by) == {"30", "60", "90"} for by in result["models"].values())
    assert all(set(figures) >= FIGURES for by in result["models"].values() for figures in by.values())


def test_a_holdout_is_kept_and_opened_once(
    untrained: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = untrained.copy(tmp_path / "kept")
    assert run(["backtest", str(mine.plan), "--open-holdout"]) == 2
    assert "a plan that keeps none" in capsys.readouterr().err
    plan = Path(mine.plan)
    text = plan.read_text(encoding="utf-8")
    plan.write_text(text.replace("retrain_every = 50", "retrain_every = 2\nholdout = true"), encoding="utf-8")
    kept = as_json(capsys, "backtest", mine.plan)
    opened = as_json(capsys, "backtest", mine.plan, "--open-holdout")
    assert isinstance(kept, dict)
    assert isinstance(opened, dict)
    assert max(kept["cutoffs"]) < min(opened["cutoffs"])
    assert run(["backtest", str(mine.plan), "--open-holdout"]) == 2
    assert "2 settled cutoffs that nobody has seen" in capsys.readouterr().err


def test_the_model_in_service_is_set_beside_the_others_where_it_had_to_predict(
    earlier: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    found = as_json(capsys, "backtest", earlier.plan)
    assert isinstance(found, dict)
    champion = found["evidence"]["champion"]
    assert champion["version"] == (earlier.out / "models" / "champion").read_text().strip()
    assert champion["learned_until"] == DAY
    later = [row for row in champion["rows"] if row["model"] == "champion"]
    everything = found["models"]["churn"]["30"]["n"]
    assert 0 < max(row["n"] for row in later) < everything


def test_audits_stand_in_the_report(untrained: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = untrained.copy(tmp_path / "audited")
    plan = Path(mine.plan)
    text = plan.read_text(encoding="utf-8")
    plan.write_text(text.replace("audits = false", "audits = true"), encoding="utf-8")
    as_json(capsys, "train", mine.plan)
    as_json(capsys, "score", mine.plan)
    page = (mine.out / "current" / "report.html").read_text(encoding="utf-8")
    assert 'id="hypotheses"' in page
    assert "What the usual mistakes would have claimed" in page
    assert "Null tests" in page


def test_training_and_scoring_again_gives_the_same_bytes(
    company: Company, untrained: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = untrained.copy(tmp_path / "again")
    trained = as_json(capsys, "train", mine.plan)
    assert isinstance(trained, dict)
    assert trained["model"] == (company.out / "models" / "champion").read_text().strip()
    assert trained["learned_until"] == "2026-01-01"
    assert trained["verdict"]
    scored = as_json(capsys, "score", mine.plan)
    assert isinstance(scored, dict)
    assert scored["fresh"]
    assert scored["model_version"] == trained["model"]
    assert sum(scored["counts"].values()) == 100
    for path in (company.out / "current").iterdir():
        assert (mine.out / "current" / path.name).read_bytes() == path.read_bytes(), path.name
    assert as_json(capsys, "score", mine.plan, code=10) == scored | {"fresh": False}


def test_kpis_forecast_from_the_run_that_is_served(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    told = as_json(capsys, "kpis", company.plan)
    assert isinstance(told, dict)
    (ahead,) = told["forecast"]
    scores = pd.read_parquet(company.out / "current" / "scores.parquet").dropna(subset=["arr", "p90"])
    kept = 1 - (scores["arr"] * scores["p90"]).sum() / scores["arr"].sum()
    assert ahead["grr"] == pytest.approx(kept, abs=0.02)  # customers under notice are scored by nobody
    assert 0 < ahead["grr_low"] < ahead["grr"] < ahead["grr_high"] <= 1
    (book,) = as_json(capsys, "kpis", company.plan, "--contacts", "10", "--contact-cost", "25")["roi"]
    assumed = {one["name"]: one["value"] for one in book["assumptions"]}
    assert (book["currency"], book["cost"], assumed["save rate"]) == ("EUR", 250.0, "20%, assumption-based")
    assert book["gain"] == pytest.approx(0.2 * book["at_risk"] - 250)
    assert run(["kpis", company.plan, "--by", "month"]) == 0
    assert "is expected to stay over the next 90 days" in capsys.readouterr().out


def test_autopsy_needs_nothing_trained(untrained: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = as_json(capsys, "autopsy", untrained.plan, "--last", "3")
    assert isinstance(told, dict)
    assert len(told["losses"]) == 3
    assert told["in_words"].startswith("Of the last 3 customers lost")
    assert run(["autopsy", untrained.plan, "--last", "3", "--out", str(tmp_path / "lost.html")]) == 0
    assert told["losses"][0]["account_id"] in (tmp_path / "lost.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert run(["autopsy", untrained.plan, "--last", "3"]) == 0
    assert told["losses"][0]["account_id"] in capsys.readouterr().out


def test_hypotheses_need_nothing_trained(untrained: Company, capsys: pytest.CaptureFixture[str]) -> None:
    told = as_json(capsys, "hypotheses", untrained.plan, "--draws", "100")
    assert isinstance(told, dict)
    assert {one["verdict"] for one in told["claims"]} <= {"holds", "does not hold", "cannot tell", "not measured"}
    assert sum(told["verdicts"].values()) == len(told["claims"])
    growth = [one for one in told["claims"] if one["id"] == "S032"][1]
    assert growth["why"] != "no labels of expansion were given"
    assert run(["hypotheses", untrained.plan, "--draws", "100"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("id\tclaim\tverdict\twhy\tcrude")
    assert f"Of {len(told['claims'])} claims" in out


def test_importance_tells_which_signs_count(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reckoned, reckon = [], importances.importance

    def kept(*arguments: Any, **how: Any) -> Importance:
        reckoned.append(reckon(*arguments, **how))
        return reckoned[-1]

    monkeypatch.setattr(importances, "importance", kept)
    ask = ["importance", company.plan, "--refits", "1", "--without", "1"]
    page = tmp_path / "importance.html"
    told = as_json(capsys, *ask, "--out", str(page))
    assert isinstance(told, dict)
    assert {"groups", "dimensions", "segments", "over_time", "horizons", "alone", "curves", "interactions"} <= set(told)
    assert sum(row["share"] for row in told["groups"]) == pytest.approx(1.0)
    assert told["findings"] == []
    assert page.read_bytes()
    assert run([*ask, "--out", str(tmp_path / "again.html")]) == 0
    assert page.read_bytes() == (tmp_path / "again.html").read_bytes()
    capsys.readouterr()
    found = reckoned.pop()
    monkeypatch.setattr(importances, "importance", lambda *_, **__: found)
    assert run([*ask, "--top", "3"]) == 0
    assert len(capsys.readouterr().out.strip().splitlines()) <= 12


def test_report_prints_its_path(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    told = as_json(capsys, "report", company.plan)
    assert isinstance(told, dict)
    assert Path(told["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_init_writes_a_valid_plan_and_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new"
    written = as_json(capsys, "init", str(folder))
    assert isinstance(written, dict)
    assert len(written["written"]) == 19  # the plan, 11 tables, and 6 sheets as a workbook and as CSV files
    assert sorted(map(str, written["written"])) == sorted(str(one) for one in folder.rglob("*") if one.is_file())
    assert run(["plan", str(folder)]) == 0
    header = (folder / "templates" / "usage.csv").read_text().strip().split(",")
    assert {"account_id", "occurred_at", "known_at", "event"} <= set(header)
    again = tmp_path / "again"
    assert run(["init", str(again)]) == 0
    for path in folder.rglob("*.*"):
        assert (again / path.relative_to(folder)).read_bytes() == path.read_bytes(), path
    (folder / "plan.toml").write_text("mine")
    assert run(["init", str(folder)]) == 2
    assert (folder / "plan.toml").read_text() == "mine"


def test_simulate_fills_only_an_empty_folder(untrained: Company, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--accounts", "5", "--out", str(untrained.folder)]) == 2
    assert "nothing was overwritten" in capsys.readouterr().err


def test_demo_leaves_scores_and_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = as_json(capsys, "demo", "--out", str(tmp_path / "demo"), "--accounts", "60", "--months", "15")
    assert isinstance(result, dict)
    assert len(result["riskiest"]) == 5
    for name in ("current/scores.csv", "current/scores.parquet", "current/report.html", "mlflow.db"):
        assert (tmp_path / "demo" / name).is_file()


def test_the_file_of_the_queue_calls_nobody_whom_lots_leave_alone(
    company: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = company.copy(tmp_path / "acme")
    with Path(mine.plan).open("a", encoding="utf-8") as plan:
        plan.write("[queue]\nholdout = 0.5\n")

    def written() -> dict[str, str]:
        rows = pd.read_csv(mine.out / "current" / "queue.csv", dtype=str)
        sheet = pd.read_excel(mine.out / "current" / "scores.xlsx", sheet_name="Queue", engine="calamine")
        assert sheet["This week"].tolist() == rows["decision"].tolist()
        return dict(zip(rows["account_id"], rows["decision"], strict=True))

    assert run(["score", mine.plan]) == 0  # another run than the one without lots
    told = as_json(capsys, "queue", mine.plan)
    assert isinstance(told, dict)
    first = written()
    assert first == {row["account_id"]: row["decision"] for row in told["rows"]}
    held = {account for account, decision in first.items() if decision == "left_alone"}
    assert held
    assert run(["queue", mine.plan, "--record"]) == 0
    form = tmp_path / "form.csv"
    other = next(account for account, decision in first.items() if decision == "later")
    form.write_text(f"account_id,snooze_until,author\n{other},2026-01-15,Ann\n", encoding="utf-8")
    assert [run(["import", mine.plan, str(form)]), run(["score", mine.plan])] == [0, 0]
    again = written()
    assert {again[account] for account in held} == {"resting"}  # until the outcome is seen


def test_what_people_set_is_in_the_next_scores_beside_the_model_until_its_day(company: Company, tmp_path: Path) -> None:
    mine = company.copy(tmp_path / "acme")
    before = pd.read_parquet(mine.out / "current" / "scores.parquet").set_index("account_id")
    waiting = pd.read_csv(mine.out / "current" / "queue.csv", dtype=str)["account_id"]
    first, second = waiting[0], waiting[1]
    form = tmp_path / "form.csv"
    head = "account_id,set_score,set_reason,set_until,snooze_until,author\n"
    rows = f"{first},95,renewed by word,2026-01-20,,Ann\n{second},,,,2026-01-15,Ann\n"
    form.write_text(head + rows, encoding="utf-8")
    assert [run(["import", mine.plan, str(form)]) for _ in range(2)] == [0, 10]
    assert [run(["score", mine.plan]) for _ in range(2)] == [0, 10]  # another run, and then the same again
    after = pd.read_parquet(mine.out / "current" / "scores.parquet").set_index("account_id")
    assert after.loc[first, ["override_health", "override_reason", "override_author"]].tolist() == [
        *(95.0, "renewed by word", "Ann")
    ]
    assert after.loc[first, "playbook_id"] == "action.green"
    assert after.loc[second, "snoozed_until"] == pd.Timestamp("2026-01-15", tz="UTC")
    set_by_hand = [
        "run_id",
        "playbook_id",
        "due_date",
        "snoozed_until",
        *(c for c in after if c.startswith("override_")),
    ]
    pd.testing.assert_frame_equal(after.drop(columns=set_by_hand), before.drop(columns=set_by_hand))
    queue = pd.read_csv(mine.out / "current" / "queue.csv", dtype=str).set_index("account_id")
    assert queue.loc[second, ["decision", "why"]].tolist() == ["resting", "snoozed until 2026-01-15"]
    assert set(queue.index[queue["decision"] == "resting"]) == {second}
    assert set(queue.index) == set(waiting)
    assert run(["score", mine.plan, "--at", DAY, "--model", after["model_version"].iloc[0]]) == 0
    old = max((mine.out / "runs").iterdir(), key=lambda one: one.stat().st_mtime)
    told = pd.read_parquet(old / "scores.parquet")
    assert told["as_of"].unique().tolist() == [pd.Timestamp(DAY, tz="UTC")]
    assert told["override_health"].isna().all()  # that day had not heard of it
