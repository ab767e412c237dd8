"""The strict clock: what does not say when it was known does not count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from holdfast.errors import DataError
from holdfast.features.catalog import catalog
from holdfast.features.history import History
from holdfast.features.simulate import simulate
from holdfast.features.time import cutoffs
from holdfast.models.churn import ChurnModel
from holdfast.models.health import HealthScore
from holdfast.serving import bundle as bundles
from holdfast.serving.bundle import read_bundle, write_bundle
from holdfast.serving.command import run
from holdfast.serving.plan import parse_plan, read_plan
from holdfast.training.labels import Churn, label

DAY = "2025-06-{:02d}".format


def frames() -> dict[str, pd.DataFrame]:
    """Two uses told when they came, two that are not, and two tables without a clock."""
    return {
        "accounts": pd.DataFrame({"account_id": ["a", "b"], "known_at": [DAY(1), DAY(1)]}),
        "usage": pd.DataFrame(
            {
                "account_id": ["a", "a", "a", "b"],
                "occurred_at": [DAY(2), DAY(3), DAY(4), DAY(5)],
                "known_at": [DAY(9), None, DAY(6), DAY(5)],
                "known_basis": ["event", "event", "assumed", None],
            }
        ),
        "invoices": pd.DataFrame({"account_id": ["a"], "issued_at": [DAY(7)], "amount": [5]}),
        "touchpoints": pd.DataFrame({"account_id": ["b"], "occurred_at": [DAY(8)], "kind": ["call"]}),
    }


def found(history: History, code: str) -> dict[str, int]:
    return {one.where: one.count for one in history.findings if one.code == code}


def test_rows_whose_clock_is_assumed_are_left_out_and_counted():
    history = History.from_frames(frames(), strict_clock=True)
    assert history.tables == ("accounts", "usage")
    assert history.as_of(DAY(10))["usage"]["occurred_at"].dt.day.tolist() == [2, 5]
    assert found(history, "HF021") == {"usage": 2, "invoices": 1, "touchpoints": 1}
    assert found(history, "HF002") == {}
    assert next(one.message for one in history.findings if (one.code, one.where) == ("HF021", "usage")) == (
        "2 of 4 rows have no known_at and were left out"
    )
    assert {one.severity for one in history.findings if one.code == "HF021"} == {"info"}


def test_switched_off_they_count_and_are_told():
    history = History.from_frames(frames())
    assert history.tables == ("accounts", "invoices", "touchpoints", "usage")
    assert found(history, "HF002") == {"usage": 2, "invoices": 1, "touchpoints": 1}
    assert found(history, "HF021") == {}


def test_the_measured_rows_are_those_of_a_history_without_them():
    whole = frames()
    usage = whole["usage"]
    told = {
        "accounts": whole["accounts"],
        "usage": usage[usage["known_at"].notna() & (usage["known_basis"] != "assumed")],
    }
    strict, plain = (History.from_frames(f, strict_clock=s, end=DAY(20)) for f, s in ((whole, True), (told, False)))
    one, two = (catalog.measure(history, [DAY(7), DAY(10)]) for history in (strict, plain))
    pd.testing.assert_frame_equal(one.indicators, two.indicators, check_exact=True)
    pd.testing.assert_frame_equal(one.context, two.context, check_exact=True)


def test_a_history_whose_every_clock_is_told_is_the_same_either_way():
    told = frames()
    told = {"accounts": told["accounts"], "usage": told["usage"].assign(known_at=DAY(9), known_basis="event")}
    strict, plain = (History.from_frames(told, strict_clock=on) for on in (True, False))
    assert strict.fingerprint() == plain.fingerprint()
    assert strict.findings == plain.findings


@pytest.mark.parametrize(
    ("bare", "named"),
    [
        (["accounts"], "no known_at in accounts, invoices, touchpoints"),
        (["usage"], "no known_at in usage, invoices, touchpoints"),
        (["accounts", "usage"], "no known_at in accounts, usage, invoices, touchpoints"),
    ],
)
def test_nothing_left_names_the_tables(bare, named):
    without = {name: f.drop(columns="known_at") if name in bare else f for name, f in frames().items()}
    with pytest.raises(DataError, match="strict_clock: expected a delivered known_at in accounts") as caught:
        History.from_frames(without, strict_clock=True)
    assert caught.value.found == named
    assert "strict_clock off" in caught.value.do


def test_a_cut_history_stays_strict():
    history = History.from_frames(frames(), strict_clock=True).until(DAY(8))
    assert history.as_of(DAY(8))["usage"]["occurred_at"].dt.day.tolist() == [5]
    assert found(history, "HF002") == {}
    assert "invoices" not in history


def test_what_is_written_and_read_again_stays_strict(tmp_path: Path):
    history = History.from_frames(frames(), strict_clock=True)
    history.write(tmp_path / "strict")
    for on in (True, False):
        again = History.read(tmp_path / "strict", strict_clock=on)
        assert again.fingerprint() == history.fingerprint()
        assert found(again, "HF002") == found(again, "HF021") == {}


def test_what_was_assumed_is_still_assumed_after_writing(tmp_path: Path):
    plain = History.from_frames(frames())
    plain.write(tmp_path / "plain")
    again = History.read(tmp_path / "plain", strict_clock=True)
    assert again.fingerprint() == History.from_frames(frames(), strict_clock=True).fingerprint()
    assert found(again, "HF021") == found(plain, "HF002")


def test_the_plan_knows_the_switch():
    settings = {"data": {"path": "h"}, "churn": {"kind": "notice"}}
    plan = parse_plan(settings)
    assert plan.data.strict_clock is False
    assert plan.with_strict_clock().data.strict_clock is True
    assert plan.with_strict_clock().data.path == plan.data.path
    assert parse_plan({**settings, "data": {"path": "h", "strict_clock": True}}).data.strict_clock is True
    told = {key: (value, default) for _, key, value, default, _ in plan.describe()}
    assert told["strict_clock"] == (False, True)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    (tmp_path / "history").mkdir()
    for name, frame in frames().items():
        frame.to_csv(tmp_path / "history" / f"{name}.csv", index=False)
    text = '[data]\npath = "history"\n[churn]\nkind = "silence"\nactivity = ["usage"]\n'
    (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
    return tmp_path / "plan.toml"


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, set[str]]:
    capsys.readouterr()
    assert run(["check", *arguments, "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    return {code: {row["where"] for row in rows if row["code"] == code} for code in ("HF002", "HF021")}


@pytest.mark.parametrize("way", ["--strict-clock", "plan"])
def test_the_command_and_the_plan_switch_it_on(plan: Path, capsys: pytest.CaptureFixture[str], way: str):
    every = {"usage", "invoices", "touchpoints"}
    assert checked(capsys, str(plan)) == {"HF002": every, "HF021": set()}
    if way == "plan":
        plan.write_text(plan.read_text().replace("[churn]", "strict_clock = true\n[churn]"), encoding="utf-8")
    assert read_plan(plan).data.strict_clock is (way == "plan")
    arguments = [str(plan)] if way == "plan" else [str(plan), "--strict-clock"]
    assert checked(capsys, *arguments) == {"HF002": set(), "HF021": every}


@pytest.mark.parametrize("command", ["check", "train", "backtest", "score"])
def test_every_command_that_reads_data_refuses_what_the_strict_clock_empties(
    plan: Path, capsys: pytest.CaptureFixture[str], command: str
):
    bare = frames()["accounts"].drop(columns="known_at")
    bare.to_csv(plan.parent / "history" / "accounts.csv", index=False)
    assert run([command, str(plan), "--strict-clock"]) == 30
    assert "strict_clock: expected a delivered known_at in accounts" in capsys.readouterr().err


def test_explaining_takes_the_switch_too(plan: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["explain", str(plan), "--account", "a", "--strict-clock"]) == 2
    assert "train first" in capsys.readouterr().err


def quick(folder: Path) -> Path:
    """A simulated company with a plan that trains fast."""
    assert run(["simulate", "--accounts", "60", "--seed", "1", "--months", "16", "--out", str(folder)]) == 0
    plan = folder / "plan.toml"
    text = plan.read_text(encoding="utf-8").replace('[cutoffs]\nevery = "28d"', "[model]\nseed = 0")
    backtest = "[backtest]\naudits = false\nbootstrap = 0\nretrain_every = 50\n"
    fast = f'\n[cutoffs]\nevery = "56d"\n{backtest}[tracking]\nenabled = false\n'
    plan.write_text(text + fast, encoding="utf-8")
    return plan


def test_a_model_scores_under_the_clock_it_learned_under(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    plan = quick(tmp_path / "acme")
    models, trained = plan.parent / "out" / "models", {}
    for switch, other in (([], ["--strict-clock"]), (["--strict-clock"], [])):
        assert run(["train", str(plan), *switch]) == 0
        version = trained[bool(switch)] = (models / "champion").read_text(encoding="utf-8").strip()
        assert read_bundle(models, version).strict_clock is bool(switch)
        for command in (["score", str(plan)], ["score", str(plan), "--model", version]):
            capsys.readouterr()
            assert run([*command, *other]) == 2
            told = capsys.readouterr().err
            assert f"strict_clock: expected {'on' if switch else 'off'}, as it was when model {version} was" in told
            assert ("score with --strict-clock" if switch else "leave strict_clock off") in told
        if not (plan.parent / "out" / "current").exists():
            assert run(["explain", str(plan), "--account", "a", *other]) == 2
            assert "strict_clock: expected" in capsys.readouterr().err
        assert run(["score", str(plan), *switch]) == 0
    assert run(["score", str(plan), "--model", trained[False]]) == 10  # the run that is there


def test_a_bundle_that_says_nothing_learned_without_the_strict_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    history = simulate(accounts=60, seed=1, months=16)
    days = cutoffs(history, "56d")
    y = label(history, days, (30,), Churn("silence"))
    X = catalog.measure(history, days, (30,))
    health, model = HealthScore.template().fit(X, y.on(X.index)), ChurnModel().fit(X, y.on(X.index))
    facts: dict[str, Any] = {"churn": {"kind": "silence"}, "learned_until": history.now, "card": "# Card\n"}
    real = bundles.canonical_json
    new = {on: write_bundle(tmp_path, health, model, X, strict_clock=on, **facts) for on in (True, False)}
    assert {on: read_bundle(tmp_path, one.version).strict_clock for on, one in new.items()} == {
        True: True,
        False: False,
    }

    def before(value: dict[str, Any]) -> bytes:
        return real({key: one for key, one in value.items() if key != "strict_clock"})

    monkeypatch.setattr(bundles, "canonical_json", before)
    old = write_bundle(tmp_path, health, model, X, **facts)
    assert old.version not in {one.version for one in new.values()}
    assert read_bundle(tmp_path, old.version).strict_clock is False
