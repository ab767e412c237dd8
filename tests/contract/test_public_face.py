"""The public face is complete, lazy and documented."""

import subprocess
import sys

import pytest

import holdfast


@pytest.mark.parametrize("name", [name for name in holdfast.__all__ if name != "__version__"])
def test_every_public_name_resolves_and_is_documented(name: str) -> None:
    value = getattr(holdfast, name)
    assert (value.__doc__ or type(value).__doc__ or "").strip()


def test_a_misspelled_name_gets_a_suggestion() -> None:
    with pytest.raises(AttributeError, match="did you mean 'simulate'"):
        _ = holdfast.simluate


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = ("pandas", "numpy", "lightgbm", "shap", "mlflow")
    code = f"import sys, holdfast; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
