"""Messages against a world that is slow, down, repeating itself, or not who it says it is."""

import base64
import email
import hashlib
import hmac
import ipaddress
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email import policy
from pathlib import Path

import pytest

from holdfast.errors import UsageError
from holdfast.features.database.secrets import Secret
from holdfast.serving.alerts import guard
from holdfast.serving.alerts.channels import Channel
from holdfast.serving.alerts.delivering import deliver
from holdfast.serving.alerts.digest import Digest
from holdfast.serving.alerts.guard import Blocked, target_of
from holdfast.serving.command import run
from holdfast.serving.ledger.store import LEDGER, Ledger
from holdfast.serving.plan import Plan, read_plan
from tests.alerted import serve
from tests.faults.hook_server import hook, mail_server, silent

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CANARY = "canary7f3a"
HOSTILE = "<img src=x onerror=alert(1)> <!channel> [x](https://evil.example) =1+1"


def company(folder: Path, **settings: object) -> Path:
    """Lay a workspace with one open alert, and a plan that sends to the address in HOOK."""
    accounts = {"A1": {"account_name": HOSTILE, "csm": "<b>Ann</b>", "arr": 1000.0, "expected_arr_at_risk_90": 1.0}}
    serve(folder / "out", "2026-03-01", [("A1", "drop")], accounts)
    told = {"enabled": True, "quiet": "", "channels": ["env:HOOK"], "allow": ["127.0.0.1", "localhost"], **settings}
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in told.items())
    (folder / "plan.toml").write_text(
        f'[data]\npath = "h"\n[churn]\nkind = "notice"\n[alerts]\n{lines}\n', encoding="utf-8"
    )
    return folder / "plan.toml"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return read_plan(company(tmp_path))


def states(plan: Plan) -> list[list[object]]:
    return Ledger(plan.output.workspace / LEDGER).read("SELECT state, attempts, error FROM message").values.tolist()


def test_a_webhook_is_told_once_with_its_key_and_its_data(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    with hook() as there:
        monkeypatch.setenv("HOOK", there.url)
        assert deliver(plan, NOON).sent == 1
        again = deliver(plan, NOON + timedelta(days=1))
        assert (again.sent, again.composed, again.waiting) == (0, 0, 0)
    (heard,), (headers,) = there.heard, there.headers
    assert heard["accounts"][0]["account_name"] == HOSTILE  # data for machines, as it is
    assert headers["idempotency-key"] == heard["key"]
    assert heard["text"].count("\n") == 2
    assert "https://" not in heard["text"]


def test_a_webhook_is_signed_where_a_secret_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reckoned here anew, as a receiver would."""
    plan, key = read_plan(company(tmp_path, signing="env:SIGN")), bytes(range(32))
    monkeypatch.setenv("SIGN", f"whsec_{base64.b64encode(key).decode()}\n")
    with hook((503, {})) as there:
        monkeypatch.setenv("HOOK", there.url)
        assert deliver(plan, NOON).sent == 0
        assert deliver(plan, NOON + timedelta(hours=1)).sent == 1
    for heard, headers, at in zip(there.heard, there.headers, (NOON, NOON + timedelta(hours=1)), strict=True):
        body = json.dumps(heard, ensure_ascii=False, sort_keys=True)
        told = hmac.new(key, f"{heard['key']}.{at.timestamp():.0f}.{body}".encode(), hashlib.sha256).digest()
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(told).decode()}"
        assert (headers["webhook-id"], headers["webhook-timestamp"]) == (heard["key"], f"{at.timestamp():.0f}")


@pytest.mark.parametrize(
    "secret", ["", CANARY, "whsec_short", f"whsec_{CANARY}!", "d2hzZWNfbm9wcmVmaXhidXRsb25nZW5vdWdo"]
)
def test_a_secret_that_is_none_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], secret: str
) -> None:
    monkeypatch.setenv("SIGN", secret)
    with hook() as there:
        monkeypatch.setenv("HOOK", there.url)
        assert run(["deliver", str(company(tmp_path, signing="env:SIGN"))]) == 2
    told = capsys.readouterr()
    assert there.heard == []
    assert "whsec_" in told.err or "set the variable SIGN" in told.err
    assert CANARY not in told.err + told.out


def test_a_receiver_that_is_busy_gets_the_pause_that_it_asks_for(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    with hook((429, {"Retry-After": "900"}), (502, {})) as there:
        monkeypatch.setenv("HOOK", there.url)
        first = deliver(plan, NOON)
        assert [one["why"] for one in first.troubles] == ["the host answers 429"]
        assert deliver(plan, NOON + timedelta(seconds=899)).troubles == []  # not even tried
        second = deliver(plan, NOON + timedelta(seconds=900))
        assert [one["why"] for one in second.troubles] == ["the host answers 502"]
        assert deliver(plan, NOON + timedelta(hours=2)).sent == 1
    assert len(set(there.keys)) == 1
    assert len(there.keys) == 3


def test_a_redirect_is_not_followed_and_the_message_is_given_up(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    with hook((302, {"Location": "http://169.254.169.254/latest/meta-data/"})) as there:
        monkeypatch.setenv("HOOK", there.url)
        told = deliver(plan, NOON)
    assert [one["why"] for one in told.failed] == ["the host answers with a redirect (302), which is not followed"]
    assert len(there.heard) == 1
    assert states(plan) == [["failed", 1, "the host answers with a redirect (302), which is not followed"]]


@pytest.mark.parametrize("trickle", [b"", b"H"])
def test_a_receiver_that_never_comes_to_an_end_is_left(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, trickle: bytes
) -> None:
    monkeypatch.setattr(guard, "TIMEOUT", 0.3)
    monkeypatch.setattr(guard, "_WHOLE", 0.6)
    with silent(trickle) as port:
        monkeypatch.setenv("HOOK", f"http://127.0.0.1:{port}/")
        (trouble,) = deliver(plan, NOON).troubles
    assert trouble["why"] in {"no answer in time", "the connection failed"}
    assert states(plan)[0][:2] == ["waiting", 1]


def test_a_receiver_that_is_down_is_tried_again_and_the_message_is_given_up_in_the_end(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("HOOK", f"http://127.0.0.1:{port}/")
    tries = [deliver(plan, NOON + timedelta(hours=6 * n)) for n in range(8)]
    assert [len(one.troubles) for one in tries] == [1] * 7 + [0]
    assert [one["why"] for one in tries[-1].failed] == ["the connection failed"]


def test_quiet_hours_hold_everything_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = read_plan(company(tmp_path, quiet="20:00-07:00", time_zone="Europe/Berlin"))
    with hook() as there:
        monkeypatch.setenv("HOOK", there.url)
        night = deliver(plan, datetime(2026, 3, 2, 22, tzinfo=UTC))
        assert (night.sent, night.quiet_until) == (0, "2026-03-03T06:00:00Z")
        assert there.heard == []
        assert deliver(plan, datetime(2026, 3, 3, 6, tzinfo=UTC)).sent == 1


KILLED = """
import os, signal, sys
from datetime import datetime
from holdfast.serving.alerts import outbox
from holdfast.serving.alerts.delivering import deliver
from holdfast.serving.plan import read_plan
def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)
outbox.mark = killed
deliver(read_plan(sys.argv[1]), datetime.fromisoformat(sys.argv[2]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_process_that_is_killed_between_sending_and_writing_it_down_sends_once_more_with_the_same_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = company(tmp_path)
    with hook() as there:
        monkeypatch.setenv("HOOK", there.url)
        command = [sys.executable, "-c", KILLED, str(path), NOON.isoformat()]
        dead = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True)
        assert dead.returncode == -signal.SIGKILL, dead.stderr
        plan = read_plan(path)
        assert deliver(plan, NOON + timedelta(seconds=30)).sent == 0  # who was killed may be at it still
        assert deliver(plan, NOON + timedelta(minutes=2)).sent == 1
        assert deliver(plan, NOON + timedelta(minutes=9)).sent == 0
    assert len(there.keys) == 2
    assert len(set(there.keys)) == 1


# ------------------------------------------------------------------------------- the guard


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Have every name resolve to these addresses, one list at each question, the last one for ever."""
    left = list(answers)

    def told(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        with suppress(ValueError):
            return [(socket.AF_INET, 1, 6, "", (str(ipaddress.IPv4Address(host)), port))]
        found = left.pop(0) if len(left) > 1 else left[0]
        families = [socket.AF_INET6 if ":" in one else socket.AF_INET for one in found]
        return [(family, 1, 6, "", (one, port)) for family, one in zip(families, found, strict=True)]

    monkeypatch.setattr(socket, "getaddrinfo", told)


INNER = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),  # noqa: S104
    *("168.63.129.16", "100.100.100.200", "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1"),
    *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1"),
    *("64:ff9b::a00:1", "64:ff9b::7f00:1", "2002:a00:1::", "2002:7f00:1::", "2001:0:0:0:0:0:f5ff:fffe"),
]


@pytest.mark.parametrize("address", INNER)
def test_a_name_that_resolves_into_a_private_network_is_blocked(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, [address])
    with pytest.raises(Blocked, match="private network"):
        target_of("https://hooks.example.com/x")
    resolving(monkeypatch, ["93.184.216.34", address])  # one good address does not carry the other
    with pytest.raises(Blocked, match="private network"):
        target_of("https://hooks.example.com/x")


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "fd00:ec2::254", "224.0.0.1"]
)
def test_the_link_and_the_metadata_of_a_cloud_stay_blocked_for_hosts_of_ones_own(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, [address])
    with pytest.raises(Blocked, match="private network"):
        target_of("https://n8n.corp.example/", {"n8n.corp.example"})
    resolving(monkeypatch, ["10.0.0.7"])
    assert target_of("https://n8n.corp.example/", {"n8n.corp.example"}).ip == "10.0.0.7"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example.com/x", "not https"),
        ("https://user:pass@hooks.example.com/", "cannot be read"),
        ("https://good.example\\@evil.example/", "cannot be read"),
        ("https://exämple.com/", "cannot be read"),
        ("https://hooks.example.com/a b", "cannot be read"),
        ("https://hooks.example.com/\r\nX: 1", "cannot be read"),
        ("https:///x", "cannot be read"),
        ("https://hooks.example.com:99999/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("file:///etc/passwd", "cannot be read"),
        ("gopher://hooks.example.com/", "cannot be read"),
    ],
)
def test_addresses_that_two_readers_may_read_otherwise_are_refused(
    url: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, ["93.184.216.34"])
    with pytest.raises(Blocked, match=why):
        target_of(url)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "017700000001"])
def test_loopback_by_another_name_is_loopback(host: str) -> None:
    with pytest.raises(Blocked):
        target_of(f"https://{host}/")


def test_the_connection_goes_to_the_address_that_was_checked(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def refused(address: object, *_: object, **__: object) -> socket.socket:
        asked.append(address)
        raise ConnectionRefusedError

    resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])  # the name changes its mind after the check
    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setenv("HOOK", "https://hooks.example.com/x")
    assert deliver(plan, NOON).troubles
    assert asked == [("93.184.216.34", 443)]


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """Make a certificate for a name that is its own authority, and have it trusted where SSL_CERT_FILE says so."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_the_certificate_must_be_that_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = read_plan(company(tmp_path, allow=["hooks.test", "other.test"]))
    context = certificate(tmp_path, "hooks.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    resolving(monkeypatch, ["127.0.0.1"])
    with hook(tls=context) as there:
        monkeypatch.setenv("HOOK", f"https://other.test:{there.port}/x")
        assert [one["why"] for one in deliver(plan, NOON).troubles] == ["the certificate of the host does not hold"]
        assert there.heard == []
        monkeypatch.setenv("HOOK", f"https://hooks.test:{there.port}/x")
        assert deliver(plan, NOON + timedelta(hours=1)).sent == 1
    assert there.headers[0]["host"] == f"hooks.test:{there.port}"


def test_a_message_that_is_too_long_does_not_go() -> None:
    target = guard.Target("h", "127.0.0.1", 1, tls=False, path="/")
    answer = guard.post(target, b"x" * (guard.MAX_BODY + 1), {}, NOON)
    assert (answer.sent, answer.again) == (False, False)


# ------------------------------------------------------------------------------- addresses are secrets


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", "set the variable HOOK"),
        (f"slak://{CANARY}/b/c", "did you mean 'slack'"),
        (f"json://127.0.0.1/{CANARY}", "known are"),
        (f"mailtos://u:{CANARY}@mail.example?to=a@b.example&verify=no", "found verify"),
        (f"slack://{CANARY}/b/c?redirect=yes", "found redirect"),
        (f"mailto://u:{CANARY}@mail.example?pgppub=https://evil.example", "found pgppub"),
    ],
)
def test_an_address_that_will_not_do_is_refused_before_anything_goes_and_never_shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    address: str,
    expected: str,
) -> None:
    monkeypatch.setenv("HOOK", address)
    assert run(["deliver", str(company(tmp_path))]) == 2
    told = capsys.readouterr()
    assert expected in told.err
    assert CANARY not in told.err + told.out


def test_an_address_in_a_file_must_be_its_owners_alone(tmp_path: Path) -> None:
    place = tmp_path / "hook"
    place.write_text("https://hooks.example.com/x\n", encoding="utf-8")
    place.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        Channel.find(f"file:{place}")
    place.chmod(0o600)
    found = Channel.find(f"file:{place}")
    assert found.address.reveal() == "https://hooks.example.com/x"
    assert "hooks.example.com" not in repr(found)


def test_a_trouble_tells_nothing_of_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = company(tmp_path)
    with hook((404, {})) as there:
        monkeypatch.setenv("HOOK", there.url)
        assert run(["deliver", str(path)]) == 60
    told = capsys.readouterr()
    assert "to env:HOOK: the host answers 404." in told.out
    assert CANARY not in told.out + told.err
    assert CANARY.encode() not in (tmp_path / "out" / LEDGER).read_bytes()
    assert run(["deliver", str(path)]) == 10  # nothing waits


def test_alerts_that_are_off_are_not_delivered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deliver", str(company(tmp_path, enabled=False))]) == 2
    assert "--rehearse" in capsys.readouterr().err


# ------------------------------------------------------------------------------- mail


apprise_loads = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # in what it imports


@pytest.fixture
def note() -> Digest:
    account = {"account_id": "A1", "account_name": HOSTILE, "csm": "", "arr": None, "currency": "", "health": 12.0}
    return Digest("k1", "2026-03-01", "de", 1, [account | {"alerts": [{"rule": "drop", "text": "fiel"}]}], [])


@apprise_loads
@pytest.mark.parametrize("form", ["text", "html"])
def test_a_mail_carries_the_digest_with_names_as_text(note: Digest, form: str) -> None:
    with mail_server() as (port, mails):
        options = f"from=hold@fast.example&to=cs@example.com&mode=insecure&format={form}"
        channel = Channel("env:MAIL", Secret(f"mailto://127.0.0.1:{port}?{options}"), {"127.0.0.1"})
        assert channel.send(note, NOON).sent
    (mail,) = (email.message_from_bytes(one, policy=policy.default) for one in mails)
    assert mail["Subject"] == "holdfast: 1 Kunde mit einer neuen Meldung"
    body = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
    assert "Nachricht k1" in body["text/plain"]
    page = body.get("text/html", "")
    assert "<img" not in page
    assert ("&lt;img&nbsp;src=x" in page) == (form == "html")


@apprise_loads
def test_slack_by_token_gets_names_as_text_and_follows_no_redirect(
    note: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    import requests

    asked: list[tuple[str, dict[str, object]]] = []

    def posted(_method: str, url: str, **how: object) -> requests.Response:
        asked.append((url, how))
        answer = requests.Response()
        answer.status_code, answer._content = 200, b"ok"
        return answer

    monkeypatch.setattr(requests, "request", posted)
    channel = Channel("env:SLACK", Secret("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"))
    assert channel.send(note, NOON).sent
    ((url, how),) = asked
    assert url.startswith("https://hooks.slack.com/")
    assert (how["allow_redirects"], how["verify"]) == (False, True)
    content = str(how["data"])
    assert "&lt;!channel&gt;" in content
    assert "<!channel>" not in content
    assert "github.com" not in content  # no picture is fetched from elsewhere


@apprise_loads
def test_a_mail_server_inside_is_reached_only_where_it_is_allowed(note: Digest) -> None:
    with mail_server() as (port, mails):
        address = f"mailto://127.0.0.1:{port}?from=hold@fast.example&to=cs@example.com&mode=insecure"
        answer = Channel("env:MAIL", Secret(address)).send(note, NOON)
    assert (answer.sent, answer.why) == (False, "the host lies in a private network")
    assert mails == []


def test_mail_without_apprise_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.setenv("HOOK", f"mailtos://u:{CANARY}@mail.example?to=a@b.example")
    with pytest.raises(UsageError, match=r"pip install 'holdfast\[alerts\]'") as refused:
        Channel.find("env:HOOK")
    assert CANARY not in str(refused.value)
