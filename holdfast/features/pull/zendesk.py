"""Zendesk, as a declaration for dlt's ``rest_api`` source.

Tickets and users come from the incremental exports by cursor; ticket events (with comments) and metric events, which
have no such export, from those by time; organizations and ratings from their lists by cursor. An export leaves out the
last minute: the next pull begins an hour before this one, and reads it.

What the interface cannot give: states of users and organizations that were overwritten before the first pull (those of
tickets are told by the ticket events); that an organization was deleted; tickets that were deleted for good; a rating
that was changed more than 90 days after the survey, but on its ticket.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from holdfast.errors import UsageError
from holdfast.features.pull.access import secrets
from holdfast.features.pull.service import Reach, Service

if TYPE_CHECKING:
    from dlt.sources.helpers.rest_client.paginators import BasePaginator
    from requests import Request, Response

_HOUR, _LAG = timedelta(hours=1), timedelta(days=90)


def _config(address: str, given: Mapping[str, str], reach: Reach, _unsettled: Sequence[str]) -> dict[str, Any]:
    def exported(table: str, path: str, cursor: tuple[str, str], **params: str) -> dict[str, Any]:
        asked = {"start_time": reach.since(table, _HOUR), **params}
        return {"path": path, "data_selector": table, "params": asked, "paginator": _to_the_end_of_stream(*cursor)}

    def listed(table: str, **params: int) -> dict[str, Any]:
        return {"path": table, "data_selector": table, "params": {"page[size]": 100, **params}}

    by_cursor, by_time = ("after_cursor", "cursor"), ("end_time", "start_time")
    endpoints = {
        "organizations": listed("organizations"),
        "users": exported("users", "incremental/users/cursor", by_cursor),
        "tickets": exported("tickets", "incremental/tickets/cursor", by_cursor),
        "ticket_events": exported("ticket_events", "incremental/ticket_events", by_time, include="comment_events"),
        "ticket_metric_events": exported("ticket_metric_events", "incremental/ticket_metric_events", by_time),
        "satisfaction_ratings": listed("satisfaction_ratings", start_time=reach.since("satisfaction_ratings", _LAG)),
    }
    return {
        "client": {
            "base_url": f"{address}/api/v2",
            "auth": {
                "type": "http_basic",
                "username": f"{given['HOLDFAST_ZENDESK_EMAIL']}/token",
                "password": given["HOLDFAST_ZENDESK_TOKEN"],
            },
            "paginator": {
                "type": "cursor",
                "cursor_path": "meta.after_cursor",
                "cursor_param": "page[after]",
                "has_more_path": "meta.has_more",
            },
        },
        "resources": [{"name": name, "endpoint": endpoint} for name, endpoint in endpoints.items()],
    }


def _to_the_end_of_stream(path: str, param: str) -> BasePaginator:
    """Page by a cursor until the answer says that it is the last one; an export always gives a next cursor."""
    from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

    class ToTheEndOfStream(JSONResponseCursorPaginator):
        def update_state(self, response: Response, data: list[Any] | None = None) -> None:
            before = self._next_reference
            super().update_state(response, data)
            if response.json()["end_of_stream"]:
                self._has_next_page = False
            elif self._next_reference == before:
                raise ValueError(f"{path} stays at {before}")

        def update_request(self, request: Request) -> None:
            super().update_request(request)
            if param != "start_time" and isinstance(request.params, dict):
                request.params.pop("start_time", None)  # a cursor holds it already

    return ToTheEndOfStream(cursor_path=path, cursor_param=param)


def _base_url() -> str:
    name = "HOLDFAST_ZENDESK_SUBDOMAIN"
    subdomain = secrets((name,))[name]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", subdomain):
        raise UsageError(name, "the part before .zendesk.com", repr(subdomain), "correct it")
    return f"https://{subdomain}.zendesk.com"


ZENDESK = Service(
    name="zendesk",
    secrets=("HOLDFAST_ZENDESK_EMAIL", "HOLDFAST_ZENDESK_TOKEN"),
    help="HOLDFAST_ZENDESK_EMAIL and HOLDFAST_ZENDESK_TOKEN must be those of an administrator",
    base_url=_base_url,
    config=_config,
)
