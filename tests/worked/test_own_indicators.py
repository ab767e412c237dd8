"""A sign added by one declaration in one file: it is there from the snapshot to the proofs, with no other edit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from holdfast.errors import BundleError, TooFewEvents
from holdfast.features.catalog import catalog
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.proof import prove
from holdfast.features.proof.result import Proof
from holdfast.features.snapshot import MEASURED, Snapshot
from holdfast.models.trees import monotone_signs
from holdfast.serving import inspection, learning, opening, pipeline
from holdfast.serving.catalogue_page import page
from holdfast.serving.command import run
from holdfast.serving.options import now
from holdfast.serving.plan import Plan, read_plan
from holdfast.serving.scoring import Scores
from holdfast.serving.starter import write_simulation
from tests.tiny import T, ago, history, rows

GUIDE = Path(__file__).parents[2] / "docs" / "own_indicators.md"
NAMES = ("exports_per_seat", "worst_wait")
BESIDE = (
    *("days_since_usage", "usage_30", "seat_penetration", "login_days", "ticket_sentiment", "nps_latest", "nps_net"),
    *("goals_reached", "goal_progress", "roi_multiple", "orders_90"),
)
MORE = '\n[indicators]\nfile = "our_signs.py"\n[tracking]\nenabled = false\n'


def declared() -> str:
    """Give the file that the documentation shows."""
    found = re.search(r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@dataclass(frozen=True)
class Day:
    plan: Plan
    known: History
    trained: learning.Trained
    scores: Scores
    now: Snapshot

    @property
    def home(self) -> Path:
        return self.plan.output.workspace.parent


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """One company, trained and scored with a file of its own beside a few shipped signs; the backtest is left out."""
    file = write_simulation(tmp_path_factory.mktemp("own") / "acme", 80, 1, 18)
    (file.parent / "our_signs.py").write_text(declared(), encoding="utf-8")
    file.write_text(file.read_text(encoding="utf-8").replace('every = "28d"', 'every = "84d"') + MORE, encoding="utf-8")
    plan = read_plan(file)
    known = opening.known_on(plan, opening.read_history(plan, now()), None)

    def untested(*_: object) -> None:
        raise TooFewEvents("backtest", "events", "none", "left out here")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning, "prove", untested)
        patch.setattr(pipeline, "catalog", replace(catalog.select(BESIDE), adaptive=True))
        trained = learning.train(plan, known, now())
        yield Day(plan, known, trained, *pipeline.score_day(plan, known, pipeline.bundle_of(plan)))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_in_the_snapshot(day: Day, name: str) -> None:
    column = day.now.indicators[name]
    assert column.notna().mean() > 0.5
    assert column.nunique() > 5
    assert (day.now.states()[name] == MEASURED).sum() == column.notna().sum()


@pytest.mark.parametrize(("name", "dimension"), [("exports_per_seat", "product"), ("worst_wait", "relationship")])
def test_it_weighs_in_the_score_of_its_dimension(day: Day, name: str, dimension: str) -> None:
    health = day.trained.bundle.health
    assert health.table_.set_index("indicator").loc[name, "dimension"] == dimension
    assert health.weights_[name] > 0
    better = day.now.indicators.assign(**{name: 100.0 if name == "exports_per_seat" else 0.0})
    worse = day.now.indicators.assign(**{name: 0.0 if name == "exports_per_seat" else 100.0})
    up, down = (health.dimensions(replace(day.now, indicators=one))[dimension].dropna() for one in (better, worse))
    assert len(up) > 50
    assert (up >= down).all()
    assert (up > down).any()


@pytest.mark.parametrize(("name", "sign"), [("exports_per_seat", -1), ("worst_wait", 1)])
def test_the_model_reads_it_with_its_sign(day: Day, name: str, sign: int) -> None:
    """Trees may move the hazard in its direction alone; the regression has a column for it."""
    encoding = day.trained.bundle.model.encoding_
    places = [place for place, source in enumerate(encoding.feature_sources) if source == name]
    assert places
    assert {monotone_signs(encoding, -1)[place] for place in places} == {sign}
    assert name in {column.source for column in encoding.columns}


@pytest.mark.parametrize(
    ("name", "said"), [("exports_per_seat", "exports in the last 30"), ("worst_wait", "the longest wait")]
)
def test_it_explains_an_account_in_its_own_sentence(day: Day, name: str, said: str) -> None:
    reasons = day.scores.reasons[day.scores.reasons["code"] == name]
    assert len(reasons)
    assert reasons["text"].str.contains(said).any()


def test_it_is_in_the_documentation(day: Day) -> None:
    told = page(pipeline.catalog_of(day.plan))
    for name, title in zip(NAMES, ("Exports per seat", "Worst wait for a first reply"), strict=True):
        assert f"| `{name}` | {title} |" in told
    assert "Longest wait from a ticket to its first reply" in told


def test_it_is_proven(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of one's own are among what check proves; what is shipped is proven elsewhere."""
    company = history(
        usage=[rows("usage", range(1, 40, 3), name, event="export") for name in ("a", "b")],
        subscriptions=[rows("subscriptions", [400], name, subscription_id=name, seats=4) for name in ("a", "b")],
        tickets=[rows("tickets", [9], name, ticket_id=name, first_reply_at=ago(7)) for name in ("a", "b")],
    )
    asked: list[str] = []

    def of_own(indicators: Sequence[Indicator], *_: object, **__: object) -> Proof:
        asked.extend(one.name for one in indicators)
        own = [one for one in indicators if one.name in NAMES]
        return prove(own, company, cutoffs=[T], rounds=1)

    monkeypatch.setattr(inspection, "prove", of_own)
    X, _ = learning.examples(day.plan, day.known)
    (found,) = inspection.proven(X.catalog, day.known)
    assert set(NAMES) < set(asked)
    assert found.code == "HF036"
    assert found.message.startswith("2 indicators, 2 accounts")


def test_the_bundle_knows_what_it_means_and_holds_no_code(day: Day) -> None:
    folder = day.plan.output.workspace / "models" / day.trained.bundle.version
    stored = json.loads((folder / "indicators.json").read_bytes())["indicators"]
    assert {one["name"] for one in stored} >= set(NAMES)
    for path in folder.iterdir():
        assert b"def worst_wait" not in path.read_bytes()
        assert b"total_seconds" not in path.read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("86_400", "3_600"), ["worst_wait as it was defined", "another definition"]),
        (lambda text: text.replace("(0.5, 60)", "(0.5, 70)"), ["exports_per_seat as it was defined"]),
        (lambda text: text.replace("worst_wait", "longest_wait"), ["the indicator worst_wait", "none of that name"]),
    ],
)
def test_a_changed_or_missing_declaration_is_refused(day: Day, change: Callable[[str], str], words: list[str]) -> None:
    file = day.home / "our_signs.py"
    try:
        file.write_text(change(declared()), encoding="utf-8")
        with pytest.raises(BundleError) as told:
            pipeline.bundle_of(day.plan)
    finally:
        file.write_text(declared(), encoding="utf-8")
    assert [one for one in (*words, "[indicators] file in the plan", "train again") if one not in str(told.value)] == []


def test_the_command_lists_it_with_what_the_data_say(day: Day, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["indicators", str(day.home / "plan.toml"), "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    keys = ["name", "dimension", "unit", "healthy", "title", "formula", "lookback_days", "tables", "seeds"]
    for row in rows.values():
        assert list(row)[:9] == keys
        assert bool(row["reason"]) != row["applicable"]
        assert 0 <= row["coverage"] <= row["coverage"] + row["not_applicable"] <= 1
    known = day.now.indicators["exports_per_seat"].notna().mean()
    assert rows["exports_per_seat"]["coverage"] == pytest.approx(known, abs=1e-3)
    assert rows["exports_per_seat"]["not_applicable"] == pytest.approx(1 - known, abs=1e-3)
    assert rows["worst_wait"]["not_applicable"] == 0
    assert rows["orders_90"] | {"applicable": False, "coverage": 0.0, "not_applicable": 1.0} == rows["orders_90"]
    assert rows["orders_90"]["reason"] == "says nothing of its own beside the table subscriptions"
    assert run(["indicators", str(day.home / "plan.toml"), "--dimension", "business"]) == 0
    assert "exports_per_seat" not in capsys.readouterr().out


def test_a_plan_without_a_file_has_the_shipped_catalogue(day: Day) -> None:
    plain = day.plan.model_copy(update={"indicators": type(day.plan.indicators)()})
    assert isinstance(pipeline.catalog_of(plain), Catalog)
    assert not set(NAMES) & set(pipeline.catalog_of(plain).names)
    assert set(NAMES) < set(pipeline.catalog_of(day.plan).names)
