"""Replay: what was served on a day made again from the history as known then, and why it is otherwise where it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import holdfast
from holdfast.errors import UsageError, did_you_mean
from holdfast.features.time import to_instant
from holdfast.safely import sha256_of
from holdfast.serving import opening, pipeline
from holdfast.serving.delivery import parquet
from holdfast.serving.feedback.standing import Standing
from holdfast.serving.ledger.entry import run_of
from holdfast.serving.ledger.store import ERASED, stamp
from holdfast.serving.promotion.keeping import named
from holdfast.serving.workspace import read_manifest
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.serving.bundle import Bundle
    from holdfast.serving.ledger.store import Ledger
    from holdfast.serving.plan import Plan

_OF_DAY = "SELECT * FROM run WHERE as_of = ? ORDER BY rowid"
_DAYS = "SELECT DISTINCT as_of FROM run ORDER BY as_of DESC LIMIT 3"
_ENTERED = (
    "SELECT account_id, status AS score_status, health, band, arr FROM score WHERE run_id = ? "
    "AND account_id NOT GLOB ? ORDER BY account_id"
)
_CHANCES = (
    "SELECT account_id, 'p' || horizon AS name, probability FROM chance WHERE run_id = ? AND account_id NOT GLOB ?"
)
_SINCE = "SELECT count(*) AS n FROM erased WHERE recorded_at >= ?"
_COLUMNS = ["account_id", "column", "served", "replayed", "cause"]
_WORDS = {
    "data": "the history as known on that day is another one: rows came later under an earlier known_at, or were put "
    "right or taken out without a version of their own",
    "settings": "the plan says otherwise what can change a score",
    "code": "another version of holdfast",
    "erasure": "accounts or persons were erased since: they are in neither, and others have fewer peers",
    "model": "another model was asked for",
}


@dataclass(frozen=True, eq=False)
class Replay:
    """What was served on a day, beside what is made of the same day now.

    Attributes
    ----------
    run
        The run that was served, as it stands in the ledger.
    model_version
        The model with which it was made again.
    equal
        Whether the scores are the same to the last bit.
    causes
        ``cause, then, now``: of ``data, settings, code, erasure, model`` what is otherwise than it was, as hashes,
        versions or counts.
    differences
        ``account_id, column, served, replayed, cause``: every value that is otherwise; without a cause where nothing
        that could explain it is.
    """

    run: dict[str, Any]
    model_version: str
    equal: bool
    causes: pd.DataFrame
    differences: pd.DataFrame

    @property
    def unexplained(self) -> int:
        """The number of differences without a cause."""
        return int((self.differences["cause"] == "").sum())

    def frame(self) -> pd.DataFrame:
        """Return the differences."""
        return self.differences

    def text(self) -> str:
        """Tell it in sentences."""
        return " ".join(self._sentences())

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        shown = self.differences.astype(object)
        shown = shown.assign(**{name: shown[name].map(_plain) for name in ("served", "replayed")})
        return {
            "in_words": self.text(),
            "run": self.run,
            "model_version": self.model_version,
            "equal": self.equal,
            "unexplained": self.unexplained,
            "causes": json_rows(self.causes),
            "differences": json_rows(shown),
        }

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.text())}</p>{self.differences.to_html(escape=True, index=False, max_rows=20)}"

    def _sentences(self) -> Iterator[str]:
        named = f"Run {self.run['run_id']} of {self.run['as_of'][:10]}, {self.run['kind']}"
        if self.equal:
            yield f"{named}: made again, the same to the last bit."
            return
        rows = self.differences
        if rows.empty:
            yield f"{named}: made again, the same values in other bytes; other libraries wrote them."
            return
        accounts = rows["account_id"].nunique()
        yield f"{named}: made again, {len(rows):,} values of {accounts:,} accounts are otherwise."
        for cause in self.causes["cause"]:
            yield f"{cause}: {_WORDS[cause]}."
        if self.unexplained:
            yield f"{self.unexplained:,} are not explained by data, settings, code, erasure or model;"
            yield "other libraries may be."


def replay(plan: Plan, history: History, day: str, version: str | None = None, name: str | None = None) -> Replay:
    """Make again what was served on a day: from the history as known then, with the model that served it.

    Parameters
    ----------
    history
        As it is read today.
    version
        Another model to make it with; what it changes is told apart.
    name
        The run, where the day was scored several times; default: the last one that was served.

    Raises
    ------
    UsageError
        When no run of that day, or none of that name, was entered, or there is no other model of that version.
    BundleError
        When the model is not there any more, or damaged.
    """
    ledger, instant = pipeline.ledger_of(plan), to_instant(day)
    run = _run(ledger, instant, name)
    served, code = _served(plan, ledger, run)
    known = opening.known_on(plan, history, day)
    bundle = pipeline.bundle_of(plan, run["model_version"])
    made = _made(plan, known, bundle, run)
    causes = [*_causes(plan, known, run, code), *_erasures(ledger, run)]
    found = [] if _same(made, run) else [compare(served, made, ", ".join(cause for cause, *_ in causes))]
    if version is not None and version != run["model_version"]:
        other = pipeline.bundle_of(plan, named(pipeline.workspace(plan), version))
        causes.append(("model", run["model_version"], version))
        again = _made(plan, known, other, run)
        found.append(compare(made, again, "model"))
        made = again
    return Replay(
        run,
        version or run["model_version"],
        _same(made, run),
        pd.DataFrame(causes, columns=["cause", "then", "now"]),
        _merged(found),
    )


def compare(served: pd.DataFrame, replayed: pd.DataFrame, cause: str) -> pd.DataFrame:
    """List the values that are otherwise, in the columns that both have; an account that one lacks differs in all.

    Examples
    --------
    >>> one = pd.DataFrame({"account_id": ["a", "b"], "p30": [0.5, None]})
    >>> compare(one, one.assign(p30=[0.25, None]), "data").to_numpy().tolist()
    [['a', 'p30', 0.5, 0.25, 'data']]
    """
    then, now = (one.set_index("account_id").astype(object) for one in (served, replayed))
    ids = then.index.union(now.index)
    then, now = then.reindex(ids), now.reindex(ids)
    parts = []
    for column in (one for one in then if one in now):
        left, right = then[column], now[column]
        other = ~((left == right) | (left.isna() & right.isna())).to_numpy(dtype=bool)
        values = {
            "account_id": ids[other],
            "column": column,
            "served": left[other].array,
            "replayed": right[other].array,
        }
        parts.append(pd.DataFrame(values | {"cause": cause}))
    found = [one for one in parts if len(one)]
    return pd.concat(found, ignore_index=True)[_COLUMNS] if found else pd.DataFrame(columns=_COLUMNS)


def _merged(found: list[pd.DataFrame]) -> pd.DataFrame:
    """Put the differences of both steps together; a value that both moved has both causes."""
    parts = [one for one in found if len(one)]
    if not parts:
        return pd.DataFrame(columns=_COLUMNS)
    rows = pd.concat(parts, ignore_index=True)
    told = rows.groupby(["account_id", "column"], sort=True).agg(
        served=("served", _first),
        replayed=("replayed", _last),
        cause=("cause", lambda causes: ", ".join(filter(None, causes))),
    )
    return told.reset_index()[_COLUMNS]


def _first(values: pd.Series) -> object:
    return values.iloc[0]


def _last(values: pd.Series) -> object:
    return values.iloc[-1]


def _run(ledger: Ledger, day: pd.Timestamp, name: str | None) -> dict[str, Any]:
    last = run_of(ledger, day)
    if last is None:
        days = ", ".join(str(one)[:10] for one in ledger.read(_DAYS)["as_of"]) or "none"
        do = (
            f"name a day that was scored; the last are {days}" if days != "none" else "score first: holdfast score PLAN"
        )
        raise UsageError("--at", "a day of which a run was entered", f"{day:%Y-%m-%d}", do)
    if name is None:
        return last
    of_day = ledger.read(_OF_DAY, (stamp(day),))
    found = of_day[of_day["run_id"] == name]
    if found.empty:
        do = did_you_mean(name, of_day["run_id"])
        raise UsageError("--run", f"a run of {day:%Y-%m-%d}", repr(name), do)
    return {str(name): value for name, value in found.iloc[0].items()}


def _served(plan: Plan, ledger: Ledger, run: dict[str, Any]) -> tuple[pd.DataFrame, str | None]:
    """Give the scores as they were served, and the version of the code: those of the folder where they are whole."""
    folder = pipeline.workspace(plan).runs / run["run_id"]
    manifest, file = read_manifest(folder), folder / "scores.parquet"
    code = None if manifest is None else str(manifest["holdfast"])
    if file.is_file() and sha256_of(file) == run["scores_sha256"]:
        return pd.read_parquet(file), code
    rows, chances = (ledger.read(one, (run["run_id"], f"{ERASED}*")) for one in (_ENTERED, _CHANCES))
    wide = chances.pivot_table(index="account_id", columns="name", values="probability")
    return rows.merge(wide, left_on="account_id", right_index=True, how="left"), code


def _made(plan: Plan, known: History, bundle: Bundle, run: dict[str, Any]) -> pd.DataFrame:
    ledger = pipeline.ledger_of(plan)
    said = Standing.seen(ledger, known.now, run["feedback_sha256"]) or Standing.read(ledger, known.now)
    scores, _ = pipeline.score_day(plan, known, bundle, run["run_id"], said)
    return scores.rows


def _same(made: pd.DataFrame, run: dict[str, Any]) -> bool:
    return hashlib.sha256(parquet(made)).hexdigest() == str(run["scores_sha256"])


def _causes(plan: Plan, known: History, run: dict[str, Any], code: str | None) -> Iterator[tuple[str, str, str]]:
    """Tell what scores are made of is otherwise than it was: ``cause, then, now``."""
    for cause, then, now in (
        ("data", run["input_sha256"], known.fingerprint()),
        ("settings", run["config_sha256"], plan.sha256()),
        ("code", code or holdfast.__version__, holdfast.__version__),
    ):
        if then != now:
            yield cause, then, now


def _erasures(ledger: Ledger, run: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Tell how many were erased since a run was entered: ``cause, then, now``."""
    if since := int(ledger.read(_SINCE, (run["recorded_at"],))["n"].iloc[0]):
        yield "erasure", "0", str(since)


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value
