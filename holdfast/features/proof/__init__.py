"""Proving indicators: every number at a cutoff is what could have been computed on that day, or it is shown why not."""

from holdfast.features.proof.proving import prove
from holdfast.features.proof.result import Counterexample, Outcome, Proof

__all__ = ["Counterexample", "Outcome", "Proof", "prove"]
