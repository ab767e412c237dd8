"""Whether conclusions depend on what churn means: the same backtest under several definitions, side by side.

The end of a contract is not among them: it stands in the contract long before it comes, so that whoever reads contracts
knows it beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from holdfast.errors import DataError, HoldfastError, TooFewEvents, UsageError
from holdfast.training.backtest import backtest
from holdfast.training.churn import Churn
from holdfast.training.definition_tables import Trial, figures, latest, pairs, ranks
from holdfast.training.definition_words import in_words
from holdfast.training.labels import label
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.features.catalog.collection import Catalog
    from holdfast.features.history import History
    from holdfast.features.snapshot import Snapshot
    from holdfast.training.backtest import Backtest, Model
    from holdfast.training.labels import Cutoffs

SILENCES = (30, 60)


@dataclass(frozen=True)
class Definition:
    """A definition of churn, and the horizons at which it is asked; none: all that are asked for.

    Examples
    --------
    >>> Definition.of("departure").churn.confirm_days
    90
    """

    churn: Churn
    horizons: tuple[int, ...] | None = None

    @classmethod
    def of(cls, given: Definition | Churn | str) -> Definition:
        """Take a definition as it is, a definition of churn, or the defaults of a kind named in a word."""
        return given if isinstance(given, Definition) else cls(Churn.of(given))


@dataclass(frozen=True, eq=False)
class Definitions:
    """The same backtest under several definitions of churn.

    Attributes
    ----------
    asked
        The definitions by name, the first being the one that the others are compared with.
    results
        The backtest of each definition that could be tested.
    skipped
        The others, each with the reason.
    cutoff
        The last cutoff, on which the models' rankings are compared.
    """

    asked: Mapping[str, Definition]
    results: Mapping[str, Backtest]
    skipped: Mapping[str, str]
    cutoff: pd.Timestamp
    _rows: pd.DataFrame
    _pairs: pd.DataFrame
    _ranks: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Give one row per definition, horizon and model.

        Columns: ``definition, horizon, model, rows, events`` (rows that churned), ``accounts`` (that churned),
        ``base_rate, auc, auc_low, auc_high, skill, skill_low, skill_high`` (95 %, accounts drawn together) and
        ``verdict``, the sentence on the whole definition.
        """
        return self._rows

    def agreement(self) -> pd.DataFrame:
        """Give one row per pair of definitions and horizon: how far they label the same rows alike.

        Only rows on which an account is at risk by both are compared. Columns: ``a, b, horizon_a, horizon_b`` (the same
        where they share any, else the longest of each), ``rows, rows_a, rows_b, events_a, events_b``; ``alike, kappa,
        a_in_b, b_in_a`` with ``_low`` and ``_high``, see `agreement.labels_alike`; ``spearman_<model>`` (rank
        correlation of its probabilities on the last cutoff) and ``same_order`` (whether the models come in the same
        order by AUC; missing where fewer than 50 accounts had the rarer outcome).
        """
        return self._pairs

    def ranks(self) -> pd.DataFrame:
        """Give one row per pair, horizon and model: ``accounts, spearman, spearman_low, spearman_high``."""
        return self._ranks

    def text(self) -> str:
        """Say in words whether conclusions depend on the definition."""
        return in_words(self.results, self._pairs, self._ranks, self.skipped, self.cutoff)

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        verdicts = {name: one.verdict for name, one in self.results.items()}
        asked = {
            name: {"horizons": one.horizons and list(one.horizons), "verdict": verdicts.get(name), **asdict(one.churn)}
            for name, one in self.asked.items()
        }
        return {
            "in_words": self.text(),
            "cutoff": f"{self.cutoff:%Y-%m-%d}",
            "definitions": asked,
            "skipped": dict(self.skipped),
            "rows": json_rows(self._rows),
            "agreement": json_rows(self._pairs),
            "ranks": json_rows(self._ranks),
        }

    def _repr_html_(self) -> str:
        from html import escape

        table = self._rows.drop(columns="verdict").to_html(escape=True, index=False, float_format="{:.3f}".format)
        return f"<p>{escape(self.text())}</p>{table}"


def standard(own: Churn | str = "notice") -> dict[str, Definition]:
    """Give a definition and its usual alternatives: notice with half and twice the grace, silence, departure.

    Examples
    --------
    >>> list(standard("notice"))  # doctest: +NORMALIZE_WHITESPACE
    ['notice', 'notice with 7 days of grace', 'notice with 28 days of grace', 'silence of 30 days',
     'silence of 60 days', 'departure']
    """
    rule = Churn.of(own)
    notice, grace = replace(rule, kind="notice"), rule.grace_days
    found: dict[str, Definition] = {rule.kind: Definition(rule), "notice": Definition(notice)}
    for days in dict.fromkeys((grace // 2, 2 * grace)):
        if days != grace:
            found[f"notice with {days} days of grace"] = Definition(replace(notice, grace_days=days))
    if rule.kind != "silence":
        quiet = replace(rule, kind="silence")
        found |= {f"silence of {days} days": Definition(quiet, (days,)) for days in SILENCES}
    return {**found, "departure": Definition(replace(rule, kind="departure"))}


def definitions(
    history: History,
    cutoffs: Cutoffs,
    models: Mapping[str, Model],
    definitions: Mapping[str, Definition | Churn | str] | None = None,
    *,
    own: Churn | str = "notice",
    horizons: tuple[int, ...] = (30, 60, 90),
    catalog: Catalog | None = None,
    retrain_every: int = 3,
    bootstrap: int = 200,
    seed: int = 0,
    progress: bool = True,
) -> Definitions:
    """Backtest models under several definitions of churn, and say whether the conclusions are the same.

    A definition that cannot be tested, since a table is missing or too few churned by it, is left out and told.

    Parameters
    ----------
    history, cutoffs, horizons
        As for `label`.
    models
        As for `backtest`, which adds the baselines.
    definitions
        By name; by default `own` and its alternatives, see `standard`. The others are compared with the first.
    own
        The definition in use.
    catalog
        What is measured; by default all that is shipped. It is measured once.
    retrain_every, bootstrap, seed, progress
        As for `backtest`.

    Raises
    ------
    UsageError
        When there is no definition, or a kind is unknown.
    DataError, TooFewEvents
        When none of them can be tested; too few events where that is so for all.
    """
    asked = {name: Definition.of(one) for name, one in (standard(own) if definitions is None else definitions).items()}
    if not asked:
        do = "name some, or leave them out for the usual ones"
        raise UsageError("definitions", "at least one definition of churn", "none", do)
    stands = list(cutoffs)
    measured = Measured(history, stands, catalog)
    trials: dict[str, Trial] = {}
    problems: dict[str, HoldfastError] = {}
    for name, one in asked.items():
        try:
            y = label(history, stands, one.horizons or horizons, one.churn)
            X = measured(y.horizons, one.churn.grace_days)
            y = y.on(X.index)
            result = backtest(
                models, X, y, retrain_every=retrain_every, bootstrap=bootstrap, seed=seed, progress=progress
            )
            trials[name] = Trial(y, result, latest(models, X, y))
        except (DataError, TooFewEvents) as problem:
            problems[name] = problem
    skipped = {name: f"{one.where}: expected {one.expected}, found {one.found}" for name, one in problems.items()}
    if not trials:
        few = all(isinstance(one, TooFewEvents) for one in problems.values())
        found = "; ".join(f"{name}: {why}" for name, why in skipped.items())
        do = "lengthen the history, or deliver what is missing"
        raise (TooFewEvents if few else DataError)("definitions", "one that can be tested", found, do)
    ranked = ranks(trials, bootstrap, seed)
    table = pairs(trials, ranked, bootstrap, seed)
    results = {name: one.result for name, one in trials.items()}
    return Definitions(asked, results, skipped, measured.last, figures(results), table, ranked)


class Measured:
    """Measure signs once; only the calendar of renewals depends on the horizons and the days of grace."""

    def __init__(self, history: History, stands: list[Any], catalog: Catalog | None) -> None:
        from holdfast.features.catalog import catalog as shipped

        self.history, self.stands = history, stands
        self.catalog = shipped if catalog is None else catalog
        self._found: dict[tuple[tuple[int, ...], int], Snapshot] = {}

    def __call__(self, horizons: tuple[int, ...], grace_days: int) -> Snapshot:
        """Give the snapshot for these horizons and days of grace."""
        from holdfast.features.catalog.collection import Catalog

        key = (horizons, grace_days)
        if key not in self._found:
            whole = next(iter(self._found.values()), None)
            catalog = self.catalog if whole is None else Catalog(())
            made = catalog.measure(self.history, self.stands, horizons, grace_days=grace_days)
            if whole is not None:
                made = replace(whole, exposure=made.exposure, calendar=made.calendar)
            self._found[key] = made
        return self._found[key]

    @property
    def last(self) -> pd.Timestamp:
        """The last cutoff."""
        return next(iter(self._found.values())).cutoffs[-1]
