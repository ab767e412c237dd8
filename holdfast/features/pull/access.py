"""What a pull needs to get in: secrets that are never written down, and an address that is safe to send them to."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from holdfast.errors import UsageError


def secrets(names: tuple[str, ...], environment: Mapping[str, str] = MappingProxyType(os.environ)) -> dict[str, str]:
    """Read secrets from the environment: each by its name, or from the file that ``NAME_FILE`` names.

    Raises
    ------
    UsageError
        When one is missing, empty or no single line.

    Examples
    --------
    >>> secrets(("HOLDFAST_STRIPE_KEY",), {"HOLDFAST_STRIPE_KEY": "rk_1"})
    {'HOLDFAST_STRIPE_KEY': 'rk_1'}
    """
    return {name: _secret(name, environment) for name in names}


def _secret(name: str, environment: Mapping[str, str]) -> str:
    do = f"set {name}, or {name}_FILE to a file that holds nothing else"
    value = environment.get(name, "").strip()
    if not value and (file := environment.get(f"{name}_FILE")):
        value = private_text(Path(file), f"{name}_FILE", do)
    if not value:
        raise UsageError(f"environment variable {name}", "a secret", "nothing", do)
    if not value.isprintable():
        raise UsageError(f"environment variable {name}", "one line of text", "other characters", do)
    return value


def private_text(path: Path, name: str, do: str) -> str:
    """Read a file that its owner alone may read.

    Raises
    ------
    UsageError
        When it cannot be read, or others may read it too.
    """
    try:
        with path.open("rb") as handle:
            mode = stat.S_IMODE(os.fstat(handle.fileno()).st_mode)
            content = handle.read().decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(name, "a readable text file", type(problem).__name__, do) from None
    if sys.platform != "win32" and mode & 0o077:
        raise UsageError(name, "a file that its owner alone may read", f"mode {mode:04o}", f"chmod 600 {path}")
    return content


def checked_url(url: str, where: str = "--base-url") -> str:
    """Check that secrets may be sent to an address: encrypted, or on this machine; nothing but scheme, host and path.

    Parameters
    ----------
    where
        The argument or key of the plan that gives it.

    Raises
    ------
    UsageError
        When they may not.

    Examples
    --------
    >>> checked_url("https://api.stripe.com/"), checked_url("http://127.0.0.1:8080")
    ('https://api.stripe.com', 'http://127.0.0.1:8080')
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as problem:
        raise UsageError(where, "an address such as https://api.stripe.com", "none", "correct it") from problem
    if "@" in parts.netloc or parts.query or parts.fragment or not host:
        do = "give scheme, host and path alone; secrets come from the environment"
        raise UsageError(where, "an address such as https://api.stripe.com", "something else", do)
    if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(host)):
        do = "use https; plain http is for this machine alone"
        raise UsageError(where, "https", f"{parts.scheme or 'no'} scheme for {host}", do)
    return url.rstrip("/")


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
