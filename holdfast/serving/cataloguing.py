"""The catalogue as a command: what is measured, and what a history can carry of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.serving import show
from holdfast.serving.options import Json, today_of

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()
_SHOWN = ["name", "dimension", "healthy", "unit", "formula", "lookback_days", "tables"]


@app.command()
def indicators(
    plan: Annotated[
        Path | None,
        typer.Argument(metavar="[PLAN]", help="With a plan: its own indicators too, and what its data say."),
    ] = None,
    dimension: Annotated[str | None, typer.Option(metavar="D", help="product, relationship or business.")] = None,
    json: Json = False,
) -> None:
    """Print the catalogue of indicators; with a plan, also which apply to its data and how many accounts they cover."""
    from holdfast.features.catalog import catalog
    from holdfast.serving.columns import records

    told = catalog.select(dimension=dimension).frame() if plan is None else _covered(plan, dimension)
    rows = [show.missing_as_none(row) for row in records(told)]
    if json:
        show.as_json(rows)
        return
    more = [] if plan is None else ["applicable", "coverage", "not_applicable", "reason"]
    show.table(rows, [*_SHOWN, *more])


def _covered(plan: Path, dimension: str | None) -> pd.DataFrame:
    """Tabulate the catalogue of a plan with what the last day of its data says."""
    from holdfast.features.snapshot import MEASURED, NOT_APPLICABLE
    from holdfast.serving import pipeline

    settings, history = today_of(plan)
    catalog = pipeline.catalog_of(settings)
    X = catalog.measure(history, [history.now], settings.horizons.days, grace_days=settings.churn.grace_days)
    states = X.states()
    shares = {state: (states == state).mean() for state in (MEASURED, NOT_APPLICABLE)}
    table = catalog.for_history(history, history.now).select(dimension=dimension).frame()
    table["applicable"] = ~table["name"].isin(list(X.left_out))
    table["coverage"] = [round(float(shares[MEASURED].get(name, 0.0)), 4) for name in table["name"]]
    table["not_applicable"] = [round(float(shares[NOT_APPLICABLE].get(name, 0.0)), 4) for name in table["name"]]
    table["reason"] = [X.left_out.get(name, "") for name in table["name"]]
    return table
