"""Receivers of messages on loopback, with the troubles of the real ones: a webhook and a mail server."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, str]]


@dataclass
class Hook:
    """A webhook that answers as it is told, and then takes everything."""

    replies: list[Reply] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/canary7f3a"

    @property
    def keys(self) -> list[str]:
        return [str(one["key"]) for one in self.heard]


@contextmanager
def hook(*replies: Reply, tls: ssl.SSLContext | None = None) -> Iterator[Hook]:
    told = Hook(list(replies))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.headers.append({key.lower(): value for key, value in self.headers.items()})
            told.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            status, headers = told.replies.pop(0) if told.replies else (200, {})
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            with suppress(OSError):  # nobody need read on
                self.wfile.write(b"x" * 1_000_000)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that hangs up is what is tested
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent(trickle: bytes = b"") -> Iterator[int]:
    """Accept connections and answer nothing, or byte after byte without an end; gives the port."""
    over = threading.Event()

    def serve(listener: socket.socket) -> None:
        held = []
        while not over.is_set():
            with suppress(OSError):
                held.append(listener.accept()[0])
            for one in held:
                with suppress(OSError):
                    one.sendall(trickle)
        for one in held:
            one.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.02)
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        over.set()
        thread.join()


@contextmanager
def mail_server() -> Iterator[tuple[int, list[bytes]]]:
    """Take mails without a question; gives the port and what was mailed."""
    over, mails = threading.Event(), list[bytes]()

    def talk(connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as lines:

            def say(text: bytes) -> None:
                lines.write(text + b"\r\n")
                lines.flush()

            say(b"220 mail.test")
            while line := lines.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    say(b"354 go on")
                    mails.append(b"".join(iter(lines.readline, b".\r\n")))
                say(b"221 bye" if word == b"QUIT" else b"250 mail.test" if word == b"EHLO" else b"250 ok")
                if word == b"QUIT":
                    return

    def serve(listener: socket.socket) -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                talk(listener.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.02)
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield int(listener.getsockname()[1]), mails
        over.set()
        thread.join()
