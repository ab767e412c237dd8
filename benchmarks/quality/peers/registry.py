"""The peers by name: what an environment of their own needs, and on which data they are run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.environments import python_of
from benchmarks.speed.registry import Engine


@dataclass(frozen=True)
class Peer:
    """A model of another library.

    Attributes
    ----------
    module
        In ``benchmarks.quality.peers``: ``fit_predict(train, y, account, test, settings)`` gives the probabilities.
    packages
        What its environment needs.
    data
        The data sets it is run on; none: all of them.
    at_home
        Whether it also runs, with less, in the project's own environment where its own cannot be made.
    """

    name: str
    module: str
    title: str
    packages: tuple[str, ...]
    data: tuple[str, ...] = ()
    at_home: bool = False

    def python(self) -> Path | None:
        """Give its interpreter; none, with a line on standard error, where its packages cannot be had."""
        own = python_of(Engine(f"peer-{self.name}", self.module, self.title, "", self.packages))
        return Path(sys.executable) if own is None and self.at_home else own

    def runs_on(self, data: str) -> bool:
        """Whether it is run on a data set."""
        return not self.data or data in self.data


_FRAMES = ("pandas<3", "pyarrow")
_LIFETIMES = ("lifetimes", "numpy<2", "pandas<3", "pyarrow<20")  # later ones want numpy 2

PEERS: Mapping[str, Peer] = {
    one.name: one
    for one in (
        Peer("tuned", "lightgbm_tuned", "LightGBM tuned", ("optuna", "lightgbm", "scikit-learn", *_FRAMES), (), True),
        Peer("catboost", "catboost_default", "CatBoost", ("catboost", *_FRAMES)),
        Peer("flaml", "flaml_automl", "FLAML", ("flaml[automl]", *_FRAMES)),
        Peer("bgnbd", "lifetimes_bgnbd", "BG/NBD", _LIFETIMES, ("cdnow",)),
    )
}
