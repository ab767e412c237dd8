"""What is recorded of one training, as plain values that can wait on disk until a server takes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from math import isfinite
from typing import Any


@dataclass(frozen=True)
class Record:
    """One training.

    Attributes
    ----------
    name
        The version of the model.
    at
        When it was trained, in milliseconds since 1970.
    params
        What it was made with, as text.
    metrics
        What was found; what is missing or not finite is left out.
    tags
        What it was made of, and what was decided.

    Examples
    --------
    >>> one = Record("0123456789abcdef", at=0, metrics={"churn_auc_30": 0.75, "churn_auc_60": None})
    >>> one.measured
    {'churn_auc_30': 0.75}
    >>> Record.from_dict(one.to_dict()).key == one.key
    True
    """

    name: str
    at: int
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """Name it by what it says, the time apart: the same training, made again, is the same record."""
        told = {name: value for name, value in self.to_dict().items() if name != "at"}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def measured(self) -> dict[str, float]:
        """The metrics that are numbers."""
        return {name: float(value) for name, value in self.metrics.items() if value is not None and isfinite(value)}

    def to_dict(self) -> dict[str, Any]:
        """State as plain values."""
        return asdict(self) | {"metrics": self.measured}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Record:
        """Restore from `to_dict`.

        Raises
        ------
        ValueError
            When it is not what `to_dict` gives.
        """
        try:
            texts = [{str(name): str(value) for name, value in state[part].items()} for part in ("params", "tags")]
            metrics = {str(name): float(value) for name, value in state["metrics"].items()}
            return cls(str(state["name"]), int(state["at"]), texts[0], metrics, texts[1])
        except (KeyError, TypeError, AttributeError, OverflowError) as problem:
            raise ValueError("no record of a training") from problem
