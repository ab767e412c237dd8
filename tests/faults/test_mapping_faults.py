"""Mapping hostile files: nothing is lost without a word, nothing half made is left, and no traceback is shown."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from holdfast.features.mapping import objects, proposing, workbench
from holdfast.features.mapping.mapfile import read_mapping, toml
from holdfast.features.mapping.mapped import refreshed
from holdfast.safely import alone
from holdfast.serving.command import run
from tests.mapped_rows import write
from tests.mapping_world import ACCOUNTS, USAGE, WORLD, again, bytes_of, findings, mapped, table

HOSTILE = [
    'a"b',
    '"; DROP TABLE accounts; --',
    "it's",
    "x\u202egnp",
    "\x1b[2J",
    "*/ SELECT 1 /*",
    "$(reboot)",
    "=1+1",
    "${x}",
    "{}",
    "%s",
    "\\",
    "\\u0022",
    "'''",
    '"""',
    "]]",
    "#",
    "日本",
]

HEADER = "id,organization_id,requester_id,created_at,updated_at,status,priority,subject\n"
DAY = "2026-01-01T00:00:00"


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    """Hold that one line was said, with these words, and no traceback."""
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1, told
    assert told[0].startswith("holdfast: ")
    assert "internal error" not in told[0]
    assert all(word in told[0] for word in words), told[0]


# --- names


INNER = ["temp", "work", "main", "system", "memory", "information_schema", "pg_catalog", "rows", "identities", "id map"]


def test_files_may_be_named_like_parts_of_the_database(tmp_path):
    usage = {f"{name}.csv": USAGE.replace("login", name) for name in INNER}
    work = mapped(tmp_path, {"accounts.csv": ACCOUNTS, **usage})
    assert sorted(table(work, "usage", "event")) == sorted([*INNER, *["report_viewed"] * len(INNER)])
    assert set(table(work, "usage", "account_id")) == {"A", "B"}


def test_hostile_names_of_columns_and_files_are_names_and_nothing_else(tmp_path):
    header = ",".join('"' + name.replace('"', '""') + '"' for name in HOSTILE)
    empty = "," * len(HOSTILE)
    accounts = f"account_id,name,{header},website\nA,Acme{empty},acme.example\nB,Bolt{empty},\n"
    usage = {f"{name} usage.csv": USAGE for name in HOSTILE if "/" not in name}
    work = mapped(tmp_path, {"accounts.csv": accounts, **usage})
    assert table(work, "accounts", "account_id", "name") == [("A", "Acme"), ("B", "Bolt")]
    assert len(table(work, "usage", "account_id")) == 2 * len(usage)
    text = (work / "mapping.toml").read_text(encoding="utf-8")
    assert all(one.isprintable() or one == "\n" for one in text)
    readings = {reading.table for entry in read_mapping(work / "mapping.toml").entries for reading in entry.readings}
    assert len(readings) == 1 + len(usage)


def test_a_hostile_name_that_is_read_is_quoted(tmp_path):
    """Every name in a mapping is the user's to state: an id that is called like an attack is read like any other."""
    names = [name for name in HOSTILE if name != '"""']  # quotes around a name are none of it
    for number, name in enumerate(names):
        column = '"' + name.replace('"', '""') + '"'
        write(
            tmp_path / "in", {f"usage{number}x.csv": f"account_id,occurred_at,{column}\nA,2026-01-05,login {number}\n"}
        )
    work = mapped(tmp_path, {"accounts.csv": ACCOUNTS})
    path = work / "mapping.toml"
    text = path.read_text(encoding="utf-8")
    for number, name in enumerate(names):
        mark = f'table = "usage{number}x"'
        text = text.replace(mark, f"{mark}\ncolumns = {{ event = {toml(name)} }}")
        sql = work / "sql" / f"usage{number}x.sql"
        sql.write_text(sql.read_text().replace("*/", "text.event = []\n*/").replace("'feature' AS kind", "event"))
    path.write_text(text, encoding="utf-8")
    refreshed(work)
    assert sorted(table(work, "usage", "event")) == sorted(f"login {number}" for number in range(len(names)))


def test_hostile_values_arrive_as_they_are(tmp_path):
    names = [*HOSTILE, "x" * 1_000_000]
    cells = "".join(f'k{n},"{name.replace(chr(34), chr(34) * 2)}"\n' for n, name in enumerate(names))
    work = mapped(tmp_path, {"accounts.csv": "account_id,name\n" + cells, "usage.csv": USAGE})
    assert dict(table(work, "accounts", "account_id", "name")) == {f"k{n}": name for n, name in enumerate(names)}


def test_a_file_name_that_is_no_text_is_left_unread_and_told(tmp_path):
    write(tmp_path / "in", WORLD)
    try:
        Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/\xff.csv")).write_text(USAGE)
    except OSError:
        pytest.skip("this disk takes no such name")
    work = mapped(tmp_path)
    assert "HF042" in findings(work)
    assert table(work, "usage", "account_id") == ["A", "B"]


# --- files


def test_broken_files_of_every_kind_cost_the_others_nothing(tmp_path):
    damage = {
        "a.parquet": b"PAR1 no",
        "b.xlsx": b"PK\3\4 no",
        "c.json": b'{"a": [1,',
        "d.csv.gz": b"\x1f\x8b\x08 no",
        "e.zip": b"PK no",
        "f.csv": b"a,b\0c\n",
        "g.csv": b"",
    }
    place = write(tmp_path / "in", WORLD)
    for name, content in damage.items():
        (place / name).write_bytes(content)
    work = mapped(tmp_path)
    assert table(work, "usage", "account_id") == ["A", "B"]
    told = " ".join(findings(work)["HF042"])
    assert all(name in told for name in damage if name != "g.csv"), told


@pytest.mark.parametrize(
    "files",
    [{}, {"README.md": "# Our data", "notes.txt": "Dear all, nothing here.\n"}, {"a.csv": "colour,shape\nred,round\n"}],
)
def test_where_nothing_is_found_that_is_said(files, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    mapped(tmp_path, files, code=30)
    refused(capsys, "in")
    assert not (tmp_path / "work" / "history").exists()


@pytest.mark.parametrize("options", [["--yes"], []])
def test_a_place_that_does_not_exist_is_told_before_anything_is_asked(options, tmp_path, capsys):
    assert run(["map", str(tmp_path / "gone"), "--out", str(tmp_path / "work"), *options]) == 2
    refused(capsys, "gone")
    assert not (tmp_path / "work").exists()


def test_a_workspace_that_is_a_file(tmp_path, capsys):
    (tmp_path / "work").write_text("mine")
    mapped(tmp_path, code=60)
    refused(capsys, "work")
    assert (tmp_path / "work").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_workspace_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "work").mkdir()
    (tmp_path / "work").chmod(0o500)
    mapped(tmp_path, code=60)
    refused(capsys, "work")


def test_a_database_whose_driver_is_missing(tmp_path, capsys):
    assert run(["map", "oracle+oracledb://u:hunter2@nowhere/x", "--out", str(tmp_path / "work"), "--yes"]) in (2, 30)
    told = capsys.readouterr().err
    assert "internal error" not in told
    assert "hunter2" not in told


# --- the workspace among the data


@pytest.mark.parametrize("where", ["in/work", "in"])
def test_the_files_of_a_workspace_are_nobodys_data(where, tmp_path):
    write(tmp_path / "in", WORLD)
    work = tmp_path / where
    arguments = ["map", str(tmp_path / "in"), "--out", str(work), "--yes"]
    assert run(arguments) == 0
    before = {name: content for name, content in bytes_of(work).items() if not name.startswith("history")}
    assert run(arguments) == 0
    assert {name: content for name, content in bytes_of(work).items() if not name.startswith("history")} == before
    assert table(work, "usage", "account_id") == ["A", "B"]
    assert "HF040" not in findings(work)


# --- runs


def test_mapping_twice_gives_the_same_bytes(tmp_path):
    work = mapped(tmp_path)
    before = bytes_of(work)
    again(tmp_path)
    assert bytes_of(work) == before
    again(tmp_path, "--anew")
    assert bytes_of(work) == before


def test_an_edited_mapping_is_not_replaced_unasked(tmp_path, capsys):
    work = mapped(tmp_path)
    path = work / "mapping.toml"
    path.write_text(path.read_text().replace('zone = "UTC"', 'zone = "Europe/Berlin"'))
    before = bytes_of(work)
    capsys.readouterr()
    again(tmp_path, code=2)
    refused(capsys, "--anew")
    assert bytes_of(work) == before
    again(tmp_path, "--anew")
    assert "Europe/Berlin" not in path.read_text()


def test_edited_sql_is_not_replaced_unasked(tmp_path):
    work = mapped(tmp_path)
    path = work / "sql" / "usage.sql"
    path.write_text(path.read_text() + "-- mine\n")
    again(tmp_path, code=2)
    assert path.read_text().endswith("-- mine\n")
    again(tmp_path, "--anew")
    assert not path.read_text().endswith("-- mine\n")


def test_without_a_terminal_every_proposal_must_be_taken_at_once(tmp_path, capsys):
    write(tmp_path / "in", WORLD)
    assert run(["map", str(tmp_path / "in"), "--out", str(tmp_path / "work")]) == 2
    refused(capsys, "--yes")
    assert not (tmp_path / "work" / "mapping.toml").exists()


def test_two_runs_at_once(tmp_path, capsys):
    work = mapped(tmp_path)
    write(tmp_path / "in", {"usage.csv": USAGE + "A,u1,2026-01-09,login\n"})
    before = bytes_of(work)
    capsys.readouterr()
    with alone(work):
        again(tmp_path, code=50)
    refused(capsys, "at work")
    assert bytes_of(work) == before
    again(tmp_path)
    assert len(table(work, "usage", "account_id")) == 3


def many(rows: int, folder: Path) -> None:
    """Write events whose clock is coarse, so that ties are common, in parts."""
    folder.mkdir(parents=True)
    with duckdb.connect() as con:
        for part in range(4):
            con.execute(
                f"COPY (SELECT ['A', 'B'][1 + i % 2] AS account_id, 'u' || (hash(i) % 50) AS \"user\", "  # noqa: S608
                "TIMESTAMP '2026-01-01' + to_days((hash(i) % 9)::INTEGER) AS occurred_at, 'e' || hash(i) % 7 AS event "
                f"FROM range({part * rows // 4}, {(part + 1) * rows // 4}) t(i)) TO '{folder}/part-{part}.parquet'"
            )


DRIVER = "import sys; from holdfast.serving.command import main; sys.argv[0] = 'holdfast'; main()"


def started(folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-c",
        DRIVER,
        "map",
        str(folder / "in"),
        "--out",
        str(folder / "work"),
        "--yes",
        "--anew",
    ]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environment}
    )


def test_killed_in_the_middle(tmp_path):
    """Whatever the moment, the tables are whole or absent, and the next run gives the bytes of one let live."""
    many(150_000, tmp_path / "in" / "usage")
    write(tmp_path / "in", {"accounts.csv": ACCOUNTS})
    began = time.monotonic()
    assert started(tmp_path).wait() == 0
    took, work = time.monotonic() - began, tmp_path / "work"
    right = bytes_of(work)
    for share in (0.6, 0.85):
        for path in sorted(work.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        process = started(tmp_path)
        time.sleep(took * share)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (work / "history").exists():
            assert {
                name: content for name, content in bytes_of(work).items() if name.startswith("history")
            }.items() <= right.items()
    assert started(tmp_path).wait() == 0
    assert bytes_of(work) == right
    assert not [path.name for path in work.iterdir() if path.name.startswith(".tmp-")]


def exports(folder: Path) -> None:
    """Write what Mixpanel delivers: events, many of them twice, of people in two companies."""
    folder.mkdir(parents=True)
    with duckdb.connect() as con:
        con.execute(
            "COPY (SELECT 'e' || (i % 40) AS event, 'u' || (i % 500) AS distinct_id, 1767225600 + (i % 90000) AS time, "  # noqa: S608
            "'k' || (i % 120000) AS insert_id, ['A', 'B'][1 + i % 2] AS account_id, "
            f"1767225600000 + (i % 90000) * 1000 + 5 AS mp_processing_time_ms, '{{}}' AS properties "
            f"FROM range(200000) t(i)) TO '{folder}/event.parquet'"
        )


@pytest.mark.parametrize(
    "lay", [lambda place: many(140_000, place / "usage"), lambda place: exports(place / "mixpanel")]
)
def test_the_bytes_do_not_depend_on_threads(lay, tmp_path, monkeypatch):
    lay(tmp_path / "in")
    write(tmp_path / "in", {"accounts.csv": ACCOUNTS})
    opened, told = workbench.connect, []
    for threads in (1, 5):

        def connect(temporary=None, threads=threads):
            con = opened(temporary)
            con.execute(f"SET threads = {threads}")
            return con

        monkeypatch.setattr(workbench, "connect", connect)
        again(tmp_path, "--anew")
        told.append(bytes_of(tmp_path / "work"))
        (tmp_path / "work" / "history" / "mapped.json").unlink()
    assert told[0] == told[1]
    assert len(table(tmp_path / "work", "usage", "account_id")) > 100_000


# --- rows


def test_rows_without_a_key_of_their_own_are_not_taken_for_one(tmp_path):
    """An empty id says nothing: two tickets without one are two tickets."""
    tickets = "ticket_id,account_id,opened_at,known_at,channel\n" + "".join(
        f"{ticket},2026-01-01,2026-01-01,{channel}\n"
        for ticket, channel in ((",A", "one"), (",A", "two"), ("t3,B", "three"), ("t3,B", "three"))
    )
    work = mapped(tmp_path, {**WORLD, "tickets.csv": tickets})
    assert sorted(table(work, "tickets", "channel")) == ["one", "three", "two"]
    assert findings(work)["HF044"] == ["tickets"]


def test_mail_addresses_of_two_sources_of_one_table_lead_to_their_accounts(tmp_path):
    files = {
        "accounts.csv": ACCOUNTS,
        "logins.csv": "user_email,timestamp,event\nx@acme.example,2026-01-01,login\n",
        "clicks.csv": "user_email,timestamp,event\ny@bolt.example,2026-01-01,click\n",
    }
    work = mapped(tmp_path, files)
    assert sorted(table(work, "usage", "source", "account_id")) == [("clicks", "B"), ("logins", "A")]


def test_keys_that_lead_nowhere_are_kept_counted_and_can_be_stated_by_hand(tmp_path):
    lost = {"usage.csv": USAGE + "C,u9,2026-01-07,login\nC,u9,2026-01-08,login\n,nobody,2026-01-09,login\n"}
    work = mapped(tmp_path, {**WORLD, **lost})
    assert (work / "unmatched.csv").read_text().splitlines() == [
        "source,key,rows,tables",
        "usage,C,2,usage",
        "usage,nobody,1,usage",
    ]
    assert findings(work)["HF043"] == ["usage"]
    assert len(table(work, "usage", "account_id")) == 5
    (work / "manual.csv").write_text("source,kind,source_key,account_id\nusage,account,C,A\nusage,person,nobody,B\n")
    again(tmp_path)
    assert sorted(table(work, "usage", "account_id")) == ["A", "A", "A", "B", "B"]
    assert (work / "unmatched.csv").read_text().splitlines() == ["source,key,rows,tables"]


def test_keys_that_differ_from_accounts_by_case_alone_are_told_with_their_cause(tmp_path, capsys):
    lost = {"usage.csv": USAGE + "a,u9,2026-01-07,login\n b ,u9,2026-01-08,login\nC,u9,2026-01-08,login\n"}
    work = mapped(tmp_path, {**WORLD, **lost})
    capsys.readouterr()
    run(["check", str(work / "plan.toml")])
    (told,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("HF043")]
    assert "2 of 3 unknown ids differ from known ones by blanks or letter case alone, such as 'a' from 'A'" in told
    assert "trim blanks and fold the letter case" in told
    assert sorted(table(work, "usage", "account_id")) == ["A", "B", *(f"unmatched:usage:{one}" for one in "Cab")]


def test_a_key_that_no_list_of_the_source_holds_can_be_stated_by_hand(tmp_path):
    """Stripe's list of customers did not land, or lost a customer: its invoices are somebody's all the same."""
    invoices = "id,customer_id,amount_due,currency,created,status,total\nin_1,cus_9,1000,eur,2026-01-01,open,1000\n"
    work = mapped(tmp_path, {**WORLD, "stripe/invoice.csv": invoices})
    assert "stripe,cus_9" in (work / "unmatched.csv").read_text()
    (work / "manual.csv").write_text("source,kind,source_key,account_id\nstripe,account,cus_9,B\n")
    again(tmp_path)
    assert table(work, "invoices", "account_id") == ["B"]


def test_without_any_list_of_accounts_the_accounts_are_those_that_the_rows_name(tmp_path):
    work = mapped(tmp_path, {"usage.csv": USAGE})
    assert table(work, "accounts", "account_id") == ["A", "B"]
    assert table(work, "usage", "account_id") == ["A", "B"]


def test_a_vendor_alone_without_its_list_of_accounts(tmp_path):
    tickets = HEADER + f"1,77,5,{DAY}Z,{DAY}Z,open,low,a\n2,78,6,{DAY}Z,{DAY}Z,open,low,b\n"
    work = mapped(tmp_path, {"zendesk/ticket.csv": tickets})
    assert table(work, "accounts", "account_id") == ["77", "78"]
    assert set(table(work, "tickets", "account_id")) == {"77", "78"}


def test_where_nothing_leads_to_an_account_a_list_or_a_word_by_hand_is_asked_for(tmp_path, capsys):
    event = "event_id,event_type,event_time,user_id,uuid\n1,login,2026-01-05 10:00:00,ann,u1\n"
    work = mapped(tmp_path, {"amplitude/event.csv": event}, code=1)
    told = capsys.readouterr().out
    assert "no history yet" in told
    assert "list of accounts" in told
    assert "then: holdfast check" not in told
    assert run(["check", str(work / "plan.toml")]) == 30
    refused(capsys, "mapping.toml: expected accounts", "a list of accounts", "manual.csv")
    (work / "manual.csv").write_text("source,kind,source_key,account_id\namplitude,person,ann,acme\n")
    again(tmp_path)
    assert table(work, "accounts", "account_id") == table(work, "usage", "account_id") == ["acme"]


def test_a_key_that_only_rows_of_the_hub_name_is_unmatched_and_check_names_it(tmp_path, capsys):
    """Billing lists one customer; its invoices name another, who is in no list of accounts."""
    files = {
        "stripe/customer.csv": "id,created,email,currency,balance\ncus_1,2026-01-01,a@acme.example,eur,0\n",
        "stripe/invoice.csv": "id,customer_id,amount_due,currency,created,status,total\n"
        "in_1,cus_9,1000,eur,2026-01-01,open,1000\n",
    }
    work = mapped(tmp_path, files)
    assert table(work, "accounts", "account_id") == ["cus_1"]
    assert (work / "unmatched.csv").read_text().splitlines()[1:] == ["stripe,cus_9,1,invoices"]
    assert "stripe,account,cus_9,,,,,nothing leads to one account" in (work / "id_map.csv").read_text()
    capsys.readouterr()
    assert run(["check", str(work / "plan.toml")]) == 30
    words = ["the history: expected accounts", "HF004 invoices: 1 of 1 rows", "'unmatched:stripe:cus_9' (1)"]
    refused(capsys, *words, "Do: add the accounts, or correct the ids", "manual.csv")


def test_what_is_stated_by_hand_is_checked(tmp_path, capsys):
    work = mapped(tmp_path, {**WORLD, "usage.csv": USAGE + "C,u9,2026-01-07,login\n"})
    before = bytes_of(work / "history")
    for stated, words in (
        ("usage,account,C,", ["row 1", "account_id"]),
        ("usage,account,C,A\nusage,account,C,B", ["'C'", "row 2"]),
        ("usgae,account,C,A", ["usgae", "did you mean 'usage'"]),
        ("usage,firm,C,A", ["row 1", "firm"]),
        ("usage,account,C", ["row 1", "account_id"]),
    ):
        (work / "manual.csv").write_text(f"source,kind,source_key,account_id\n{stated}\n")
        capsys.readouterr()
        again(tmp_path, code=30)
        refused(capsys, "manual.csv", *words)
    (work / "manual.csv").write_text("source,kind\n")
    again(tmp_path, code=30)
    refused(capsys, "source_key, account_id")
    assert bytes_of(work / "history") == before


def test_an_account_stated_by_hand_must_be_one(tmp_path):
    work = mapped(tmp_path, {**WORLD, "usage.csv": USAGE + "C,u9,2026-01-07,login\n"})
    (work / "manual.csv").write_text("source,kind,source_key,account_id\nusage,account,C,a\n")
    again(tmp_path)
    assert findings(work)["HF043"] == ["manual.csv, row 1", "usage"]
    assert (work / "unmatched.csv").read_text().splitlines()[1:] == ["usage,C,1,usage"]


def test_words_and_values_that_no_column_may_hold_are_counted(tmp_path):
    files = {
        "tickets.csv": "ticket_id,account_id,opened_at,sentiment\n1,A,2026-01-01,0.5\n2,A,2026-01-02,-7\n3,B,soon,0\n",
        "touchpoints.csv": "account_id,occurred_at,kind,score\nA,2026-01-05,Besuch,9\nB,2026-01-05,meeting,nine\n",
    }
    work = mapped(tmp_path, {**WORLD, **files})
    assert sorted(findings(work)["HF047"]) == ["tickets", "tickets", "touchpoints", "touchpoints"]
    assert table(work, "touchpoints", "kind", "score") == [(None, 9), ("meeting", None)]
    assert sorted(table(work, "tickets", "sentiment"), key=str) == [0, 0.5, None]


# --- clocks


def test_a_later_export_is_not_known_earlier_than_it_can_be(tmp_path):
    """The mapping says when the first export was made; what a later one overwrote was not known by then."""

    def export(status: str, updated: str) -> dict[str, str]:
        return {
            "zendesk/ticket.csv": HEADER + f"1,A,5,{DAY}Z,{updated},{status},{status},a\n",
            "accounts.csv": ACCOUNTS,
        }

    work = mapped(tmp_path, export("low", "2026-01-10T00:00:00Z"))
    write(tmp_path / "in", export("urgent", "2026-03-10T00:00:00Z"))
    refreshed(work)
    known = {priority: f"{at:%Y-%m-%d}" for priority, at in table(work, "tickets", "priority", "known_at") if priority}
    assert known == {"urgent": "2026-03-10"}


def test_the_clock_of_a_large_export_is_its_last_record(tmp_path, monkeypatch):
    """What is looked at is a head of a large table; when it was exported tells only its end."""
    monkeypatch.setattr(objects, "SMALL", 0)
    monkeypatch.setattr(proposing, "_HEAD", 2)
    lines = "".join(f"{n},A,5,2026-01-{n:02d}T00:00:00Z,2026-01-{n:02d}T00:00:00Z,open,high,a\n" for n in range(1, 29))
    work = mapped(
        tmp_path,
        {
            "zendesk/ticket.csv": "id,organization_id,requester_id,created_at,updated_at,status,priority,subject\n"
            + lines,
            "accounts.csv": ACCOUNTS,
        },
    )
    (zendesk,) = (entry for entry in read_mapping(work / "mapping.toml").entries if entry.name == "zendesk")
    assert f"{zendesk.exported_at:%Y-%m-%d}" == "2026-01-28"


def test_json_says_all_that_is_said(tmp_path, capsys):
    mapped(tmp_path, WORLD, "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == {"accounts": 2, "usage": 2}
    assert [one["table"] for one in told["readings"]] == ["accounts", "usage"]
    assert told["unmatched"] == []


def test_versions_of_one_thing_are_told_as_one(tmp_path, capsys):
    deals = "deal_id,account_id,known_at,valid_from,stage\n" + "".join(
        f"{deal},A,2026-01-0{day},2026-01-0{day},s{day}\n" for deal, day in (("d1", 1), ("d1", 2), ("d2", 1), ("", 3))
    )
    mapped(tmp_path, {**WORLD, "deals.csv": deals}, "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"]["deals"], told["things"]["deals"]) == (4, 3)
    again(tmp_path)
    assert "History: 2 accounts, 3 deals, 2 usage." in capsys.readouterr().out
