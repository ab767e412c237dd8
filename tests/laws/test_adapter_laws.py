"""What holds for every adapter that comes with holdfast, and for all that is mapped, whatever the order it lies in."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from holdfast.features.history.tables import TABLES
from holdfast.features.landed.files import discover
from holdfast.features.mapping.adapter import IDENTITIES, KINDS, Adapter, shipped
from holdfast.features.mapping.objects import Source, lay_out
from holdfast.features.mapping.paths import find, plain, spellings
from holdfast.features.mapping.recognise import hints
from holdfast.features.mapping.workbench import workbench
from tests.mapped_rows import landed, write
from tests.mapped_rows import mapped as rows_of
from tests.mapping_world import bytes_of, mapped

WHO = {"kind", "source_key", "account_key", "external_id", "crm_id", "email", "domain", "name"}
MUST = {"source_id", "known_at", "known_basis", "account_id"}
HELP = {"_email", "_domain", "_copies"}


@pytest.fixture(params=sorted(shipped()))
def adapter(request) -> Adapter:
    return shipped()[request.param]


def test_it_says_what_it_is_keeps_and_loses(adapter):
    assert all(len(told.strip()) > 2 for told in (adapter.title, adapter.keeps, adapter.loses))
    assert adapter.tables, "fills nothing"
    assert IDENTITIES in adapter.statements


def test_every_select_runs_on_nothing_and_gives_canonical_columns(adapter, tmp_path):
    with workbench(tmp_path) as con:
        layout = lay_out(con, Source(adapter.vendor, adapter, ()))
        assert layout.empty
        for name, statement in adapter.statements.items():
            answer = con.execute(f"SELECT * FROM ({statement})")  # noqa: S608
            columns = {one[0]: one[1] for one in answer.description}
            assert answer.fetchall() == [], name
            if name == IDENTITIES:
                assert set(columns) == WHO or (columns.keys() <= WHO and {"kind", "source_key"} <= columns.keys())
                continue
            assert columns.keys() <= {*TABLES[name].columns, *HELP}, name
            assert columns.keys() >= MUST, name
            assert set(TABLES[name].required) <= columns.keys(), name


def test_columns_have_the_kind_of_their_table(adapter, tmp_path):
    """What a SELECT gives must be castable without a row being looked at: a text is no time."""
    kinds = {"text": {"VARCHAR"}, "time": {"TIMESTAMP WITH TIME ZONE"}, "flag": {"BOOLEAN"}}
    with workbench(tmp_path) as con:
        lay_out(con, Source(adapter.vendor, adapter, ()))
        for name in adapter.tables:
            for column, kind, *_ in con.execute(f"DESCRIBE {adapter.statements[name]}").fetchall():
                known = TABLES[name].columns.get(column)
                if known is None or known.kind not in kinds or kind == '"NULL"':
                    continue
                assert kind in kinds[known.kind] or (known.kind == "text" and kind == "JSON"), (name, column, kind)


def test_every_declared_name_can_be_found(adapter):
    """A name that folds to nothing, or that another field of the object takes first, is declared for nothing."""
    for one in adapter.objects.values():
        assert one.fields, one.name
        assert set(one.needs) | set(one.key) | set(one.recorded) <= set(one.fields), one.name
        assert all(one.fields[name].kind == "time" for name in one.recorded), one.name
        for field in one.fields.values():
            assert field.kind in KINDS
            for path in field.names:
                columns = spellings([path])
                assert columns, (one.name, field.name, path)
                assert find(path, columns, {path: "VARCHAR"}) == '"' + path.replace('"', '""') + '"'


def test_names_of_objects_are_one_objects_alone(adapter):
    seen: dict[str, str] = {}
    for one in adapter.objects.values():
        for name in {plain(name) for name in one.names}:
            other = seen.setdefault(name, one.name)
            assert other == one.name or set(one.needs) != set(adapter.objects[other].needs), (name, other, one.name)
            assert not any(name == hint for hint in hints(adapter.vendor)), name


def test_lists_inside_lie_in_an_object_that_there_is(adapter):
    for one in adapter.objects.values():
        if one.inside is not None:
            parent = adapter.objects[one.inside.object]
            assert parent.key, (one.name, parent.name)


# --- the same whatever the order

STRIPE: Mapping[str, tuple[str, list[str]]] = {
    "customer": (
        "id,email,name,created,_fivetran_synced",
        [f"cus_{n},m@firm{n}.example,Firm {n},2026-01-0{n} 08:00:00,2026-03-01 00:00:00" for n in range(1, 6)],
    ),
    "subscription_history": (
        "id,customer_id,status,created,current_period_start,current_period_end,cancel_at_period_end,canceled_at,ended_at,_fivetran_active,_fivetran_start,_fivetran_synced",
        [
            f"sub_{n},cus_{n},{status},2026-01-0{n} 08:00:00,,,false,,,true,{start},2026-03-01 00:00:00"
            for n in range(1, 6)
            for status, start in (("trialing", f"2026-01-0{n} 08:00:00"), ("active", f"2026-02-0{n} 08:00:00"))
        ],
    ),
    "invoice": (
        "id,customer_id,subscription_id,amount_due,amount_paid,currency,created,due_date,status,status_transitions_paid_at,_fivetran_synced",
        [
            f"in_{n},cus_{1 + n % 5},sub_{1 + n % 5},{n}00,{n}00,eur,2026-02-0{n},,paid,2026-02-1{n},2026-03-01"
            for n in range(1, 9)
        ],
    ),
}
ZENDESK: Mapping[str, tuple[str, list[str]]] = {
    "organization": (
        "id,external_id,name,domain_names,created_at,updated_at,_fivetran_synced",
        [
            f"{n},acc{n},Firm {n},firm{n}.example,2026-01-0{n}T00:00:00Z,2026-01-0{n}T00:00:00Z,2026-03-01T00:00:00Z"
            for n in range(1, 4)
        ],
    ),
    "ticket": (
        "id,organization_id,requester_id,created_at,updated_at,status,priority,subject,_fivetran_synced",
        [
            f"{n},{1 + n % 3},{n % 4},2026-01-1{n}T00:00:00Z,2026-02-1{n}T00:00:00Z,solved,high,s{n},2026-03-01"
            for n in range(1, 9)
        ],
    ),
}
RECURLY: Mapping[str, tuple[str, list[str]]] = {
    "account_history": (
        "id,code,email,company,state,created_at,updated_at,_fivetran_synced",
        [
            f"acc{n},A-{n},m@firm{n}.example,Firm {n},{state},2026-01-0{n} 08:00:00,{at},2026-03-01"
            for n in range(1, 4)
            for state, at in (("active", f"2026-01-0{n} 08:00:00"), ("inactive", f"2026-02-2{n} 08:00:00"))
        ],
    ),
    "subscription_history": (
        "id,account_id,plan_id,state,created_at,updated_at,canceled_at,expires_at,unit_amount,quantity,currency,_fivetran_synced",
        [
            f"s{n},acc{n},p1,{state},2026-01-0{n},{at},{canceled},{ends},{n}0,{n},EUR,2026-03-01"
            for n in range(1, 4)
            for state, at, canceled, ends in (
                ("active", f"2026-01-0{n}", "", ""),
                ("canceled", f"2026-02-0{n}", f"2026-02-0{n}", f"2026-02-2{n}"),
                ("expired", f"2026-02-2{n}", f"2026-02-0{n}", f"2026-02-2{n}"),
            )
        ],
    ),
    "plan_history": (
        "id,code,name,interval_unit,interval_length,updated_at,_fivetran_synced",
        ["p1,team,Team,months,3,2026-01-01,2026-03-01", "p1,team,Team of old,months,3,2025-01-01,2026-03-01"],
    ),
    "invoice_history": (
        "id,account_id,state,type,collection_method,total,paid,created_at,updated_at,due_at,closed_at,_fivetran_synced",
        [
            f"i{n},acc{1 + n % 3},paid,charge,automatic,{n}0,{n}0,2026-02-0{n},2026-02-1{n},,2026-02-1{n},2026-03-01"
            for n in range(1, 6)
        ],
    ),
    "transaction": (
        "id,invoice_id,account_id,type,origin,status,created_at,_fivetran_synced",
        [
            f"t{n}{m},i{n},acc{1 + n % 3},purchase,recurring,declined,2026-02-0{n + m},2026-03-01"
            for n in range(1, 6)
            for m in (1, 2)
        ],
    ),
}  # fmt: skip


def lay(
    folder: Path, vendor: str, tables: Mapping[str, tuple[str, list[str]]], seed: int | None, twice: bool = False
) -> Path:
    """Write tables as CSV; with a seed, files, columns and rows lie in another order."""
    random_ = random.Random(seed)  # noqa: S311
    names = list(tables)
    if seed is not None:
        random_.shuffle(names)
    for name in names:
        header, lines = tables[name]
        order = list(range(len(header.split(","))))
        lines = lines * (1 + twice)
        if seed is not None:
            random_.shuffle(order)
            random_.shuffle(lines := list(lines))
        cells = [[line.split(",")[place] for place in order] for line in (header, *lines)]
        write(folder / vendor, {f"{name}.csv": "\n".join(",".join(line) for line in cells) + "\n"})
    return folder


def canonical(place: Path, scratch: Path, vendor: str) -> dict[str, list[str]]:
    made = rows_of(landed(place, scratch / "found", vendor), scratch / "made")
    assert any(made[name] for name in made if name != IDENTITIES)
    return {name: sorted(json.dumps(row, sort_keys=True, default=str) for row in rows) for name, rows in made.items()}


@pytest.mark.parametrize(("vendor", "tables"), [("stripe", STRIPE), ("zendesk", ZENDESK), ("recurly", RECURLY)])
def test_the_order_of_files_columns_and_rows_changes_no_row(vendor, tables, tmp_path):
    first = canonical(lay(tmp_path / "0", vendor, tables, None), tmp_path / "s0", vendor)
    for seed in (1, 2):
        assert canonical(lay(tmp_path / str(seed), vendor, tables, seed), tmp_path / f"s{seed}", vendor) == first


@pytest.mark.parametrize(("vendor", "tables"), [("stripe", STRIPE), ("zendesk", ZENDESK), ("recurly", RECURLY)])
def test_a_file_in_two_parts_is_the_file(vendor, tables, tmp_path):
    whole = canonical(lay(tmp_path / "whole", vendor, tables, None), tmp_path / "s0", vendor)
    for name, (header, lines) in tables.items():
        half = len(lines) // 2
        for number, part in enumerate((lines[:half], lines[half:])):
            write(tmp_path / "parts" / vendor / name, {f"part-{number:05}.csv": "\n".join([header, *part]) + "\n"})
    assert canonical(tmp_path / "parts", tmp_path / "s1", vendor) == whole


@pytest.mark.parametrize(("vendor", "tables"), [("stripe", STRIPE), ("zendesk", ZENDESK), ("recurly", RECURLY)])
def test_the_same_export_twice_is_the_export(vendor, tables, tmp_path):
    once = canonical(lay(tmp_path / "once", vendor, tables, None), tmp_path / "s0", vendor)
    assert canonical(lay(tmp_path / "twice", vendor, tables, 3, twice=True), tmp_path / "s1", vendor) == once


def test_the_bytes_of_a_history_do_not_depend_on_the_order_of_rows_and_files(tmp_path):
    """Through the whole path, vendors and lists of your own together."""
    lists = {
        "accounts": (
            "account_id,name,website",
            ["acc1,Firm 1,firm1.example", "acc2,Firm 2,firm2.example", "acc3,Firm 3,firm3.example"],
        ),
        "usage": (
            "account_id,user,occurred_at,event",
            [f"acc{1 + n % 4},u{n % 5},2026-01-0{1 + n % 3},login" for n in range(20)],
        ),
    }
    told = []
    for seed in (None, 1, 2):
        folder = tmp_path / str(seed)
        for vendor, tables in (("stripe", STRIPE), ("zendesk", ZENDESK), ("own", lists)):
            lay(folder / "in", vendor, tables, seed)
        work = mapped(folder, {})
        made = {name: content for name, content in bytes_of(work).items() if name.endswith(".parquet")}
        assert {
            "history/accounts.parquet",
            "history/usage.parquet",
            "history/tickets.parquet",
            "history/invoices.parquet",
        } <= set(made)
        told.append(
            made | {"ids": (work / "id_map.csv").read_bytes(), "unmatched": (work / "unmatched.csv").read_bytes()}
        )
    assert told[0] == told[1] == told[2]


def test_nothing_is_found_where_nothing_lies(tmp_path):
    (tmp_path / "in").mkdir()
    assert discover([tmp_path / "in"], tmp_path / "scratch") == ([], [])
