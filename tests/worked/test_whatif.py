"""Other signs are read as the models read them: within what is seen, consistent, and never promised."""

from dataclasses import dataclass

import numpy as np
import pytest

import holdfast as hf
from holdfast.errors import UsageError
from holdfast.features.snapshot import Snapshot
from holdfast.models.bands import ACTION
from holdfast.models.churn import ChurnModel
from holdfast.models.health import HealthScore
from holdfast.models.whatif import actionable, next_band, what_if


@dataclass(frozen=True)
class Book:
    X: Snapshot
    model: ChurnModel
    health: HealthScore

    def below(self, n: int) -> list[str]:
        """Name accounts below the best band."""
        scores = self.health.score(self.X)
        low = scores[(scores > 15) & (scores < 75)]
        return [str(one) for one in low.index.get_level_values("account_id")[:n]]


@pytest.fixture(scope="module")
def book() -> Book:
    history = hf.simulate(accounts=300, seed=4, months=24)
    days = hf.cutoffs(history, every="56d")
    X, y = hf.catalog.measure(history, days), hf.label(history, days)
    return Book(X.at(days[-1]), ChurnModel().fit(X, y), HealthScore().fit(X, y))


def test_nothing_changed_reads_the_same(book: Book) -> None:
    account = book.below(1)[0]
    same = what_if(book.model, book.health, book.X, account, {})
    assert same.signs.empty
    assert (same.p["now"] == same.p["then"]).all()
    assert same.health[0] == same.health[1]


def test_a_better_sign_never_lowers_health_and_what_belongs_to_it_follows(book: Book) -> None:
    known = {one.name: one for one in book.X.catalog}
    for account in book.below(5):
        now = book.X.indicators.loc[account].iloc[0]
        told = what_if(book.model, book.health, book.X, account, {"usage_30": float(now["usage_30"]) + 1.0})
        assert told.health[1] >= told.health[0]
        for row in told.signs[told.signs["follows"]].itertuples():
            rises = row.then > row.now
            assert rises == (known[str(row.indicator)].healthy == "high")


def test_recency_moves_with_frequency(book: Book) -> None:
    quiet = book.X.indicators["days_since_usage"].sort_values().index[-20:].get_level_values("account_id")
    account = next(
        one for one in quiet if book.X.indicators.loc[one]["usage_30"].iloc[0] < book.X.indicators["usage_30"].median()
    )
    told = what_if(
        book.model, book.health, book.X, account, {"usage_30": float(book.X.indicators["usage_30"].median())}
    )
    moved = told.signs.set_index("indicator")
    assert moved.at["days_since_usage", "then"] < moved.at["days_since_usage", "now"]
    assert not moved.at["usage_30", "follows"]


def test_the_next_band_is_reached_and_not_passed_by_far(book: Book) -> None:
    reached = 0
    for account in book.below(8):
        changes = next_band(book.health, book.X, account)
        if not changes:
            continue
        assert all(actionable(one) for one in book.X.catalog if one.name in changes)
        row = book.X.indicators.loc[account].iloc[0].copy()
        for name, value in changes.items():
            row[name] = value
        place = book.X.index.get_level_values("account_id").get_loc(account)
        indicators = book.X.indicators.copy()
        indicators.iloc[place] = row.to_numpy()
        before = book.health.score(book.X).iloc[place]
        after = book.health.score(hf.Snapshot(**{**vars(book.X), "indicators": indicators})).iloc[place]
        floor = min(one for one in ACTION.floors if one > before)
        assert floor - 1e-6 <= after < floor + 5.0
        reached += 1
    assert reached >= 3


def test_the_words_promise_nothing(book: Book) -> None:
    account = book.below(1)[0]
    told = what_if(book.model, book.health, book.X, account, next_band(book.health, book.X, account)).text()
    assert "not what a change would bring about" in told
    assert "will" not in told.replace("within", "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"usage_3O": 1.0}, "did you mean"),
        ({"usage_30": 1e9}, "comparable accounts show"),
        ({"usage_30": np.nan}, "comparable accounts show"),
        ({"days_to_renewal": 30.0}, "can act on|did you mean"),
    ],
)
def test_what_cannot_be_is_refused(book: Book, changes: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        what_if(book.model, book.health, book.X, book.below(1)[0], changes)


def test_unknown_accounts_and_the_best_band_are_refused(book: Book) -> None:
    with pytest.raises(UsageError, match="did you mean"):
        what_if(book.model, book.health, book.X, book.below(1)[0] + "x", {})
    best = str(book.health.score(book.X).idxmax()[0])
    with pytest.raises(UsageError, match="best band"):
        next_band(book.health, book.X, best)
