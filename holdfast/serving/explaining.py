"""Commands that say why: one account with its evidence, and the signs that count for all."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.errors import UsageError
from holdfast.serving import show
from holdfast.serving.options import Json, Page, PlanFile, StrictClock, handed_over, history_of, plan_of, today_of

app = typer.Typer()

_SHOWN = ["title", "dimension", "signs", "share", "lost", "refit", "named", "mark"]


@app.command()
def explain(
    plan: PlanFile,
    account: Annotated[str, typer.Option(metavar="ID", help="The account.")],
    since: Annotated[str | None, typer.Option(metavar="DATE", help="Also tell what has changed since then.")] = None,
    signs: Annotated[
        list[str] | None,
        typer.Option("--if", metavar="SIGN=VALUE", help="Read it with another value; may be repeated."),
    ] = None,
    next_band: Annotated[bool, typer.Option("--next-band", help="Find few changes that reach the next band.")] = False,
    out: Page = None,
    strict_clock: StrictClock = False,
    json: Json = False,
) -> None:
    """Say what drives one account: every reason with its evidence; what changed, and what if, where asked."""
    from holdfast.serving.account_page import render
    from holdfast.serving.story import Asked, account_story, tell_account

    settings = plan_of(plan, strict_clock)
    asked = Asked(since, dict(map(_sign, signs or [])), next_band)
    story = account_story(settings, account, lambda: history_of(settings), asked)
    if not handed_over(out, lambda: render(story), json, story.to_dict):
        tell_account(story)


@app.command()
def importance(
    plan: PlanFile,
    refits: Annotated[int, typer.Option(min=1, help="Days of training to look at, the last ones.")] = 3,
    without: Annotated[
        int, typer.Option(min=0, help="Groups to fit without: those that lose most when exchanged.")
    ] = 10,
    top: Annotated[int, typer.Option(min=1, help="Rows to show.")] = 25,
    out: Page = None,
    strict_clock: StrictClock = False,
    json: Json = False,
) -> None:
    """Say which signs count, by four measures on later rows, and which reasons to be wary of."""
    from holdfast.models.churn import ChurnModel
    from holdfast.serving import learning
    from holdfast.serving.columns import records
    from holdfast.serving.importance_page import render
    from holdfast.training.importance import importance as measured

    settings, history = today_of(plan, strict_clock)
    X, y = learning.examples(settings, history)
    model, every = ChurnModel(seed=settings.model.seed), settings.backtest.retrain_every
    found = measured(model, X, y, refits=refits, retrain_every=every, without=without, seed=settings.model.seed)
    if handed_over(out, lambda: render(found, f"{history.now:%Y-%m-%d}"), json, found.to_dict):
        return
    for one in found.findings:
        show.say(f"{one}")
    digits = {"share": 3, "lost": 5, "refit": 5, "named": 2}
    show.table(records(found.rows.head(top).round(digits)), _SHOWN)


def _sign(given: str) -> tuple[str, float]:
    name, _, value = given.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise UsageError("--if", "SIGN=VALUE, such as usage_30=40", repr(given), "correct it") from None
