"""Mixpanel: events from the raw export, Fivetran and Airbyte; the same event exported twice is one."""

from __future__ import annotations

import json
from pathlib import Path

from tests.adapting import canonical, landed, only, where


def event(name: str, when: int, **properties: object) -> dict[str, object]:
    return {"event": name, "properties": {"time": when, "distinct_id": "u1"} | properties}


def lines(*rows: object) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def test_the_raw_export(tmp_path: Path) -> None:
    late = {"mp_processing_time_ms": 1739423400000}
    rows = [
        event(
            "Report Exported",
            1739422800,
            **{"$insert_id": "i1", "company_id": "A-1", "$email": "ann@acme.example"} | late,
        ),
        event(
            "Report Exported",
            1739422800,
            **{"$insert_id": "i1", "company_id": "A-1", "$email": "ann@acme.example"} | late,
        ),
        event("Report Exported", 1739422801, **{"$insert_id": "i1"} | late),
        event("Report Printed", 1739422800, **{"$insert_id": "i1"} | late),
        event("Logged In", 1739500000, **{"$insert_id": "i2"} | late),
        event("$identify", 1739422800, **{"$insert_id": "i3"} | late),
    ]
    made = canonical("mixpanel", {"mixpanel/export.jsonl": lines(*rows)}, tmp_path)
    clock = {"known_at": "2025-02-13 05:10", "known_basis": "event", "person_id": "u1"}
    exported = clock | {"event": "Report Exported", "kind": "feature", "feature": "Report Exported"}
    named = [{name: value for name, value in row.items() if name != "source_id"} for row in made["usage"]]
    assert sorted(named, key=lambda row: (row["event"], row["occurred_at"])) == [
        clock | {"event": "Logged In", "kind": "login", "occurred_at": "2025-02-13 05:10"},
        exported | {"account_id": "A-1", "occurred_at": "2025-02-13 05:00"},
        exported | {"occurred_at": "2025-02-13 05:00:01"},
        clock
        | {"event": "Report Printed", "kind": "feature", "feature": "Report Printed"}
        | {"occurred_at": "2025-02-13 05:00"},
    ]
    person = {"kind": "person", "source_key": "u1", "account_key": "A-1", "email": "ann@acme.example"}
    assert person in made["identities"]
    assert only(made["accounts"], "account_id", "known_at") == [("A-1", "2025-02-13 05:10")]
    assert only(made["people"], "person_id", "account_id", "role") == [("u1", None, "user"), ("u1", "A-1", "user")]


def test_without_insert_ids_rows_that_are_alike_in_everything_are_one(tmp_path: Path) -> None:
    rows = [
        event("Saved", 1739422800, sheet=1),
        event("Saved", 1739422800, sheet=1),
        event("Saved", 1739422800, sheet=2),
    ]
    made = canonical("mixpanel", {"mixpanel/export.jsonl": lines(*rows)}, tmp_path)["usage"]
    assert only(made, "known_basis", "known_at", "occurred_at") == [
        ("assumed", "2025-02-13 05:00", "2025-02-13 05:00"),
        ("assumed", "2025-02-13 05:00", "2025-02-13 05:00"),
    ]


def test_the_layout_of_fivetran(tmp_path: Path) -> None:
    text = """
_fivetran_id,event_id,name,time,distinct_id,properties,insert_id,mp_processing_time_ms,_fivetran_synced
a,1,plays,2025-02-13 05:00:00,u1,"{""user_id"": ""77""}",i1,406572,2025-02-14 00:00:00
b,2,plays,2025-02-20 05:00:00,u1,"{""user_id"": ""77""}",i2,406572,2025-02-14 00:00:00
c,3,$ae_session,2025-02-12 05:00:00,u1,{},i3,406572,2025-02-14 00:00:00"""
    made = canonical("mixpanel", {"mixpanel/event.csv": text}, tmp_path)
    found = only(made["usage"], "known_at", "known_basis", "occurred_at", "event", "kind")
    assert sorted(found) == [
        ("2025-02-12 05:00", "assumed", "2025-02-12 05:00", "$ae_session", "login"),
        ("2025-02-13 05:00", "assumed", "2025-02-13 05:00", "plays", "feature"),
        ("2025-02-14 00:00", "assumed", "2025-02-14 00:00", "plays", "feature"),
    ]
    assert {"kind": "person", "source_key": "u1", "external_id": "77"} in made["identities"]


def test_airbyte_and_the_profiles(tmp_path: Path) -> None:
    files: dict[str, object] = {
        "mixpanel/export.csv": """
event,time,distinct_id,insert_id,company_id,mp_processing_time_ms,_airbyte_extracted_at
Import Started,2025-02-13T05:00:00Z,u1,i1,A-1,1739423400000,2025-02-14T00:00:00Z""",
        "mixpanel/engage.json": [{"$distinct_id": "u1", "$properties": {"$email": "ann@acme.example", "$name": "Ann"}}]
        * 2,
    }
    made = canonical("mixpanel", files, tmp_path)
    assert only(made["usage"], "account_id", "kind", "known_at", "known_basis") == [
        ("A-1", "flow_start", "2025-02-13 05:10", "event")
    ]
    person = {"kind": "person", "source_key": "u1", "email": "ann@acme.example", "name": "Ann"}
    assert person in made["identities"]


def test_the_sample_file_of_fivetran(tmp_path: Path) -> None:
    made = canonical("mixpanel", landed("mixpanel"), tmp_path)["usage"]
    assert len(made) == 5
    assert only(where(made, event="playthrough_30"), "occurred_at", "known_at") == [
        ("2024-01-31 08:58:02", "2024-01-31 08:58:02")
    ]
