"""Laws of the clock for every verb: what is known later, told otherwise or moved as a whole changes no bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import DataError
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.history.tables import TABLES
from holdfast.features.indicators.indicator import Indicator
from tests.oracle.test_states_oracle import CASES as STATES
from tests.oracle.test_windows_oracle import CASES as WINDOWS
from tests.oracle.worlds import END, START, Case, Draw, draw_frames

CASES: tuple[Case, ...] = (*WINDOWS[::3], *STATES[::3])
DAYS = (5, 9.3, 13, 14, 20.987654321, 24)
CUTOFFS = tuple(pd.Timestamp(START + pd.Timedelta(days=d), tz="UTC").floor("us") for d in DAYS)
T = CUTOFFS[3]
Frames = dict[str, pd.DataFrame]


def measured(frames: Frames, cutoffs: Any = CUTOFFS, end: pd.Timestamp = END) -> pd.DataFrame:
    return measured_of(History.from_frames(frames, end=end), cutoffs)


def measured_of(history: History, cutoffs: Any = CUTOFFS) -> pd.DataFrame:
    about: Any = {"dimension": "product", "healthy": "unclear", "unit": "u", "title": "t", "curve": None}
    every = tuple(Indicator(c.expression, name=f"c{i}", evidence="{value}", **about) for i, c in enumerate(CASES))
    told = Catalog(every).measure(history, list(cutoffs))
    return told.indicators.set_axis([str(case.expression) for case in CASES], axis=1)


def moved(frames: Frames, by: pd.Timedelta) -> Frames:
    def move(name: str, frame: pd.DataFrame) -> pd.DataFrame:
        times = [n for n, column in TABLES[name].columns.items() if column.kind == "time" and n in frame]
        return frame.assign(**{n: frame[n] + by for n in times})

    return {name: move(name, frame) for name, frame in frames.items()}


def same(one: pd.DataFrame, two: pd.DataFrame, exact: bool = True) -> None:
    assert len(one)
    left, right = one.to_numpy(), two.to_numpy()
    assert left.shape == right.shape
    if exact:
        differ = ~((left == right) | (np.isnan(left) & np.isnan(right)))
    else:
        differ = ~np.isclose(left, right, rtol=1e-9, atol=1e-9, equal_nan=True)
    assert not differ.any(), sorted(set(one.columns[differ.any(axis=0)]))


@pytest.fixture(scope="module", params=[0, 15])
def frames(request: pytest.FixtureRequest) -> Frames:
    return draw_frames(Draw(request.param))


@pytest.fixture(scope="module")
def history(frames: Frames) -> History:
    return History.from_frames(frames, end=END)


@pytest.fixture(scope="module")
def told(frames: Frames) -> pd.DataFrame:
    return measured(frames)


def test_what_is_known_later_changes_nothing(frames: Frames, told: pd.DataFrame):
    known = {name: frame[frame["known_at"] <= T.tz_localize(None)] for name, frame in frames.items()}
    same(measured(known, [T]), told.xs(T, level="cutoff", drop_level=False))


def test_what_is_known_later_may_be_anything(frames: Frames, told: pd.DataFrame):
    late = {name: frame["known_at"] > T.tz_localize(None) for name, frame in frames.items()}
    other = {
        name: pd.concat([frame[~late[name]], frame[late[name]].sample(frac=0.5, random_state=1).assign(deleted=True)])
        if name != "accounts"
        else frame
        for name, frame in frames.items()
    }
    same(measured(other, [T]), told.xs(T, level="cutoff", drop_level=False))


@pytest.mark.parametrize("cutoff", CUTOFFS)
def test_a_cutoff_stands_alone(history: History, told: pd.DataFrame, cutoff: pd.Timestamp):
    same(measured_of(history, [cutoff]), told.xs(cutoff, level="cutoff", drop_level=False))


def test_an_account_stands_alone(frames: Frames):
    """Accounts that exchange corrections stay together; all the others can be left out."""
    names = sorted(frames["accounts"]["account_id"])
    half = {n: f[f["account_id"].isin([names[0], names[-1]])] for n, f in frames.items()}
    usage = frames["usage"]
    moving = usage.groupby(["source", "source_id"])["account_id"].transform("nunique") > 1
    whole = {**frames, "usage": usage[~moving]}
    half["usage"] = half["usage"][~moving[half["usage"].index]]
    one, two = measured(half), measured(whole)
    same(one, two.loc[one.index])


def test_a_block_for_each_account_changes_no_bit(frames: Frames, told: pd.DataFrame, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("holdfast.features.kernel.measurement._CELLS", 1)
    same(measured(frames), told)


def test_buckets_on_disk_change_no_bit(frames: Frames, told: pd.DataFrame, tmp_path: Path):
    History.from_frames(frames, end=END).write(tmp_path / "tables")
    stored = History.build(tmp_path / "tables", tmp_path / "store", buckets=3, end=END)
    assert len(list(stored.buckets())) == 3
    same(measured_of(stored), told)


@pytest.mark.parametrize("days", [-1461, 45, 366])
def test_a_world_moved_by_whole_days_measures_the_same(frames: Frames, told: pd.DataFrame, days: int):
    """Leap days, years and seasons mean nothing: a day is 24 hours. What decays lies otherwise in its blocks."""
    by = pd.Timedelta(days=days)
    same(measured(moved(frames, by), [one + by for one in CUTOFFS], END + by), told, exact=False)


def test_the_order_of_rows_changes_nothing(frames: Frames, told: pd.DataFrame):
    same(measured({name: frame[::-1] for name, frame in frames.items()}), told)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati", "Asia/Kathmandu"])
def test_a_cutoff_is_an_instant_wherever_it_is_written(history: History, told: pd.DataFrame, zone: str):
    here = [one.tz_convert(zone) for one in CUTOFFS]
    same(measured_of(history, [*here, *(one.isoformat() for one in here), *CUTOFFS]), told)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns"])
def test_a_record_is_an_instant_wherever_it_is_written(frames: Frames, told: pd.DataFrame, zone: str):
    def spelled(name: str, frame: pd.DataFrame) -> pd.DataFrame:
        times = [n for n, column in TABLES[name].columns.items() if column.kind == "time" and n in frame]
        return frame.assign(**{n: frame[n].dt.tz_localize("UTC").dt.tz_convert(zone) for n in times})

    same(measured({name: spelled(name, frame) for name, frame in frames.items()}), told)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_strict_clock_reads_what_is_left_when_assumed_rows_are_gone(frames: Frames, share: float):
    rng = np.random.default_rng(4)
    silent = {name: rng.random(len(frame)) < (share if name != "accounts" else 0.0) for name, frame in frames.items()}
    unsaid = {name: frame.assign(known_at=frame["known_at"].mask(silent[name])) for name, frame in frames.items()}
    left = {name: frame[~silent[name]] for name, frame in frames.items() if not silent[name].all()}
    if share == 1.0:
        with pytest.raises(DataError, match="strict_clock"):
            History.from_frames(unsaid, strict_clock=True)
        return
    strict, plain = History.from_frames(unsaid, end=END, strict_clock=True), History.from_frames(left, end=END)
    assert strict.fingerprint() == plain.fingerprint()
    counted = {one.where: one.count for one in strict.findings if one.code == "HF021"}
    assert counted == {name: int(mask.sum()) for name, mask in silent.items() if mask.any()}
    assert strict.until(T).fingerprint() == plain.until(T).fingerprint()
    assert not [one for one in strict.until(T).findings if one.code == "HF002"]
