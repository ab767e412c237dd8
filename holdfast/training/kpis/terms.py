"""What each figure means, written once: name, formula in words, unit, and which way is healthy."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pandas as pd

FEW = 5  # accounts lost in a period, below which no lifetime is told from them


@dataclass(frozen=True)
class Term:
    """One figure: ``healthy`` is ``high``, ``low`` or empty; ``sign`` names the indicator it reads."""

    name: str
    formula: str
    unit: str
    healthy: str = ""
    sign: str = ""


_START = "accounts with a running subscription at the start"
TERMS = (
    Term("accounts_start", "accounts with a running subscription when the period begins", "accounts"),
    Term("accounts_new", "accounts without one at the start and with one at the end", "accounts", "high"),
    Term("accounts_back", "of the new ones, those that had been customers before", "accounts", "high"),
    Term(
        "accounts_lost", "accounts with one at the start and without one at the end, for any reason", "accounts", "low"
    ),
    Term("accounts_end", "start + new - lost", "accounts", "high"),
    Term("accounts_grown", f"{_START} whose MRR is higher at the end", "accounts", "high"),
    Term("accounts_shrunk", f"{_START} and the end whose MRR is lower at the end", "accounts", "low"),
    Term("mrr_start", "monthly recurring revenue of running subscriptions at the start", "money a month"),
    Term("mrr_new", "MRR at the end of new accounts, those that came back included", "money a month", "high"),
    Term("mrr_expansion", "growth of MRR from start to end, over accounts that grew", "money a month", "high"),
    Term(
        "mrr_contraction", "loss of MRR from start to end, over accounts that shrank and stayed", "money a month", "low"
    ),
    Term("mrr_churned", "MRR at the start of accounts that were lost", "money a month", "low"),
    Term("mrr_end", "start + new + expansion - contraction - churned", "money a month", "high"),
    Term("arr_start", "12 x mrr_start", "money a year"),
    Term("arr_new", "12 x mrr_new", "money a year", "high"),
    Term("arr_expansion", "12 x mrr_expansion", "money a year", "high"),
    Term("arr_contraction", "12 x mrr_contraction", "money a year", "low"),
    Term("arr_churned", "12 x mrr_churned", "money a year", "low"),
    Term("arr_end", "12 x mrr_end", "money a year", "high"),
    Term("logo_churn", "accounts lost / accounts at the start", "share of the period", "low"),
    Term("retention_rate", "1 - logo churn", "share of the period", "high"),
    Term("revenue_churn", "churned MRR / MRR at the start; contraction is not in it", "share of the period", "low"),
    Term("grr", "(start - contraction - churned) / start, in MRR", "share of the period", "high"),
    Term("nrr", "(start + expansion - contraction - churned) / start, in MRR", "share of the period", "high"),
    Term("upsell_rate", "accounts that grew / accounts at the start", "share of the period", "high"),
    Term("arpa", "MRR at the end / accounts at the end", "money a month", "high"),
    Term(
        "clv",
        f"ARPA x months of the period x gross margin / logo churn; missing below {FEW} accounts lost, where nothing is "
        "paid, and where the period is partial",
        "money",
        "high",
    ),
    Term(
        "nps",
        "100 x promoters less detractors over answers of the last 365 days, each account counting once, as known at "
        "the end",
        "-100 to 100",
        "high",
        "nps_net",
    ),
    Term(
        "csat",
        "ratings of tickets of the last 180 days, each account counting once, as known at the end",
        "0 to 1",
        "high",
        "csat",
    ),
    Term(
        "csat_surveys",
        "surveys from 1 to 5 of the last 365 days, each account counting once, as known at the end",
        "1 to 5",
        "high",
        "csat_surveys",
    ),
    Term(
        "adoption",
        "active users of the last 30 days / seats, mean of the accounts, as known at the end",
        "share",
        "high",
        "seat_penetration",
    ),
    Term(
        "usage_minutes",
        "minutes in the product in the last 30 days, mean of the accounts, as known at the end",
        "minutes",
        "high",
        "usage_minutes",
    ),
)
SIGNS = {one.name: one.sign for one in TERMS if one.sign}
MONEY = tuple(one.name for one in TERMS if one.name.startswith("mrr_"))


def definitions() -> pd.DataFrame:
    """Tabulate every figure with its formula, its unit and its healthy direction.

    Examples
    --------
    >>> definitions().set_index("name").loc["retention_rate", "formula"]
    '1 - logo churn'
    """
    return pd.DataFrame([asdict(one) for one in TERMS])
