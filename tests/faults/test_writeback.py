"""Write-back: what has changed and nothing else, exact in the end, whatever a tool answers and whoever is killed."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from holdfast.errors import PublishError, UsageError
from holdfast.safely import alone
from holdfast.serving.command import run
from holdfast.serving.ledger.store import LEDGER, Ledger
from holdfast.serving.plan import parse_plan
from holdfast.serving.scoring import Scores
from holdfast.serving.writeback.settings import ChurnZero, Gainsight, HubSpot, Salesforce, Sink, Totango
from holdfast.serving.writeback.values import records_of
from holdfast.serving.writeback.wire import Patience
from holdfast.serving.writeback.writing import Written, write_back
from tests.faults.test_hostile_names import HOSTILE
from tests.faults.tools_server import TOKEN, TOOLS, Company, Server, next_day, serving
from tests.published import DAY, scores_of

AT = datetime(2026, 1, 2, tzinfo=UTC)
QUICK = Patience(attempts=3, backoff=0.0, longest=5.0)


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLS_TOKEN", TOKEN)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server(unknown=["A00001"], invalid=["A00003"])) as found:
        yield found


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / LEDGER)


def sink_of(server: Server, tool: str, **how: Any) -> Sink:
    kinds = {"hubspot": HubSpot, "salesforce": Salesforce, "gainsight": Gainsight}
    kinds |= {"totango": Totango, "churnzero": ChurnZero}
    keys = {"gainsight": {"key": "Account_Key"}, "salesforce": {"key": "Account_Key__c"}}
    made = {"url": server.url(tool), "token": "env:TOOLS_TOKEN", "pause": 0.0, **keys.get(tool, {}), **how}
    return kinds[tool](**made)


def write(server: Server, ledger: Ledger, scores: Scores, tool: str, **how: Any) -> Written:
    return write_back(ledger, scores, tool, sink_of(server, tool, **how), AT, QUICK)


def states(ledger: Ledger, tool: str) -> dict[str, str]:
    found = ledger.read("SELECT account_id, state FROM written WHERE sink = ? ORDER BY 1", (tool,))
    return dict(found.itertuples(index=False))


def test_every_tool_ends_exact_after_kills_busy_answers_and_poison(tmp_path: Path) -> None:
    ids = [f"A{i:05d}" for i in range(220)]
    with serving(Server(unknown=ids[3:5], invalid=ids[150:152], troubles=True)) as server:
        company = Company(tmp_path, server)
        scores = company.serve(scores_of(220))
        assert [company.write_back(kill)[0] for kill in (3, 9, 90)] == [-9, -9, -9]
        code, told = company.write_back()
        assert code == 1
        assert [(one["failed"], one["left"], one["stopped"]) for one in told] == [(4, 0, "")] * 3 + [(0, 0, "")] * 2
        right = {"hubspot": 216, "salesforce": 216, "gainsight": 216, "totango": 220, "churnzero": 220}
        assert company.exact(scores) == right
        assert server.seen.total() > 20
        server.troubles = False
        server.writes.clear()
        server.requests.clear()
        code, told = company.write_back()
        assert (code, server.writes.total()) == (1, 0)  # those that were refused, and nothing else, were tried again
        assert [one["unchanged"] for one in told] == [216, 216, 216, 220, 220]
        assert not server.requests["totango"] + server.requests["churnzero"]
        later = company.serve(next_day(scores, 20))
        code, told = company.write_back()
        assert [one["confirmed"] + one["sent"] for one in told] == [11] * 5
        assert company.exact(later) == right
        days = {one["holdfast_as_of"] for one in server.held["salesforce"].values()}
        assert days == {"2026-01-01", "2026-01-02"}


def test_values_are_rounded_and_what_is_missing_clears(server: Server, ledger: Ledger) -> None:
    columns = {"health": [56.04, None], "p90": [0.12345, None], "expected_arr_at_risk_90": [1234.5678, None]}
    columns |= {"score_status": ["scored", "not_scored"], "driver_1": ["3 of 9", ""]}
    scores = scores_of(2, **columns)
    scores.rows["account_id"] = ["A00000", "A00002"]
    fields = ("health", "p90", "expected_arr_at_risk_90", "driver_1", "score_status")
    for tool in TOOLS:
        write(server, ledger, scores, tool, fields=fields)
    about = {"holdfast_as_of": "2026-01-01", "holdfast_model_version": "v1"}
    first = {"holdfast_health": 56.0, "holdfast_p90": 0.123, "holdfast_expected_arr_at_risk_90": 1235.0}
    first |= {"holdfast_driver_1": "3 of 9", "holdfast_score_status": "scored", **about}
    second = dict.fromkeys(first) | {"holdfast_score_status": "not_scored", **about}
    for tool in ("salesforce", "gainsight"):
        assert server.held[tool] == {"A00000": first, "A00002": second}
    texts = {name: str(value) for name, value in first.items()}
    cleared = {name: value or "" for name, value in second.items()}
    for tool in ("hubspot", "totango", "churnzero"):
        assert server.held[tool] == {"A00000": texts, "A00002": cleared}


@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA, pd.NaT, ""])
def test_a_text_that_is_missing_clears_whatever_stands_for_it(server: Server, ledger: Ledger, nothing: object) -> None:
    scores = scores_of(2)
    texts = {
        name: pd.Series([one, nothing], dtype=object) for name, one in (("driver_1", "3 of 9"), ("model_version", "v1"))
    }
    scores = Scores(DAY, scores.rows.assign(account_id=["A00000", "A00002"], **texts), scores.reasons)
    for tool in TOOLS:
        write(server, ledger, scores, tool, fields=("driver_1",))
        cleared = None if tool in ("salesforce", "gainsight") else ""
        held = {
            account: (one["holdfast_driver_1"], one["holdfast_model_version"])
            for account, one in server.held[tool].items()
        }
        assert held == {"A00000": ("3 of 9", "v1"), "A00002": (cleared, cleared)}


def test_a_change_is_one_that_survives_rounding(server: Server, ledger: Ledger) -> None:
    first = scores_of(9)
    assert write(server, ledger, first, "churnzero").sent == 9
    rows = first.rows.copy()
    rows["model_version"], rows["as_of"] = "v2", DAY + pd.Timedelta(days=1)
    rows.loc[0, "health"] += 0.01
    rows.loc[1, "health"] = (rows.loc[1, "health"] + 50) % 100
    done = write(server, ledger, Scores(DAY + pd.Timedelta(days=1), rows, first.reasons), "churnzero")
    assert (done.sent, done.unchanged) == (1, 8)
    assert server.held["churnzero"]["A00001"]["holdfast_model_version"] == "v2"


def test_another_address_or_other_fields_are_written_again(server: Server, ledger: Ledger) -> None:
    scores = scores_of(3)
    assert write(server, ledger, scores, "churnzero").sent == 3
    assert write(server, ledger, scores, "churnzero").sent == 0
    assert write(server, ledger, scores, "churnzero", fields=("health",)).sent == 3
    other = server.url("churnzero").replace("127.0.0.1", "localhost")
    assert write(server, ledger, scores, "churnzero", fields=("health",), url=other).sent == 3


def test_another_address_in_the_same_variable_is_written_again(
    server: Server, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = scores_of(3)
    monkeypatch.setenv("TOOLS_URL", server.url("churnzero"))
    assert write(server, ledger, scores, "churnzero", url="env:TOOLS_URL").sent == 3
    assert write(server, ledger, scores, "churnzero", url="env:TOOLS_URL").sent == 0
    monkeypatch.setenv("TOOLS_URL", server.url("churnzero").replace("127.0.0.1", "localhost"))
    assert write(server, ledger, scores, "churnzero", url="env:TOOLS_URL").sent == 3


def test_an_older_day_is_never_written_over_a_later_one(server: Server, ledger: Ledger) -> None:
    later = scores_of(5, DAY + pd.Timedelta(days=1))
    assert write(server, ledger, later, "salesforce").failed == 2
    before = json.dumps(server.held["salesforce"])
    done = write(server, ledger, scores_of(5, DAY, seed=9), "salesforce")
    assert (done.older, done.confirmed, done.requests) == (5, 0, 0)
    assert json.dumps(server.held["salesforce"]) == before


@pytest.mark.parametrize("tool", ["hubspot", "salesforce", "gainsight"])
def test_what_is_refused_is_kept_with_its_reason_and_tried_again(server: Server, ledger: Ledger, tool: str) -> None:
    done = write(server, ledger, scores_of(6), tool)
    assert (done.confirmed, done.failed, set(done.errors)) == (4, 2, {"A00001", "A00003"})
    assert all(done.errors.values())
    expected = dict.fromkeys([f"A0000{i}" for i in range(6)], "confirmed") | {"A00001": "failed", "A00003": "failed"}
    assert states(ledger, tool) == expected
    server.unknown.clear()
    done = write(server, ledger, scores_of(6), tool)
    assert (done.confirmed, done.failed, done.unchanged) == (1, 1, 4)
    server.invalid.clear()
    assert write(server, ledger, scores_of(6), tool).confirmed == 1
    assert write(server, ledger, scores_of(6), tool).unchanged == 6


def test_unknown_companies_are_not_made(server: Server, ledger: Ledger) -> None:
    for tool in ("hubspot", "salesforce", "gainsight"):
        write(server, ledger, scores_of(4), tool)
        assert set(server.held[tool]) == {"A00000", "A00002"}
    assert not [path for _, path in server.paths if "upsert" in path]
    server.answers["salesforce"] = [(200, {}, b'[{"id": "1", "success": true, "created": true}]')]
    one = scores_of(1, seed=4)
    assert write(server, ledger, one, "salesforce").errors == {
        "A00000": "no account had this key, and one was made: see to it"
    }


def test_records_are_updated_by_the_own_id_of_a_tool_where_that_is_the_key(server: Server, ledger: Ledger) -> None:
    server.answers["salesforce"] = [(200, {}, b'[{"id": "A00000", "success": true}]')]
    assert write(server, ledger, scores_of(1), "salesforce", key="Id").confirmed == 1
    assert server.paths == [("PATCH", "/salesforce/services/data/v60.0/composite/sobjects")]


ENDS = [
    (401, {}, "status 401: the key is not accepted"),
    (403, {}, "status 403: the key may not write there"),
    (404, {}, "status 404: nothing is at this address"),
    (302, {"Location": "http://169.254.169.254/latest"}, "status 302: it points elsewhere, which is not followed"),
    (307, {"Location": "/totango/elsewhere"}, "status 307: it points elsewhere, which is not followed"),
    (429, {"Retry-After": "3600"}, "it asks to wait 3600 seconds"),
]


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(("status", "headers", "why"), ENDS)
def test_a_tool_that_lets_nobody_in_is_left_for_the_next_time(
    server: Server, ledger: Ledger, tool: str, status: int, headers: dict[str, str], why: str
) -> None:
    server.answers[tool] = [(status, headers, b"no " + TOKEN.encode())]
    done = write(server, ledger, scores_of(3), tool)
    assert (done.stopped, done.left, done.failed) == (why, 3, 0)
    assert (server.requests.total(), states(ledger, tool)) == (1, {})
    assert write(server, ledger, scores_of(3), tool).left == 0


def test_a_tool_that_is_busy_for_too_long(server: Server, ledger: Ledger) -> None:
    server.answers["hubspot"] = [(503, {}, b"")] * 3
    done = write(server, ledger, scores_of(3), "hubspot")
    assert (done.stopped, server.requests["hubspot"]) == ("status 503, time and again", 3)
    server.answers["hubspot"] = [(502, {}, b""), (429, {"Retry-After": "0"}, b"")]
    assert write(server, ledger, scores_of(3), "hubspot").confirmed == 2


def test_a_tool_that_cannot_be_reached(server: Server, ledger: Ledger) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = write(server, ledger, scores_of(3), "gainsight", url=f"http://127.0.0.1:{port}")
    assert done.stopped.startswith("it cannot be reached")
    assert (done.left, TOKEN in done.stopped) == (3, False)


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip"}, {"Transfer-Encoding": "chunked"}])
def test_an_answer_that_cannot_be_read_to_its_end(server: Server, ledger: Ledger, headers: dict[str, str]) -> None:
    server.answers["churnzero"] = [(200, headers, b"<html>" + TOKEN.encode())]
    done = write(server, ledger, scores_of(3), "churnzero")
    assert done.stopped.startswith("it cannot be reached")
    assert (done.left, TOKEN in done.stopped, states(ledger, "churnzero")) == (3, False, {})
    assert write(server, ledger, scores_of(3), "churnzero").sent == 3


def test_what_went_out_before_a_tool_stopped_is_kept(server: Server, ledger: Ledger) -> None:
    server.answers["totango"] = [(200, {}, b""), (200, {}, b""), (401, {}, b"")]
    done = write(server, ledger, scores_of(5), "totango")
    assert (done.sent, done.left, done.stopped) == (2, 3, "status 401: the key is not accepted")
    assert states(ledger, "totango") == {"A00000": "sent", "A00001": "sent"}


def test_a_field_that_the_tool_does_not_have_stops_after_one_batch(server: Server, ledger: Ledger) -> None:
    server.invalid = {f"A{i:05d}" for i in range(170)}
    done = write(server, ledger, scores_of(170), "gainsight")
    assert (done.failed, done.left) == (50, 120)
    assert done.stopped == "it took none of 50 accounts: Validation failed for a record"
    assert server.requests["gainsight"] == 99


def test_ids_that_totango_would_take_for_others_are_not_sent(server: Server, ledger: Ledger) -> None:
    scores = scores_of(2)
    scores.rows["account_id"] = ["a-1", "a_1"]
    done = write(server, ledger, scores, "totango")
    assert (done.sent, set(done.errors), set(server.held["totango"])) == (1, {"a-1"}, {"a_1"})


@pytest.mark.parametrize("tool", ["hubspot", "salesforce", "gainsight"])
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"{}", b"7", b"<html>", b'"x"', b"[7]", b'[[{"success": true}]]', b"\xff\xfe"),
        *(b'{"results": 7, "errors": [7, {"context": 3}]}', b'{"errors": {"a": 1}}', b'{"result": "true"}'),
        *(b'{"result": true, "data": {"count": 0}}', b'[{"success": "yes", "errors": [null]}]'),
    ],
)
def test_answers_of_no_known_form_are_no_confirmation(server: Server, ledger: Ledger, tool: str, body: bytes) -> None:
    server.answers[tool] = [(200, {}, body)]
    done = write(server, ledger, scores_of(1), tool)
    assert (done.failed, done.confirmed, done.stopped) == (1, 0, "")


def test_hostile_names_arrive_as_they_are(server: Server, ledger: Ledger) -> None:
    scores = scores_of(len(HOSTILE), driver_1=HOSTILE)
    server.unknown, server.invalid = set(), set()
    for tool in TOOLS:
        write(server, ledger, scores, tool, fields=("driver_1",))
        assert [one["holdfast_driver_1"] for _, one in sorted(server.held[tool].items())] == HOSTILE


def test_the_key_shows_nowhere(
    server: Server, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in (None, "urllib3", "requests"):
        caplog.set_level(logging.DEBUG, logger=name)
    done = []
    for tool in TOOLS:
        server.answers[tool] = [(502, {}, b"")]
        done.append(write(server, ledger, scores_of(4), tool))
        server.answers[tool] = [(400, {}, json.dumps({"message": f"bad key {TOKEN}", "errorDesc": TOKEN}).encode())]
        done.append(write(server, ledger, scores_of(1, seed=2), tool))
    assert [one.confirmed + one.sent for one in done[::2]] == [2, 2, 2, 4, 4]  # nobody's ~/.netrc is in the way
    assert "POST" in caplog.text
    shown = caplog.text + repr(done) + ledger.path.read_bytes().decode("latin-1") + repr(sink_of(server, "hubspot"))
    assert TOKEN not in shown
    assert not [path for _, path in server.paths if TOKEN in path]


PLAN = {"data": {"path": "h"}, "churn": {"kind": "notice"}}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"hubspot": {"tokn": "env:X"}}, r"key writeback\.hubspot\.tokn: expected a known key.*did you mean 'token'"),
        ({"hubspott": {}}, r"key writeback\.hubspott.*did you mean 'hubspot'"),
        ({"hubspot": {}}, r"writeback\.hubspot\.token: expected where its key stands.*section \[writeback\.hubspot\]"),
        ({"gainsight": {"url": "https://x", "token": "env:X"}}, r"writeback\.gainsight\.key: expected the field of"),
        ({"hubspot": {"token": "pat-eu1-c4nary"}}, r"writeback\.hubspot\.token: .*found \*\*\*"),
        ({"hubspot": {"token": "env:X", "fields": ["helth"]}}, r"did you mean 'health'"),
        ({"hubspot": {"token": "env:X", "fields": []}}, "at least one column"),
        ({"hubspot": {"token": "env:X", "key": "a/../b"}}, r"writeback\.hubspot\.key"),
        ({"salesforce": {"token": "env:X", "url": "https://x", "version": "60"}}, r"salesforce\.version"),
    ],
)
def test_sections_that_are_wrong_are_told(section: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_plan({**PLAN, "writeback": section})
    assert "c4nary" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://crm.example", "https://u:p@crm.example", "ftp://crm.example", "crm.example"])
def test_addresses_that_are_not_safe_are_refused(server: Server, ledger: Ledger, url: str) -> None:
    with pytest.raises(UsageError, match=r"plan, section writeback\.hubspot, key url"):
        write(server, ledger, scores_of(1), "hubspot", url=url)


def test_secrets_of_files_and_variables(server: Server, ledger: Ledger, tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o644)
    with pytest.raises(UsageError, match="a file that its owner alone may read"):
        write(server, ledger, scores_of(1), "hubspot", token=f"file:{path}")
    path.chmod(0o600)
    monkeypatch.setenv("TOOLS_URL", server.url("hubspot"))
    assert write(server, ledger, scores_of(1), "hubspot", token=f"file:{path}", url="env:TOOLS_URL").confirmed == 1
    monkeypatch.delenv("TOOLS_TOKEN")
    with pytest.raises(UsageError, match="environment variable TOOLS_TOKEN"):
        write(server, ledger, scores_of(1), "hubspot")


def test_a_ledger_that_cannot_be_read_sends_nothing(server: Server, ledger: Ledger) -> None:
    ledger.path.write_bytes(b"no database" * 1000)
    with pytest.raises(PublishError, match="not a database"):
        write(server, ledger, scores_of(3), "hubspot")
    assert server.requests.total() == 0


def test_a_column_that_the_scores_do_not_have() -> None:
    with pytest.raises(UsageError, match="'p180'"):
        records_of(scores_of(1), ("p180",), "")


def test_the_command(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    company = Company(tmp_path, server)
    plan = str(tmp_path / "plan.toml")
    assert run(["writeback", plan]) == 2
    assert "score first" in capsys.readouterr().err
    company.serve(scores_of(5))
    assert run(["writeback", plan, "--sink", "hubspott"]) == 2
    assert "did you mean 'hubspot'" in capsys.readouterr().err
    assert run(["writeback", plan, "--dry-run", "--json"]) == 0
    planned = {"changed": 5, "failed_before": 0, "unchanged": 0, "older": 0}
    assert json.loads(capsys.readouterr().out) == [{"sink": one, **planned} for one in TOOLS]
    assert server.requests.total() == 0
    assert not (tmp_path / "out" / LEDGER).exists()
    assert run(["writeback", plan, "--sink", "churnzero"]) == 0
    assert "churnzero\t0\t5\t0\t0\t0\t0" in capsys.readouterr().out
    assert run(["writeback", plan, "--sink", "churnzero"]) == 10
    assert run(["writeback", plan, "--sink", "hubspot"]) == 1
    assert "hubspot, account A00001: Could not get some COMPANY objects" in capsys.readouterr().out
    server.answers["gainsight"] = [(401, {}, b"")]
    assert run(["writeback", plan]) == 60
    told = capsys.readouterr()
    assert "Gainsight: status 401: the key is not accepted; 5 accounts are left for the next time" in told.err
    assert "totango\t0\t5" in told.out  # the others are written to all the same
    with alone(tmp_path / "out" / "writeback"):
        assert run(["writeback", plan]) == 50
    Path(plan).write_text('[data]\npath = "h"\n[churn]\nkind = "notice"\n')
    assert run(["writeback", plan]) == 2
    assert "a tool to write to" in capsys.readouterr().err
