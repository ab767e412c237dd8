"""Pulling: what changed in a service lands in a folder, and is summed up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from holdfast.features.pull import Pulled, pull


def pull_service(
    service: str, out: Path, since: datetime | None, base_url: str | None, clock: Callable[[], datetime]
) -> dict[str, Any]:
    """Pull a service, and sum up what landed; a day without a zone begins in UTC."""
    begin = since.replace(tzinfo=UTC) if since is not None and since.tzinfo is None else since
    return _summary(pull(service, out, clock=clock, since=begin, base_url=base_url))


def _summary(pulled: Pulled) -> dict[str, Any]:
    return {
        "done": "pulled" if any(pulled.rows.values()) else "nothing to do",
        "service": pulled.service,
        "folder": str(pulled.folder),
        "rows": pulled.rows,
        "findings": [str(one) for one in pulled.findings],
    }


def told(summary: dict[str, Any]) -> str:
    """Say what landed in a line, and a line for each finding.

    Examples
    --------
    >>> told({"done": "pulled", "service": "stripe", "folder": "in/stripe", "rows": {"invoices": 2000}, "findings": []})
    'pulled: 2,000 new versions in in/stripe (invoices 2,000)'
    """
    rows = {name: count for name, count in summary["rows"].items() if count}
    each = ", ".join(f"{name} {count:,}" for name, count in rows.items())
    done = f"pulled: {sum(rows.values()):,} new versions in {summary['folder']} ({each})"
    nothing = f"nothing to do: {summary['service']} holds nothing that is not in {summary['folder']}"
    return "\n".join([done if rows else nothing, *summary["findings"]])
