"""Weights as data, S060 to S064 and S071: shares, levels, segments, single signs, versions and what changed."""

from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import UsageError
from holdfast.features.catalog import catalog
from holdfast.models.emphasis import LEVELS
from holdfast.models.health import HealthScore
from holdfast.models.template import Template, scored, shipped, template_weights
from holdfast.serving.plan import parse_plan
from holdfast.serving.weights import health_of, template_of
from tests.outcome import Outcome
from tests.signs import SIGNS, sign, snapshot

DIMENSION = {one.name: one.dimension for one in catalog}
HEAD = {"name": "ours", "version": "7", "author": "Ada"}


def ours(**said: object) -> Template:
    return Template.from_dict({**HEAD, **said})


def shares(weights: pd.Series) -> dict[str, float]:
    return {str(name): round(float(one), 9) for name, one in weights.groupby(DIMENSION).sum().items()}


def test_s060_the_default_weighs_40_30_30_whatever_the_segment() -> None:
    default = Template.named("40-30-30")
    for segment in (None, "enterprise", "smb", "no such"):
        assert shares(default.weights(catalog, segment)) == {"product": 0.4, "relationship": 0.3, "business": 0.3}
    assert shipped()[0] == "40-30-30"
    pd.testing.assert_series_equal(template_weights(catalog), default.weights(catalog))
    assert HealthScore.template().start == HealthScore().start == default


def test_s060_a_dimension_that_is_absent_gives_its_share_to_the_others_in_proportion() -> None:
    no_business = [one for one in catalog if one.dimension != "business"]
    got = shares(Template.named("40-30-30").weights(no_business))
    assert got == {"product": round(4 / 7, 9), "relationship": round(3 / 7, 9)}


def test_s061_outcome_and_penetration_weigh_high_and_nps_and_logins_low() -> None:
    weights = Template.named("40-30-30").weights(catalog)
    for one in ("goals_reached", "goal_progress", "roi_multiple"):
        assert weights[one] == pytest.approx(2 * weights["days_late"])  # business, not named: medium
        assert weights[one] == weights[[name for name in weights.index if DIMENSION[name] == "business"]].max()
    assert weights["seat_penetration"] == pytest.approx(2 * weights["feature_breadth"])
    assert weights["login_days"] == pytest.approx(weights["feature_breadth"] / 2)
    assert weights["nps_latest"] == pytest.approx(weights["sponsor_engagement"] / 2)


def test_a_variant_weighs_low_beside_its_sign_unless_it_is_named() -> None:
    signs = (*SIGNS, sign("mood_change", "relationship", variant_of="mood"))
    assert ours().weights(signs)["mood_change"] == pytest.approx(ours().weights(signs)["mood"] / 2)
    assert "mood_change" not in ours(variants="none").weights(signs)
    named = ours(variants="none", levels={"mood_change": "high"}).weights(signs)
    assert named["mood_change"] == pytest.approx(2 * named["mood"])


def test_levels_stand_for_0_1_2_and_4_parts_of_the_dimension() -> None:
    assert dict(LEVELS) == {"none": 0, "low": 1, "medium": 2, "high": 4}
    weights = ours(levels={"logins": "high", "recency": "low", "mood": "none"}).weights(SIGNS)
    expected = {"logins": 0.4 * 4 / 5, "recency": 0.4 / 5, "answers": 0.3, "payment": 0.3}
    assert weights.to_dict() == pytest.approx(expected)


def test_a_dimension_of_nothing_but_none_gives_its_share_away() -> None:
    weights = ours(levels={"answers": "none", "mood": "none"}).weights(SIGNS)
    assert weights.to_dict() == pytest.approx({"logins": 2 / 7, "recency": 2 / 7, "payment": 3 / 7})


def test_s062_the_business_model_shifts_the_shares_by_segment() -> None:
    by = Template.named("by-segment")
    got = {name: shares(by.weights(catalog, name)) for name in ("mid", *by.segments)}
    assert got["mid"] == {"product": 0.4, "relationship": 0.3, "business": 0.3}
    assert got["enterprise"] == {"product": 0.3, "relationship": 0.4, "business": 0.3}
    assert got["smb"] == got["plg"] == {"product": 0.6, "relationship": 0.15, "business": 0.25}


def test_s062_each_account_is_scored_by_the_weights_of_its_segment() -> None:
    by = ours(segments={"plg": {"dimensions": {"product": 80, "relationship": 10, "business": 10}}})
    values = {"logins": [1, 1], "recency": [1, 1], "answers": [0, 0], "mood": [0, 0], "payment": [0, 0]}
    X = snapshot(values, segment=["plg", "mid"])
    assert HealthScore.template(by).score(X).tolist() == pytest.approx([80, 40])
    table = HealthScore.template(by).weights_of(X)
    assert table.sum(axis=1).tolist() == pytest.approx([1, 1])
    assert table["payment"].tolist() == pytest.approx([0.1, 0.3])


def test_a_segment_says_only_what_is_otherwise() -> None:
    by = ours(levels={"mood": "high"}, segments={"smb": {"levels": {"logins": "none"}}})
    base, smb = by.weights(SIGNS), by.weights(SIGNS, "smb")
    assert smb["mood"] == base["mood"] == pytest.approx(0.2)
    assert smb["recency"] == pytest.approx(0.4)
    apart = ours(weights={"mood": 1}, segments={"smb": {"dimensions": {"product": 100}}}).weights(SIGNS, "smb")
    assert apart.to_dict() == pytest.approx({"logins": 0.5, "recency": 0.5})


def test_s063_segments_of_a_template_are_pooled_once_weights_are_learned_and_that_is_said() -> None:
    # Models by segment belong to learning; what a template says apart is the prior of nobody.
    n = 600
    values = {one.name: [(i * (3 + k)) % 97 / 96 for i in range(n)] for k, one in enumerate(SIGNS)}
    X = snapshot(values, segment=["smb", "mid"] * (n // 2))
    churned = X.indicators["answers"] < 0.3
    y = Outcome(pd.DataFrame(dict.fromkeys((30, 60, 90), churned.astype(float))))
    by = ours(segments={"smb": {"dimensions": {"product": 100}}})
    learned = HealthScore(prior=by).fit(X, y)
    assert learned.learned
    said = "the template ours weighs segments apart; what is learned starts from its common weights"
    assert learned.notes[-1] == said
    misspelt = HealthScore(prior=ours(segments={"smd": {"dimensions": {"product": 100}}})).fit(X, y)
    assert misspelt.notes[-2:] == (said, "the template ours weighs segments that no account is of: smd")
    weights = learned.weights_of(X)
    assert (weights.nunique() == 1).all()
    stands = HealthScore.template(by).fit(X, y)
    assert stands.notes == ()
    assert (stands.weights_of(X).nunique() == 2).any()


def test_segments_that_no_account_is_of_are_told() -> None:
    values = {one.name: [i % 7 / 6 for i in range(40)] for one in SIGNS}
    y = Outcome(pd.DataFrame({30: [float(i % 4 == 0) for i in range(40)]}, index=snapshot(values).index))
    by = ours(segments={"smb": {"levels": {"mood": "low"}}, "Mid": {"levels": {"mood": "high"}}})
    health = HealthScore.template(by).fit(snapshot(values, segment="mid"), y)
    assert health.notes == ("the template ours weighs segments that no account is of: Mid, smb",)


def test_s064_usage_support_payment_and_feedback_weigh_40_30_20_10() -> None:
    four = Template.named("40-30-20-10").weights(catalog)
    assert four.to_dict() == pytest.approx({"usage_30": 0.4, "csat": 0.3, "days_late": 0.2, "nps_latest": 0.1})


def test_s064_a_sign_that_is_not_measured_gives_its_weight_to_the_others_in_proportion() -> None:
    three = Template.named("40-30-20-10").weights(one for one in catalog if one.name != "csat")
    assert three.to_dict() == pytest.approx({"usage_30": 4 / 7, "days_late": 2 / 7, "nps_latest": 1 / 7})


def test_s064_the_formula_by_hand() -> None:
    X = snapshot({"logins": [0.5], "answers": [1.0], "payment": [0.0], "mood": [1.0]})
    template = ours(weights={"logins": 40, "answers": 30, "payment": 20, "mood": 10})
    assert HealthScore.template(template).score(X).tolist() == pytest.approx([40 * 0.5 + 30 + 0 + 10])


@pytest.mark.parametrize("name", shipped())
def test_shipped_templates_name_what_the_catalogue_scores_and_come_back(name: str) -> None:
    one = Template.named(name)
    one.check([sign.name for sign in scored(catalog)])
    for segment in (None, *one.segments):
        weights = one.weights(catalog, segment)
        assert weights.sum() == pytest.approx(1)
        assert (weights > 0).all()
    assert Template.from_dict(one.to_dict()) == one
    assert one.known == name
    with pytest.raises(UsageError, match="did you mean '40-30-30'"):
        Template.named("40-30-03")


def test_numbers_that_sum_to_1_and_to_100_say_the_same() -> None:
    assert ours(dimensions={"product": 0.5, "business": 0.5}) == ours(dimensions={"product": 50, "business": 50})
    assert ours(weights={"mood": 0.25, "logins": 0.75}) == ours(weights={"mood": 25, "logins": 75})


def test_s071_a_weights_file_has_a_version_and_an_author_and_its_next_version_says_what_changed(tmp_path: Path) -> None:
    text = 'name = "ours"\nversion = "7"\nauthor = "Ada"\n[dimensions]\nproduct = 50\nrelationship = 50\n'
    before, after = tmp_path / "7.toml", tmp_path / "8.toml"
    before.write_text(text + '[levels]\nmood = "high"\nlogins = "low"\n', encoding="utf-8")
    eighth = text.replace('"7"', '"8"').replace("product = 50", "product = 40").replace("ship = 50", "ship = 60")
    segment = '[segments.smb.levels]\nmood = "none"\n'
    after.write_text(eighth + '[levels]\nmood = "high"\npayment = "low"\n' + segment, encoding="utf-8")
    old, new = Template.read(before), Template.read(after)
    assert (old.version, new.version, old.author) == ("7", "8", "Ada")
    assert old.diff(old).empty
    told = old.diff(new).astype(object).where(lambda frame: frame.notna(), None)
    assert told.to_dict("split")["data"] == [
        ["", "dimensions", "product", 50.0, 40.0],
        ["", "dimensions", "relationship", 50.0, 60.0],
        ["", "levels", "logins", "low", None],
        ["", "levels", "payment", None, "low"],
        ["smb", "levels", "mood", None, "none"],
    ]
    assert tomllib.loads(after.read_text())["segments"] == new.to_dict()["segments"]


def test_s069_a_level_up_never_weighs_less() -> None:
    for one in ("logins", "mood", "payment"):
        weights = [ours().moved(one, level).weights(SIGNS).get(one, 0.0) for level in LEVELS]
        assert all(low <= high for low, high in pairwise(weights))
        assert weights[0] == 0


def test_a_level_moves_in_every_segment() -> None:
    by = ours(segments={"smb": {"levels": {"mood": "high"}}}).moved("mood", "none")
    assert "mood" not in by.weights(SIGNS)
    assert "mood" not in by.weights(SIGNS, "smb")


SMALL = {"data": {"path": "h"}, "churn": {"kind": "notice"}}


def test_the_plan_says_otherwise_over_a_template() -> None:
    health = {"levels": {"csat": "none"}, "segments": {"smb": {"dimensions": {"product": 100}}}, "learn": False}
    plan = parse_plan({**SMALL, "health": {**health, "min_coverage": 0.5}})
    template = template_of(plan, catalog)
    assert template.name == "40-30-30, adjusted in the plan"
    assert template.base.levels["login_days"] == "low"  # the rest stands
    assert "csat" not in template.weights(catalog)
    assert shares(template.weights(catalog, "smb")) == {"product": 1.0}
    made = health_of(plan, catalog)
    assert (made.learn, made.min_coverage, made.prior) == (False, 0.5, template)
    assert health_of(parse_plan(SMALL), catalog).prior == "40-30-30"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"template": "40-30-3"}, "did you mean '40-30-30'"),
        ({"template": "/no/such.toml"}, "a readable UTF-8 file"),
        ({"levels": {"csta": "high"}}, "did you mean 'csat'"),
        ({"levels": {"csat": "hihg"}}, "plan, section health, key levels.csat.*did you mean 'high'"),
        ({"dimensions": {"prodct": 100}}, "did you mean 'product'"),
        ({"weights": {"csat": -1}}, "a number from 0 to 100"),
        ({"segments": {"smb": {"level": {}}}}, "section health, segment smb, key level.*did you mean 'levels'"),
        ({"segments": {"smb": 3}}, "section health, key segments: expected a section per segment, found {'smb': 3}"),
    ],
)
def test_a_plan_that_weighs_what_is_not_there_is_refused(said: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        template_of(parse_plan({**SMALL, "health": said}), catalog)


def test_a_template_that_weighs_a_misspelt_sign_is_refused_where_it_scores() -> None:
    history = hf.simulate(accounts=20, months=6)
    X = hf.catalog.measure(history, hf.cutoffs(history, every="56d"))
    wrong = Template.from_dict(
        {"name": "ours", "version": "1", "author": "us", "weights": {"usage_3O": 60, "csat": 40}}, ""
    )
    with pytest.raises(UsageError, match="did you mean 'usage_30'"):
        hf.HealthScore.template(wrong).score(X)
