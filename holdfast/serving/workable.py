"""Whether a plan can work, as far as that shows before any data is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.errors import UsageError, did_you_mean
from holdfast.serving.opening import definition, dialects_of
from holdfast.serving.pipeline import catalog_of, playbooks_of
from holdfast.serving.tables.target import refuse_half
from holdfast.serving.weights import template_of

if TYPE_CHECKING:
    from holdfast.serving.plan import Plan


def refuse_unworkable(plan: Plan) -> None:
    """Refuse a plan that asks for what cannot be, before it costs a training.

    The files that it names are read, and that of indicators runs; the data are not looked at.

    Raises
    ------
    UsageError
        With the place in the plan, or in the file that it names.
    """
    _churn(plan)
    dialects_of(plan.data.dialect)
    refuse_half(plan.output)
    _template(plan)
    _playbooks(plan)


def _churn(plan: Plan) -> None:
    try:
        definition(plan)
    except UsageError as problem:
        where = f"plan, key {problem.where.replace(', ', '.')}"
        raise UsageError(where, problem.expected, problem.found, problem.do) from None


def _template(plan: Plan) -> None:
    catalog = catalog_of(plan)
    template = template_of(plan, catalog)
    for segment in (None, *template.segments):
        template.weights(catalog, segment)


def _playbooks(plan: Plan) -> None:
    books = playbooks_of(plan).books
    for name in plan.queue.playbook_hours:
        if name not in books:
            raise UsageError(
                f"plan, key queue.playbook_hours.{name}", "a playbook", repr(name), did_you_mean(name, books)
            )
