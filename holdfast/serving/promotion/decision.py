"""What a retraining decided, kept beside the bundle: the clauses as JSON, and as a page for people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.findings import Finding
from holdfast.serving.pages import environment
from holdfast.serving.workspace import canonical_json, folder_atomic, read_manifest, write_manifest
from holdfast.training.promotion import Gate

if TYPE_CHECKING:
    from holdfast.serving.learning import Trained

SUFFIX = ".gate"


@dataclass(frozen=True)
class Decision:
    """The outcome of one retraining.

    Attributes
    ----------
    retrain
        What it was made of, as a hash: data, settings and version; not who was in service.
    as_of, sha256, signs
        The day of the data, the bundle that was trained, and the hash of the signs it reads.
    gate
        The clauses; none where the model that was trained is in service already.
    findings
        What deserved attention in the data.
    """

    retrain: str
    as_of: str
    sha256: str
    signs: str
    gate: Gate
    findings: tuple[Finding, ...] = ()

    @property
    def version(self) -> str:
        """The bundle that was trained."""
        return self.sha256[:16]

    @property
    def same(self) -> bool:
        """Whether what was trained is, to the byte, what was in service."""
        return self.gate.champion == self.version

    @property
    def unleaking(self) -> bool:
        """Whether the signs were proven to know nothing of the future."""
        return any(one.clause == "leakage" and one.verdict == "passed" for one in self.gate.clauses)


def write_decision(models: Path, decision: Decision, trained: Trained) -> None:
    """Write ``models/<version>.gate``: ``gate.json``, ``report.html``, a manifest; the same facts, the same bytes."""
    facts = {"retrain": decision.retrain, "as_of": decision.as_of, "sha256": decision.sha256, "signs": decision.signs}
    with folder_atomic(models / f"{decision.version}{SUFFIX}") as folder:
        told = decision.gate.to_dict() | {"findings": [one.to_dict() for one in decision.findings]}
        (folder / "gate.json").write_bytes(canonical_json(told))
        (folder / "report.html").write_text(_page(decision, trained), encoding="utf-8")
        write_manifest(folder, facts)


def decisions(models: Path) -> list[Decision]:
    """Read the decisions of a workspace that are whole, the oldest day first."""
    found = [one for one in map(_read, sorted(models.glob(f"*{SUFFIX}"))) if one is not None]
    return sorted(found, key=lambda one: (one.as_of, one.version))


def report_of(models: Path, version: str) -> Path:
    """Tell where the page on a decision is."""
    return models / f"{version}{SUFFIX}" / "report.html"


def _read(folder: Path) -> Decision | None:
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    told = json.loads((folder / "gate.json").read_bytes())
    return Decision(
        manifest["retrain"],
        manifest["as_of"],
        manifest["sha256"],
        manifest["signs"],
        Gate.from_dict(told),
        tuple(Finding(**one) for one in told["findings"]),
    )


def _page(decision: Decision, trained: Trained) -> str:
    told: dict[str, Any] = decision.gate.to_dict()
    return (
        environment()
        .get_template("gate.html.j2")
        .render(
            **told,
            same=decision.same,
            as_of=decision.as_of[:10],
            sha256=decision.sha256,
            retrain=decision.retrain,
            model=trained.summary(),
            findings=decision.findings,
        )
    )
