"""MLflow without telemetry and without a word of its own, and not waited for when it is away."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
_CHATTY = ("mlflow", "alembic")


@contextmanager
def quietly() -> Iterator[None]:
    """Keep telemetry off, and MLflow's own log lines and deprecation warnings away from the reader.

    What is set in the environment already stands.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    before = {name: logging.getLogger(name).level for name in _CHATTY}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for name, level in before.items():
                logging.getLogger(name).setLevel(level)
