"""MLflow: a record of each training run, kept in SQLite unless a server is named; training never fails over it."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any

_log = logging.getLogger("holdfast.training.tracking")

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "GIT_PYTHON_REFRESH": "quiet",
}
_CHATTY = ("mlflow", "alembic")


def track(
    run_name: str,
    params: Mapping[str, object],
    metrics: Mapping[str, float | None],
    artifacts: Sequence[str | Path] = (),
    *,
    uri: str,
    experiment: str = "holdfast",
    tags: Mapping[str, str] | None = None,
) -> str | None:
    """Log one run to MLflow; when that fails, say so in the log and go on.

    Parameters
    ----------
    metrics
        What is missing or not finite is left out.
    artifacts
        Files and folders to copy to the run.
    uri
        Tracking address, such as ``sqlite:////path/mlflow.db`` or ``http://host:5000``. With SQLite, artifacts go to
        ``mlartifacts`` beside the database.

    Returns
    -------
    str or None
        The id of the run; None when nothing, or not everything, could be logged.
    """
    try:
        with _quietly():
            return _log_run(run_name, params, metrics, artifacts, uri, experiment, tags or {})
    except Exception as problem:  # whatever a tracking server does, the model is trained
        _log.warning("MLflow at %s: the run was not logged (%s)", uri, str(problem).strip().split("\n")[0])
        return None


def _log_run(
    run_name: str,
    params: Mapping[str, object],
    metrics: Mapping[str, float | None],
    artifacts: Sequence[str | Path],
    uri: str,
    experiment: str,
    tags: Mapping[str, str],
) -> str:
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    run = client.create_run(_experiment(client, uri, experiment), run_name=run_name)
    run_id, start = str(run.info.run_id), int(run.info.start_time)
    try:
        client.log_batch(
            run_id,
            metrics=[Metric(k, v, start, 0) for k, v in metrics.items() if v is not None and isfinite(v)],
            params=[Param(k, str(v)) for k, v in params.items()],
            tags=[RunTag(k, v) for k, v in tags.items()],
        )
        for artifact in map(Path, artifacts):
            if artifact.is_dir():
                client.log_artifacts(run_id, str(artifact), artifact.name)
            else:
                client.log_artifact(run_id, str(artifact))
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")
    return run_id


def _experiment(client: Any, uri: str, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    place = None
    if uri.startswith("sqlite:///"):
        place = (Path(uri.removeprefix("sqlite:///")).resolve().parent / "mlartifacts").as_uri()
    return str(client.create_experiment(name, artifact_location=place))


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep telemetry off, and MLflow's own log lines and deprecation warnings away from the reader."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    before = {name: logging.getLogger(name).level for name in _CHATTY}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in before.items():
                logging.getLogger(name).setLevel(level)
