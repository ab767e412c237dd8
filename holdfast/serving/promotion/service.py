"""What a person does about the model in service: promote one by name, go back, and look at what there is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.errors import BundleError, UsageError
from holdfast.serving import pipeline
from holdfast.serving.bundle import Bundle
from holdfast.serving.promotion.decision import decisions
from holdfast.serving.promotion.keeping import named, versions
from holdfast.serving.promotion.promotions import Promotions
from holdfast.serving.proof import read_predictions, read_proof
from holdfast.serving.tracking.mirror import mirror
from holdfast.training.promotion import Compared, compared

if TYPE_CHECKING:
    from holdfast.serving.plan import Plan

_DIMENSIONS = ("product", "relationship", "business")
_OWN = ("auc", "skill", "ece", "ratio", "events")
COLUMNS = ["version", "state", "learned_until", "events", "in_service_since", "gate"]


@dataclass(frozen=True)
class Moved:
    """A change of the model in service.

    Attributes
    ----------
    changed
        Whether another model was in service before.
    skipped
        Versions that could not be gone back to.
    objection
        Why the gate had held it back, where it did.
    """

    bundle: Bundle
    before: str | None
    changed: bool
    skipped: tuple[str, ...] = ()
    objection: str = ""

    def summary(self) -> dict[str, Any]:
        """Tell in plain values what was done."""
        told = {"model": self.bundle.version, "before": self.before, "changed": self.changed}
        return told | {"skipped": list(self.skipped), "objection": self.objection}


def promote(plan: Plan, version: str, reason: str, at: datetime) -> Moved:
    """Put a bundle in service, whatever the gate said of it.

    Raises
    ------
    UsageError
        When there is none of that name.
    BundleError
        When it is damaged or does not fit.
    """
    place = pipeline.workspace(plan)
    bundle, promotions = pipeline.bundle_of(plan, named(place, version)), Promotions(place)
    before = promotions.champion
    gates = [one.gate for one in decisions(promotions.place.models) if one.version == bundle.version]
    objection = next((one.objection() for one in gates if not one.passed), "")
    changed = promotions.serve(bundle.sha256, reason=reason, at=at)
    mirror(plan, pipeline.catalog_of(plan))
    return Moved(bundle, before, changed, objection=objection)


def roll_back(plan: Plan, reason: str, at: datetime) -> Moved:
    """Put the model in service again that was there before the present one; one that cannot be read is passed over.

    Raises
    ------
    UsageError
        When there is none to go back to.
    """
    promotions, skipped = Promotions(pipeline.workspace(plan)), []
    champion = promotions.champion
    for version in promotions.before:
        try:
            bundle = pipeline.bundle_of(plan, version)
        except BundleError:
            skipped.append(version)
            continue
        promotions.add("rollback", bundle.sha256, replaces=champion, reason=reason, at=at)
        mirror(plan, pipeline.catalog_of(plan))
        return Moved(bundle, champion, True, tuple(skipped))
    found = f"none that can be read ({', '.join(skipped)})" if skipped else "none"
    there = ", ".join(versions(promotions.place)) or "none"
    do = f"promote one by name (holdfast models PLAN lists them: {there}), or train again"
    raise UsageError("rollback", "a model that was in service before", found, do)


def models(plan: Plan) -> pd.DataFrame:
    """List the bundles of a workspace, the latest first.

    Returns
    -------
    DataFrame
        ``version``, ``state`` (``champion``, ``former champion``, ``rolled back``, ``challenger``, ``damaged``),
        ``learned_until``, ``events`` (accounts that churned in training), ``in_service_since``, and in words what the
        gate decided.
    """
    place = pipeline.workspace(plan)
    promotions = Promotions(place)
    line = promotions.frame()
    since = line.groupby("model_version")["recorded_at"].last().to_dict()
    gates = {one.version: one.gate.short for one in decisions(place.models) if not one.same}
    found = []
    for version in dict.fromkeys([*versions(place), *filter(None, [promotions.champion])]):
        state, learned, events = _state(promotions, version, set(map(str, since))), "", None
        try:
            bundle = pipeline.bundle_of(plan, version)
            learned, events = f"{bundle.learned_until:%Y-%m-%d}", bundle.model.events_
        except BundleError as problem:
            state += ", cannot be read"
            gates[version] = str(problem)
        found.append((version, state, learned, events, since.get(version, ""), gates.get(version, "")))
    table = pd.DataFrame(found, columns=COLUMNS)
    return table.sort_values(["learned_until", "version"], ascending=[False, True], ignore_index=True)


def compare(plan: Plan, champion: str | None, challenger: str | None) -> tuple[Bundle, Bundle, Compared]:
    """Set two bundles side by side on the days that the walks forward of both tested.

    Parameters
    ----------
    champion
        By default the model in service.
    challenger
        By default the one that learned last, or, where that is in service, the one before it.

    Raises
    ------
    UsageError
        When there are no two.
    """
    place = pipeline.workspace(plan)
    first = pipeline.bundle_of(plan, None if champion is None else named(place, champion))
    second = pipeline.bundle_of(plan, _other(plan, first.version) if challenger is None else named(place, challenger))
    none = pd.DataFrame(columns=["account_id", "cutoff", "horizon", "model", "p", "y"])
    before, walked = (
        none if rows is None else rows[rows["model"] == "churn"]
        for rows in (read_predictions(place.models, one.version) for one in (first, second))
    )
    draws, seed = plan.backtest.bootstrap, plan.model.seed
    return first, second, compared(before, walked, capacity=plan.gate.capacity, replicates=draws, seed=seed)


def facts(plan: Plan, champion: Bundle, challenger: Bundle) -> list[dict[str, Any]]:
    """Tell what two bundles learned from, how they weigh, and what the backtest of each found on its own days.

    Figures of other days are not held against each other: they have no difference.
    """
    old, new = _facts(champion), _facts(challenger)
    rows = [{"figure": name, "horizon": None, "champion": old[name], "challenger": new[name]} for name in old]
    models = pipeline.workspace(plan).models
    own = [read_proof(models, one.version).result["models"].get("churn", {}) for one in (champion, challenger)]
    for days in sorted(set(own[0]) | set(own[1]), key=int):
        told = [one.get(days, {}) for one in own]
        rows += [
            {"figure": f"{name}, own days", "horizon": int(days)}
            | {"champion": told[0].get(name), "challenger": told[1].get(name)}
            for name in _OWN
        ]
    return rows


def _facts(bundle: Bundle) -> dict[str, Any]:
    weights = bundle.health.weights.groupby("dimension")["weight"].sum()
    return {
        "version": bundle.version,
        "learned until": f"{bundle.learned_until:%Y-%m-%d}",
        "accounts that left": int(bundle.model.events_),
        "signs": len(bundle.catalog),
        **{f"weight of {name}": float(weights.get(name, 0.0)) for name in _DIMENSIONS},
    }


def _state(promotions: Promotions, version: str, served: set[str]) -> str:
    if version == promotions.champion:
        return "champion"
    if promotions.rolled_back(version) and version not in promotions.line:
        return "rolled back"
    return "former champion" if version in served or version in promotions.line else "challenger"


def _other(plan: Plan, champion: str) -> str:
    there = [str(one) for one in models(plan).query("learned_until != ''")["version"] if one != champion]
    if not there:
        do = "train another one: holdfast retrain PLAN"
        raise UsageError("compare", "a second model", f"none beside {champion}", do)
    return there[0]
