"""dlt, shut off: it reads no settings but these, writes nowhere but its folder, and tells nobody of anything.

A user's own ``.dlt/config.toml``, environment and home folder do not reach in: settings come from here alone. Telemetry
is off before dlt is imported, and a pull does not begin unless it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.errors import HoldfastError, UsageError

if TYPE_CHECKING:
    import dlt
    from requests import Session

_TELEMETRY = "RUNTIME__DLTHUB_TELEMETRY"


@dataclass(frozen=True)
class Patience:
    """How often a request is made again, and how long is waited before; the ``Retry-After`` of a service goes first.

    Parameters
    ----------
    attempts
        Requests before giving up.
    backoff
        Seconds before the second attempt, doubled for every next one.
    longest
        Seconds that are waited at most, also when the service asks for more.
    """

    attempts: int = 8
    backoff: float = 1.0
    longest: float = 900.0


def needs_dlt() -> None:
    """Refuse to go on without the extra.

    Raises
    ------
    UsageError
        When dlt is not installed.
    """
    if find_spec("dlt") is None:
        raise UsageError("pull", "the extra 'pull'", "none installed", "run pip install 'holdfast[pull]'")


@contextmanager
def shut_off(work: Path) -> Iterator[None]:
    """Run dlt with the settings of this module alone, inside a folder."""
    os.environ[_TELEMETRY] = "false"
    from dlt.common.configuration.providers import DictionaryProvider
    from dlt.common.configuration.providers.provider import ConfigProvider
    from dlt.common.runtime.run_context import RunContext, switched_run_context

    class ShutOff(RunContext):
        @property
        def global_dir(self) -> str:
            return str(work)

        @property
        def data_dir(self) -> str:
            return str(work)

        def initial_providers(self) -> list[ConfigProvider]:
            settings = DictionaryProvider()
            settings._config_doc = _settings()
            return [settings]

    with switched_run_context(ShutOff(str(work))) as context:
        if context.runtime_config.dlthub_telemetry:
            raise HoldfastError("pull", "dlt's telemetry off", "it on", f"set {_TELEMETRY}=false and report this")
        yield


def _settings() -> dict[str, Any]:
    return {
        "runtime": {"dlthub_telemetry": False, "log_level": "CRITICAL"},
        "load": {"delete_completed_jobs": True},
    }


def pipeline(name: str, work: Path) -> dlt.Pipeline:
    """Open the pipeline of a service: its work and what it loads lie in one folder."""
    import dlt

    opened: dlt.Pipeline = dlt.pipeline(
        pipeline_name=name,
        pipelines_dir=str(work / "pipelines"),
        destination=dlt.destinations.filesystem(bucket_url=str(work / "loaded")),
        dataset_name=name,
    )
    return opened


def finish(opened: dlt.Pipeline) -> None:
    """Load what a killed run had read; `run` would wipe it, or load it and skip what it was asked to read."""
    if opened.has_pending_data:
        opened.normalize()
        opened.load()


def session(patience: Patience) -> Session:
    """Open a session that asks again after 429, after 5xx and when the connection breaks."""
    from dlt.sources.helpers.requests import Client
    from requests import Response
    from requests.adapters import HTTPAdapter

    class Whole(HTTPAdapter):
        """Takes an answer in whole before anybody judges it, so that a refused one gives its connection back."""

        def send(self, *request: Any, **how: Any) -> Response:
            response = super().send(*request, **how)
            _ = response.content
            return response

    client = Client(
        raise_for_status=False,
        request_max_attempts=patience.attempts,
        request_backoff_factor=patience.backoff,
        request_max_retry_delay=patience.longest,
    )
    opened: Session = client.session
    for scheme in ("http://", "https://"):
        opened.mount(scheme, Whole())
    return opened
