"""Rules: what of the facts of a day is an alert, and what is not clear of one yet.

Every rule says twice where an account stands: it *fires* at its threshold, and it *holds* until the account is well
clear of it, so that a score which trembles about the threshold opens one episode and not ten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.models.bands import ACTION
from holdfast.serving.alerts.words import say

if TYPE_CHECKING:
    from holdfast.features.indicators.wording import Language

FIRES, HOLDS = "fires", "holds"
COMPANY = ""
"""The account of what concerns no single one."""

_NOTICED = 5.0  # points: a smaller fall is no news, however calm the account
_FALLING = 10.0  # points, where a renewal is near
_SLACK = 2.0  # points below the floor of a band
_GAP = 0.25  # share of the evidence
_GAPS = 3.0  # times the usual gap between two days of use
COLUMNS = ["account_id", "rule", "state", "text"]


@dataclass(frozen=True)
class Thresholds:
    """What is asked, and where each rule fires.

    Attributes
    ----------
    rules
        Codes of the rules that are on; by default all.
    drop
        Points of health in 30 days.
    unusual
        Times the account's own noise.
    renewal_days, silence_days
        Days to a decision that count as near, and without use.
    """

    rules: Sequence[str] = ()
    drop: float = 20.0
    unusual: float = 3.0
    renewal_days: int = 90
    silence_days: int = 14

    def asked(self) -> list[Rule]:
        """Give the rules that are on."""
        return [one for code, one in RULES.items() if code in (self.rules or RULES)]


Test = Callable[[pd.DataFrame, Thresholds], pd.Series]


@dataclass(frozen=True)
class Rule:
    """One rule of alerts.

    Attributes
    ----------
    code
        Its name, in the scores and in the plan.
    fires, holds
        Masks by account; what fires holds.
    of
        The fact it reads: where that is missing today and was there 30 days before, nothing closes.
    steady
        Whether it stands when a source of activity falls silent; else nothing opens or closes meanwhile, since all
        accounts would seem to fail at once.
    """

    code: str
    fires: Test
    holds: Test
    of: str = "health"
    steady: bool = False


def _floor(facts: pd.DataFrame) -> pd.Series:
    """Give the lower bound of the band in which an account stood 30 days before."""
    floors = {band.name: band.low for band in ACTION.bands}
    return ACTION.names_of(facts["health_before"].rename(None)).map(floors).astype(float)


def _gone(name: str) -> tuple[Test, Test]:
    return (
        lambda facts, _: (facts[name] == 0) & (facts[f"{name}_before"] >= 1),
        lambda facts, _: facts[name] == 0,
    )


def _shrunk(facts: pd.DataFrame) -> pd.Series:
    return facts["coverage_before"] - facts["coverage"]


RULES = {
    one.code: one
    for one in (
        Rule("drop", lambda f, t: f["fall"] >= t.drop, lambda f, t: f["fall"] >= 0.75 * t.drop),
        Rule(
            "unusual",
            lambda f, t: (f["fall"] >= _NOTICED) & (f["fall"] >= t.unusual * f["noise"]),
            lambda f, t: (f["fall"] >= _NOTICED / 2) & (f["fall"] >= t.unusual / 2 * f["noise"]),
        ),
        Rule("band", lambda f, _: f["health"] < _floor(f) - _SLACK, lambda f, _: f["health"] < _floor(f)),
        Rule("sponsor", *_gone("sponsors"), of="sponsors", steady=True),
        Rule("champion", *_gone("champions"), of="champions", steady=True),
        Rule(
            "silence",
            lambda f, t: (f["silent_days"] >= t.silence_days) & (f["silent_times"] >= _GAPS),
            lambda f, t: f["silent_days"] >= t.silence_days / 2,
        ),
        Rule(
            "renewal",
            lambda f, t: (f["decision_days"] <= t.renewal_days) & (f["fall"] >= _FALLING),
            lambda f, t: (f["decision_days"] <= t.renewal_days) & (f["fall"] >= _FALLING / 2),
        ),
        Rule("data_gap", lambda f, _: _shrunk(f) >= _GAP, lambda f, _: _shrunk(f) >= 0.6 * _GAP, of="coverage"),
    )
}
"""By code: ``drop, unusual, band, sponsor, champion, silence, renewal, data_gap``."""


def judge(
    facts: pd.DataFrame,
    thresholds: Thresholds | None = None,
    *,
    stale: Sequence[str] = (),
    stale_before: Sequence[str] = (),
    language: Language = "en",
) -> pd.DataFrame:
    """Judge every account on one day, whatever was told before.

    Parameters
    ----------
    facts
        Of the accounts that are scored, see `facts.facts`.
    stale, stale_before
        Sources of activity that had gone quiet by that day, and 30 days before. One that has gone quiet since is an
        alert of its own, under the account `COMPANY`, whichever rules are on; the rules that it would set off wait.

    Returns
    -------
    DataFrame
        ``account_id, rule, state, text``: one row where a rule ``fires`` or ``holds``, the former with its sentence.
    """
    limits = thresholds or Thresholds()
    news = sorted(set(stale) - set(stale_before))
    parts = [_source(news, language)] if stale else []
    parts += [_judged(rule, facts, limits, language) for rule in limits.asked() if rule.steady or not news]
    told = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    return told.astype(str).sort_values(["account_id", "rule"], kind="stable", ignore_index=True)


def muted(judged: pd.DataFrame) -> set[str]:
    """Name the rules that were not asked since a source had gone quiet: what is open under them stays open."""
    source = judged[(judged["account_id"] == COMPANY) & (judged["state"] == FIRES)]
    return {code for code, one in RULES.items() if not one.steady} if len(source) else set()


def codes(judged: pd.DataFrame) -> pd.Series:
    """Write the codes of the rules that fire, by account, in alphabetical order, separated by spaces."""
    fires = judged[(judged["state"] == FIRES) & (judged["account_id"] != COMPANY)]
    return fires.groupby("account_id")["rule"].agg(lambda rules: " ".join(sorted(rules)))


def _judged(rule: Rule, facts: pd.DataFrame, thresholds: Thresholds, language: Language) -> pd.DataFrame:
    fires = rule.fires(facts, thresholds).to_numpy(bool)
    unknown = facts[rule.of].isna() & facts[f"{rule.of}_before"].notna()
    holds = fires | rule.holds(facts, thresholds).to_numpy(bool) | unknown.to_numpy(bool)
    there = facts[holds]
    told = _named(facts[fires])
    sentences = {one["account_id"]: say(language, rule.code, **_in_words(one, language)) for one in told}
    rows = {
        "account_id": there.index.astype(str),
        "rule": rule.code,
        "state": np.where(fires[holds], FIRES, HOLDS),
        "text": [sentences.get(str(account), "") for account in there.index],
    }
    return pd.DataFrame(rows, columns=COLUMNS)


def _named(facts: pd.DataFrame) -> list[dict[str, object]]:
    """Turn facts into values for the sentences, with the bands by name."""
    bands = {
        "band": ACTION.names_of(facts["health"].rename(None)),
        "band_before": ACTION.names_of(facts["health_before"].rename(None)),
    }
    rows = facts.assign(**bands).rename_axis("account_id").reset_index().astype({"account_id": str})
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def _in_words(row: dict[str, object], language: Language) -> dict[str, object]:
    """Name the bands in the language; where there is no score, none is told."""
    names = {key: say(language, str(row[key])) for key in ("band", "band_before") if row[key]}
    return row | names


def _source(news: Sequence[str], language: Language) -> pd.DataFrame:
    text = say(language, "source", sources=", ".join(news)) if news else ""
    return pd.DataFrame([(COMPANY, "data_gap", FIRES if news else HOLDS, text)], columns=COLUMNS)
