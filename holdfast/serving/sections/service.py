"""Sections of what becomes of the scores: watched, acted on, told to people, recorded and written elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from holdfast.serving.alerts.quiet import quiet_hours
from holdfast.serving.references import MEANING, PATTERN
from holdfast.serving.sections.section import Days, Section, Share
from holdfast.serving.tables.target import NAME as TABLE
from holdfast.serving.writeback.settings import ChurnZero, Gainsight, HubSpot, Salesforce, Totango

AlertRule = Literal["drop", "unusual", "band", "sponsor", "champion", "silence", "renewal", "data_gap"]
Hours = Annotated[float, Field(ge=0, le=168)]


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
