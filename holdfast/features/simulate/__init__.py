"""Simulate: a B2B SaaS company whose churn law is known."""

from holdfast.features.simulate.company import simulate, simulate_frames, write_company

__all__ = ["simulate", "simulate_frames", "write_company"]
