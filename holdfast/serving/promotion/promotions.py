"""Which model is in service, and how it came there: a line of promotions to which rows are added, one by one.

The ledger of the workspace holds them; the file ``models/champion`` is written after it, for people and other programs,
and put right wherever it differs.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pandas as pd

from holdfast.errors import LockHeld
from holdfast.serving.ledger.store import LEDGER, Ledger, stamp
from holdfast.serving.workspace import Workspace

Action = Literal["promote", "rollback"]
_LAST = "SELECT number, model_version FROM promotion ORDER BY number DESC LIMIT 1"


@dataclass(frozen=True)
class Promotions:
    """The promotions of a workspace.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pathlib import Path
    >>> day = pd.Timestamp("2026-01-01", tz="UTC")
    >>> with TemporaryDirectory() as folder:
    ...     promotions = Promotions(Workspace(Path(folder)))
    ...     promotions.add("promote", "a" * 64, replaces=None, reason="the first", at=day)
    ...     promotions.champion, promotions.line
    ('aaaaaaaaaaaaaaaa', ('aaaaaaaaaaaaaaaa',))
    """

    place: Workspace

    def frame(self) -> pd.DataFrame:
        """Give every promotion, oldest first.

        Columns: ``number, action, model_version, model_sha256, replaces, retrain, reason, recorded_at``.
        """
        return self._ledger.read("SELECT * FROM promotion ORDER BY number")

    def _repr_html_(self) -> str:
        return str(self.frame().to_html(escape=True, index=False))

    @property
    def champion(self) -> str | None:
        """The version in service; what the file names where nothing was ever promoted."""
        rows = self._ledger.read(_LAST)
        return str(rows["model_version"].iloc[0]) if len(rows) else self.place.crowned

    @property
    def line(self) -> tuple[str, ...]:
        """The versions that one can go back to, oldest first; the last one is in service.

        Going back takes away what came after: B after A, and back to A, leaves A alone.
        """
        line: list[str] = []
        for action, version, replaces in self.frame()[["action", "model_version", "replaces"]].itertuples(index=False):
            if not line and replaces:
                line.append(replaces)
            if action == "rollback":
                while len(line) > 1 and line[-1] != version:
                    line.pop()
            elif line[-1:] != [version]:
                line.append(version)
        return tuple(line)

    @property
    def before(self) -> tuple[str, ...]:
        """The versions that one can go back to, the nearest first, without the one in service."""
        champion = self.champion
        return tuple(dict.fromkeys(one for one in reversed(self.line) if one != champion))

    def rolled_back(self, version: str) -> bool:
        """Tell whether a version was taken out of service by going back."""
        rows = self.frame()
        return bool(((rows["action"] == "rollback") & (rows["replaces"] == version)).any())

    def decided(self, retrain: str) -> bool:
        """Tell whether a retraining has promoted a model."""
        return bool((self.frame()["retrain"] == retrain).any())

    def add(
        self, action: Action, sha256: str, *, replaces: str | None, reason: str, at: datetime, retrain: str = ""
    ) -> None:
        """Put a bundle in service in place of the one that was seen there.

        Parameters
        ----------
        sha256
            The hash of the bundle, whose first 16 characters are its version.
        replaces
            The version that was in service when this was decided.
        at
            The time of the command.
        retrain
            The retraining that decided it.

        Raises
        ------
        LockHeld
            When another one was put in service meanwhile; nothing is written.
        """
        with self._ledger.writing() as db:
            number, champion = self._last(db)
            if champion != (replaces or ""):
                expected, found = f"{replaces or 'no model'} in service, as before", champion or "none"
                do = "look at `holdfast models PLAN`, and decide again"
                raise LockHeld(f"putting {sha256[:16]} in service", expected, f"{found}, meanwhile", do)
            row = (number + 1, action, sha256[:16], sha256, replaces or "", retrain, reason, stamp(at))
            db.execute("INSERT INTO promotion VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        self.repair()

    def serve(self, sha256: str, *, reason: str, at: datetime) -> bool:
        """Put a bundle in service, whichever is there; tell whether another one was."""
        before = self.champion
        if before == sha256[:16] and len(self.frame()):
            self.repair()
            return False
        self.add("promote", sha256, replaces=before, reason=reason, at=at)
        return True

    def repair(self) -> None:
        """Write the file ``models/champion`` anew where it does not name the version in service."""
        if not len(self._ledger.read(_LAST)):
            return
        with self._ledger.writing() as db:  # nobody promotes while the file is written
            _, champion = self._last(db)
            if champion != self.place.crowned:
                self.place.crown(champion)

    def _last(self, db: sqlite3.Connection) -> tuple[int, str]:
        number, version = db.execute(_LAST).fetchone() or (0, self.place.crowned or "")
        return int(number), str(version)

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self.place.root / LEDGER)
