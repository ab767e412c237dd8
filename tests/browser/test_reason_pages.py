"""The pages that say why, in a real browser: quiet, self-contained, fit for any screen, and deaf to hostile names."""

from pathlib import Path

import pandas as pd
import pytest

from holdfast.serving.command import run
from tests.chromium import Browser

pytestmark = pytest.mark.browser
HOSTILE = "<script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("company") / "acme"
    assert run(["simulate", "--accounts", "200", "--seed", "2", "--months", "24", "--out", str(folder)]) == 0
    accounts = folder / "history" / "accounts.parquet"
    named = pd.read_parquet(accounts)
    named["name"] = HOSTILE
    named.to_parquet(accounts, index=False)
    plan = folder / "plan.toml"
    quick = "\n[backtest]\naudits = false\nbootstrap = 20\nretrain_every = 50\n[tracking]\nenabled = false\n"
    plan.write_text(plan.read_text().replace('every = "28d"', 'every = "56d"') + quick)
    assert run(["train", str(plan)]) == run(["score", str(plan)]) == 0
    rows = pd.read_parquet(folder / "out" / "current" / "scores.parquet")
    account = rows[rows["score_status"] == "scored"].sort_values("health")["account_id"].iloc[0]
    gone = rows.loc[rows["score_status"] == "not_scored", "account_id"].iloc[0]
    made = {name: folder / f"{name}.html" for name in ("account", "gone", "german", "importance", "autopsy")}
    day = f"{rows['as_of'].iloc[0] - pd.Timedelta(days=60):%Y-%m-%d}"
    asked = ["--account", account, "--since", day, "--next-band", "--out", str(made["account"])]
    assert run(["explain", str(plan), *asked]) == 0
    assert run(["explain", str(plan), "--account", gone, "--out", str(made["gone"])]) == 0
    assert run(["importance", str(plan), "--refits", "1", "--without", "1", "--out", str(made["importance"])]) == 0
    assert run(["autopsy", str(plan), "--last", "5", "--out", str(made["autopsy"])]) == 0
    plan.write_text(plan.read_text().replace("[output]", '[output]\nlanguage = "de"'))
    assert run(["explain", str(plan), "--account", account, "--out", str(made["german"])]) == 0
    return made


@pytest.mark.parametrize("name", ["account", "gone", "german", "importance", "autopsy"])
def test_it_is_quiet_and_asks_for_nothing(browser: Browser, pages: dict[str, Path], name: str) -> None:
    browser.events.clear()
    browser.open(pages[name])
    assert browser.evaluate("document.title") != "owned"
    assert browser.evaluate("[...document.querySelectorAll('script, img, form, iframe')].length") == 0
    assert browser.said() == []
    assert browser.asked() == []
    assert browser.evaluate("document.querySelectorAll('h1').length") == 1
    assert browser.evaluate("[...document.querySelectorAll('thead th')].every(th => th.scope === 'col')")
    for width in (360, 1200):
        browser.open(pages[name], width)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_an_account_is_told_with_its_reasons_and_what_changed(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["account"])
    assert browser.evaluate("document.querySelector('h1').textContent") == HOSTILE
    assert browser.evaluate("document.querySelectorAll('ol.raises li').length") >= 3
    assert browser.evaluate("document.querySelectorAll('ol.raises details').length") >= 1
    heads = browser.evaluate("[...document.querySelectorAll('h2')].map(h => h.textContent).join('|')")
    assert heads == "Raises the risk|Lowers the risk|What adds up|What has changed|What if"
    assert "90 % interval" in browser.evaluate("document.querySelector('.tiles').textContent")
    browser.open(pages["gone"])
    assert "Not scored" in browser.evaluate("document.querySelector('header').textContent")
    assert browser.evaluate("document.querySelectorAll('h2').length") == 0


def test_german_is_german(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["german"])
    assert browser.evaluate("document.documentElement.lang") == "de"
    text = browser.evaluate("document.body.textContent")
    assert "Erhöht das Risiko" in text
    assert not [word for word in ("Raises", "within", "days before", "segment;") if word in text]


def test_importance_shows_four_measures_and_its_picture(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["importance"])
    assert browser.evaluate("document.querySelectorAll('table.measures tbody tr').length") == 30
    assert browser.evaluate("document.querySelector('figure svg').getBoundingClientRect().height") > 100
