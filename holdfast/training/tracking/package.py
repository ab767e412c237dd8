"""A model as MLflow takes it: a few lines of code and our own files, nothing pickled, nothing inferred."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from holdfast.training.tracking.quiet import quietly

# what the figures rest on; the same rows give the same results as in training with exactly these
_RESTS_ON = ("holdfast", "lightgbm", "mlflow", "numpy", "pandas", "scikit-learn", "scipy")
Columns = Mapping[str, tuple[str, bool]]


def package(
    folder: Path,
    code: str,
    files: Mapping[str, Path],
    inputs: Columns,
    outputs: Columns,
    metadata: Mapping[str, str],
) -> None:
    """Write a model of the flavour pyfunc that is made by code, with its files and its signature.

    Parameters
    ----------
    folder
        A new folder.
    code
        Python that calls ``mlflow.models.set_model``.
    files
        Files and folders that it finds under these names in ``context.artifacts``.
    inputs, outputs
        Columns by name, in order: their type as MLflow calls it, and whether one may be absent.
    """
    with quietly():
        import mlflow.pyfunc
        from mlflow.models import ModelSignature

        with TemporaryDirectory() as temporary:
            script = Path(temporary) / "model.py"
            script.write_text(code, encoding="utf-8")
            mlflow.pyfunc.save_model(
                folder,
                python_model=str(script),
                artifacts={name: str(path) for name, path in files.items()},
                signature=ModelSignature(_schema(inputs), _schema(outputs)),
                pip_requirements=[f"{name}=={version(name)}" for name in _RESTS_ON],
                metadata=dict(metadata),
            )


def _schema(columns: Columns) -> object:
    from mlflow.types import ColSpec, Schema

    return Schema([ColSpec(kind, name, required=not absent) for name, (kind, absent) in columns.items()])
