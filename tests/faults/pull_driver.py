"""Pulls in processes of their own, some of them killed: a line ``SERVICE SECONDS`` on standard input is one pull.

It is killed after so many seconds, or left alone when they are 0; the answer is a line with its exit status. One pull
that nobody looks at goes first, so that everything is imported once. A connection to anywhere but loopback is told.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_connect = socket.socket.connect


def guarded(self: socket.socket, address: Any) -> None:
    if not (isinstance(address, tuple) and address[0] == "127.0.0.1"):
        sys.stdout.write(f"leak {address}\n")
        sys.stdout.flush()
    _connect(self, address)


def one(service: str, out: Path, url: str) -> None:
    from holdfast.features.pull import Patience, pull

    pull(service, out, clock=lambda: datetime.now(UTC), base_url=url, patience=Patience(12, 0.01, 0.05))


def killed_after(seconds: float, service: str, out: Path, url: str) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            one(service, out, url)
            status = 0
        finally:
            os._exit(status)
    if seconds:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(out: Path, url: str) -> None:
    socket.socket.connect = guarded  # type: ignore[method-assign]
    with TemporaryDirectory() as aside:
        one("zendesk", Path(aside), url)
    for line in sys.stdin:
        service, seconds = line.split()
        sys.stdout.write(f"{killed_after(float(seconds), service, out, url)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
