"""Passwords of databases: where they may stand, and that they show nowhere else.

A password is looked for in a secrets file when one is given, else in the environment variables
``HOLDFAST_<DATABASE>_PASSWORD`` and ``HOLDFAST_SQL_PASSWORD``, else it is left to the driver (``PGPASSWORD``,
``pgpass``). It never stands in an address: that would leave it in the shell's history, the list of processes and
every log.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from holdfast.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import URL

GENERAL = "HOLDFAST_SQL_PASSWORD"
HIDDEN = "***"
_SECRET_KEYS = re.compile(r"passw|pwd|passphrase|secret|token|odbc_connect", re.IGNORECASE)
_PLACE = re.compile(r"\(at [^)]*\)")


class Secret:
    """A password that shows itself to the driver alone.

    Examples
    --------
    >>> one = Secret("hunter2")
    >>> print(one, [one])
    *** [***]
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def reveal(self) -> str:
        """Give the password, for the driver."""
        return self._value


def refuse_typed(url: URL) -> None:
    """Refuse an address that holds a password.

    Raises
    ------
    UsageError
        When it stands between user and host, or among the options.
    """
    if not url.password and not secret_options(url):
        return
    do = f"take it out of the address, and change it if others may have seen it; {how(url)}"
    place = f"the address of a {url.get_backend_name()} database"
    raise UsageError(place, "no password in it", "one, now in the shell's history and the list of processes", do)


def secret_options(url: URL) -> list[Secret]:
    """Give the secrets among the options of an address."""
    return [Secret(str(one)) for key, one in url.query.items() if _SECRET_KEYS.search(key)]


def how(url: URL) -> str:
    """Say where the password of a database may be put.

    Examples
    --------
    >>> from sqlalchemy import make_url
    >>> print(how(make_url("postgresql://reader@db/crm")))
    put the password into HOLDFAST_CRM_PASSWORD, or into a secrets file under [crm], or into ~/.pgpass
    """
    name = _name(url)
    also = ", or into ~/.pgpass" if url.get_backend_name() == "postgresql" else ""
    return f"put the password into {_variable(name)}, or into a secrets file under [{name}]{also}"


def password_of(url: URL, secrets: Path | None = None) -> Secret | None:
    """Find the password of a database; None leaves it to the driver.

    Raises
    ------
    UsageError
        When the secrets file is absent, open to others, not TOML, or has no password for this database.
    """
    name = _name(url)
    if secrets is not None:
        return _in_file(secrets, name)
    found = os.environ.get(_variable(name)) or os.environ.get(GENERAL)
    return Secret(found) if found else None


def scrub(text: str, secrets: Iterable[Secret]) -> str:
    """Blot passwords out of a text, also as quoted by an address, Python or JSON.

    Examples
    --------
    >>> scrub("login as x:p%40ss failed", [Secret("p@ss")])
    'login as x:*** failed'
    """
    forms = {form for one in secrets if one.reveal() for form in _forms(one.reveal())}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text


def known_to(secret: Secret | None) -> list[Secret]:
    """List the passwords that a driver may know of: the one it was given, and that of its own variable."""
    return [one for one in (secret, Secret(os.environ.get("PGPASSWORD", ""))) if one is not None]


def _forms(value: str) -> tuple[str, ...]:
    return value, quote(value, safe=""), quote(value), quote_plus(value), repr(value)[1:-1], json.dumps(value)[1:-1]


def _name(url: URL) -> str:
    """Name a database as it is called in a secrets file."""
    return re.sub(r"[^a-z0-9]+", "_", (url.database or "").lower()).strip("_") or "sql"


def _variable(name: str) -> str:
    return f"HOLDFAST_{name.upper()}_PASSWORD"


def _in_file(path: Path, name: str) -> Secret:
    values = _parsed(path, private(path))
    sections = [values.get(one) for one in (name, "sql")]
    for one in sections:
        found = one.get("password") if isinstance(one, Mapping) else None
        if isinstance(found, str) and found:
            return Secret(found)
    do = f"write [{name}] and below it password = '...'"
    raise UsageError(str(path), f"a password under [{name}] or [sql]", "none", do)


def private(path: Path) -> bytes:
    """Read a file that its owner alone may read.

    Raises
    ------
    UsageError
        When it is absent, or open to others.
    """
    found = None
    try:
        with path.open("rb") as handle:
            mode = stat.S_IMODE(os.fstat(handle.fileno()).st_mode)
            if sys.platform == "win32" or not mode & 0o077:
                return handle.read()
    except OSError as problem:
        found = problem.strerror or "none"
    if found is not None:
        raise UsageError(str(path), "a secrets file", found, "name a file that you may read")
    raise UsageError(str(path), "a file that its owner alone may read", f"mode {mode:04o}", f"chmod 600 {path}")


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    """Read TOML; a message shows the place of a mistake, never its text."""
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        place = _PLACE.search(str(problem))
    found = f"a mistake {place[0]}" if place else "none"
    raise UsageError(str(path), "TOML", found, "correct it; a password is text in quotes")
