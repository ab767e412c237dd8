"""Simulate: a B2B SaaS company whose churn law is known."""

from holdfast.features.simulate.company import simulate, simulate_frames
from holdfast.features.simulate.scenario import Scenario
from holdfast.features.simulate.writing import write_company

__all__ = ["Scenario", "simulate", "simulate_frames", "write_company"]
