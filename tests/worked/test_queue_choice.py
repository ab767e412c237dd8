"""Whom to call within the hours there are: knapsacks packed by hand, and what an unlucky order would waste."""

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import UsageError
from holdfast.training.queue.choice import choose


def work(*rows: tuple[str, str, float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=["account_id", "owner", "value", "minutes"])
    return frame.set_index("account_id")


def chosen(frame: pd.DataFrame, **minutes: int) -> str:
    return "".join(frame.index[choose(frame, minutes).to_numpy()])


def test_what_is_best_for_its_cost_is_left_when_two_others_fill_the_hours_better() -> None:
    # 100 minutes. By value per minute a (60/60) comes first and leaves 40 unused: 60. b and c fill them all: 90.
    of = work(("a", "Kim", 60, 60), ("b", "Kim", 45, 50), ("c", "Kim", 45, 50))
    assert chosen(of, Kim=100) == "bc"
    assert chosen(of, Kim=99) == "a"
    assert chosen(of, Kim=110) == "ab"  # a and b, or a and c: 105; the first by id
    assert chosen(of, Kim=160) == "abc"


def test_each_works_through_their_own_accounts_and_nobody_through_those_without_hours() -> None:
    of = work(("a", "Kim", 10, 60), ("b", "Kim", 9, 60), ("c", "Lee", 1, 60), ("d", "Max", 99, 60))
    assert chosen(of, Kim=60, Lee=60) == "ac"
    assert chosen(of, Kim=59, Lee=60) == "c"


def test_of_accounts_alike_the_first_by_id_is_called_whatever_the_order_of_the_rows() -> None:
    of = work(("c", "Kim", 5, 60), ("a", "Kim", 5, 60), ("b", "Kim", 5, 60))
    assert sorted(chosen(of, Kim=120)) == ["a", "b"]


def test_what_is_worth_nothing_is_not_called_though_there_are_hours() -> None:
    assert chosen(work(("a", "Kim", 0, 60), ("b", "Kim", 1, 60)), Kim=600) == "b"
    assert chosen(work(("a", "Kim", 0, 60)), Kim=600) == ""


def test_tiny_and_huge_values_are_packed_alike() -> None:
    for size in (1e-9, 1.0, 1e12):
        of = work(("a", "Kim", 60 * size, 60), ("b", "Kim", 45 * size, 50), ("c", "Kim", 45 * size, 50))
        assert chosen(of, Kim=100) == "bc"


@pytest.mark.parametrize(
    ("value", "minutes", "found"),
    [
        (-1.0, 60, "-1"),
        (np.nan, 60, "nan"),
        (np.inf, 60, "inf"),
        (1.0, 0, "0"),
        (1.0, 1.5, "1.5"),
        (1.0, np.nan, "nan"),
    ],
)
def test_values_and_costs_that_are_none_are_refused(value: float, minutes: float, found: str) -> None:
    with pytest.raises(UsageError, match=f"choose, .* found {found} of account b"):
        choose(work(("a", "Kim", 1.0, 60), ("b", "Kim", value, minutes)), {"Kim": 60})
