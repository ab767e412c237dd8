"""Signing: webhooks that a receiver can tell from forged ones, as Standard Webhooks has it.

The signature is the HMAC-SHA256 of ``id.timestamp.body``; a receiver refuses what is not signed, or is older than some
minutes (https://www.standardwebhooks.com, where libraries for most languages check it).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import datetime

from holdfast.errors import UsageError
from holdfast.features.database.secrets import Secret

PREFIX = "whsec_"
_LEAST, _MOST = 24, 64  # bytes of a secret


def signed(secret: Secret, key: str, now: datetime, body: bytes) -> dict[str, str]:
    """Give the headers that sign a message.

    Parameters
    ----------
    secret
        As `checked` lets it through.
    key
        Of the message; the same one every time it is sent.

    Examples
    --------
    >>> from datetime import UTC
    >>> told = signed(Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "msg_p5jXN8AQM9LWM0D4loKWxJek",
    ...               datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}')
    >>> told["webhook-signature"]
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    stamp = str(int(now.timestamp()))
    told = hmac.digest(_bytes(secret), b".".join([key.encode(), stamp.encode(), body]), "sha256")
    signature = f"v1,{base64.b64encode(told).decode()}"
    return {"webhook-id": key, "webhook-timestamp": stamp, "webhook-signature": signature}


def checked(secret: Secret, where: str) -> Secret:
    """Refuse a secret that is none.

    Raises
    ------
    UsageError
        When it is not ``whsec_`` and 24 to 64 bytes in base64.
    """
    try:
        long = len(_bytes(secret)) if secret.reveal().startswith(PREFIX) else 0
    except binascii.Error:
        long = 0
    if not _LEAST <= long <= _MOST:
        expected = f"{PREFIX} and {_LEAST} to {_MOST} bytes in base64"
        raise UsageError(where, expected, "something else", 'make one: printf "whsec_%s" "$(openssl rand -base64 32)"')
    return secret


def _bytes(secret: Secret) -> bytes:
    return base64.b64decode(secret.reveal().removeprefix(PREFIX), validate=True)
