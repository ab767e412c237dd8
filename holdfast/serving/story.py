"""The story of one account: its figures, every reason with its evidence, and what has changed since an earlier day."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import isnan, nan
from typing import TYPE_CHECKING, Any

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.indicators.wording import ENGLISH, Language
from holdfast.models.bands import ACTION
from holdfast.models.moving import refuse_unknown
from holdfast.models.phrases import phrase
from holdfast.models.reasons import Reasons, reasons
from holdfast.models.whatif import WhatIf, next_band, what_if
from holdfast.serving import opening, pipeline, show
from holdfast.serving.columns import horizon, records
from holdfast.serving.decision import Decision
from holdfast.serving.headings import reason
from holdfast.serving.runs import current, read_scores
from holdfast.serving.since import Since, changes, earlier

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.features.history import History
    from holdfast.features.snapshot import Snapshot
    from holdfast.serving.bundle import Bundle
    from holdfast.serving.plan import Plan
    from holdfast.serving.runs import Run
    from holdfast.serving.scoring import Scores

logger = logging.getLogger("holdfast.story")
_TOLD = {
    *("as_of", "account_id", "account_name", "csm", "arr", "renewal_date", "score_status", "score_reason"),
    *("health", "band", "grade", "percentile", "product", "relationship", "business", "delta_health_30"),
    *("p_renew", "expected_arr_at_risk_90", "run_id", "model_version"),
}
_NOTHING = 1e-9


@dataclass(frozen=True)
class Asked:
    """What is asked about an account beside its reasons.

    Attributes
    ----------
    since
        An earlier day: the change from it is told, by the model of the run of that day where there is one that can be
        read, else by the same model.
    signs
        Values of signs: how the models would read the account with them.
    next_band
        Whether to look for few changes that reach the next better band.
    """

    since: str | None = None
    signs: Mapping[str, float] = field(default_factory=dict)
    next_band: bool = False

    def __post_init__(self) -> None:
        if self.signs and self.next_band:
            raise UsageError("--if, --next-band", "one of them", "both", "choose one")


@dataclass(frozen=True)
class Story:
    """What is known of one account.

    Attributes
    ----------
    row
        Its row of the scores.
    why
        Its reasons; none where it is not scored.
    calendar
        The next decision on its contract.
    since
        What has changed since an earlier day; none where not asked.
    what
        How the models would read it with other signs; none where not asked, or where there are none to try.
    untried
        Why there are none, as the name of a phrase; else empty.
    asked
        What was asked.
    language
        What it is told in.
    """

    row: dict[str, Any]
    why: Reasons | None
    calendar: Decision
    since: Since | None = None
    what: WhatIf | None = None
    untried: str = ""
    asked: Asked = field(default_factory=Asked)
    language: Language = ENGLISH

    def to_dict(self) -> dict[str, Any]:
        """Tell it in plain values."""
        told = show.missing_as_none(
            {key: value for key, value in self.row.items() if key in _TOLD or horizon(str(key))}
        )
        told["calendar"] = self.calendar.to_dict()
        told["drivers"], told["reasons"] = [], []
        if self.why is not None:
            points = show.missing_as_none(self.why.health or {})
            told |= {"base": self.why.base, "total": self.why.total, "health_points": points}
            told["drivers"] = [show.missing_as_none(row) for row in records(self.why.rows)]
            told["reasons"] = [show.missing_as_none(row) for row in records(self.why.told)]
        if self.since is not None:
            told |= self.since.to_dict()
        if self.asked.next_band or self.asked.signs:
            told["what_if"] = None if self.what is None else _read_anew(self.what)
            if self.untried:
                told["what_if_reason"] = phrase(self.language, self.untried)
        return told

    def tried(self) -> list[str]:
        """Tell in lines how the models would read it with other signs, or why nothing was tried."""
        if self.what is not None:
            return self.what.text().splitlines()
        return [phrase(self.language, self.untried)] if self.untried else []


def account_story(plan: Plan, account: str, history: Callable[[], History], asked: Asked | None = None) -> Story:
    """Tell why an account is where it is in the run that is served, else on the last day of the data.

    Parameters
    ----------
    history
        Reads the history.

    Raises
    ------
    UsageError
        When no account has that id, it was not known on the earlier day, or a sign cannot be what was asked.
    """
    asked, language = asked or Asked(), plan.output.language
    run = _served(plan)
    version, day = (None, None) if run is None else (run.manifest["model_version"], run.manifest["as_of"][:10])
    bundle = pipeline.bundle_of(plan, version)
    pipeline.same_clock(plan, bundle)
    known = opening.known_on(plan, history(), day)
    if run is None:
        scores, now = pipeline.score_day(plan, known, bundle)
    else:
        scores, now = read_scores(run), pipeline.measure_day(known, bundle)
    row, today = _row(account, scores), now.cutoffs[0]
    day_before = None if asked.since is None else earlier(asked.since, today)
    refuse_unknown(now, asked.signs, "--if")
    if row["score_status"] == "not_scored":
        return _untold(row, day_before, asked, language)
    since = None if day_before is None else changes(plan, account, known, bundle, today, day_before)
    explained = bundle.model.explain(now)
    why = reasons(explained, account, known, bundle.health)
    if not all(abs(row[f"p{days}"] - chance) < _NOTHING for days, chance in why.p.items()):
        logger.warning(
            "the data of %s were corrected since that day was scored: score it again", f"{why.cutoff:%Y-%m-%d}"
        )
    what, untried = _other(bundle, now, why, asked)
    calendar = Decision.of(row, explained, decided=bundle.model.calendar)
    return Story(row, why, calendar, since, what, untried, asked, language)


def _untold(row: dict[str, Any], day: pd.Timestamp | None, asked: Asked, language: Language) -> Story:
    """Tell of an account that is not scored: of what was asked beside it only that it cannot be told."""
    since = None if day is None else Since(day, notes=(phrase(language, "no change"),))
    untried = "nothing to try" if asked.signs or asked.next_band else ""
    return Story(row, None, Decision.of(row), since, None, untried, asked, language)


def _other(bundle: Bundle, now: Snapshot, why: Reasons, asked: Asked) -> tuple[WhatIf | None, str]:
    """Read the account with other signs: those asked for, else those that reach the next band, or say why not."""
    signs = asked.signs
    if asked.next_band:
        score = float((why.health or {}).get("score", nan))
        if isnan(score) or score >= max(ACTION.floors):
            return None, "no health" if isnan(score) else "best band"
        signs = next_band(bundle.health, now, why.account_id)
        if not signs:
            return None, "no way"
    return (what_if(bundle.model, bundle.health, now, why.account_id, signs), "") if signs else (None, "")


def tell_account(story: Story) -> None:
    """Print the story of one account."""
    for line in lines(story):
        show.say(line)


def lines(story: Story) -> Iterator[str]:
    """Tell the story of one account line by line."""
    row, say = story.row, partial(phrase, story.language)
    name = f"{row['account_name']} ({row['account_id']})" if row["account_name"] else row["account_id"]
    yield say("heading", account=name, day=f"{row['as_of']:%Y-%m-%d}")
    if story.why is None:
        yield say("not scored", why=reason(row["score_reason"], story.language))
    else:
        _, chances, *rest = story.why.text().splitlines()
        yield from (one for one in (chances, story.calendar.line(story.language), *rest) if one)
    if story.since is not None:
        yield from (line for block in story.since.blocks(story.language) for line in block)
    yield from story.tried()


def _served(plan: Plan) -> Run | None:
    try:
        return current(pipeline.workspace(plan))
    except UsageError:
        return None


def _row(account: str, scores: Scores) -> dict[str, Any]:
    found = scores.rows[scores.rows["account_id"] == account]
    if found.empty:
        ids = scores.rows["account_id"]
        near = did_you_mean(account, ids)
        do = near if len(ids) <= 20 else near.partition("known are")[0] or "see scores.csv"
        raise UsageError("--account", "an account known on that day", repr(account), do)
    return records(found)[0]


def _read_anew(what: WhatIf) -> dict[str, Any]:
    return {
        "signs": [show.missing_as_none(row) for row in records(what.signs)],
        "p": {f"p{days}": {"now": now, "then": then} for days, now, then in what.p.itertuples()},
        "health": show.missing_as_none(dict(zip(("now", "then"), what.health, strict=True))),
        "band": dict(zip(("now", "then"), what.bands, strict=True)),
    }
