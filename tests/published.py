"""Runs made by hand: scores of a few accounts or many, written whole into a workspace and served, without a model."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from holdfast.serving import runs
from holdfast.serving.columns import SCHEMA_VERSION, in_order
from holdfast.serving.runs import Run, existing, served_day
from holdfast.serving.scoring import Scores
from holdfast.serving.workspace import Workspace, folder_atomic, write_manifest

DAY = pd.Timestamp("2026-01-01", tz="UTC")


def scores_of(n: int, day: pd.Timestamp = DAY, seed: int = 0, **columns: Any) -> Scores:
    """Score n accounts, A00000 and on, by chance; two reasons each."""
    chance = np.random.default_rng(seed)
    health, risk = chance.uniform(0, 100, n).round(1), chance.uniform(0.01, 0.4, n).round(3)
    rows = pd.DataFrame(
        {
            "schema_version": SCHEMA_VERSION,
            "as_of": day,
            "account_id": [f"A{i:05d}" for i in range(n)],
            "account_name": [f"Account {i}" for i in range(n)],
            "arr": chance.uniform(1e3, 1e5, n).round(2),
            "currency": "EUR",
            "renewal_date": day + pd.Timedelta(days=40),
            "health": health,
            "band": np.where(health < 40, "red", "green"),
            **{"p30": risk, "p60": risk + 0.1, "p90": risk + 0.2},
            "delta_health_30": -1.5,
            "driver_1": "12 of 50 seats were active",
            "playbook_id": "action.red",
            "score_status": "scored",
            "model_version": "v1",
        }
        | columns
    )
    one = {"dimension": "product", "text": "12 of 50 seats", "value": 0.24, "direction": "raises", "others": ""}
    one |= {"own_past": 0.5, "peer_percentile": 12.0, "beside": "above 12 of 100"}
    reasons = pd.DataFrame(
        [
            {"account_id": account, "rank": rank, "code": f"sign_{rank}", "contribution": 0.2 / rank, **one}
            for account in rows["account_id"]
            for rank in (1, 2)
        ]
    )
    return Scores(day, in_order(rows), reasons)


def serve(place: Workspace, scores: Scores, name: str = "") -> Run:
    """Write a run whole, and serve it unless a later day is."""
    version = scores.rows["model_version"].iloc[0]
    name = name or sha256(scores.rows.to_csv().encode()).hexdigest()[:16]
    scores.rows["run_id"] = name
    facts = {"run_id": name, "as_of": scores.as_of.isoformat(), "model_version": version, "model_sha256": "m" * 64}
    facts |= {
        "input_sha256": "i" * 64,
        "config_sha256": "c" * 64,
        "feedback_sha256": "",
        "holdfast": "0.1.0",
        "counts": scores.counts(),
    }
    with folder_atomic(place.runs / name) as folder:
        scores.rows.to_parquet(folder / "scores.parquet", index=False)
        scores.reasons.to_parquet(folder / "drivers.parquet", index=False)
        scores.alerts.to_parquet(folder / "alerts.parquet", index=False)
        write_manifest(folder, facts)
    run, day = existing(place, name), served_day(place)
    assert run is not None
    return run if day is not None and day > scores.as_of else runs.serve(place, run)
