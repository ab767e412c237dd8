"""Channels: the ways out, each with an address that is a secret.

``https://`` addresses are webhooks (Slack, Zapier, Make, any other) and go through the guard. E-mail (``mailto://``,
``mailtos://``) and Slack by token (``slack://``) go by apprise, which connects by itself: its redirects, its files and
its plugins are off, the certificate is always checked, and the mail server is held to the same network as a webhook;
but the name is resolved once more when apprise connects.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.database.secrets import Secret, private
from holdfast.serving.alerts.digest import Digest
from holdfast.serving.alerts.guard import Answer, Blocked, post, reachable, target_of
from holdfast.serving.alerts.signing import checked, signed

_WEB, _MAIL, _SLACK = ("https", "http"), ("mailto", "mailtos"), "slack"
_SLACK_HOOKS = ("hooks.slack.com", "hooks.slack-gov.com")
# what an address of apprise may say; other options redirect, read files, fetch keys or trust any certificate
_OPTIONS = {"to", "from", "name", "smtp", "mode", "cc", "bcc", "reply", "format", "user", "pass"}
_SECONDS = 15.0
_PLAIN: dict[str, Any] = {
    "app_id": "holdfast",
    "app_desc": "",
    "app_url": "",
    "image_url_mask": "",
    "image_url_logo": "",  # else receivers fetch pictures from elsewhere
    "async_mode": False,
    "http_redirects": False,
    "pgp_autogen": False,
    "pem_autogen": False,
    "allow_templates": False,
    "secure_logging": True,
}


@dataclass(frozen=True)
class Channel:
    """A way out.

    Attributes
    ----------
    name
        The reference in the plan, ``env:NAME`` or ``file:/PATH``, which may be shown.
    address
        What it refers to, which may not.
    allow
        Hosts of one's own network that may be reached.
    signing
        What webhooks are signed with, see `signing`; none: they are not.
    """

    name: str
    address: Secret
    allow: Collection[str] = field(default=())
    signing: Secret | None = None

    @classmethod
    def find(cls, name: str, allow: Collection[str] = (), signing: str = "") -> Channel:
        """Look an address up where the plan says that it is, and the secret to sign with.

        Raises
        ------
        UsageError
            When there is none, others may read its file, nothing can be sent to such an address, or nothing signed with
            such a secret.
        """
        secret = checked(_kept(signing, "a secret"), f"signing {signing}") if signing else None
        channel = cls(name, _kept(name, "an address"), allow, secret)
        channel._check()
        return channel

    def send(self, digest: Digest, now: datetime) -> Answer:
        """Send a message once."""
        try:
            if self._scheme in _WEB:
                return self._post(digest, now)
            return self._notify(digest)
        except Blocked as problem:
            return problem.answer

    @property
    def _scheme(self) -> str:
        return self.address.reveal().partition("://")[0].lower()

    def _check(self) -> None:
        known = (*_WEB, *_MAIL, _SLACK)
        if self._scheme not in known:
            do = did_you_mean(self._scheme, known)
            raise UsageError(f"channel {self.name}", "an address of a kind that is known", "another", do)
        if self._scheme not in _WEB:
            asked = parse_qs(urlsplit(self.address.reveal()).query, keep_blank_values=True)
            if wrong := sorted(set(asked) - _OPTIONS):
                expected = f"no other options than {', '.join(sorted(_OPTIONS))}"
                raise UsageError(f"channel {self.name}", expected, ", ".join(wrong), "take it out")
            _silence(self.name)

    def _post(self, digest: Digest, now: datetime) -> Answer:
        target = target_of(self.address.reveal(), self.allow)
        content = slack(digest) if target.host in _SLACK_HOOKS else digest.payload()
        body = json.dumps(content, ensure_ascii=False, sort_keys=True).encode()
        kind = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "holdfast"}
        proof = {} if self.signing is None else signed(self.signing, digest.key, now, body)
        return post(target, body, {**kind, "Idempotency-Key": digest.key, **proof}, now)

    def _notify(self, digest: Digest) -> Answer:
        from apprise import Apprise, AppriseAsset, NotifyFormat, PersistentStoreMode

        asset = AppriseAsset(**_PLAIN, storage_mode=PersistentStoreMode.MEMORY, service_timeout=_SECONDS)
        service = Apprise.instantiate(self.address.reveal(), asset=asset)
        if service is None:
            return Answer(sent=False, why="the address cannot be read")
        if self._scheme in _MAIL:
            reachable(str(vars(service)["smtp_host"]), service.port or 25, self.allow)
        box = Apprise(service, asset=asset)
        sent = box.notify(title=digest.title(), body=digest.text(), body_format=NotifyFormat.TEXT)
        return Answer(sent=True) if sent else Answer(sent=False, again=True, why="the service did not take it")


def _kept(name: str, what: str) -> Secret:
    """Read what lies at ``env:NAME`` or ``file:/PATH``."""
    kind, _, place = name.partition(":")
    found = os.environ.get(place, "") if kind == "env" else private(Path(place)).decode("utf-8", "replace")
    if not found.strip():
        do = f"set the variable {place}" if kind == "env" else f"write it into {place}"
        raise UsageError(f"channel {name}", what, "none", do)
    return Secret(found.strip())


def slack(digest: Digest) -> dict[str, object]:
    """Write a message for a webhook of Slack: no markup, no mention, no link, no preview of one."""
    text = f"{digest.title()}\n{digest.text(lambda name: escape(name, quote=False))}"
    return {"text": text, "mrkdwn": False, "parse": "none", "link_names": False, "unfurl_links": False}


def _silence(name: str) -> None:
    """Keep apprise from telling addresses and bodies to a log.

    Raises
    ------
    UsageError
        When it is not installed.
    """
    try:
        import apprise
    except ImportError:
        do = "install it: pip install 'holdfast[alerts]'"
        raise UsageError(f"channel {name}", "apprise, which sends mail and Slack", "none", do) from None
    logging.getLogger(apprise.logger.name).setLevel(logging.CRITICAL + 1)
