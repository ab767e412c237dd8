"""Running dlt: nothing leaves for anywhere but the service, nothing lies outside the folder, nothing is half done.

dlt works in ``DIR/.dlt/SERVICE``. A package that a killed run left is finished and landed first, since a run with one
pending would finish that and skip what it was asked to read. Where each table goes on is told by the parts that landed,
not by dlt's state: what a run loses, the next one reads.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.pull import engine, landing
from holdfast.features.pull.access import checked_url, secrets
from holdfast.features.pull.refusal import telling
from holdfast.features.pull.service import Reach, Service
from holdfast.features.pull.stripe import STRIPE
from holdfast.features.pull.zendesk import ZENDESK
from holdfast.findings import Finding
from holdfast.safely import alone, publishing

if TYPE_CHECKING:
    from requests import Session

SERVICES = {one.name: one for one in (STRIPE, ZENDESK)}
_log = logging.getLogger("holdfast.pull")


@dataclass(frozen=True)
class Pulled:
    """What a pull brought.

    Attributes
    ----------
    folder
        Where the tables are: a folder of Parquet parts each.
    rows
        Versions that landed, by table.
    findings
        What could not be had.
    """

    service: str
    folder: Path
    rows: dict[str, int]
    findings: tuple[Finding, ...] = ()


def pull(
    service: str,
    out: str | Path,
    *,
    clock: Callable[[], datetime],
    since: datetime | None = None,
    base_url: str | None = None,
    patience: engine.Patience | None = None,
) -> Pulled:
    """Pull what changed in a service into a folder that `map` reads.

    Every table lands as ``OUT/SERVICE/TABLE/*.parquet``: every version of every record that was seen, once, with
    ``_fetched_at``, the time from which it was known. Nothing that landed is ever rewritten. A run that fails or is
    killed leaves whole parts, and the next one goes on.

    Parameters
    ----------
    service
        ``stripe`` or ``zendesk``. Secrets come from the environment alone: ``HOLDFAST_STRIPE_KEY``, or
        ``HOLDFAST_ZENDESK_SUBDOMAIN``, ``HOLDFAST_ZENDESK_EMAIL`` and ``HOLDFAST_ZENDESK_TOKEN``; or from a file each,
        named by the same with ``_FILE``.
    clock
        Gives the time, in UTC.
    since
        Leave out invoices, events and exports before it; later pulls go on where the last one ended, or here if this
        is earlier.
    base_url
        Another address of the service.

    Raises
    ------
    UsageError
        When the extra is not installed, a secret is missing or an argument is wrong.
    DataError
        When the service refuses or does not answer; nothing that landed was touched.
    LockHeld
        When another pull works in the folder.
    PublishError
        When the disk refuses.
    """
    known = _known(service)
    given = secrets(known.secrets)
    address = checked_url(base_url or known.base_url())
    if since is not None and since > clock():
        raise UsageError("since", "a day that has begun", since.date().isoformat(), "correct it")
    engine.needs_dlt()
    out = Path(out).resolve()
    folder, own = out / known.name, out / ".dlt" / known.name
    with publishing(out), alone(own), engine.shut_off(own / "work"):
        run = Run(known, folder, own / "work", clock, patience or engine.Patience())
        rows = Counter(run.finish())
        reach = Reach(landing.marks(folder), since)
        with telling(known, address), engine.session(run.patience) as session:
            run.read(session, address, given, reach)
        rows.update(run.land())
    findings = (*_gap(known, reach, clock()), *_cut(run.cut))
    return Pulled(known.name, folder, dict(sorted(rows.items())), findings)


@dataclass(frozen=True)
class Run:
    """One pull at work: what a killed one left, what the service has, and where it lands."""

    service: Service
    folder: Path
    work: Path
    clock: Callable[[], datetime]
    patience: engine.Patience
    cut: Counter[str] = field(default_factory=Counter)

    def finish(self) -> dict[str, int]:
        """Finish and land what a killed run had read; what cannot be finished is dropped, and read again."""
        try:
            engine.finish(engine.pipeline(self.service.name, self.work))
            return self.land()
        except Exception as problem:
            _log.warning("what a killed pull left in %s is read again (%s)", self.work, type(problem).__name__)
            shutil.rmtree(self.work)
            return {}

    def read(self, session: Session, address: str, given: Mapping[str, str], reach: Reach) -> None:
        """Read what the service has, into files that have not landed yet."""
        from dlt.sources.rest_api import rest_api_source

        config: Any = self.service.config(address, given, reach, self._unsettled(reach))
        config["client"]["session"] = session
        defaults = {"write_disposition": "append", "max_table_nesting": 0}
        config["resource_defaults"] = defaults | config.get("resource_defaults", {})
        source = rest_api_source(config, name=self.service.name)
        source.schema.remove_type_detection("iso_timestamp")  # a subject that looks like a time stays a subject
        for name, resource in source.selected_resources.items():
            resource.add_map(partial(self._stamp, str(resource.table_name or name)))
        engine.pipeline(self.service.name, self.work).run(source, loader_file_format="parquet")

    def land(self) -> dict[str, int]:
        """Land what was read, and leave nothing of dlt's behind."""
        rows = landing.land(self.work / "loaded" / self.service.name, self.folder)
        if self.work.exists():
            shutil.rmtree(self.work)
        return rows

    def _unsettled(self, reach: Reach) -> list[str]:
        which = self.service.unsettled
        return landing.unsettled(self.folder, which, reach.since(which.table, which.lag)) if which else []

    def _stamp(self, table: str, record: dict[str, Any]) -> dict[str, Any]:
        self.cut.update(f"{table}.{name}" for name in landing.shown_in_part(record))
        return landing.stamped(record, self.clock(), self.service.left_out)


def _known(service: str) -> Service:
    if service not in SERVICES:
        raise UsageError("service", "one that can be pulled", repr(service), did_you_mean(service, SERVICES))
    return SERVICES[service]


def _gap(service: Service, reach: Reach, now: datetime) -> Iterator[Finding]:
    """Find that a service has dropped changes since the last pull that brought any."""
    last = max(reach.marks.values(), default=None)
    if service.kept is not None and last is not None and now - last > service.kept:
        message = f"nothing was pulled for {(now - last).days} days, and events are kept for {service.kept.days}"
        yield Finding("HF067", service.name, (now - last).days, message)


def _cut(cut: Counter[str]) -> Iterator[Finding]:
    for where, count in sorted(cut.items()):
        yield Finding("HF066", where, count, f"{count} records hold a list that the service shows in part")
