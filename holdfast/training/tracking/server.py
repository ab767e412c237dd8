"""A tracking server, or a database in its place: what it holds is made to agree with us, however often it is asked.

Every step looks for what is there before it writes, so that one that was cut off is taken up again: a run is found by
the key of its record, a version of the registered model by the version of the bundle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from holdfast.safely import flush
from holdfast.training.tracking.record import Record

KEY, VERSION = "holdfast.record", "holdfast.version"
MODEL = "model"  # the folder of a run that holds its model
_BATCH, _LONGEST = 500, 5000  # metrics in one call; characters of a value: below what servers take
_PATIENCE = 10  # seconds that a database may take to answer


@dataclass(frozen=True)
class Server:
    """Where trainings are recorded.

    Attributes
    ----------
    address
        Such as ``sqlite:////path/mlflow.db``, ``postgresql://host/mlflow`` or ``http://host:5000``; it may hold a
        password and does not show.
    experiment, model
        The names of the experiment and of the registered model.
    files
        The folder for files where the address is a database; a server keeps them itself.
    """

    address: str = field(repr=False)
    experiment: str
    model: str
    files: Path

    def log(self, record: Record, artifacts: Sequence[Path] = ()) -> str:
        """Log a training as a finished run with its files, unless it is there; return the id of the run."""
        from mlflow.entities import Metric, Param, RunTag

        run = self._run(record.key)
        if run is not None and run.info.status == "FINISHED":
            return str(run.info.run_id)
        run_id = str(run.info.run_id) if run is not None else self._begun(record)
        metrics = [Metric(name, value, record.at, 0) for name, value in sorted(record.measured.items())]
        params = [Param(name, value[:_LONGEST]) for name, value in sorted(record.params.items())]
        tags = [RunTag(name, value[:_LONGEST]) for name, value in sorted(record.tags.items())]
        self._client.log_batch(run_id, params=params, tags=tags)
        for start in range(0, len(metrics), _BATCH):
            self._client.log_batch(run_id, metrics=metrics[start : start + _BATCH])
        for one in artifacts:
            if one.is_dir():
                self._client.log_artifacts(run_id, str(one), one.name)
            else:
                self._client.log_artifact(run_id, str(one))
        self._client.set_terminated(run_id, "FINISHED", end_time=record.at)
        return run_id

    def register(self, version: str, run_id: str, folder: Path, tags: Mapping[str, str], told: str = "") -> int:
        """Register a packaged model as a version of the registered model, unless it is there; return its number.

        Parameters
        ----------
        folder
            The model as `package` wrote it.
        told
            What people read beside its number.
        """
        from mlflow.exceptions import MlflowException

        found = self.versions().get(version)
        if found is not None:
            return found
        try:
            self._client.get_registered_model(self.model)
        except MlflowException as problem:
            if problem.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            self._client.create_registered_model(self.model)
        self._client.log_artifacts(run_id, str(folder), MODEL)
        source = f"{self._client.get_run(run_id).info.artifact_uri}/{MODEL}"
        known_by = {**tags, VERSION: version}
        made = self._client.create_model_version(self.model, source, run_id, tags=known_by, description=told)
        return int(made.version)

    def versions(self) -> dict[str, int]:
        """Give the number under which each bundle is registered, the latest where there are several."""
        found = self._client.search_model_versions(f"name='{self.model}'", max_results=10_000)
        told = sorted((int(one.version), one.tags.get(VERSION)) for one in found)
        return {version: number for number, version in told if version}

    def point(self, wanted: Mapping[str, str | None]) -> bool:
        """Let aliases name the versions of bundles, and nothing where none is wanted; tell whether any did not.

        A bundle that is not registered cannot be named: its alias is removed.
        """
        numbers = self.versions()
        if not numbers and not any(wanted.values()):
            return False
        there = self.aliases()
        moved = False
        for alias, version in sorted(wanted.items()):
            number = numbers.get(version or "")
            if number == there.get(alias):
                continue
            moved = True
            if number is None:
                self._client.delete_registered_model_alias(self.model, alias)
            else:
                self._client.set_registered_model_alias(self.model, alias, str(number))
        return moved

    def aliases(self) -> dict[str, int]:
        """Give the number that each alias names."""
        told = self._client.get_registered_model(self.model).aliases
        return {str(alias): int(number) for alias, number in told.items()}

    @cached_property
    def _client(self) -> Any:
        from mlflow.tracking import MlflowClient

        address = self.address
        if not address.startswith(("http:", "https:", "databricks")):
            address = _answering(address)
        return MlflowClient(tracking_uri=address, registry_uri=address)

    @cached_property
    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(self.experiment)
        if found is not None:
            return str(found.experiment_id)
        database = not self.address.startswith(("http:", "https:", "databricks"))
        place = self.files.resolve().as_uri() if database else None
        return str(self._client.create_experiment(self.experiment, artifact_location=place))

    def _run(self, key: str) -> Any:
        """Find the run of a record, a finished one first."""
        found = self._client.search_runs([self._experiment], f"tags.`{KEY}` = '{key}'")
        return min(found, key=lambda one: (one.info.status != "FINISHED", one.info.run_id), default=None)

    def _begun(self, record: Record) -> str:
        tags = {KEY: record.key, "mlflow.source.name": "holdfast", "mlflow.source.type": "LOCAL"}
        run = self._client.create_run(self._experiment, record.at, tags=tags, run_name=record.name)
        return str(run.info.run_id)


def _answering(address: str) -> str:
    """Ask a database once whether it answers, where MLflow would ask for minutes; name the driver of PostgreSQL."""
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.pool import NullPool

    url = make_url(address)
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    limits = {"connect_timeout": _PATIENCE} if url.get_backend_name() == "postgresql" else {}
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        _create(Path(url.database))
    engine = create_engine(url, poolclass=NullPool, connect_args=limits)
    with engine.connect():
        return url.render_as_string(hide_password=False)


def _create(path: Path) -> None:
    """Let MLflow make its tables in a new file, and move that to its place: half of them would never be mended."""
    from mlflow.tracking import MlflowClient

    path.parent.mkdir(parents=True, exist_ok=True)
    for killed in path.parent.glob(f"{path.name}.new-*"):
        killed.unlink()
    new = path.with_name(f"{path.name}.new-{uuid4().hex}")  # MLflow makes none twice in one process
    MlflowClient(tracking_uri=f"sqlite:///{new}").search_experiments(max_results=1)
    flush(new)
    new.replace(path)
