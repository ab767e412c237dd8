"""A damaged bundle is refused before a parser sees it: exit code 70, never a crash, never other numbers."""

import json
import os
import re
import shutil
import struct
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from holdfast.errors import BundleError
from holdfast.features.catalog import catalog
from holdfast.features.simulate import simulate
from holdfast.features.time import cutoffs
from holdfast.models.churn import ChurnModel
from holdfast.models.health import HealthScore
from holdfast.models.tree_text import check_trees
from holdfast.serving import bundle as bundles
from holdfast.serving.bundle import Bundle, read_bundle, write_bundle
from holdfast.serving.command import run
from holdfast.serving.workspace import canonical_json
from holdfast.training.labels import label
from tests.kept.make import HERE, signs
from tests.leaving import company

MUTATIONS, FORGED = 1000, 250
KEPT = next((HERE / "schema_1").iterdir())


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        for module in ("members", "rehearsal"):  # so that a small company has trees too
            patch.setattr(f"holdfast.models.{module}.TREES_FROM", 5)
        yield tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def write(models: Path) -> Callable[[], Bundle]:
    history = simulate(accounts=120, seed=3, months=18)
    days = cutoffs(history, "56d")
    y = label(history, days, (30, 90))
    X = catalog.measure(history, days, (30, 90))
    health, model = HealthScore().fit(X, y.on(X.index)), ChurnModel().fit(X, y.on(X.index))
    return lambda: write_bundle(
        models, health, model, X, churn={"kind": "notice"}, learned_until=history.now, card="# Card\n"
    )


@pytest.fixture(scope="module")
def whole(write: Callable[[], Bundle]) -> Bundle:
    return write()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A small bundle with trees."""
    shutil.copytree(KEPT, tmp_path / "models" / KEPT.name)
    return tmp_path / "models" / KEPT.name


def _refused(folder: Path, match: str = "bundle") -> None:
    with pytest.raises(BundleError, match=match) as refused:
        read_bundle(folder.parent, folder.name, signs())
    assert refused.value.exit_code == 70


def test_the_same_contents_have_the_same_name_and_bytes(
    write: Callable[[], Bundle], whole: Bundle, models: Path
) -> None:
    before = {path.name: path.read_bytes() for path in (models / whole.version).iterdir()}
    assert write().sha256 == whole.sha256
    assert {path.name: path.read_bytes() for path in (models / whole.version).iterdir()} == before
    assert "model.lgb" in before


def test_nothing_in_it_is_a_pickle(models: Path, whole: Bundle) -> None:
    for path in (models / whole.version).iterdir():
        content = path.read_bytes()
        assert content.decode("utf-8")
        assert not content.startswith((b"\x80", b"PK"))


# ------------------------------------------------------------------------------- damage


Mutation = Callable[[Path, np.random.Generator], None]


def _file(folder: Path, rng: np.random.Generator) -> Path:
    return sorted(folder.iterdir())[rng.integers(len(list(folder.iterdir())))]


def _edited(edit: Callable[[bytes, int, np.random.Generator], bytes], folder: Path, rng: np.random.Generator) -> None:
    path = _file(folder, rng)
    content = path.read_bytes()
    path.write_bytes(edit(content, int(rng.integers(len(content))), rng))


def _cut(content: bytes, at: int, _: np.random.Generator) -> bytes:
    return content[:at]


def _flipped(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    return content[:at] + bytes([content[at] ^ int(rng.integers(1, 256))]) + content[at + 1 :]


def _zeroed(content: bytes, at: int, _: np.random.Generator) -> bytes:
    return content[:at] + b"\0" * 512 + content[at + 512 :]


def _doubled(content: bytes, at: int, _: np.random.Generator) -> bytes:
    return content[:at] + content[at:][:40] + content[at:]


def _huge(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    numbers = list(re.finditer(rb"[0-9]+", content[at:])) or list(re.finditer(rb"^|$", content))
    one = numbers[rng.integers(len(numbers))]
    huge = (b"1" * 400, b"1e999", b"-9" * 20, b"18446744073709551616", b"NaN")[rng.integers(5)]
    return content[: at + one.start()] + huge + content[at + one.end() :]


def _swapped(folder: Path, rng: np.random.Generator) -> None:
    one, other = rng.choice(len(list(folder.iterdir())), 2, replace=False)
    files = sorted(folder.iterdir())
    contents = files[one].read_bytes(), files[other].read_bytes()
    files[one].write_bytes(contents[1])
    files[other].write_bytes(contents[0])


def _manifest(folder: Path, rng: np.random.Generator) -> None:
    told = json.loads((folder / "manifest.json").read_bytes())
    name = sorted(told["files"])[rng.integers(len(told["files"]))]
    match rng.integers(6):
        case 0:
            told["files"][f"../{name}"] = told["files"].pop(name)
        case 1:
            told["files"][name]["bytes"] += 1
        case 2:
            told["files"][name]["sha256"] = f"{rng.bytes(32).hex()}"
        case 3:
            told["schema"] = (0, 2, -1, True, "1", None, 1e99, [1], 10**30)[rng.integers(9)]
        case 4:
            del told["files"][name]
        case _:
            told[("path", "reader", "version")[rng.integers(3)]] = "/etc/passwd"
    (folder / "manifest.json").write_bytes(canonical_json(told))


def _lost(folder: Path, rng: np.random.Generator) -> None:
    _file(folder, rng).unlink()


def _too_many(folder: Path, rng: np.random.Generator) -> None:
    name = ("model.pkl", "extra.py", ".hidden", "weights.json ", "..card.md", "\N{BOMB}.json")[rng.integers(6)]
    (folder / name).write_bytes(b"\x80\x04N.")


def _linked(folder: Path, rng: np.random.Generator) -> None:
    path = _file(folder, rng)
    away = folder.parent.parent / "elsewhere"
    path.rename(away)
    path.symlink_to(away)


def _special(folder: Path, rng: np.random.Generator) -> None:
    path = _file(folder, rng)
    path.unlink()
    if rng.integers(2):
        path.mkdir()
    else:
        os.mkfifo(path)  # reading it would never end


def _renamed(folder: Path, rng: np.random.Generator) -> None:
    path = _file(folder, rng)
    path.rename(path.with_name(path.name.upper()))


DAMAGES: list[Mutation] = [
    *(partial(_edited, edit) for edit in (_cut, _flipped, _zeroed, _doubled, _huge)),
    *(_swapped, _manifest, _lost, _too_many, _linked, _special, _renamed),
]


def test_a_thousand_damages_are_refused_before_a_parser_sees_a_byte(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "_READERS", {1: lambda *_: pytest.fail("a parser saw damaged bytes")})
    rng = np.random.default_rng(0)
    for number in range(MUTATIONS):
        DAMAGES[number % len(DAMAGES)](copy, rng)
        _refused(copy)
        shutil.rmtree(copy)
        shutil.copytree(KEPT, copy)
        (copy.parent.parent / "elsewhere").unlink(missing_ok=True)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_command_ends_with_70_and_leaves_the_scores(
    damage: Mutation, served: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = shutil.copytree(served, tmp_path / "acme", symlinks=True)
    scores = (home / "out" / "current" / "scores.csv").read_bytes()
    folder = next(one for one in (home / "out" / "models").iterdir() if re.fullmatch("[0-9a-f]{16}", one.name))
    damage(folder, np.random.default_rng(1))
    capsys.readouterr()
    assert run(["score", str(home), "--at", "2024-06-01"]) == 70
    told = capsys.readouterr().err
    assert folder.name in told
    assert "Traceback" not in told
    assert (home / "out" / "current" / "scores.csv").read_bytes() == scores


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = company(tmp_path_factory.mktemp("served") / "acme", weeks=50)
    assert run(["train", str(plan), "--until", "2023-11-01"]) == 0
    assert run(["score", str(plan)]) == 0
    return plan.parent


# ------------------------------------------------------------------------------- forgery: right hashes, wrong contents


def _forged(folder: Path, edit: Callable[[Path], None]) -> Path:
    """Change files and give the bundle the hashes and the name that it would have had."""
    edit(folder)
    contents = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}
    listing = bundles._listing(contents)
    (folder / "manifest.json").write_bytes(bundles._manifest(listing))
    return folder.rename(folder.with_name(bundles._version(listing)[:16]))


FORGERIES = {
    "cut short": lambda text: text[: len(text) // 2],
    "nothing": lambda _: "",
    "zeros": lambda text: text[:300] + "\0" * 512 + text[812:],
    "a size too large": lambda text: re.sub(r"tree_sizes=\d+", "tree_sizes=99999999", text),
    "a size below zero": lambda text: re.sub(r"tree_sizes=\d+", "tree_sizes=-5", text),
    "a size of no number": lambda text: re.sub(r"tree_sizes=\d+", "tree_sizes=1e3", text),
    "a feature that is not there": lambda text: re.sub(r"split_feature=\d+", "split_feature=12", text, count=1),
    "a feature below zero": lambda text: text.replace("max_feature_idx=", "max_feature_idx=-", 1),
    "a child that is not there": lambda text: re.sub(r"left_child=\d", "left_child=8", text, count=1),
    "a circle": lambda text: re.sub(r"left_child=\d", "left_child=0", text, count=1),
    "leaves without end": lambda text: re.sub(r"num_leaves=\d", "num_leaves=9", text, count=1),
    "no leaf": lambda text: re.sub(r"num_leaves=\d", "num_leaves=0", text, count=1),
    "a leaf of no number": lambda text: re.sub(r"leaf_value=[^ ]", "leaf_value=x", text, count=1),
    "a leaf without bounds": lambda text: re.sub(r"leaf_value=-?\d", "leaf_value=9e999", text, count=1),
    "categories": lambda text: text.replace("num_cat=0", "num_cat=7", 1),
    "a category's split": lambda text: re.sub(r"decision_type=\d", "decision_type=1", text, count=1),
    "leaves that are lines": lambda text: text.replace("is_linear=0", "is_linear=1", 1),
    "another version": lambda text: text.replace("version=v4", "version=v3"),
    "two classes": lambda text: text.replace("num_class=1", "num_class=2"),
    "an average": lambda text: text.replace("feature_names=", "average_output\nfeature_names=", 1),
    "an objective": lambda text: text.replace("feature_names=", "objective=none\nfeature_names=", 1),
    "a tree too many": lambda text: text.replace("end of trees", "Tree=99\nend of trees"),
    "something behind": lambda text: text + "tree\nversion=v4\n",
    "letters of elsewhere": lambda text: text.replace("Tree=1\n", "Tree=\N{ARABIC-INDIC DIGIT ONE}\n"),
    "an order of trees": lambda text: text.replace("Tree=1\n", "Tree=3\n", 1),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_trees_that_are_none_do_not_reach_lightgbm(forgery: str, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.models.trees._load", lambda _: pytest.fail("LightGBM saw a text that is no model"))
    before = (copy / "model.lgb").read_text()
    after = FORGERIES[forgery](before)
    assert after != before
    folder = _forged(copy, lambda folder: (folder / "model.lgb").write_text(after))
    _refused(folder, "the contents of a bundle")


def test_a_forgery_never_crashes_and_is_refused_or_says_what_the_original_says(tmp_path: Path) -> None:
    """In a process of its own, which no signal may end; each is refused with 70, or its golden rows hold."""

    def work() -> None:
        warnings.simplefilter("ignore")
        rng, refusals = np.random.default_rng(2), 0
        for number in range(FORGED):
            copy = tmp_path / str(number) / KEPT.name
            shutil.copytree(KEPT, copy)
            (copy / "manifest.json").unlink()
            edit = (_cut, _flipped, _zeroed, _doubled, _huge)[number % 5]
            folder = _forged(copy, lambda folder, edit=edit: _edited(edit, folder, rng))  # type: ignore[misc]
            try:
                read_bundle(folder.parent, folder.name, signs())
            except BundleError:
                refusals += 1
            shutil.rmtree(tmp_path / str(number))
        os._exit(0 if refusals > FORGED / 2 else 1)

    process = get_context("fork").Process(target=work)
    process.start()
    process.join(300)
    assert process.exitcode == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("weights.json", b"[" * 100_000),
        ("weights.json", b'{"model": ' + b"9" * 5000 + b"}"),
        ("golden.json", b"{}"),
        ("golden.json", b'{"indicators": {"kept_visits": [1e999]}}'),
        ("calibration.json", b'{"slope": 1e999, "shift": NaN}'),
        ("calibration.json", b'{"slope": "1"}'),
        ("indicators.json", b'{"events": [], "indicators": []}'),
        ("card.md", b"\xff\xfe"),
    ],
)
def test_contents_that_are_none_of_ours_are_refused_whatever_their_hash(name: str, content: bytes, copy: Path) -> None:
    _refused(_forged(copy, lambda folder: (folder / name).write_bytes(content) and None), "bundle|Snapshot")


def test_a_file_that_is_far_too_large_is_not_read(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (copy / "card.md").open("r+b") as handle:
        handle.truncate(1 << 40)  # a hole: it takes no room
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    _refused(copy, "a larger one")


def test_a_pickle_in_the_place_of_a_file_is_not_loaded(copy: Path) -> None:
    stack = b"\x80\x04cos\nsystem\n" + struct.pack("<B", 0x2E)
    _refused(_forged(copy, lambda folder: (folder / "weights.json").write_bytes(stack) and None))


# ------------------------------------------------------------------------------- schemas


@pytest.mark.parametrize("folder", sorted(HERE.glob("schema_*/*")), ids=lambda path: str(path.parent.name))
def test_bundles_of_every_schema_that_was_ever_written_are_read(folder: Path) -> None:
    bundle = read_bundle(folder.parent, folder.name, signs())
    assert bundle.version == folder.name
    assert bundle.horizons == (30, 90)
    assert bundle.model.members_.trees is not None
    assert json.loads((folder / "manifest.json").read_bytes())["schema"] == int(folder.parent.name[-1])


def test_a_schema_without_a_kept_bundle_is_missing_one() -> None:
    assert {int(path.name.removeprefix("schema_")) for path in HERE.glob("schema_*")} == set(bundles._READERS)
    assert max(bundles._READERS) == bundles.SCHEMA


@pytest.mark.parametrize(("schema", "do"), [(2, "update holdfast"), (99, "update holdfast"), (0, "train again")])
def test_another_schema_is_told(schema: int, do: str, copy: Path) -> None:
    contents = {path.name: path.read_bytes() for path in copy.iterdir() if path.name != "manifest.json"}
    listing = bundles._listing(contents)
    (copy / "manifest.json").write_bytes(bundles._manifest(listing, schema))
    _refused(copy.rename(copy.with_name(bundles._version(listing, schema)[:16])), f"found {schema}. Do: {do}")


# ------------------------------------------------------------------------------- the whole


@pytest.mark.parametrize("name", ["weights.json", "golden.json", "manifest.json", "model.lgb"])
def test_a_lost_file_is_refused(copy: Path, name: str) -> None:
    (copy / name).unlink()
    _refused(copy)


@pytest.mark.parametrize("version", ["../models", "0123456789abcdef", ""])
def test_a_name_that_is_no_bundle_is_refused(models: Path, version: str) -> None:
    with pytest.raises(BundleError):
        read_bundle(models, version)


def test_an_indicator_that_means_something_else_now_is_refused(
    models: Path, whole: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.features.indicators.expression.Expression.fingerprint", property(lambda _: "changed"))
    with pytest.raises(BundleError, match="another definition"):
        read_bundle(models, whole.version)


def test_kept_rows_that_give_other_numbers_are_refused(
    models: Path, whole: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = HealthScore.score
    monkeypatch.setattr(HealthScore, "score", lambda self, X: honest(self, X) * 0.99)
    with pytest.raises(BundleError, match="results kept from training"):
        read_bundle(models, whole.version)


def test_it_predicts_as_before_it_was_written(models: Path, whole: Bundle) -> None:
    again = read_bundle(models, whole.version)
    assert again.sha256 == whole.sha256
    assert again.horizons == (30, 90)
    assert again.catalog.names == whole.catalog.names


def test_what_lightgbm_writes_passes(models: Path, whole: Bundle) -> None:
    check_trees((models / whole.version / "model.lgb").read_text())
