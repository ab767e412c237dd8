"""A score made elsewhere is judged by the same protocol, from two files as platforms export them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import DataError, UsageError
from holdfast.serving.command import run
from holdfast.serving.score_files import read_table
from holdfast.training.external import FRESH, Audit, _green, cutoffs_of

START = pd.Timestamp("2024-01-01", tz="UTC")
MONTHS = 20


def made(seed: int = 0, accounts: int = 300, strength: float = 1.6) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw monthly scores, 0 to 100, high is healthy, of customers that leave the sooner the lower it is."""
    rng = np.random.default_rng(seed)
    health = rng.normal(size=accounts)
    rows, lost = [], []
    for place, level in enumerate(health):
        for month in range(MONTHS):
            day = START + pd.Timedelta(days=30 * month)
            rows.append(
                (f"C{place:03d}", day, float(np.clip(60 + 18 * level + rng.normal(0, 4), 0, 100)), 1000.0 + place)
            )
            if rng.random() < np.exp(-4.2 - strength * level):
                lost.append((f"C{place:03d}", day + pd.Timedelta(days=int(rng.integers(1, 29)))))
                break
    scores = pd.DataFrame(rows, columns=["account_id", "date", "score", "arr"])
    return scores, pd.DataFrame(lost, columns=["account_id", "date"])


@pytest.fixture(scope="module")
def found() -> Audit:
    return hf.audit(*made(), bootstrap=50, progress=False)


def test_a_good_score_beats_age_and_is_said_to(found: Audit) -> None:
    table = found.result.table()
    assert table.loc[(90, "score"), "auc"] > 0.75
    assert set(table.loc[90].index) == {"score", "base_rate", "age"}
    assert found.text().startswith("The score beats")
    assert "accounts called at each cutoff" in found.text()
    assert found.left == len(made()[1])
    assert found.unseen == 0


def test_bands_of_a_good_score_are_in_order(found: Audit) -> None:
    bands = found.bands.set_index("band")
    assert list(bands.index) == ["green", "yellow", "orange", "red"]
    assert bands["rate"].is_monotonic_increasing
    assert not bands["inverted"].any()
    assert 0 < found.green < 0.5


def test_a_score_turned_around_is_found_out(found: Audit) -> None:
    scores, lost = made()
    turned = hf.audit(scores.assign(score=100 - scores["score"]), lost, bootstrap=50, progress=False)
    assert turned.result.table().loc[(90, "score"), "auc"] < 0.6  # it is not turned around in secret
    assert turned.bands["inverted"].any()
    assert "More left of band" in turned.text()
    assert turned.green > 2 * found.green
    low = hf.audit(scores.assign(score=100 - scores["score"]), lost, healthy="low", bootstrap=20, progress=False)
    assert not low.bands["inverted"].any()
    assert low.result.table().loc[(90, "score"), "auc"] > 0.75
    assert low.bands["band"].str.startswith("fifth").all()


def test_noise_beats_nothing() -> None:
    noise = hf.audit(*made(accounts=700, strength=0.0), bootstrap=50, progress=False)
    assert "Nothing beats" in noise.text()


def test_a_score_is_taken_as_it_stood_and_only_while_fresh() -> None:
    scores, lost = made(accounts=120)
    gone = scores[(scores["account_id"] != "C000") | (scores["date"] < START + pd.Timedelta(days=100))]
    first = hf.audit(gone, lost, bootstrap=0, progress=False).result.frame()
    mine = first[(first["account_id"] == "C000") & (first["model"] == "score")]
    last = gone[gone["account_id"] == "C000"]["date"].max()
    assert (mine["cutoff"] < last + FRESH).all()
    later = scores.copy()
    later.loc[later["date"] > START + pd.Timedelta(days=500), "score"] = 50.0
    again = hf.audit(later, lost, bootstrap=0, progress=False).result.frame()
    whole = hf.audit(scores, lost, bootstrap=0, progress=False).result.frame()
    early = whole["cutoff"] < START + pd.Timedelta(days=490)
    pd.testing.assert_frame_equal(
        whole[early].reset_index(drop=True),
        again[again["cutoff"] < START + pd.Timedelta(days=490)].reset_index(drop=True),
    )


def test_the_last_score_before_a_loss_is_from_before_its_day_and_of_the_first_loss_whatever_the_order() -> None:
    scores = pd.DataFrame(
        [("a", 0, 90.0), ("a", 30, 5.0), ("b", 0, 90.0), ("b", 330, 10.0)],
        columns=["account_id", "day", "score"],
    )
    scores = scores.assign(date=START + pd.to_timedelta(scores["day"], unit="D")).drop(columns="day")
    lost = pd.DataFrame({"account_id": ["a", "b", "b"], "day": [30, 345, 20]})
    lost = lost.assign(date=START + pd.to_timedelta(lost["day"], unit="D")).drop(columns="day")
    for told in (lost, lost[::-1]):
        assert _green(scores, told, "high") == (1.0, 2, 0)  # a was set to 5 on the very day, b left at 90 first
        later = told.assign(date=told["date"] + pd.Timedelta(hours=12))  # a day of loss is one, whatever its hour
        assert _green(scores, later, "high") == (1.0, 2, 0)


def test_too_short_and_strangers_are_refused() -> None:
    scores, lost = made(accounts=60)
    with pytest.raises(DataError, match="scores over three months"):
        cutoffs_of(scores[scores["date"] < START + pd.Timedelta(days=40)])
    with pytest.raises(DataError, match="the same ids"):
        hf.audit(scores, lost.assign(account_id="x" + lost["account_id"]), progress=False)
    with pytest.raises(UsageError, match="high or low"):
        hf.audit(scores, lost, healthy="good", progress=False)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_files_are_read_in_the_dialects_of_platforms(tmp_path: Path) -> None:
    german = write(
        tmp_path / "a.csv", "Account;As_Of;Health Score\r\nMüller;31.12.2025;72,5\r\nB;01.02.2025;1.000,5\r\n", "cp1252"
    )
    table = read_table(german, ("account_id", "date", "score"))
    assert table["account_id"].tolist() == ["Müller", "B"]
    assert table["date"].dt.strftime("%Y-%m-%d").tolist() == ["2025-12-31", "2025-02-01"]
    assert table["score"].tolist() == [72.5, 1000.5]
    american = write(
        tmp_path / "b.csv", '\ufeffcustomer_id,date,score\n"A, Inc",12/31/2025,72%\n,1/2/2025,5\n0012,1/13/2025,\n'
    )
    table = read_table(american, ("account_id", "date", "score"))
    assert table["account_id"].tolist() == ["A, Inc"]  # without an id, or without a score, a row says nothing
    assert table["date"].iloc[0] == pd.Timestamp("2025-12-31", tz="UTC")


def test_a_percent_sign_belongs_to_a_name_and_not_to_a_number(tmp_path: Path) -> None:
    text = "account_id,date,score\nACME 100%,2025-12-31,80 %\nACME 100,2025-12-31,7%\n"
    table = read_table(write(tmp_path / "a.csv", text), ("account_id", "date", "score"))
    assert table["account_id"].tolist() == ["ACME 100%", "ACME 100"]
    assert table["score"].tolist() == [80.0, 7.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("account_id,score\nA,5\n", "a column date"),
        ("account_id,date,score\nA,2025-13-41,5\n", "row 1"),
        ("account_id,date,score\nA,2025-01-01,5\nB,2025-01-01,good\n", "row 2"),
        ("account_id,date,score\nA,01/02/2025,5\n", "told apart"),
        ("account_id,date,score\n", "rows with an account"),
        ("", "a column account_id"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises((DataError, UsageError), match=said):
        read_table(write(tmp_path / "a.csv", text), ("account_id", "date", "score"))


def test_the_command_judges_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores, lost = made(accounts=150)
    for name, table in (("scores", scores), ("lost", lost)):
        table.assign(date=table["date"].dt.strftime("%Y-%m-%d")).to_csv(tmp_path / f"{name}.csv", index=False)
    ask = ["audit", str(tmp_path / "scores.csv"), str(tmp_path / "lost.csv")]
    assert run([*ask, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["left"] == len(lost)
    assert {"bands", "models", "capacity", "verdict", "green_churn"} <= set(told)
    assert run(ask) == 0
    assert "score" in capsys.readouterr().out
    assert run(["audit", str(tmp_path / "none.csv"), str(tmp_path / "lost.csv")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_beside_a_history_template_and_recency_are_judged_on_the_same_rows() -> None:
    history = hf.simulate(accounts=200, seed=4, months=26)
    days = hf.cutoffs(history, every="28d")
    X, y = hf.catalog.measure(history, days), hf.label(history, days)
    there = (y.on(X.index).at_risk == "").to_numpy()
    health = hf.HealthScore.template().fit(X, y).score(X)[there].dropna()
    scores = health.rename("score").reset_index().rename(columns={"cutoff": "date"})
    left = y.event_at.dropna().groupby("account_id").max().rename("date").reset_index()
    measured = hf.catalog.measure(history, cutoffs_of(scores))
    told = hf.audit(scores, left, measured=measured, bootstrap=20, progress=False).result.table()
    assert set(told.loc[90].index) == {"score", "base_rate", "age", "recency", "context", "template"}
    assert told.loc[90, "n"].nunique() == 1
    assert told.loc[(90, "score"), "auc"] == pytest.approx(told.loc[(90, "template"), "auc"], abs=0.05)
    strangers = scores.assign(account_id="x" + scores["account_id"])
    with pytest.raises(DataError, match="account ids of the history"):
        hf.audit(strangers, left.assign(account_id="x" + left["account_id"]), measured=measured, progress=False)
