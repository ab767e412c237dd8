"""The monitor: what was noticed on a day, under codes, with the figures behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from html import escape
from typing import Any

import pandas as pd

from holdfast.findings import Finding, findings_frame
from holdfast.training.monitoring.defeat import TREATED, UNTREATED, Defeat
from holdfast.training.monitoring.drift import CATEGORY, MISSING, SPREAD, UNIT
from holdfast.training.monitoring.impact import Effect
from holdfast.training.monitoring.performance import ESTIMATED, REALISED
from holdfast.training.rows import json_rows

STOP, SLIGHT = "HF083", "HF082"
_CODES = {SPREAD: "HF081", MISSING: "HF084", CATEGORY: "HF085", UNIT: "HF086"}
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Monitor:
    """The state of data and model on a day.

    Attributes
    ----------
    as_of, model
        The day, and the version of the model in service.
    findings
        What was noticed.
    drift
        The signs that drift, by their effect: the columns of `drift`, and the fields of `Effect`.
    together
        The effect of all of them together.
    performance
        By day and horizon, see `performance`.
    defeat
        Decay or programme.
    """

    as_of: pd.Timestamp
    model: str
    findings: tuple[Finding, ...]
    drift: pd.DataFrame
    together: Effect
    performance: pd.DataFrame
    defeat: Defeat

    def frame(self) -> pd.DataFrame:
        """Return the findings, one row each."""
        return findings_frame(self.findings)

    @property
    def stops(self) -> bool:
        """Whether drift has gone so far that nothing should be served."""
        return any(one.code == STOP for one in self.findings)

    @property
    def alarms(self) -> bool:
        """Whether anything was noticed that deserves attention."""
        return any(one.severity != "info" for one in self.findings)

    def text(self) -> str:
        """Say it in sentences."""
        return " ".join(self._sentences())

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        times = self.performance.assign(as_of=[f"{one:%Y-%m-%d}" for one in self.performance["as_of"]])
        return {
            "in_words": self.text(),
            "as_of": f"{self.as_of:%Y-%m-%d}",
            "model": self.model,
            "stops": self.stops,
            "findings": json_rows(self.frame()),
            "drift": json_rows(self.drift),
            "together": asdict(self.together),
            "performance": json_rows(times),
            "defeat": self.defeat.to_dict(),
        }

    def _repr_html_(self) -> str:
        tables = (one.to_html(escape=True, index=False) for one in (self.frame(), self.drift, self.performance))
        return f"<p>{escape(self.text())}</p>{''.join(tables)}{self.defeat._repr_html_()}"

    def _sentences(self) -> Iterator[str]:
        serious = sum(one.severity != "info" for one in self.findings)
        noticed = f"{serious} finding{'s' * (serious != 1)}" if serious else "nothing that needs anybody"
        yield f"As of {self.as_of:%Y-%m-%d}, model {self.model}: {noticed}."
        if len(self.drift):
            yield f"Drift, the greatest effect first: {_some(self.drift['sign'])}. Together: {_effect(self.together)}."
        yield from self._performance()
        yield self.defeat.text()

    def _performance(self) -> Iterator[str]:
        for kind, what in ((REALISED, "Realised"), (ESTIMATED, "Estimated, if the probabilities still hold")):
            mine = self.performance[(self.performance["kind"] == kind) & self.performance["auc"].notna()]
            for row in mine.sort_values("as_of").drop_duplicates("horizon", keep="last").to_dict("records"):
                figure = f"AUC {row['auc']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
                yield f"{what}, {row['horizon']} days from {row['as_of']:%Y-%m-%d}: {figure}."


def drifted(drift: pd.DataFrame, together: Effect, accounts: int, matters: float, stops: float) -> Iterator[Finding]:
    """Tell which signs drift, by what that does.

    Parameters
    ----------
    drift
        As ranked by `Impact`.
    together
        The effect of all of them together.
    accounts
        At risk on that day.
    matters, stops
        The share of the queue or of the bands that changes, or by which the mean probability differs, from which on a
        sign is told as a warning, and from which on nothing should be served. A unit is told whatever it does.
    """
    slight = []
    for row in drift.to_dict("records"):
        effect = Effect(**{one.name: row[one.name] for one in fields(Effect)})
        if effect.size >= matters or row["kind"] == UNIT:
            told = f"{_moved(row)}; {_effect(effect)}"
            yield Finding(_CODES[row["kind"]], row["sign"], round(row["distance"] * accounts), told)
        else:
            slight.append(row["sign"])
    if slight:
        yield Finding(SLIGHT, "signs", len(slight), _some(slight))
    if together.size >= stops:
        yield Finding(STOP, "scores", len(drift), f"{_some(drift['sign'])}: {_effect(together)}")


def defeated(found: Defeat) -> Iterator[Finding]:
    """Tell of decay, or of a programme that works."""
    code, group = {"decay": ("HF087", UNTREATED), "programme": ("HF088", TREATED)}.get(found.verdict, ("", ""))
    if code:
        days = [horizon for horizon, one in found.verdicts.items() if one == found.verdict]
        rows = found.rows[(found.rows["group"] == group) & found.rows["horizon"].isin(days)]
        yield Finding(code, f"horizon {', '.join(map(str, days))}", int(rows["accounts"].max()), found.text())


def _moved(row: dict[Any, Any]) -> str:
    before, now = row["before"], row["now"]
    if row["kind"] == MISSING:
        return f"{now:.0%} of the accounts have no value, {before:.0%} in training"
    if row["kind"] == CATEGORY:
        return f"{now:.0%} of the accounts have a word that training did not know"
    way = "higher" if now > before else "lower" if now < before else "elsewhere about the same median"
    return f"median {_number(now)}, {_number(before)} in training: {way} for {row['distance']:.0%} of the accounts"


def _effect(effect: Effect) -> str:
    way = "higher" if effect.change >= 0 else "lower"
    moved = f"it makes the mean probability {abs(effect.change) * 100:.1f} points {way}"
    return (
        f"{moved}, {effect.queue:.0%} of the queue others, and puts {effect.bands:.0%} of the accounts in another band"
    )


def _some(signs: Iterable[str]) -> str:
    every = list(dict.fromkeys(signs))
    return ", ".join(every[:_SHOWN]) + (f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else "")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
