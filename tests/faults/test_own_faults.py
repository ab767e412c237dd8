"""A user's own file of indicators: whatever is wrong in it is told with file and line, and what to do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from holdfast.errors import BundleError, UsageError
from holdfast.features.catalog import catalog
from holdfast.features.catalog.collection import Catalog
from holdfast.features.catalog.own import own_indicators
from holdfast.features.history import History
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.proof import prove
from holdfast.serving.bundle import _catalog, _definition
from holdfast.serving.command import run
from holdfast.serving.inspection import _placed, proven
from holdfast.serving.plan import read_plan
from tests.tiny import T, history, rows

Write = Callable[[str], Path]
HEAD = """\
from datetime import datetime
import time
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator, indicator
from holdfast.features.indicators.sources import Source, usage
"""
ABOUT = 'dimension="product", healthy="high", unit="uses", title="Uses", curve=None, evidence="{value:.0f} uses"'
GOOD = f"uses_7 = Indicator(usage.count(days=7), {ABOUT})\n"
UNDER = f'@indicator(needs=("usage",), {ABOUT})\n'
SIZE = '    return view["usage"].groupby("account_id").size()\n'
FIRST = HEAD.count("\n") + 1  # the line after the imports


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to(text: str) -> Path:
        path = tmp_path / "our_signs.py"
        path.write_text(HEAD + text, encoding="utf-8")
        return path

    return to


def without(part: str) -> str:
    return GOOD.replace(next(one for one in ABOUT.split(", ") if one.startswith(part)) + ", ", "")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("uses = (\n", 0, ["Python", "'(' was never closed"]),
        ("x = 1\nuses = 1 / 0\n", 1, ["ZeroDivisionError: division by zero"]),
        ("def f():\n    raise RuntimeError('no')\nf()\n", 1, ["RuntimeError: no"]),
        ("raise SystemExit(0)\n", 0, ["SystemExit"]),
        ("import no_such_module_here\n", 0, ["ModuleNotFoundError"]),
        ("1 + 'a'\n", 0, ["code that runs", "TypeError"]),
        ("x = 1\n" + without("unit"), 1, ["a complete declaration", "'unit'", "unit="]),
        (without("title"), 0, ["a complete declaration", "'title'"]),
        (without("curve"), 0, ["a complete declaration", "'curve'"]),
        (without("dimension"), 0, ["a complete declaration", "'dimension'"]),
        (without("healthy"), 0, ["a complete declaration", "'healthy'"]),
        (GOOD.replace(', evidence="{value:.0f} uses"', ""), 0, ["a complete declaration", "'evidence'"]),
        (GOOD.replace('unit="uses"', 'unit=" "'), 0, ["a unit", "give unit="]),
        (GOOD.replace('"high"', '"hihg"'), 0, ["'hihg'"]),
        (GOOD.replace("{value", "{active"), 0, ["active", ".named()"]),
        ("@indicator\ndef uses(view):\n" + SIZE, 0, ["a complete declaration"]),
        ('a = Source("usgae")\n', 0, ["a canonical table", "did you mean 'usage'?"]),
        ('a = usage.count(kindd="login")\n', 0, ["a column of the table", "did you mean 'kind'?"]),
        ('a = usage.sum("cuont")\n', 0, ["a column of the table", "did you mean 'count'?"]),
        ("a = usage.count(days=-7)\n", 0, ["days above 0"]),
        (GOOD + GOOD, 1, ["one declaration of each name", f"lines {FIRST} and {FIRST + 1}", "rename"]),
        (GOOD + UNDER + "def uses_7(view):\n" + SIZE, 2, ["one declaration of each name"]),
        (GOOD.replace("uses_7", "usage_30"), 0, ["'usage_30', which is taken in the catalogue", "own_usage_30"]),
        (GOOD.replace("uses_7", "tenure_days"), 0, ["another column of a snapshot"]),
        (GOOD.replace("Indicator(", 'Indicator(name="uses 7", expression='), 0, ["letters, digits and _"]),
        (
            GOOD + GOOD.replace("uses_7", "more").replace("curve=None", 'name="uses_7", curve=None'),
            1,
            ["'uses_7', which is taken in ", f"line {FIRST}"],
        ),
        (GOOD.replace("curve=None", "curve={0: 1}"), 0, ["a curve", "dict", "bands("]),
        (GOOD.replace("curve=None", "curve=bands((0, 100), (9, 0))"), 0, ["healthy='high'", "falls somewhere"]),
        (GOOD.replace("{value:.0f}", "{value:.0q}"), 0, ["evidence", "{value:.0f}"]),
        (UNDER.replace('"usage",', '"usgae",') + "def uses(view):\n" + SIZE, 1, ["did you mean 'usage'?"]),
        (UNDER.replace('("usage",)', '"usage"') + "def uses(view):\n" + SIZE, 1, ["a tuple of tables", "'usage'"]),
        (UNDER.replace('("usage",)', '["usage"]') + "def uses(view):\n" + SIZE, 1, ["a tuple of tables"]),
        (UNDER.replace('"usage",', '"churn",') + "def left(view):\n" + SIZE, 1, ["'churn', which tells who left"]),
        (GOOD.replace("usage.count(days=7)", 'Source("churn").count()'), 0, ["'churn', which tells who left"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(write: Write, text: str, line: int, words: list[str]) -> None:
    path = write(text)
    with pytest.raises(UsageError) as told:
        own_indicators(path, catalog)
    assert str(told.value).startswith(f"{path}, line {FIRST + line}"), told.value
    assert [one for one in words if one not in str(told.value)] == [], told.value


@pytest.mark.parametrize(
    "text", ["", "from holdfast.features.catalog.product import usage_30, login_days\n", "_a = 1\n"]
)
def test_what_is_imported_is_not_declared_and_nothing_is_an_error(write: Write, text: str) -> None:
    with pytest.raises(UsageError, match=r"our_signs.py: expected at least one indicator, found none"):
        own_indicators(write(text), catalog)


def test_no_such_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such file.*\[indicators\] file"):
        own_indicators(tmp_path / "gone.py", catalog)
    (tmp_path / "latin.py").write_bytes("# Prüfung".encode("latin-1"))
    with pytest.raises(UsageError, match="a readable UTF-8 file"):
        own_indicators(tmp_path / "latin.py", catalog)
    with pytest.raises(UsageError, match="a readable UTF-8 file"):
        own_indicators(tmp_path, catalog)


def measured(path: Path) -> pd.Series:
    one = own_indicators(path, catalog)
    company = history(rows("usage", [1, 2, 40]), tickets=rows("tickets", [3], ticket_id="t"))
    return Catalog(one).measure(company, [T]).indicators[one[0].name]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('return view["tickets"].groupby("account_id").size()', ["a look at 'tickets'", "needs=('usage', 'tickets')"]),
        ('return 1 if "tickets" in view else 2', ["a look at 'tickets'"]),
        ('return view["churn"].groupby("account_id").size()', ["a look at 'churn'", "before the exit"]),
        ('return view["usgae"]', ["a look at 'usgae'", "did you mean 'usage'?"]),
        ('return view["usage"]["cuont"]', ["KeyError: 'cuont'", f"in line {FIRST + 2}"]),
        ("return 7", ["as a Series", "found a int"]),
        ('return view["usage"].set_index("account_id")["count"]', ["an account_id twice"]),
    ],
)
def test_a_function_sees_what_it_declared_and_says_what_it_must(write: Write, body: str, words: list[str]) -> None:
    path = write(UNDER + f"def uses(view):\n    {body}\n")
    with pytest.raises(UsageError) as told:
        measured(path)
    assert "uses" in told.value.where
    assert [one for one in words if one not in str(told.value)] == [], told.value


def test_a_function_that_looks_about_finds_what_it_declared(write: Write) -> None:
    body = '    assert list(view) == ["usage"] and view.tables == ("usage",) and len(view) == 1\n'
    assert measured(write(UNDER + "def uses(view):\n" + body + SIZE)).tolist() == [3.0]


def company(accounts: int) -> History:
    return history(usage=[rows("usage", range(1 + n, 60, 5 + n), f"a{n}") for n in range(accounts)])


@pytest.mark.parametrize("clock", ["time.time()", "datetime.now().toordinal()", "today()"])
def test_a_function_that_reads_the_clock_is_found_out(write: Write, clock: str) -> None:
    helper = "def today():\n    return datetime.now().toordinal()\n"
    path = write(f"{helper}{UNDER}def uses(view):\n    return view['usage'].groupby('account_id').size() + {clock}\n")
    proof = prove(own_indicators(path, catalog), company(2), cutoffs=[T], rounds=1)
    assert "repeatable" in [one.law.name for one in proof.broken]


def test_check_tells_the_record_and_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(UNDER + "def uses(view):\n    return view['usage'].groupby('account_id').size().rank()\n")
    plan = path.parent / "plan.toml"
    plan.write_text(f'[data]\npath = "h"\n[churn]\nkind = "silence"\n[indicators]\nfile = "{path.name}"\n')
    monkeypatch.setattr("holdfast.serving.inspection.prove", partial(prove, cutoffs=[T]))
    found = _placed(proven(own_indicators(path, catalog), company(3)), read_plan(plan))
    broken = [one for one in found if one.severity == "error"]
    assert {one.code for one in broken} == {"HF033"}
    assert all(f"(declared in {path})" in one.message and one.where == "uses" for one in broken)
    assert "usage" in broken[0].message


def test_a_function_that_fails_on_some_accounts_stops_the_check(write: Write) -> None:
    path = write(UNDER + "def uses(view):\n    assert len(view['usage']) > 99\n" + SIZE)
    with pytest.raises(UsageError, match=r"our_signs.py, line .*, uses: .*AssertionError, in line"):
        proven(own_indicators(path, catalog), company(2))


def test_a_mistake_in_the_file_is_one_line_at_the_command(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(without("unit"))
    plan = path.parent / "plan.toml"
    plan.write_text('[data]\npath = "h"\n[churn]\nkind = "silence"\n[indicators]\nfile = "our_signs.py"\n')
    (path.parent / "h").mkdir()
    rows("usage", [1, 40]).to_csv(path.parent / "h" / "usage.csv", index=False)
    pd.DataFrame({"account_id": ["a"], "valid_from": ["2024-01-01"]}).to_csv(path.parent / "h" / "accounts.csv")
    assert run(["indicators", str(plan)]) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[-1].startswith(f"holdfast: {path}, line {FIRST}: expected a complete declaration")


def stored(one: Indicator) -> dict[str, object]:
    return {"events": [], "indicators": [_definition(one)]}


HELPED = "LIMIT = 3\ndef few(size):\n    return size.clip(upper=LIMIT)\n"
ABOVE = f'{UNDER}def uses(view):\n    return few(view["usage"].groupby("account_id").size())\n'


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        (GOOD, GOOD.replace("days=7", "days=8"), True),
        (GOOD, GOOD.replace("curve=None", "curve=bands((0, 0), (9, 100))"), True),
        (GOOD, GOOD.replace('healthy="high"', 'healthy="unclear"'), True),
        (GOOD, GOOD.replace('title="Uses"', 'title="Uses in a week"'), False),
        (GOOD, GOOD.replace("uses_7", "uses_8"), True),
        (HELPED + ABOVE, HELPED.replace("LIMIT = 3", "LIMIT = 4") + ABOVE, True),
        (HELPED + ABOVE, HELPED.replace("clip(upper=LIMIT)", "clip(lower=LIMIT)") + ABOVE, True),
        (HELPED + ABOVE, "# of no concern\nOTHER = 5\n" + HELPED + ABOVE, False),
        (HELPED + ABOVE, HELPED + ABOVE.replace('title="Uses"', 'title="Few uses"'), False),
    ],
)
def test_a_model_is_refused_when_what_it_learned_from_means_something_else(
    write: Write, before: str, after: str, refused: bool
) -> None:
    learned = stored(own_indicators(write(before), catalog)[0])
    now = catalog.adding(*own_indicators(write(after), catalog))
    if not refused:
        assert len(_catalog(learned, "v", now)) == 1
        return
    with pytest.raises(BundleError, match="bring back the file that declares it"):
        _catalog(learned, "v", now)


def test_the_settings_follow_the_contents_of_the_file(write: Write) -> None:
    path = write(GOOD)
    plan = path.parent / "plan.toml"
    plan.write_text('[data]\npath = "h"\n[churn]\nkind = "silence"\n')
    without_file = read_plan(plan).sha256()
    plan.write_text(plan.read_text() + '[indicators]\nfile = "our_signs.py"\n')
    hashes = {read_plan(plan).sha256(), without_file}
    write(GOOD.replace("{value:.0f} uses", "{value:.0f} times"))
    assert len(hashes | {read_plan(plan).sha256()}) == 3
    path.rename(path.parent / "elsewhere.py")
    plan.write_text(plan.read_text().replace("our_signs", "elsewhere"))
    assert len(hashes | {read_plan(plan).sha256()}) == 3
    (path.parent / "elsewhere.py").unlink()
    with pytest.raises(UsageError, match=r"elsewhere.py: expected a file that can be read"):
        read_plan(plan).sha256()


def test_a_file_runs_once_and_leaves_nothing_behind_when_it_fails(write: Write) -> None:
    before = set(sys.modules)
    with pytest.raises(UsageError):
        own_indicators(write("raise ValueError('x')\n"), catalog)
    assert set(sys.modules) == before
    path = write("import sys\nsys.runs_of_ours = getattr(sys, 'runs_of_ours', 0) + 1\n" + GOOD)
    assert own_indicators(path, catalog) == own_indicators(path, catalog)
    assert sys.runs_of_ours == 1  # type: ignore[attr-defined] # set by the file
    del sys.runs_of_ours  # type: ignore[attr-defined] # as above
