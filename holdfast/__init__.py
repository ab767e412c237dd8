"""holdfast: honest churn prediction for B2B SaaS.

What a notebook imports. Every name is loaded when it is first used, so that ``import holdfast`` costs nothing.

Examples
--------
>>> import holdfast as hf
>>> hf.Churn(kind="silence").kind
'silence'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOME = {
    "History": "holdfast.features.history",
    "Indicator": "holdfast.features.indicators.indicator",
    "Rates": "holdfast.features.history.money",
    "Snapshot": "holdfast.features.snapshot",
    "catalog": "holdfast.features.catalog",
    "cutoffs": "holdfast.features.time",
    "prove": "holdfast.features.proof",
    "simulate": "holdfast.features.simulate",
    "ACTION": "holdfast.models.bands",
    "ALERT": "holdfast.models.bands",
    "ChurnModel": "holdfast.models.churn",
    "HazardClassifier": "holdfast.models.ridge",
    "ExpansionModel": "holdfast.models.expansion",
    "HealthScore": "holdfast.models.health",
    "ledger": "holdfast.models.ledger",
    "Row": "holdfast.models.single",
    "Single": "holdfast.models.single",
    "next_band": "holdfast.models.whatif",
    "reasons": "holdfast.models.reasons",
    "what_if": "holdfast.models.whatif",
    "Backtest": "holdfast.training.backtest",
    "Churn": "holdfast.training.labels",
    "Treatments": "holdfast.training.treatment",
    "Holdout": "holdfast.training.holdout",
    "Labels": "holdfast.training.labels",
    "audit": "holdfast.training.external",
    "autopsy": "holdfast.training.autopsy",
    "backtest": "holdfast.training.backtest",
    "hypotheses": "holdfast.training.hypotheses",
    "definitions": "holdfast.training.definitions",
    "importance": "holdfast.training.importance",
    "inflation": "holdfast.training.inflation",
    "label_ledger": "holdfast.training.label_ledger",
    "kpis": "holdfast.training.kpis",
    "label": "holdfast.training.labels",
    "null_tests": "holdfast.training.null_tests",
    "stability": "holdfast.training.stability",
    "score": "holdfast.serving.scoring",
    "HoldfastError": "holdfast.errors",
}

__all__ = [*sorted(_HOME), "__version__"]

if TYPE_CHECKING:
    from holdfast.errors import HoldfastError as HoldfastError
    from holdfast.features.catalog import catalog as catalog
    from holdfast.features.history import History as History
    from holdfast.features.history.money import Rates as Rates
    from holdfast.features.indicators.indicator import Indicator as Indicator
    from holdfast.features.proof import prove as prove
    from holdfast.features.simulate import simulate as simulate
    from holdfast.features.snapshot import Snapshot as Snapshot
    from holdfast.features.time import cutoffs as cutoffs
    from holdfast.models.bands import ACTION as ACTION
    from holdfast.models.bands import ALERT as ALERT
    from holdfast.models.churn import ChurnModel as ChurnModel
    from holdfast.models.expansion import ExpansionModel as ExpansionModel
    from holdfast.models.health import HealthScore as HealthScore
    from holdfast.models.ledger import ledger as ledger
    from holdfast.models.reasons import reasons as reasons
    from holdfast.models.ridge import HazardClassifier as HazardClassifier
    from holdfast.models.single import Row as Row
    from holdfast.models.single import Single as Single
    from holdfast.models.whatif import next_band as next_band
    from holdfast.models.whatif import what_if as what_if
    from holdfast.serving.scoring import score as score
    from holdfast.training.autopsy import autopsy as autopsy
    from holdfast.training.backtest import Backtest as Backtest
    from holdfast.training.backtest import backtest as backtest
    from holdfast.training.definitions import definitions as definitions
    from holdfast.training.external import audit as audit
    from holdfast.training.holdout import Holdout as Holdout
    from holdfast.training.hypotheses import hypotheses as hypotheses
    from holdfast.training.importance import importance as importance
    from holdfast.training.inflation import inflation as inflation
    from holdfast.training.kpis import kpis as kpis
    from holdfast.training.label_ledger import label_ledger as label_ledger
    from holdfast.training.labels import Churn as Churn
    from holdfast.training.labels import Labels as Labels
    from holdfast.training.labels import label as label
    from holdfast.training.null_tests import null_tests as null_tests
    from holdfast.training.stability import stability as stability
    from holdfast.training.treatment import Treatments as Treatments


def __getattr__(name: str) -> object:
    if name not in _HOME:
        from holdfast.errors import did_you_mean

        raise AttributeError(f"holdfast has no {name!r}: {did_you_mean(name, __all__)}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
