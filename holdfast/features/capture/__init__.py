"""Capture: today's state of a table, day after day, becomes the versions of its rows; history starts today."""

from holdfast.features.capture.changelog import Captured, ChangeLog

__all__ = ["Captured", "ChangeLog"]
