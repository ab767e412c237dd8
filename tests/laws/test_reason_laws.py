"""Reasons add up, tell the time of the cutoff and no later, and every number in them can be had again."""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from math import isnan
from string import Formatter

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import UsageError
from holdfast.features.catalog.collection import Catalog
from holdfast.features.catalog.witnesses import NAMED, witnesses
from holdfast.features.history import History
from holdfast.features.indicators.expression import Reading, Window
from holdfast.features.snapshot import Snapshot
from holdfast.features.time import micro
from holdfast.models.calibration import Calibration
from holdfast.models.churn import ChurnModel
from holdfast.models.explain import Explanation
from holdfast.models.health import HealthScore
from holdfast.models.ledger import STEPS, Standing, ledger
from holdfast.models.points import health_points
from holdfast.models.reasons import PAST_DAYS, reasons
from tests.reckoned import Reckoner, figures, unit_of

READ = 80  # accounts whose sentences are made again: with 120 signs and more, some 10,000 of them


@dataclass(frozen=True)
class Company:
    """A simulated company, models of two days, and the rows of a day before its end."""

    history: History
    catalog: Catalog
    then: Standing
    now: Standing
    X: Snapshot
    why: Explanation


@pytest.fixture(scope="module")
def company() -> Company:
    history = hf.simulate(accounts=300, seed=3, months=26)
    days = hf.cutoffs(history, every="56d")
    X, y = hf.catalog.measure(history, days), hf.label(history, days)
    early = y.known(days[-4])
    some = early.frame.notna().any(axis=1).to_numpy()
    catalog = Catalog(X.catalog, fixed=True)
    # A calibration line of its own, which few histories would earn: what is told must hold with one.
    model = ChurnModel().fit(X, y)
    model.calibration_ = Calibration(slope=0.8, shift=-0.3)
    then = ChurnModel().fit(X.rows(some), early.rows(some)), HealthScore().fit(X.rows(some), early.rows(some))
    now = model, HealthScore().fit(X, y)
    at = X.at(days[-2])
    return Company(
        history,
        catalog,
        Standing(days[-4], *then, catalog),
        Standing(days[-2], *now, catalog),
        at,
        model.explain(at),
    )


def scored(company: Company, n: int) -> Iterator[str]:
    ids = company.X.index.get_level_values("account_id")
    yield from ids[:: max(1, len(ids) // n)][:n]


def test_base_contributions_and_calibration_give_the_probabilities(company: Company) -> None:
    why, model = company.why, company.now.model
    np.testing.assert_allclose(why.base + why.contributions.sum(axis=1) + why.calibration, why.total, atol=1e-9)
    pd.testing.assert_frame_equal(why.probabilities(), model.predict_proba(company.X), atol=1e-12, rtol=0)
    assert (why.calibration.abs() > 1e-3).mean() > 0.9


@pytest.mark.parametrize("horizon", [30, 90])
def test_a_contribution_moves_the_probability_its_own_way(company: Company, horizon: int) -> None:
    effects, parts = company.why.effects(horizon), company.why.contributions
    assert (np.sign(effects) * np.sign(parts) >= 0).all(axis=None)
    assert (effects.abs() > 0).any(axis=None)
    assert (effects.abs().max(axis=None)) < 1.0
    with pytest.raises(UsageError, match="choose one of them"):
        company.why.effects(45)


def test_points_add_up_to_the_score_and_are_worth_what_the_curve_says(company: Company) -> None:
    health, X = company.now.health, company.X
    points, scores = health_points(health, X), health.score(X)
    judged = scores.notna()
    np.testing.assert_allclose(points.score[judged], scores[judged], atol=1e-9)
    assert (points.clip != 0).any()
    curves = health.curves(X)
    above = curves[points.contributions.columns] > health.reference_[points.contributions.columns]
    assert (points.contributions.where(above, 0.0) >= 0).all(axis=None)


def test_reasons_read_nothing_after_the_cutoff(company: Company) -> None:
    past = company.history.until(company.now.day, end=company.now.day)
    for account in scored(company, 6):
        late, early = (reasons(company.why, account, one, company.now.health) for one in (company.history, past))
        pd.testing.assert_frame_equal(late.rows, early.rows, check_exact=True)


def test_reasons_of_an_account_add_up_and_tell_its_own_past(company: Company) -> None:
    history, day = company.history, company.now.day
    before = company.catalog.measure(history, [day - pd.Timedelta(days=PAST_DAYS)])
    for account in scored(company, 12):
        told = reasons(company.why, account, history, company.now.health)
        assert told.base + told.rows["contribution"].sum() == pytest.approx(told.total, abs=1e-9)
        assert told.health is not None
        points = told.health["base"] + told.rows["points"].sum() + told.health["clip"]
        assert np.isnan(told.health["score"]) or points == pytest.approx(told.health["score"], abs=1e-9)
        own = told.rows.set_index("indicator")["own_past"].dropna()
        if account in before.index.get_level_values("account_id"):
            row = before.indicators.loc[account].iloc[0]
            pd.testing.assert_series_equal(own, row.reindex(own.index), check_names=False, check_exact=True)
        else:
            assert own.empty


def test_the_place_among_peers_is_the_share_of_the_segment_below(company: Company) -> None:
    X = company.X
    account = X.context["segment"].value_counts().index[0]
    row = X.context.index[(X.context["segment"] == account).to_numpy()][3]
    told = reasons(company.why, row[0], company.history).rows.set_index("indicator")["peer_percentile"]
    peers = X.indicators[(X.context["segment"] == account).to_numpy()]["usage_30"].dropna()
    mine = peers[row]
    others = peers.drop(row)
    assert told["usage_30"] == pytest.approx(100 * ((others < mine).mean() + (others == mine).mean() / 2), abs=1e-9)


def test_ten_thousand_sentences_are_those_of_the_history_as_it_was_known(company: Company) -> None:
    accounts, day = list(scored(company, READ)), company.now.day
    told = company.catalog.evidence(company.history, accounts, day)
    again = company.catalog.evidence(company.history.until(day, end=day), accounts, day)
    assert told.size >= 10_000
    pd.testing.assert_frame_equal(told, again)


def test_sentences_of_some_pairs_are_those_of_all(company: Company) -> None:
    accounts, day = list(scored(company, READ)), company.now.day
    every = (
        company.catalog.evidence(company.history, accounts, day).rename_axis(columns="indicator").stack().rename("text")
    )
    pairs = every.reset_index().sample(frac=0.1, random_state=0)  # in no order
    assert pairs["indicator"].nunique() > 100
    told = company.catalog.sentences(company.history, pairs, day)
    assert told.tolist() == pairs["text"].tolist()


def test_every_figure_of_ten_thousand_sentences_is_reckoned_again(company: Company) -> None:
    """Figures are read out of the sentences and reckoned from the rows that were known, without the kernel."""
    accounts, day = list(scored(company, READ)), company.now.day
    said, again = company.catalog.evidence(company.history, accounts, day), Reckoner(company.history, day)
    told = silent = figures_read = 0
    for sign in company.catalog:
        for account in accounts:
            sentence = said.at[account, sign.name]
            found = figures(sign, sentence)
            reckoned = {name: again.value(part, account) for name, part in sign.said.items()}
            if found is None:
                there = [reckoned[name] for _, name, _, _ in Formatter().parse(sign.evidence) if name]
                gone = any(map(isnan, [*there, reckoned["value"]])) or not reckoned.get("applies", 1.0) > 0
                assert gone, (sign.name, account, sentence, reckoned)
                silent += 1
                continue
            for name, value in found.items():
                near = unit_of(sign, name) + 1e-6 * max(1.0, abs(value))
                assert abs(reckoned[name] - value) <= near, (sign.name, account, sentence, reckoned)
            told, figures_read = told + 1, figures_read + len(found)
    assert told + silent >= 10_000
    assert figures_read > 10_000


def test_every_count_is_witnessed_by_as_many_records_that_were_known(company: Company) -> None:
    day = micro(company.now.day)
    known = {
        name: {
            (str(company.history.accounts[place]), one)
            for place, one in zip(records.account[seen], records.columns["source_id"][seen], strict=True)
        }
        for name in company.history.tables
        for records in [company.history.records(name)]
        for seen in [(records.known <= day) & (records.at <= day)]
    }
    counts = [
        one
        for one in company.X.catalog
        if isinstance(one.expression, Window | Reading) and one.expression.verb == "count"
    ]
    assert len(counts) >= 10
    witnessed = 0
    for account in scored(company, 40):
        found = witnesses(company.X.catalog, company.history, account, company.now.day)
        for one in counts:
            value = company.X.indicators[one.name][account].iloc[0]
            assert np.isnan(value) or found[one.name].count == value, (account, one.name)
            witnessed += found[one.name].count
        for one in company.X.catalog:
            assert len(found[one.name].records) == min(found[one.name].count, NAMED)
            for table, name in (record.split(":", 1) for record in found[one.name].records):
                assert (account, name) in known[table], (one.name, table, name)
    assert witnessed > 100


def test_no_record_and_no_account_are_told_apart(company: Company) -> None:
    with pytest.raises(UsageError, match="did you mean 'A0005'"):
        witnesses(company.X.catalog, company.history, "A0005x", company.now.day)
    with pytest.raises(UsageError, match="did you mean"):
        reasons(company.why, "A0005x", company.history)


def test_two_scores_differ_by_what_the_ledger_says(company: Company) -> None:
    then, now = company.then, company.now
    first = then.model.explain(then.catalog.measure(company.history, [then.day]))
    known = set(first.g.index.get_level_values("account_id"))
    for account in [one for one in scored(company, 12) if one in known][:3]:
        risk, health = ledger(account, company.history, then, now)
        assert risk.before == pytest.approx(first.total.iloc[first.place_of(account)], abs=1e-9)
        assert risk.after == pytest.approx(company.why.total.iloc[company.why.place_of(account)], abs=1e-9)
        for one in (risk, health):
            assert one.steps().sum() == pytest.approx(one.difference, abs=1e-9)
            np.testing.assert_allclose(one.rows[list(STEPS)].sum(axis=1), one.rows["change"], atol=1e-12)
        assert (risk.steps().drop("configuration").abs() > 0).all()
        scores = now.health.score(company.X)
        assert health.after == pytest.approx(scores[account].iloc[0], abs=1e-9)


def test_the_ledger_tells_on_which_days_a_score_was_given(company: Company) -> None:
    account, strict = next(scored(company, 1)), copy(company.now.health)
    strict.min_coverage = 1.1
    then = replace(company.now, health=strict)
    _, health = ledger(account, company.history, then, company.now)
    assert health.given == (False, True)
    _, health = ledger(account, company.history, company.now, company.now)
    assert health.given == (True, True)


def test_only_what_changed_is_named(company: Company) -> None:
    account, now = next(scored(company, 1)), company.now
    risk, health = ledger(account, company.history, now, now)
    assert (risk.rows["change"] == 0).all()
    assert (health.rows["change"] == 0).all()

    risk, health = ledger(account, company.history, replace(company.then, day=now.day), now)
    assert set(risk.steps()[risk.steps() != 0].index) == {"model", "calibration"}
    assert set(health.steps()[health.steps().abs() > 1e-12].index) <= {"model"}

    old = company.X.context.index[(company.X.context["tenure_days"] > 400).to_numpy()]
    account = str(old.get_level_values("account_id")[0])
    silent = company.history.until(company.then.day, end=company.then.day)  # nothing has come in since
    risk, _ = ledger(account, silent, replace(now, day=company.then.day), now)
    assert risk.steps()["time"] != 0
    assert (risk.steps().drop("time").abs() < 1e-9).all()


def test_days_in_the_wrong_order_and_too_early_are_refused(company: Company) -> None:
    account, now = next(scored(company, 1)), company.now
    with pytest.raises(UsageError, match="exchange them"):
        ledger(account, company.history, now, company.then)
    young = company.X.context["tenure_days"].idxmin()[0]
    with pytest.raises(UsageError, match="choose a day on which it was a customer"):
        ledger(young, company.history, company.then, now)
    with pytest.raises(UsageError, match="choose a later day"):
        ledger(account, company.history, replace(now, day=pd.Timestamp("1999-01-01", tz="UTC")), now)
