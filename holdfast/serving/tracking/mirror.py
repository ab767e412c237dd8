"""MLflow as a mirror: it is told of trainings and of who is in service, and put right; what it does stops nothing.

The ledger of promotions rules. A training waits in the spool, whole, before it is decided on; it is sent after the
promotion, and forgotten when MLflow holds all of it. What MLflow has heard last is written down, so that nothing is
asked where nothing has changed.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from holdfast.errors import BundleError, HoldfastError, PublishError
from holdfast.serving.bundle import Bundle, read_bundle
from holdfast.serving.promotion.decision import SUFFIX, decisions
from holdfast.serving.promotion.promotions import Promotions
from holdfast.serving.proof import read_proof
from holdfast.serving.tracking.address import server_of, shown, without_secrets
from holdfast.serving.tracking.packaging import packaged
from holdfast.serving.tracking.recording import remembered
from holdfast.serving.tracking.spool import Spool
from holdfast.serving.workspace import Workspace
from holdfast.training.tracking import Server
from holdfast.training.tracking.quiet import quietly

if TYPE_CHECKING:
    from holdfast.features.catalog.collection import Catalog
    from holdfast.serving.plan import Plan
    from holdfast.training.tracking import Record

logger = logging.getLogger("holdfast.tracking")
_REMEDY = "nothing is lost: the next training sends it, or `holdfast sync PLAN`"


@dataclass(frozen=True)
class Synced:
    """What MLflow was told.

    Attributes
    ----------
    sent
        The versions of the trainings that it had not heard of.
    aliases
        The version that each alias names; none where none is in service, or asks to be.
    moved
        Whether an alias was put right.
    """

    sent: tuple[str, ...]
    aliases: dict[str, str | None]
    moved: bool

    def summary(self) -> dict[str, Any]:
        """Tell in plain values what was done."""
        return {"sent": list(self.sent), "aliases": self.aliases, "moved": self.moved}


def mirror(plan: Plan, known: Catalog) -> None:
    """Tell MLflow what it has not heard, where the plan asks for it; when that fails, say so and go on."""
    if not plan.tracking.enabled:
        return
    try:
        if _news(plan):
            sync(plan, known)
    except HoldfastError as problem:
        logger.warning("%s", problem)


def sync(plan: Plan, known: Catalog) -> Synced:
    """Send what waits in the spool, and let the aliases name what the ledger says, whatever they name now.

    Parameters
    ----------
    known
        The catalogue of the plan.

    Raises
    ------
    PublishError
        When MLflow cannot be reached or refuses; what was not sent still waits.
    LockHeld
        When another process talks to it.
    """
    place, server = Workspace(plan.output.workspace), server_of(plan)
    with place.syncing(), _telling(plan, server):
        spool, wanted = Spool(place), aliases(place)
        sent = []
        for record in spool.records():
            _send(plan, server, record, known)
            spool.done(record)
            sent.append(record.name)
        registered = server.versions()
        for version in sorted(filter(None, wanted.values())):
            if version not in registered:
                _send_again(plan, server, version, known)
        moved = server.point(wanted)
        spool.tell(_told(plan, wanted))
    return Synced(tuple(sent), wanted, moved)


def aliases(place: Workspace) -> dict[str, str | None]:
    """Tell which versions MLflow's aliases have to name: the one in service, and the last one that was held back."""
    promotions = Promotions(place)
    judged = decisions(place.models)
    last = judged[-1].version if judged else None
    served = {promotions.champion, *promotions.frame()["model_version"]}
    return {"champion": promotions.champion, "challenger": None if last in served else last}


def _news(plan: Plan) -> bool:
    place = Workspace(plan.output.workspace)
    spool = Spool(place)
    return bool(spool.records()) or spool.told != _told(plan, aliases(place))


def _told(plan: Plan, wanted: dict[str, str | None]) -> dict[str, str | None]:
    where = "\n".join((plan.tracking.uri or "", plan.tracking.experiment, plan.tracking.model))
    return {"server": hashlib.sha256(where.encode()).hexdigest()[:16], **wanted}


def _send(plan: Plan, server: Server, record: Record, known: Catalog) -> None:
    """Log a training with its files and register its model; of a bundle that is gone only the figures are left."""
    models = Workspace(plan.output.workspace).models
    beside = (models / f"{record.name}{end}" for end in (".backtest", SUFFIX))
    files = [*beside, models / record.name / "card.md"]
    run_id = server.log(record, [one for one in files if one.exists()])
    try:
        bundle = read_bundle(models, record.name, known)
    except BundleError as problem:
        logger.warning("MLflow gets the figures of model %s alone: %s", record.name, problem)
        return
    _register(plan, server, bundle, run_id)


def _send_again(plan: Plan, server: Server, version: str, known: Catalog) -> None:
    """Log what is left of a training that the server does not know, or does not know any more."""
    models = Workspace(plan.output.workspace).models
    try:
        bundle = read_bundle(models, version, known)
    except BundleError as problem:
        logger.warning("model %s cannot be registered in MLflow: %s", version, problem)
        return
    _send(plan, server, remembered(bundle, read_proof(models, version)), known)


def _register(plan: Plan, server: Server, bundle: Bundle, run_id: str) -> None:
    if bundle.version in server.versions():
        return
    with TemporaryDirectory(prefix="holdfast-") as temporary:
        folder = Path(temporary) / "model"
        packaged(folder, bundle, Workspace(plan.output.workspace).models, plan.indicators.file)
        told = f"Bundle {bundle.version}, learned until {bundle.learned_until:%Y-%m-%d}"
        server.register(bundle.version, run_id, folder, {"model_sha256": bundle.sha256}, told)


@contextmanager
def _telling(plan: Plan, server: Server) -> Iterator[None]:
    """Turn whatever MLflow throws into one error of ours."""
    try:
        with quietly():
            yield
    except HoldfastError:
        raise
    except Exception as problem:
        where = f"MLflow at {shown(plan)}"
        raise PublishError(where, "to hear of trainings", without_secrets(problem, server), _REMEDY) from problem
