"""What is told of a history as a whole: its tables, how far they reach, and what was noticed on the way in."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import pandas as pd

from holdfast.features.history.facts import Facts
from holdfast.features.history.outline import Outline
from holdfast.features.time import instants
from holdfast.findings import Finding, findings_frame


class Overview(ABC):
    """Answer for all accounts together, from the outline; no row is read."""

    @abstractmethod
    def _whole(self) -> Outline: ...

    @property
    @abstractmethod
    def accounts(self) -> pd.Index:
        """The account ids, sorted."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The canonical tables that are present, sorted."""
        return self._whole().tables

    @property
    def start(self) -> pd.Timestamp:
        """The first event of any activity table."""
        return self._whole().start

    @property
    def end(self) -> pd.Timestamp:
        """The data end: the argument `end`, else the watermark of ``subscriptions``, else of the activity tables."""
        return self._whole().end

    @property
    def stated_end(self) -> pd.Timestamp | None:
        """The argument `end`, none when the data tell it themselves."""
        return self._whole().stated_end

    @property
    def now(self) -> pd.Timestamp:
        """`end` floored to 00:00 UTC: the default day of scoring."""
        return self.end.floor("D")

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was noticed on the way in."""
        return self._whole().findings

    def __contains__(self, table: object) -> bool:
        return table in self.tables

    def supplied(self, table: str) -> frozenset[str]:
        """Give the canonical columns that the source really delivered; a default does not count."""
        return self._whole().supplied(table)

    def facts_of(self, table: str) -> Facts:
        """Give what is known of a table as a whole: its rows, how far they reach, and on what ground."""
        return self._whole().of(table)

    def watermark(self, table: str) -> pd.Timestamp:
        """Give the last instant at which something of a table became known, rows dated in the future set aside."""
        return self._whole().watermark(table)

    def report(self) -> pd.DataFrame:
        """Tabulate the findings."""
        return findings_frame(self.findings)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{name}</td><td>{one.rows:,}</td><td>{instants(np.array([one.known_first]))[0]:%Y-%m-%d}</td>"
            f"<td>{self.watermark(name):%Y-%m-%d}</td></tr>"
            for name, one in ((name, self._whole().of(name)) for name in self.tables)
        )
        head = "<tr><th>table</th><th>rows</th><th>known since</th><th>until</th></tr>"
        told = self.report()[["code", "severity", "where", "message"]].to_html(escape=True, index=False)
        summary = f"<p>{len(self.accounts):,} accounts, {self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}</p>"
        return f"{summary}<table>{head}{rows}</table>{told if self.findings else ''}"
