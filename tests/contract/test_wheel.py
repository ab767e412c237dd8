"""The wheel holds every module, and nothing but the package."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    out = tmp_path_factory.mktemp("dist")
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run([uv, "build", "--quiet", "--out-dir", out], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_module_and_template(names: set[str]) -> None:
    package = ROOT / "holdfast"
    expected = {
        str(path.relative_to(ROOT)) for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    assert expected <= names, sorted(expected - names)


def test_the_wheel_holds_nothing_else(names: set[str]) -> None:
    assert {name.split("/")[0] for name in names} == {"holdfast", "holdfast-0.1.0.dist-info"}
