"""The command ``holdfast``: arguments in, results out, errors as one line with an exit code.

Results go to standard output, progress and messages to standard error. Whatever is heavy is imported inside the command
that needs it, so that every ``--help`` answers at once. The wall clock is read here and nowhere below.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

import holdfast
from holdfast.errors import HoldfastError
from holdfast.serving import (
    auditing,
    cataloguing,
    data_in,
    explaining,
    honesty,
    kpis,
    labelling,
    monitoring,
    show,
    weighing,
)
from holdfast.serving.alerts import command as alerts
from holdfast.serving.erasure import command as erasure
from holdfast.serving.feedback import command as feedback
from holdfast.serving.ledger import command as ledger
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
from holdfast.serving.promotion import command as promotion
from holdfast.serving.queue import command as queue
from holdfast.serving.tracking import command as tracking
from holdfast.serving.writeback import command as writeback

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.serving.runs import Run
    from holdfast.serving.tables.publishing import Published
    from holdfast.serving.tables.target import Target

EXIT_INTERNAL, EXIT_INTERRUPTED, EXIT_TERMINATED = 71, 130, 143
_EXIT_CODES = """Exit codes: 0 done, 1 findings, 2 usage, 10 nothing to do (same inputs), 20 the challenger was not
promoted, 30 data refused, 31 too few churn events, 40 stopped by drift, 50 another run holds the workspace, 60
publishing failed (old scores intact), 70 bundle damaged, 71 internal error, 130 or 143 interrupted cleanly.
HOLDFAST_DEBUG=1 shows the traceback of an internal error."""

app = typer.Typer(
    name="holdfast",
    help="Which accounts will leave, when, why, and what it costs.",
    epilog=_EXIT_CODES,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for more in (
    data_in, cataloguing, weighing, explaining, auditing, kpis, honesty, labelling, ledger, feedback, alerts, queue,
    writeback, promotion, erasure, monitoring, tracking,
):  # fmt: skip
    app.add_typer(more.app)


def _tell_version(asked: bool) -> None:
    if asked:
        show.say(f"holdfast {holdfast.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[  # noqa: ARG001 # the callback answers
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version, and no more.")
    ] = False,
) -> None:
    return


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="The folder to fill.")] = Path("demo"),
    accounts: Annotated[int, typer.Option(min=50, help="Accounts of the simulated company.")] = 800,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    months: Annotated[int, typer.Option(min=12, help="Length of the history.")] = 36,
    json: Json = False,
) -> None:
    """Simulate a company, train, prove, score and report, end to end; no file needed."""
    from holdfast.serving.demo import run_demo, tell

    result = run_demo(out, accounts, seed, months, now())
    show.as_json(result) if json else tell(result)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to.")],
    json: Json = False,
) -> None:
    """Write a commented plan.toml and a CSV template per table; nothing is overwritten."""
    from holdfast.serving.starter import write_starter

    written = write_starter(folder)
    if json:
        show.as_json({"written": written})
        return
    show.say(f"Wrote {folder / 'plan.toml'} and {len(written) - 1} templates in {folder / 'templates'}.")
    show.say(f"Fill {folder / 'history'}, then: holdfast check {folder / 'plan.toml'}")


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="A new or empty folder.")],
    accounts: Annotated[int, typer.Option(min=1)] = 2000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    months: Annotated[int, typer.Option(min=3, help="Length of the history.")] = 36,
    programme: Annotated[float, typer.Option(help="Chance of help where usage is low; 0: no programme.")] = 0.5,
    effect: Annotated[float, typer.Option(help="How much help does, 1 as a rule.")] = 1.0,
    shock: Annotated[int, typer.Option(help="Months before the end at which business suffers; 0: never.")] = 0,
    drift: Annotated[float, typer.Option(help="Share of the weight of product that moves to relationship.")] = 0.0,
    signal: Annotated[float, typer.Option(help="Share of the weights of health that is left, 0 to 1.")] = 1.0,
    json: Json = False,
) -> None:
    """Write a company with a known churn law, with a plan; the truth is kept apart."""
    from holdfast.features.simulate import Scenario
    from holdfast.serving.starter import write_simulation

    plan = write_simulation(out, accounts, seed, months, Scenario(programme, effect, shock, drift, signal))
    if json:
        show.as_json({"plan": plan, "history": out / "history", "truth": out / "truth"})
    else:
        show.say(f"Wrote {accounts} accounts to {out / 'history'}. Next: holdfast train {plan}")


@app.command()
def plan(
    plan: PlanFile,
    every: Annotated[bool, typer.Option("--show", help="Print every setting with its default.")] = False,
    json: Json = False,
) -> None:
    """Check a plan; with --show, print every setting."""
    settings = read_plan(plan)
    if json:
        show.as_json(settings.settings())
    elif every:
        rows = [
            {
                "setting": f"{section}.{key}",
                "value": value,
                "from": "default" if default else "plan",
                "meaning": meaning,
            }
            for section, key, value, default, meaning in settings.describe()
        ]
        show.table(rows, ["setting", "value", "from", "meaning"])
    else:
        show.say(f"{plan} is a valid plan; --show prints every setting.")


@app.command()
def check(plan: PlanFile, strict_clock: StrictClock = False, json: Json = False) -> None:
    """Say what was noticed in the data: contract, freshness, leakage. Exit code 1 when something deserves attention."""
    from holdfast.findings import findings_frame
    from holdfast.serving.columns import records
    from holdfast.serving.inspection import inspect

    settings, history = _open(plan, strict_clock)
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

    settings, history = _open(plan, strict_clock)
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

    settings, history = _open(plan, strict_clock)
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
    from holdfast.serving.tables.target import target_of

    settings, history = _open(plan, strict_clock)
    target = target_of(settings.output)
    bundle = pipeline.bundle_of(settings, model)
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


def main() -> NoReturn:
    """Run the command and end the process with its exit code."""
    signal.signal(signal.SIGINT, lambda *_: sys.exit(EXIT_INTERRUPTED))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code; mistakes become one line on standard error, never a traceback.

    Examples
    --------
    >>> run(["plan", "no-such-plan.toml"])
    2
    """
    try:
        with _listening():
            app(args=list(arguments), prog_name="holdfast")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except HoldfastError as problem:
        sys.stderr.write(f"holdfast: {show.visible(str(problem))}\n")
        return problem.exit_code
    except Exception as problem:
        if os.environ.get("HOLDFAST_DEBUG") == "1":
            raise
        sys.stderr.write(f"holdfast: internal error ({type(problem).__name__}: {show.visible(str(problem))[:300]})\n")
        return EXIT_INTERNAL
    return 0


def _open(plan: Path, strict_clock: bool) -> tuple[Plan, History]:
    settings = plan_of(plan, strict_clock)
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


@contextmanager
def _listening() -> Iterator[None]:
    """Let messages of the library reach standard error."""
    log, handler = logging.getLogger("holdfast"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
