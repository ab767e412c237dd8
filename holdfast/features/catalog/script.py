"""A Python file of the user's own, run once: what it defines, where, and of what each definition is made."""

from __future__ import annotations

import ast
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from holdfast.errors import HoldfastError, UsageError

_INCOMPLETE = ("Indicator.__init__()", "indicator()")  # where a TypeError tells of a declaration, not of other code


@dataclass(frozen=True)
class Definition:
    """One top-level binding of a name: its line, its text without decorators, and the names that the text uses."""

    line: int
    text: str
    uses: frozenset[str]
    imported: bool


@dataclass(frozen=True)
class Script:
    """A file that has run.

    Attributes
    ----------
    module
        What it left behind.
    definitions
        Where the names at its top level were bound, in order.
    """

    path: Path
    module: ModuleType
    definitions: Mapping[str, tuple[Definition, ...]]

    @property
    def own(self) -> dict[str, object]:
        """What the file itself defines under a public name; what it imports is not its own."""
        return {
            name: value
            for name, value in vars(self.module).items()
            if not name.startswith("_") and any(not one.imported for one in self.definitions.get(name, ()))
        }

    def at(self, name: str) -> str:
        """Tell where a name is bound, last if it is more than once."""
        return f"{self.path}, line {self.definitions[name][-1].line}"

    def text_of(self, name: str) -> str:
        """Give the text of a definition with that of all it uses from the file, however far: what it means.

        Comments between definitions, and what a decorator says, are no part of it.
        """
        reached, waiting = {name}, [name]
        while waiting:
            used = {one for part in self.definitions[waiting.pop()] for one in part.uses if one in self.definitions}
            waiting += sorted(used - reached)
            reached |= used
        parts = {(one.line, one.text) for each in reached for one in self.definitions[each]}
        return "\n".join(text for _, text in sorted(parts))


def run_script(path: str | Path) -> Script:
    """Run a Python file in a module of its own; a file that has not changed runs once per process.

    Raises
    ------
    UsageError
        When it cannot be read or compiled, or what it does fails; with the line.

    Examples
    --------
    >>> run_script("no_such_file.py")
    Traceback (most recent call last):
    holdfast.errors.UsageError: no_such_file.py: expected a Python file, found no such file. \
Do: correct [indicators] file in the plan.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(str(file), "a Python file", "no such file", "correct [indicators] file in the plan") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(str(file), "a readable UTF-8 file", str(problem), "correct the path or the file") from None
    return _ran(file, text)


@lru_cache(maxsize=8)
def _ran(file: Path, text: str) -> Script:
    try:
        tree = ast.parse(text, str(file))
        code = compile(tree, str(file), "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as problem:
        line, said = getattr(problem, "lineno", None), getattr(problem, "msg", str(problem))
        raise UsageError(_at(file, line), "Python", said, "correct that line") from None
    name = f"holdfast_own_{sha256(f'{file}:{text}'.encode()).hexdigest()[:12]}"
    module = ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module  # where dataclasses, and the proof that stops the clock, look for it
    try:
        exec(code, module.__dict__)  # noqa: S102 # the user's own file, named in the user's own plan
    except (Exception, SystemExit) as problem:  # whatever it does wrong is told where, and is no fault of ours
        del sys.modules[name]
        raise _told(problem, file) from None
    return Script(file, module, _definitions(tree, text))


def _told(problem: BaseException, file: Path) -> UsageError:
    where, said = _at(file, line_of(problem, file)), f"{type(problem).__name__}: {problem}".rstrip(": ")
    if isinstance(problem, HoldfastError):
        return UsageError(f"{where}: {problem.where}", problem.expected, problem.found, problem.do)
    if isinstance(problem, TypeError) and str(problem).startswith(_INCOMPLETE):
        do = "give all of dimension=, healthy=, unit=, title=, evidence=, and curve= (None keeps it out of scores)"
        return UsageError(where, "a complete declaration", str(problem), do)
    return UsageError(where, "code that runs", said, "correct it")


def line_of(problem: BaseException, file: Path) -> int | None:
    """Find the last line of a file that was running when something went wrong."""
    lines = [frame.lineno for frame in traceback.extract_tb(problem.__traceback__) if frame.filename == str(file)]
    return lines[-1] if lines else None


def _at(file: Path, line: int | None) -> str:
    return str(file) if line is None else f"{file}, line {line}"


def _definitions(tree: ast.Module, text: str) -> dict[str, tuple[Definition, ...]]:
    found: dict[str, list[Definition]] = {}
    for node in _statements(tree.body):
        imported = isinstance(node, ast.Import | ast.ImportFrom)
        one = Definition(node.lineno, ast.get_source_segment(text, node) or "", _used(node), imported)
        for name in _bound(node):
            found.setdefault(name, []).append(one)
    return {name: tuple(parts) for name, parts in found.items()}


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run in the module itself, those inside ``if``, ``for``, ``with`` and ``try`` too."""
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for part in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(node, part, []))


def _bound(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    names = (one for one in ast.walk(node) if isinstance(one, ast.Name))
    return {one.id for one in names if isinstance(one.ctx, ast.Store)}


def _used(node: ast.stmt) -> frozenset[str]:
    """Name what a statement reads; of a function not what its decorators say."""
    parts = [node.args, *node.body] if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else [node]
    names = (one for part in parts for one in ast.walk(part) if isinstance(one, ast.Name))
    return frozenset(one.id for one in names if isinstance(one.ctx, ast.Load))
