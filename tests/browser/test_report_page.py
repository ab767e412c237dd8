"""The report in a real browser: it renders, asks nothing of the network, complains of nothing, and fits the screen."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.findings import Finding
from holdfast.serving.columns import in_order
from holdfast.serving.evidence import MODELS
from holdfast.serving.plots import Plot, draw
from holdfast.serving.report import Page, render
from holdfast.serving.scoring import Scores
from holdfast.training.by_group import by_group
from holdfast.training.capacity import capacity
from holdfast.training.observed_bands import observed_bands
from holdfast.training.trajectory import trajectory
from tests.chromium import Browser
from tests.worked.test_backtest_views import crowd, told

pytestmark = pytest.mark.browser


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
    told["beside"] = "90 days before: 12; percentile 6 in its segment"
    reasons = [
        {"account_id": account, "rank": rank, "text": f"{rank} of 40 seats were active in the last 30 days", **told}
        for account in rows["account_id"]
        for rank in (1, 2, 3)
    ]
    return Scores(pd.Timestamp("2026-01-01", tz="UTC"), in_order(rows), pd.DataFrame(reasons))


def _views() -> dict[str, Any]:
    """What a backtest of a small book shows."""
    gone = [{"name": f"g{i:02d}", "scores": [80, 60, 40], "left": 70 + i % 9, "arr": 1e6} for i in range(12)]
    made = told([*gone, *crowd(30, 85), *crowd(9, 20, "r", segment="<b>enterprise</b>")])
    long, facts = made.predictions, made.facts
    return {
        "capacity": capacity(long, facts).to_dict(),
        "bands": observed_bands(long, facts).to_dict(),
        "trajectory": trajectory(long, facts).to_dict(),
        "groups": by_group(long, facts, ["health"], replicates=5).to_dict(),
    }


def _evidence() -> dict[str, Any]:
    sign = {"indicator": "x", "title": "<i>Use</i> " + "y" * 80, "dimension": "product"}
    shares = dict.fromkeys(("fine", "fine_stayed", "warned", "warned_stayed"), 0.5)
    weights = {"weight": 60.0, "low": 40.0, "high": 80.0, "template": None}
    claim = dict.fromkeys(("auc", "auc_low", "auc_high", "auc_diff", "auc_diff_low", "auc_diff_high", "skill"), 0.5)
    row = dict.fromkeys(("auc", "difference", "low", "high", "skill", "skill_low", "skill_high"), 0.1)
    return {
        "green_churn": {"in_words": "One left.", "accounts": [{}], "signs": [sign | shares | {"measured": 3}]},
        "champion": {
            "in_words": "No difference beyond chance.",
            "rows": [row | {"model": name, "horizon": 90, "n": 1000, "events": 50} for name in ("champion", "churn")],
        },
        "profit": {
            "in_words": "Assumed.",
            "rows": [{"model": "churn", "empb": 1.0, "empb_share": 0.1, "empc": 2.0, "empc_share": None}],
        },
        "inflation": {
            "in_words": {"90": "Claimed."},
            "lines": [claim | {"line": "honest", "wrong": "<b>Nothing</b>."}],
        },
        "null_tests": {"in_words": "1 of 1 passed.", "tests": [{"test": "truth", "passed": False, "finding": "<i>no"}]},
        "hypotheses": {"in_words": "x", "counted_by": "90 days", "claims": [_claim()]},
        "weights": [sign | weights | {"indicator": ""}, sign | weights],
        "inference": [sign | {"deserves": "zero"}],
    }


def _claim() -> dict[str, Any]:
    words = {"id": "S022", "claim": "<u>None</u> leave", "measure": "ratio", "verdict": "cannot tell", "why": "few"}
    return words | {"value": 1.2, "low": 0.8, "high": None, "crude": None}


def _page() -> Page:
    figures = {"auc": 0.71, "ap": 0.2, "lift_10": 3.1, "n": 9000.0, "events": 300.0}
    signs = pd.DataFrame({"title": ["Active-user penetration", "Open tickets"], "dimension": ["product", "business"]})
    drawing = draw("calibration", lambda ax: ax.plot([0, 1], [0, 1]))
    return Page(
        verdict="The churn model beats the best baseline at all horizons.",
        kind="notice",
        result={
            "models": {name: dict.fromkeys(("30", "60", "90"), figures) for name in MODELS},
            "intervals": {name: {"30": {"auc": [0.68, 0.74]}} for name in MODELS},
            **_views(),
        },
        evidence=_evidence(),
        plots={"calibration": Plot(drawing, "Calibration.")},
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
    assert browser.evaluate("document.querySelectorAll('#proof table').length") == 6
    assert browser.evaluate("document.querySelector('figure svg').getBoundingClientRect().height") > 100
    sections = ["accounts", "proof", "groups", "bands", "capacity", "signs", "weights", "hypotheses"]
    sections += ["data", "provenance"]
    assert browser.evaluate("[...document.querySelectorAll('section[id]')].map(one => one.id).join(' ')") == " ".join(
        sections
    )
    assert browser.evaluate("[...document.querySelectorAll('script, img, form, iframe')].length") == 0
    assert browser.said() == []


def test_it_asks_nothing_of_the_network(browser: Browser, page: Path) -> None:
    browser.events.clear()
    browser.open(page)
    assert any(event["method"] == "Network.requestWillBeSent" for event in browser.events)
    assert browser.asked() == []


@pytest.mark.parametrize("width", [360, 800, 1200])
def test_it_fits_the_screen(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_every_heading_link_and_drawing_is_named(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.evaluate("[...document.querySelectorAll('nav a')].every(a => document.querySelector(a.hash))")
    assert browser.evaluate("document.querySelectorAll('h1').length") == 1
    assert browser.evaluate("[...document.querySelectorAll('thead th')].every(th => th.scope.startsWith('col'))")
    assert browser.evaluate("[...document.querySelectorAll('figure svg')].every(svg => svg.getAttribute('aria-label'))")
    repeated = "ids => ids.filter((id, i) => ids.indexOf(id) !== i)"
    assert browser.evaluate(f"({repeated})([...document.querySelectorAll('[id]')].map(e => e.id))") == []


def test_it_prints(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert len(browser("Page.printToPDF")["data"]) > 10_000
