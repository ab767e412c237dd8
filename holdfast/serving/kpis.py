"""The command that counts: the figures of the business, period by period, and what is expected of the next quarter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.serving import show
from holdfast.serving.options import Json, PlanFile, StrictClock, today_of

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.features.history import History
    from holdfast.serving.plan import Plan
    from holdfast.training.churn import Churn

app = typer.Typer()
_COUNTS = ["period", "note", "accounts_start", "accounts_new", "accounts_lost", "accounts_end", "logo_churn"]
_COUNTS += ["retention_rate", "upsell_rate"]
_MONEY = ["period", "note", "mrr_start", "mrr_new", "mrr_expansion", "mrr_contraction", "mrr_churned", "mrr_end"]
_MONEY += ["revenue_churn", "grr", "nrr", "arpa", "clv"]
_SIGNS = ["period", "nps", "csat", "csat_surveys", "adoption", "usage_minutes"]


class By(StrEnum):
    """The length of a period."""

    month = "month"
    quarter = "quarter"
    year = "year"


@app.command()
def kpis(
    plan: PlanFile,
    by: Annotated[By, typer.Option(help="Length of a period.")] = By.quarter,
    segment: Annotated[bool, typer.Option("--segment", help="Each segment as well.")] = False,
    margin: Annotated[
        float | None, typer.Option(help="Gross margin for the lifetime value, a share; default: of revenue.")
    ] = None,
    contacts: Annotated[
        int | None, typer.Option(min=1, help="What contacting so many accounts returns, with the assumptions.")
    ] = None,
    contact_cost: Annotated[float, typer.Option(min=0.0, help="What a contact costs, in the currency of revenue.")] = 0,
    strict_clock: StrictClock = False,
    json: Json = False,
) -> None:
    """Count accounts and revenue: churn, retention, GRR, NRR, growth, lifetime value; nothing need be trained.

    With --contacts: what a programme returns that contacts those with most at stake, at the save rate of [queue].
    """
    from holdfast.training.kpis import kpis as counted

    settings, history = today_of(plan, strict_clock)
    rule = _notice(settings)
    found = counted(history, by=by.value, churn=rule, segment=segment, margin=margin)
    books, why_not = _books(settings, history, rule)
    ahead = [_forecast(book, settings) for book in books]
    returns = [] if contacts is None else [_returns(book, settings, contacts, contact_cost, margin) for book in books]
    if json:
        show.as_json(found.to_dict() | {"forecast": ahead, "no_forecast": why_not, "roi": returns})
        return
    for currency in found.currencies:
        for name in found.segments:
            _tell(found.rows, currency, name)
    show.say(found.text())
    for one in ahead:
        show.say(f"{one['currency']}, from the scores of {one['as_of']}: {one['in_words']} {one['growth']}".strip())
    for one in returns:
        show.say(f"{one['currency']}, what a programme returns. {one['in_words']}")
    if why_not:
        show.say(why_not)


def _tell(rows: pd.DataFrame, currency: str, segment: str) -> None:
    from holdfast.serving.columns import records

    mine = rows[(rows["currency"] == currency) & (rows["segment"] == segment)]
    if mine.empty:
        return
    show.say(f"{currency}, segment {segment}" if segment != "all" else currency)
    for columns in (_COUNTS, _MONEY, _SIGNS):
        there = [name for name in columns if mine[name].notna().any()]
        if len(there) > 1:
            show.table(records(mine[there].round(4)), there)
            show.say()


def _notice(settings: Plan) -> Churn:
    """Read exits as the plan does; where its churn is none that ends a subscription, by its days of grace."""
    from holdfast.serving.opening import definition

    rule = definition(settings)
    return rule if rule.kind == "notice" else replace(rule, kind="notice", activity=())


@dataclass(frozen=True)
class _Book:
    """The scored accounts of one currency, with how they grew."""

    currency: str
    as_of: str
    rows: pd.DataFrame
    grown: dict[str, float] | None


def _books(settings: Plan, history: History, rule: Churn) -> tuple[list[_Book], str]:
    """Take the run that is served apart by currency; else say why nothing can be told of what is ahead."""
    from holdfast.serving.runs import current, read_scores
    from holdfast.serving.workspace import Workspace, read_manifest
    from holdfast.training.kpis import kpis
    from holdfast.training.kpis.forecast import past_growth
    from holdfast.training.kpis.reading import SEVERAL, currencies

    place = Workspace(settings.output.workspace)
    if read_manifest(place.current) is None:
        return [], "No forecast: no run is served; score first: holdfast score PLAN"
    run = current(place)
    if run.manifest.get("churn", settings.churn.kind) == "silence":  # older runs do not tell it
        return [], "No forecast: the scores tell silence, which ends no subscription."
    scores = read_scores(run)
    if scores.rows["p90"].isna().all():
        return [], "No forecast: the scores have no probability at 90 days."
    money = currencies(history, rule)
    rows = scores.rows.drop(columns="currency", errors="ignore").merge(money, left_on="account_id", right_index=True)
    past = kpis(history, churn=rule, signs=False)
    books = [
        _Book(str(currency), f"{scores.as_of:%Y-%m-%d}", mine, past_growth(past.of(str(currency))))
        for currency, mine in rows[rows["currency"] != SEVERAL].groupby("currency", sort=True)
        if mine.loc[mine["p90"].notna(), "arr"].sum() > 0
    ]
    return books, "" if books else "No forecast: no scored account has revenue."


def _forecast(book: _Book, settings: Plan) -> dict[str, Any]:
    from holdfast.training.kpis import forecast

    found = forecast(book.rows, expansion=book.grown, seed=settings.model.seed)
    growth = "Growth is assumed to go on as in the last four whole quarters." if book.grown else ""
    return found.to_dict() | {"currency": book.currency, "as_of": book.as_of, "growth": growth}


def _returns(book: _Book, settings: Plan, contacts: int, cost: float, margin: float | None) -> dict[str, Any]:
    from holdfast.training.kpis import roi

    rate = settings.queue.save_rate
    found = roi(
        book.rows, contacts=contacts, cost_per_contact=cost, save_rate=rate, margin=1.0 if margin is None else margin
    )
    return found.to_dict() | {"currency": book.currency, "as_of": book.as_of}
