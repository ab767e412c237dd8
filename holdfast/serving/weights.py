"""Whose weights: the template that a plan names, with what the plan itself says otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.models.emphasis import Emphasis
from holdfast.models.health import HealthScore
from holdfast.models.template import Template, scored, segments_from

if TYPE_CHECKING:
    from holdfast.features.catalog.collection import Catalog
    from holdfast.serving.plan import Plan


def template_of(plan: Plan, catalog: Catalog) -> Template:
    """Give the template of a plan, checked against the names of a catalogue.

    Raises
    ------
    UsageError
        When the template cannot be read, or it or the plan names what does not exist.
    """
    health, where = plan.health, "plan, section health"
    names = [one.name for one in scored(catalog)]
    template = _named(health.template)
    said = {"dimensions": health.dimensions, "levels": health.levels, "weights": health.weights}
    own = Emphasis.from_dict({key: values for key, values in said.items() if values}, where)
    segments = segments_from(health.segments, where)
    own.check(names, where)
    for name, one in segments.items():
        one.check(names, f"{where}, segment {name}")
    if own != Emphasis() or segments:
        template = replace(
            template,
            name=f"{template.name}, adjusted in the plan",
            base=template.base.overridden(own),
            segments={**template.segments, **segments},
        )
    template.check(names)
    return template


def _named(template: str) -> Template:
    if template.endswith(".toml"):
        return Template.read(template)
    return Template.named(template, "plan, key health.template")


def health_of(plan: Plan, catalog: Catalog) -> HealthScore:
    """Give the health score of a plan, not fitted yet."""
    prior = template_of(plan, catalog).known
    return HealthScore(learn=plan.health.learn, prior=prior, min_coverage=plan.health.min_coverage)
