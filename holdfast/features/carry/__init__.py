"""One more day: what was measured yesterday is carried on, and only what arrived or left a window is looked at."""

from holdfast.features.carry.carry import Carry

__all__ = ["Carry"]
