"""Sharing: the steps of a task done bucket by bucket, here or by processes that end with the one that asks."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

from holdfast.errors import HoldfastError
from holdfast.progress import progress
from holdfast.threads import one_thread

MOST = 4  # processes; each holds the libraries, the model and a bucket


@contextmanager
def shared(task: object, buckets: int, processes: int) -> Iterator[Callable[[str], None]]:
    """Give a function that does a step, a method of the task by its name, for every bucket by its number.

    What a step makes lies in files: nothing but its end is told. With fewer than two processes it is done here. Others
    get a copy of the task and wait for steps; when this process ends, however it ends, they do.
    """
    if min(processes, buckets) < 2:
        yield partial(_alone, task, buckets)
        return
    context = get_context("spawn")  # a fork would copy locks that other threads hold
    lines, workers = [], []
    for _ in range(min(processes, buckets)):
        mine, theirs = context.Pipe()
        workers.append(context.Process(target=_work, args=(theirs, task), daemon=True))
        workers[-1].start()
        theirs.close()
        lines.append(mine)
    try:
        yield partial(_together, lines, buckets)
    except BaseException:
        for worker in workers:
            worker.terminate()
        raise
    finally:
        for line in lines:
            line.close()
        for worker in workers:
            worker.join()


def _alone(task: object, buckets: int, step: str) -> None:
    for bucket in progress(range(buckets), step, buckets):
        getattr(task, step)(bucket)


def _together(lines: Sequence[Connection], buckets: int, step: str) -> None:
    """Give each process a bucket whenever it is free, until all are done."""
    for _ in progress(_done(lines, buckets, step), step, buckets):
        pass


def _done(lines: Sequence[Connection], buckets: int, step: str) -> Iterator[None]:
    todo, busy = deque(range(buckets)), 0
    for line in lines:
        if todo:
            line.send((step, todo.popleft()))
            busy += 1
    while busy:
        ready = wait(lines)
        for line in (one for one in lines if one in ready):
            problem = _heard(line)
            if problem is not None:
                raise problem
            busy -= 1
            yield
            if todo:
                line.send((step, todo.popleft()))
                busy += 1


def _heard(line: Connection) -> Exception | None:
    try:
        problem: Exception | None = line.recv()
    except (EOFError, ConnectionResetError):
        do = "see whether the machine is short of memory, then run again"
        return HoldfastError("sharing", "a process that goes on", "one that was ended", do)
    return problem


def _work(line: Connection, task: object) -> None:
    """Do steps until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asks hears it, and ends this
    with one_thread(), suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            line.send(_problem(task, *line.recv()))


def _problem(task: object, step: str, bucket: int) -> Exception | None:
    """Do a step; give what went wrong, to be raised where it was asked for."""
    try:
        getattr(task, step)(bucket)
    except Exception as problem:
        return problem
    return None
