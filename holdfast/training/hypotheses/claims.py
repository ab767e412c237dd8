"""What the literature of customer success claims, each declared once, with how it is measured.

Nothing is taken from the literature but the claim: no rate of a vendor is built in anywhere. The numbers beside the
claims are those of the list of what was asked for.
"""

from __future__ import annotations

from holdfast.training.hypotheses.business import BUSINESS
from holdfast.training.hypotheses.claim import Hypothesis
from holdfast.training.hypotheses.product import PRODUCT
from holdfast.training.hypotheses.relationship import RELATIONSHIP
from holdfast.training.hypotheses.scores import SCORES

CLAIMS: tuple[Hypothesis, ...] = tuple(
    sorted((*PRODUCT, *RELATIONSHIP, *BUSINESS, *SCORES), key=lambda one: one.id)  # in each, the order stands
)
