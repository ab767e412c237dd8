"""The plan: one TOML file that says where the history is, what churn means, and where results go.

Only this floor reads it; the floors below take plain arguments.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.database.secrets import HIDDEN
from holdfast.serving.sections import (
    SECTIONS,
    Alerts,
    Backtest,
    Churn,
    Cutoffs,
    Data,
    Gate,
    Health,
    Horizons,
    Indicators,
    Model,
    Monitor,
    Output,
    Playbooks,
    Queue,
    Section,
    Sentiment,
    Tracking,
    Writeback,
)


class Plan(Section):
    """Every setting of one workspace, with its default.

    Examples
    --------
    >>> plan = Plan.model_validate({"data": {"path": "history"}, "churn": {"kind": "notice"}})
    >>> plan.horizons.days, plan.churn.active_days
    ((30, 60, 90), 90)
    """

    data: Data
    churn: Churn
    cutoffs: Cutoffs = Cutoffs()
    horizons: Horizons = Horizons()
    indicators: Indicators = Indicators()
    health: Health = Health()
    sentiment: Sentiment = Sentiment()
    model: Model = Model()
    backtest: Backtest = Backtest()
    gate: Gate = Gate()
    monitor: Monitor = Monitor()
    playbooks: Playbooks = Playbooks()
    alerts: Alerts = Alerts()
    queue: Queue = Queue()
    tracking: Tracking = Tracking()
    output: Output = Output()
    writeback: Writeback = Writeback()

    def with_strict_clock(self) -> Plan:
        """Return the plan with the strict clock on, whatever it says."""
        return self.model_copy(update={"data": self.data.model_copy(update={"strict_clock": True})})

    def settings(self) -> dict[str, dict[str, Any]]:
        """Return every setting as plain JSON values, by section."""
        return self.model_dump(mode="json")

    def sha256(self) -> str:
        """Hash what can change a score or the words beside it: not where files lie, nor how the run is logged.

        Raises
        ------
        UsageError
            When the file of indicators cannot be read.
        """
        settings = self.model_dump(mode="json", include={"churn", "horizons", "model"}, exclude={"model": {"threads"}})
        settings["language"] = self.output.language
        settings["alerts"] = self.alerts.asked
        if self.indicators.file is not None:
            settings["indicators"] = {"file": hashlib.sha256(_contents(self.indicators.file)).hexdigest()}
        settings["queue"] = self.queue.model_dump(mode="json")
        books = self.playbooks
        settings["playbooks"] = {
            "escalate": books.escalate,
            "file": books.file and hashlib.sha256(_contents(books.file)).hexdigest(),
        }
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    def training_sha256(self) -> str:
        """Hash what can change a model, its proof or its way through the gate: not where files lie.

        Raises
        ------
        UsageError
            When the file of indicators, or the template, cannot be read.
        """
        sections = {"churn", "cutoffs", "horizons", "health", "sentiment", "model", "backtest", "gate"}
        settings = self.model_dump(mode="json", include=sections, exclude={"model": {"threads"}, "gate": {"keep"}})
        settings |= {"strict_clock": self.data.strict_clock, "language": self.output.language}
        files = {"indicators": self.indicators.file, "template": _file_of(self.health.template)}
        for name, file in files.items():
            settings[f"file of {name}"] = file and hashlib.sha256(_contents(file)).hexdigest()
        if files["template"] is not None:
            del settings["health"]["template"]
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    def describe(self) -> Iterator[tuple[str, str, object, bool, str]]:
        """Yield section, key, value, whether it is the default, and what it means."""
        for section, values in self.settings().items():
            given = getattr(self, section).model_fields_set
            for key, value in values.items():
                yield section, key, value, key not in given, SECTIONS[section].model_fields[key].description or ""


def read_plan(path: str | Path) -> Plan:
    """Read and validate a plan; paths inside it are relative to the file.

    Parameters
    ----------
    path
        The TOML file, or a folder that holds a ``plan.toml``.

    Raises
    ------
    UsageError
        When the file is absent, is no TOML, or has an unknown or wrong key.
    """
    file = Path(path) / "plan.toml" if Path(path).is_dir() else Path(path)
    plan = parse_plan(_toml(file), str(path))
    home = file.resolve().parent
    data = plan.data.model_copy(update={"path": (home / plan.data.path.expanduser()).resolve()})
    output = plan.output.model_copy(update={"workspace": (home / plan.output.workspace.expanduser()).resolve()})
    own, template = plan.indicators.file, plan.health.template
    indicators = plan.indicators.model_copy(update={"file": own and (home / own.expanduser()).resolve()})
    books = plan.playbooks.file
    playbooks = plan.playbooks.model_copy(update={"file": books and (home / books.expanduser()).resolve()})
    named = str((home / Path(template).expanduser()).resolve()) if template.endswith(".toml") else template
    health = plan.health.model_copy(update={"template": named})
    tracking = plan.tracking.model_copy(update={"uri": _database_in(home, plan.tracking.uri)})
    resolved = {"data": data, "output": output, "indicators": indicators, "health": health, "playbooks": playbooks}
    return plan.model_copy(update=resolved | {"tracking": tracking})


def parse_plan(settings: dict[str, Any], where: str = "plan") -> Plan:
    """Validate settings that were read already.

    Examples
    --------
    >>> parse_plan({"data": {"path": "h"}, "churn": {"kind": "notice", "activ_days": 30}})
    Traceback (most recent call last):
    holdfast.errors.UsageError: plan, key churn.activ_days: expected a known key, found 'activ_days'. \
Do: did you mean 'active_days'?.
    """
    try:
        return Plan.model_validate(settings)
    except ValidationError as problem:
        raise _refusal(problem, where) from None


def _database_in(home: Path, uri: str | None) -> str | None:
    """Let the path of a SQLite file be relative to the plan, too."""
    scheme, found, path = (uri or "").partition("sqlite:///")
    return f"sqlite:///{(home / path).resolve()}" if found and not scheme else uri


def _file_of(template: str) -> Path | None:
    return Path(template) if template.endswith(".toml") else None


def _contents(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        raise UsageError(str(file), "a file that can be read", problem.strerror or "", "correct the path") from None


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            str(file), "a plan", "no such file", "name a plan.toml; `holdfast init DIR` writes one"
        ) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(str(file), "a readable UTF-8 file", str(problem), "correct the path or the file") from None
    except (ValueError, RecursionError) as problem:  # no TOML, or nested or numbered beyond what is read
        raise UsageError(str(file), "TOML", str(problem), "correct that line") from None


def _refusal(problem: ValidationError, where: str) -> UsageError:
    first, *others = sorted(problem.errors(), key=lambda error: error["type"] != "extra_forbidden")
    location = [str(part) for part in first["loc"]]
    key = ".".join(location)
    rest = f" ({len(others)} more after this one)" if others else ""
    place = f"{where}, key {key}"
    if first["type"] == "extra_forbidden":
        return UsageError(
            place, "a known key", repr(location[-1]), did_you_mean(location[-1], _known(location[:-1])) + rest
        )
    if first["type"] == "missing":
        meaning = _meaning(location)
        return UsageError(place, meaning, "nothing", f"add it to the section [{'.'.join(location[:-1]) or key}]{rest}")
    expected = str(first["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    if first["type"] in _PLAINLY:
        expected = _PLAINLY[first["type"]] or _meaning(location)
    found = HIDDEN if _SECRET.intersection(location) else repr(first["input"])  # it may be an address
    return UsageError(place, expected, found, f"correct it{rest}")


# what pydantic would say in its own words; None: what the key means
_PLAINLY = {"tuple_type": "a list", "path_type": "a path", "model_type": "a section", "string_pattern_mismatch": None}

_SECRET = {"url", "uri", "token", "channels"}  # what is typed there by mistake may be a secret


def _known(sections: list[str]) -> list[str]:
    return list(_model(sections).model_fields)


def _model(sections: list[str]) -> type[BaseModel]:
    """Give the model of a section, which may lie inside another."""
    model: type[BaseModel] = Plan
    for name in sections:
        kind = model.model_fields[name].annotation
        model = next(one for one in (kind, *get_args(kind)) if isinstance(one, type) and issubclass(one, BaseModel))
    return model


def _meaning(location: list[str]) -> str:
    if len(location) == 1:
        fields = SECTIONS[location[0]].model_fields
        return f"a section [{location[0]}] with {', '.join(name for name, one in fields.items() if one.is_required())}"
    *sections, name = (one for one in location if not one.isdigit())  # an entry of a list means what the list does
    return _model(sections).model_fields[name].description or "a value"
