"""The commands of every day: check, train, backtest, score, and where the report is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.serving import show
from holdfast.serving.options import (
    EXIT_FINDINGS,
    EXIT_NOTHING_TO_DO,
    AllowShrink,
    Json,
    PlanFile,
    StrictClock,
    history_of,
    now,
    plan_of,
)
from holdfast.serving.plan import Plan, read_plan

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.serving.runs import Run
    from holdfast.serving.tables.publishing import Published
    from holdfast.serving.tables.target import Target

app = typer.Typer()


@app.command()
def check(plan: PlanFile, strict_clock: StrictClock = False, json: Json = False) -> None:
    """Say what was noticed in the data: contract, freshness, leakage. Exit code 1 when something deserves attention."""
    from holdfast.findings import findings_frame
    from holdfast.serving.columns import records
    from holdfast.serving.inspection import inspect

    settings, history = _open(plan, strict_clock, whole=True)
    findings = findings_frame(inspect(settings, history))
    rows = records(findings)
    if json:
        show.as_json(rows)
    elif rows:
        show.table(rows, list(findings.columns))
    else:
        show.say("Nothing to say: the data is as it should be.")
    if (findings["severity"] != "info").any():
        raise typer.Exit(EXIT_FINDINGS)


@app.command()
def train(
    plan: PlanFile,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Learn only from what was known by then.")] = None,
    allow_shrink: AllowShrink = False,
    strict_clock: StrictClock = False,
    json: Json = False,
) -> None:
    """Fit, prove by backtest, keep the bundle and put it in service."""
    from holdfast.serving import learning, opening, pipeline

    settings, history = _open(plan, strict_clock, whole=True)
    known = opening.known_on(settings, history, until)
    with pipeline.workspace(settings).training(), _guarded(settings, history, known, allow_shrink):
        trained = learning.train(settings, known, now())
    summary = trained.summary()
    told = f"Model {summary['model']} is in service, learned from what was known on {summary['learned_until']}."
    show.as_json(summary) if json else show.say(" ".join(filter(None, [summary["verdict"], summary["weights"], told])))


@app.command()
def backtest(
    plan: PlanFile,
    strict_clock: StrictClock = False,
    open_holdout: Annotated[
        bool, typer.Option("--open-holdout", help="Judge on the cutoffs that were kept from every test, once.")
    ] = False,
    json: Json = False,
) -> None:
    """Say how good the models would have been, beside the baselines and the model in service."""
    from holdfast.serving import learning, opening, pipeline
    from holdfast.serving.telling import tell_backtest

    settings, history = _open(plan, strict_clock, whole=True)
    X, y = learning.examples(settings, opening.known_on(settings, history, None))
    started = perf_counter()
    with pipeline.workspace(settings).training() if open_holdout else nullcontext():
        proven, evidence = learning.prove(settings, X, y, open_holdout=open_holdout)
    result = proven.to_dict() | {"evidence": evidence, "seconds": round(perf_counter() - started, 3)}
    show.as_json(result) if json else tell_backtest(result)


@app.command()
def score(
    plan: PlanFile,
    at: Annotated[str | None, typer.Option(metavar="DATE", help="Score as of then; default: the data end.")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Another bundle than the one in service.")
    ] = None,
    allow_shrink: AllowShrink = False,
    strict_clock: StrictClock = False,
    json: Json = False,
) -> None:
    """Score every account and serve the run under current/. Exit code 10 when the same inputs were scored before."""
    from holdfast.serving import opening, pipeline
    from holdfast.serving.alerts.delivering import settle_current
    from holdfast.serving.promotion.keeping import named
    from holdfast.serving.tables.target import target_of

    settings, history = _open(plan, strict_clock)
    target = target_of(settings.output)
    bundle = pipeline.bundle_of(settings, None if model is None else named(pipeline.workspace(settings), model))
    known = opening.known_on(settings, history, at)
    with _guarded(settings, history, known, allow_shrink):
        run = pipeline.publish(settings, known, bundle, now(), named=model is not None)
        settle_current(settings, now())
        table = None if target is None else _in_tables(target, run)
    written = table if table is not None and table.fresh else None
    if json:
        show.as_json(run.summary() | ({} if table is None else {"table": asdict(table)}))
    elif run.fresh:
        counts = run.manifest["counts"]
        scored = counts["scored"] + counts["scored_partial"]
        show.say(f"{scored} accounts scored, {counts['not_scored']} not: run {run.run_id}")
        show.say(f"{run.folder}" + ("" if run.served else " (older than what is served; current was left alone)"))
    else:
        show.say(f"nothing to {'score' if written else 'do'}: same inputs, run {run.run_id}")
    if written and not json:
        show.say(f"{written.accounts} accounts in {written.table}")
    if not run.fresh and not written:
        raise typer.Exit(EXIT_NOTHING_TO_DO)


@app.command()
def report(plan: PlanFile, json: Json = False) -> None:
    """Print where the report of the current run is."""
    from holdfast.serving.runs import current
    from holdfast.serving.workspace import Workspace

    place = Workspace(read_plan(plan).output.workspace)
    run = current(place)
    page = place.current / "report.html"
    show.as_json({"report": page, "run": run.run_id, "as_of": run.manifest["as_of"]}) if json else show.say(str(page))


def _open(plan: Path, strict_clock: bool, *, whole: bool = False) -> tuple[Plan, History]:
    """Read a plan and its history; first look at the whole plan, where more than a part of it is about to be used."""
    from holdfast.serving.workable import refuse_unworkable

    settings = plan_of(plan, strict_clock)
    if whole:
        refuse_unworkable(settings)
    return settings, history_of(settings)


def _in_tables(target: Target, run: Run) -> Published:
    from holdfast.serving.tables.publishing import publish_tables

    return publish_tables(target, run, now())


@contextmanager
def _guarded(settings: Plan, history: History, known: History, allow_shrink: bool) -> Iterator[None]:
    """Work alone in the workspace, on an extract that has not shrunk since the last runs."""
    from holdfast.serving.volumes import guarded
    from holdfast.serving.workspace import Workspace

    place, strict = Workspace(settings.output.workspace), settings.data.strict_clock
    with place.lock(), guarded(place, history, known, strict_clock=strict, allow_shrink=allow_shrink):
        yield
