"""The sections ``[writeback.<sink>]`` of a plan: where a tool is, how to get in, and which columns it gets."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from holdfast.errors import did_you_mean
from holdfast.serving.references import MEANING, PATTERN

FIELDS = (
    *("health", "band", "p30", "p60", "p90", "expected_arr_at_risk_90", "delta_health_30"),
    *("driver_1", "driver_2", "driver_3", "playbook_id", "score_status"),
)
ALWAYS = ("as_of", "model_version")  # written with every record; alone they are no change


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    from holdfast.serving.columns import COLUMNS, horizon

    mine = {*COLUMNS} - {*ALWAYS, "account_id"}
    for name in names:
        if name not in mine and not horizon(name):
            raise ValueError(f"columns of the scores ({did_you_mean(name, mine)})")
    if not names:
        raise ValueError("at least one column of the scores")
    return tuple(dict.fromkeys(names))


Key = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", description="the field of an account that holds your account_id")
]
Pause = Annotated[float, Field(ge=0, description="seconds between two requests")]


class Sink(BaseModel):
    """What every tool is told by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="its address, https; or where that stands: env:NAME")
    token: str = Field(pattern=PATTERN, description=f"where its key stands: {MEANING}")
    fields: Annotated[tuple[str, ...], AfterValidator(_known)] = Field(
        default=FIELDS, description="columns of the scores, each written as holdfast_<column>"
    )
    pause: Pause = 0.0


class HubSpot(Sink):
    """Companies of HubSpot."""

    url: str = "https://api.hubapi.com"
    key: Key = "hs_object_id"
    pause: Pause = 0.1  # 100 requests in 10 seconds


class Salesforce(Sink):
    """Accounts of Salesforce."""

    key: Key = "Id"
    version: Annotated[str, Field(pattern=r"^v\d{2,3}\.0$")] = Field(default="v60.0", description="of the REST API")


class Gainsight(Sink):
    """Companies of Gainsight."""

    key: Key
    pause: Pause = 0.6  # 100 requests a minute


class Totango(Sink):
    """Accounts of Totango; its key is the service id."""

    url: str = "https://sdr.totango.com"


class ChurnZero(Sink):
    """Accounts of ChurnZero; its key is the appKey."""

    contact: str = Field(default="", description="a contactExternalId beside the account, where your tenant wants one")
