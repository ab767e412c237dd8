"""German says the same as English: every sign, the same figures, written as German writes them."""

import re
from string import Formatter

import numpy as np
import pytest

import holdfast as hf
from holdfast.errors import UsageError
from holdfast.features.catalog.collection import Catalog
from holdfast.features.indicators.wording import WORDINGS, translations
from holdfast.models.bands import ACTION
from holdfast.models.phrases import _PHRASES, phrase
from holdfast.serving.account_page import _WORDS
from holdfast.serving.headings import reason, value
from holdfast.training.notice import REASONS


def slots(text: str) -> list[tuple[str | None, str | None]]:
    return sorted((name or "", form or "") for _, name, form, _ in Formatter().parse(text) if name is not None)


def test_every_sign_that_is_shipped_is_told_with_the_same_figures() -> None:
    german, bases = translations("de"), {one.name for one in hf.catalog if not one.variant_of}
    assert set(german) == bases
    told = hf.catalog.told_in("de")
    assert [one.fingerprint for one in told] == [one.fingerprint for one in hf.catalog]
    for english, other in zip(hf.catalog, told, strict=True):
        assert slots(english.evidence) == slots(other.evidence), english.name
        assert other.evidence != english.evidence, english.name
        assert (other.unit, other.curve, other.healthy) == (english.unit, english.curve, english.healthy)


def test_phrases_and_wordings_hold_the_same_slots() -> None:
    assert set(_PHRASES["de"]) == set(_PHRASES["en"])
    assert set(_WORDS["de"]) == set(_WORDS["en"])
    for band in ACTION.names:
        assert (phrase("en", band), phrase("de", band)) == (band, value(band, "de"))
    for told in (_PHRASES, _WORDS):
        for name, english in told["en"].items():
            assert slots(english) == slots(told["de"][name]), name
    for name in ("missing", "change", "changed", "trended", "compared", "used", "shared"):
        assert slots(getattr(WORDINGS["de"], name)) == slots(getattr(WORDINGS["en"], name)), name


def test_why_an_account_is_not_scored_is_told_in_german() -> None:
    told = ("not a customer", "a customer for less than 28 days", "cannot be reckoned: usage_30 is infinite")
    for one in (*REASONS[1:], *told):
        assert reason(one, "en") == one
        assert reason(one, "de") != one
    assert reason(REASONS[1], "de") == "hat gekündigt oder ist gegangen"


@pytest.mark.parametrize(
    ("name", "values", "english", "german"),
    [
        (
            "roi_multiple",
            {"delivered": 0.0, "paid": 41655.0, "value": 0.0},
            "Nothing was delivered for the 41,655 invoiced in the last 365 days",
            "Nachgewiesener Nutzen von 0 steht gegen die 41.655, die in den letzten 365 Tagen berechnet wurden",
        ),
        (
            "roi_multiple",
            {"delivered": 1200.0, "paid": 41655.0, "value": 1200 / 41655},
            "1,200 delivered is less than 0.1 times the 41,655 invoiced in the last 365 days",
            "Nachgewiesener Nutzen von 1.200 ist weniger als das 0,1-fache der 41.655, die in den letzten 365 Tagen "
            "berechnet wurden",
        ),
        (
            "roi_multiple",
            {"delivered": 416550.0, "paid": 41655.0, "value": 10.0},
            "416,550 delivered is 10.0 times the 41,655 invoiced in the last 365 days",
            "Nachgewiesener Nutzen von 416.550 ist das 10,0-fache der 41.655, die in den letzten 365 Tagen berechnet "
            "wurden",
        ),
        (
            "reopened_tickets",
            {"tickets": 4.0, "reopened": 0.0, "value": 0.0},
            "Tickets of the last 180 days: 4, reopened not once",
            "Anfragen der letzten 180 Tage: 4, wiedereröffnet kein Mal",
        ),
        (
            "login_days",
            {"days": 0.0, "value": 0.0},
            "Somebody logged in on none of the last 31 days",
            "An keinem der letzten 31 Tage hat sich jemand angemeldet",
        ),
        (
            "active_days",
            {"days": 10.0, "value": 10.0},
            "The product was used on 10 days of the last 30",
            "Das Produkt wurde an 10 Tagen der letzten 30 genutzt",
        ),
    ],
)
def test_where_people_have_a_word_for_none_no_figure_stands(
    name: str, values: dict[str, float], english: str, german: str
) -> None:
    assert hf.catalog[name].sentence(values) == english
    assert hf.catalog.told_in("de")[name].sentence(values) == german


def test_one_is_singular_and_figures_are_written_the_german_way() -> None:
    de = hf.catalog.told_in("de")
    assert de["days_since_usage"].sentence({"days": 1.0, "value": 1.0}) == "Das Produkt wurde zuletzt vor 1 Tag genutzt"
    assert de["reply_to_tickets"].sentence({"hours": 1.0, "value": 1.0}).endswith("1 Stunde auf eine erste Antwort")
    assert de["budget"].sentence({"budget": 1250000.0, "value": 1.25e6}) == "Das Budget beträgt 1.250.000"
    assert (
        de["ticket_sentiment"]
        .sentence({"mood": -0.35, "value": -0.35})
        .startswith("Anfragen der letzten 180 Tage klingen nach -0,35")
    )
    assert de["budget"].sentence({}) == "Budget: nichts verzeichnet"


def test_a_company_is_explained_in_german_with_the_figures_of_the_english() -> None:
    history = hf.simulate(accounts=150, seed=2, months=20)
    days = hf.cutoffs(history, every="56d")
    english = hf.catalog.for_history(history)
    X, y = english.measure(history, days), hf.label(history, days)
    other = Catalog(english.indicators, fixed=False).told_in("de").measure(history, days)
    np.testing.assert_array_equal(X.indicators.to_numpy(), other.indicators.to_numpy())
    assert any(one.name.startswith("adoption_") and one.title.startswith("Nutzung: ") for one in other.catalog)
    model = hf.ChurnModel().fit(X, y)
    account = X.at(days[-1]).index[5][0]
    en, de = (hf.reasons(model.explain(one.at(days[-1])), account, history) for one in (X, other))
    assert (en.language, de.language) == ("en", "de")
    figures = re.compile(r"\d[\d.,]*")
    for one, same in zip(en.rows.to_dict("records"), de.rows.to_dict("records"), strict=True):
        if one["indicator"].startswith(("adoption", "calibration")) or not one["sign"]:
            continue
        found = sorted(
            text.rstrip(".,").translate(str.maketrans(",.", ".,")) for text in figures.findall(one["sentence"])
        )
        assert found == sorted(text.rstrip(".,") for text in figures.findall(same["sentence"])), one["sentence"]
    assert "Erhöht das Risiko" in de.text()
    assert "Raises" not in de.text()


def test_other_languages_and_a_second_translation_are_refused() -> None:
    with pytest.raises(UsageError, match="en or de"):
        hf.catalog.told_in("fr")
    with pytest.raises(UsageError, match="as it was declared"):
        hf.catalog.told_in("de").told_in("en")
