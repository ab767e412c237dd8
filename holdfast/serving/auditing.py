"""Commands that look back: a score made elsewhere, the last customers lost, and what is claimed of all customers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.serving import show
from holdfast.serving.options import Json, Page, PlanFile, StrictClock, handed_over, today_of

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.features.snapshot import Snapshot

app = typer.Typer()
_LOSSES = ["account_id", "name", "left", "arr", "health_90", "health_60", "health_30", "band_30", "warned_days"]
_CLAIMS = ["id", "claim", "verdict", "why", "crude"]
_COLUMNS = ["band", "rows", "churned", "rate", "rate_low", "rate_high", "inverted"]


@app.command()
def audit(
    scores: Annotated[Path, typer.Argument(metavar="SCORES", help="CSV: account_id, date, score, and arr if known.")],
    churn: Annotated[Path, typer.Argument(metavar="CHURN", help="CSV of lost customers: account_id, date.")],
    healthy: Annotated[str, typer.Option(help="Whether high or low scores are healthy.")] = "high",
    plan: Annotated[
        Path | None, typer.Option(metavar="PLAN", help="The accounts' own history: also judge template and recency.")
    ] = None,
    json: Json = False,
) -> None:
    """Judge a score that was made elsewhere: what it was worth 30, 60 and 90 days before customers left."""
    from holdfast.serving.columns import records
    from holdfast.serving.score_files import read_table
    from holdfast.training.external import audit as judged
    from holdfast.training.external import cutoffs_of

    told, lost = read_table(scores, ("account_id", "date", "score")), read_table(churn, ("account_id", "date"))
    measured = None if plan is None else _measured(plan, cutoffs_of(told))
    found = judged(told, lost, healthy=healthy, measured=measured)
    if json:
        show.as_json(found.to_dict())
        return
    show.say(found.text())
    show.table(records(found.bands[_COLUMNS].round(3)), _COLUMNS)
    wide = found.result.table().reset_index().round(3)
    show.table(records(wide), [str(name) for name in wide])


@app.command()
def autopsy(
    plan: PlanFile,
    last: Annotated[int, typer.Option(min=1, help="How many of the last customers lost.")] = 20,
    out: Page = None,
    strict_clock: StrictClock = False,
    json: Json = False,
) -> None:
    """Look at the last customers lost: what was knowable 90, 60 and 30 days before; nothing need be trained."""
    from holdfast.serving import learning, pipeline
    from holdfast.serving.autopsy_page import render, told
    from holdfast.serving.columns import records
    from holdfast.training.autopsy import autopsy as looked_at

    settings, history = today_of(plan, strict_clock)
    X, y = learning.examples(settings, history)
    health = pipeline.template_of(settings)
    found = looked_at(X, y, health, history, last=last, predictions=pipeline.predictions_of(settings))
    named = told(found, history)
    if not handed_over(out, lambda: render(found, named, f"{history.now:%Y-%m-%d}"), json, found.to_dict):
        show.say(found.text())
        show.table(records(named[_LOSSES].round(2)), _LOSSES)


@app.command()
def hypotheses(
    plan: PlanFile,
    draws: Annotated[int, typer.Option(min=100, help="How often accounts are drawn for the intervals.")] = 500,
    strict_clock: StrictClock = False,
    json: Json = False,
) -> None:
    """Hold what is claimed of customers against your own, like with like, with intervals; nothing need be trained."""
    from holdfast.serving import learning, pipeline
    from holdfast.serving.columns import records
    from holdfast.serving.opening import expansion_of
    from holdfast.training.hypotheses import hypotheses as held

    settings, history = today_of(plan, strict_clock)
    X, y = learning.examples(settings, history)
    health, grown = pipeline.template_of(settings), expansion_of(settings, history, y)
    found = held(X, y, expansion=grown, health=health, replicates=draws, seed=settings.model.seed)
    if json:
        show.as_json(found.to_dict())
        return
    show.table(records(found.rows[_CLAIMS].round({"crude": 2})), _CLAIMS)
    show.say(found.summary())


def _measured(path: Path, stands: pd.DatetimeIndex) -> Snapshot:
    """Measure the accounts of a plan at the cutoffs of the scores."""
    from holdfast.serving import pipeline

    settings, history = today_of(path)
    inside = stands[stands <= history.now]
    return pipeline.catalog_of(settings).measure(history, inside, grace_days=settings.churn.grace_days)
