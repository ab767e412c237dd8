"""The registry of findings: what was noticed in the data, under a code, with its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Kind:
    """What a code stands for: its severity, its meaning and its remedy."""

    severity: Severity
    meaning: str
    remedy: str


KINDS: dict[str, Kind] = {
    "HF001": Kind("info", "a header column is absent and got its documented default", "deliver the column if the source has it"),
    "HF002": Kind("warning", "known_at is assumed from the event time", "deliver the time of arrival, so that late records are replayed as they came"),
    "HF003": Kind("info", "a CSV dialect was sniffed", "state it in the plan if it is wrong"),
    "HF004": Kind("warning", "rows of accounts that the table accounts does not hold were left out", "add the accounts or correct the ids"),
    "HF005": Kind("warning", "rows without any date were left out", "add the dates"),
    "HF006": Kind("warning", "rows dated in the future were set aside", "correct the clock or the dates"),
    "HF007": Kind("warning", "values that are not finite were read as missing", "correct the export"),
    "HF008": Kind("info", "rows that repeat another row in full were counted once", "remove the repetition from the export"),
    "HF009": Kind("info", "a file or column that no canonical table knows was left unread", "rename it or leave it"),
    "HF010": Kind("warning", "an event lies after the time it was known; its time was set to that time", "correct the client clock"),
    "HF011": Kind("info", "an indicator is not applicable because its table or column is absent", "deliver the table if the company has it"),
    "HF012": Kind("warning", "a horizon was dropped because the history is too short for it", "wait, or deliver more history"),
    "HF013": Kind("warning", "churn is dated by contract ends alone", "deliver notice dates: an end date is known long before it comes"),
    "HF014": Kind("warning", "a source stopped before the data end", "refresh the source"),
    "HF015": Kind("warning", "too few churn events for a learned figure; the template carries the result", "read the intervals, not the figures"),
    "HF016": Kind("warning", "an indicator ranks churn too well to be true", "check whether it is written down after the fact"),
    "HF017": Kind("warning", "values that are overwritten without a date were read as missing", "deliver versions of the row, or known_basis 'history'"),
    "HF018": Kind("warning", "amounts of one table are in several currencies", "deliver them in one currency"),
    "HF019": Kind("info", "some exits in the churn list have no notice; they are dated by their end or by the day they became known", "deliver notice_at"),
    "HF020": Kind("warning", "activity goes on long after the data end that subscriptions tell", "refresh subscriptions, or state [data] end in the plan"),
    "HF021": Kind("info", "rows whose known_at is assumed were left out under the strict clock", "deliver the time of arrival, and they count"),
    "HF030": Kind("error", "an indicator reads the wall clock or unseeded random numbers", "measure from the cutoff, and seed what is drawn"),
    "HF031": Kind("error", "an indicator reads the list of exits, which is what a model is to foretell", "read the signs before the exit, such as subscriptions or usage"),
    "HF032": Kind("error", "an indicator reads what was known or happened after the cutoff", "read only records with known_at and time up to the cutoff: history.as_of(cutoff)"),
    "HF033": Kind("error", "an indicator depends on the order of rows, on other accounts or on other cutoffs", "sort before taking the last row, and compute each account and cutoff by itself"),
    "HF034": Kind("error", "an indicator depends on the calendar day on which it is measured", "measure time as a distance from the cutoff"),
    "HF035": Kind("error", "an indicator counts records outside the window that it declares", "read (T - window, T]: open at the start, closed at the cutoff"),
    "HF036": Kind("info", "the indicators were proven on a sample of this history", "prove your own with holdfast.features.prove"),
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One thing noticed, under a registered code.

    Examples
    --------
    >>> Finding("HF006", "usage", 3, "3 rows after 2026-01-01").severity
    'warning'
    """

    code: str
    where: str
    count: int
    message: str

    def __str__(self) -> str:
        return f"{self.code} {self.where}: {self.message}; {self.remedy}"

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return KINDS[self.code].severity

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return KINDS[self.code].remedy


def findings_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Tabulate findings, one row each.

    Examples
    --------
    >>> list(findings_frame([]).columns)
    ['code', 'severity', 'where', 'count', 'message', 'remedy']
    """
    rows = [(f.code, f.severity, f.where, f.count, f.message, f.remedy) for f in findings]
    return pd.DataFrame(rows, columns=["code", "severity", "where", "count", "message", "remedy"])
