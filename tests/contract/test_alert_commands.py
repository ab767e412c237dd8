"""The commands of alerts: what they print, and how they end."""

import json
from pathlib import Path

import pytest

from holdfast.serving.command import run
from tests.alerted import serve
from tests.faults.hook_server import hook

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def plan(tmp_path: Path) -> str:
    serve(tmp_path / "out", "2026-03-01", [("A1", "drop"), ("A2", "band")])
    text = (
        '[data]\npath = "h"\n[churn]\nkind = "notice"\n[alerts]\nenabled = true\nquiet = ""\nchannels = ["env:HOOK"]\n'
    )
    (tmp_path / "plan.toml").write_text(f'{text}allow = ["127.0.0.1"]\n', encoding="utf-8")
    return str(tmp_path / "plan.toml")


def test_what_is_open_is_listed_with_the_next_message(
    plan: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["alerts", plan]) == 0
    assert "0 alerts are open." in capsys.readouterr().out  # nothing has opened them yet
    with hook() as there:
        monkeypatch.setenv("HOOK", f"{there.url}")
        assert run(["deliver", plan]) == 0
        assert "1 messages sent, 0 waiting, 0 given up." in capsys.readouterr().out
        assert run(["deliver", plan, "--json"]) == 10
        assert json.loads(capsys.readouterr().out)["sent"] == 0
    assert len(there.heard) == 1
    assert run(["alerts", plan]) == 0
    out = capsys.readouterr().out
    assert "A1\tdrop\t2026-03-01T00:00:00Z\tdrop of A1" in out
    assert "2 alerts are open." in out
    assert run(["alerts", plan, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["account_id"] for one in told["open"]] == ["A1", "A2"]
    assert told["message"] is None  # it has gone


def test_a_message_that_waits_is_no_failure(plan: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    with hook((503, {"Retry-After": "60"})) as there:
        monkeypatch.setenv("HOOK", there.url)
        assert run(["deliver", plan]) == 0
    assert "Tried again later" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('quiet = "8pm"', "hours such as 20:00-07:00"),
        ('time_zone = "Europe/Berlyn"', "a time zone such as Europe/Berlin"),
        ('channels = ["https://hooks.slack.com/services/canary"]', "where messages go: env:NAME"),
        ("cool_down_days = 0", "greater than or equal to 1"),
        ('rules = ["drp"]', "'drop'"),
    ],
)
def test_settings_that_will_not_do_are_refused(tmp_path: Path, capsys: Capture, line: str, said: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(f'[data]\npath = "h"\n[churn]\nkind = "notice"\n[alerts]\n{line}\n', encoding="utf-8")
    assert run(["plan", str(path)]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "canary" not in told
