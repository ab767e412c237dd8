"""The commands about the health score: what each weight does to it, and one account taken apart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.serving import show
from holdfast.serving.options import Json, Page, PlanFile, handed_over, today_of

if TYPE_CHECKING:
    from holdfast.models.sensitivity import Sensitivity

app = typer.Typer()
_SHOWN = ["title", "dimension", "weight", "level", "to", "rank_correlation", "band_changes", "bands", "largest_move"]


@app.command()
def sensitivity(
    plan: PlanFile,
    top: Annotated[int, typer.Option(min=1, help="Show so many moves, the most telling first.")] = 20,
    json: Json = False,
) -> None:
    """Move every weight by itself: what that does to the order of the accounts and to their bands."""
    from holdfast.serving.columns import records

    found, whose = _measured(plan)
    rows = found.frame()
    if json:
        rows_told = [show.missing_as_none(one) for one in records(rows)]
        show.as_json({"weights": whose, "accounts": found.accounts, "moves": rows_told})
        return
    show.say(f"{found.accounts} accounts, {whose}; each line moves one weight and leaves the others.")
    if len(rows):
        shown = rows.head(top).round({"weight": 1, "rank_correlation": 3, "largest_move": 1})
        show.table(records(shown[_SHOWN]), _SHOWN)
    if len(rows) > top:
        show.say(f"{len(rows) - top} more moves; --top {len(rows)} shows all.")


@app.command()
def scorecard(
    plan: PlanFile,
    account: Annotated[str, typer.Option(metavar="ID", help="The account.")],
    out: Page = None,
    json: Json = False,
) -> None:
    """Take the health of one account apart: every sign with its points, its weight and what it costs."""
    from holdfast.serving.columns import records
    from holdfast.serving.scorecard import drawn, render, summary, to_dict

    card, about = drawn(plan, account)
    if not handed_over(out, lambda: render(card, about), json, lambda: to_dict(card, about)):
        show.say(f"{about['account_name'] or card.account_id}, as of {card.cutoff:%Y-%m-%d}: {summary(card)}")
        shown = card.rows.round({"points": 0, "weight": 1, "lost": 2})
        show.table(records(shown), ["dimension", "title", "points", "weight", "lost", "sentence"])


def _measured(path: Path) -> tuple[Sensitivity, str]:
    """Measure the last day of a plan with the bundle in service, or with the template where none is trained."""
    from holdfast.models.health import HealthScore
    from holdfast.models.sensitivity import sensitivity as answers
    from holdfast.serving import opening, pipeline
    from holdfast.serving.weights import template_of
    from holdfast.training.labels import Churn, at_risk

    settings, history = today_of(path)
    if pipeline.in_service(settings) is None:
        catalog, horizons, churn = pipeline.catalog_of(settings), settings.horizons.days, opening.definition(settings)
        template = template_of(settings, catalog)
        health = HealthScore.template(template.known, settings.health.min_coverage)
        whose = f"the template {template.name}, version {template.version} (nothing is trained yet)"
    else:
        bundle = pipeline.bundle_of(settings)
        catalog, horizons, churn, health = bundle.catalog, bundle.horizons, Churn(**bundle.churn), bundle.health
        weights = "learned weights" if health.learned else f"the template {health.start.name}"
        whose = f"{weights} of model {bundle.version}"
    X = catalog.measure(history, [history.now], horizons, grace_days=churn.grace_days)
    return answers(health, X.rows(at_risk(history, X.cutoffs, churn).reindex(X.index) == "")), whose
