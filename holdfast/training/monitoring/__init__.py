"""Monitoring: whether the data and the model of today are still those that were proven, from figures that are given."""

from holdfast.training.monitoring.defeat import Defeat, defeat
from holdfast.training.monitoring.drift import drift
from holdfast.training.monitoring.impact import Effect, Impact
from holdfast.training.monitoring.monitor import Monitor
from holdfast.training.monitoring.performance import performance
from holdfast.training.monitoring.reference import Reference

__all__ = ["Defeat", "Effect", "Impact", "Monitor", "Reference", "defeat", "drift", "performance"]
