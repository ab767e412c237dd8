"""The guard: a webhook reaches the host that was meant, on the public network, and nothing inside ours.

An address that somebody else may have written, or whose name somebody else resolves, is a way into the network of the
sender. So: https only; every address of the name must be public; the connection is made to the very address that was
checked, under a certificate for the name; no redirect is followed, no proxy asked, no answer read beyond its head.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException
from threading import Timer
from urllib.parse import SplitResult, urlsplit

TIMEOUT = 5.0  # seconds for each step: to connect, and to answer
_WHOLE = 15.0  # seconds for all of it, however slowly it trickles
MAX_BODY = 256_000  # bytes
_LONGEST_WAIT = 86_400.0  # seconds; nobody is told to wait longer than a day
_LATER = frozenset({408, 425, 429, *range(500, 600)})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_METADATA = {ipaddress.ip_address("169.254.169.254"), ipaddress.ip_address("168.63.129.16")}
_METADATA |= {ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200")}
IP = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Answer:
    """What became of a message.

    Attributes
    ----------
    sent
        Whether it was taken.
    again
        Whether it is worth another try.
    why
        What went wrong, in words that hold nothing of the address.
    wait
        Seconds that the receiver asked for; 0 where it asked for none.
    """

    sent: bool
    again: bool = False
    why: str = ""
    wait: float = 0.0


class Blocked(Exception):
    """An address that is not sent to; `again` says whether that may pass."""

    def __init__(self, why: str, *, again: bool = False) -> None:
        self.answer = Answer(sent=False, again=again, why=why)
        super().__init__(why)


@dataclass(frozen=True)
class Target:
    """Where a connection goes: the host by name, and the address that was checked."""

    host: str
    ip: str
    port: int
    tls: bool
    path: str


def target_of(url: str, allow: Collection[str] = ()) -> Target:
    """Check an address, and resolve it once.

    Parameters
    ----------
    allow
        Hosts that may be private; one of them that is on loopback may be plain http. Addresses of the link and of cloud
        metadata stay blocked.

    Raises
    ------
    Blocked
        When it may not be sent to.
    """
    parts = _split(url)
    host = parts.hostname or ""
    trusted = host in allow
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = reachable(host, port, allow)
    if parts.scheme != "https" and not (trusted and all(one.is_loopback for one in found)):
        raise Blocked("the address is not https")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host, str(found[0]), port, parts.scheme == "https", path)


def reachable(host: str, port: int, allow: Collection[str] = ()) -> list[IP]:
    """Resolve a name to its addresses, all of which may be sent to.

    Raises
    ------
    Blocked
        When one of them is private, of the link, of cloud metadata or otherwise not public, or there is none.
    """
    try:
        told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Blocked("the name of the host is not known", again=True) from None
    found = [ipaddress.ip_address(one[4][0]) for one in told]
    if not found or not all(_permitted(one, trusted=host in allow) for one in found):
        raise Blocked("the host lies in a private network")
    return found


def post(target: Target, body: bytes, headers: Mapping[str, str], now: datetime) -> Answer:
    """Send to the address that was checked, once."""
    if len(body) > MAX_BODY:
        return Answer(sent=False, why=f"the message has more than {MAX_BODY} bytes")
    try:
        with _connected(target) as connection:
            connection.request("POST", target.path, body, {**headers, "Host": _authority(target)})
            response = connection.getresponse()
            return _judged(response.status, response.headers.get("Retry-After", ""), now)
    except ssl.SSLError:
        return Answer(sent=False, again=True, why="the certificate of the host does not hold")
    except TimeoutError:
        return Answer(sent=False, again=True, why="no answer in time")
    except (OSError, HTTPException):
        return Answer(sent=False, again=True, why="the connection failed")


def retry_after(told: str, now: datetime) -> float:
    """Read how long a receiver asks to wait, in seconds: a number, or a date; at most a day.

    Examples
    --------
    >>> from datetime import UTC
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> retry_after("30", now), retry_after("Thu, 01 Jan 2026 00:02:00 GMT", now), retry_after("soon", now)
    (30.0, 120.0, 0.0)
    """
    text = told.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_WAIT)
    try:
        wait = (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return min(max(wait, 0.0), _LONGEST_WAIT)


def _split(url: str) -> SplitResult:
    """Take an address apart; what two readers may read otherwise is refused."""
    plain = url.isascii() and url.isprintable() and not set(url) & set(' \\"<>^`{|}')
    try:
        parts = urlsplit(url)
        usual = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        raise Blocked("the address cannot be read") from None
    if not (plain and usual and parts.hostname and parts.username is None and parts.password is None):
        raise Blocked("the address cannot be read")
    return parts


def _permitted(ip: IP, *, trusted: bool) -> bool:
    inner = _inside(ip)
    if inner in _METADATA or inner.is_link_local or inner.is_multicast or inner.is_unspecified or inner.is_reserved:
        return False
    return trusted or inner.is_global


def _inside(ip: IP) -> IP:
    """Give the address that an IPv6 address stands for, where it wraps one of IPv4."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


@contextmanager
def _connected(target: Target) -> Iterator[HTTPConnection]:
    with socket.create_connection((target.ip, target.port), TIMEOUT) as bare, _deadline(bare):
        secure = ssl.create_default_context().wrap_socket(bare, server_hostname=target.host) if target.tls else bare
        with closing(HTTPConnection(target.host, target.port, timeout=TIMEOUT)) as connection, secure:
            connection.sock = secure
            yield connection


@contextmanager
def _deadline(connection: socket.socket) -> Iterator[None]:
    """End a connection that goes on too long, though each of its steps is in time."""
    with connection.dup() as same:  # which stays open when the first is wrapped
        over = Timer(_WHOLE, _shut, [same])
        over.daemon = True
        over.start()
        try:
            yield
        finally:
            over.cancel()


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has ended by itself
        return


def _authority(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == (443 if target.tls else 80) else f"{host}:{target.port}"


def _judged(status: int, wait: str, now: datetime) -> Answer:
    if 200 <= status < 300:
        return Answer(sent=True)
    if 300 <= status < 400:
        return Answer(sent=False, why=f"the host answers with a redirect ({status}), which is not followed")
    return Answer(sent=False, again=status in _LATER, why=f"the host answers {status}", wait=retry_after(wait, now))
