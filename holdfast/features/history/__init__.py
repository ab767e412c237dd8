"""History: the canonical tables of a company, from files as they lie to what was known on any day."""

from holdfast.features.history.history import History, Instant
from holdfast.features.history.part import from_tables, to_tables

__all__ = ["History", "Instant", "from_tables", "to_tables"]
