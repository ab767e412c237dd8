"""The spool: trainings that MLflow has not heard of yet, one file each, and what it was told last of its aliases."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from holdfast.serving.workspace import Workspace, canonical_json, write_atomic
from holdfast.training.tracking import Record

logger = logging.getLogger("holdfast.tracking")


@dataclass(frozen=True)
class Spool:
    """The spool of a workspace.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     spool = Spool(Workspace(Path(folder)))
    ...     spool.put(Record("0123456789abcdef", at=0))
    ...     waiting = spool.records()
    ...     spool.done(waiting[0])
    ...     [one.name for one in waiting], spool.records()
    (['0123456789abcdef'], [])
    """

    place: Workspace

    def put(self, record: Record) -> None:
        """Keep a record until it is sent; the same one again stays one.

        Raises
        ------
        PublishError
            When the disk refuses.
        """
        write_atomic(self._file(record), canonical_json(record.to_dict()))

    def records(self) -> list[Record]:
        """Read what waits, the oldest first; a file that cannot be read is left where it is, and said."""
        found = []
        for path in sorted(self._waiting.glob("[0-9a-f]*.json")):
            try:
                found.append(Record.from_dict(json.loads(path.read_bytes())))
            except (OSError, ValueError) as problem:
                logger.warning("%s cannot be read (%s); MLflow will not hear of that training", path, problem)
        return sorted(found, key=lambda one: (one.at, one.key))

    def done(self, record: Record) -> None:
        """Forget a record that was sent."""
        self._file(record).unlink(missing_ok=True)

    @property
    def told(self) -> dict[str, str | None]:
        """What was told last: the server, and the version that each alias named."""
        try:
            told = json.loads((self.place.tracking / "told.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return dict(told) if isinstance(told, dict) else {}

    def tell(self, told: Mapping[str, str | None]) -> None:
        """Write down what was told."""
        write_atomic(self.place.tracking / "told.json", canonical_json(dict(told)))

    @property
    def _waiting(self) -> Path:
        return self.place.tracking / "spool"

    def _file(self, record: Record) -> Path:
        return self._waiting / f"{record.key}.json"
