"""Tables on their way into memory: landed, without those who were erased, by the strict clock, their texts heard."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.features.history.landing import Delivery, Landed, land
from holdfast.features.history.leaving_out import LeftOut
from holdfast.features.history.money import Rates
from holdfast.features.history.outline import require
from holdfast.features.history.strict import strictly
from holdfast.features.sentiment.moods import Moods
from holdfast.findings import Finding


def arrived(
    deliveries: Iterable[Delivery | Landed],
    rates: Rates | None,
    left_out: LeftOut | None,
    moods: Moods,
    *,
    strict_clock: bool,
) -> tuple[dict[str, Landed], tuple[Finding, ...]]:
    """Land tables that have not, and tell what befell them beyond single files; parameters as in `History.read`.

    Raises
    ------
    DataError
        When something cannot be read as what it should be, or too little is left.
    """
    notes: tuple[Finding, ...] = ()
    landed = {one.table.name: one if isinstance(one, Landed) else land(one, rates) for one in deliveries}
    if left_out:
        kept = {name: left_out.landed(one) for name, one in landed.items()}
        notes = tuple(found for one in kept.values() if not len(one.frame) for found in one.findings)
        landed = {name: one for name, one in kept.items() if len(one.frame)}
        require(landed, "what is left without those who were erased")
    if strict_clock:
        landed, emptied = strictly(landed)
        notes = (*notes, *emptied)
    from holdfast.features.sentiment.step import heard  # which reads the declarations of tables

    landed, told = heard(landed, moods)
    return landed, (*notes, *told)
