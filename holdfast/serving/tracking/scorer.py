"""A bundle as a function from rows to rows, for whoever scores without a history: a server of MLflow, Spark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.catalog import catalog
from holdfast.features.catalog.own import own_indicators
from holdfast.features.context import NUMBERS, TEXTS
from holdfast.features.indicators.indicator import DIMENSIONS
from holdfast.features.snapshot import INDEX, Snapshot
from holdfast.models.bands import ACTION, ALERT, INSUFFICIENT
from holdfast.serving.bundle import Bundle, read_bundle

DECISIONS, COVERAGE, CALENDAR = "decisions_", "coverage_", "calendar"
Columns = dict[str, tuple[str, bool]]


def rows_of(X: Snapshot) -> pd.DataFrame:
    """Give the rows of a snapshot as a `Scorer` takes them.

    They are those of `Snapshot.frame`, and ``calendar``: the days to the last day of each renewal decision as text,
    such as ``"-3 27 57"``, without which a probability knows the decisions of each interval and not their days.
    """
    days = X.calendar.to_numpy(float) if len(X.calendar) else np.empty((len(X), 0))
    told = [" ".join(f"{day:.0f}" for day in row if np.isfinite(day)) for row in days]
    return X.frame().assign(**{CALENDAR: pd.Series(told, index=X.index, dtype="str")})


@dataclass(frozen=True)
class Scorer:
    """What a bundle says of rows: health, bands, and the probability of churn by each horizon.

    A row is an account at a cutoff, see `rows_of`. What comes out has the index and the order of what went in.
    """

    bundle: Bundle

    @classmethod
    def read(cls, files: Mapping[str, str]) -> Scorer:
        """Read a bundle by its path, with the file of indicators of your own that it may need.

        Parameters
        ----------
        files
            ``bundle``, the folder that bears its version, and perhaps ``indicators``.

        Raises
        ------
        BundleError
            When it is damaged, or does not fit.
        """
        folder = Path(files["bundle"])
        own = own_indicators(Path(files["indicators"]), catalog) if "indicators" in files else ()
        return cls(read_bundle(folder.parent, folder.name, catalog.adding(*own)))

    @property
    def inputs(self) -> Columns:
        """The columns it reads: their type, and whether one may be absent."""
        numbers = [*self.bundle.catalog.names, *NUMBERS, *(f"{DECISIONS}{days}" for days in self.bundle.horizons)]
        told: Columns = dict.fromkeys([*numbers, f"{COVERAGE}all"], ("double", False))
        told |= {f"{COVERAGE}{name}": ("double", True) for name in DIMENSIONS}
        return told | dict.fromkeys((*TEXTS, CALENDAR), ("string", True))

    @property
    def outputs(self) -> Columns:
        """The columns it gives."""
        chances = {f"p{days}": ("double", False) for days in self.bundle.horizons}
        return {"health": ("double", False), "band": ("string", False), "alert_band": ("string", False), **chances}

    def __call__(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Score rows.

        Raises
        ------
        UsageError
            When a column is absent, holds no numbers, or holds an infinite one.
        """
        X = self._snapshot(rows)
        health = self.bundle.health.score(X).set_axis(rows.index)
        told = {
            "health": health,
            "band": ACTION.names_of(health).mask(health.isna(), INSUFFICIENT),
            "alert_band": ALERT.names_of(health).mask(health.isna(), INSUFFICIENT),
        }
        chances = self.bundle.model.predict_proba(X).set_axis(rows.index).add_prefix("p")
        return pd.concat([pd.DataFrame(told), chances], axis=1)

    def _snapshot(self, rows: pd.DataFrame) -> Snapshot:
        numbers, texts = self._numbers(rows), self._texts(rows)
        ids = [f"row-{place:09d}" for place in range(len(rows))]  # the models never read them
        index = pd.MultiIndex.from_product([ids, [pd.Timestamp(0, tz="UTC")]], names=INDEX)
        numbers, texts = numbers.set_axis(index), texts.set_axis(index)
        decisions = [f"{DECISIONS}{days}" for days in self.bundle.horizons]
        return Snapshot(
            indicators=numbers[list(self.bundle.catalog.names)],
            context=numbers[list(NUMBERS)].join(texts[list(TEXTS)]),
            exposure=numbers[decisions].set_axis(pd.Index(self.bundle.horizons), axis=1),
            coverage=numbers.filter(regex=f"^{COVERAGE}").rename(columns=lambda name: name.removeprefix(COVERAGE)),
            catalog=self.bundle.catalog.indicators,
            calendar=_calendar(texts[CALENDAR]),
        )

    def _numbers(self, rows: pd.DataFrame) -> pd.DataFrame:
        names = [name for name, (kind, _) in self.inputs.items() if kind == "double"]
        if lacking := sorted(set(names) - set(map(str, rows))):
            do = "give the columns of Snapshot.frame(), as rows_of does"
            raise UsageError(
                "rows to score", f"{len(names)} columns of numbers", f"none named {', '.join(lacking)}", do
            )
        try:
            numbers = rows[names].astype(float)
        except (TypeError, ValueError) as problem:
            raise UsageError("rows to score", "numbers", str(problem), "correct them") from None
        wrong = [name for name in names if np.isinf(numbers[name].to_numpy()).any()]
        if wrong:
            raise UsageError(
                "rows to score", "finite numbers", f"infinite ones in {', '.join(wrong)}", "leave them out"
            )
        return numbers

    def _texts(self, rows: pd.DataFrame) -> pd.DataFrame:
        nothing = pd.Series(None, index=rows.index, dtype="str")
        return pd.DataFrame({name: rows.get(name, nothing).astype("str") for name in (*TEXTS, CALENDAR)})


def _calendar(told: pd.Series) -> pd.DataFrame:
    try:
        days = [[float(day) for day in str(one).split()] if pd.notna(one) else [] for one in told]
    except ValueError as problem:
        raise UsageError("rows to score, calendar", "days such as '-3 27 57'", str(problem), "correct them") from None
    if not any(days):
        return pd.DataFrame()
    return pd.DataFrame(np.array(list(zip_longest(*days, fillvalue=np.nan))).T, index=told.index)
