"""Which model is in service: one line of promotions, compare-and-set, never rewritten, and the file that follows it."""

import sqlite3
from multiprocessing import Process, Queue
from pathlib import Path

import pandas as pd
import pytest

from holdfast.errors import LockHeld, PublishError
from holdfast.serving.promotion.promotions import Promotions
from holdfast.serving.workspace import Workspace

AT = pd.Timestamp("2026-01-01", tz="UTC").to_pydatetime()


def sha(letter: str) -> str:
    return letter * 64


def name(letter: str) -> str:
    return letter * 16


def moved(promotions: Promotions, *steps: str) -> None:
    """Promote each letter in turn; ``-a`` goes back to it."""
    for step in steps:
        action = "rollback" if step.startswith("-") else "promote"
        promotions.add(action, sha(step[-1]), replaces=promotions.champion, reason="because", at=AT)


@pytest.fixture
def promotions(tmp_path: Path) -> Promotions:
    return Promotions(Workspace(tmp_path))


def test_nothing_is_in_service_and_looking_makes_no_file(promotions: Promotions) -> None:
    assert (promotions.champion, promotions.line) == (None, ())
    promotions.repair()
    assert list(promotions.place.root.iterdir()) == []


def test_each_promotion_is_kept_with_what_it_replaced(promotions: Promotions) -> None:
    moved(promotions, "a", "b")
    rows = promotions.frame()
    assert rows["number"].tolist() == [1, 2]
    assert rows["replaces"].tolist() == ["", name("a")]
    assert rows["recorded_at"].tolist() == ["2026-01-01T00:00:00Z"] * 2
    assert (promotions.champion, promotions.place.crowned) == (name("b"), name("b"))


@pytest.mark.parametrize(
    ("steps", "line"),
    [
        ("a b c", "abc"),
        ("a b c -b", "ab"),
        ("a b c -a", "a"),  # b could not be read any more
        ("a b -a c", "ac"),
        ("a b -a c -a", "a"),  # not back and forth between a and b
        ("a b a", "aba"),
    ],
)
def test_going_back_takes_away_what_came_after(promotions: Promotions, steps: str, line: str) -> None:
    moved(promotions, *steps.split())
    assert promotions.line == tuple(map(name, line))
    assert promotions.champion == promotions.line[-1] == promotions.place.crowned


def test_a_version_that_was_rolled_back_is_remembered(promotions: Promotions) -> None:
    moved(promotions, "a", "b", "-a")
    assert promotions.rolled_back(name("b"))
    assert not promotions.rolled_back(name("a"))


def test_who_decided_on_an_older_champion_is_refused_and_writes_nothing(promotions: Promotions) -> None:
    moved(promotions, "a", "b")
    with pytest.raises(LockHeld, match=f"expected {name('a')} in service, as before, found {name('b')}, meanwhile"):
        promotions.add("promote", sha("c"), replaces=name("a"), reason="", at=AT)
    assert len(promotions.frame()) == 2
    assert promotions.place.crowned == name("b")


def race(root: Path, letter: str, told: "Queue[str]") -> None:
    try:
        Promotions(Workspace(root)).add("promote", sha(letter), replaces=name("a"), reason="", at=AT)
    except LockHeld:
        told.put("lost")
    else:
        told.put(name(letter))


def test_of_several_promotions_at_once_one_wins(promotions: Promotions) -> None:
    moved(promotions, "a")
    told: Queue[str] = Queue()
    racers = [Process(target=race, args=(promotions.place.root, letter, told)) for letter in "bcde"]
    for one in racers:
        one.start()
    ends = sorted(told.get(timeout=60) for _ in racers)
    for one in racers:
        one.join()
    assert ends[1:] == ["lost"] * 3
    assert promotions.champion == promotions.place.crowned == ends[0]
    assert len(promotions.frame()) == 2


def test_serving_what_is_in_service_adds_nothing(promotions: Promotions) -> None:
    assert promotions.serve(sha("a"), reason="trained", at=AT)
    assert not promotions.serve(sha("a"), reason="trained", at=AT)
    assert len(promotions.frame()) == 1


@pytest.mark.parametrize("broken", [None, "another", ""])
def test_the_file_follows_the_ledger(promotions: Promotions, broken: str | None) -> None:
    moved(promotions, "a")
    file = promotions.place.models / "champion"
    file.unlink() if broken is None else file.write_text(broken)
    assert promotions.champion == name("a")
    promotions.repair()
    assert file.read_text() == f"{name('a')}\n"


def test_a_workspace_from_before_the_ledger_keeps_its_champion_and_can_go_back_to_it(promotions: Promotions) -> None:
    promotions.place.crown(name("z"))
    assert promotions.champion == name("z")
    assert not promotions.serve(sha("z"), reason="trained", at=AT) or len(promotions.frame()) == 1
    moved(promotions, "a")
    assert promotions.line == (name("z"), name("a"))


@pytest.mark.parametrize("change", ["UPDATE promotion SET reason = 'better'", "DELETE FROM promotion"])
def test_a_promotion_is_never_changed_or_taken_away(promotions: Promotions, change: str) -> None:
    moved(promotions, "a")
    with pytest.raises(PublishError, match="promotions are added"), promotions._ledger.writing() as db:
        db.execute(change)
    with sqlite3.connect(promotions.place.root / "ledger.db") as db, pytest.raises(sqlite3.IntegrityError):
        db.execute(change)
    assert promotions.champion == name("a")
