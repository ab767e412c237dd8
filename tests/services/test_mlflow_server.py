"""A real MLflow: a server that goes away and comes back, models served from it and in Spark, and PostgreSQL."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import pandas as pd
import pytest
import requests

import holdfast
from holdfast.serving import opening, pipeline
from holdfast.serving.command import run
from holdfast.serving.options import history_of
from holdfast.serving.plan import read_plan
from holdfast.serving.promotion import judging
from holdfast.serving.tracking.scorer import Scorer, rows_of
from holdfast.training.tracking.quiet import quietly
from tests.services.postgres import OWNER, running
from tests.tracked import EARLY, champion, held, track_in, tracked_company, waiting

pytestmark = [
    pytest.mark.services,
    pytest.mark.filterwarnings("default::DeprecationWarning", "default::FutureWarning", "ignore::UserWarning"),
]
HERE = str(Path(holdfast.__file__).parent.parent)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(judging, "proven", lambda *_: [])
    with quietly():
        yield


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def mlflow(*arguments: str, port: int, alive: str, **environment: str) -> Iterator[str]:
    """Run a command of MLflow on the loopback until it answers, and end it with all that it started."""
    command = [sys.executable, "-m", "mlflow", *arguments, "--host", "127.0.0.1", "--port", str(port)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # it starts uvicorn by its name
    there = {**os.environ, "PATH": path, "PYTHONPATH": HERE, "MLFLOW_DISABLE_TELEMETRY": "true", **environment}
    process = subprocess.Popen(
        command, env=there, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    uri = f"http://127.0.0.1:{port}"
    try:
        until = monotonic() + 180
        while not _answers(f"{uri}{alive}"):
            assert process.poll() is None, "it ended"
            assert monotonic() < until, "it does not answer"
            sleep(0.2)
        yield uri
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False


@contextmanager
def tracking(folder: Path, port: int) -> Iterator[str]:
    where = ("--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder / "files"))
    with mlflow("server", *where, "--workers", "1", port=port, alive="/health") as uri:
        yield uri


def of_today(plan: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the rows of the last day, and what the bundle in service says of them."""
    settings = read_plan(plan)
    bundle = pipeline.bundle_of(settings)
    rows = rows_of(pipeline.measure_day(opening.known_on(settings, history_of(settings), None), bundle))
    rows = rows.reset_index(drop=True)
    return rows, Scorer(bundle)(rows)


def test_a_server_hears_of_everything_and_serves_the_champion(tmp_path: Path) -> None:
    port = free_port()
    plan = tracked_company(tmp_path / "acme", f"http://127.0.0.1:{port}")
    with tracking(tmp_path, port):
        assert run(["retrain", str(plan), "--until", EARLY]) == 0
        first = champion(plan)
        assert held(plan)["aliases"] == {"champion": first}
    assert run(["retrain", str(plan)]) == 0
    second = champion(plan)
    assert len(waiting(plan)) == 1
    with tracking(tmp_path, port) as uri:
        assert run(["sync", str(plan)]) == 0
        assert held(plan) == {
            "finished": sorted([first, second]),
            "unfinished": [],
            "registered": sorted([first, second]),
            "aliases": {"champion": second},
        }
        assert not list(tmp_path.glob("acme/out/ml*"))
        rows, expected = of_today(plan)
        model = ("models", "serve", "-m", "models:/holdfast@champion", "--env-manager", "local")
        with mlflow(*model, port=free_port(), alive="/ping", MLFLOW_TRACKING_URI=uri) as served:
            body = {"dataframe_split": json.loads(rows.to_json(orient="split", index=False))}
            answer = requests.post(f"{served}/invocations", json=body, timeout=60)
            assert answer.status_code == 200, answer.text
            told = pd.DataFrame(answer.json()["predictions"])
            pd.testing.assert_frame_equal(told, expected, check_dtype=False, rtol=1e-9)
            del body["dataframe_split"]["columns"][0]
            assert requests.post(f"{served}/invocations", json=body, timeout=60).status_code == 400


def test_spark_scores_with_the_champion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyspark")
    import mlflow
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import struct

    plan = tracked_company(tmp_path / "acme")
    assert run(["retrain", str(plan), "--until", EARLY]) == 0
    rows, expected = of_today(plan)
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    local = {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    spark = SparkSession.builder.master("local[1]").config(map=local).getOrCreate()
    try:
        mlflow.set_tracking_uri(f"sqlite:///{plan.parent / 'out' / 'mlflow.db'}")
        kinds = {"health": "double", "band": "string", "alert_band": "string", "p30": "double", "p60": "double"}
        how = {"env_manager": "local", "result_type": ", ".join(f"{name} {kind}" for name, kind in kinds.items())}
        score = mlflow.pyfunc.spark_udf(spark, "models:/holdfast@champion", **how)
        table = spark.createDataFrame(rows.assign(row=range(len(rows))))
        told = table.select("row", score(struct(*rows.columns)).alias("s")).select("row", "s.*").toPandas()
        told = told.sort_values("row", ignore_index=True).drop(columns="row")
        pd.testing.assert_frame_equal(told, expected, check_exact=True, check_dtype=False)
    finally:
        spark.stop()


def test_postgresql_holds_what_sqlite_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running() as server:
        server.run("CREATE DATABASE mlflow", database="postgres")
        monkeypatch.setenv("MLFLOW_AT", f"postgresql://owner:{OWNER}@127.0.0.1:{server.port}/mlflow")
        plan = tracked_company(tmp_path / "acme", "env:MLFLOW_AT")
        assert run(["train", str(plan), "--until", EARLY]) == 0
        first = champion(plan)
        assert held(plan)["aliases"] == {"champion": first}
        server.stop()
        assert run(["train", str(plan)]) == 0
        assert len(waiting(plan)) == 1
        server.start()
        assert run(["sync", str(plan)]) == 0
        assert held(plan)["aliases"] == {"champion": champion(plan)} != {"champion": first}
        track_in(plan, f"postgresql://nobody@127.0.0.1:{server.port}/mlflow")
        assert run(["sync", str(plan)]) == 60
    assert OWNER not in "".join(capsys.readouterr())
