"""What a service answered when it did not give what was asked, as one of the errors a user can act on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from holdfast.errors import DataError
from holdfast.features.pull.service import Service

_log = logging.getLogger("holdfast.pull")
_AGAIN = "run it again later; nothing is lost, and what landed is intact"


@contextmanager
def telling(service: Service, address: str) -> Iterator[None]:
    """Turn what dlt and requests raise into a refusal; secrets and records of customers stand in no message.

    Raises
    ------
    DataError
        When the service refuses, is out of reach, or answers what it does not document.
    OSError
        When the disk refuses.
    """
    from dlt.common.exceptions import DltException
    from requests import RequestException

    try:
        yield
    except (DltException, RequestException) as problem:
        _log.debug("the pull of %s failed: %s", service.name, type(problem).__name__)
        raise _refusal(service, address, problem) from problem


def _refusal(service: Service, address: str, problem: BaseException) -> Exception:
    from requests import ConnectionError as Unreachable
    from requests import HTTPError, RequestException, Timeout

    causes = [*_causes(problem)]
    where = f"{service.name} at {urlsplit(address).netloc}"
    for cause in causes:
        if isinstance(cause, HTTPError) and cause.response is not None:
            return _status(service, where, cause.response.status_code, urlsplit(cause.response.url).path)
        if isinstance(cause, Unreachable | Timeout):
            return DataError(where, "an answer", "none, after all attempts", f"check the network, then {_AGAIN}")
    for cause in causes:
        if isinstance(cause, OSError) and not isinstance(cause, RequestException):
            return cause
    found = f"something else ({type(causes[-1]).__name__})"
    return DataError(where, "an answer as its interface documents it", found, "check the address, and report this")


def _status(service: Service, where: str, status: int, path: str) -> DataError:
    where = f"{where}, {path}"
    if status in (401, 403):
        return DataError(where, "to be let in", f"a refusal ({status})", service.help)
    if status == 429 or status >= 500:
        return DataError(where, "an answer", f"status {status} after all attempts", _AGAIN)
    return DataError(where, "an answer", f"status {status}", "check the address and what the account may use")


def _causes(problem: BaseException | None) -> Iterator[BaseException]:
    """Follow an error to its root."""
    seen: set[int] = set()
    while problem is not None and id(problem) not in seen:
        seen.add(id(problem))
        yield problem
        problem = problem.__cause__ or problem.__context__
