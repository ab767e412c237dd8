"""Amplitude: events from Fivetran, Airbyte and the export, with duplicates, clocks that run ahead, and groups."""

# ruff: noqa: E501  (tables as they land)

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.adapting import canonical, landed, only, where


def event(name: str, when: str, received: str, **rest: object) -> dict[str, object]:
    plain = {"event_type": name, "event_time": when, "server_upload_time": received, "user_id": "u1"}
    return plain | {"device_id": "d1", "amplitude_id": 77, "groups": {}, "user_properties": {}} | rest


def lines(*rows: object) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def test_an_event_is_known_when_the_server_has_it_and_happened_no_later(tmp_path: Path) -> None:
    text = """
device_id,id,server_upload_time,_fivetran_synced,_insert_id,amplitude_id,event_properties,event_time,event_type,group_properties,groups,processed_time,server_received_time,session_id,user_id,user_properties,uuid
d1,1,2025-02-13T05:35:51.648,2025-07-01T00:00:00,,77,{},2025-02-13T05:00:00.000,Report Exported,{},"{""company"":[""A-1""]}",2025-02-13T05:35:53,2025-02-13T05:35:51,-1,u1,"{""email"":""ann@acme.example""}",aaaa-1
d1,2,2025-02-13T05:35:51.648,2025-07-01T00:00:00,,77,{},2025-03-01T19:42:58.123,session_start,{},{},2025-02-13T05:35:53,2025-02-13T05:35:51,-1,u1,{},aaaa-2
d1,2,2025-02-13T05:35:51.648,2025-07-02T00:00:00,,77,{},2025-03-01T19:42:58.123,session_start,{},{},2025-02-13T05:35:53,2025-02-13T05:35:51,-1,u1,{},aaaa-2
d1,3,2025-02-14T05:35:51.648,2025-07-01T00:00:00,,77,{},2025-02-14T05:00:00.000,$identify,{},{},2025-02-14T05:35:53,2025-02-14T05:35:51,-1,u1,{},aaaa-3
d2,4,2025-02-15T05:35:51.648,2025-07-01T00:00:00,,78,{},2025-02-15T05:00:00.000,Report Exported,{},{},2025-02-15T05:35:53,2025-02-15T05:35:51,-1,,{},aaaa-4"""
    rows = canonical("amplitude", {"amplitude_event_data.csv": text}, tmp_path)
    same = {"known_basis": "event", "event": "Report Exported", "kind": "feature", "feature": "Report Exported"}
    assert rows["usage"] == [
        same
        | {"source_id": "aaaa-1", "account_id": "A-1", "person_id": "u1"}
        | {"known_at": "2025-02-13 05:35:51.648000", "occurred_at": "2025-02-13 05:00"},
        {"source_id": "aaaa-2", "person_id": "u1", "known_basis": "event", "event": "session_start", "kind": "login"}
        | {"known_at": "2025-02-13 05:35:51.648000", "occurred_at": "2025-02-13 05:35:51.648000"},
        same
        | {"source_id": "aaaa-4", "person_id": "78"}
        | {"known_at": "2025-02-15 05:35:51.648000", "occurred_at": "2025-02-15 05:00"},
    ]
    first = "2025-02-13 05:35:51.648000"
    clock = {"known_at": first, "known_basis": "event", "valid_from": first}
    assert rows["accounts"] == [clock | {"source_id": "A-1", "account_id": "A-1", "name": "A-1"}]
    assert rows["people"] == [
        clock | {"source_id": "u1", "person_id": "u1", "role": "user"},
        clock | {"source_id": "u1:A-1", "account_id": "A-1", "person_id": "u1", "role": "user"},
    ]
    person = {"kind": "person", "source_key": "u1"}
    assert person | {"account_key": "A-1", "email": "ann@acme.example"} in rows["identities"]
    assert {"kind": "account", "source_key": "A-1", "external_id": "A-1", "name": "A-1"} in rows["identities"]


def test_an_event_sent_twice_is_one_by_its_insert_id_and_by_all_it_says(tmp_path: Path) -> None:
    sent = event("Saved", "2025-02-13 05:00:00.000000", "2025-02-13 05:01:00.000000")
    again = sent | {"server_upload_time": "2025-02-13 05:09:00.000000"}
    rows = [
        sent | {"$insert_id": "i1", "uuid": "x1"},
        again | {"$insert_id": "i1", "uuid": "x2"},
        sent | {"$insert_id": "i1", "uuid": "x3", "device_id": "d2"},
        sent | {"event_properties": {"sheet": 1}},
        sent | {"event_properties": {"sheet": 1}},
        sent | {"event_properties": {"sheet": 2}},
    ]
    made = canonical("amplitude", {"amplitude/export.json": lines(*rows)}, tmp_path)["usage"]
    assert sorted(only(made, "known_at", "occurred_at")) == [("2025-02-13 05:01", "2025-02-13 05:00")] * 4
    assert {row["source_id"] for row in made} > {"i1:d1", "i1:d2"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Logged In", "login"),
        ("signin", "login"),
        ("$session_start", "login"),
        ("[Amplitude] Start Session", "login"),
        ("Login Failed", "flow_fail"),
        ("Integration Connected", "integration_on"),
        ("integration_disconnected", "integration_off"),
        ("import_started", "flow_start"),
        ("Import Completed", "flow_done"),
        ("import_failed", "flow_fail"),
        ("Blog Opened", "feature"),
    ],
)
def test_kinds_are_read_off_the_names(name: str, kind: str, tmp_path: Path) -> None:
    row = event(name, "2025-02-13 05:00:00", "2025-02-13 05:01:00", uuid="x")
    (made,) = canonical("amplitude", {"amplitude/export.json": lines(row, row)}, tmp_path)["usage"]
    assert (made["kind"], made.get("feature")) == (kind, name if kind == "feature" else None)


@pytest.mark.parametrize(
    ("groups", "account"),
    [
        ({"company": ["A-1"], "team": ["T"]}, "A-1"),
        ({"Account ID": "A-2"}, "A-2"),
        ({"realm": ["A-3"]}, "A-3"),
        ({"team": ["T"], "realm": ["R"]}, "T"),
        ({"one": ["1"], "two": ["2"]}, None),
        ({}, None),
    ],
)
def test_the_account_is_the_group_that_says_so(groups: object, account: str | None, tmp_path: Path) -> None:
    row = event("Saved", "2025-02-13 05:00:00", "2025-02-13 05:01:00", uuid="x", groups=groups)
    (made,) = canonical("amplitude", {"amplitude/export.json": lines(row, row)}, tmp_path)["usage"]
    assert made.get("account_id") == account


def test_the_layout_of_airbyte(tmp_path: Path) -> None:
    text = """
uuid,user_id,device_id,event_type,event_time,server_upload_time,groups,user_properties,_airbyte_extracted_at
x1,ann@acme.example,d1,Saved,2025-02-13T05:00:00Z,2025-02-13T05:01:00Z,{},{},2025-07-01T00:00:00Z"""
    rows = canonical("amplitude", {"amplitude/events.csv": text}, tmp_path)
    assert only(rows["usage"], "source_id", "person_id", "known_at") == [("x1", "ann@acme.example", "2025-02-13 05:01")]
    person = {"kind": "person", "source_key": "ann@acme.example", "email": "ann@acme.example"}
    assert rows["identities"] == [person]


def test_without_the_servers_clock_it_is_assumed_and_no_later_than_the_load(tmp_path: Path) -> None:
    rows = "event_type,event_time,user_id,uuid,_dlt_load_id\nSaved,2025-02-13T05:00:00Z,u1,x1,1740000000.5\nSaved,2025-03-13T05:00:00Z,u1,x2,1740000000.5"
    made = canonical("amplitude", {"amplitude/events.csv": rows}, tmp_path)["usage"]
    assert only(made, "known_basis", "known_at", "occurred_at") == [
        ("assumed", "2025-02-13 05:00", "2025-02-13 05:00"),
        ("assumed", "2025-02-19 21:20:00.500000", "2025-02-19 21:20:00.500000"),
    ]


def test_the_sample_file_of_fivetran(tmp_path: Path) -> None:
    folder = landed("amplitude")
    made = canonical("amplitude", folder, tmp_path)["usage"]
    with (folder / "amplitude_event_data.csv").open(encoding="utf-8") as handle:
        written = list(csv.DictReader(handle))
    ahead = {row["uuid"] for row in written if row["event_time"] > row["server_upload_time"]}
    assert (len(made), len(ahead)) == (10, 5)
    assert {row["source_id"] for row in made if row["occurred_at"] == row["known_at"]} == ahead
    assert not where(made, known_basis="assumed")
