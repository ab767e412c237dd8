"""What a model would say of rows if, for some signs, each of them showed what another row shows."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from holdfast.models.explain import line_of, regression_parts
from holdfast.models.hazard import Floats

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.churn import ChurnModel


class Swapped:
    """The rows of a snapshot, encoded once, so that signs can be exchanged between them often.

    Examples
    --------
    >>> import holdfast as hf
    >>> history = hf.simulate(accounts=150, seed=1, months=18)
    >>> days = hf.cutoffs(history, every="56d")
    >>> X, y = hf.catalog.measure(history, days), hf.label(history, days)
    >>> model = hf.ChurnModel().fit(X, y)
    >>> rows, there = Swapped(model, X), np.arange(len(X))
    >>> bool(np.allclose(rows.probabilities({"usage_30"}, there), model.predict_proba(X)))
    True
    """

    def __init__(self, model: ChurnModel, X: Snapshot) -> None:
        encoding, members = model.encoding_, model.members_
        design = encoding.design(X)
        self._features, self._trees, self._share = encoding.features(X), members.trees, members.share
        self._sources = np.array(encoding.feature_sources, dtype=object)
        self._parts = regression_parts(encoding, design, members.ridge.coef, X)
        self._ridge = members.ridge.g(design)
        self._line, self._toward = line_of(model, X), 1.0 if model.rises_ else -1.0

    def probabilities(self, sources: Collection[str], order: NDArray[np.intp]) -> Floats:
        """Predict (n, K) with the values of ``sources`` taken from the rows ``order`` (n,)."""
        g = self._ridge.copy()
        for name in sources:
            g += self._parts[name][order] - self._parts[name]
        if self._trees is not None:
            features = self._features.copy()
            columns = np.flatnonzero(np.isin(self._sources, list(sources)))
            features[:, columns] = features[order][:, columns]
            g = (1.0 - self._share) * g + self._share * self._trees.g(features)
        return self._line.probabilities(self._line.total(self._toward * g))
