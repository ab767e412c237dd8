"""The sections of a plan: every key with its type, its default and what it means."""

from holdfast.serving.sections.learning import (
    Backtest,
    Churn,
    Cutoffs,
    Data,
    Gate,
    Health,
    Horizons,
    Indicators,
    Model,
    Sentiment,
)
from holdfast.serving.sections.section import Section
from holdfast.serving.sections.service import Alerts, Monitor, Output, Playbooks, Queue, Tracking, Writeback

__all__ = [
    "SECTIONS",
    "Alerts",
    "Backtest",
    "Churn",
    "Cutoffs",
    "Data",
    "Gate",
    "Health",
    "Horizons",
    "Indicators",
    "Model",
    "Monitor",
    "Output",
    "Playbooks",
    "Queue",
    "Section",
    "Sentiment",
    "Tracking",
    "Writeback",
]

SECTIONS: dict[str, type[Section]] = {
    "data": Data,
    "churn": Churn,
    "cutoffs": Cutoffs,
    "horizons": Horizons,
    "indicators": Indicators,
    "health": Health,
    "sentiment": Sentiment,
    "model": Model,
    "backtest": Backtest,
    "gate": Gate,
    "monitor": Monitor,
    "playbooks": Playbooks,
    "alerts": Alerts,
    "queue": Queue,
    "tracking": Tracking,
    "output": Output,
    "writeback": Writeback,
}
