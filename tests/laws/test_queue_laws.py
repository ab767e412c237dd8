"""Laws of the queue: hours are never exceeded, more of them never save less, and the order of rows means nothing."""

from itertools import combinations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.training.queue.choice import choose
from holdfast.training.queue.lots import draw_lots

OWNERS = ("Kim", "Lee")
accounts = st.lists(
    st.tuples(st.sampled_from(OWNERS), st.floats(0, 1e6), st.sampled_from([15, 30, 45, 60, 100])),
    min_size=1,
    max_size=9,
)
hours = st.fixed_dictionaries({owner: st.integers(0, 400) for owner in OWNERS})


def frame(rows: list[tuple[str, float, int]]) -> pd.DataFrame:
    index = pd.Index([f"A{place}" for place in range(len(rows))])
    return pd.DataFrame(rows, columns=["owner", "value", "minutes"], index=index)


def saved(work: pd.DataFrame, minutes: dict[str, int]) -> float:
    return float(work.loc[choose(work, minutes), "value"].sum())


def by_trying(work: pd.DataFrame, minutes: dict[str, int]) -> float:
    """Give the most that any set of accounts saves within the hours."""
    best = 0.0
    for owner, mine in work.groupby("owner"):
        sets = (list(some) for size in range(len(mine) + 1) for some in combinations(mine.index, size))
        room = minutes[str(owner)]
        best += max(mine.loc[some, "value"].sum() for some in sets if mine.loc[some, "minutes"].sum() <= room)
    return best


@given(accounts, hours)
@settings(max_examples=60, deadline=None)
def test_the_choice_saves_as_much_as_any_within_the_hours(rows: list[tuple[str, float, int]], room: dict) -> None:
    work = frame(rows)
    used = work.loc[choose(work, room)].groupby("owner")["minutes"].sum()
    assert all(used[owner] <= room[owner] for owner in used.index)
    assert np.isclose(saved(work, room), by_trying(work, room), rtol=1e-9, atol=0)


@given(accounts, hours, st.integers(0, 200))
@settings(max_examples=60, deadline=None)
def test_more_hours_never_save_less(rows: list[tuple[str, float, int]], room: dict, more: int) -> None:
    work = frame(rows)
    assert saved(work, room | {"Kim": room["Kim"] + more}) >= saved(work, room) * (1 - 1e-12)


@given(accounts, hours, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_rows_means_nothing(rows: list[tuple[str, float, int]], room: dict, random) -> None:
    work = frame(rows)
    shuffled = work.sample(frac=1.0, random_state=random.randrange(2**31))
    pd.testing.assert_series_equal(choose(shuffled, room).reindex(work.index), choose(work, room))


@given(st.integers(1, 60), st.floats(0.05, 0.5), st.integers(0, 10**6), st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_lots_leave_alone_the_share_of_every_block_and_know_no_order(size: int, share: float, run: int, random) -> None:
    p = pd.Series(np.linspace(0.9, 0.1, size), index=[f"A{place:02d}" for place in range(size)])
    held = draw_lots(p, share, f"run {run}")
    block = np.arange(size) // int(np.ceil(1 / share))
    for _, mine in held.groupby(block):
        assert abs(mine.sum() - share * len(mine)) < 1
    shuffled = p.sample(frac=1.0, random_state=random.randrange(2**31))
    pd.testing.assert_series_equal(draw_lots(shuffled, share, f"run {run}").reindex(p.index), held)
