"""The reference: how the signs that a model reads were spread among the accounts that it learned from.

It is kept with the model, as quantiles and shares, so that any later day can be held against it without the rows. How
far a sign went up and down from one day of training to the next is kept, too: what is usual is no drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from holdfast.errors import BundleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.snapshot import Snapshot
    from holdfast.training.metrics import Floats

VERSION = 1
QUANTILES = np.linspace(0.0, 1.0, 101)
FEWEST_DAYS = 3.0  # of training, below which nobody knows how far a sign goes from day to day
MOST_LEVELS = 200  # a text with more values names things; it is no category
_ATOM = 1.5 / 100  # a value that so many rows share is taken as it is, and not blended with its neighbour


@dataclass(frozen=True, eq=False)
class Spread:
    """How the values of one sign were spread.

    Attributes
    ----------
    edges, below
        Values, ascending, and the share of rows up to each; empty where no row had a value.
    accounts
        As many accounts as tell the same of it, were each there once.
    unsteady
        Variance of a share of rows from day to day, beyond chance, as a multiple of that of one account, at its
        greatest.
    missing, missing_unsteady
        The share without a value, and the same variance of it.
    """

    edges: Floats
    below: Floats
    accounts: float
    unsteady: float
    missing: float
    missing_unsteady: float

    def __post_init__(self) -> None:
        shares = np.append(self.below, [self.missing, self.unsteady, self.missing_unsteady])
        sound = len(self.edges) == len(self.below) and np.isfinite(self.edges).all() and np.isfinite(shares).all()
        if not (sound and (np.diff(self.edges) > 0).all() and (np.diff(self.below) > 0).all()):
            raise ValueError("edges and shares that ascend")
        if not (0 <= self.missing <= 1 and (self.below.size == 0 or 0 < self.below[0] <= self.below[-1] <= 1)):
            raise ValueError("shares between 0 and 1")

    @classmethod
    def of(cls, values: Floats, account: NDArray[np.intp], day: NDArray[np.intp]) -> Self:
        """Learn from values by row, with the number of the account and of the day of each."""
        seen = np.isfinite(values)
        lost = float(1 - seen.mean())
        unsteady = (
            _variance((~seen).astype(np.intp), day, 2)[0] / max(lost * (1 - lost), 1e-12) if 0 < lost < 1 else 0.0
        )
        if not seen.any():
            return cls(np.empty(0), np.empty(0), 0.0, 0.0, lost, unsteady)
        kept = values[seen]
        edges = np.unique(np.quantile(kept, QUANTILES, method="inverted_cdf")) + 0.0  # no -0
        place = np.searchsorted(edges, kept)
        below = np.cumsum(np.bincount(place, minlength=len(edges))) / len(kept)
        sway = 4 * float(_variance(place, day[seen], len(edges)).max())
        return cls(edges, below, kish(account[seen]), sway, lost, float(unsteady))

    def share(self, values: Floats) -> Floats:
        """Give the share of `values` up to each edge."""
        place = np.searchsorted(self.edges, values)
        counts = np.bincount(place, minlength=len(self.edges) + 1)[: len(self.edges)]
        return np.asarray(np.cumsum(counts) / max(len(values), 1))

    def at(self, share: Floats) -> Floats:
        """Give the values below which such shares of the rows lay.

        Examples
        --------
        >>> half = Spread(np.array([0.0, 1.0]), np.array([0.5, 1.0]), 10.0, 0.0, 0.0, 0.0)
        >>> half.at(np.array([0.2, 0.5, 0.7])).tolist()
        [0.0, 0.0, 1.0]
        """
        place = np.minimum(np.searchsorted(self.below, share), len(self.edges) - 1)
        width = np.diff(self.below, prepend=0.0)[place]
        return np.where(width > _ATOM, self.edges[place], np.interp(share, self.below, self.edges))

    @property
    def median(self) -> float:
        """The middle value; missing where there is none."""
        return float(self.at(np.array([0.5]))[0]) if len(self.edges) else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """State as JSON values."""
        return {name: one.tolist() if isinstance(one, np.ndarray) else one for name, one in vars(self).items()}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Restore from `to_dict`."""
        edges, below = (np.asarray(told[name], dtype=np.float64) for name in ("edges", "below"))
        numbers = {name: float(told[name]) for name in ("accounts", "unsteady", "missing", "missing_unsteady")}
        return cls(edges, below, **numbers)


@dataclass(frozen=True)
class Category:
    """The values of a text of the context, and the share of rows of each; ``accounts`` as in `Spread`."""

    shares: Mapping[str, float]
    accounts: float


@dataclass(frozen=True, eq=False)
class Reference:
    """What a model learned from, as far as a later day is held against it.

    Attributes
    ----------
    signs
        By indicator.
    categories
        By text of the context.
    days
        As many days as tell the same, had each as many accounts.
    """

    signs: Mapping[str, Spread]
    categories: Mapping[str, Category]
    days: float

    @classmethod
    def of(cls, X: Snapshot) -> Self:
        """Learn from the rows of training: accounts at risk, at several cutoffs."""
        account = pd.factorize(X.index.get_level_values("account_id"))[0]
        day = pd.factorize(X.index.get_level_values("cutoff"), sort=True)[0]
        signs = {str(name): Spread.of(X.indicators[name].to_numpy(float), account, day) for name in X.indicators}
        texts = {str(name): X.context[name] for name in X.context if not pd.api.types.is_numeric_dtype(X.context[name])}
        counts = {name: words(values).value_counts(normalize=True).sort_index() for name, values in texts.items()}
        accounts = kish(account)
        categories = {
            name: Category({str(level): float(share) for level, share in one.items()}, accounts)
            for name, one in counts.items()
            if len(one) <= MOST_LEVELS
        }
        return cls(signs, categories, kish(day))

    def to_dict(self) -> dict[str, Any]:
        """State as JSON values."""
        return {
            "version": VERSION,
            "days": self.days,
            "signs": {name: one.to_dict() for name, one in self.signs.items()},
            "categories": {name: asdict(one) for name, one in self.categories.items()},
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Restore from `to_dict`.

        Raises
        ------
        BundleError
            When a later version wrote it.
        ValueError
            When its parts do not fit together.
        """
        if told["version"] != VERSION:
            do = "use the version of holdfast that wrote it, or train again"
            raise BundleError("reference of the model", f"version {VERSION}", f"version {told['version']!r}", do)
        signs = {name: Spread.from_dict(one) for name, one in told["signs"].items()}
        return cls(signs, {name: Category(**one) for name, one in told["categories"].items()}, float(told["days"]))


def kish(groups: NDArray[np.intp]) -> float:
    """Give how many groups of equal size say as much as these (Kish, Survey Sampling, 1965).

    Examples
    --------
    >>> kish(np.array([0, 1, 2, 3])), round(kish(np.array([0, 0, 0, 1])), 2)
    (4.0, 1.6)
    """
    sizes = np.bincount(groups).astype(float)
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if len(groups) else 0.0


def words(values: pd.Series) -> pd.Series[str]:
    """Give texts as plain words; what is missing is the empty one."""
    return values.astype(object).where(values.notna(), "").astype(str)


def _variance(place: NDArray[np.intp], day: NDArray[np.intp], places: int) -> Floats:
    """Give the variance from day to day of the share of rows up to each place, beyond that of drawing accounts anew.

    Days are weighed by their rows.
    """
    counts = np.bincount(day * places + place, minlength=(day.max() + 1) * places).reshape(-1, places)
    counts = counts[counts.any(axis=1)]
    rows = counts.sum(axis=1)
    share, weight = np.cumsum(counts, axis=1) / rows[:, None], rows / rows.sum()
    spare = 1 - (weight**2).sum()
    if spare <= 0:
        return np.zeros(places)
    middle = weight @ share
    chance = middle * (1 - middle) * (len(rows) - 1) / rows.sum()
    return np.asarray(np.maximum(weight @ (share - middle) ** 2 - chance, 0.0) / spare)
