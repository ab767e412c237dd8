"""The registry of findings: what was noticed in the data, under a code, with its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

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
    "HF004": Kind("warning", "rows of accounts that the table accounts does not hold were left out", "add the accounts, or correct the ids; of a key that is marked as unmatched say in manual.csv whose it is"),
    "HF005": Kind("warning", "rows without any date were left out", "add the dates"),
    "HF006": Kind("warning", "rows dated in the future were set aside", "correct the clock or the dates"),
    "HF007": Kind("warning", "values that are not finite were read as missing", "correct the export"),
    "HF008": Kind("info", "rows that repeat another row in full were counted once", "remove the repetition from the export"),
    "HF009": Kind("info", "a file or column that no canonical table knows was left unread", "rename it or leave it"),
    "HF010": Kind("warning", "an event lies after the time it was known; its time was set to that time", "correct the client clock"),
    "HF011": Kind("info", "an indicator is not applicable because its table or column is absent", "deliver the table if the company has it"),
    "HF012": Kind("warning", "a horizon was dropped because the history is too short for it", "wait, or deliver more history"),
    "HF013": Kind("warning", "churn is dated by contract ends alone", "deliver notice dates: an end date is known long before it comes"),
    "HF014": Kind("warning", "a source has been silent for much longer than it usually is", "refresh the source"),
    "HF015": Kind("warning", "too few churn events for a learned figure; the template carries the result", "read the intervals, not the figures"),
    "HF016": Kind("warning", "an indicator ranks churn too well to be true", "check whether it is written down after the fact"),
    "HF017": Kind("warning", "values that are overwritten without a date were read as missing", "deliver versions of the row, or known_basis 'history'"),
    "HF018": Kind("warning", "amounts of one table are in several currencies", "state currency and rates in [data], or deliver them in one currency"),
    "HF019": Kind("info", "some exits in the churn list have no notice; they are dated by their end or by the day they became known", "deliver notice_at"),
    "HF020": Kind("warning", "activity goes on long after the data end that subscriptions tell", "refresh subscriptions, or state [data] end in the plan"),
    "HF021": Kind("info", "rows whose known_at is assumed were left out under the strict clock", "deliver the time of arrival, and they count"),
    "HF022": Kind("error", "nothing can be learned from the data as they are", "correct what is refused; train refuses it too"),
    "HF030": Kind("error", "an indicator reads the wall clock or unseeded random numbers", "measure from the cutoff, and seed what is drawn"),
    "HF031": Kind("error", "an indicator reads the list of exits, which is what a model is to foretell", "read the signs before the exit, such as subscriptions or usage"),
    "HF032": Kind("error", "an indicator reads what was known or happened after the cutoff", "read only records with known_at and time up to the cutoff: history.as_of(cutoff)"),
    "HF033": Kind("error", "an indicator depends on the order of rows, on other accounts or on other cutoffs", "sort before taking the last row, and compute each account and cutoff by itself"),
    "HF034": Kind("error", "an indicator depends on the calendar day on which it is measured", "measure time as a distance from the cutoff"),
    "HF035": Kind("error", "an indicator counts records outside the window that it declares", "read (T - window, T]: open at the start, closed at the cutoff"),
    "HF036": Kind("info", "the indicators were proven on a sample of this history", "prove your own with holdfast.features.prove"),
    "HF040": Kind("info", "a table lies there that the mapping does not read", "run `holdfast map` again if it should be read"),
    "HF041": Kind("warning", "rows that could not be read were put into quarantine", "correct them in the export; the quarantine file names each line and what is wrong with it"),
    "HF042": Kind("warning", "a file was left unread", "correct or export it anew, or move it away if it holds no data"),
    "HF043": Kind("warning", "rows of a source lead to no account", "say in manual.csv beside the mapping whose they are, or correct the ids; unmatched.csv lists them"),
    "HF044": Kind("info", "rows that say the same thing at the same time were counted once", "leave it, or remove one of the two sources"),
    "HF045": Kind("warning", "rows of a customer-success sheet could not be read and were left out", "correct the cells that are named and deliver the sheet again"),
    "HF046": Kind("info", "columns of a customer-success sheet were left unread", "rename them like the template, or leave them"),
    "HF047": Kind("warning", "values could not be read as a time, a number or yes and no; they count as missing", "correct them in the export, or state the time zone or column in the mapping"),
    "HF048": Kind("info", "a source records later things than its export is said to be of; it is dated by the last of them", "state its exported_at in the mapping anew"),
    "HF049": Kind("warning", "a column that is overwritten without a date was left out, since its past is unknown", "deliver dated versions, or keep them from today on by `holdfast capture`"),
    "HF050": Kind("warning", "a source is looked at less often than accounts may give notice", "deliver it more often than the notice period: daily, or at least weekly"),
    "HF051": Kind("error", "a table holds far fewer rows than it did at the last runs", "deliver the whole extract, or let it through once by --allow-shrink"),
    "HF052": Kind("warning", "a month holds less than half of the rows that the months before it lead one to expect", "deliver that month again, or say why it is quiet"),
    "HF053": Kind("warning", "keys match nothing in the table that they point to", "correct the ids, or deliver the rows that they point to"),
    "HF054": Kind("warning", "values jump by a factor between units, or change their currency", "deliver one unit and one currency throughout"),
    "HF055": Kind("warning", "the values of the last month are spread otherwise than in the months before", "check whether the source, its unit or its meaning has changed"),
    "HF056": Kind("warning", "accounts go on after their end", "correct the end or the account id, or deliver the contract under which they came back"),
    "HF057": Kind("warning", "a column looks written with hindsight", "deliver its versions with the day of each, or leave it out"),
    "HF058": Kind("info", "accounts come back, merge, or belong to a parent; each account is labelled by itself", "deliver mergers in the churn list as kind 'merger', and the way back as a new subscription"),
    "HF059": Kind("info", "the ground on which it is told when rows could be known", "deliver the time of arrival or versions where it is assumed"),
    "HF060": Kind("error", "a captured table has lost columns that it had", "name them as before in the source, or map the new ones; what was captured of them stays"),
    "HF061": Kind("info", "since when the past of a table is true", "nothing before that day can be had any more; capture daily from now on what is not kept in versions"),
    "HF062": Kind("warning", "the backtest reaches back before the day since which the past of a table is true", "begin it later, or read what it says of values that are overwritten with care"),
    "HF063": Kind("warning", "a table of a database could not be read for want of rights", "grant SELECT on it to the role, or name the tables that are wanted"),
    "HF064": Kind("warning", "a column of a database was left out or carried as text, for its type or values cannot be carried", "cast it in a view of the database if it is needed"),
    "HF065": Kind("info", "a table of a database has no rows", "leave it, or check whether it is the right database"),
    "HF066": Kind("warning", "records that were pulled hold a list of which the service shows the first entries alone", "read amounts from invoices, not from the items of these records"),
    "HF068": Kind("info", "the mood of texts was read where the source does not tell it", "deliver the column sentiment to use a reading of your own; the texts are not kept"),
    "HF069": Kind("info", "texts were dropped without their mood being read", "deliver the column sentiment; texts are read in a folder and by `holdfast map`, other languages than English from enough ratings on"),
    "HF070": Kind("info", "rows of accounts that were erased were left out, or persons that were erased are under a pseudonym", "delete them in the source as well"),
    "HF071": Kind("warning", "the revenue of accounts cannot be", "correct the sign, or take credits out of mrr"),
    "HF072": Kind("warning", "rows end before they begin", "see whether two columns of dates stand in each other's place, or correct the dates"),
    "HF073": Kind("warning", "a subscription runs under several accounts, and each of them keeps it and pays for it", "where it moved, deliver the version that ends it under the first account, and list that one in churn as kind 'merger'; where accounts number their own, make the ids unique"),
    "HF074": Kind("warning", "mrr and seats stand in each other's place", "exchange the two columns in the export or in the mapping"),
    "HF080": Kind("error", "accounts can give notice for the last time before a source has news again", "refresh it now, and deliver it more often than the shortest notice"),
    "HF081": Kind("warning", "a sign is spread otherwise than in training, and that moves scores or the queue", "find out what has changed in its source; retrain where that will stay"),
    "HF082": Kind("info", "signs are spread otherwise than in training, and scores and queue hardly move", "leave it; retraining will take it in"),
    "HF083": Kind("error", "drift has moved scores so far that they no longer mean what they meant", "mend the sources that are named, or retrain, before scores are served"),
    "HF084": Kind("warning", "more or fewer accounts than in training have no value of a sign, and that moves scores or the queue", "check whether its source is delivered whole; retrain where that will stay"),
    "HF085": Kind("warning", "accounts have a word that training did not know, and that moves scores or the queue", "correct the word, or retrain once there is enough history with it"),
    "HF086": Kind("warning", "all values of a sign are multiplied by a factor between units", "deliver the unit of before"),
    "HF087": Kind("warning", "the model has decayed: it keeps less of what it tells among accounts that nobody helped", "retrain; where the challenger is no better, find out what churn follows from now"),
    "HF088": Kind("info", "the programme works: those that were helped do better than was told, and the model holds among the others", "do not retrain for that; go on helping"),
    "HF089": Kind("info", "drift was not judged", "train again: the model then keeps what it learned from"),
    "HF090": Kind("warning", "the model was trained under other settings than the plan has now", "train again: holdfast train PLAN; or put the settings back"),
    "HF091": Kind("error", "the model tells another kind of churn than the plan means", "train again: holdfast train PLAN; or put the kind back; nothing is scored until then"),
    "HF067": Kind("warning", "a service was not pulled for longer than it keeps its events", "pull it every day; what changed and changed back in between cannot be had any more"),
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One thing noticed, under a registered code.

    Attributes
    ----------
    do
        What to do about it, where that is more than the remedy of the code.

    Examples
    --------
    >>> Finding("HF006", "usage", 3, "3 rows after 2026-01-01").severity
    'warning'
    """

    code: str
    where: str
    count: int
    message: str
    do: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.where}: {self.message}; {self.remedy}"

    def to_dict(self) -> dict[str, Any]:
        """Give what was noticed as plain values; a remedy of its own only where it has one.

        Examples
        --------
        >>> Finding("HF006", "usage", 3, "3 rows after 2026-01-01").to_dict()
        {'code': 'HF006', 'where': 'usage', 'count': 3, 'message': '3 rows after 2026-01-01'}
        """
        told = asdict(self)
        return told if self.do else {key: value for key, value in told.items() if key != "do"}

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return KINDS[self.code].severity

    @property
    def meaning(self) -> str:
        """What the code stands for."""
        return KINDS[self.code].meaning

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return self.do or KINDS[self.code].remedy


def findings_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Tabulate findings, one row each.

    Examples
    --------
    >>> list(findings_frame([]).columns)
    ['code', 'severity', 'where', 'count', 'message', 'meaning', 'remedy']
    """
    rows = [(f.code, f.severity, f.where, f.count, f.message, f.meaning, f.remedy) for f in findings]
    return pd.DataFrame(rows, columns=["code", "severity", "where", "count", "message", "meaning", "remedy"])
