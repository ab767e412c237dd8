"""The wire: requests that are made again when a tool is busy, to one address, with a key that shows nowhere.

No redirect is followed, an answer is read up to a limit, and what a tool says is cut short and stripped of the key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import sleep
from typing import TYPE_CHECKING, Any

from requests import PreparedRequest, RequestException, Session
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from holdfast.features.database.secrets import Secret, scrub

if TYPE_CHECKING:
    from types import TracebackType

    from urllib3.response import BaseHTTPResponse

_BUSY = (429, 500, 502, 503, 504)
_ENDS = {401: "the key is not accepted", 403: "the key may not write there", 404: "nothing is at this address"}
_LIMIT, _SHOWN = 4 << 20, 200
_TIMEOUT = (10.0, 60.0)


class Stopped(Exception):
    """A tool cannot be written to for now; what was not sent is left for the next time."""


@dataclass(frozen=True)
class Patience:
    """How often a request is made again, and how long is waited before; the ``Retry-After`` of a tool goes first.

    Parameters
    ----------
    attempts
        Requests before giving up.
    backoff
        Seconds before the third attempt (the second follows at once), doubled for every next one.
    longest
        Seconds that are waited at most; a tool that asks for more is left for the next time.
    """

    attempts: int = 8
    backoff: float = 1.0
    longest: float = 120.0


USUAL = Patience()


class _Again(Retry):
    """Makes a request again, whatever its method, unless the tool asks for more than is waited at most."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        asked = super().get_retry_after(response)
        if asked is not None and asked > self.backoff_max:
            raise Stopped(f"it asks to wait {asked:.0f} seconds")
        return asked


class Wire:
    """The way to one tool.

    Parameters
    ----------
    url
        Its address, checked.
    headers
        What lets in, and what else every request says.
    secrets
        What must show nowhere.
    pause
        Seconds between two requests.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        secrets: Sequence[Secret],
        pause: float = 0.0,
        patience: Patience = USUAL,
    ) -> None:
        self._url, self._secrets, self._pause = url, secrets, pause
        self.requests = 0
        again = _Again(
            total=patience.attempts - 1,
            status_forcelist=_BUSY,
            allowed_methods=None,
            backoff_factor=patience.backoff,
            backoff_max=patience.longest,
            raise_on_status=False,
        )
        self._session = Session()
        self._session.headers.update(headers)
        self._session.auth = _as_it_is
        for scheme in ("https://", "http://"):  # a shorter prefix would lose against those of requests
            self._session.mount(scheme, HTTPAdapter(max_retries=again))

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._session.close()

    def send(self, method: str, path: str, **body: Any) -> tuple[int, Any]:
        """Make a request; give the status, and the body where it is JSON.

        Raises
        ------
        Stopped
            When the tool lets nobody in, is busy for too long, points elsewhere, or cannot be reached.
        """
        if self.requests and self._pause:
            sleep(self._pause)
        self.requests += 1
        failure = ""
        try:
            with self._session.request(
                method, self._url + path, timeout=_TIMEOUT, allow_redirects=False, stream=True, **body
            ) as answer:
                status, content = answer.status_code, answer.raw.read(_LIMIT, decode_content=True)
        except (RequestException, HTTPError, OSError) as problem:  # a body that breaks off is urllib3's to tell
            failure = f"it cannot be reached: {self.told(problem)}"
        if failure:  # raised out here, so that the request with its key is not dragged along
            raise Stopped(failure)
        if status in _ENDS:
            raise Stopped(f"status {status}: {_ENDS[status]}")
        if status in _BUSY:
            raise Stopped(f"status {status}, time and again")
        if 300 <= status < 400:
            raise Stopped(f"status {status}: it points elsewhere, which is not followed")
        return status, _parsed(content)

    def told(self, said: object) -> str:
        """Give what a tool or a library said: one line, cut short, without the key."""
        text = scrub(" ".join(str(said).split()), self._secrets)[:_SHOWN]
        return "".join(one if one.isprintable() else "?" for one in text)


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    """Keep requests from putting a password of ~/.netrc in the place of the key."""
    return request


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
