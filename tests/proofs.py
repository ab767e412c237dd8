"""Proofs made small, where what is tested is not the proof."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from holdfast.features.history import History
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.proof import Proof, prove
from holdfast.serving import inspection


def few_proofs(patch: pytest.MonkeyPatch) -> None:
    """Let a check prove three signs of a few accounts at one cutoff; all of them at several: worked/test_prove.py."""

    def few(given: Sequence[Indicator], history: History, **how: Any) -> Proof:
        return prove(given[:3], history, cutoffs=[history.now], **how | {"accounts": 6})

    patch.setattr(inspection, "prove", few)
