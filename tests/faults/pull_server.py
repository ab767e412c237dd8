"""Stripe and Zendesk on loopback, as their documentation has them, with the troubles of the real ones."""

from __future__ import annotations

import base64
import json
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY, EMAIL, TOKEN = "rk_live_canary7f3a", "admin@canary.example", "zt_canary91bc"
ENVIRONMENT = {
    "HOLDFAST_STRIPE_KEY": KEY,
    "HOLDFAST_ZENDESK_EMAIL": EMAIL,
    "HOLDFAST_ZENDESK_TOKEN": TOKEN,
}
DAY = 86_400
Record = dict[str, Any]


def iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class World:
    """What the services hold, and every version of it that can be seen."""

    def __init__(
        self, customers: int = 300, subscriptions: int = 400, invoices: int = 2000, tickets: int = 500
    ) -> None:
        self.chance, self.now = random.Random(7), int(time.time())  # noqa: S311 # seeded on purpose
        self.tables: dict[str, dict[Any, Record]] = {}
        self.serial = 0
        make = {
            "customers": (self.customer, customers),
            "subscriptions": (self.subscription, subscriptions),
            "invoices": (self.invoice, invoices),
            "organizations": (self.organization, customers // 3),
            "users": (self.user, customers),
            "tickets": (self.ticket, tickets),
            "satisfaction_ratings": (self.rating, tickets // 5),
        }
        self.tables = {name: {} for name in (*make, "events", "ticket_events", "ticket_metric_events")}
        for name, (one, count) in make.items():
            for i in range(count):
                record = one(i)
                self.tables[name][record["id"]] = record

    def ago(self, days: float) -> int:
        return self.now - int(days * DAY) - self.chance.randrange(3600)

    def customer(self, i: int) -> Record:
        named = {"account_id": f"a{i}"} if i % 3 else {}
        return {"id": f"cus_{i:05}", "created": self.ago(300), "name": f"Käufer \N{SNOWMAN} {i}", "metadata": named}

    def subscription(self, i: int) -> Record:
        items = [{"id": f"si_{i}", "quantity": i % 9 + 1, "price": {"unit_amount": 4900, "currency": "eur"}}]
        status = self.chance.choice(["active", "active", "past_due", "canceled"])
        listed = {"object": "list", "data": items, "has_more": i == 3}
        record = {"id": f"sub_{i:05}", "created": self.ago(250), "customer": f"cus_{i % 300:05}", "status": status}
        return record | {"items": listed, "application_fee_percent": None if i % 2 else 10 + i % 3 / 2}

    def invoice(self, i: int) -> Record:
        created, status = self.ago(i % 200), "open" if i % 11 == 0 else "paid"
        paid = created + 100 if status == "paid" else None
        record = {"id": f"in_{i:05}", "created": created, "customer": f"cus_{i % 300:05}", "status": status}
        moved = {"finalized_at": created, "paid_at": paid}
        return record | {"amount_due": 100 * i, "amount_paid": 100 * i if paid else 0, "status_transitions": moved}

    def organization(self, i: int) -> Record:
        return {
            "id": 9000 + i,
            "name": f"Org {i}",
            "external_id": f"a{i}",
            "tags": ["x"],
            "updated_at": iso(self.ago(90)),
        }

    def user(self, i: int) -> Record:
        record = {"id": 70_000 + i, "email": f"u{i}@x.example", "organization_id": 9000 + i % 100, "role": "end-user"}
        return record | {"_changed": self.ago(i % 150)}

    def ticket(self, i: int) -> Record:
        subject = "2024-01-02T03:04:05Z" if i == 0 else f"Help {i} \N{PILE OF POO}"
        record = {
            "id": i + 1,
            "subject": subject,
            "status": "open",
            "priority": None,
            "organization_id": 9000 + i % 100,
        }
        return record | {"generated_timestamp": self.ago(i % 150), "satisfaction_rating": {"score": "unoffered"}}

    def rating(self, i: int) -> Record:
        return {"id": 500 + i, "ticket_id": i + 1, "score": "good", "updated_at": iso(self.ago(i % 60))}

    def change(self, share: float = 0.3) -> None:
        """Let some days pass for the records: open ones are settled, and new ones come."""
        self.serial += 1
        for record in [*self.tables["invoices"].values()]:
            if record["status"] == "open" and self.chance.random() < share:
                paid = {"finalized_at": record["created"], "paid_at": self.now}
                new = record | {"status": "paid", "amount_paid": record["amount_due"], "status_transitions": paid}
                self.tables["invoices"][record["id"]] = new
                self.event("invoice.paid", new)
        for record in [*self.tables["subscriptions"].values()][:: int(3 / share)]:
            turned = {"active": "past_due", "past_due": "active"}.get(record["status"], "canceled")
            self.tables["subscriptions"][record["id"]] = record | {"status": turned}
            self.event("customer.subscription.updated", self.tables["subscriptions"][record["id"]])
        for record in [*self.tables["tickets"].values()][:: int(2 / share)]:
            self.solve(record)
        for i in range(30):
            count = len(self.tables["invoices"])
            fresh = self.invoice(count) | {"created": self.now - i, "status": "open"}
            self.tables["invoices"][fresh["id"]] = fresh
            ticket = self.ticket(len(self.tables["tickets"])) | {"generated_timestamp": self.now - 200}
            self.tables["tickets"][ticket["id"]] = ticket
            user = self.tables["users"][70_000 + 7 * i % len(self.tables["users"])]
            self.tables["users"][user["id"]] = user | {"role": f"admin{self.serial}", "_changed": self.now - 200}

    def solve(self, record: Record, ago: int = 200) -> None:
        new = record | {"status": f"solved{self.serial}", "generated_timestamp": self.now - ago}
        self.tables["tickets"][record["id"]] = new
        told = {"ticket_id": record["id"], "timestamp": self.now - ago}
        number = len(self.tables["ticket_events"]) + 1
        changed = [{"event_type": "Change", "status": new["status"], "previous_value": record["status"]}]
        self.tables["ticket_events"][number] = told | {"id": number, "child_events": changed}
        self.tables["ticket_metric_events"][number] = told | {
            "id": number,
            "metric": "reply_time",
            "_at": self.now - ago,
        }

    def event(self, kind: str, record: Record) -> None:
        number = f"evt_{len(self.tables['events']):05}"
        told = {"id": number, "created": self.now - 5, "type": kind, "data": {"object": dict(record)}}
        self.tables["events"][number] = told

    def truth(self, table: str) -> dict[Any, Record]:
        """What a reader should hold of a table in the end."""
        return {one: _public(record) for one, record in self.tables[table].items()}


def _public(record: Record) -> Record:
    return {name: value for name, value in record.items() if not name.startswith("_")}


class Server(ThreadingHTTPServer):
    """Serves a world; every 7th request is told to wait, every 13th fails, every 17th is cut off."""

    daemon_threads = True

    def __init__(self, world: World, troubles: bool = True, retry_after: str = "0") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.world, self.troubles, self.retry_after = world, troubles, retry_after
        self.refuse: int | None = None
        self.delay, self.page = 0.0, 100
        self.seen: Counter[str] = Counter()
        self.paths: list[str] = []
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(world: World, **how: Any) -> Iterator[Server]:
    with Server(world, **how) as server:
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
    wbufsize = 1 << 16  # an answer leaves at once, not its head before its body

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        with self.server.guard:
            self.server.seen["requests"] += 1
            number = self.server.seen["requests"]
            self.server.paths.append(self.path)
        time.sleep(self.server.delay)
        trouble = self.trouble(number)
        if trouble == "reset":
            return self.cut_off(number)
        status = self.server.refuse or trouble or (200 if self.let_in() else 401)
        with self.server.guard:
            body = self.answer() if status == 200 else {"error": "no"}
        self.send(404 if body is None else status, body or {})
        return None

    def trouble(self, number: int) -> int | str | None:
        found = next((what for every, what in ((17, "reset"), (13, 503), (7, 429)) if number % every == 0), None)
        if found and self.server.troubles:
            self.server.seen[str(found)] += 1
            return found
        return None

    def cut_off(self, number: int) -> None:
        """Break the connection: at once, or in the middle of an answer."""
        if number % 2:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n[{")
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def send(self, status: int, body: Record) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", self.server.retry_after)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def let_in(self) -> bool:
        basic = base64.b64encode(f"{EMAIL}/token:{TOKEN}".encode()).decode()
        wanted = f"Bearer {KEY}" if self.path.startswith("/v1/") else f"Basic {basic}"
        return self.headers["Authorization"] == wanted

    def answer(self) -> Record | None:
        parts = urlsplit(self.path)
        asked = parse_qs(parts.query)
        path = parts.path.strip("/").split("/")
        if path[0] == "v1":
            return self.stripe(path[1:], asked)
        if path[2] == "incremental":
            return self.exported(path[3], path[-1] == "cursor", asked)
        return self.listed(path[2], asked)

    def stripe(self, path: list[str], asked: dict[str, list[str]]) -> Record | None:
        table = self.server.world.tables[path[0]]
        if len(path) == 2:
            return self.linked(table[path[1]]) if path[1] in table else None
        rows = sorted(table.values(), key=lambda one: (one["created"], one["id"]), reverse=True)
        rows = [one for one in rows if one["created"] >= int(asked.get("created[gte]", ["0"])[0])]
        if path[0] == "subscriptions" and asked.get("status") != ["all"]:
            rows = [one for one in rows if one["status"] != "canceled"]
        after = asked.get("starting_after", [None])[0]
        first = next((i + 1 for i, one in enumerate(rows) if one["id"] == after), 0)
        limit = min(int(asked.get("limit", ["10"])[0]), self.server.page)
        page = [self.linked(one) for one in rows[first : first + limit]]
        return {"object": "list", "data": page, "has_more": first + limit < len(rows)}

    def linked(self, record: Record) -> Record:
        self.server.seen["links"] += 1
        links = {"invoice_pdf": f"https://pay.example/{self.server.seen['links']}", "hosted_invoice_url": "https://pay"}
        return record | links if record["id"].startswith("in_") else record

    def exported(self, name: str, by_cursor: bool, asked: dict[str, list[str]]) -> Record | None:
        changed = {"tickets": "generated_timestamp", "users": "_changed", "ticket_metric_events": "_at"}
        column, world = changed.get(name, "timestamp"), self.server.world
        rows = sorted(world.tables[name].values(), key=lambda one: (one[column], one["id"]))
        rows = [one for one in rows if one[column] <= world.now - 60]  # an export leaves out the last minute
        start, after = int(asked.get("start_time", ["0"])[0]), asked.get("cursor", [None])[0]
        if after:
            second, last = map(int, base64.b64decode(after).decode().split("."))
            rows = [one for one in rows if (one[column], one["id"]) > (second, last)]
        else:
            rows = [one for one in rows if one[column] >= start]
        page = rows[: self.server.page]
        while not by_cursor and len(page) < len(rows) and rows[len(page)][column] == page[-1][column]:
            page = rows[: len(page) + 1]  # an export by time never parts records of one second
        end = page[-1] if page else {column: start, "id": 0}
        body: Record = {name: [_public(one) for one in page], "end_of_stream": len(page) == len(rows)}
        if not by_cursor:
            return body | {"end_time": end[column], "count": len(page)}
        cursor = base64.b64encode(f"{end[column]}.{end['id']}".encode()).decode()
        return body | {"after_cursor": after if after and not page else cursor}

    def listed(self, name: str, asked: dict[str, list[str]]) -> Record:
        rows = sorted(self.server.world.tables[name].values(), key=lambda one: one["id"])
        after = int(asked.get("page[after]", ["0"])[0])
        rows = [one for one in rows if one["id"] > after]
        page = rows[: min(self.server.page, int(asked["page[size]"][0]))]
        meta = {"has_more": len(page) < len(rows), "after_cursor": str(page[-1]["id"]) if page else None}
        return {name: page, "meta": meta}
