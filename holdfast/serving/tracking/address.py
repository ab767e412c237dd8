"""The address of MLflow: what the plan says, or refers to, or a database in the workspace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from holdfast.features.database.secrets import Secret, scrub, secret_options
from holdfast.serving.references import PATTERN, secret_of
from holdfast.serving.workspace import Workspace
from holdfast.training.tracking import Server

if TYPE_CHECKING:
    from holdfast.serving.plan import Plan


def server_of(plan: Plan) -> Server:
    """Give the server of a plan.

    Raises
    ------
    UsageError
        When the address is elsewhere, and is not there.
    """
    told, root = plan.tracking, Workspace(plan.output.workspace).root
    address = told.uri or f"sqlite:///{root / 'mlflow.db'}"
    if re.match(PATTERN, address):
        address = secret_of(address, "tracking.uri").reveal()
    return Server(address, told.experiment, told.model, root / "mlartifacts")


def shown(plan: Plan) -> str:
    """Give the address as people may read it."""
    return plan.tracking.uri or "mlflow.db in the workspace"


def without_secrets(problem: BaseException, server: Server) -> str:
    """Say what went wrong in one line, without the password that the address may hold."""
    line = (str(problem).strip() or type(problem).__name__).splitlines()[0]
    return scrub(line, _secrets(server.address))[:300]


def _secrets(address: str) -> list[Secret]:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        return [Secret(address)]
    typed = [] if not url.password else [Secret(str(url.password)), Secret(address)]
    return [*typed, *secret_options(url)]
