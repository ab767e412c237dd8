"""MLflow: a run is found again; a server that is away stops nothing."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from holdfast.training.tracking import track


@pytest.mark.filterwarnings("default")
def test_a_run_is_logged_with_its_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder, card = tmp_path / "bundle", tmp_path / "card.md"
    folder.mkdir()
    (folder / "weights.json").write_text("{}")
    card.write_text("# card")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    numbers = {"auc_30": 0.75, "auc_60": None, "auc_90": float("nan")}
    run_id = track(
        "2025-01-01", {"kind": "notice", "horizons": (30, 60)}, numbers, [folder, card], uri=uri, tags={"a": "b"}
    )
    assert run_id is not None
    assert capfd.readouterr() == ("", "")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"

    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    run = client.get_run(run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "2025-01-01")
    assert run.data.metrics == {"auc_30": 0.75}
    assert run.data.params == {"kind": "notice", "horizons": "(30, 60)"}
    assert run.data.tags["a"] == "b"
    assert client.get_experiment(run.info.experiment_id).name == "holdfast"
    assert sorted(p.name for p in (tmp_path / "mlartifacts").rglob("*") if p.is_file()) == ["card.md", "weights.json"]
    lost = track("second", {}, {}, [tmp_path / "absent"], uri=uri)
    assert lost is None
    assert {one.info.status for one in client.search_runs([run.info.experiment_id])} == {"FINISHED", "FAILED"}


def test_an_unreachable_server_is_said_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="holdfast.training.tracking"):
        assert track("run", {}, {"auc": 0.5}, uri="http://127.0.0.1:9") is None
    assert "MLflow at http://127.0.0.1:9: the run was not logged" in caplog.text
