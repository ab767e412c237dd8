"""MLflow: a training is found again once, with its figures and files; models are versions, and aliases name them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from holdfast.training.tracking import Record, Server
from holdfast.training.tracking.quiet import quietly

RECORD = Record(
    "0123456789abcdef",
    at=1_700_000_000_000,
    params={"churn.kind": "notice", "long": "x" * 9000},
    metrics={"churn_auc_30": 0.75, "churn_auc_60": None, "churn_auc_90": float("nan")},
    tags={"verdict": "it holds"},
)


def test_a_record_is_named_by_what_it_says_and_not_by_when() -> None:
    later = Record(RECORD.name, RECORD.at + 1, RECORD.params, RECORD.metrics, RECORD.tags)
    other = Record(RECORD.name, RECORD.at, RECORD.params, {"churn_auc_30": 0.76}, RECORD.tags)
    assert later.key == RECORD.key != other.key
    again = Record.from_dict(RECORD.to_dict())
    assert (again.key, again.measured) == (RECORD.key, {"churn_auc_30": 0.75})


@pytest.mark.parametrize(
    "state", [{}, {"name": "a", "at": "soon"}, {"name": "a", "at": 1, "params": [], "tags": {}}, []]
)
def test_what_is_no_record_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"no record|invalid literal"):
        Record.from_dict(state)


def test_an_address_does_not_show(tmp_path: Path) -> None:
    assert "s3cret" not in repr(Server("postgresql://me:s3cret@db/mlflow", "holdfast", "holdfast", tmp_path))


@pytest.mark.filterwarnings("default")
def test_a_database_holds_a_training_once_and_names_models(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, card, model = tmp_path / "proof", tmp_path / "card.md", tmp_path / "packaged"
    for one in (folder, model):
        one.mkdir()
        (one / "a.txt").write_text("a")
    card.write_text("# card")
    server = Server(f"sqlite:///{tmp_path}/mlflow.db", "trainings", "churn", tmp_path / "mlartifacts")
    with quietly():
        assert server.versions() == {}
        assert server.point({"champion": None, "challenger": None}) is False
        with monkeypatch.context() as patch:
            patch.setattr(type(server._client), "log_artifact", _gone)
            with pytest.raises(ConnectionError):
                server.log(RECORD, [folder, card])
        run_id = server.log(RECORD, [folder, card])
        assert server.log(RECORD, [folder, card]) == run_id
        run = server._client.get_run(run_id)
        assert len(server._client.search_runs([run.info.experiment_id])) == 1
        assert server.register(RECORD.name, run_id, model, {"model_sha256": "0" * 64}) == 1
        assert server.register(RECORD.name, run_id, model, {}) == 1
        assert server.register("f" * 16, run_id, model, {}) == 2
        assert server.versions() == {RECORD.name: 1, "f" * 16: 2}
        moves = [{"champion": RECORD.name, "challenger": "f" * 16}, {"champion": "f" * 16, "challenger": None}]
        told = [(server.point(one), server.point(one), server.aliases()) for one in moves]
        assert told == [(True, False, {"champion": 1, "challenger": 2}), (True, False, {"champion": 2})]
        assert server.point({"champion": "not registered"}) is True
        assert server.aliases() == {}
    assert capfd.readouterr() == ("", "")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert (run.info.status, run.info.run_name) == ("FINISHED", RECORD.name)
    assert (run.info.start_time, run.info.end_time) == (RECORD.at, RECORD.at)
    assert run.data.metrics == {"churn_auc_30": 0.75}
    assert {name: len(value) for name, value in run.data.params.items()} == {"churn.kind": 6, "long": 5000}
    assert run.data.tags["verdict"] == "it holds"
    files = {path.relative_to(tmp_path / "mlartifacts" / run_id) for path in (tmp_path / "mlartifacts").rglob("*.*")}
    assert files == {Path("artifacts") / name for name in ("card.md", "proof/a.txt", "model/a.txt")}


def test_a_database_appears_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(f"sqlite:///{tmp_path}/new/mlflow.db", "trainings", "churn", tmp_path / "mlartifacts")
    with quietly():
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", _gone)  # cut off before it is in its place
            with pytest.raises(ConnectionError):
                server.versions()
        assert not (tmp_path / "new" / "mlflow.db").exists()
        assert server.versions() == {}
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["mlflow.db"]


def _gone(*_: object) -> None:
    raise ConnectionError("gone")
