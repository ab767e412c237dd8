"""Commands about labels: which are settled, which read otherwise than before, and what hangs on the definition."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.serving import show
from holdfast.serving.options import Json, PlanFile, StrictClock, history_of, plan_of, today_of

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.features.history import History
    from holdfast.serving.plan import Plan


app = typer.Typer()
SHOWN = 20
_FIGURES = ["definition", "horizon", "model", "rows", "accounts", "base_rate", "auc", "auc_low", "auc_high", "skill"]
_PAIRS = [
    "a",
    "b",
    "horizon_a",
    "horizon_b",
    "rows",
    "alike",
    "kappa",
    "a_in_b",
    "b_in_a",
    "spearman_churn",
    "same_order",
]


@app.command()
def labels(
    plan: PlanFile,
    at: Annotated[
        str | None, typer.Option(metavar="DAY", help="Read them as of then; default: the last day of the data.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DAY", help="Also tell what changed since this earlier day.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write every label to a CSV file.")] = None,
    strict_clock: StrictClock = False,
    json: Json = False,
) -> None:
    """Tell which labels are open, final or censored, and which read otherwise than on the day they settled."""
    from holdfast.safely import write_atomic
    from holdfast.serving.opening import cutoffs_of, definition
    from holdfast.training.label_ledger import label_ledger
    from holdfast.training.labels import label

    settings = plan_of(plan, strict_clock)
    history = _known(settings, at)
    y = label(history, cutoffs_of(settings, history), settings.horizons.days, definition(settings))
    ledger = label_ledger(y, at, since=since)
    if out is not None:
        write_atomic(out, _csv(ledger.frame()))
    if json:
        show.as_json(ledger.to_dict())
        return
    show.say(ledger.text())
    summary = ledger.summary().reset_index()
    _table(summary)
    _some(ledger.reopened() if since is None else ledger.changed(), out)
    if out is not None:
        show.say(f"Wrote {out}.")


@app.command()
def definitions(plan: PlanFile, strict_clock: StrictClock = False, json: Json = False) -> None:
    """Backtest under other definitions of churn, and say whether the conclusions are the same."""
    from holdfast.serving import pipeline
    from holdfast.serving.opening import cutoffs_of, definition
    from holdfast.serving.proving import models_of
    from holdfast.threads import one_thread
    from holdfast.training.definitions import definitions as tried

    settings, history = today_of(plan, strict_clock)
    how = settings.backtest
    with one_thread():
        found = tried(
            history,
            cutoffs_of(settings, history),
            models_of(settings, pipeline.catalog_of(settings)),
            own=definition(settings),
            horizons=settings.horizons.days,
            catalog=pipeline.catalog_of(settings),
            retrain_every=how.retrain_every,
            bootstrap=how.bootstrap,
            seed=settings.model.seed,
        )
    if json:
        show.as_json(found.to_dict())
        return
    show.say(found.text())
    _table(found.frame()[_FIGURES].round(3))
    if len(found.agreement()):
        _table(found.agreement().reindex(columns=_PAIRS).round(3))


def _known(settings: Plan, at: str | None) -> History:
    """Read the history as known on its last day, or on the day that is asked for where that is later.

    Raises
    ------
    UsageError
        When the data does not reach to that day.
    """
    from holdfast.features.time import to_instant
    from holdfast.serving.opening import known_on

    history = history_of(settings)
    today = known_on(settings, history, None)
    return today if at is None or to_instant(at) <= today.now else known_on(settings, history, at)


def _some(rows: pd.DataFrame, out: Path | None) -> None:
    """Print the first rows of what changed, and say how many more there are."""
    if rows.empty:
        return
    short = rows.head(SHOWN)
    times = [name for name in rows if str(name).endswith("_at") or name == "cutoff"]
    _table(short.assign(**{str(name): short[name].dt.strftime("%Y-%m-%d") for name in times}))
    if len(rows) > SHOWN:
        show.say(f"{len(rows) - SHOWN:,} more{'' if out else '; --out FILE.csv writes all of them'}.")


def _table(rows: pd.DataFrame) -> None:
    from holdfast.serving.columns import records

    show.table(records(rows), [str(name) for name in rows])


def _csv(rows: pd.DataFrame) -> bytes:
    """Write rows for spreadsheets: ISO dates, text that is no formula."""
    from holdfast.serving.delivery import spreadsheet
    from holdfast.training.rows import dated

    told = dated(rows)
    told["known_at"] = told["known_at"].fillna("")
    return spreadsheet(told).to_csv(index=False, lineterminator="\n").encode()
