"""The sinks: how each tool takes records, and how it says which of them it took.

HubSpot and Salesforce answer record by record, Gainsight takes all of a batch or none of it, Totango and ChurnZero say
yes to everything. A batch that is refused as a whole is halved until the records that are to blame stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from holdfast.serving.writeback import settings as plan
from holdfast.serving.writeback.values import Record
from holdfast.serving.writeback.wire import Wire

State = Literal["confirmed", "sent", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What became of a record: taken, sent to a tool that says yes to everything, or refused with its reason."""

    record: Record
    state: State
    error: str = ""


class Refused(Exception):
    """A batch was refused as a whole."""


@dataclass(frozen=True)
class Tool:
    """A tool.

    Attributes
    ----------
    batch
        Records that are sent, and kept in the ledger, at a time.
    headers
        What lets in, from the key.
    send
        Sends records, at most a batch of them, and tells what became of each as soon as it is known.
    """

    title: str
    batch: int
    headers: Callable[[str], dict[str, str]]
    send: Callable[[Wire, Any, str, Sequence[Record]], Iterator[Outcome]]


def _halved(send: Callable[[Sequence[Record]], list[Outcome]], records: Sequence[Record]) -> Iterator[Outcome]:
    refusal = ""
    try:
        yield from send(records)
    except Refused as problem:
        refusal = str(problem)
    if refusal and len(records) == 1:
        yield Outcome(records[0], "failed", refusal)
    elif refusal:
        middle = len(records) // 2
        yield from _halved(send, records[:middle])
        yield from _halved(send, records[middle:])


def _hubspot(wire: Wire, sink: plan.HubSpot, _: str, records: Sequence[Record]) -> Iterator[Outcome]:
    """Update companies, which, unlike an upsert, makes none."""
    named = {} if sink.key == "hs_object_id" else {"idProperty": sink.key}

    def send(some: Sequence[Record]) -> list[Outcome]:
        inputs = [{"id": one.account_id, "properties": one.texts(), **named} for one in some]
        status, body = wire.send("POST", "/crm/v3/objects/companies/batch/update", json={"inputs": inputs})
        told = _object(body)
        if status not in (200, 207):
            raise Refused(wire.told(told.get("message") or f"status {status}"))
        failed = {
            str(account): wire.told(error.get("message") or "it says no more")
            for error in map(_object, _list(told.get("errors")))
            for account in _list(_object(error.get("context")).get("ids"))
        }
        if len(_list(told.get("results"))) + sum(one.account_id in failed for one in some) != len(some):
            raise Refused("it does not say which companies it took")
        return [
            Outcome(one, "failed", failed[one.account_id]) if one.account_id in failed else Outcome(one, "confirmed")
            for one in some
        ]

    yield from _halved(send, records)


def _salesforce(wire: Wire, sink: plan.Salesforce, _: str, records: Sequence[Record]) -> Iterator[Outcome]:
    """Update accounts by their id, or upsert them by an external id, each on its own."""
    path, key = f"/services/data/{sink.version}/composite/sobjects", "id"
    if sink.key != "Id":
        path, key = f"{path}/Account/{sink.key}", sink.key

    def send(some: Sequence[Record]) -> list[Outcome]:
        rows = [
            {"attributes": {"type": "Account"}, key: one.account_id, **_suffixed(one.fields, "__c")} for one in some
        ]
        status, body = wire.send("PATCH", path, json={"allOrNone": False, "records": rows})
        if status != 200 or len(_list(body)) != len(some):
            raise Refused(wire.told(_first(body) or f"status {status}"))
        return [_of_salesforce(wire, one, _object(answer)) for one, answer in zip(some, body, strict=True)]

    yield from _halved(send, records)


def _of_salesforce(wire: Wire, record: Record, answer: Mapping[str, Any]) -> Outcome:
    if answer.get("success") is not True:
        return Outcome(record, "failed", wire.told(_first(answer.get("errors")) or "it says no more"))
    if answer.get("created"):
        return Outcome(record, "failed", "no account had this key, and one was made: see to it")
    return Outcome(record, "confirmed")


def _gainsight(wire: Wire, sink: plan.Gainsight, _: str, records: Sequence[Record]) -> Iterator[Outcome]:
    def send(some: Sequence[Record]) -> list[Outcome]:
        rows = [{sink.key: one.account_id, **_suffixed(one.fields, "__gc")} for one in some]
        status, body = wire.send("PUT", f"/v1/data/objects/Company?keys={sink.key}", json={"records": rows})
        told = _object(body)
        if status != 200 or told.get("result") is not True:
            raise Refused(wire.told(told.get("errorDesc") or f"status {status}"))
        if _object(told.get("data")).get("count", len(some)) != len(some):
            raise Refused("no company has this key")
        return [Outcome(one, "confirmed") for one in some]

    yield from _halved(send, records)


def _totango(wire: Wire, _: plan.Totango, token: str, records: Sequence[Record]) -> Iterator[Outcome]:
    """Send one request for each account; in a form, so that no address holds the service id."""
    for one in records:
        if not re.fullmatch(r"[A-Za-z0-9_]+", one.account_id):
            yield Outcome(one, "failed", "Totango takes letters, digits and _ alone in the id of an account")
            continue
        values = {f"sdr_o.{name}": value for name, value in one.texts().items()}
        status, _body = wire.send("POST", "/pixel.gif", data={"sdr_s": token, "sdr_o": one.account_id, **values})
        yield _unconfirmed(one, status)


def _churnzero(wire: Wire, sink: plan.ChurnZero, token: str, records: Sequence[Record]) -> Iterator[Outcome]:
    about = {"appKey": token, "action": "setAttribute", "entity": "account"}
    about |= {"contactExternalId": sink.contact} if sink.contact else {}
    listed = [
        {**about, "accountExternalId": one.account_id, **{f"attr_{name}": text for name, text in one.texts().items()}}
        for one in records
    ]
    status, _ = wire.send("POST", "/i", json=listed)
    yield from (_unconfirmed(one, status) for one in records)


def _unconfirmed(record: Record, status: int) -> Outcome:
    return Outcome(record, "sent") if status == 200 else Outcome(record, "failed", f"status {status}")


def _suffixed(fields: Mapping[str, Any], suffix: str) -> dict[str, Any]:
    return {f"{name}{suffix}": value for name, value in fields.items()}


def _first(errors: Any) -> str:
    """Give the first message of a list of errors."""
    return str(_object(next(iter(_list(errors)), None)).get("message", ""))


def _object(value: Any) -> dict[str, Any]:
    """Give a JSON object; an empty one for anything else that a tool may say."""
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


TOOLS = {
    "hubspot": Tool("HubSpot", 100, _bearer, _hubspot),
    "salesforce": Tool("Salesforce", 200, _bearer, _salesforce),
    "gainsight": Tool("Gainsight", 50, lambda token: {"accesskey": token}, _gainsight),
    "totango": Tool("Totango", 100, lambda _: {}, _totango),
    "churnzero": Tool("ChurnZero", 100, lambda _: {}, _churnzero),
}
