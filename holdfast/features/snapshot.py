"""A snapshot: what was known of every account at every cutoff, one row each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from holdfast.errors import UsageError
from holdfast.features.indicators.wording import ENGLISH, Language
from holdfast.features.time import micros

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.indicators.indicator import Indicator

INDEX = ["account_id", "cutoff"]
MEASURED, MISSING, NOT_APPLICABLE = "measured", "missing", "not applicable"


@dataclass(frozen=True)
class Snapshot:
    """Hold indicators, context, exposure and coverage of accounts at cutoffs, on one index.

    Attributes
    ----------
    indicators
        One float column per indicator; missing means that the account has nothing to measure.
    context
        What is no health: ``segment, plan, contract`` (text), ``tenure_days, recency_days, arr`` (numbers).
    exposure
        One column per horizon (int, days): renewal decisions in the interval that ends there and starts at the
        horizon before, from the contract calendar known at the cutoff.
    coverage
        Share of the applicable indicators that are present, 0 to 1: ``product, relationship, business, all``.
    catalog
        The indicators measured, in the order of the columns.
    left_out
        Indicators that are not applicable to this history, each with the reason.
    inapplicable
        One column (bool) per indicator that asks whether it applies to an account: where it does not, its value is
        missing without being missed.
    calendar
        Days to the last day of each renewal decision, ascending, those of the last three weeks negative; missing where
        there are no more. Empty when it was not measured.
    """

    indicators: pd.DataFrame
    context: pd.DataFrame
    exposure: pd.DataFrame
    coverage: pd.DataFrame
    catalog: tuple[Indicator, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    inapplicable: pd.DataFrame = field(default_factory=pd.DataFrame)
    calendar: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __len__(self) -> int:
        return len(self.indicators)

    @property
    def index(self) -> pd.MultiIndex:
        """The (account_id, cutoff) pairs, sorted by account and then by cutoff."""
        index = self.indicators.index
        assert isinstance(index, pd.MultiIndex)  # noqa: S101 # by construction, told to the type checker
        return index

    @property
    def cutoffs(self) -> pd.DatetimeIndex:
        """The distinct cutoffs, ascending."""
        return pd.DatetimeIndex(self.index.get_level_values("cutoff").unique().sort_values(), name="cutoff")

    @property
    def horizons(self) -> tuple[int, ...]:
        """The horizons of the exposure, in days, ascending."""
        return tuple(int(h) for h in self.exposure.columns)

    @property
    def language(self) -> Language:
        """The language of titles and sentences."""
        return self.catalog[0].language if self.catalog else ENGLISH

    def rows(self, where: NDArray[np.bool_] | pd.Series) -> Snapshot:
        """Keep the rows where a mask of the same length holds."""
        mask = np.asarray(where, dtype=bool)
        return replace(
            self,
            indicators=self.indicators[mask],
            context=self.context[mask],
            exposure=self.exposure[mask],
            coverage=self.coverage[mask],
            inapplicable=self.inapplicable[mask] if len(self.inapplicable) else self.inapplicable,
            calendar=self.calendar[mask] if len(self.calendar) else self.calendar,
        )

    def knowing(self, names: Iterable[str]) -> Snapshot:
        """Keep the indicators of these names."""
        wanted = set(names)
        catalog = tuple(one for one in self.catalog if one.name in wanted)
        kept = [name for name in self.indicators if name in wanted]
        asked = [name for name in self.inapplicable if name in wanted]
        return replace(self, indicators=self.indicators[kept], catalog=catalog, inapplicable=self.inapplicable[asked])

    def at(self, cutoff: str | pd.Timestamp) -> Snapshot:
        """Keep the rows of one cutoff; a date alone means 00:00 UTC.

        Raises
        ------
        UsageError
            When nothing was measured at that instant.
        """
        instant = pd.Timestamp(cutoff)
        instant = instant.tz_localize("UTC") if instant.tz is None else instant.tz_convert("UTC")
        mask = np.asarray(self.index.get_level_values("cutoff") == instant)
        if not mask.any():
            last = self.cutoffs[-1] if len(self) else "none"
            do = f"measure it first; the last measured cutoff is {last}"
            raise UsageError("Snapshot.at", "a measured cutoff", f"{instant}", do)
        return self.rows(mask)

    def curved(self) -> pd.DataFrame:
        """Map each indicator through its scoring curve to [0, 1], 1 healthy; missing stays missing.

        Columns without a curve are left out. Recency caps its dimension: every product curve is at most the curve of
        the indicator that is marked ``caps``, so that a loud past cannot outshout a silent present.
        """
        scored = [one for one in self.catalog if one.curve is not None]
        values = self.indicators[[one.name for one in scored]].to_numpy(dtype=float)
        worth = {one.name: one.worth(column) for one, column in zip(scored, values.T, strict=True)}
        for cap in (one for one in scored if one.caps):
            most = np.where(np.isnan(worth[cap.name]), 1.0, worth[cap.name])
            for one in (one for one in scored if one.dimension == cap.dimension):
                worth[one.name] = np.where(worth[one.name] > most, most, worth[one.name])
        return pd.DataFrame(worth, index=self.index)

    def states(self) -> pd.DataFrame:
        """Say of every value whether it was ``measured``, is ``missing``, or is ``not applicable``.

        Zero is measured. Not applicable is what the history as a whole cannot tell (`left_out`), and what has no
        meaning for an account at that cutoff, such as a share of seats where there are none.
        """
        words = np.where(self.indicators.notna(), MEASURED, MISSING).astype(object)
        told = pd.DataFrame(words, self.index, self.indicators.columns)
        for name in self.inapplicable.columns:
            told[name] = told[name].mask(self.inapplicable[name].to_numpy(), NOT_APPLICABLE)
        for name in (one for one in self.left_out if one not in told):
            told[name] = NOT_APPLICABLE
        return told.astype(pd.CategoricalDtype([MEASURED, MISSING, NOT_APPLICABLE]))

    def frame(self) -> pd.DataFrame:
        """Join everything into one frame; exposure columns are named ``decisions_<horizon>``."""
        exposure = self.exposure.add_prefix("decisions_")
        return pd.concat([self.indicators, self.context, exposure, self.coverage.add_prefix("coverage_")], axis=1)

    def arrow(self) -> pa.Table:
        """Give ``account_id``, ``cutoff`` (timestamp, UTC) and the columns of `frame` as an Arrow table."""
        return pa.table(self.arrow_index() | arrow_columns(self.frame()))

    def arrow_index(self) -> dict[str, pa.Array]:
        """Give ``account_id`` and ``cutoff`` (timestamp, UTC) as Arrow."""
        ids, cutoffs = (self.index.get_level_values(name) for name in INDEX)
        instant = pa.array(micros(cutoffs), pa.int64()).cast(pa.timestamp("us", tz="UTC"))
        return {INDEX[0]: pa.array(ids, pa.string()), INDEX[1]: instant}

    def _repr_html_(self) -> str:
        return str(self.frame().head(10).to_html(escape=True, max_cols=12))


def arrow_columns(frame: pd.DataFrame, prefix: str = "") -> dict[str, pa.Array]:
    """Turn columns into Arrow; what is missing among numbers stays a NaN."""
    return {f"{prefix}{name}": pa.array(frame[name], from_pandas=frame[name].dtype.kind != "f") for name in frame}


def joined(parts: Sequence[Snapshot]) -> Snapshot:
    """Put the rows of successive accounts together, measured by the same catalogue."""
    names = ("indicators", "context", "exposure", "coverage", "inapplicable", "calendar")
    return replace(parts[0], **{name: pd.concat([getattr(one, name) for one in parts]) for name in names})
