"""The files for schedulers: parsed, and run with a command that returns what it is told to."""

import configparser
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from typer.main import get_command

from holdfast.serving.command import _EXIT_CODES, app

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "docs" / "schedulers"
PLAN = "/srv/holdfast/plan.toml"
FAIL = {1, 2, 30, 31, 40, 60, 70, 71}
AGAIN = {50, 130, 143}
OUTCOMES = {0: "success", 10: "skip", 20: "success"} | dict.fromkeys(AGAIN, "again") | dict.fromkeys(FAIL, "fail")
STUB = """#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >> calls
code=$(head -n 1 codes)
[ "$(wc -l < codes)" -gt 1 ] && sed -i 1d codes
echo "told of $code"
exit "$code"
"""


class Stub:
    """A command `holdfast` that returns one code after the other, the last one for ever."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "holdfast").write_text(STUB)
        (folder / "holdfast").chmod(0o755)
        shutil.copy(HERE / "holdfast-job", folder)

    @property
    def path(self) -> str:
        return f"{self.folder}:/usr/local/bin:/usr/bin:/bin"

    def tell(self, *codes: int) -> None:
        (self.folder / "codes").write_text("".join(f"{code}\n" for code in codes))
        (self.folder / "calls").write_text("")

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()

    def run(self, *command: str, **settings: object) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": self.path} | {name: str(value) for name, value in settings.items()}
        return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=60, check=False)


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    made = Stub(tmp_path / "bin")
    monkeypatch.setenv("PATH", made.path)
    return made


def test_every_exit_code_of_the_command_has_an_outcome() -> None:
    codes = {int(one) for one in re.findall(r"\b\d+\b", _EXIT_CODES.partition("HOLDFAST_DEBUG")[0])}
    assert {0, 10, 20, 143} < codes <= set(OUTCOMES)


def test_the_page_names_every_file_and_every_file_a_command_that_is_there() -> None:
    page = (ROOT / "docs" / "schedulers.md").read_text(encoding="utf-8")
    there = set(get_command(app).commands)  # type: ignore[attr-defined]
    for file in (one for one in HERE.iterdir() if one.is_file()):
        assert f"schedulers/{file.name})" in page, file.name
        named = re.findall(r"^[^#\n]*\bholdfast(?:-job)? ([a-z]+) /srv", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(named) <= there
    rows = re.findall(r"^\| ([\d, ]+) \|[^|]+\| ([a-z]+)", page, re.MULTILINE)
    told = {int(code): outcome for codes, outcome in rows for code in codes.split(",")}
    assert told == OUTCOMES


# ------------------------------------------------------------------------------- cron


@pytest.mark.parametrize(
    ("codes", "code", "calls", "printed"),
    [
        ([0], 0, 1, False),
        ([10], 0, 1, False),
        ([20], 0, 1, True),
        *(([code], code, 1, True) for code in sorted(FAIL)),
        ([50, 143, 10], 0, 3, False),
        ([50, 30], 30, 2, True),
        ([50], 50, 3, True),
    ],
)
def test_cron_hears_of_what_deserves_it(codes: list[int], code: int, calls: int, printed: bool, stub: Stub) -> None:
    stub.tell(*codes)
    done = stub.run("holdfast-job", "score", PLAN, HOLDFAST_TRIES=3, HOLDFAST_PAUSE=0)
    assert (done.returncode, len(stub.calls), done.stderr) == (code, calls, "")
    assert set(stub.calls) == {f"score {PLAN}"}
    assert done.stdout == (f"told of {codes[-1]}\n" if printed else "")


def test_no_temporary_file_of_the_job_is_left(stub: Stub, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    for code in (0, 20, 30):
        stub.tell(code)
        stub.run("holdfast-job", "score", PLAN, TMPDIR=tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_every_line_of_the_crontab_runs(stub: Stub) -> None:
    lines = [one for one in (HERE / "crontab").read_text().splitlines() if one[:1] in "*0123456789"]
    called = []
    for line in lines:
        *when, command = line.split(maxsplit=5)
        assert len(when) == 5
        assert all(re.fullmatch(r"\*|\*/\d+|\d+(-\d+)?", one) for one in when)
        stub.tell(10)
        assert stub.run("sh", "-c", command).returncode == 0
        called.append(stub.calls)
    assert called == [[f"score {PLAN}", f"deliver {PLAN}"], [f"score {PLAN}"], [f"retrain {PLAN}"]]


# ------------------------------------------------------------------------------- systemd


def unit(name: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string((HERE / name).read_text())
    return {section: dict(parser[section]) for section in parser.sections()}


def numbers(text: str) -> set[int]:
    return {int(one) for one in text.split()}


def test_the_service_knows_what_is_no_failure_and_what_not_to_try_again() -> None:
    service = unit("holdfast@.service")["Service"]
    assert service["Type"] == "oneshot"
    assert numbers(service["SuccessExitStatus"]) == {10, 20}
    assert service["Restart"] == "on-failure"  # whatever is left: 50, 130, 143
    assert numbers(service["RestartPreventExitStatus"]) == FAIL
    assert service["ExecStart"].split()[1:] == ["%i", PLAN]


def test_timers_catch_up_and_start_a_service_that_is_there() -> None:
    for name, command in (("holdfast-score.timer", "score"), ("holdfast-retrain.timer", "retrain")):
        timer = unit(name)["Timer"]
        assert (timer["Unit"], timer["Persistent"]) == (f"holdfast@{command}.service", "true")
    assert unit("holdfast-score.path")["Path"]["Unit"] == "holdfast@score.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not there")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    units = [one for one in HERE.iterdir() if one.suffix in {".service", ".timer", ".path"}]
    assert len(units) == 4
    for one in units:
        (tmp_path / one.name).write_text(one.read_text().replace("/opt/holdfast/bin/holdfast", "/bin/true"))
    started = [str(tmp_path / one.name.replace("@", "@score")) for one in units]
    done = subprocess.run(["systemd-analyze", "verify", *started], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")


# ------------------------------------------------------------------------------- Kubernetes


def container() -> tuple[dict[str, Any], dict[str, Any]]:
    job = yaml.safe_load((HERE / "kubernetes.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    spec = job["spec"]
    (only,) = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return spec, only


def test_kubernetes_fails_for_good_where_trying_again_would_change_nothing() -> None:
    spec, only = container()
    job = spec["jobTemplate"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["startingDeadlineSeconds"] >= 600
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # else a pod failure policy is refused
    (rule,) = [one for one in job["podFailurePolicy"]["rules"] if one["action"] == "FailJob"]
    assert rule["onExitCodes"] == {"containerName": only["name"], "operator": "In", "values": sorted(FAIL)}
    volumes = {one["name"] for one in job["template"]["spec"]["volumes"]}
    assert {one["name"] for one in only["volumeMounts"]} == volumes


def outcome_in_kubernetes(code: int, stub: Stub) -> str:
    _, only = container()
    stub.tell(code)
    returned = stub.run(*only["command"], *only["args"]).returncode
    assert stub.calls == [f"retrain {PLAN}"]
    if returned == 0:
        return "skip" if code == 10 else "success"
    assert returned == code
    return "fail" if code in FAIL else "again"


# ------------------------------------------------------------------------------- GitHub Actions


def test_the_workflow_needs_no_right_and_no_action_of_others() -> None:
    flow = yaml.safe_load((HERE / "github-actions.yaml").read_text())
    assert flow["permissions"] == {}
    assert flow["concurrency"]["cancel-in-progress"] is False
    (job,) = flow["jobs"].values()
    (step,) = job["steps"]
    assert "uses" not in step
    crons = [one["cron"] for one in flow[True]["schedule"]]  # YAML reads the key `on` as true
    assert [one for one in crons if f"'{one}'" in step["env"]["COMMAND"]] == crons[1:]
    assert "${{" not in step["run"]  # what others may write never becomes part of a script


def outcome_in_actions(code: int, stub: Stub) -> str:
    flow = yaml.safe_load((HERE / "github-actions.yaml").read_text())
    step = flow["jobs"]["holdfast"]["steps"][0]
    stub.tell(code)
    done = stub.run("sh", "-e", "-c", step["run"], COMMAND="retrain", PLAN=step["env"]["PLAN"], PAUSE=0)
    assert set(stub.calls) == {f"retrain {PLAN}"}
    if len(stub.calls) > 1:
        assert (done.returncode, len(stub.calls)) == (code, 6)
        return "again"
    if done.returncode:
        assert done.returncode == code
        return "fail"
    assert ("::warning::" in done.stdout) == (code == 20)
    return "skip" if "::notice::" in done.stdout else "success"


# ------------------------------------------------------------------------------- Airflow, Dagster, Prefect


def modules(**parts: ModuleType | dict[str, Any]) -> dict[str, ModuleType]:
    """Stand in for a library: modules with the names that a file imports."""
    made = {}
    for name, values in parts.items():
        module = ModuleType(name.replace("__", "."))
        module.__dict__.update(values)
        made[module.__name__] = module
    return made


def loaded(file: str, stand_ins: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name, module in stand_ins.items():
        monkeypatch.setitem(sys.modules, name, module)
    return runpy.run_path(str(HERE / file), run_name="loaded")


def outcome_in_airflow(code: int, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> str:
    skipped, failed = type("Skipped", (Exception,), {}), type("Failed", (Exception,), {})
    dags: dict[str, dict[str, Any]] = {}

    def dag(name: str, **settings: Any) -> Callable[..., Any]:
        dags[name] = settings
        return lambda declare: declare

    def task(**settings: Any) -> Callable[..., Any]:
        assert settings["retries"] > 0
        return lambda work: lambda command: done.append((command, work))

    done: list[tuple[str, Callable[[str], int]]] = []
    airflow = modules(
        airflow={},
        airflow__sdk={"dag": dag, "task": task},
        airflow__sdk__exceptions={"AirflowSkipException": skipped, "AirflowFailException": failed},
    )
    loaded("airflow_dag.py", airflow, monkeypatch)
    assert [one["max_active_runs"] for one in dags.values()] == [1, 1]
    assert [f"holdfast_{command}" for command, _ in done] == list(dags) == ["holdfast_score", "holdfast_retrain"]
    stub.tell(code)
    try:
        done[1][1]("retrain")
    except skipped:
        return "skip"
    except failed:
        return "fail"
    except RuntimeError:
        return "again"
    return "success"


def outcome_in_dagster(code: int, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> str:
    class Failure(Exception):
        def __init__(self, description: str, *, allow_retries: bool) -> None:
            assert not allow_retries
            super().__init__(description)

    class RetryRequested(Exception):
        def __init__(self, max_retries: int, seconds_to_wait: float) -> None:
            super().__init__(max_retries, seconds_to_wait)

    class Output(list[Any]):
        def __init__(self, value: int) -> None:
            super().__init__([value])

    ops: dict[str, Callable[..., Iterator[object]]] = {}

    def op(name: str, out: SimpleNamespace) -> Callable[..., Any]:
        assert not out.is_required
        return lambda work: ops.setdefault(name, work)

    def out(_: type, **settings: Any) -> SimpleNamespace:
        return SimpleNamespace(**settings)

    dagster = {"Failure": Failure, "RetryRequested": RetryRequested, "op": op, "Out": out, "Output": Output}
    dagster |= dict.fromkeys(["Definitions", "ScheduleDefinition"], SimpleNamespace)
    dagster |= {"job": lambda **_: lambda declare: declare, "JobDefinition": object, "OpExecutionContext": object}
    told = loaded("dagster_jobs.py", modules(dagster=dagster), monkeypatch)
    assert [one.job for one in told["definitions"].schedules] == told["definitions"].jobs
    stub.tell(code)
    context = SimpleNamespace(log=SimpleNamespace(info=lambda _: None))
    try:
        given = list(ops["holdfast_retrain"](context))
    except Failure:
        return "fail"
    except RetryRequested:
        return "again"
    return "success" if given else "skip"


def outcome_in_prefect(code: int, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> str:
    def task(retries: int, retry_delay_seconds: int) -> Callable[..., Any]:
        assert retries * retry_delay_seconds > 0
        return lambda work: work

    states = {"Completed": lambda **told: ("completed", told), "Failed": lambda **told: ("failed", told)}
    prefect = modules(
        prefect={"flow": lambda work: work, "task": task, "serve": None}, prefect__states=states | {"State": object}
    )
    told = loaded("prefect_flow.py", prefect, monkeypatch)
    stub.tell(code)
    try:
        state, why = told["run"]("retrain")
    except told["TryAgain"]:
        return "again"
    if state == "failed":
        return "fail"
    return "skip" if why.get("name") == "Skipped" else "success"


@pytest.mark.parametrize("code", sorted(OUTCOMES))
def test_every_form_makes_the_same_of_an_exit_code(code: int, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome_in_kubernetes(code, stub) == OUTCOMES[code]
    assert outcome_in_actions(code, stub) == OUTCOMES[code]
    for outcome in (outcome_in_airflow, outcome_in_dagster, outcome_in_prefect):
        assert outcome(code, stub, monkeypatch) == OUTCOMES[code], outcome.__name__
        assert stub.calls == [f"retrain {PLAN}"]
