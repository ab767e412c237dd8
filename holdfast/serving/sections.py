"""The sections of a plan: every key with its type, its default and what it means."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from holdfast.serving.alerts.quiet import quiet_hours
from holdfast.serving.references import MEANING, PATTERN
from holdfast.serving.tables.target import NAME as TABLE
from holdfast.serving.writeback.settings import ChurnZero, Gainsight, HubSpot, Salesforce, Totango

MAX_HORIZON_DAYS = 730


def _instant(value: object) -> object:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("an ISO date or time such as 2025-03-01") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _ascending(days: tuple[int, ...]) -> tuple[int, ...]:
    if not days or list(days) != sorted(set(days)) or days[0] < 1 or days[-1] > MAX_HORIZON_DAYS:
        raise ValueError(f"ascending whole days between 1 and {MAX_HORIZON_DAYS}")
    return days


def _quiet(hours: str) -> str:
    if hours:
        quiet_hours(hours)
    return hours


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("a time zone such as Europe/Berlin") from None
    return name


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    if parts.password or "pass" in parts.query.lower():
        raise ValueError("an address without a password: say where it stands by env:NAME or file:/PATH")
    return address


AlertRule = Literal["drop", "unusual", "band", "sponsor", "champion", "silence", "renewal", "data_gap"]
Instant = Annotated[datetime, BeforeValidator(_instant)]
Days = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _counts(wanted: object) -> bool:
    """Tell whether numbers belong there, alone or in a list or by name."""
    return wanted in (int, float) or any(map(_counts, get_args(wanted)))


class Section(BaseModel):
    """A section: no key that nobody knows, and no value that changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_flag_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
        if any(isinstance(one, bool) for one in values) and _counts(cls.model_fields[str(info.field_name)].annotation):
            raise ValueError("a number, not true or false")
        return value


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


class Monitor(Section):
    """When a change of the data is worth a warning, and when nothing should be served."""

    matters: Share = Field(
        default=0.1, description="share of the queue or the bands that changes, or of the mean probability: a warning"
    )
    stops: Share = Field(
        default=0.5,
        validate_default=True,
        description="the same from which on nothing should be served: exit code 40",
    )

    @field_validator("stops")
    @classmethod
    def _after_it_matters(cls, stops: float, info: ValidationInfo) -> float:
        if stops < info.data.get("matters", 0.0):
            raise ValueError(f"at least monitor.matters, {info.data['matters']:g}")
        return stops


class Playbooks(Section):
    """What is done with an account, by band."""

    file: Path | None = Field(default=None, description="playbooks of your own, TOML; default: those shipped")
    escalate: Annotated[int, Field(ge=0)] = Field(
        default=5, description="accounts that management can take at a time, by what is at stake"
    )


class Alerts(Section):
    """What is an alert, and how it reaches people."""

    enabled: bool = Field(default=False, description="open episodes when scoring, and let `holdfast deliver` send them")
    rules: tuple[AlertRule, ...] = Field(
        default=get_args(AlertRule), description="rules that are on, by their codes in the scores"
    )
    drop: Annotated[float, Field(gt=0, le=100)] = Field(default=20.0, description="fall of health in 30 days, points")
    unusual: Annotated[float, Field(gt=0)] = Field(
        default=3.0, description="fall of health in 30 days, times what the account moves as a rule"
    )
    renewal_days: Days = Field(default=90, description="a renewal decision is near from so many days before it")
    silence_days: Annotated[int, Field(ge=1)] = Field(
        default=14, description="days without use, and three times the usual gap"
    )
    cool_down_days: Annotated[int, Field(ge=1)] = Field(
        default=30, description="days after an episode closed before the next of its kind may open"
    )
    digest: Literal["each", "daily", "weekly"] = Field(
        default="daily", description="each account by itself, or one message a day or a week"
    )
    quiet: Annotated[str, AfterValidator(_quiet)] = Field(
        default="20:00-07:00", description='hours in which nothing is sent, such as 20:00-07:00; "" for none'
    )
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        default="UTC", description="where the quiet hours, days and weeks are counted, such as Europe/Berlin"
    )
    channels: tuple[Annotated[str, Field(pattern=r"^(env:[A-Za-z_]\w*|file:/.+)$")], ...] = Field(
        default=(), description="where messages go: env:NAME or file:/PATH that holds the address, a secret"
    )
    signing: Annotated[str, Field(pattern=r"^((env:[A-Za-z_]\w*|file:/.+)|)$")] = Field(
        default="", description="what signs webhooks: env:NAME or file:/PATH that holds the secret"
    )
    allow: tuple[str, ...] = Field(
        default=(), description="hosts of your own network that may be reached though their addresses are private"
    )

    @property
    def asked(self) -> dict[str, Any]:
        """What decides which rules fire, and so the codes in the scores."""
        return self.model_dump(include={"rules", "drop", "unusual", "renewal_days", "silence_days"})


Hours = Annotated[float, Field(ge=0, le=168)]


class Queue(Section):
    """Whom to call in a week, within the hours there are."""

    hours: Hours = Field(default=8.0, description="hours a week that a CSM has for calls")
    hours_of: dict[str, Hours] = Field(default={}, description="the same of single CSMs by name, where it differs")
    pool: Annotated[int, Field(ge=0)] = Field(default=1, description="people who share the accounts without a CSM")
    call_hours: Annotated[float, Field(ge=0.05)] = Field(default=1.0, description="hours that a call takes, all told")
    playbook_hours: dict[str, Annotated[float, Field(ge=0.05)]] = Field(
        default={}, description="the same by playbook, where it differs"
    )
    save_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.2, description="assumed: of those who would leave, the share that a call keeps"
    )
    cool_down_days: Days = Field(default=28, description="days after a call without another one")
    holdout: Annotated[float, Field(ge=0, le=0.5)] = Field(
        default=0.0, description="share of those to be called that lots leave alone, to measure the effect; 0: none"
    )


class Tracking(Section):
    """Where MLflow keeps the record of trainings and the models in service."""

    enabled: bool = Field(default=True, description="record trainings and promotions in MLflow")
    uri: Annotated[str, AfterValidator(_without_password)] | None = Field(
        default=None,
        description="a server, a database, or env:NAME or file:/PATH with it; default: mlflow.db in the workspace",
    )
    experiment: str = Field(default="holdfast", description="name of the MLflow experiment")
    model: str = Field(
        default="holdfast", pattern=r"^\w[\w .-]*$", description="name of the registered model, one for each plan"
    )


class Output(Section):
    """Where results go."""

    workspace: Path = Field(default=Path("out"), description="one workspace per plan")
    language: Literal["en", "de"] = Field(default="en", description="what reasons are told in: en or de")
    table: str | None = Field(
        default=None, pattern=TABLE, description="scores in a database too: a table, such as cs.holdfast_scores"
    )
    url: str | None = Field(default=None, pattern=PATTERN, description=f"where its address stands: {MEANING}")


class Writeback(Section):
    """Which tools the scores are written back to, each by a section of its own."""

    hubspot: HubSpot | None = Field(default=None, description="companies of HubSpot")
    salesforce: Salesforce | None = Field(default=None, description="accounts of Salesforce")
    gainsight: Gainsight | None = Field(default=None, description="companies of Gainsight")
    totango: Totango | None = Field(default=None, description="accounts of Totango")
    churnzero: ChurnZero | None = Field(default=None, description="accounts of ChurnZero")


SECTIONS: dict[str, type[Section]] = {
    "data": Data,
    "churn": Churn,
    "cutoffs": Cutoffs,
    "horizons": Horizons,
    "indicators": Indicators,
    "health": Health,
    "sentiment": Sentiment,
    "model": Model,
    "backtest": Backtest,
    "gate": Gate,
    "monitor": Monitor,
    "playbooks": Playbooks,
    "alerts": Alerts,
    "queue": Queue,
    "tracking": Tracking,
    "output": Output,
    "writeback": Writeback,
}
