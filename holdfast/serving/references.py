"""References: where a plan says that a secret stands, since the plan itself may hold none."""

from __future__ import annotations

from pathlib import Path

from holdfast.errors import UsageError
from holdfast.features.database.secrets import Secret

PATTERN = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$"
MEANING = '"env:NAME", or "file:/PATH" of a file that its owner alone may read'


def secret_of(reference: str, where: str) -> Secret:
    """Read what a reference leads to.

    Parameters
    ----------
    reference
        ``env:NAME`` (where ``NAME_FILE`` may name a file instead), or ``file:/PATH``.
    where
        The key of the plan that holds it.

    Raises
    ------
    UsageError
        When nothing is there, or others may read the file.

    Examples
    --------
    >>> import os
    >>> os.environ["HOLDFAST_EXAMPLE"] = "s3cret"
    >>> secret_of("env:HOLDFAST_EXAMPLE", "writeback.hubspot.token")
    ***
    """
    from holdfast.features.pull.access import private_text, secrets

    kind, _, name = reference.partition(":")
    if kind == "env":
        return Secret(secrets((name,))[name])
    text = private_text(Path(name), where, "name a file that holds nothing else")
    if not text or not text.isprintable():
        raise UsageError(where, "one line of text in the file", "none", "name a file that holds nothing else")
    return Secret(text)
