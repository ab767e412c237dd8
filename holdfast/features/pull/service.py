"""A service that can be pulled: what it needs, since when it is read, and its declaration for dlt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True)
class Reach:
    """Since when each table is read.

    Parameters
    ----------
    marks
        By table the start of the last pull that brought rows.
    asked
        What the user asked to read again from; a pull never begins later than where the last one ended.

    Examples
    --------
    >>> from datetime import UTC
    >>> reach = Reach({"events": datetime.fromtimestamp(90_000, UTC)})
    >>> reach.since("events", timedelta(hours=1)), reach.since("invoices", timedelta(days=90))
    (86400, 0)
    """

    marks: Mapping[str, datetime] = field(default_factory=dict)
    asked: datetime | None = None

    def since(self, table: str, lag: timedelta) -> int:
        """Give the Unix second from which a table is read, a lag before the last pull."""
        mark = self.marks.get(table)
        bounds = [*([mark - lag] if mark else []), *([self.asked] if self.asked else [])]
        return max(0, int(min(bounds).timestamp())) if bounds else 0


@dataclass(frozen=True)
class Unsettled:
    """Records of a table that may still change although its lag has passed.

    Parameters
    ----------
    states
        What their status is.
    lag
        For how long every record of the table is read anyway, whatever its status.
    """

    table: str
    states: tuple[str, ...]
    lag: timedelta


@dataclass(frozen=True)
class Service:
    """A service, as its module declares it.

    Parameters
    ----------
    secrets
        The environment variables that let in.
    help
        What those must be, for the message of a refusal.
    base_url
        The address of the service.
    config
        The declaration for dlt's ``rest_api``: from address, secrets, reach and the ids of unsettled records.
    left_out
        Fields that differ in every answer or open a record without a password.
    unsettled
        Which records are asked for again by their id, however old they are.
    kept
        How long the service keeps what cannot be read later.
    """

    name: str
    secrets: tuple[str, ...]
    help: str
    base_url: Callable[[], str]
    config: Callable[[str, Mapping[str, str], Reach, Sequence[str]], dict[str, Any]]
    left_out: tuple[str, ...] = ()
    unsettled: Unsettled | None = None
    kept: timedelta | None = None
