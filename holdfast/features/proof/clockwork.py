"""Another hour and other random numbers, for as long as a subject is measured again."""

from __future__ import annotations

import datetime as calendar
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

_NANO = 1_000_000_000
_TELLING = ("time", "time_ns", "localtime", "gmtime", "ctime", "asctime", "strftime")
_DAYS = {getattr(time, name, None) for name in ("CLOCK_REALTIME", "CLOCK_TAI")} - {None}


@contextmanager
def another_day(year: int, seed: int, functions: Iterable[Callable[..., Any]]) -> Iterator[None]:
    """Stop the wall clock in March of a year and seed the random numbers that nobody seeded.

    Reached are ``datetime.now``, ``date.today``, ``pd.Timestamp.now`` and what `time` knows of the day (``time``,
    ``localtime``, ``gmtime``, ``ctime``, ``asctime``, ``strftime``, ``clock_gettime``), by whatever name the modules of
    the given functions know them. ``np.datetime64("now")`` and ``pd.Timestamp("now")`` are compiled in and stay as they
    are: moving the whole calendar tells them where they are set against the dates of records, and nothing does where
    today alone makes the number.
    """
    stopped = calendar.datetime(year, 3, 14, 15, 9, 26, tzinfo=calendar.UTC)
    stand_ins = _stand_ins(stopped)
    state, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 # the state of code that is not ours
    with ExitStack() as stack:
        for module in [calendar, time, *_modules(functions)]:
            for name, value in list(vars(module).items()):
                if isinstance(value, type) or callable(value):
                    stand_in = next((new for old, new in stand_ins if value is old), None)
                    if stand_in is not None:
                        stack.enter_context(patch.object(module, name, stand_in))
        for name in ("now", "today", "utcnow"):
            stack.enter_context(patch.object(pd.Timestamp, name, staticmethod(_stamp(stopped, name))))
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 # the very state that unseeded code draws from
        try:
            yield
        finally:
            random.setstate(state)
            np.random.set_state(legacy)  # noqa: NPY002 # as above


def _stamp(stopped: calendar.datetime, name: str) -> Callable[..., pd.Timestamp]:
    def now(tz: Any = None) -> pd.Timestamp:
        stamp = pd.Timestamp(stopped)
        if name == "utcnow":
            return stamp
        return stamp.tz_localize(None) if tz is None else stamp.tz_convert(tz)

    return now


def _stand_ins(stopped: calendar.datetime) -> list[tuple[object, object]]:
    """Pair what tells the time with what tells that it stands still."""
    real, real_date = calendar.datetime, calendar.date

    class Same(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, real if issubclass(cls, real) else real_date)

    class Stopped(calendar.datetime, metaclass=Same):
        @classmethod
        def now(cls, tz: calendar.tzinfo | None = None) -> Any:
            return stopped.astimezone(tz) if tz is not None else stopped.replace(tzinfo=None)

        @classmethod
        def utcnow(cls) -> Any:
            return stopped.replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return stopped.replace(tzinfo=None)

    class StoppedDate(calendar.date, metaclass=Same):
        @classmethod
        def today(cls) -> Any:
            return stopped.date()

    return [(real, Stopped), (real_date, StoppedDate), *_seconds(int(stopped.timestamp()))]


def _seconds(now: int) -> list[tuple[object, object]]:
    """Pair the functions of `time` that tell the day with what tells it of one second."""
    given = {name: getattr(time, name) for name in _TELLING}

    def of(name: str) -> Callable[..., Any]:
        return lambda seconds=None: given[name](now if seconds is None else seconds)

    def text(name: str, *before: str) -> Callable[..., str]:
        def told(*how: Any) -> str:
            return str(given[name](*how, *([time.localtime(now)] if len(how) == len(before) else ())))

        return told

    stand_ins: dict[str, Callable[..., Any]] = {
        **{name: of(name) for name in ("localtime", "gmtime", "ctime")},
        "asctime": text("asctime"),
        "strftime": text("strftime", "format"),
        "time": lambda: float(now),
        "time_ns": lambda: now * _NANO,
    }
    pairs: list[tuple[object, object]] = [(given[name], stand_ins[name]) for name in _TELLING]
    for name, unit in (("clock_gettime", 1), ("clock_gettime_ns", _NANO)):
        real = getattr(time, name, None)  # not on every system
        if real is not None:
            pairs.append((real, lambda clock, real=real, unit=unit: now * unit if clock in _DAYS else real(clock)))
    return pairs


def _modules(functions: Iterable[Callable[..., Any]]) -> list[ModuleType]:
    """Give the modules in which functions were written, and those of the same package."""
    names = {getattr(one, "__module__", None) or "" for one in functions}
    roots = {name.split(".")[0] for name in names} - {"", "holdfast", "numpy", "pandas", "builtins"}
    return [module for name, module in list(sys.modules.items()) if name.split(".")[0] in roots]
