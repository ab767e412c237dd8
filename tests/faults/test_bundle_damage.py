"""A damaged bundle is refused before a parser sees it: exit code 70, never a crash, never other numbers."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from holdfast.errors import BundleError
from holdfast.features.catalog import catalog
from holdfast.features.simulate import simulate
from holdfast.features.time import cutoffs
from holdfast.models.churn import ChurnModel
from holdfast.models.health import HealthScore
from holdfast.serving import bundle as bundles
from holdfast.serving.bundle import Bundle, read_bundle, write_bundle
from holdfast.training.labels import label

MUTATIONS = 300


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        for module in ("churn", "members", "rehearsal"):  # so that a small company has trees too
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
def copy(models: Path, whole: Bundle, tmp_path: Path) -> Path:
    shutil.copytree(models / whole.version, tmp_path / whole.version)
    return tmp_path / whole.version


def _refused(folder: Path, match: str = "bundle") -> None:
    with pytest.raises(BundleError, match=match) as refused:
        read_bundle(folder.parent, folder.name)
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


def test_any_changed_byte_is_refused(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "_parse", lambda *_: pytest.fail("a parser saw damaged bytes"))
    rng = np.random.default_rng(0)
    files = sorted(copy.iterdir())
    for number in range(MUTATIONS):
        path = files[number % len(files)]
        whole = path.read_bytes()
        path.write_bytes(_damaged(whole, rng))
        _refused(copy)
        path.write_bytes(whole)


def _damaged(content: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(len(content)))
    match rng.integers(4):
        case 0:
            return content[:at]
        case 1:
            return content[:at] + bytes([content[at] ^ int(rng.integers(1, 256))]) + content[at + 1 :]
        case 2:
            return content[:at] + b"\0" * 512 + content[at + 512 :]
        case _:
            return content[:at] + content[at:][:40] + content[at:]


@pytest.mark.parametrize("name", ["weights.json", "golden.json", "manifest.json", "model.lgb"])
def test_a_lost_file_is_refused(copy: Path, name: str) -> None:
    (copy / name).unlink()
    _refused(copy)


def test_a_file_too_many_is_refused(copy: Path) -> None:
    (copy / "extra.py").write_text("import os")
    _refused(copy, r"extra\.py")


def test_a_link_out_of_the_folder_is_refused(copy: Path, tmp_path: Path) -> None:
    (copy / "card.md").rename(tmp_path / "card.md")
    (copy / "card.md").symlink_to(tmp_path / "card.md")
    _refused(copy)


@pytest.mark.parametrize("version", ["../models", "0123456789abcdef", ""])
def test_a_name_that_is_no_bundle_is_refused(models: Path, version: str) -> None:
    with pytest.raises(BundleError):
        read_bundle(models, version)


def test_an_indicator_that_means_something_else_now_is_refused(
    models: Path, whole: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.features.indicators.expression.Expression.fingerprint", property(lambda _: "changed"))
    _refused(models / whole.version, "another definition")


def test_kept_rows_that_give_other_numbers_are_refused(
    models: Path, whole: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = HealthScore.score
    monkeypatch.setattr(HealthScore, "score", lambda self, X: honest(self, X) * 0.99)
    _refused(models / whole.version, "results kept from training")


def test_it_predicts_as_before_it_was_written(models: Path, whole: Bundle) -> None:
    again = read_bundle(models, whole.version)
    assert again.sha256 == whole.sha256
    assert again.horizons == (30, 90)
    assert again.catalog.names == whole.catalog.names
