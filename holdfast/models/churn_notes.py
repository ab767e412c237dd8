"""What a reader of a churn model must know: how much it rests on, what counts as the event, and what went unused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.models.calibration import Calibration
from holdfast.models.periods import LEARNED_FROM, TREES_FROM, words
from holdfast.models.plain_notes import event, rarer, unused

if TYPE_CHECKING:
    from holdfast.models.churn import ChurnModel


def notes_of(model: ChurnModel) -> tuple[str, ...]:
    """Tell what a fitted model rests on."""
    told = [*event(model), *([model.ground_] if model.ground_ else []), *_evidence(model)]
    if model.members_.trees is not None and model.encoding_.dated:
        dated = ", ".join(model.encoding_.dated)
        told.append(f"kept from the trees, since more of it tells the day than the account: {dated}")
    if model.calibration_ != Calibration():
        told.append("calibrated on the last block of training, which gained from it")
    if not model.decided_:
        told.append("no renewal dates are known: exposure is calendar time, each interval counts by its days")
    return (*told, *unused(model, {column.source for column in model.encoding_.columns}))


def _evidence(model: ChurnModel) -> list[str]:
    """Tell what the ladder of few events holds back."""
    scarce, told = rarer(model, words(model.kind_)), list[str]()
    if model.evidence_ < LEARNED_FROM:
        leads = "the template leads, and figures are uncertain" if model.encoding_.prior else "figures are uncertain"
        told.append(f"{model.evidence_} {scarce} in training: {leads}")
    if model.members_.trees is None:
        told.append(f"boosted trees join where {TREES_FROM} {scarce}; the regression stands alone")
    return told
