"""The plan: the smallest one, the full one, and the words for what is wrong with others."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from holdfast.errors import UsageError
from holdfast.serving.command import run
from holdfast.serving.plan import Plan, parse_plan, read_plan
from holdfast.serving.starter import plan_text
from holdfast.serving.workable import refuse_unworkable

SMALLEST = """
[data]
path = "history"
[churn]
kind = "notice"
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_smallest_plan_has_every_default(tmp_path: Path) -> None:
    plan = read_plan(_write(tmp_path, SMALLEST))
    assert plan.horizons.days == (30, 60, 90)
    assert plan.cutoffs.every == "28d"
    assert (plan.churn.active_days, plan.churn.confirm_days, plan.churn.grace_days) == (90, 90, 14)
    assert (plan.churn.min_tenure_days, plan.churn.settlement_days) == (28, 14)


def test_paths_are_relative_to_the_plan_not_to_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(tmp_path, SMALLEST)
    monkeypatch.chdir("/")
    plan = read_plan(path)
    assert plan.data.path == tmp_path / "history"
    assert plan.output.workspace == tmp_path / "out"


def test_a_folder_stands_for_the_plan_inside(tmp_path: Path) -> None:
    _write(tmp_path, SMALLEST)
    assert read_plan(tmp_path).churn.kind == "notice"


@pytest.mark.parametrize("written", ["2025-03-01", '"2025-03-01"', "2025-03-01T01:00:00+01:00"])
def test_a_date_alone_is_midnight_utc(tmp_path: Path, written: str) -> None:
    plan = read_plan(_write(tmp_path, SMALLEST.replace("[churn]", f"end = {written}\n[churn]")))
    assert plan.data.end == datetime(2025, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[data]\npath = "h"\n[churn]\nkind = "notice"\nactiv_days = 3',
            r"churn\.activ_days.*did you mean 'active_days'",
        ),
        ('[data]\npath = "h"\n[chrun]\nkind = "notice"', r"key chrun.*did you mean 'churn'"),
        ('data = "h"\n[churn]\nkind = "notice"', "key data: expected a section, found 'h'"),
        ('[data]\npath = 3\n[churn]\nkind = "notice"', "data.path: expected a path, found 3"),
        (SMALLEST + "[horizons]\ndays = 30", "horizons.days: expected a list, found 30"),
        (SMALLEST + '[cutoffs]\nevery = "28"', """cutoffs.every: expected "28d", "7d", ... or "month", found '28'"""),
        (SMALLEST + '[cutoffs]\nfirst = "soon"', "cutoffs.first: expected an ISO date or time .*, found 'soon'"),
        ('[data]\npath = "h"', r"key churn: expected a section \[churn\] with kind, found nothing"),
        ('[churn]\nkind = "notice"\n[data]\nend = 2025-01-01', r"data\.path: expected folder.*found nothing.*\[data\]"),
        (
            '[data]\npath = "h"\n[churn]\nkind = "gone"',
            r"churn\.kind: expected 'notice', 'silence' or 'departure', found 'gone'",
        ),
        (SMALLEST + "[horizons]\ndays = [60, 30]", r"horizons\.days: expected ascending whole days"),
        (SMALLEST + "[horizons]\ndays = []", r"horizons\.days: expected ascending whole days"),
        (SMALLEST + '[cutoffs]\nevery = "weekly"', r"cutoffs\.every.*found 'weekly'"),
        (SMALLEST + '[cutoffs]\nfirst = "soon"', r"cutoffs\.first: expected .*found 'soon'"),
        (SMALLEST + "grace_days = -1", r"churn\.grace_days: expected greater than or equal to 0, found -1"),
        (SMALLEST + "active_days = true", r"churn\.active_days: expected a number, not true or false, found True"),
        (SMALLEST + "[horizons]\ndays = [true, 30]", r"horizons\.days: expected a number, not true or false"),
        (SMALLEST + "[queue]\nhours_of = {ann = true}", r"queue\.hours_of: expected a number, not true or false"),
        (SMALLEST + "[cutoffs]\nfirst = 2025-03-01\nlast = 2025-02-01", r"cutoffs\.last: expected a day from cutoffs"),
        (
            SMALLEST + "[monitor]\nmatters = 0.9\nstops = 0.1",
            r"monitor\.stops: expected at least monitor\.matters, 0\.9",
        ),
        (
            SMALLEST + "[monitor]\nmatters = 0.9",
            r"monitor\.stops: expected at least monitor\.matters, 0\.9, found 0\.5",
        ),
        ("[data\npath = 3", r"plan\.toml: expected TOML, found .*line 1"),
        (SMALLEST + "[churn]\n", r"expected TOML, found .*line \d+"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        read_plan(_write(tmp_path, text))
    assert refused.value.exit_code == 2


def test_a_missing_plan_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holdfast init"):
        read_plan(tmp_path / "plan.toml")


def test_the_starter_plan_is_valid_and_shows_true_defaults(tmp_path: Path) -> None:
    commented = plan_text("history", "out")
    undefaulted = ("end =", "dialect", "currenc", "rates")
    lines = [line.removeprefix("# ") for line in commented.splitlines() if not line.startswith("# The plan")]
    shown = read_plan(
        _write(tmp_path, "\n".join(line for line in lines if not any(one in line for one in undefaulted)))
    )
    defaults = read_plan(_write(tmp_path, SMALLEST))
    assert shown.settings() | {"churn": None} == defaults.settings() | {"churn": None}
    assert shown.churn.model_dump(exclude={"activity"}) == defaults.churn.model_dump(exclude={"activity"})


def test_every_setting_is_described_and_marked_as_given_or_default() -> None:
    plan = parse_plan({"data": {"path": "h"}, "churn": {"kind": "silence", "active_days": 90}})
    rows = list(plan.describe())
    assert all(meaning for *_, meaning in rows)
    given = {f"{section}.{key}" for section, key, _, default, _ in rows if not default}
    assert given == {"data.path", "churn.kind", "churn.active_days"}


def test_the_hash_follows_what_can_change_a_score_and_nothing_else() -> None:
    def plan(**sections: dict[str, object]) -> Plan:
        return parse_plan({"data": {"path": "h"}, "churn": {"kind": "notice"}} | sections)

    assert plan().sha256() == plan(output={"workspace": "elsewhere"}, data={"path": "there"}).sha256()
    assert plan().sha256() != plan(churn={"kind": "notice", "grace_days": 7}).sha256()
    assert plan().sha256() != plan(horizons={"days": [30]}).sha256()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[health]\ntemplate = "nope"', r"plan, key health\.template: expected one of 40-30-30"),
        (
            '[health]\nlevels = {csaat = "high"}',
            r"plan, section health, key levels\.csaat: expected an indicator .*did you mean",
        ),
        ('[health]\nlevels = {csat = "hihg"}', r"key levels\.csat: .*did you mean 'high'"),
        ("[health]\ndimensions = {product = 50}", "section health, key dimensions: expected numbers that sum"),
        ("[health]\nweights = {csat = -1}", r"key weights\.csat: expected a number from 0 to 100"),
        ("[health]\nweights = {foo = 1}", r"section health, key weights\.foo: expected an indicator"),
        ('[health.segments.smb]\nlevels = {foo = "low"}', r"section health, segment smb, key levels\.foo"),
        ('[playbooks]\nfile = "no.toml"', r"no\.toml: expected a file of playbooks"),
        ('[indicators]\nfile = "no.py"', r"no\.py: expected a Python file, found no such file"),
        ('[output]\ntable = "x"', "plan, section output: expected table and url, found no url"),
        (
            '[queue]\nplaybook_hours = {"action.rde" = 2}',
            r"queue\.playbook_hours\.action\.rde: .*did you mean 'action\.red'",
        ),
        ('[churn]\nactivity = ["usge"]', r"plan, key churn\.activity: .*did you mean 'usage'"),
        ('[data]\ndialect = {delimeter = ","}', r"plan, key data\.dialect: .*did you mean 'delimiter'"),
        ('[data]\ndialect = {delimiter = ",,"}', r"plan, key data\.dialect, delimiter: expected one character"),
        ('[data]\ndialect = {usge = {delimiter = ","}}', r"data\.dialect\.usge: .*did you mean 'usage'"),
    ],
)
def test_what_cannot_work_is_refused_without_the_data(tmp_path: Path, text: str, message: str) -> None:
    section, _, rest = text.partition("\n")
    plan = SMALLEST.replace(section, text) if section in SMALLEST else f"{SMALLEST}{section}\n{rest}"
    with pytest.raises(UsageError, match=message):
        refuse_unworkable(read_plan(_write(tmp_path, plan)))


def test_plan_and_train_refuse_alike_before_any_data_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _write(tmp_path, SMALLEST + '[output]\ntable = "x"\n')
    for name in ("plan", "check", "train", "backtest", "retrain"):
        assert run([name, str(path)]) == 2
        assert "found no url" in capsys.readouterr().err
    assert run(["plan", str(_write(tmp_path, SMALLEST))]) == 0
