"""Promotion: whether a challenger may replace the model in service, clause by clause, from figures that are given."""

from holdfast.training.promotion.clause import Clause, Gate
from holdfast.training.promotion.compared import Compared, compared
from holdfast.training.promotion.duel import Duel, duel
from holdfast.training.promotion.margins import Margins

__all__ = ["Clause", "Compared", "Duel", "Gate", "Margins", "compared", "duel"]
