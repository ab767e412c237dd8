"""Other signs are read as the models read them: within what is seen, consistent, and never promised."""

from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import UsageError
from holdfast.features.catalog.collection import Catalog
from holdfast.features.snapshot import Snapshot
from holdfast.models.bands import ACTION
from holdfast.models.churn import ChurnModel
from holdfast.models.following import past_of, reading_of, sign_of
from holdfast.models.health import HealthScore
from holdfast.models.moving import actionable, moved
from holdfast.models.reasons import reasons
from holdfast.models.whatif import _better, _comparable, _counted, _steps, next_band, what_if


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


def test_the_next_band_is_reached_with_all_that_follows_and_the_last_sign_goes_no_further(book: Book) -> None:
    reached, whole = 0, False
    for account in book.below(5):
        changes = next_band(book.health, book.X, account)
        if not changes:
            continue
        assert all(actionable(one) for one in book.X.catalog if one.name in changes)
        told = what_if(book.model, book.health, book.X, account, changes)
        before, after = told.health
        floor = min(one for one in ACTION.floors if one > before)
        assert floor - 1e-6 <= after
        *others, last = changes
        kept = {name: changes[name] for name in others}
        known = what_if(book.model, book.health, book.X, account, kept).signs.set_index("indicator")["then"]
        now = book.X.indicators.loc[account].iloc[0]
        peers = _comparable(book.X, account)[1]
        counted = _counted(peers)
        start, best = known.get(last, now[last]), _better(book.X, now, peers, counted)[last]
        assert all(value == round(value) for name, value in changes.items() if name in counted)
        assert not any(one.caps for one in book.X.catalog if one.name in changes)
        less = changes[last] - (np.sign(best - start) if last in counted else (best - start) / 100)
        assert what_if(book.model, book.health, book.X, account, {**kept, last: less}).health[1] < floor
        reached += 1
        whole |= bool(counted & set(changes))
    assert reached >= 3
    assert whole


def test_no_proposal_goes_beyond_the_whole_or_beyond_what_is_worth_more(book: Book) -> None:
    peers, known = book.X.indicators, {one.name: one for one in book.X.catalog}
    assert peers["goal_progress"].quantile(0.9) > 1  # what the best tenth shows
    assert peers["active_days_365"].quantile(0.9) > 250
    proposed = [(book.X.indicators.iloc[place], _proposed(book, place)) for place in range(100)]
    assert any("goal_progress" in best for _, best in proposed)
    for now, best in proposed:
        for name, value in best.items():
            one = known[name]
            assert one.unit != "share" or value <= 1
            short = value - 0.01 * (value - now[name])
            assert one.curve is not None
            assert value == round(value) or one.curve([short])[0] < one.curve([value])[0]
        assert best.get("active_days_365", 0) <= 250


def _proposed(book: Book, place: int) -> dict[str, float]:
    return _better(book.X, book.X.indicators.iloc[place], book.X.indicators, _counted(book.X.indicators))


def test_counts_are_proposed_whole_and_no_further_than_the_good() -> None:
    peers = pd.DataFrame({"calls": [0.0, 3.0, np.nan], "share": [0.0, 0.5, 1.0]})
    assert _counted(peers) == {"calls"}
    up, down = _steps(1.5, 4.0, whole=True), _steps(3.0, 0.0, whole=True)
    assert list(dict.fromkeys(up)) == [2.0, 3.0, 4.0]
    assert list(dict.fromkeys(down)) == [3.0, 2.0, 1.0, 0.0]
    assert _steps(0.0, 1.0, whole=False)[1] == pytest.approx(0.01)


def test_the_past_stays_what_it_was(book: Book) -> None:
    known = {one.name: one for one in book.X.catalog}
    kinds = set()
    for name, one in known.items():
        if one.how is None or one.how.kind == "peers" or not actionable(known[one.variant_of]):
            continue
        base, rows = one.variant_of, book.X.indicators
        clear = (rows[base] > 0) & (rows[name] > (-1.4 if one.how.kind == "trend" else 0.0)) & (rows[name] < 10)
        for account in rows.index[clear].get_level_values("account_id")[:2]:
            now = rows.loc[account].iloc[0]
            then = moved(book.X, now, rows, {base: float(rows[base].quantile(0.6))})
            if one.how.kind == "move":
                assert then[base] - then[name] == pytest.approx(now[base] - now[name])
            elif one.how.kind == "change" and then[name] < 10:
                assert then[name] * now[base] == pytest.approx(now[name] * then[base])
            kinds.add(one.how.kind)
    assert kinds >= {"move", "change"}


def test_three_readings_have_one_past() -> None:
    told = {one.name: one for one in hf.catalog}
    trend = next(one for one in hf.catalog if one.how is not None and one.how.kind == "trend")
    change = f"{trend.variant_of}_change"
    now = pd.Series({trend.variant_of: 12.0, change: 12.0 / 8.0, trend.name: 1.5 * (12.0 - 4.0) / 24.0})
    past = past_of(told, now, trend.name)
    assert past == pytest.approx((8.0, 4.0))
    assert past is not None
    assert reading_of(trend, 6.0, past) == pytest.approx(1.5 * 2.0 / 18.0)
    assert sign_of(trend, 1.5 * 2.0 / 18.0, past) == pytest.approx(6.0)
    nothing = pd.Series({trend.variant_of: 0.0, change: 1.0})
    assert reading_of(told[change], 5.0, past_of(told, nothing, change) or ()) == 10.0
    assert past_of(told, pd.Series({trend.variant_of: 0.0, change: 0.0}), change) is None


def test_a_sign_follows_where_its_comparison_with_the_past_is_changed(book: Book) -> None:
    rows = book.X.indicators
    clear = rows.index[(rows["usage_30"] > 20) & rows["usage_30_change"].between(0.3, 0.9)]
    account = str(clear.get_level_values("account_id")[0])
    now = rows.loc[account].iloc[0]
    told = what_if(book.model, book.health, book.X, account, {"usage_30_change": 1.0}).signs.set_index("indicator")
    assert told.at["usage_30", "then"] == pytest.approx(now["usage_30"] / now["usage_30_change"])
    with pytest.raises(UsageError, match="agrees with the other changes"):
        what_if(book.model, book.health, book.X, account, {"usage_30": float(now["usage_30"]), "usage_30_change": 1.0})


def test_no_more_goals_are_reached_or_behind_than_there_are(book: Book) -> None:
    rows, ask = book.X.indicators, partial(what_if, book.model, book.health, book.X)
    some = rows.index[(rows["goals_behind"] > 0) & (rows["goals_reached"] < 1)].get_level_values("account_id")[:10]
    assert len(some) >= 3
    for account in some:
        now = rows.loc[account].iloc[0]
        most = _comparable(book.X, account)[1].max()
        for name in ("goals_reached", "goal_progress"):
            changes = {name: float(most[name])}
            then = ask(account, changes).signs.set_index("indicator")["then"].reindex(rows.columns).fillna(now)
            assert then["goals_reached"] + then["goals_behind"] <= 1 + 1e-9
            assert then["goal_progress"] >= max(now["goal_progress"], then["goals_reached"] - 1e-9)
        then = (
            ask(account, {"goal_progress": 0.8}).signs.set_index("indicator")["then"].reindex(rows.columns).fillna(now)
        )
        assert then["goals_reached"] <= 0.8 + 1e-9
        with pytest.raises(UsageError, match="counts the goals reached"):
            ask(account, {"goals_reached": 1.0, "goal_progress": 0.9})
        with pytest.raises(UsageError, match="add up to 1 at most"):
            ask(account, {name: float(most[name]) for name in ("goals_reached", "goals_behind")})


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
        ({"usage_30": "4"}, "expected a number"),
        ({"usage_30": None}, "expected a number"),
    ],
)
def test_what_cannot_be_is_refused(book: Book, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        what_if(book.model, book.health, book.X, book.below(1)[0], changes)


def test_unknown_accounts_and_the_best_band_are_refused(book: Book) -> None:
    with pytest.raises(UsageError, match="did you mean"):
        what_if(book.model, book.health, book.X, book.below(1)[0] + "x", {})
    with pytest.raises(UsageError, match="found 186"):
        what_if(book.model, book.health, book.X, cast("str", 186), {})
    with pytest.raises(UsageError, match="an account of the snapshot, found 186"):
        reasons(book.model.explain(book.X), cast("str", 186), hf.simulate(accounts=5, seed=4, months=24))
    best = str(book.health.score(book.X).idxmax()[0])
    with pytest.raises(UsageError, match="best band"):
        next_band(book.health, book.X, best)


def test_german_calls_the_bands_as_germans_do(book: Book) -> None:
    german = replace(book.X, catalog=Catalog(book.X.catalog, fixed=True).told_in("de").indicators)
    account = next(one for one in book.below(300) if book.health.score(book.X)[one].iloc[0] > 60)
    assert "(gelb)" in what_if(book.model, book.health, german, account, {}).text()


def test_without_a_score_no_score_is_told(book: Book) -> None:
    strict, account = copy(book.health), book.below(1)[0]
    strict.min_coverage = 1.1
    told = what_if(book.model, strict, book.X, account, {}).text()
    assert "nan" not in told
    assert "()" not in told
