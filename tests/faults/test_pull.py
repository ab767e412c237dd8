"""A pull against services in trouble: nothing missing, doubled or stale, whenever it is killed; nothing leaks."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.errors import DataError, UsageError
from holdfast.features.pull import Patience, Pulled, access, engine, landing, pull
from holdfast.features.pull.service import Reach
from holdfast.serving.command import run
from tests.faults.pull_server import EMAIL, ENVIRONMENT, KEY, TOKEN, Server, World, serving

pytest.importorskip("dlt", reason="the extra 'pull'")

TABLES = {
    "stripe": ("customers", "subscriptions", "invoices", "events"),
    "zendesk": (
        "organizations",
        "users",
        "tickets",
        "ticket_events",
        "ticket_metric_events",
        "satisfaction_ratings",
    ),
}
QUICK = Patience(attempts=12, backoff=0.01, longest=0.05)
Versions = dict[str, dict[Any, list[str]]]


@pytest.fixture(autouse=True)
def let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def small() -> World:
    return World(customers=30, subscriptions=40, invoices=60, tickets=20)


def now() -> datetime:
    return datetime.now(UTC)


def pulled(service: str, out: Path, server: Server, clock: Callable[[], datetime] = now, **how: Any) -> Pulled:
    return pull(service, out, clock=clock, base_url=server.url, **{"patience": QUICK, **how})


def content(record: dict[str, Any]) -> str:
    """Write a record, delivered or landed, in one way: without what is absent and what a pull adds."""
    kept = {}
    for name, value in record.items():
        if name.startswith("_") or value is None:
            continue
        nested = isinstance(value, str) and value[:1] in ("{", "[")
        kept[name] = json.loads(value) if nested else value
    return json.dumps(kept, sort_keys=True)


def landed(out: Path) -> Versions:
    """Read every version that landed, by table and id, in the order in which they were fetched."""
    versions: Versions = {}
    for table in (folder for service in TABLES for folder in sorted((out / service).glob("*"))):
        rows = [row for part in table.glob("*.parquet") for row in pq.read_table(part).to_pylist()]
        for row in sorted(rows, key=lambda one: one["_fetched_at"]):
            versions.setdefault(table.name, {}).setdefault(row["id"], []).append(content(row))
    return versions


class Expected:
    """Every version that was to be seen at one of the pulls."""

    def __init__(self) -> None:
        self.versions: Versions = {}

    def seen(self, world: World, service: str) -> None:
        for table in TABLES[service]:
            for one, record in world.truth(table).items():
                known = self.versions.setdefault(table, {}).setdefault(one, [])
                if known[-1:] != [content(record)]:
                    known.append(content(record))


def compare(out: Path, expected: Versions) -> None:
    found = landed(out)
    assert found.keys() == expected.keys()
    for table, records in expected.items():
        assert found[table].keys() == records.keys(), table
        wrong = {one: (found[table][one], records[one]) for one in records if found[table][one] != records[one]}
        assert not wrong, (table, len(wrong), next(iter(wrong.items())))


def bytes_of(out: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in out.rglob("*.parquet")}


def test_nothing_is_missing_doubled_or_stale(tmp_path):
    world, expected, out = World(), Expected(), tmp_path / "in # put"
    with serving(world) as server:
        for turn in range(3):
            before = bytes_of(out)
            for service in TABLES:
                pulled(service, out, server)
                expected.seen(world, service)
            compare(out, expected.versions)
            assert before.items() <= bytes_of(out).items(), "what landed was rewritten"
            if turn < 2:
                world.change()
        files = bytes_of(out)
        again = [pulled(service, out, server) for service in TABLES]
    assert not any(count for one in again for count in one.rows.values())
    assert bytes_of(out) == files
    assert min(server.seen[trouble] for trouble in ("429", "503", "reset")) >= 10
    old = [one for one in world.tables["invoices"].values() if one["created"] < world.now - 91 * 86_400]
    paid_late = [one for one in old if (one["status_transitions"]["paid_at"] or 0) > world.now - 86_400]
    assert len(paid_late) >= 5, "the server has to pay invoices for which the lag is too short"
    assert not list((out / ".dlt").rglob("*.p*")), "dlt left something behind"


@contextmanager
def driver(out: Path, url: str, home: Path) -> Iterator[Callable[[str, float], int]]:
    """Run pulls in processes of their own, from a home folder whose settings of dlt are hostile."""
    (home / ".dlt").mkdir(parents=True)
    (home / ".dlt" / "config.toml").write_text("[runtime]\ndlthub_telemetry = true\n[normalize]\nnaming = 'x'\n")
    root = Path(__file__).parents[2]
    environment = {**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home / "xdg"), "PYTHONPATH": str(root)}
    command = [sys.executable, str(root / "tests/faults/pull_driver.py"), str(out), url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=home, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(service: str, seconds: float) -> int:
            process.stdin.write(f"{service} {seconds}\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            assert not answer.startswith("leak"), answer
            return int(answer)

        yield ask
        process.stdin.close()


def test_killed_at_any_time_and_run_again_it_holds_the_same(tmp_path):
    world, expected, killed = World(150, 200, 800, 200), Expected(), 0
    chance = random.Random(11)  # noqa: S311 # seeded on purpose
    out, home = tmp_path / "out", tmp_path / "home"
    with serving(world) as server, driver(out, server.url, home) as ask:
        for kills in ({"stripe": 5, "zendesk": 2}, {"stripe": 2, "zendesk": 1}):
            for service, count in kills.items():
                longest = 1.2 if service == "stripe" else 0.8
                for i in range(count):
                    killed += ask(service, longest * (i + chance.random()) / count) == -9
                assert ask(service, 0) == 0
                expected.seen(world, service)
            compare(out, expected.versions)
            world.change()
    assert killed >= 3  # a quick machine is done before some of them
    assert [path.name for path in home.rglob("*") if path.is_file()] == ["config.toml"]


@pytest.mark.parametrize("step", ["normalize", "load"])
@pytest.mark.parametrize("landed_before", [False, True])
def test_a_pending_package_is_finished_before_anything_is_read(tmp_path, monkeypatch, step, landed_before):
    import dlt

    world, expected = small(), Expected()
    with serving(world) as server:
        if landed_before:
            pulled("stripe", tmp_path, server)
            expected.seen(world, "stripe")
            world.change()
        cut_off_at(monkeypatch, dlt.Pipeline, step, tmp_path, server)
        expected.seen(world, "stripe")
        world.change()
        pulled("stripe", tmp_path, server)
        expected.seen(world, "stripe")
    compare(tmp_path, expected.versions)


def unplugged(*_: object, **__: object) -> None:
    raise RuntimeError("pulled the plug")


def cut_off_at(
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    step: str,
    out: Path,
    server: Server,
    service: str = "stripe",
    by: Callable[..., None] = unplugged,
) -> None:
    """Pull until a step, and no further."""
    with monkeypatch.context() as broken:
        broken.setattr(owner, step, by)
        with pytest.raises(RuntimeError, match="pulled the plug"):
            pulled(service, out, server)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_landing_that_is_cut_short_is_done_again(tmp_path, monkeypatch, after):
    world, expected = small(), Expected()
    with serving(world, troubles=False) as server:
        pulled("stripe", tmp_path, server)
        expected.seen(world, "stripe")
        world.change()
        removed, unlink = [], Path.unlink

        def unplugged_later(path: Path, *how: Any, **named: Any) -> None:
            if path.suffix == ".parquet":
                removed.append(path)
                if len(removed) > after:
                    unplugged()
            unlink(path, *how, **named)

        cut_off_at(monkeypatch, Path, "unlink", tmp_path, server, by=unplugged_later)
        expected.seen(world, "stripe")
        world.change()
        pulled("stripe", tmp_path, server)
        expected.seen(world, "stripe")
    compare(tmp_path, expected.versions)


def test_what_cannot_be_finished_is_read_again(tmp_path, monkeypatch, caplog):
    import dlt

    world, expected = small(), Expected()
    with serving(world, troubles=False) as server:
        cut_off_at(monkeypatch, dlt.Pipeline, "normalize", tmp_path, server)
        damaged = list((tmp_path / ".dlt").rglob("*.typed-jsonl.gz"))
        assert damaged
        for path in damaged:
            path.write_bytes(path.read_bytes()[:40])
        pulled("stripe", tmp_path, server)
        expected.seen(world, "stripe")
    compare(tmp_path, expected.versions)
    assert "is read again" in caplog.text


def test_a_state_that_comes_back_is_a_version_again(tmp_path):
    def load(number: int, *rows: tuple[int, str, int]) -> dict[str, int]:
        columns = {
            "id": [one for one, _, _ in rows],
            "_version": [version for _, version, _ in rows],
            "_fetched_at": [datetime(2026, 1, number, 0, 0, second, tzinfo=UTC) for _, _, second in rows],
        }
        for i, part in enumerate((slice(None, 2), slice(2, None))):
            path = tmp_path / "raw" / "t" / f"{number}.5.f{i}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table({name: values[part] for name, values in columns.items()}), path)
        return landing.land(tmp_path / "raw", tmp_path / "t")

    def versions() -> list[str]:
        rows = pa.concat_tables([pq.read_table(one) for one in (tmp_path / "t" / "t").glob("*")]).to_pylist()
        return [row["_version"] for row in sorted(rows, key=lambda one: one["_fetched_at"]) if row["id"] == 1]

    assert load(9, (1, "a", 0), (2, "a", 0), (1, "a", 1)) == {"t": 2}
    third = (10, (1, "b", 3), (2, "a", 0), (1, "c", 2), (1, "b", 1))
    assert load(*third) == {"t": 3}
    assert load(*third) == {"t": 3}, "a load that lands again does not look at itself"
    assert load(11, (1, "b", 0), (2, "a", 0)) == {"t": 0}
    assert load(12, (1, "a", 0), (3, "a", 0)) == {"t": 2}
    assert versions() == ["a", "b", "c", "b", "a"]
    assert sorted(path.stem for path in (tmp_path / "t" / "t").iterdir()) == ["10.5", "12.5", "9.5"]


def test_a_change_of_the_last_minute_comes_with_the_next_pull(tmp_path):
    world, expected = small(), Expected()
    with serving(world, troubles=False) as server:
        pulled("zendesk", tmp_path, server)
        expected.seen(world, "zendesk")
        world.solve(world.tables["tickets"][3], ago=30)
        assert not any(pulled("zendesk", tmp_path, server).rows.values())
        world.now += 60
        assert pulled("zendesk", tmp_path, server).rows["tickets"] == 1
        expected.seen(world, "zendesk")
    compare(tmp_path, expected.versions)


def test_the_service_says_how_long_to_wait(tmp_path):
    with serving(small(), retry_after="1") as server:
        server.page = 10
        begin = time.monotonic()
        pulled("zendesk", tmp_path, server, patience=Patience(5, 0.01, 30))
    assert server.seen["429"] >= 1
    assert time.monotonic() - begin >= server.seen["429"]


def test_a_day_may_bound_what_is_read_but_never_leaves_a_gap():
    mark = datetime(2026, 5, 10, tzinfo=UTC)
    hour, day = timedelta(hours=1), timedelta(days=1)
    assert Reach({"t": mark}).since("t", hour) == (mark - hour).timestamp()
    assert Reach({"t": mark}, mark + day).since("t", hour) == (mark - hour).timestamp()
    assert Reach({"t": mark}, mark - day).since("t", hour) == (mark - day).timestamp()
    assert Reach({"u": mark}, mark + day).since("t", hour) == (mark + day).timestamp()
    assert Reach({"u": mark}).since("t", hour) == 0


def test_what_cannot_be_had_is_told(tmp_path):
    with serving(small(), troubles=False) as server:
        first = pulled("stripe", tmp_path, server)
        later = pulled("stripe", tmp_path, server, clock=lambda: now() + timedelta(days=40))
    assert [(one.code, one.where, one.count) for one in first.findings] == [("HF066", "subscriptions.items", 1)]
    assert [(one.code, one.where, one.count) for one in later.findings][:1] == [("HF067", "stripe", 40)]


@pytest.mark.parametrize("service", TABLES)
@pytest.mark.parametrize(("status", "said"), [(401, "to be let in"), (403, "administrator|may read"), (503, "later")])
def test_a_refusal_is_one_line_and_gives_no_secret_away(tmp_path, service, status, said, capsys, caplog, monkeypatch):
    caplog.set_level("DEBUG")
    patience = Patience(attempts=3, backoff=0.01, longest=0.02)
    monkeypatch.setattr(engine, "Patience", lambda: patience)
    with serving(small(), troubles=False) as server:
        server.refuse = status
        code = run(["pull", service, "--out", str(tmp_path), "--base-url", server.url])
    told = capsys.readouterr()
    assert code == 30
    assert told.out == ""
    assert len([line for line in told.err.splitlines() if not line.startswith("DEBUG")]) == 1
    assert "Traceback" not in told.err
    assert any(word in told.err for word in said.split("|"))
    assert server.seen["requests"] == (3 if status == 503 else 1)
    no_secret_in(tmp_path, told.err, caplog.text)


def no_secret_in(folder: Path, *texts: str) -> None:
    import base64

    basic = base64.b64encode(f"{EMAIL}/token:{TOKEN}".encode()).decode()
    for secret in (KEY, TOKEN, EMAIL, basic):
        assert not any(secret in text for text in texts)
        for path in (path for path in folder.rglob("*") if path.is_file()):
            assert secret.encode() not in path.read_bytes(), path


def test_secrets_are_nowhere_and_nobody_else_is_called(tmp_path, monkeypatch, caplog, capfd):
    import dlt

    called, connect = [], socket.socket.connect

    def watched(self: socket.socket, address: Any) -> None:
        called.append(address)
        connect(self, address)

    caplog.set_level("DEBUG")
    monkeypatch.setattr(socket.socket, "connect", watched)
    with serving(small()) as server:
        for service in TABLES:
            cut_off_at(monkeypatch, dlt.Pipeline, "load", tmp_path, server, service)
            assert list((tmp_path / ".dlt" / service).rglob("*.json")), "dlt's work is to be looked through"
            no_secret_in(tmp_path)
            pulled(service, tmp_path, server)
    no_secret_in(tmp_path, caplog.text, *capfd.readouterr())
    assert len(called) >= 4
    assert {address[0] for address in called} == {"127.0.0.1"}
    assert os.environ["RUNTIME__DLTHUB_TELEMETRY"] == "false"


@pytest.mark.parametrize(
    "answer", [{"message": "sign in"}, {"data": [{"object": "customer"}], "has_more": False}], ids=["none", "no id"]
)
def test_an_answer_that_is_none_is_refused(tmp_path, monkeypatch, answer):
    with serving(small(), troubles=False) as server:
        monkeypatch.setattr("tests.faults.pull_server.Handler.answer", lambda _self: answer)
        with pytest.raises(DataError, match="as its interface documents it"):
            pulled("stripe", tmp_path, server)
    with pytest.raises(DataError, match="expected an answer, found none"):
        pulled("stripe", tmp_path, server)
    assert not bytes_of(tmp_path)


def test_the_command_says_what_landed(tmp_path, capsys):
    with serving(small(), troubles=False) as server:
        arguments = ["pull", "zendesk", "--out", str(tmp_path), "--base-url", server.url]
        assert run([*arguments, "--json"]) == 0
        summary = json.loads(capsys.readouterr().out)
        assert run(arguments) == 10
    assert summary["rows"]["tickets"] == 20
    assert capsys.readouterr().out == f"nothing to do: zendesk holds nothing that is not in {tmp_path / 'zendesk'}\n"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://api.stripe.com", "https"),
        ("http://127.0.0.1.evil.example", "https"),
        ("ftp://127.0.0.1", "https"),
        ("https://key@api.stripe.com", "secrets come from the environment"),
        ("https://api.stripe.com?key=1", "secrets come from the environment"),
        ("https://[bad", "correct it"),
        ("api.stripe.com", "something else"),
    ],
)
def test_secrets_are_sent_over_https_alone(tmp_path, url, said):
    with pytest.raises(UsageError, match=said):
        pull("stripe", tmp_path, clock=now, base_url=url)
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="did you mean 'stripe'"):
        pull("strype", tmp_path, clock=now)
    with pytest.raises(UsageError, match="HOLDFAST_ZENDESK_SUBDOMAIN"):
        pull("zendesk", tmp_path, clock=now)
    monkeypatch.setenv("HOLDFAST_ZENDESK_SUBDOMAIN", "evil.example/")
    with pytest.raises(UsageError, match="the part before"):
        pull("zendesk", tmp_path, clock=now)
    with pytest.raises(UsageError, match="a day that has begun"):
        pull("stripe", tmp_path, clock=now, since=now() + timedelta(days=1))
    monkeypatch.setattr(engine, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"pip install 'holdfast\[pull\]'"):
        pull("stripe", tmp_path, clock=now)
    monkeypatch.delenv("HOLDFAST_STRIPE_KEY")
    with pytest.raises(UsageError, match="set HOLDFAST_STRIPE_KEY, or HOLDFAST_STRIPE_KEY_FILE"):
        pull("stripe", tmp_path, clock=now)
    assert not list(tmp_path.iterdir())


def test_a_secret_may_stand_in_a_file(tmp_path):
    path = tmp_path / "key"
    path.write_text("rk_1\n")
    path.chmod(0o600)
    assert access.secrets(("K",), {"K_FILE": str(path)}) == {"K": "rk_1"}
    path.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        access.secrets(("K",), {"K_FILE": str(path)})
    path.write_text("rk_1\nrk_2\n")
    path.chmod(0o600)
    with pytest.raises(UsageError, match="one line"):
        access.secrets(("K",), {"K_FILE": str(path)})
    with pytest.raises(UsageError, match="a readable text file"):
        access.secrets(("K",), {"K_FILE": str(tmp_path / "none")})
