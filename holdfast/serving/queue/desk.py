"""The desk: the run that is served, with the ledger beside it, from which a week is planned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from holdfast.errors import UsageError, did_you_mean
from holdfast.serving.columns import horizon, longest
from holdfast.serving.feedback.standing import Standing
from holdfast.serving.ledger.store import LEDGER, Ledger
from holdfast.serving.proof import read_proof
from holdfast.serving.queue.said import said_of
from holdfast.serving.queue.trial import leave_alone, power_of
from holdfast.serving.queue.week import CALL, LATER, LEFT_ALONE, Queue, queue
from holdfast.serving.runs import Run, current, read_scores
from holdfast.serving.workspace import Workspace
from holdfast.training.queue.regret import Regret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdfast.serving.plan import Plan
    from holdfast.serving.scoring import Scores
    from holdfast.serving.sections import Queue as Settings
    from holdfast.training.queue.power import Power


@dataclass(frozen=True)
class Desk:
    """What a week is planned from."""

    plan: Plan
    run: Run
    scores: Scores
    ledger: Ledger

    @classmethod
    def of(cls, plan: Plan) -> Desk:
        """Open the run that is served; what people said of it since then is laid over its scores.

        Raises
        ------
        UsageError
            When there is none.
        """
        place = Workspace(plan.output.workspace)
        run, ledger = current(place), Ledger(place.root / LEDGER)
        scores = read_scores(run)
        rows = Standing.read(ledger, scores.as_of).over(scores.rows)
        return cls(plan, run, replace(scores, rows=rows), ledger)

    @property
    def horizon(self) -> int:
        """The longest horizon of the scores, in days: until then an outcome is watched."""
        return _horizon(self.scores)

    def week(self) -> Queue:
        """Plan the week: what people said and the log holds counts, and a share is left alone where the plan asks."""
        return planned_week(self.ledger, self.scores, self.plan.queue, self.run.run_id)

    def power(self, points: float | None) -> Power:
        """Reckon how long a trial would take, with whole weeks."""
        how = self.plan.queue
        rest = max(self.horizon, how.cool_down_days)
        return power_of(queue(self.scores, how), rest, how.holdout, points)

    def regret(self, planned: Queue) -> str:
        """Say what such a queue would have caught in the backtest, beside plain rankings; nothing where not tested."""
        proof = read_proof(Workspace(self.plan.output.workspace).models, self.run.manifest["model_version"])
        told = proof.evidence.get("queue")
        free = planned.rows["decision"].isin([CALL, LATER, LEFT_ALONE])
        calls = int(planned.rows["decision"].isin([CALL, LEFT_ALONE]).sum())
        if told is None or not calls:
            return ""
        return Regret.of(told).text(calls / int(free.sum()))

    def refuse_unknown(self, named: Iterable[tuple[str, str]]) -> None:
        """Refuse accounts that the run does not know; each comes with the place where it was named.

        Raises
        ------
        UsageError
            For the first of them.
        """
        known = set(self.scores.rows["account_id"])
        for where, account in named:
            if account not in known:
                raise UsageError(where, "an account of the run", repr(account), did_you_mean(account, known))


def planned_week(ledger: Ledger, scores: Scores, how: Settings, run: str) -> Queue:
    """Plan the week of a run as its files and the command tell it: the log counts, and lots leave a share alone.

    Parameters
    ----------
    run
        Its id, by which lots are drawn.
    """
    planned = queue(scores, how, said_of(ledger, scores, how, _horizon(scores)))
    return leave_alone(planned, how.holdout, run)


def _horizon(scores: Scores) -> int:
    return horizon(longest(scores.rows)) or 0
