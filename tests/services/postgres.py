"""A PostgreSQL server of its own, for the tests of what reads and writes there."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

OWNER = "owner-secret"


class Server:
    """A PostgreSQL cluster of its own, on a free port of the loopback; it refuses to run as root, and need not."""

    def __init__(self, base: Path) -> None:
        self.base, self.data = base, base / "data"
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
        on_path = shutil.which("pg_ctl")
        self.programs = (found[-1] if found else Path(on_path or "pg_ctl")).parent
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]
        if os.getuid() == 0:
            shutil.chown(base, "postgres")
        secret = base / "secret"
        secret.write_text(OWNER)
        secret.chmod(0o644)
        self._run("initdb", "-D", self.data, "-A", "scram-sha-256", "-U", "owner", f"--pwfile={secret}", "-E", "UTF8")
        self.start()

    def _run(self, program: str, *arguments: object) -> None:
        who = ("runuser", "-u", "postgres", "--") if os.getuid() == 0 else ()
        command = [*who, str(self.programs / program), *map(str, arguments)]
        done = subprocess.run(command, cwd=self.base, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.base} -c fsync=off"
        self._run("pg_ctl", "-D", self.data, "-l", self.base / "log", "-w", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def run(self, *statements: Any, database: str = "crm") -> None:
        where = f"host=127.0.0.1 port={self.port} user=owner password={OWNER} dbname={database}"
        with psycopg.connect(where, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


@contextmanager
def running() -> Iterator[Server]:
    """Run a server in a folder of its own, not below pytest's, which no other user may enter."""
    with tempfile.TemporaryDirectory(prefix="holdfast-pg-") as base:
        server = Server(Path(base))
        try:
            yield server
        finally:
            server.stop()
