"""The catalogue: indicators under their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.catalog.evidence import sentences, sentences_of
from holdfast.features.catalog.measure import instants_of, snapshot_of, widened
from holdfast.features.catalog.peers import among_peers, compared, segments
from holdfast.features.indicators.indicator import DIMENSIONS, Indicator
from holdfast.features.indicators.wording import ENGLISH, Language, check_language
from holdfast.features.snapshot import INDEX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.catalog.measure import Cutoffs
    from holdfast.features.history.history import History, Instant
    from holdfast.features.snapshot import Snapshot

_SHOWN = 12  # indicators that a notebook shows of a catalogue


@dataclass(frozen=True)
class Catalog:
    """Hold indicators under distinct names.

    Attributes
    ----------
    indicators
        In the order of the snapshot's columns.
    adaptive
        Whether `measure` fits the catalogue to the history: it adds adoption indicators for its frequent events, and
        leaves out what has never occurred. One taken from a snapshot, or narrowed by `select`, is not adaptive: it
        measures the same columns again.
    fixed
        Whether every indicator gets its column whatever the history holds: one whose table or column is gone is missing
        for all, and lowers the coverage. So a model that learned from a source goes on without it.
    """

    indicators: tuple[Indicator, ...]
    adaptive: bool = False
    fixed: bool = False

    def __post_init__(self) -> None:
        names = [one.name for one in self.indicators]
        wrong = sorted({name for name in names if not name.isidentifier() or names.count(name) > 1})
        if wrong:
            found = ", ".join(map(repr, wrong))
            raise UsageError("Catalog", "indicators with distinct names", found, "rename one of them")

    @classmethod
    def of(cls, *modules: ModuleType, adaptive: bool = False) -> Catalog:
        """Collect the indicators that modules declare, each with its variants; the variable is the name."""
        declared = ((n, v) for module in modules for n, v in vars(module).items() if isinstance(v, Indicator))
        named = (one if one.name else one.called(name) for name, one in declared)
        return cls(tuple(member for one in named for member in one.family), adaptive)

    def __iter__(self) -> Iterator[Indicator]:
        return iter(self.indicators)

    def __len__(self) -> int:
        return len(self.indicators)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> Indicator:
        for one in self.indicators:
            if one.name == name:
                return one
        raise UsageError("Catalog", "the name of an indicator", repr(name), did_you_mean(name, self.names))

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(one.name for one in self.indicators)

    @property
    def events(self) -> tuple[str, ...]:
        """The events whose adoption is measured, for `adopting`."""
        from holdfast.features.catalog.adoption import adopted

        return adopted(self.indicators)

    def select(self, names: Iterable[str] | None = None, *, dimension: str | None = None) -> Catalog:
        """Keep the named indicators, in that order, or those of one dimension."""
        if dimension is not None and dimension not in DIMENSIONS:
            do = did_you_mean(dimension, DIMENSIONS)
            raise UsageError("Catalog.select, dimension", "product, relationship or business", repr(dimension), do)
        chosen = self.indicators if names is None else tuple(self[name] for name in names)
        return Catalog(tuple(one for one in chosen if dimension in (None, one.dimension)))

    def adding(self, *indicators: Indicator) -> Catalog:
        """Add indicators of your own, each with its variants."""
        own = (member for one in indicators for member in one.family)
        return replace(self, indicators=(*self.indicators, *own))

    def for_history(self, history: History, cutoff: pd.Timestamp | None = None) -> Catalog:
        """Add adoption indicators for the most frequent events of a history, as known at a cutoff (default: all)."""
        from holdfast.features.catalog.adoption import frequent_events

        return self.adopting(frequent_events(history, cutoff))

    def adopting(self, events: Sequence[str]) -> Catalog:
        """Add adoption indicators for events by name, as a stored model remembers them."""
        from holdfast.features.catalog.adoption import adoption

        return Catalog((*self.indicators, *adoption(events, self.language)))

    @property
    def language(self) -> Language:
        """The language that its sentences are told in."""
        return self.indicators[0].language if self.indicators else ENGLISH

    def told_in(self, language: str) -> Catalog:
        """Tell titles and sentences in another language, ``en`` or ``de``; what is measured stays the same.

        Indicators of your own keep their words.

        Raises
        ------
        UsageError
            When there are no words in that language, or it is told in a third one.

        Examples
        --------
        >>> from holdfast.features.catalog import catalog
        >>> catalog.told_in("de")["seats_change"].title
        'Lizenzen gegenüber 90 Tagen zuvor'
        """
        from holdfast.features.catalog.adoption import adoption

        wanted = check_language(language)
        if self.language == wanted:
            return self
        if self.language != ENGLISH:
            do = "translate the catalogue as it was declared"
            raise UsageError("Catalog.told_in", "a catalogue in English", self.language, do)
        again = {one.name: one for one in adoption(self.events, wanted)}
        return replace(self, indicators=tuple(again.get(one.name) or self._translated(one, wanted) for one in self))

    def _translated(self, one: Indicator, language: Language) -> Indicator:
        if one.how is None or one.variant_of not in self:
            return one.told_in(language)
        return one.how.of(self[one.variant_of].told_in(language))

    def measure(
        self,
        history: History,
        cutoffs: Cutoffs,
        horizons: Iterable[int] = (30, 60, 90),
        *,
        grace_days: float = 14,
        together: bool = True,
    ) -> Snapshot:
        """Measure every applicable indicator for every account known at each cutoff.

        Parameters
        ----------
        history
            What is measured.
        cutoffs
            Instants in any order; what has no zone is UTC, and the same instant counts once.
        horizons
            Days; their differences are the intervals of the exposure.
        grace_days
            Days after the end of a term before a lapse counts, as in the labels: when renewal is decided.
        together
            Whether all accounts are there. Else what compares with peers keeps the account's own figure, until
            `holdfast.features.catalog.placing` has those of all.

        Raises
        ------
        UsageError
            When there is no cutoff, one lies behind the data end, or a horizon is not a whole number of days.
        """
        instant = instants_of(cutoffs, history)
        fitted = self.for_history(history, instant[-1]) if self.adaptive else self
        measured = snapshot_of(
            fitted.indicators, history, instant, horizons, grace_days, occurring=self.adaptive, together=together
        )
        return widened(measured, self.indicators) if self.fixed else measured

    def measure_batch(
        self,
        batch: Mapping[str, pa.Table],
        cutoffs: Cutoffs,
        horizons: Iterable[int] = (30, 60, 90),
        grace_days: float = 14,
    ) -> pa.Table:
        """Measure one bucket of accounts that came as Arrow, on whatever machine, and give its rows as Arrow.

        Nothing is kept from one bucket to another, and whatever the buckets, their rows together are those of
        `measure`, bit for bit; what compares with peers holds the account's own figure until `with_peers` has all rows.

        Parameters
        ----------
        batch
            As ``holdfast.features.history.to_tables`` gives it.

        Returns
        -------
        Table
            See ``Snapshot.arrow``.

        Raises
        ------
        UsageError
            When the catalogue is adaptive: each bucket would choose columns of its own.
        """
        from holdfast.features.history.part import from_tables  # the store is not needed to declare a catalogue

        if self.adaptive:
            do = "take the one of a snapshot: Catalog(snapshot.catalog)"
            raise UsageError("measure_batch", "a catalogue with the same columns everywhere", "an adaptive one", do)
        history = from_tables(batch)
        instant = instants_of(cutoffs, history)
        return snapshot_of(self.indicators, history, instant, horizons, grace_days, together=False).arrow()

    def with_peers(self, rows: pa.Table) -> pa.Table:
        """Compare with peers what `measure_batch` could not: the rows of all buckets together, as it gave them."""
        cutoff, segment = (rows[name].to_pandas() for name in (INDEX[1], "segment"))
        group = segments(pd.Index(cutoff), segment)
        for name in compared(self.indicators):
            if name in rows.column_names:
                place = pa.array(among_peers(rows[name].to_numpy(), group))
                rows = rows.set_column(rows.column_names.index(name), name, place)
        return rows

    def evidence(self, history: History, account_ids: Iterable[str], cutoff: Instant) -> pd.DataFrame:
        """Say the evidence of every indicator for some accounts at one cutoff: account_id x name, sentences.

        Indicators that are not applicable to the history are left out; of a fixed catalogue, nothing is on record.
        """
        said = sentences(self.indicators, history, account_ids, instants_of([cutoff], history))
        gone = (one for one in self.indicators if self.fixed and one.name not in said)
        return said.assign(**{one.name: one.sentence({}) for one in gone})

    def sentences(
        self, history: History, pairs: pd.DataFrame, cutoff: Instant, measured: pd.DataFrame | None = None
    ) -> NDArray[np.object_]:
        """Say the evidence of some pairs of ``account_id`` and ``indicator`` at one cutoff, in their order.

        Parameters
        ----------
        measured
            By account, what was measured at the cutoff: what compares with peers is taken from there. By default it is
            measured anew, of all accounts of the history.
        """
        return sentences_of(self.indicators, history, pairs, instants_of([cutoff], history), measured)

    def frame(self) -> pd.DataFrame:
        """Tabulate the catalogue, one row per indicator; ``tables`` and ``seeds`` are lists.

        ``formula`` is said in words, ``expression`` is the same in the notation that is measured.
        """
        rows = [
            (i.name, i.dimension, i.unit, i.healthy, i.title, i.formula, i.lookback_days, list(i.tables), list(i.seeds),
             str(i.expression), i.variant_of)
            for i in self.indicators
        ]  # fmt: skip
        names = ["name", "dimension", "unit", "healthy", "title", "formula", "lookback_days", "tables", "seeds"]
        return pd.DataFrame(rows, columns=[*names, "expression", "variant_of"])

    def _repr_html_(self) -> str:
        counts = ((name, sum(one.dimension == name for one in self)) for name in DIMENSIONS)
        told = ", ".join(f"{count} of {name}" for name, count in counts if count)
        head = f"<p>{len(self)} indicators{': ' if told else ''}{told}</p>"
        shown = self.frame()[["name", "title", "dimension", "unit", "healthy", "formula"]].head(_SHOWN)
        return head + str(shown.to_html(escape=True, index=False))
