"""History: the canonical tables of a company, from files as they lie to what was known on any day."""

from holdfast.features.history.history import History, Instant

__all__ = ["History", "Instant"]
