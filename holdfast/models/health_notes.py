"""What a reader of a health score must know: whose weights stand, and for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.models.plain_notes import event, rarer, unused
from holdfast.models.pooling import SEGMENT_FROM

if TYPE_CHECKING:
    from holdfast.models.health import HealthScore


def notes_of(health: HealthScore) -> tuple[str, ...]:
    """Tell what a fitted score rests on."""
    of, told = health.start, event(health)
    if health.learn and not health.learned:
        which = f"the template's weights stand ({of.name}, version {of.version})"
        which = which if health.reading_ is None else "weights are not learned"
        told.append(f"{health.evidence_} {rarer(health, ('churned', 'stayed'))} in training: {which}")
    if health.learned and len(health.heard_) > 1:
        told += _segments(health)
    if health.learned and of.segments:
        told.append(f"the template {of.name} weighs segments apart; what is learned starts from its common weights")
    if health.unseen_:
        told.append(f"the template {of.name} weighs segments that no account is of: {', '.join(health.unseen_)}")
    return (*told, *_unused(health))


def _unused(health: HealthScore) -> list[str]:
    scored = {one.name for one in health.columns_}
    if health.context_ is None:
        return unused(health, scored, "text: it counts only beside weights that are learned")
    return unused(health, scored | {column.source for column in health.context_.columns})


def _segments(health: HealthScore) -> list[str]:
    event = "churned" if health.reading_ is None else f"of class {health.classes_.tolist()[1]!r}"
    own = [f"{name} ({health.heard_[name]} {event})" for name in health.segments_]
    rest = [f"{name} ({events})" for name, events in health.heard_.items() if name not in health.segments_]
    told = [f"segments with weights of their own: {', '.join(own)}"] if own else []
    few = f"segments with the common weights, below {SEGMENT_FROM} {event}: {', '.join(rest)}"
    return [*told, few] if rest else told
