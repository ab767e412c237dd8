"""The figures of a subscription business from its history: accounts, revenue, churn, retention, growth, lifetime value.

One reading serves all of them. A customer is an account with a running subscription; it is lost when its last one ends,
by the rules that date every other exit here: notice or lapse, on the day it could be known. Amounts of past periods are
read as they are known now, so a correction that came late has changed them. Periods are those of the calendar in UTC;
an account is looked at when a period begins and when it ends, so who leaves and returns within it was not lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.training.churn import Churn
from holdfast.training.kpis.benchmarks import BENCHMARKS, Benchmark, against
from holdfast.training.kpis.bridge import ALL, MONTHS, bridges, customers, periods
from holdfast.training.kpis.forecast import Forecast, forecast
from holdfast.training.kpis.reading import paid
from holdfast.training.kpis.roi import Effect, Roi, roi
from holdfast.training.kpis.terms import FEW, MONEY, SIGNS, definitions
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.training.kpis.bridge import Periods
    from holdfast.training.kpis.reading import Paid

__all__ = ["BENCHMARKS", "Benchmark", "Effect", "Forecast", "Kpis", "Roi", "definitions", "forecast", "kpis", "roi"]

_DIGITS = 4  # of money, as it is added
_KEYS = ["period", "begins", "ends", "partial", "note", "currency", "segment"]
_SHOWN = ["period", "note", "accounts_start", "accounts_new", "accounts_lost", "accounts_end", "mrr_start", "mrr_new"]
_SHOWN += ["mrr_expansion", "mrr_contraction", "mrr_churned", "mrr_end", "logo_churn", "grr", "nrr", "upsell_rate"]


@dataclass(frozen=True)
class Kpis:
    """The figures, period by period.

    Attributes
    ----------
    rows
        One row per currency, segment (``all`` is everybody) and period: ``period, begins, ends, partial, note``, and
        the figures of `definitions`. Money is in the currency of the row; currencies are never added.
    by
        ``month``, ``quarter`` or ``year``.
    margin
        The gross margin that the lifetime value assumes; None: it is a value of revenue.
    notes
        What must be known to read them, in sentences.
    benchmarks
        What they are held against.
    """

    rows: pd.DataFrame
    by: str
    margin: float | None
    notes: tuple[str, ...]
    benchmarks: tuple[Benchmark, ...] = BENCHMARKS

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def of(self, currency: str | None = None, segment: str = ALL) -> pd.DataFrame:
        """Give the table of one currency and segment, by period.

        Raises
        ------
        UsageError
            When there is none, or several currencies and none is named.
        """
        known = self.currencies
        if currency is None and len(known) > 1:
            do = f"name one: {', '.join(known)}; currencies are not added"
            raise UsageError("Kpis.of, currency", "one currency", f"{len(known)} of them", do)
        name = known[0] if currency is None else currency
        found = self.rows[(self.rows["currency"] == name) & (self.rows["segment"] == segment)]
        if found.empty:
            hint = did_you_mean(name, known) if name not in known else f"known are {', '.join(self.segments)}"
            raise UsageError("Kpis.of", "a currency and a segment that are there", f"{name!r}, {segment!r}", hint)
        return found.set_index("period")

    @property
    def currencies(self) -> tuple[str, ...]:
        """The currencies, sorted."""
        return tuple(str(one) for one in self.rows["currency"].unique())

    @property
    def segments(self) -> tuple[str, ...]:
        """The segments; ``all`` is everybody."""
        return tuple(str(one) for one in self.rows["segment"].unique())

    def definitions(self) -> pd.DataFrame:
        """Tabulate every figure with its formula, its unit and its healthy direction."""
        return definitions()

    def against(self) -> pd.DataFrame:
        """Hold the last whole period of every table against the benchmarks, each with its source."""
        return against(self.rows, self.benchmarks)

    def text(self) -> str:
        """Tell the last whole period of each currency in a sentence, and what must be known to read it."""
        told = [_sentence(self.of(one), one) for one in self.currencies]
        return " ".join([*told, *self.notes])

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        days = {name: self.rows[name].map(pd.Timestamp.isoformat) for name in ("begins", "ends")}
        return {
            "by": self.by,
            "margin": self.margin,
            "in_words": self.text(),
            "notes": list(self.notes),
            "rows": json_rows(self.rows.assign(**days)),
            "definitions": json_rows(self.definitions()),
            "benchmarks": json_rows(self.against()),
        }

    def _repr_html_(self) -> str:
        from html import escape

        shown = self.rows[["currency", "segment", *_SHOWN]]
        table = shown.to_html(escape=True, index=False, na_rep="", float_format="{:,.3f}".format)
        return f"<p>{escape(self.text())}</p>{table}"


def kpis(
    history: History,
    *,
    by: str = "quarter",
    churn: Churn | str = "notice",
    segment: bool = False,
    margin: float | None = None,
    benchmarks: Iterable[Benchmark] = (),
    signs: bool = True,
) -> Kpis:
    """Measure a subscription business period by period.

    Parameters
    ----------
    by
        ``"month"``, ``"quarter"`` or ``"year"``.
    churn
        How exits are dated: notice.
    segment
        Whether to tell each segment as well; an account counts in the last one it was known in.
    margin
        Gross margin, a share, for the lifetime value; None: of revenue.
    benchmarks
        Your own, beside those of the literature.
    signs
        Whether to measure NPS, satisfaction, adoption and time of use as well, where the data has them.

    Raises
    ------
    UsageError
        When an argument is wrong, or churn is no notice: silence ends no subscription.
    DataError
        When there are no subscriptions, or what they say cannot be revenue.
    """
    rule = Churn.of(churn)
    if by not in MONTHS:
        raise UsageError("kpis, by", " | ".join(MONTHS), repr(by), did_you_mean(str(by), MONTHS))
    if rule.kind != "notice":
        raise UsageError("kpis, churn", "notice", rule.kind, "revenue ends with a subscription; use Churn('notice')")
    if margin is not None and not 0 < margin <= 1:
        raise UsageError("kpis, margin", "a share above 0, up to 1", str(margin), "such as 0.8")
    read = paid(history, rule)
    cut = periods(read, history.end, by)
    counted = _survivors_marked(bridges(read, cut, segment), history.start)
    rows = _rates(counted, MONTHS[by], margin, read.told)
    if signs:
        rows = _with_signs(rows, history, read, cut, segment)
    known = [name for name in rows if name not in _KEYS]
    return Kpis(rows[[*_KEYS, *known]], by, margin, _notes(read, margin), (*BENCHMARKS, *benchmarks))


def _survivors_marked(rows: pd.DataFrame, active: pd.Timestamp) -> pd.DataFrame:
    """Mark the periods before the first activity and the first loss: only survivors may be left of them."""
    lost = rows[rows["segment"] == ALL].groupby("begins")["accounts_lost"].sum()
    early = lost.index[(lost.cumsum() == lost) & (lost.index < active)]
    mine = rows["begins"].isin(early)
    told = f"no activity before {active:%Y-%m-%d}: who had left by then may be missing"
    rows["note"] = rows["note"].mask(mine, rows["note"].where(rows["note"] == "", rows["note"] + "; ") + told)
    rows["partial"] |= mine
    return rows


def _rates(rows: pd.DataFrame, months: int, margin: float | None, told: bool) -> pd.DataFrame:
    if not told:
        rows[list(MONEY)] = np.nan
    for name in MONEY:
        rows[name.replace("mrr", "arr")] = 12 * rows[name]
    accounts, start = rows["accounts_start"].where(lambda n: n > 0), rows["mrr_start"].where(lambda m: m > 0)
    kept = (rows["mrr_start"] - rows["mrr_contraction"] - rows["mrr_churned"]).round(_DIGITS)
    lost = rows["accounts_lost"]
    rows["logo_churn"] = lost / accounts
    rows["retention_rate"] = 1 - rows["logo_churn"]
    rows["revenue_churn"] = rows["mrr_churned"] / start
    rows["grr"] = kept / start
    rows["nrr"] = (kept + rows["mrr_expansion"]).round(_DIGITS) / start
    rows["upsell_rate"] = rows["accounts_grown"] / accounts
    rows["arpa"] = rows["mrr_end"] / rows["accounts_end"].where(lambda n: n > 0)
    enough = (lost >= FEW) & ~rows["partial"]
    paying = rows["arpa"].where(rows["arpa"] > 0)
    rows["clv"] = (paying * months * (1.0 if margin is None else margin) / rows["logo_churn"]).where(enough)
    return rows


def _with_signs(rows: pd.DataFrame, history: History, read: Paid, cut: Periods, segment: bool) -> pd.DataFrame:
    """Add the means of catalogue signs over the accounts that are customers at the end of each period."""
    from holdfast.features.catalog import catalog

    stands = pd.DatetimeIndex(cut.frame["ends"])
    seen = stands[stands > history.start].unique()
    if seen.empty:
        return rows.assign(**dict.fromkeys(SIGNS, np.nan))
    measured = catalog.select(list(SIGNS.values())).measure(history, seen).indicators
    measured = measured.reindex(columns=list(SIGNS.values()))  # where a table is absent, so are its signs
    found = []
    for currency, name, place, accounts in customers(read, cut, segment):
        index = pd.MultiIndex.from_product([accounts, [stands[place]]])
        means = measured.reindex(index).mean()
        period = cut.frame["period"].iloc[place]
        told = {figure: float(means[sign]) for figure, sign in SIGNS.items()}
        found.append({"period": period, "currency": currency, "segment": name} | told)
    more = pd.DataFrame(found)
    more["nps"] *= 100
    return rows.merge(more, on=["period", "currency", "segment"], how="left", sort=False)


def _notes(read: Paid, margin: float | None) -> tuple[str, ...]:
    told = ["Amounts of past periods are as known now; an exit counts on the day it could be known."]
    currencies = read.frame.groupby("account")["currency"].nunique()
    if read.frame["currency"].nunique() > 1:
        several = int((currencies > 1).sum())
        more = f" {several} accounts have more than one, and count in each." if several else ""
        told.append(f"Each currency is a table of its own; they are not added.{more}")
    if not read.told:
        told.append("No MRR was delivered, so no revenue is told.")
    told += _nothing_paid(read)
    if read.unknown:
        told.append(f"{read.unknown} versions of subscriptions have no MRR and count as 0.")
    basis = "of revenue, before costs" if margin is None else f"at an assumed gross margin of {margin:.0%}"
    return (*told, f"Lifetime value is {basis}, and assumes that churn stays as it was.")


def _nothing_paid(read: Paid) -> list[str]:
    """Say of which currencies nothing can be told, since all their amounts are 0."""
    most = read.frame.groupby("currency")["amount"].max()
    free = [str(name) for name in most.index[most <= 0]] if read.told else []
    if not free:
        return []
    where = "" if len(free) == len(most) else f" in {', '.join(free)}"
    return [
        f"Every MRR{where} is 0: of nothing no share can be kept, so revenue churn, GRR, NRR and lifetime value are "
        "missing; deliver what accounts pay."
    ]


def _sentence(table: pd.DataFrame, currency: str) -> str:
    whole = table[~table["partial"]]
    if whole.empty:
        return f"{currency}: no period is covered whole by the data."
    row = whole.iloc[-1]
    told = [f"{row.name}, {currency}: {row['accounts_start']:.0f} accounts at the start, {row['accounts_new']:.0f} new"]
    told.append(f"{row['accounts_lost']:.0f} lost, {row['accounts_end']:.0f} at the end")
    for name, words in (("logo_churn", "logo churn"), ("grr", "GRR"), ("nrr", "NRR")):
        if not np.isnan(row[name]):
            told.append(f"{words} {row[name]:.1%}")
    return ", ".join(told) + "."
