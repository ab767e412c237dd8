"""One thing that somebody said of an account."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

Kind = Literal["override", "snooze", "outcome", "wrong_reason", "note"]
GATHERED = ("note", "wrong_reason")  # another one takes nothing back


@dataclass(frozen=True)
class Entry:
    """What somebody said of an account.

    Attributes
    ----------
    run_id
        The run of the file it was written into.
    value
        The score, the outcome, the sign behind a wrong reason, or the note.
    reason
        Of an override.
    expires
        The instant from which it no longer counts, as the ledger writes it; None: it does not end.
    """

    account_id: str
    kind: Kind
    run_id: str
    value: str
    reason: str
    author: str
    expires: str | None

    @property
    def id(self) -> str:
        """Hash of what is said: said again in the same file, it is the same."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
