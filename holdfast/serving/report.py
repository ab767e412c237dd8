"""The report: one self-contained page with who may leave, why, and how far that can be believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.findings import Finding
from holdfast.models.bands import INSUFFICIENT
from holdfast.serving.columns import horizon, records
from holdfast.serving.evidence import METRICS, in_words, left_by_band, shown
from holdfast.serving.pages import environment
from holdfast.serving.plots import Plot
from holdfast.serving.scoring import Scores
from holdfast.training.bootstrap import LEVEL

if TYPE_CHECKING:
    from holdfast.features.indicators.wording import Language
    from holdfast.models.bands import BandPolicy

ACCOUNTS = 25
SIGNS = 15


@dataclass(frozen=True)
class Page:
    """What the page tells beyond the scores.

    Attributes
    ----------
    verdict
        What the backtest found, in words.
    kind, rises
        The kind of churn, and whether probability rises with the horizon.
    language
        What the files for people are headed in.
    result, evidence
        ``Backtest.to_dict()``, and what stands beside it, see `evidence.shown`.
    beeswarm
        What each sign adds, account by account.
    playbooks
        ``id, title, owner, every_days, due_days, actions``.
    importance, weights
        ``title, dimension, share`` (shares sum to 1), ``title, dimension, weight`` (weights sum to 100).
    notes
        What the models say of themselves.
    provenance
        Where the page comes from.
    """

    verdict: str
    kind: str
    language: Language = "en"
    rises: bool = True
    result: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    proof_note: str = ""
    plots: Mapping[str, Plot] = field(default_factory=dict)
    beeswarm: Plot | None = None
    playbooks: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["id"]))
    importance: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["title", "dimension", "share"]))
    weights: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["title", "dimension", "weight"]))
    notes: Sequence[str] = ()
    findings: Iterable[Finding] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)


def render(scores: Scores, page: Page) -> str:
    """Render the page as HTML; whatever a customer typed into a name stays text."""
    findings = sorted(page.findings, key=lambda one: (SEVERITY[one.severity], one.code, one.where))
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            as_of=scores.as_of.strftime("%Y-%m-%d"),
            verdict=page.verdict,
            lead=in_words(page.result, page.evidence),
            meaning=_MEANINGS[page.kind],
            tiles=_tiles(scores, rises=page.rises),
            bands=_bands(scores, page.result),
            playbooks=_playbooks(scores, page),
            notes=page.notes,
            warnings=_warnings(findings),
            horizons=_horizons(scores.rows),
            horizon_note=_RISING if page.rises else _FALLING,
            owned=bool((scores.rows["csm"] != "").any()),
            dated=bool(scores.rows["renewal_date"].notna().any()),
            money=bool(scores.rows["expected_arr_at_risk_90"].notna().any()),
            accounts=_accounts(scores),
            unscored=_unscored(scores),
            metrics=METRICS,
            interval=f"{LEVEL:.0%}",
            proof=shown(page.result, page.evidence),
            proof_note=page.proof_note,
            plots=page.plots,
            beeswarm=page.beeswarm,
            importance=_meters(page.importance.head(SIGNS), "share"),
            dimensions=_meters(_by_dimension(page.importance), "share"),
            weights=_meters(_heaviest(page.weights), "weight"),
            contract=_by_severity(findings),
            left_out=by_reason(page.left_out),
            provenance=list(page.provenance.items()),
        )
    )


SEVERITY = {"error": 0, "warning": 1, "info": 2}
_SEVERITIES = {"error": "Errors", "warning": "Warnings", "info": "Notes"}
_RISING = "The percentages are the probability of churn within so many days."
_FALLING = "The percentages are the probability of no activity at all for so many days: the longer, the rarer."
_MEANINGS = {
    "notice": "Churn here means that a customer gives notice, or lets its last term end without a successor.",
    "silence": "Churn here means silence: a customer that has been active shows no activity for the whole horizon.",
    "departure": "Churn here means departure: the last activity lies inside the horizon; silence afterwards confirms.",
}


def by_reason(left_out: Mapping[str, str]) -> dict[str, list[str]]:
    """Group the indicators that were left out by the reason.

    Examples
    --------
    >>> by_reason({"b": "needs the table usage", "a": "needs the table usage"})
    {'needs the table usage': ['a', 'b']}
    """
    reasons = sorted(set(left_out.values()))
    return {why: sorted(name for name, reason in left_out.items() if reason == why) for why in reasons}


def _tiles(scores: Scores, *, rises: bool) -> list[dict[str, str]]:
    counts, rows = scores.counts(), scores.rows
    expected = "expected to churn within" if rises else "expected to be silent for"
    tiles = [{"value": f"{counts['scored'] + counts['scored_partial']:,}", "label": "accounts scored"}]
    for column in (f"p{days}" for days in _horizons(rows)):
        days = horizon(column)
        tiles.append({"value": f"{rows[column].sum():,.0f}", "label": f"{expected} {days} days"})
    at_risk = rows["expected_arr_at_risk_90"]
    if at_risk.notna().any():
        arr = rows.loc[at_risk.notna(), "arr"].sum()
        tiles.append({"value": f"{at_risk.sum():,.0f}", "label": f"ARR at risk within 90 days, of {arr:,.0f}"})
    silent = int((scores.rows["band"] == INSUFFICIENT).sum())
    if silent:
        tiles.append({"value": f"{silent:,}", "label": "of them without a health score: the evidence does not suffice"})
    if counts["not_scored"]:
        tiles.append({"value": f"{counts['not_scored']:,}", "label": "not scored, with reasons below"})
    return tiles


def _bands(scores: Scores, result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Count the accounts of each band, with the share that left from it in the past."""
    from holdfast.models.bands import ACTION

    judged = scores.rows["health"].notna() & (scores.rows["score_status"] != "not_scored")
    counts = scores.rows.loc[judged, "band"].value_counts()
    total = int(counts.sum())
    if not total:
        return []
    ranges = _ranges(ACTION)
    found = {band.name: int(counts.get(band.name, 0)) for band in ACTION.bands}
    past = left_by_band(result)
    return [
        {"name": name, "count": n, "share": n / total, "range": ranges[name], "left": past.get(name)}
        for name, n in found.items()
    ]


def _playbooks(scores: Scores, page: Page) -> list[dict[str, Any]]:
    """Lay out what is done now, with how many accounts, and what came of the band in the past."""
    counts, past = scores.rows["playbook_id"].value_counts(), left_by_band(page.result)
    used = page.playbooks[page.playbooks["id"].isin(counts.index)]
    return [
        row | {"accounts": int(counts[row["id"]]), "past": past.get(str(row["id"]).partition(".")[2], "")}
        for row in records(used)
    ]


def _ranges(policy: BandPolicy) -> dict[str, str]:
    return {band.name: f"{band.low:.0f} to {band.high:.0f}" for band in policy.bands}


def _warnings(findings: Sequence[Finding]) -> str:
    serious = [f"{one.where}: {one.message}".rstrip(".") for one in findings if one.severity != "info"]
    more = f", and {len(serious) - 3} more" if len(serious) > 3 else ""
    return "; ".join(serious[:3]) + more


def _by_severity(findings: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """Group findings, each once, under a title, the gravest first."""
    told = dict.fromkeys(findings)
    groups = {title: [one for one in told if one.severity == name] for name, title in _SEVERITIES.items()}
    return [(title, group) for title, group in groups.items() if group]


def _horizons(rows: pd.DataFrame) -> list[int]:
    return sorted(days for column in rows if (days := horizon(str(column))) and rows[column].notna().any())


def _accounts(scores: Scores) -> list[dict[str, Any]]:
    riskiest, days = scores.riskiest(ACCOUNTS), _horizons(scores.rows)
    shown = scores.reasons[scores.reasons["account_id"].isin(riskiest["account_id"])]
    told = {
        account: records(rows[["rank", "text", "direction", "beside"]]) for account, rows in shown.groupby("account_id")
    }
    return [
        {
            "id": row["account_id"],
            "name": row["account_name"],
            "segment": row["segment"],
            "csm": row["csm"],
            "arr": _number(row["arr"]),
            "stake": _number(row["expected_arr_at_risk_90"]),
            "renewal": "" if pd.isna(row["renewal_date"]) else row["renewal_date"].strftime("%Y-%m-%d"),
            "health": _number(row["health"]),
            "band": row["band"],
            "probabilities": [_number(row[f"p{one}"]) for one in days],
            "reasons": told.get(row["account_id"], []),
        }
        for row in records(riskiest)
    ]


def _unscored(scores: Scores) -> list[tuple[str, int]]:
    """Count the reasons, days apart: "gave notice on 2026-01-31" counts as "gave notice"."""
    silent = scores.rows.loc[scores.rows["score_status"] == "not_scored", "score_reason"]
    counts = silent.str.replace(r"( on)? \d{4}-\d{2}-\d{2}", "", regex=True).value_counts()
    return sorted(((str(reason), int(n)) for reason, n in counts.items()), key=lambda one: (-one[1], one[0]))


def _meters(table: pd.DataFrame, column: str) -> list[dict[str, Any]]:
    longest = float(table[column].max()) if len(table) else 1.0
    return [{**row, "bar": row[column] / longest if longest > 0 else 0.0} for row in records(table)]


def _heaviest(weights: pd.DataFrame) -> pd.DataFrame:
    return weights[weights["weight"] > 0].sort_values("weight", ascending=False, kind="stable").head(SIGNS)


def _by_dimension(importance: pd.DataFrame) -> pd.DataFrame:
    sums = importance.groupby("dimension", sort=True)["share"].sum()
    return sums.sort_values(ascending=False, kind="stable").reset_index()


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
