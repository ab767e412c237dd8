"""Floor 1: history, time, and indicators as they were known on any day."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.features.proof import prove as prove


def __getattr__(name: str) -> object:
    if name == "prove":
        from holdfast.features.proof import prove

        return prove
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
