"""What a reader must know of a model of a plain frame: which class is the event, and which columns found no use."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from holdfast.models.plain_columns import RARE

if TYPE_CHECKING:
    from holdfast.models.churn import ChurnModel
    from holdfast.models.health import HealthScore


def event(model: ChurnModel | HealthScore) -> list[str]:
    """Say which class counts as the event, unless the label says so itself as 1 or True."""
    classes = model.classes_.tolist()
    if model.reading_ is None or classes == [0, 1]:
        return []
    other = f"where it is {classes[0]!r}, pass y == {classes[0]!r}"
    return [f"the event is {classes[1]!r}, the second of the classes in order; {other}"]


def rarer(model: ChurnModel | HealthScore, outcomes: tuple[str, str]) -> str:
    """Name the rarer outcome, by which evidence is counted: given words for accounts, else a class of rows."""
    place = 0 if model.events_ <= model.evidence_ else 1
    if model.reading_ is None:
        return f"accounts {outcomes[place]}"
    return f"rows are of class {model.classes_.tolist()[1 - place]!r}"


def unused(model: ChurnModel | HealthScore, used: Collection[str], text: str = RARE) -> list[str]:
    """Name the columns of a plain frame that found no use, each with the reason.

    Parameters
    ----------
    text
        The reason where a text could have been of use by itself.
    """
    known = {} if model.reading_ is None else model.reading_.idle
    idle = [f"{name} ({text if why == RARE else why})" for name, why in known.items() if name not in used]
    return [f"not used: {', '.join(idle)}"] if idle else []
