"""Simulated companies as questions: their rows, their oracles, and models walked forward over their past."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from sklearn.base import clone

import holdfast as hf
from benchmarks.quality.filter import Filter, foresee
from benchmarks.quality.observables import observe
from holdfast.features.history import History
from holdfast.features.simulate import Scenario
from holdfast.features.simulate.company import frames_of, to_midnight
from holdfast.features.simulate.contracts import grow
from holdfast.features.simulate.world import World, build_world
from holdfast.features.snapshot import Snapshot
from holdfast.training.backtest import Model
from holdfast.training.labels import Labels

END = to_midnight("2026-01-01")
MONTHS = 48
HORIZONS = (30, 60, 90)
TESTED = pd.Timedelta(days=364)  # before the end: the year that is predicted
REFITS = 2


@dataclass(frozen=True)
class Question:
    """A simulated company: what it holds, and how to ask.

    Attributes
    ----------
    accounts, seed, scenario
        What to simulate.
    """

    seed: int
    accounts: int = 3_000
    scenario: Scenario = field(default_factory=Scenario)

    def world(self) -> World:
        """Draw the hidden half anew."""
        return build_world(self.accounts, self.seed, MONTHS, END, self.scenario)

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The canonical tables."""
        return frames_of(self.world())

    @cached_property
    def history(self) -> History:
        """The history."""
        return History.from_frames(self.tables, end=END)

    @cached_property
    def rows(self) -> tuple[Snapshot, Labels]:
        """Every 28 days of the history, measured and labelled."""
        days = hf.cutoffs(self.history, every="28d")
        y = hf.label(self.history, days, HORIZONS)
        X = hf.catalog.measure(self.history, days, HORIZONS)
        return X, y.on(X.index)

    @property
    def sha256(self) -> str:
        """What the world is recognised by: a hash of its accounts, exits and true log-hazards, to six digits."""
        world = self.world()
        told = world.terms["eta"].round(6).to_numpy(), world.exits.known.round(6), world.exits.kind
        return hashlib.sha256(b"".join(np.ascontiguousarray(one).tobytes() for one in told)).hexdigest()

    @cached_property
    def tests(self) -> tuple[pd.Timestamp, ...]:
        """The days at which models learn: the start of the last year, and its middle."""
        stands = self.rows[1].cutoffs
        tested = stands[stands >= END - TESTED]
        return tuple(tested[:: -(-len(tested) // REFITS)])

    def tested(self) -> np.ndarray:
        """Which rows are predicted: at risk, in the last year."""
        X, y = self.rows
        late = X.index.get_level_values("cutoff") >= self.tests[0]
        return np.asarray(late & (y.at_risk == "").to_numpy() & y.frame.notna().any(axis=1).to_numpy())

    def oracles(self, particles: int = 200) -> pd.DataFrame:
        """Probabilities of the two oracles for the rows that are predicted: columns (oracle, horizon)."""
        world = self.world()
        seen = observe(world, grow(self.world()), self.tables)
        return foresee(Filter(world, seen, particles), self.rows[0].index[self.tested()], HORIZONS)

    def answers(self, models: Mapping[str, Model]) -> pd.DataFrame:
        """Probabilities of models, fitted twice to what was settled by then: columns (model, horizon)."""
        X, y = self.rows
        stands, tested = X.index.get_level_values("cutoff"), self.tested()
        parts = []
        for place, day in enumerate(self.tests):
            until = self.tests[place + 1] if place + 1 < len(self.tests) else END
            known = y.known(day)
            some = known.frame.notna().any(axis=1).to_numpy()
            here = tested & (stands >= day) & (stands < until)
            fitted = {name: clone(model).fit(X.rows(some), known.rows(some)) for name, model in models.items()}
            told = {name: model.predict_proba(X.rows(here)) for name, model in fitted.items()}
            parts.append(pd.concat(told, axis=1))
        return pd.concat(parts).sort_index()
