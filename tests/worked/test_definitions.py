"""The same backtest under several definitions, on companies in which one knows who leaves by which."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Self, cast

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

import holdfast as hf
from holdfast.errors import DataError, TooFewEvents, UsageError
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.snapshot import Snapshot
from holdfast.models.outcomes import Outcomes
from holdfast.training.agreement import labels_alike, ranks_alike
from holdfast.training.backtest import Backtest
from holdfast.training.bootstrap import draw, draw_accounts, interval, ratios
from holdfast.training.definition_tables import latest
from holdfast.training.definition_words import in_words
from holdfast.training.definitions import Definition, Definitions, Measured, definitions, standard
from holdfast.training.labels import Churn, Labels
from holdfast.training.verdict import Comparison

SEEN: list[Labels] = []
START = pd.Timestamp("2023-01-01", tz="UTC")
CUTOFFS = pd.date_range("2023-02-15", "2024-12-30", freq="30D")
END = pd.Timestamp("2025-10-01", tz="UTC")
BOTH, SAID, SILENT, STAY = 60, 70, 60, 60  # accounts that say and go, say and go on, go without a word, stay


class ByTickets(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Rank by tickets of the last 90 days; nothing is learned but the rate."""

    def fit(self, X: Snapshot, y: Outcomes) -> Self:  # noqa: ARG002 # as models are asked
        self.rate_ = y.frame.mean().clip(0.01, 0.99)
        return self

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        tickets = X.indicators["tickets_90"].fillna(0).to_numpy() > 0
        return pd.DataFrame({h: np.where(tickets, (rate + 1) / 2, rate / 2) for h, rate in self.rate_.items()}, X.index)


class Flat(BaseEstimator):  # type: ignore[misc]
    """Rank nobody."""

    def fit(self, X: Snapshot, y: Outcomes) -> Self:  # noqa: ARG002 # as models are asked
        self.rate_ = y.frame.mean().clip(0.01, 0.99)
        return self

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        return pd.DataFrame({h: np.full(len(X), rate) for h, rate in self.rate_.items()}, X.index)


class Spy(Flat):
    """Keep what it learns from; refuse when that is too little."""

    def __init__(self, least: int = 0) -> None:
        self.least = least

    def fit(self, X: Snapshot, y: Outcomes) -> Self:
        if (y.frame == 1).sum().sum() < self.least:
            raise TooFewEvents("labels", "more", "few", "wait")
        SEEN.append(cast("Labels", y))
        return super().fit(X, y)


@cache
def company(*without: str) -> History:
    """Everyone leaves half-way between two cutoffs, three of them after the first at the earliest."""
    usage, tickets, notices, accounts = [], [], [], []
    for place in range(BOTH + SAID + SILENT + STAY):
        account = f"a{place:03d}"
        kind = np.searchsorted(np.cumsum([BOTH, SAID, SILENT]), place, side="right")
        leaves = CUTOFFS[3 + place % 16].tz_localize("UTC") + pd.Timedelta(days=15)
        days = pd.date_range(START, END, freq="7D")
        if kind in (0, 2):
            days = days[days < leaves].append(pd.DatetimeIndex([leaves]))
        if kind in (0, 1):
            notices.append((account, leaves))
            tickets += [(account, leaves - pd.Timedelta(days=ago)) for ago in (85, 60, 30)]
        usage.append(pd.DataFrame({"account_id": account, "occurred_at": days}))
        accounts.append((account, START))
    frames = {
        "accounts": pd.DataFrame(accounts, columns=["account_id", "valid_from"]),
        "usage": pd.concat(usage),
        "tickets": pd.DataFrame(tickets, columns=["account_id", "opened_at"]),
        "churn": pd.DataFrame(notices, columns=["account_id", "notice_at"]),
    }
    return History.from_frames({name: rows for name, rows in frames.items() if name not in without}, end=END)


def tried(
    of: dict[str, Definition | Churn | str] | None,
    history: History | None = None,
    *,
    models: dict[str, object] | None = None,
    **more: object,
) -> Definitions:
    chosen = {"tickets": ByTickets(), "template": Flat()} if models is None else models
    settings = {"horizons": (30, 90), "bootstrap": 40, "progress": False} | more
    signs = hf.catalog.select(["tickets_90", "days_since_usage"])
    return definitions(history or company(), CUTOFFS, chosen, of, catalog=signs, **settings)  # type: ignore[arg-type]


@cache
def two() -> Definitions:
    return tried({"notice": "notice", "departure": Churn("departure")})


def test_labels_agree_as_counted_by_hand() -> None:
    found = two().agreement().set_index("horizon_a")
    # windows of 90 days hold the day of leaving at three cutoffs, those of 30 days at one; who went without a word is
    # asked about by departure for 90 days more, at three cutoffs
    for horizon, windows in ((30, 1), (90, 3)):
        row = found.loc[horizon]
        assert row["events_a"] == (BOTH + SAID) * windows
        assert row["events_b"] == BOTH * windows + SILENT * (windows + 3)
        assert row["a_in_b"] == pytest.approx(BOTH / (BOTH + SAID))
        assert row["b_in_a"] == pytest.approx(BOTH * windows / row["events_b"])
        unlike = SAID * windows + SILENT * (windows + 3)
        assert row["alike"] == pytest.approx(1 - unlike / row["rows"])
        assert row["a_in_b_low"] < row["a_in_b"] < row["a_in_b_high"]
        assert row["rows"] <= min(row["rows_a"], row["rows_b"])


def test_the_conclusion_depends_on_the_definition_and_it_is_said() -> None:
    found = two()
    told = found.text()
    assert told.startswith("Tickets beats the best baseline under 1 of 2 definitions; not under departure. So the ")
    assert "So the conclusion depends on what churn means." in told
    assert "Of the rows that churn by notice, the others count: departure 46% (90 days" in told
    assert found.results["notice"].verdict.startswith("Tickets beats ")
    assert found.results["departure"].verdict.startswith("Nothing beats days since last activity")


def test_there_is_one_row_per_definition_horizon_and_model_with_its_figures() -> None:
    rows = two().frame()
    assert not rows.duplicated(["definition", "horizon", "model"]).any()
    assert len(rows) == 2 * 2 * 7  # the model, and the baselines that have something to weigh
    for name, result in two().results.items():
        mine = rows[(rows["definition"] == name) & (rows["model"] == "tickets")].set_index("horizon")
        table = result.table().xs("tickets", level="model")
        np.testing.assert_array_equal(mine["auc"], table["auc"])
        np.testing.assert_array_equal(mine["rows"], table["n"])
        np.testing.assert_array_equal(mine["events"], table["events"])
        np.testing.assert_allclose(mine["base_rate"], table["events"] / table["n"])
        assert ((mine["auc_low"] <= mine["auc"]) & (mine["auc"] <= mine["auc_high"])).all()
        assert (mine["accounts"] <= mine["events"]).all()
        assert (mine["verdict"] == result.verdict).all()
    said = rows[(rows["definition"] == "notice") & (rows["horizon"] == 30)]
    assert (said["accounts"] == said["events"]).all()  # a window of 30 days holds each notice once


def test_ranks_are_compared_on_the_last_cutoff_as_known_then() -> None:
    found = two()
    assert found.cutoff == CUTOFFS[-1].tz_localize("UTC")
    ranks = found.ranks()
    assert set(ranks["model"]) == {"tickets"}  # baselines are not compared
    assert set(ranks["horizon_a"]) == {30, 90}
    assert ranks["spearman"].isna().all()  # nobody has a ticket on that day, so nobody is ranked
    assert "Rank correlation" not in found.text()
    earlier = definitions(
        company(),
        CUTOFFS[:17],
        {"tickets": ByTickets(), "template": Flat()},
        {"notice": "notice", "departure": "departure"},
        catalog=hf.catalog.select(["tickets_90"]),
        bootstrap=20,
        progress=False,
    )
    known = earlier.ranks()
    assert known["spearman"].to_list() == pytest.approx([1.0] * len(known))  # the same rule orders them
    assert "Rank correlation of tickets on 2024-06-09 with notice: departure 1.00." in earlier.text()


def test_what_ranks_on_the_last_cutoff_has_learned_nothing_later() -> None:
    stands = CUTOFFS[:17]
    y = hf.label(company(), stands, (30, 90))
    X = hf.catalog.select(["tickets_90"]).measure(company(), stands, (30, 90))
    spy = Spy()
    assert list(latest({"spy": spy, "age": Flat(), "rich": Spy(least=10_000)}, X, y.on(X.index))) == ["spy"]
    assert SEEN
    for known in SEEN:
        settled = known.resolved_at[known.frame.notna()]
        assert settled.max().max() <= X.cutoffs[-1]
        assert known.event_at.dropna().max() <= X.cutoffs[-1]


def test_two_definitions_that_are_the_same_agree_exactly() -> None:
    found = tried({"one": "notice", "other": Churn("notice")})
    pair = found.agreement()
    assert (pair[["alike", "kappa", "a_in_b", "b_in_a"]] == 1).all(axis=None)
    assert (pair["rows"] == pair["rows_a"]).all()
    assert (pair["same_order"] == True).all()  # noqa: E712 # None is no True
    one, other = (found.frame().query("definition == @name").iloc[:, 1:] for name in ("one", "other"))
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True))
    assert found.text().startswith(
        "Tickets beats the best baseline under all 2 definitions. So the conclusion does not"
    )
    assert "By AUC the models come in the same order as by one under other." in found.text()


def test_what_cannot_be_tested_is_left_out_and_told() -> None:
    found = tried({"departure": "departure", "notice": "notice"}, company("churn"))
    assert list(found.results) == ["departure"]
    assert "expected a table churn or subscriptions" in found.skipped["notice"]
    assert "Not tested: notice (" in found.text()
    assert found.agreement().empty
    assert found.to_dict()["definitions"]["notice"]["verdict"] is None
    assert "So the conclusion" not in found.text()


def test_too_few_events_under_one_definition_do_not_stop_the_others() -> None:
    found = tried({"notice": "notice", "mergers": Churn("notice", lost=("merger",))})
    assert list(found.results) == ["notice"]
    assert "at least 5 accounts that churned" in found.skipped["mergers"]
    with pytest.raises(TooFewEvents, match="mergers: "):
        tried({"mergers": Churn("notice", lost=("merger",))})
    with pytest.raises(DataError, match="one that can be tested"):
        tried({"notice": "notice"}, company("churn"))


def test_wrong_arguments_are_refused_before_anything_runs() -> None:
    with pytest.raises(UsageError, match="did you mean 'silence'"):
        tried({"notice": "notice", "quiet": "silense"})
    with pytest.raises(UsageError, match="at least one definition"):
        tried({})
    with pytest.raises(UsageError, match="ascending whole days"):
        tried({"notice": "notice"}, horizons=(90, 30))


def test_the_usual_definitions_are_variants_of_ones_own() -> None:
    mine = standard(Churn("notice", grace_days=10, min_tenure_days=60))
    assert [one.churn.grace_days for one in mine.values()][:3] == [10, 5, 20]
    assert {one.churn.min_tenure_days for one in mine.values()} == {60}
    assert [one.horizons for one in mine.values()] == [None, None, None, (30,), (60,), None]
    assert next(iter(standard("silence"))) == "silence"
    assert not any(name.startswith("silence of") for name in standard("silence"))
    assert list(standard("departure")).count("departure") == 1
    assert list(standard(Churn(grace_days=0)))[:2] == ["notice", "silence of 30 days"]
    assert list(definitions.__kwdefaults__ or {})[:2] == ["own", "horizons"]


def test_silence_is_asked_at_its_own_horizon() -> None:
    found = tried({"notice": "notice", "silence of 60 days": Definition(Churn("silence"), (60,))})
    assert found.frame().query("definition == 'silence of 60 days'")["horizon"].unique().tolist() == [60]
    pair = found.agreement()
    assert pair[["horizon_a", "horizon_b"]].to_numpy().tolist() == [[90, 60]]
    assert "(90 against 60 days" in found.text()


def test_only_the_calendar_is_measured_anew() -> None:
    history = hf.simulate(accounts=40, seed=2, months=12)
    days = hf.cutoffs(history, every="56d")
    signs = hf.catalog.select(["seats_change", "tickets_90", "days_since_usage"])
    measured = Measured(history, list(days), signs)
    assert measured((30, 60, 90), 14) is measured((30, 60, 90), 14)
    for horizons, grace in (((30, 60, 90), 7), ((30,), 14)):
        mine, fresh = measured(horizons, grace), signs.measure(history, days, horizons, grace_days=grace)
        for name in ("indicators", "context", "exposure", "coverage", "calendar"):
            pd.testing.assert_frame_equal(getattr(mine, name), getattr(fresh, name))
    assert measured.catalog == signs
    assert isinstance(measured.catalog, Catalog)


def test_the_result_is_plain_json_and_a_name_cannot_write_html() -> None:
    found = tried({"<b>notice</b>": "notice", "departure": "departure"})
    values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert {"in_words", "cutoff", "definitions", "skipped", "rows", "agreement", "ranks"} == set(values)
    assert values["definitions"]["departure"]["kind"] == "departure"
    assert "<b>notice" not in found._repr_html_()


# what is said


@dataclass(frozen=True)
class Stub:
    comparisons: tuple[Comparison, ...]


def result(*lows: float, evidence: int = 80, model: str = "churn") -> Backtest:
    """A backtest with the lower bound of each horizon's difference."""
    return cast(
        "Backtest",
        Stub(
            tuple(
                Comparison(model, "age", 30 * (place + 1), low + 0.05, low, low + 0.1, evidence)
                for place, low in enumerate(lows)
            )
        ),
    )


def words(**results: Backtest) -> str:
    none = pd.DataFrame(columns=["a", "b", "horizon_a", "horizon_b", "same_order", "model", "spearman"])
    return in_words(results, none, none, {}, CUTOFFS[-1])


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (
            {"a": result(0.1, 0.1), "b": result(0.1, 0.1)},
            "The churn model beats the best baseline under all 2 definitions. "
            "So the conclusion does not depend on what churn means.",
        ),
        (
            {"a": result(0.1, 0.1), "b": result(-0.1, 0.1), "c": result(-0.1, -0.1), "d": result(0.1, evidence=49)},
            "The churn model beats the best baseline under 1 of 3 definitions; not under c; under b only at 60 days; "
            "it cannot be judged under d, where fewer than 50 accounts had the rarer outcome. "
            "So the conclusion depends on what churn means.",
        ),
        (
            {"a": result(-0.1), "b": result(-0.1)},
            "The churn model beats the best baseline under 0 of 2 definitions; not under a and b. So the conclusion "
            "does not depend on what churn means.",
        ),
        (
            {"a": result(0.1, evidence=10), "b": result(np.nan)},
            "Whether the churn model beats the best baseline cannot be judged under any of 2 definitions: "
            "fewer than 50 accounts had the rarer outcome.",
        ),
        (
            {"a": result(np.nan)},
            "Whether the churn model beats the best baseline cannot be judged under this definition: no intervals were "
            "drawn.",
        ),
        ({"a": result()}, "Only baselines were tested."),
    ],
)
def test_conclusions_in_words(results: dict[str, Backtest], expected: str) -> None:
    assert words(**results) == expected


def test_agreement_is_undefined_where_there_is_nothing_to_compare() -> None:
    rows = pd.MultiIndex.from_product([["a", "b"], [0, 1]], names=["account_id", "cutoff"])
    zero, none = pd.Series(0.0, rows), pd.Series(np.nan, rows)
    calm = labels_alike(zero, zero)
    assert calm["alike"] == 1
    assert np.isnan([calm["kappa"], calm["a_in_b"], calm["b_in_a"]]).all()
    empty = labels_alike(none, zero)
    assert (empty["rows"], empty["rows_a"], empty["rows_b"]) == (0, 0, 4)
    assert np.isnan(empty["alike"])
    few = pd.Series(np.arange(9.0))
    assert np.isnan(ranks_alike(few, few)["spearman"])
    many = pd.Series(np.arange(30.0) % 11)
    assert ranks_alike(many, many**3)["spearman"] == pytest.approx(1.0)
    other = pd.Series(np.random.default_rng(0).permutation(30).astype(float))
    told = ranks_alike(many, other)
    assert told["spearman"] == pytest.approx(many.corr(other, method="spearman"))
    assert told["spearman_low"] < told["spearman"] < told["spearman_high"]


def test_agreement_of_few_accounts_reaches_further() -> None:
    rng = np.random.default_rng(1)
    p, q = (pd.Series(rng.normal(size=12)).rank() for _ in range(2))
    told = ranks_alike(p, q)
    weights = draw(12, 200, 0).astype(int)[1:]
    again = np.array([[np.corrcoef(np.repeat(p, one), np.repeat(q, one))[0, 1]] for one in weights])
    assert [told["spearman_low"], told["spearman_high"]] == pytest.approx(
        [one[0] for one in interval(again, evidence=12)]
    )
    rows = pd.MultiIndex.from_product([range(40), range(3)], names=["account_id", "cutoff"])
    ours = pd.Series(np.repeat([1.0] * 6 + [0.0] * 34, 3), rows)
    theirs = ours.where(rng.random(120) < 0.8, 1 - ours)
    found = labels_alike(ours, theirs)
    code, weights = draw_accounts(rows.get_level_values(0), 200, 0)
    both = ratios((ours * theirs).to_numpy(), ours.to_numpy(), code, weights)
    bounds = [one[0] for one in interval(both[1:, None], evidence=6)]  # six accounts churned by the one
    assert [found["a_in_b_low"], found["a_in_b_high"]] == pytest.approx(bounds)


def test_kappa_by_hand() -> None:
    rows = pd.MultiIndex.from_product([list("abcde"), range(20)], names=["account_id", "cutoff"])
    a = pd.Series(np.repeat([1.0, 1.0, 0.0, 0.0], [20, 5, 10, 65]), rows)
    b = pd.Series(np.repeat([1.0, 0.0, 1.0, 0.0], [20, 5, 10, 65]), rows)
    found = labels_alike(a, b, replicates=50)
    # 85 of 100 alike; by chance 0.25 * 0.30 + 0.75 * 0.70 = 0.60
    assert found["kappa"] == pytest.approx((0.85 - 0.60) / 0.40)
    assert (found["a_in_b"], found["b_in_a"]) == pytest.approx((20 / 25, 20 / 30))
