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
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

import holdfast
from holdfast.errors import HoldfastError
from holdfast.serving import (
    auditing,
    cataloguing,
    daily,
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
from holdfast.serving.options import Json, PlanFile, now
from holdfast.serving.plan import read_plan
from holdfast.serving.promotion import command as promotion
from holdfast.serving.queue import command as queue
from holdfast.serving.tracking import command as tracking
from holdfast.serving.writeback import command as writeback

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
    daily, data_in, cataloguing, weighing, explaining, auditing, kpis, honesty, labelling, ledger, feedback, alerts,
    queue, writeback, promotion, erasure, monitoring, tracking,
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
    """Check a plan and the files that it names, but for the data; with --show, print every setting."""
    settings = read_plan(plan)  # a plan that cannot be read is refused before anything heavy is imported
    from holdfast.serving.workable import refuse_unworkable

    refuse_unworkable(settings)
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
