"""What holds for every indicator of the catalogue, whatever it measures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from holdfast.features.catalog import catalog
from holdfast.features.catalog.collection import Catalog
from holdfast.features.catalog.peers import FEWEST, compared
from holdfast.features.history import History
from holdfast.features.history.tables import TABLES
from holdfast.features.indicators.indicator import DIMENSIONS, Indicator
from holdfast.features.simulate import simulate_frames
from holdfast.features.snapshot import Snapshot

Frames = Mapping[str, pd.DataFrame]
END = pd.Timestamp("2025-09-01", tz="UTC")
T = pd.Timestamp("2025-05-13T07:30", tz="UTC")
CUTOFFS = [
    T - pd.Timedelta(days=77),
    T - pd.Timedelta(days=28),
    T,
    T + pd.Timedelta(hours=31),
    T + pd.Timedelta(days=60),
]
EVENTS = ("login", "export")
FULL = catalog.adopting(EVENTS)
BUYING = Catalog(tuple(one for one in FULL if one.unless))
BOUND = Catalog(tuple(one for one in FULL if not one.unless))


def _frames() -> dict[str, pd.DataFrame]:
    """A small company with every column that the catalogue reads, late records, corrections and deletions."""
    frames = simulate_frames(accounts=25, seed=5, months=14, end=END)[0]
    rng = np.random.default_rng(7)
    frames["touchpoints"]["sentiment"] = np.round(rng.uniform(-1, 1, len(frames["touchpoints"])), 3)
    frames["deals"]["budget_amount"] = np.round(rng.gamma(2, 5_000, len(frames["deals"])), 2)
    goals = frames["goals"].sample(frac=0.5, random_state=1)
    milestones = goals.assign(goal_id=goals["goal_id"] + "m", source_id=goals["source_id"] + "m", kind="milestone")
    frames["goals"] = pd.concat([frames["goals"], milestones], ignore_index=True)
    invoices = frames["invoices"]
    invoices["known_basis"] = "history"
    invoices["failed_attempts"] = rng.integers(0, 3, len(invoices)).astype(float)
    for name in ("invoices", "tickets", "touchpoints"):
        frames[name] = _told_at_once(frames[name])
    return {name: _corrected(frame, rng) for name, frame in frames.items()}


def _told_at_once(frame: pd.DataFrame) -> pd.DataFrame:
    """Let every other record tell its whole life in a row that claims to have been known from the start."""
    frame = frame.sort_values("known_at", kind="stable", ignore_index=True)
    ids = frame["source_id"]
    once = pd.factorize(ids)[0] % 2 == 0
    whole = frame[once].drop_duplicates("source_id", keep="last").set_index("source_id", drop=False)
    whole["known_at"] = frame[once].groupby(ids[once])["known_at"].first()
    return pd.concat([frame[~once], whole], ignore_index=True)


def _corrected(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    again = frame[rng.random(len(frame)) < 0.05].copy()
    again["known_at"] += pd.to_timedelta(rng.integers(1, 50, len(again)), unit="D")
    again = _changed(again[again["known_at"] < END], rng)
    frame = frame.assign(deleted=False)
    return pd.concat([frame, again.assign(deleted=rng.random(len(again)) < 0.4)], ignore_index=True)


def _changed(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    numbers = [n for n in ("count", "amount", "mrr", "seats", "actual", "score", "duration_min") if n in frame]
    return frame.assign(**{name: frame[name] * rng.choice([0.5, 2.0], len(frame)) for name in numbers})


def _unseen(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out the dates that have not come by T, and what comes to be known with them."""
    frame = frame.copy()
    for date, dependent in TABLES[name].milestones.items():
        if date in frame:
            later = frame[date] > T
            for column in {date, *dependent} & set(frame):
                frame[column] = frame[column].mask(later)
    return frame


def _other_future(name: str, frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Change, delete and add what is known after T, deletions of older records among it."""
    frame = pd.concat([_unseen(name, frame[::2]), frame[1::2]]).sort_index()
    past, future = frame[frame["known_at"] <= T], frame[frame["known_at"] > T]
    kept = _changed(future[rng.random(len(future)) < 0.7], rng)
    rewritten = _changed(past[rng.random(len(past)) < 0.2].copy(), rng)
    rewritten["known_at"] = T + pd.to_timedelta(rng.integers(1, 90 * 86_400, len(rewritten)), unit="s")
    rewritten["deleted"] = rng.random(len(rewritten)) < 0.5
    return pd.concat([past, kept, rewritten], ignore_index=True).drop_duplicates([*_key(frame), "known_at"])


def _key(frame: pd.DataFrame) -> list[str]:
    names = {"subscription_id", "person_id", "role", "deal_id", "goal_id", "invoice_id", "ticket_id"} & set(frame)
    return ["account_id", "source", "source_id", *sorted(names), *(["valid_from"] if "valid_from" in frame else [])]


def _measured(frames: Frames, cutoffs: list[pd.Timestamp]) -> Snapshot:
    """Measure the catalogue, orders apart: they apply only where there are no subscriptions."""
    history = History.from_frames(frames, end=END)
    buying = History.from_frames({n: f for n, f in frames.items() if n != "subscriptions"}, end=END)
    bound, orders = BOUND.measure(history, cutoffs), BUYING.measure(buying, cutoffs)
    assert not bound.left_out
    assert not orders.left_out
    joined = pd.concat([bound.indicators, orders.indicators], axis=1)
    return Snapshot(joined, bound.context, bound.exposure, bound.coverage, (*bound.catalog, *orders.catalog))


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    return _frames()


@pytest.fixture(scope="module")
def told(frames: Frames) -> Snapshot:
    return _measured(frames, CUTOFFS)


@pytest.fixture(scope="module")
def others(frames: Frames) -> dict[str, Snapshot]:
    """The same company told otherwise, in ways that must not matter."""
    rng = np.random.default_rng(11)
    half = sorted(frames["accounts"]["account_id"].unique())[::2]
    return {
        "another future": _measured({n: _other_future(n, f, rng) for n, f in frames.items()}, CUTOFFS).at(T),
        "no future": _measured({n: _unseen(n, f[f["known_at"] <= T]) for n, f in frames.items()}, [T]),
        "shuffled": _measured({n: f.sample(frac=1, random_state=3) for n, f in frames.items()}, CUTOFFS),
        "half the accounts": _measured({n: f[f["account_id"].isin(half)] for n, f in frames.items()}, CUTOFFS),
        "one cutoff": _measured(frames, [T]),
        "other cutoffs": _measured(frames, [T - pd.Timedelta(days=200), T - pd.Timedelta(seconds=1), T, END]).at(T),
    }


WAYS = ("another future", "no future", "shuffled", "half the accounts", "one cutoff", "other cutoffs")


PEERS = compared(FULL)


@pytest.mark.parametrize(
    ("way", "name"), [(w, n) for w in WAYS for n in FULL.names if not (w == "half the accounts" and n in PEERS)]
)
def test_the_same_bits(told: Snapshot, others: dict[str, Snapshot], name: str, way: str) -> None:
    other = others[way].indicators[name]
    expected = told.indicators[name].loc[other.index]
    assert len(other)
    np.testing.assert_array_equal(other.to_numpy(), expected.to_numpy())


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("way", ["as it is", "half the accounts"])
def test_peers_are_those_of_the_segment_at_the_same_cutoff_and_no_others(
    told: Snapshot, others: dict[str, Snapshot], way: str, name: str
) -> None:
    snapshot = told if way == "as it is" else others[way]
    own = snapshot.indicators[FULL[name].variant_of].droplevel("account_id")
    segment = snapshot.context["segment"].fillna("").to_numpy()
    places = []
    for row, (cutoff, value) in enumerate(own.items()):
        peers = own.to_numpy()[(own.index == cutoff) & (segment == segment[row])]
        peers = peers[~np.isnan(peers)]
        below, level = (peers < value).sum(), (peers == value).sum() - 1
        known = not np.isnan(value) and len(peers) >= FEWEST
        places.append((below + level / 2) / (len(peers) - 1) if known else np.nan)
    np.testing.assert_allclose(snapshot.indicators[name].to_numpy(), places, atol=1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_context_and_exposure_too(told: Snapshot, others: dict[str, Snapshot], way: str) -> None:
    other = others[way]
    pd.testing.assert_frame_equal(other.context, told.context.loc[other.index], check_exact=True)
    pd.testing.assert_frame_equal(other.exposure, told.exposure.loc[other.index], check_exact=True)


@pytest.mark.parametrize("name", FULL.names)
def test_says_something(told: Snapshot, name: str) -> None:
    values = told.indicators[name]
    assert values.notna().mean() > 0.02
    assert values.nunique() > 1
    assert np.isfinite(values.dropna()).all()


@pytest.mark.parametrize("one", FULL, ids=FULL.names)
def test_metadata_complete(one: Indicator) -> None:
    assert one.dimension in DIMENSIONS
    assert one.healthy in ("high", "low", "between", "unclear")
    assert one.unit
    assert one.title
    assert one.seeds
    assert all(table in TABLES for table in one.tables)
    assert all(name.split(".")[1] in TABLES[name.split(".")[0]].columns for name in one.columns)
    assert one.lookback_days is None or one.lookback_days >= 0
    assert len(one.fingerprint) == 64
    sentence = one.sentence(dict.fromkeys(one.said, 2.0))
    assert "{" not in sentence
    assert any(sign.isdigit() for sign in sentence)
    assert one.sentence({}) == f"{one.title}: nothing on record"
    if one.curve is not None:
        assert all(0 <= points <= 100 for points in one.curve.points)
        assert one.healthy != "high" or one.curve.rises
        assert one.healthy != "low" or one.curve.falls


def test_fingerprints_tell_indicators_apart() -> None:
    assert len({one.fingerprint for one in FULL}) == len(FULL)


def test_the_catalogue_covers_three_dimensions() -> None:
    counts = pd.Series([one.dimension for one in catalog]).value_counts()
    assert (counts[list(DIMENSIONS)] >= 10).all()
    assert [one.name for one in catalog if one.caps] == ["days_since_usage"]


def test_a_block_more_or_less_changes_no_bit(frames: Frames, told: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.features.kernel.measurement._CELLS", 1)
    blockwise = _measured(frames, CUTOFFS)
    pd.testing.assert_frame_equal(blockwise.indicators, told.indicators, check_exact=True)
    pd.testing.assert_frame_equal(blockwise.context, told.context, check_exact=True)
