"""The reference in a bundle: there and back, optional, and of the signs of the model alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import holdfast as hf
from holdfast.errors import BundleError
from holdfast.models.health import HealthScore
from holdfast.serving.bundle import Bundle, read_bundle, write_bundle
from holdfast.serving.workspace import canonical_json
from holdfast.training.monitoring import Reference

Learned = tuple[hf.Snapshot, HealthScore, hf.ChurnModel]


@pytest.fixture(scope="module")
def learned() -> Learned:
    history = hf.simulate(accounts=120, seed=1, months=18)
    cutoffs = hf.cutoffs(history, every="84d")
    y = hf.label(history, cutoffs, horizons=(30, 60), churn="notice")
    X = hf.catalog.select(["days_since_usage", "login_days", "seat_penetration"]).measure(history, cutoffs)
    y = y.on(X.index)
    return X, HealthScore().fit(X, y), hf.ChurnModel().fit(X, y)


def written(folder: Path, learned: Learned, reference: Reference | None) -> Bundle:
    X, health, model = learned
    return write_bundle(
        folder, health, model, X, churn={}, learned_until=X.cutoffs[-1], card="card", reference=reference
    )


def test_it_comes_back_to_the_last_bit_and_belongs_to_the_hash(tmp_path: Path, learned: Learned) -> None:
    kept = Reference.of(learned[0])
    bundle = written(tmp_path, learned, kept)
    again = read_bundle(tmp_path, bundle.version).reference
    assert again is not None
    assert canonical_json(again.to_dict()) == canonical_json(kept.to_dict())
    bare = written(tmp_path, learned, None)
    assert bare.version != bundle.version
    assert read_bundle(tmp_path, bare.version).reference is None


def test_one_of_other_signs_is_refused(tmp_path: Path, learned: Learned) -> None:
    kept = Reference.of(learned[0])
    fewer = replace(kept, signs=dict(list(kept.signs.items())[:-1]))
    with pytest.raises(BundleError, match="a reference of the signs that the model reads"):
        written(tmp_path, learned, fewer)
