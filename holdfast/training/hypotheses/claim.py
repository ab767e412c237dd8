"""A claim, and how it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.training.hypotheses.bench import Bench
    from holdfast.training.hypotheses.found import Found


class Measure(Protocol):
    """How a claim is measured: `Ratio`, `Rate`, `Strongest`, `Weighty`, `Better`, `Slope`, or one of your own."""

    def find(self, bench: Bench, needs: Sequence[str]) -> Found | str:
        """Measure it on a bench; a text says why that cannot be done."""
        ...


@dataclass(frozen=True)
class Hypothesis:
    """A claim that can be measured.

    Parameters
    ----------
    id
        Its number.
    claim
        What it says, in plain words.
    needs
        Signs by name; also ``contract``, ``health`` (template score) and ``health_fall`` (points lost in a month).
    by
        How it is measured.
    """

    id: str
    claim: str
    needs: tuple[str, ...]
    by: Measure


def thirds(values: pd.Series) -> pd.Series:
    """Tell the lower, middle and upper third of values: 0, 1, 2; missing stays missing.

    Examples
    --------
    >>> import pandas as pd
    >>> thirds(pd.Series([5.0, 1.0, 9.0])).tolist()
    [1.0, 0.0, 2.0]
    """
    return (3.0 * (values.rank() - 0.5) / max(int(values.notna().sum()), 1)).floordiv(1.0)
