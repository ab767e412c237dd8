"""Sections of what is learned from which past: data, churn, cutoffs, indicators, models, their proof and their gate."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from holdfast.serving.sections.section import Days, Instant, Section, Share

MAX_HORIZON_DAYS = 730
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _ascending(days: tuple[int, ...]) -> tuple[int, ...]:
    if not days or list(days) != sorted(set(days)) or days[0] < 1 or days[-1] > MAX_HORIZON_DAYS:
        raise ValueError(f"ascending whole days between 1 and {MAX_HORIZON_DAYS}")
    return days


class Data(Section):
    """Where the history is read from."""

    path: Path = Field(description="folder with one CSV or Parquet file per canonical table")
    end: Instant | None = Field(
        default=None, description="last instant that counts as observed; default: from the data"
    )
    dialect: dict[str, Any] = Field(
        default={}, description="CSV dialect by file or for all: delimiter, decimal, dayfirst"
    )
    strict_clock: bool = Field(default=False, description="leave out the rows whose known_at is assumed")
    currency: Currency | None = Field(default=None, description="what all amounts are told in, such as EUR")
    rates: dict[Currency, Rate] = Field(default={}, description="by currency, how many of that one unit is worth")

    @model_validator(mode="after")
    def _rates_of_a_currency(self) -> Self:
        if self.rates and self.currency is None:
            raise ValueError("a currency beside the rates, such as EUR")
        return self


class Churn(Section):
    """What churn means here."""

    kind: Literal["notice", "silence", "departure"] = Field(description="notice, silence or departure")
    activity: tuple[str, ...] = Field(
        default=(),
        description="what counts: tables, or table.kind; default: the first of usage, invoices, touchpoints, tickets",
    )
    active_days: Days = Field(
        default=90, description="silence, departure: at risk when active in the last so many days"
    )
    confirm_days: Days = Field(default=90, description="departure: days of silence that confirm it")
    grace_days: Days = Field(default=14, description="notice: days after a term's end before a lapse counts")
    min_tenure_days: Days = Field(default=28, description="younger accounts are not at risk yet")
    settlement_days: Days = Field(default=14, description="the last days of the data are not settled yet")
    lost: tuple[Literal["voluntary", "payment", "merger", "trial", "other"], ...] = Field(
        default=("voluntary", "payment"), description="notice: kinds of exit that are churn; others end the observation"
    )


class Cutoffs(Section):
    """The days at which the past is replayed."""

    every: str = Field(default="28d", pattern=r"^([1-9]\d{0,3}d|month)$", description='"28d", "7d", ... or "month"')
    first: Instant | None = Field(default=None, description="default: 28 days after the history starts")
    last: Instant | None = Field(default=None, description="default: the last day of the data")

    @field_validator("last")
    @classmethod
    def _not_before_first(cls, last: datetime | None, info: ValidationInfo) -> datetime | None:
        first = info.data.get("first")
        if first is not None and last is not None and last < first:
            raise ValueError(f"a day from cutoffs.first on, {first:%Y-%m-%d}")
        return last


class Horizons(Section):
    """How far ahead to look."""

    days: Annotated[tuple[int, ...], AfterValidator(_ascending)] = Field(
        default=(30, 60, 90), description="horizons in days"
    )


class Indicators(Section):
    """Which indicators are measured beside the shipped ones."""

    file: Path | None = Field(default=None, description="a Python file with indicators of your own; it runs")


class Health(Section):
    """How the health score weighs and what it says."""

    template: str = Field(
        default="40-30-30", description="weights to start from: a shipped template by name, or a TOML file"
    )
    dimensions: dict[str, float] = Field(default={}, description="shares of the dimensions instead of the template's")
    levels: dict[str, str] = Field(default={}, description="levels by indicator over the template's: none to high")
    weights: dict[str, float] = Field(default={}, description="weights by indicator; nothing else counts then")
    segments: dict[str, Any] = Field(default={}, description="the same three for the accounts of a segment")
    learn: bool = Field(default=True, description="learn weights from churn; else those of the template stand")
    min_coverage: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.25, description="share of evidence below which a score says: insufficient evidence"
    )


class Sentiment(Section):
    """How the mood of tickets and messages is read from their text, where the source does not tell it."""

    from_text: bool = Field(default=True, description="read the mood from the text, which goes no further")
    min_ratings: Annotated[int, Field(ge=50)] = Field(
        default=600, description="from so many rated tickets on a model of your own is learned"
    )


class Model(Section):
    """How the models learn."""

    seed: Days = Field(default=0, description="the seed of everything random")
    threads: Annotated[int, Field(ge=1)] = Field(
        default=1, description="models that a backtest trains side by side; no figure depends on it"
    )
    risk: Literal["as_treated", "without_help"] = Field(
        default="as_treated", description="without_help: what would be if nobody helped, from the logged interventions"
    )


class Backtest(Section):
    """How the proof is made."""

    retrain_every: Annotated[int, Field(ge=1)] = Field(default=3, description="refit after so many cutoffs")
    window: Annotated[int, Field(ge=90)] | None = Field(
        default=None, description="learn from cutoffs of the last so many days; default: from all"
    )
    holdout: bool = Field(
        default=False, description="keep the last cutoffs from every test, until they are opened once"
    )
    bootstrap: Days = Field(default=200, description="bootstrap draws for the intervals; 0: no intervals")
    audits: bool = Field(default=True, description="audit weights and test when training: as long again")


class Gate(Section):
    """What a retrained model must hold before it replaces the one in service."""

    min_events: Annotated[int, Field(ge=5)] = Field(
        default=20, description="accounts that left, and that stayed, without which no model is promoted"
    )
    skill: Share = Field(default=0.02, description="share of the champion's log loss by which it may be worse")
    revenue: Share = Field(default=0.05, description="share of the revenue that left by which it may catch less")
    capacity: Annotated[float, Field(gt=0)] = Field(
        default=0.05, description="accounts called at each cutoff: a number, or below 1 a share"
    )
    calibration: Annotated[float, Field(ge=0)] = Field(
        default=0.25, description="share by which what it tells may differ from what happened, beyond chance"
    )
    segment: Share = Field(default=0.05, description="as skill, for the worst segment")
    reasons: Share = Field(default=0.5, description="least overlap of the first three reasons; 0.5: two are the same")
    bands: Share = Field(default=0.25, description="share of the accounts that may change their band")
    alerts: Share = Field(default=0.05, description="share of the accounts that may more be in orange or red")
    unjudged: Literal["pass", "fail"] = Field(
        default="pass", description="what becomes of a comparison that too few events allow"
    )
    keep: Annotated[int, Field(ge=1)] = Field(default=5, description="models kept to go back to, and to compare with")
