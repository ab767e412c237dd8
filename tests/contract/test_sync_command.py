"""MLflow follows the ledger: who is in service, who was held back, and what `holdfast sync` says and mends."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from holdfast.serving.command import run
from holdfast.serving.promotion import judging
from holdfast.training.tracking.quiet import quietly
from tests.leaving import days_before_the_end
from tests.tracked import EARLY, WEEKS, champion, held, place, server, track_in, tracked_company, waiting

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::FutureWarning", "ignore::UserWarning")


LATER = days_before_the_end(20, WEEKS)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(judging, "proven", lambda *_: [])
    with quietly():
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company that was retrained twice; both models passed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "proven", lambda *_: [])
        plan = tracked_company(tmp_path_factory.mktemp("tracked") / "acme")
        assert run(["retrain", str(plan), "--until", EARLY]) == 0
        assert run(["retrain", str(plan), "--until", LATER]) == 0
    return plan.parent


@pytest.fixture
def mine(home: Path, tmp_path: Path) -> Path:
    return shutil.copytree(home, tmp_path / "mine", symlinks=True) / "plan.toml"


def synced(capsys: pytest.CaptureFixture[str], plan: Path, code: int = 0) -> dict[str, object]:
    capsys.readouterr()
    assert run(["sync", str(plan), "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert isinstance(told, dict)
    return told


def test_a_promotion_moves_the_alias_and_going_back_moves_it_back(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = champion(mine)
    before = held(mine)
    assert (len(before["finished"]), len(before["registered"]), before["unfinished"]) == (2, 2, [])
    assert before["aliases"] == {"champion": second}
    assert run(["rollback", str(mine)]) == 0
    first = champion(mine)
    assert first != second
    assert held(mine)["aliases"] == {"champion": first}
    assert run(["promote", str(mine), second]) == 0
    assert held(mine) == before
    assert synced(capsys, mine, 10) == {"sent": [], "aliases": {"champion": second, "challenger": None}, "moved": False}
    assert waiting(mine) == []


def test_a_model_that_is_held_back_is_the_challenger(mine: Path) -> None:
    first = champion(mine)
    mine.write_text(mine.read_text().replace("min_events = 10", "min_events = 1000"))
    assert run(["retrain", str(mine), "--until", LATER]) == 10  # to the same bytes: nobody asks to replace it
    assert held(mine)["aliases"] == {"champion": first}
    assert run(["retrain", str(mine)]) == 20
    told = held(mine)["aliases"]
    assert told["champion"] == first != told["challenger"]
    assert run(["promote", str(mine), told["challenger"]]) == 0
    assert held(mine)["aliases"] == {"champion": told["challenger"]}


def test_what_a_stranger_did_is_mended(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there, second = server(mine), champion(mine)
    number = there.versions()[second]
    there._client.set_registered_model_alias(there.model, "champion", str(3 - number))
    assert run(["retrain", str(mine), "--until", LATER]) == 10  # which asks nothing where nothing has changed
    assert synced(capsys, mine)["moved"] is True
    assert there.aliases() == {"champion": number}
    there._client.delete_model_version(there.model, str(number))
    assert there.aliases() == {}
    assert run(["score", str(mine)]) == 0
    assert pd.read_parquet(place(mine).current / "scores.parquet")["model_version"].unique().tolist() == [second]
    assert synced(capsys, mine)["moved"] is True
    assert held(mine)["aliases"] == {"champion": second}


def test_another_place_is_told_of_the_champion(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(place(mine).root / "mlflow.db", tmp_path / "other.db")
    track_in(mine, "sqlite:///../other.db")  # relative to the plan
    mine.write_text(mine.read_text().replace("[tracking]", '[tracking]\nmodel = "acme.churn"\nexperiment = "acme"'))
    told = synced(capsys, mine)
    assert (told["sent"], told["moved"]) == ([], True)
    second = champion(mine)
    there = held(mine)
    assert there == {
        "finished": [second], "unfinished": [], "registered": [second], "aliases": {"champion": second}
    }  # fmt: skip


def test_sync_says_what_it_did_and_where_it_cannot(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["sync", str(mine)]) == 10
    assert "nothing to do" in capsys.readouterr().out
    assert run(["rollback", str(mine)]) == 0
    there = server(mine)
    there._client.delete_registered_model_alias(there.model, "champion")
    capsys.readouterr()
    assert run(["sync", str(mine)]) == 0
    assert capsys.readouterr().out == f"trainings sent to MLflow: 0\nchampion: {champion(mine)}\nchallenger: none\n"
    mine.write_text(mine.read_text().replace("enabled = true", "enabled = false"))
    assert run(["sync", str(mine)]) == 2
    assert "[tracking] enabled = true" in capsys.readouterr().err


def test_a_run_tells_what_it_was_made_of(mine: Path) -> None:
    there, second = server(mine), champion(mine)
    runs = there._client.search_runs([there._experiment])
    data = next(one for one in runs if one.info.run_name == second).data
    assert {"input_sha256", "config_sha256", "model_sha256", "data_end", "data_watermark", "gate"} <= set(data.tags)
    assert data.tags["gate"] == "passed"
    assert data.tags["model_sha256"][:16] == second
    assert data.params["horizons"] == "30, 60"
    assert data.params["churn.kind"] == "departure"
    files = {path.path for path in there._client.list_artifacts(next(o.info.run_id for o in runs))}
    assert {"card.md", "model"} <= files


@pytest.mark.filterwarnings("ignore")
def test_the_registered_model_scores_as_the_bundle_does(mine: Path) -> None:
    import mlflow.pyfunc

    from holdfast.serving import opening, pipeline
    from holdfast.serving.options import history_of
    from holdfast.serving.plan import read_plan
    from holdfast.serving.tracking.scorer import Scorer, rows_of

    plan = read_plan(mine)
    bundle = pipeline.bundle_of(plan)
    rows = rows_of(pipeline.measure_day(opening.known_on(plan, history_of(plan), None), bundle))
    there = server(mine)
    number = there.versions()[bundle.version]
    source = there._client.get_model_version(there.model, str(number)).source
    loaded = mlflow.pyfunc.load_model(source)
    pd.testing.assert_frame_equal(loaded.predict(rows), Scorer(bundle)(rows), check_exact=True)
    assert loaded.metadata.metadata["model_sha256"] == bundle.sha256
    assert "holdfast==" in (Path(source.removeprefix("file://")) / "requirements.txt").read_text()
    assert [one for one in Path(source.removeprefix("file://")).rglob("*") if one.suffix in {".pkl", ".pickle"}] == []
