"""A bundle as a model of MLflow: code that reads it, and says what goes in and what comes out."""

from __future__ import annotations

from pathlib import Path

from holdfast.serving.bundle import Bundle
from holdfast.serving.tracking.scorer import Scorer
from holdfast.training.tracking.package import package

CODE = '''"""The bundle beside this file, as a function from rows to rows; its hashes are checked before it is read."""

import mlflow.models
import mlflow.pyfunc
import pandas as pd

from holdfast.serving.tracking.scorer import Scorer


class Model(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.scorer = Scorer.read(context.artifacts)

    def predict(self, context, model_input: pd.DataFrame, params=None) -> pd.DataFrame:
        return self.scorer(model_input)


mlflow.models.set_model(Model())
'''


def packaged(folder: Path, bundle: Bundle, models: Path, indicators: Path | None = None) -> None:
    """Write a bundle as a model of MLflow.

    Parameters
    ----------
    folder
        A new folder.
    models
        Where the bundle lies.
    indicators
        The file of indicators of your own, where the plan has one; the model takes a copy of it with it.
    """
    scorer = Scorer(bundle)
    files = {"bundle": models / bundle.version}
    if indicators is not None:
        files["indicators"] = indicators
    package(folder, CODE, files, scorer.inputs, scorer.outputs, {"model_sha256": bundle.sha256})
