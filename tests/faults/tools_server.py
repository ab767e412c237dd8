"""HubSpot, Salesforce, Gainsight, Totango and ChurnZero on loopback, as their documentation has them, with troubles.

Each tool has an address of its own below one server, holds what was written, and refuses what the real one refuses. On
purpose some requests are answered by 429, or by 502 before or after they took effect; and a process may be killed at a
request of one's choice.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd

from holdfast.serving.scoring import Scores
from holdfast.serving.workspace import Workspace
from holdfast.serving.writeback.settings import FIELDS
from holdfast.serving.writeback.values import records_of
from tests.published import serve

TOOLS = ("hubspot", "salesforce", "gainsight", "totango", "churnzero")
TOKEN = "t0ken-canary"  # noqa: S105
GIF = b"GIF89a"
DAY_FIELD = "holdfast_as_of"
CERTAIN = ("hubspot", "salesforce", "gainsight")
PLAN = '[data]\npath = "history"\n[churn]\nkind = "notice"\n'
Record = dict[str, Any]


class Server(ThreadingHTTPServer):
    """The five tools.

    Parameters
    ----------
    unknown
        Accounts that the tools do not have.
    invalid
        Accounts that they have, with a value that they refuse.
    """

    daemon_threads = True

    def __init__(self, unknown: Collection[str] = (), invalid: Collection[str] = (), *, troubles: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.unknown, self.invalid, self.troubles = set(unknown), set(invalid), troubles
        self.held: dict[str, dict[str, Record]] = {one: {} for one in TOOLS}
        self.requests: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        self.paths: list[tuple[str, str]] = []
        self.answers: dict[str, list[tuple[int, dict[str, str], bytes]]] = {one: [] for one in TOOLS}
        self.kill: tuple[int, int] | None = None  # process, and the request at which it dies
        self.guard, self.last = threading.Lock(), 0

    def trouble(self, number: int) -> str:
        """Give every 7th request a 429 and every 13th a 502, never two in a row, so that nobody waits for long."""
        what = "429" if number % 7 == 0 else ("502 before" if number % 26 == 0 else "502 after") * (number % 13 == 0)
        if not self.troubles or not what or self.last == number - 1:
            return ""
        self.last = number
        self.seen[what] += 1
        return what

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Take no notice of a process that was killed in the middle of a request."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def url(self, tool: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{tool}"

    def plan(self, **more: str) -> str:
        """Write the sections of a plan; more TOML by tool."""
        keys = {"gainsight": 'key = "Account_Key"\n', "salesforce": 'key = "Account_Key__c"\n'}
        return "".join(
            f'[writeback.{one}]\nurl = "{self.url(one)}"\ntoken = "env:TOOLS_TOKEN"\npause = 0\n'
            f"{keys.get(one, '')}{more.get(one, '')}"
            for one in TOOLS
        )


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        tool, _, path = self.path.strip("/").partition("/")
        with self.server.guard:
            self.server.requests[tool] += 1
            self.server.paths.append((self.command, self.path))
            number = self.server.requests.total()
            answer = self.answered(tool, path, content, number)
            if self.server.kill is not None and number >= self.server.kill[1]:
                os.kill(self.server.kill[0], signal.SIGKILL)
                self.server.kill = None
        self.give(*answer)

    def do_PUT(self) -> None:
        self.do_POST()

    def do_PATCH(self) -> None:
        self.do_POST()

    def answered(self, tool: str, path: str, content: bytes, number: int) -> tuple[int, dict[str, str], bytes]:
        if self.server.answers[tool]:
            return self.server.answers[tool].pop(0)
        trouble = self.server.trouble(number)
        if trouble == "429":
            return 429, {"Retry-After": "0"}, b"{}"
        if trouble == "502 before":
            return 502, {}, b"<html>bad gateway</html>"
        status, body = getattr(self, tool)(path, content)
        if trouble == "502 after":
            return 502, {}, b"<html>bad gateway</html>"
        return status, {}, body if isinstance(body, bytes) else json.dumps(body).encode()

    def give(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def hold(self, tool: str, account: str, fields: Record) -> None:
        self.server.writes[tool] += 1
        self.server.held[tool].setdefault(account, {}).update(fields)

    def let_in(self, header: str, value: str) -> bool:
        return self.headers[header] == value

    def hubspot(self, path: str, content: bytes) -> tuple[int, Any]:
        if not self.let_in("Authorization", f"Bearer {TOKEN}"):
            return 401, {"message": "no"}
        inputs = json.loads(content)["inputs"]
        assert path == "crm/v3/objects/companies/batch/update"
        assert 0 < len(inputs) <= 100
        if any(one["id"] in self.server.invalid for one in inputs):
            return 400, {"status": "error", "message": "Property values were not valid", "category": "VALIDATION_ERROR"}
        gone = [one["id"] for one in inputs if one["id"] in self.server.unknown]
        done = [one for one in inputs if one["id"] not in gone]
        for one in done:
            self.hold("hubspot", one["id"], one["properties"])
        error = {"message": "Could not get some COMPANY objects", "context": {"ids": gone}}
        body = {"status": "COMPLETE", "results": [{"id": one["id"]} for one in done]}
        return (207, body | {"numErrors": 1, "errors": [error]}) if gone else (200, body)

    def salesforce(self, path: str, content: bytes) -> tuple[int, Any]:
        if not self.let_in("Authorization", f"Bearer {TOKEN}"):
            return 401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
        told = json.loads(content)
        rows = told["records"]
        assert path == "services/data/v60.0/composite/sobjects/Account/Account_Key__c"
        assert told["allOrNone"] is False
        assert 0 < len(rows) <= 200
        return 200, [self._of_salesforce(one) for one in rows]

    def _of_salesforce(self, row: Record) -> Record:
        account = row.pop("Account_Key__c")
        if row.pop("attributes") != {"type": "Account"} or account in self.server.unknown | self.server.invalid:
            return {"success": False, "errors": [{"message": "Required fields are missing: [Name]"}]}
        self.hold("salesforce", account, {name.removesuffix("__c"): value for name, value in row.items()})
        return {"id": f"001{account}", "success": True, "errors": [], "created": False}

    def gainsight(self, path: str, content: bytes) -> tuple[int, Any]:
        if not self.let_in("accesskey", TOKEN):
            return 401, {"result": False, "errorDesc": "no"}
        rows = json.loads(content)["records"]
        assert path == "v1/data/objects/Company?keys=Account_Key"
        assert 0 < len(rows) <= 50
        bad = [one for one in rows if one["Account_Key"] in self.server.unknown | self.server.invalid]
        if bad:
            return 400, {"result": False, "errorCode": "GSOBJ_1007", "errorDesc": "Validation failed for a record"}
        for one in rows:
            account = one.pop("Account_Key")
            self.hold("gainsight", account, {name.removesuffix("__gc"): value for name, value in one.items()})
        return 200, {"result": True, "data": {"count": len(rows)}}

    def totango(self, path: str, content: bytes) -> tuple[int, Any]:
        form = {name: one[0] for name, one in parse_qs(content.decode(), keep_blank_values=True).items()}
        assert urlsplit(path).path == "pixel.gif"
        if form.pop("sdr_s") == TOKEN:
            account = form.pop("sdr_o")
            self.hold("totango", account, {name.removeprefix("sdr_o."): value for name, value in form.items()})
        return 200, GIF

    def churnzero(self, path: str, content: bytes) -> tuple[int, Any]:
        assert path == "i"
        for one in json.loads(content):
            if (one["appKey"], one["action"], one["entity"]) == (TOKEN, "setAttribute", "account"):
                fields = {n.removeprefix("attr_"): value for n, value in one.items() if n.startswith("attr_")}
                self.hold("churnzero", one["accountExternalId"], fields)
        return 200, GIF


@dataclass
class Company:
    """A workspace with a plan, before a server."""

    folder: Path
    server: Server

    def __post_init__(self) -> None:
        (self.folder / "plan.toml").write_text(PLAN + self.server.plan())

    def serve(self, scores: Scores) -> Scores:
        serve(Workspace(self.folder / "out"), scores)
        return scores

    def write_back(self, kill_at: int | None = None) -> tuple[int, Any]:
        """Run the command, and kill it when the server has had so many more requests."""
        command = [sys.executable, "-m", "holdfast", "writeback", str(self.folder / "plan.toml"), "--json"]
        environment = {**os.environ, "TOOLS_TOKEN": TOKEN}
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
            if kill_at is not None:
                self.server.kill = process.pid, self.server.requests.total() + kill_at
            out, err = process.communicate()
        assert TOKEN.encode() not in out + err
        return process.returncode, json.loads(out) if out else err.decode()

    def exact(self, scores: Scores) -> dict[str, int]:
        """Count the accounts of each tool that hold the values of the scores, of whatever day; -1 where one differs."""
        refused = self.server.unknown | self.server.invalid
        wanted = {one.account_id: one for one in records_of(scores, FIELDS, "")}
        right = {}
        for tool in TOOLS:
            held = self.server.held[tool]
            texts = tool in ("hubspot", "totango", "churnzero")
            same = [
                {**held[one], DAY_FIELD: ""} == {**(record.texts() if texts else record.fields), DAY_FIELD: ""}
                for one, record in ((one, wanted[one]) for one in held)
            ]
            stray = refused & {*held} if tool in CERTAIN else set()
            right[tool] = -1 if stray or not all(same) else len(same)
        return right


def next_day(scores: Scores, every: int) -> Scores:
    """Give the scores of the day after, changed for one account in so many."""
    rows = scores.rows.copy()
    changed = rows.index[::every]
    rows.loc[changed, "health"] = (rows.loc[changed, "health"] + 7.0) % 100
    day = scores.as_of + pd.Timedelta(days=1)
    return Scores(day, rows.assign(as_of=day), scores.reasons)
