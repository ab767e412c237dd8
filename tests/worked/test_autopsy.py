"""Lost customers are looked at as they were known then: nothing later is read, and nothing is learned from them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import TooFewEvents, UsageError
from holdfast.features.history import History
from holdfast.features.snapshot import Snapshot
from holdfast.models.bands import ACTION
from holdfast.serving.autopsy_page import render, told
from holdfast.training.autopsy import ALARMED, LEADS, Autopsy, autopsy
from holdfast.training.labels import Labels

TEMPLATE = hf.HealthScore.template()


class Learned(hf.HealthScore):
    """A score whose weights came from the losses themselves."""

    @property
    def learned(self) -> bool:
        return True


@pytest.fixture(scope="module")
def company() -> tuple[History, Snapshot, Labels]:
    history = hf.simulate(accounts=200, seed=7, months=26)
    days = hf.cutoffs(history, every="28d")
    return history, hf.catalog.measure(history, days), hf.label(history, days)


@pytest.fixture(scope="module")
def found(company: tuple[History, Snapshot, Labels]) -> Autopsy:
    history, X, y = company
    return autopsy(X, y, TEMPLATE, history, last=8)


def test_the_last_losses_are_taken_latest_first(company: tuple[History, Snapshot, Labels], found: Autopsy) -> None:
    losses = found.frame()
    assert len(losses) == 8
    assert losses["left"].is_monotonic_decreasing
    event = company[2].event_at.dropna().groupby("account_id").max()
    assert (event[losses["account_id"]].to_numpy() == losses["left"].to_numpy()).all()


def test_each_reading_is_that_of_the_last_cutoff_so_many_days_before(
    company: tuple[History, Snapshot, Labels], found: Autopsy
) -> None:
    _, X, _ = company
    scores = TEMPLATE.score(X)
    for row in found.losses.to_dict("records"):
        for lead in LEADS:
            mine = scores[row["account_id"]]
            before = mine[mine.index <= row["left"] - pd.Timedelta(days=lead)]
            wanted = before.iloc[-1] if len(before) else np.nan
            assert row[f"health_{lead}"] == pytest.approx(wanted, nan_ok=True)
        alarmed = [lead for lead in LEADS if row[f"band_{lead}"] in ALARMED]
        assert row["warned_days"] == (max(alarmed) if alarmed else 0)


def test_signs_that_warned_are_told_as_they_were_known(
    company: tuple[History, Snapshot, Labels], found: Autopsy
) -> None:
    history, X, _ = company
    signs = found.signs
    assert set(signs["state"]) <= {"warned", "fine", "between", "missing"}
    warned = signs[signs["state"] == "warned"]
    assert (warned["points"] <= 20).all()
    assert (warned["sentence"] != "").all()
    assert (signs.loc[signs["state"] == "fine", "points"] >= 60).all()
    first = found.losses.iloc[0]
    stands = X.index.get_level_values("cutoff")[X.index.get_level_values("account_id") == first["account_id"]]
    cutoff = stands[stands <= first["left"] - pd.Timedelta(days=30)].max()
    then = history.until(cutoff, end=cutoff)
    mine = warned[warned["account_id"] == first["account_id"]]
    said = hf.catalog.select(mine["indicator"]).evidence(then, [first["account_id"]], cutoff)
    assert said.iloc[0][mine["indicator"]].tolist() == mine["sentence"].tolist()


def test_what_happens_to_those_who_stay_stands_beside(found: Autopsy) -> None:
    assert 0 < found.others < 1
    assert f"So did {found.others:.0%} of the accounts that stayed" in found.text()
    counts = found.silent()
    assert (counts["fine"] + counts["warned"] <= len(found.losses)).all()
    assert counts["fine"].is_monotonic_decreasing
    assert found.to_dict()["losses"][0]["account_id"] == found.losses["account_id"][0]


def test_who_left_later_is_not_among_those_who_stayed(
    company: tuple[History, Snapshot, Labels], found: Autopsy
) -> None:
    _, X, y = company
    labels, reads = y.on(X.index), set()
    for row in found.losses.to_dict("records"):
        mine = X.index[X.index.get_level_values("account_id") == row["account_id"]].get_level_values("cutoff")
        reads |= {mine[mine <= row["left"] - pd.Timedelta(days=lead)].max() for lead in LEADS}
    same_days = X.index.get_level_values("cutoff").isin(reads)
    stayed = same_days & (labels.frame == 0).any(axis=1) & labels.event_at.isna()
    scores = TEMPLATE.score(X.rows(stayed.to_numpy())).dropna()
    assert found.others == pytest.approx(ACTION.names_of(scores).isin(ALARMED).mean())


def test_predictions_of_the_time_are_shown(company: tuple[History, Snapshot, Labels], found: Autopsy) -> None:
    history, X, y = company
    frame = X.index.to_frame(index=False).assign(horizon=90, model="churn", p=0.25)
    told_then = autopsy(X, y, TEMPLATE, history, last=3, predictions=frame).losses
    assert (told_then["p_30"] == 0.25).all()
    assert "p_30" not in found.losses


def test_learned_weights_and_nobody_lost_are_refused(company: tuple[History, Snapshot, Labels]) -> None:
    history, X, y = company
    with pytest.raises(UsageError, match="1 or more"):
        autopsy(X, y, TEMPLATE, history, last=0)
    with pytest.raises(UsageError, match="learned from these losses"):
        autopsy(X, y, Learned(), history)
    with pytest.raises(TooFewEvents, match="30 days before"):
        autopsy(X, replace(y, event_at=y.event_at.where(y.event_at.isna())), TEMPLATE, history)


def test_hostile_names_stay_text_on_the_page(company: tuple[History, Snapshot, Labels], found: Autopsy) -> None:
    named = told(found, company[0]).assign(name="<script>alert(1)</script>")
    page = render(found, named, "2026-01-01")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
