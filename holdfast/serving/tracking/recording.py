"""What MLflow is told of a training: settings, figures by horizon, what it was made of, what the gate said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import holdfast
from holdfast.training.tracking import Record

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.serving.bundle import Bundle
    from holdfast.serving.plan import Plan
    from holdfast.serving.proof import Proof
    from holdfast.training.promotion import Gate

_LOGGED = ("churn", "cutoffs", "health", "model", "backtest", "gate")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def record_of(
    plan: Plan, history: History, bundle: Bundle, proof: Proof, at: datetime, gate: Gate | None = None
) -> Record:
    """Write down a training.

    Parameters
    ----------
    history
        As known on the day of training.
    at
        The time of the command.
    gate
        What was decided, where it was judged.
    """
    told = {f"{section}.{key}": str(value) for section, key, value, _, _ in plan.describe() if section in _LOGGED}
    watermark = max(history.watermark(name) for name in history.tables)
    made_of = {
        "input_sha256": history.fingerprint(),
        "config_sha256": plan.training_sha256(),
        "data_end": history.now.isoformat(),
        "data_watermark": watermark.isoformat(),
        "holdfast": holdfast.__version__,
    }
    judged = {} if gate is None else {"gate": gate.short, "replaces": gate.champion}
    return _record(bundle, proof, at, told, made_of | judged)


def remembered(bundle: Bundle, proof: Proof) -> Record:
    """Write down a training of which nothing is left but the bundle and its proof; it is dated by its data."""
    return _record(bundle, proof, bundle.learned_until.to_pydatetime(), {}, {})


def _record(bundle: Bundle, proof: Proof, at: datetime, params: Mapping[str, str], tags: Mapping[str, str]) -> Record:
    horizons = ", ".join(map(str, bundle.horizons))
    return Record(
        name=bundle.version,
        at=int((at - _EPOCH).total_seconds() * 1000),
        params={**params, "learned_until": f"{bundle.learned_until:%Y-%m-%d}", "horizons": horizons},
        metrics={
            f"{name}_{figure}_{days}": value
            for name, by_horizon in proof.result["models"].items()
            for days, found in by_horizon.items()
            for figure, value in found.items()
        },
        tags={**tags, "model_sha256": bundle.sha256, "verdict": proof.result["verdict"]},
    )
