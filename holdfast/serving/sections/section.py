"""A section of a plan, and the kinds of values that several of them hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator


def _instant(value: object) -> object:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("an ISO date or time such as 2025-03-01") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


Instant = Annotated[datetime, BeforeValidator(_instant)]
Days = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


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
