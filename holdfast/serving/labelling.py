"""Commands about labels: which are settled, which read otherwise than before, and what hangs on the definition."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.serving import show
from holdfast.serving.options import Json, PlanFile, StrictClock, today_of

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.features.history import History
    from holdfast.serving.plan import Plan

app = typer.Typer()
SHOWN = 20


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
    from holdfast.serving.opening import definition
    from holdfast.training.label_ledger import label_ledger
    from holdfast.training.labels import label

    settings, history = today_of(plan, strict_clock)
    y = label(history, cutoffs_of(settings, history), settings.horizons.days, definition(settings))
    ledger = label_ledger(y, at, since=since)
    if out is not None:
        write_atomic(out, _csv(ledger.frame()))
    if json:
        show.as_json(ledger.to_dict())
        return
    show.say(ledger.text())
    summary = ledger.summary().reset_index()
    _table(summary, summary)
    _some(ledger.reopened() if since is None else ledger.changed(), out)
    if out is not None:
        show.say(f"Wrote {out}.")


def cutoffs_of(plan: Plan, history: History) -> pd.DatetimeIndex:
    """Lay out the cutoffs of a plan, none after the last day of the history."""
    import pandas as pd

    from holdfast.features.time import cutoffs

    last = plan.cutoffs.last and min(pd.Timestamp(plan.cutoffs.last), history.now)
    return cutoffs(history, plan.cutoffs.every, first=plan.cutoffs.first, last=last)


def _some(rows: pd.DataFrame, out: Path | None) -> None:
    """Print the first rows of what changed, and say how many more there are."""
    if rows.empty:
        return
    short = rows.head(SHOWN)
    times = [name for name in rows if str(name).endswith("_at") or name == "cutoff"]
    _table(short.assign(**{str(name): short[name].dt.strftime("%Y-%m-%d") for name in times}), rows)
    if len(rows) > SHOWN:
        show.say(f"{len(rows) - SHOWN:,} more{'' if out else '; --out FILE.csv writes all of them'}.")


def _table(rows: pd.DataFrame, like: pd.DataFrame) -> None:
    from holdfast.serving.columns import records

    show.table(records(rows), [str(name) for name in like])


def _csv(rows: pd.DataFrame) -> bytes:
    """Write rows for spreadsheets: ISO dates, text that is no formula."""
    from holdfast.serving.delivery import spreadsheet
    from holdfast.training.rows import dated

    told = dated(rows)
    told["known_at"] = told["known_at"].fillna("")
    return spreadsheet(told).to_csv(index=False, lineterminator="\n").encode()
