"""MLflow: a record of each training, the models as versions of one registered model, and what its aliases name."""

from holdfast.training.tracking.record import Record
from holdfast.training.tracking.server import Server

__all__ = ["Record", "Server"]
