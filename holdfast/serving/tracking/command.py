"""The command that brings MLflow up to date."""

from __future__ import annotations

import typer

from holdfast.serving import show
from holdfast.serving.options import EXIT_NOTHING_TO_DO, Json, PlanFile, plan_of

app = typer.Typer()


@app.command()
def sync(plan: PlanFile, json: Json = False) -> None:
    """Tell MLflow of trainings that it has not heard of, and put its aliases right. Exit code 10: nothing to do."""
    from holdfast.errors import UsageError
    from holdfast.serving import pipeline
    from holdfast.serving.tracking import mirror

    settings = plan_of(plan)
    if not settings.tracking.enabled:
        raise UsageError("sync", "[tracking] enabled = true", "false", "let the plan keep a record in MLflow")
    done = mirror.sync(settings, pipeline.catalog_of(settings))
    changed = bool(done.sent) or done.moved
    if json:
        show.as_json(done.summary())
    elif not changed:
        show.say("nothing to do: MLflow knows every training, and who is in service")
    else:
        show.say(f"trainings sent to MLflow: {len(done.sent)}")
        for alias, version in done.aliases.items():
            show.say(f"{alias}: {version or 'none'}")
    if not changed:
        raise typer.Exit(EXIT_NOTHING_TO_DO)
