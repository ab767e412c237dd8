"""The report in a real browser: it renders, asks nothing of the network, complains of nothing, and fits the screen."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.findings import Finding
from holdfast.serving.columns import in_order
from holdfast.serving.plots import Plot, draw
from holdfast.serving.report import MODELS, Page, render
from holdfast.serving.scoring import Scores

pytestmark = pytest.mark.browser
QUIET = (
    *(
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
    ),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"),
)


class Browser:
    """A page in headless Chromium, driven over a pipe by its debugging protocol."""

    def __init__(self, profile: Path) -> None:
        program = shutil.which("chromium")
        assert program, "make test-services installs chromium"
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        line = f'exec "{program}" {" ".join(QUIET)} --user-data-dir="{profile}" --remote-debugging-pipe about:blank '
        self.process = subprocess.Popen(
            ["bash", "-c", line + f"3<&{commands} 4>&{answers}"],
            pass_fds=(commands, answers),
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self.events: list[dict[str, Any]] = []
        self._buffer, self._number, self._session = b"", 0, ""
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            chunk = os.read(self._read, 1 << 16)
            assert chunk, "the browser has gone"
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))

    def evaluate(self, expression: str) -> Any:
        return self("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def open(self, path: Path, width: int = 1200) -> None:
        self("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        self("Page.navigate", url=path.as_uri())
        for _ in range(200):
            if self.evaluate("document.readyState") == "complete" and self.evaluate("location.protocol") == "file:":
                return
            time.sleep(0.05)
        pytest.fail("the page did not load")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("profile"))
    yield made
    made.process.terminate()
    made.process.wait(timeout=20)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(_scores(), _page()), encoding="utf-8")
    return path


def _scores() -> Scores:
    rng, n = np.random.default_rng(0), 60
    names = [f"Customer {i}" for i in range(n)]
    names[:3] = [
        "<script>document.title='owned'</script>",
        "<img src=http://evil.example/x onerror=document.title='owned'>",
        "W" * 200,
    ]
    p90 = np.sort(rng.beta(1, 8, n))[::-1]
    rows = pd.DataFrame(
        {
            "schema_version": 1,
            "as_of": pd.Timestamp("2026-01-01", tz="UTC"),
            "account_id": [f"A{i:03d}" for i in range(n)],
            "account_name": names,
            "csm": "Ada Lovelace",
            "segment": "enterprise",
            "arr": 10_000.0,
            "renewal_date": pd.Timestamp("2026-03-31", tz="UTC"),
            "health": 100 * (1 - p90),
            "band": rng.choice(["green", "yellow", "orange", "red"], n),
            "p30": p90 / 3,
            "p60": p90 / 2,
            "p90": p90,
            "expected_arr_at_risk_90": 10_000 * p90,
            "score_status": ["scored"] * (n - 5) + ["not_scored"] * 5,
            "score_reason": [""] * (n - 5) + ["has given notice or left"] * 5,
        }
    )
    told = {"code": "x", "dimension": "product", "value": 1.0, "contribution": 0.2, "direction": "raises"}
    reasons = [
        {"account_id": account, "rank": rank, "text": f"{rank} of 40 seats were active in the last 30 days", **told}
        for account in rows["account_id"]
        for rank in (1, 2, 3)
    ]
    return Scores(pd.Timestamp("2026-01-01", tz="UTC"), in_order(rows), pd.DataFrame(reasons))


def _page() -> Page:
    figures = {"auc": 0.71, "ap": 0.2, "lift_10": 3.1, "n": 9000.0, "events": 300.0}
    signs = pd.DataFrame({"title": ["Active-user penetration", "Open tickets"], "dimension": ["product", "business"]})
    drawing = draw("calibration", lambda ax: ax.plot([0, 1], [0, 1]))
    return Page(
        verdict="The churn model beats the best baseline at all horizons.",
        kind="notice",
        metrics={name: dict.fromkeys(("30", "60", "90"), figures) for name in MODELS},
        intervals={name: {"30": {"auc": [0.68, 0.74]}} for name in MODELS},
        plots=[Plot(drawing, "Calibration.")],
        importance=signs.assign(share=[0.7, 0.3]),
        weights=signs.assign(weight=[70.0, 30.0]),
        findings=[Finding("HF006", "usage", 3, "3 rows after 2026-01-01 " + "x" * 300)],
        left_out={"goals_on_track": "there is no table goals"},
        provenance={"model sha256": "0" * 64},
    )


def test_it_renders_and_stays_quiet(browser: Browser, page: Path) -> None:
    browser.events.clear()
    browser.open(page)
    assert browser.evaluate("document.title") == "Churn report, 2026-01-01"
    assert browser.evaluate("document.querySelectorAll('#accounts tbody.account').length") == 25
    assert browser.evaluate("document.querySelectorAll('#proof table').length") == 3
    assert browser.evaluate("document.querySelector('figure svg').getBoundingClientRect().height") > 100
    assert browser.evaluate("[...document.querySelectorAll('script, img, form, iframe')].length") == 0
    said = [
        event
        for event in browser.events
        if event["method"] in {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"}
    ]
    assert said == []


def test_it_asks_nothing_of_the_network(browser: Browser, page: Path) -> None:
    browser.events.clear()
    browser.open(page)
    asked = [
        event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"
    ]
    assert asked
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("width", [360, 800, 1200])
def test_it_fits_the_screen(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_every_heading_link_and_drawing_is_named(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.evaluate("[...document.querySelectorAll('nav a')].every(a => document.querySelector(a.hash))")
    assert browser.evaluate("document.querySelectorAll('h1').length") == 1
    assert browser.evaluate("[...document.querySelectorAll('thead th')].every(th => th.scope === 'col')")
    assert browser.evaluate("[...document.querySelectorAll('figure svg')].every(svg => svg.getAttribute('aria-label'))")
    repeated = "ids => ids.filter((id, i) => ids.indexOf(id) !== i)"
    assert browser.evaluate(f"({repeated})([...document.querySelectorAll('[id]')].map(e => e.id))") == []


def test_it_prints(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert len(browser("Page.printToPDF")["data"]) > 10_000
