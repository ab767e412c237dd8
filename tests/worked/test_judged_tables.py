"""Models on real tables are judged on the same rows, and a rival that fails is named."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.models.baselines import BaseRate

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # benchmarks lie beside the package, not in it
from benchmarks.quality.peers.keeping import kept
from benchmarks.quality.peers.outside import PeerFailed
from benchmarks.quality.peers.splits import PLAIN, Split, folded, forward
from benchmarks.quality.tables import compare, markdown

ROWS = 1_000


def _splits() -> list[Split]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"risk": rng.random(ROWS)})
    return folded(frame, pd.Series((rng.random(ROWS) < frame["risk"]).astype(int)))


def _truth(split: Split) -> pd.DataFrame:
    return split.test[["risk"]].clip(0.01, 0.99).set_axis([PLAIN], axis=1)


def _noise(split: Split) -> pd.DataFrame:
    return pd.DataFrame({PLAIN: np.linspace(0.2, 0.8, len(split.test))}, index=split.test.index)


def _broken(split: Split) -> pd.DataFrame:
    raise PeerFailed(f"no memory for {len(split.test)} rows")


def test_folds_hold_every_row_once_and_apart() -> None:
    splits = _splits()
    assert sorted(np.concatenate([one.test.index.to_numpy() for one in splits])) == list(range(ROWS))
    assert all(not set(one.train.index) & set(one.test.index) for one in splits)


def test_a_history_is_walked_as_a_backtest_walks_it() -> None:
    history = hf.simulate(accounts=120, seed=0, months=24)
    days = hf.cutoffs(history, every="28d")
    X, y = hf.catalog.measure(history, days), hf.label(history, days)
    splits, told = forward(X, y), hf.backtest({"base": BaseRate()}, X, y, baselines=()).frame()
    assert len(splits) > 1
    tested = pd.concat([one.truth for one in splits])
    assert set(tested.index) == set(zip(told["account_id"], told["cutoff"], strict=True))
    for one in splits:
        assert one.past is not None
        first = one.test.index.get_level_values("cutoff").min()
        settled = one.past[1].resolved_at.where(one.learned.notna()).max().max()
        assert settled <= first
        assert len(one.train) == len(one.learned) == len(one.past[0])


def test_a_better_model_is_seen_to_be_better_than_the_best_rival() -> None:
    rows, failed = compare("made", _splits(), {"holdfast": _truth, "logistic": _noise, "catboost": _broken})
    ours, rival = rows
    assert failed == ["catboost failed on made: no memory for 200 rows"]
    assert (ours["n"], rival["n"]) == (ROWS, ROWS)
    assert ours["best_auc_of"] == "logistic"
    assert ours["auc_difference"] == pytest.approx(ours["auc"] - rival["auc"], abs=1e-5)
    assert ours["auc_difference_low"] > 0.25
    assert ours["log_loss_ratio"] == pytest.approx(ours["log_loss"] / rival["log_loss"], abs=1e-4)
    assert "| made | holdfast |" in markdown(rows)


def test_an_equal_rival_leaves_no_difference() -> None:
    rows, _ = compare("made", _splits(), {"holdfast": _truth, "logistic": _truth})
    assert (rows[0]["auc_difference"], rows[0]["log_loss_ratio"]) == (0.0, 1.0)


def test_what_a_rival_said_is_kept_until_its_rows_change(tmp_path: Path) -> None:
    asked: list[int] = []

    def rival(split: Split) -> pd.DataFrame:
        asked.append(len(split.test))
        return _truth(split)

    first, second = _splits()[:2]
    told = kept("rival", rival, tmp_path)
    pd.testing.assert_frame_equal(told(first), told(first))
    assert len(asked) == 1
    told(second)
    told(replace(first, learned=1.0 - first.learned))
    assert len(asked) == 3
    assert len(list(tmp_path.iterdir())) == 3
