"""What a model was trained for, held against what the plan asks for now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from holdfast.errors import UsageError
from holdfast.findings import Finding
from holdfast.serving.opening import definition
from holdfast.serving.weights import template_of
from holdfast.training.churn import Churn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.features.catalog.collection import Catalog
    from holdfast.serving.bundle import Bundle
    from holdfast.serving.plan import Plan
    from holdfast.serving.proof import Proof

OTHERWISE, OTHER_KIND, DROPPED = "HF090", "HF091", "HF012"
_UNNAMED = ("name", "version", "author")  # of a template: they weigh nothing


def trained_otherwise(plan: Plan, bundle: Bundle, proof: Proof, catalog: Catalog) -> list[Finding]:
    """Tell what the plan says otherwise than it did when a model was trained; empty when the model is what it asks for.

    Parameters
    ----------
    proof
        Of the bundle, which knows the horizons that were asked for and could not be learned.
    catalog
        The indicators of the plan.
    """
    where, findings = f"model {bundle.version}", []
    if plan.churn.kind != bundle.churn["kind"]:
        told = f"it tells {bundle.churn['kind']}, and [churn] kind is {plan.churn.kind}"
        findings.append(Finding(OTHER_KIND, where, 1, told))
    others = [*_churn(plan, bundle), *_horizons(plan, bundle, proof), *_health(plan, bundle, catalog)]
    if others:
        findings.append(Finding(OTHERWISE, where, len(others), "; ".join(others)))
    return findings


def same_churn(plan: Plan, bundle: Bundle) -> None:
    """Refuse a model of another kind of churn: its scores would be read, and judged, as what they are not.

    Raises
    ------
    UsageError
        When the plan means another kind of churn than the one the bundle learned.
    """
    learned, asked = bundle.churn["kind"], plan.churn.kind
    if learned != asked:
        do = f'train again: holdfast train PLAN; or set [churn] kind = "{learned}" again'
        raise UsageError("churn, kind", f"{learned}, which model {bundle.version} tells", f"{asked} in the plan", do)


def _churn(plan: Plan, bundle: Bundle) -> Iterator[str]:
    learned, asked = asdict(Churn(**bundle.churn)), asdict(definition(plan))
    for key in (one for one in asked if one != "kind" and asked[one] != learned[one]):
        yield _changed(f"[churn] {key}", asked[key], learned[key])


def _horizons(plan: Plan, bundle: Bundle, proof: Proof) -> Iterator[str]:
    dropped = {one.where for one in proof.findings if one.code == DROPPED}
    asked = sorted(plan.horizons.days)
    if [days for days in asked if f"horizon {days}" not in dropped] != sorted(bundle.horizons):
        yield _changed("[horizons] days", asked, sorted(bundle.horizons))


def _health(plan: Plan, bundle: Bundle, catalog: Catalog) -> Iterator[str]:
    health = bundle.health
    for key, asked, learned in (
        ("learn", plan.health.learn, health.learn),
        ("min_coverage", plan.health.min_coverage, health.min_coverage),
    ):
        if asked != learned:
            yield _changed(f"[health] {key}", asked, learned)
    try:
        weighs = template_of(plan, catalog).to_dict()
    except UsageError as problem:  # scoring goes on: only training needs the template
        yield f"[health] cannot be compared ({problem.where}: found {problem.found})"
        return
    begun = health.start.to_dict()
    keys = [one for one in sorted({*weighs, *begun}) if one not in _UNNAMED and weighs.get(one) != begun.get(one)]
    if keys:
        yield f"[health] weighs otherwise in {', '.join(keys)}"


def _changed(setting: str, asked: Any, learned: Any) -> str:
    return f"{setting} is {_word(asked)}, in training {_word(learned)}"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return _list(value) if isinstance(value, (list, tuple)) else str(value)


def _list(values: Sequence[Any]) -> str:
    return f"[{', '.join(map(str, values))}]"
