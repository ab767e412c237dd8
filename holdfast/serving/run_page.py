"""What the report of a run tells beyond its scores, collected from the model, its proof and the data."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import holdfast
from holdfast.serving.book import evenly
from holdfast.serving.contract.contract import contract
from holdfast.serving.contract.mapped import mapped
from holdfast.serving.plots import Plot, draw
from holdfast.serving.report import Page
from holdfast.serving.telling import tell_untested

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from holdfast.features.history import History
    from holdfast.features.snapshot import Snapshot
    from holdfast.findings import Finding
    from holdfast.models.explain import Explanation
    from holdfast.serving.bundle import Bundle
    from holdfast.serving.plan import Plan
    from holdfast.serving.playbooks import Playbooks
    from holdfast.serving.proof import Proof

logger = logging.getLogger("holdfast.run_page")
EXPLAINED, DRAWN = 20_000, 2_000  # accounts over which importance is averaged, and of which a picture can still be read


def page_of(
    plan: Plan,
    history: History,
    bundle: Bundle,
    now: Snapshot,
    proof: Proof,
    facts: Mapping[str, Any],
    playbooks: Playbooks,
    otherwise: Sequence[Finding] = (),
) -> Page:
    """Collect what the report tells beyond the scores.

    Parameters
    ----------
    now
        What importance is averaged over: accounts of the day, `EXPLAINED` of them at most.
    otherwise
        What the plan says otherwise than when the model was trained.
    """
    why = bundle.model.explain(now)
    noticed = [*mapped(plan.data.path), *contract(history, bundle.churn["grace_days"])]
    for finding in (one for one in noticed if one.code == "HF014"):
        logger.warning("%s", finding)
    return Page(
        verdict=proof.result["verdict"],
        playbooks=playbooks.frame(),
        kind=bundle.churn["kind"],
        language=plan.output.language,
        rises=bundle.model.rises_,
        result=proof.result,
        evidence=proof.evidence,
        proof_note=_proof_note(proof.result),
        plots=proof.plots,
        importance=why.importance(),
        beeswarm=_beeswarm(why),
        weights=bundle.health.weights,
        notes=proof.notes,
        findings=[*history.findings, *noticed, *otherwise, *proof.findings],
        left_out={**proof.left_out, **now.left_out},
        provenance={
            "run": facts["run_id"],
            "as of": f"{history.now:%Y-%m-%d}",
            "model": f"{bundle.version}, learned from what was known on {bundle.learned_until:%Y-%m-%d}",
            "model sha256": bundle.sha256,
            "input sha256": facts["input_sha256"],
            "settings sha256": facts["config_sha256"],
            "tables": ", ".join(history.tables),
            "holdfast": holdfast.__version__,
        },
    )


def _beeswarm(why: Explanation) -> Plot | None:
    """Draw what each sign adds, account by account, as points of one picture; nothing where there is no account."""
    if not len(why.contributions):
        return None
    why = why.rows(evenly(len(why.contributions), DRAWN))

    def paint(ax: Axes) -> None:
        why.plot_beeswarm(ax)
        for points in ax.collections:
            points.set_rasterized(True)

    caption = f"What each sign adds to the risk of {len(why.g):,} accounts (right: more), coloured by its value."
    return Plot(draw("beeswarm", paint, (7.4, 4.6)), caption)


def _proof_note(result: Mapping[str, Any]) -> str:
    days = result["cutoffs"]
    if not days:
        return ""
    return (
        f"Walk-forward over {len(days)} cutoffs, {days[0][:10]} to {days[-1][:10]}: each model was fitted on "
        "what was settled by then, and told what came afterwards. Beside the models stand the baselines. "
        f"{tell_untested(result)}"
    ).strip()
