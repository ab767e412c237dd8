"""The story of one account: its figures, every reason with its evidence, and what has changed since an earlier day."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import exp
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.indicators.wording import ENGLISH, Language
from holdfast.features.time import to_instant
from holdfast.models.ledger import STEPS, Ledger, Standing, ledger
from holdfast.models.phrases import phrase
from holdfast.models.reasons import Reasons, reasons
from holdfast.models.whatif import WhatIf, next_band, what_if
from holdfast.serving import opening, pipeline, show
from holdfast.serving.columns import horizon, records
from holdfast.serving.runs import current, read_scores
from holdfast.serving.workspace import read_manifest

if TYPE_CHECKING:
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
_CHANGES, _NOTHING = 5, 1e-9


@dataclass(frozen=True)
class Asked:
    """What is asked about an account beside its reasons.

    Attributes
    ----------
    since
        An earlier day: the change from it is told, by the model of the run of that day where there is one, else by the
        same model.
    signs
        Values of signs: how the models would read the account with them.
    next_band
        Whether to look for few changes that reach the next better band.
    """

    since: str | None = None
    signs: Mapping[str, float] = field(default_factory=dict)
    next_band: bool = False


@dataclass(frozen=True)
class Story:
    """What is known of one account.

    Attributes
    ----------
    row
        Its row of the scores.
    why
        Its reasons; none where it is not scored.
    changes
        The ledgers of its risk and, where it has a score, of its health since an earlier day; none where not asked.
    what
        How the models would read it with other signs; none where not asked, or where none reach the next band.
    asked
        What was asked.
    language
        What it is told in.
    """

    row: dict[str, Any]
    why: Reasons | None
    changes: tuple[Ledger, ...] = ()
    what: WhatIf | None = None
    asked: Asked = field(default_factory=Asked)
    language: Language = ENGLISH

    def to_dict(self) -> dict[str, Any]:
        """Tell it in plain values."""
        told = show.missing_as_none(
            {key: value for key, value in self.row.items() if key in _TOLD or horizon(str(key))}
        )
        told["drivers"], told["reasons"] = [], []
        if self.why is not None:
            points = show.missing_as_none(self.why.health or {})
            told |= {"base": self.why.base, "total": self.why.total, "health_points": points}
            told["drivers"] = [show.missing_as_none(row) for row in records(self.why.rows)]
            told["reasons"] = [show.missing_as_none(row) for row in records(self.why.told)]
        if self.changes:
            told["since"] = self.changes[0].since
            told["changes"] = {one.unit: _change(one) for one in self.changes}
        if self.asked.next_band or self.asked.signs:
            told["what_if"] = None if self.what is None else _read_anew(self.what)
        return told


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
    row = _row(account, scores)
    changes = _changes(plan, row, known, bundle, now, asked.since) if asked.since is not None else ()
    if row["score_status"] == "not_scored":
        return Story(row, None, changes, language=language)
    why = reasons(bundle.model.explain(now), account, known, bundle.health)
    if not all(abs(row[f"p{days}"] - chance) < _NOTHING for days, chance in why.p.items()):
        logger.warning(
            "the data of %s were corrected since that day was scored: score it again", f"{why.cutoff:%Y-%m-%d}"
        )
    return Story(row, why, changes, _other(bundle, now, account, asked), asked, language)


def _other(bundle: Bundle, now: Snapshot, account: str, asked: Asked) -> WhatIf | None:
    """Read the account with other signs: those asked for, else those that reach the next band."""
    signs = asked.signs or (next_band(bundle.health, now, account) if asked.next_band else {})
    return what_if(bundle.model, bundle.health, now, account, signs) if signs else None


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
        yield say("not scored", why=row["score_reason"])
    else:
        yield from story.why.text().splitlines()[1:]
    for one in story.changes:
        yield from changed(one, story.language)
    if story.what is not None:
        yield from story.what.text().splitlines()
    elif story.asked.next_band and story.why is not None:
        yield say("no way")


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


def _changes(
    plan: Plan, row: dict[str, Any], known: History, bundle: Bundle, now: Snapshot, since: str
) -> tuple[Ledger, ...]:
    """Explain the change since an earlier day: of the risk, and of the health where there is one."""
    day = to_instant(since).floor("D")
    before = _bundle_then(plan, day) or bundle
    then, today = (
        Standing(at, one.model, one.health, one.catalog) for at, one in ((day, before), (now.cutoffs[0], bundle))
    )
    risk, health = ledger(row["account_id"], known, then, today, grace_days=bundle.churn["grace_days"])
    return (risk,) if pd.isna(row["health"]) else (risk, health)


def _bundle_then(plan: Plan, day: pd.Timestamp) -> Bundle | None:
    """Read the bundle that scored a day, where a run of that day is kept; of several runs the first by name."""
    for folder in sorted(pipeline.workspace(plan).runs.glob("*")):
        manifest = read_manifest(folder)
        if manifest is not None and pd.Timestamp(manifest["as_of"]) == day:
            return pipeline.bundle_of(plan, manifest["model_version"])
    return None


def _read_anew(what: WhatIf) -> dict[str, Any]:
    return {
        "signs": [show.missing_as_none(row) for row in records(what.signs)],
        "p": {f"p{days}": {"now": now, "then": then} for days, now, then in what.p.itertuples()},
        "health": dict(zip(("now", "then"), what.health, strict=True)),
        "band": dict(zip(("now", "then"), what.bands, strict=True)),
    }


def _change(one: Ledger) -> dict[str, Any]:
    moved = one.rows[one.rows["change"] != 0.0]
    steps = {name: float(value) for name, value in one.steps().items()}
    return {"before": one.before, "after": one.after, "steps": steps, "rows": records(moved)}


def changed(one: Ledger, language: Language) -> Iterator[str]:
    """Write what changed: points of health as they are, the log-hazard as a factor on the risk."""
    say = partial(phrase, language)
    health, day = one.unit == "points", f"{one.since:%Y-%m-%d}"

    def moved(value: float) -> str:
        return say("points", points=value) if health else say("factor", factor=exp(value))

    if health:
        start = say("health since", day=day, before=one.before, after=one.after)
    else:
        start = say("risk since", day=day, factor=exp(one.difference))
    steps = [f"{say(str(name))} {moved(value)}" for name, value in one.steps().items() if abs(value) > _NOTHING]
    yield start + (f" ({', '.join(steps)})" if steps else "")
    for row in records(one.rows[one.rows["change"].abs() > _NOTHING].head(_CHANGES)):
        by = max(STEPS, key=lambda name: abs(row[name]))
        yield "  " + say("mostly", title=row["title"], moved=moved(row["change"]), step=say(by))
