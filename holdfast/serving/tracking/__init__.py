"""Tracking: what MLflow is told of trainings and promotions, kept in the workspace until it has heard."""
