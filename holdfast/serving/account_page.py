"""The page of one account: where it stands, why, what has changed, and what would be read otherwise."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.features.indicators.wording import Language, chance, put
from holdfast.models.explain import CONTEXT
from holdfast.models.phrases import phrase
from holdfast.models.reasons import CALIBRATION
from holdfast.serving.columns import horizon, records
from holdfast.serving.headings import reason, value
from holdfast.serving.pages import environment

if TYPE_CHECKING:
    from holdfast.models.reasons import Reasons
    from holdfast.serving.story import Story

SHOWN = 8
_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Why: {name}",
        "as of": "as of {day}",
        "within": "within {days} days",
        "range": "90 % interval {low} to {high}",
        "health": "health",
        "no health": "insufficient evidence",
        "change": "{points:+z.0f} in 30 days",
        "risk": "ARR at risk within 90 days",
        "renewal": "renews {day}",
        "sum": "What adds up",
        "sum note": "Each bar multiplies the risk of an account of which nothing is known; to the right it raises it, "
        "to the left it lowers it. The contract calendar comes on top.",
        "context": "contract, segment, plan, tenure and size",
        "records": "Records",
        "changed": "What has changed",
        "what if": "What if",
        "signs": "signs of {name}",
        "footer": "Reasons say what the model reads from a sign, not what would happen if somebody changed it.",
        "model": "Model {version}",
    },
    "de": {
        "title": "Warum: {name}",
        "as of": "Stand {day}",
        "within": "binnen {days} Tagen",
        "range": "90-%-Intervall {low} bis {high}",
        "health": "Gesundheit",
        "no health": "zu wenig Belege",
        "change": "{points:+z.0f} in 30 Tagen",
        "risk": "ARR, binnen 90 Tagen gefährdet",
        "renewal": "Verlängerung {day}",
        "sum": "Was sich summiert",
        "sum note": "Jeder Balken vervielfacht das Risiko eines Kunden, von dem nichts bekannt ist; nach rechts erhöht "
        "er es, nach links senkt er es. Der Vertragskalender kommt hinzu.",
        "context": "Vertrag, Segment, Tarif, Dauer und Größe",
        "records": "Einträge",
        "changed": "Was sich geändert hat",
        "what if": "Was wäre wenn",
        "signs": "Zeichen: {name}",
        "footer": "Gründe sagen, was das Modell aus einem Zeichen liest, nicht, was eine Änderung bewirken würde.",
        "model": "Modell {version}",
    },
}


def render(story: Story) -> str:
    """Render the page as HTML; whatever a customer typed into a name stays text."""
    row, language = story.row, story.language
    say = partial(_say, language)
    name = row["account_name"] or row["account_id"]
    day = f"{row['as_of']:%Y-%m-%d}"
    renewal = "" if pd.isna(row["renewal_date"]) else say("renewal", day=f"{row['renewal_date']:%Y-%m-%d}")
    parts = (row["account_id"], row["segment"], row["csm"] and f"CSM {row['csm']}", say("as of", day=day), renewal)
    told = "" if story.why else phrase(language, "not scored", why=reason(row["score_reason"], language))
    return (
        environment()
        .get_template("account.html.j2")
        .render(
            language=language,
            title=say("title", name=name),
            name=name,
            subtitle=" · ".join(str(part) for part in parts if part),
            health=None if pd.isna(row["health"]) or story.why is None else float(row["health"]),
            band=row["band"],
            colour=value(row["band"], language),
            words={
                key: say(key) for key in ("health", "no health", "sum", "sum note", "records", "changed", "what if")
            },
            change="" if pd.isna(row["delta_health_30"]) else say("change", points=row["delta_health_30"]),
            tiles=_tiles(story, say),
            told=told,
            calendar="" if story.why is None else story.calendar.line(language),
            bars=[] if story.why is None else _bars(story.why, say, language),
            lists=[] if story.why is None else _lists(story.why, language),
            changes=[] if story.since is None else list(story.since.blocks(language)),
            what=story.tried(),
            footer=f"{say('footer')} {say('model', version=row['model_version'])}.",
        )
    )


def _tiles(story: Story, say: partial[str]) -> list[tuple[str, str, str]]:
    """Give value, label and note of every figure that is worth a tile."""
    row, found, write = story.row, [], partial(chance, language=story.language)
    for key in sorted((key for key in row if horizon(str(key))), key=lambda key: horizon(key) or 0):
        if pd.isna(row[key]) or story.why is None:
            continue
        low, high = (row.get(f"{key}_{end}", np.nan) for end in ("low", "high"))
        note = "" if pd.isna(low) or pd.isna(high) else say("range", low=write(low), high=write(high))
        found.append((write(row[key]), say("within", days=horizon(key)), note))
    stake = row["expected_arr_at_risk_90"]
    if story.why is not None and not pd.isna(stake):
        found.append((put("{stake:,.0f}", {"stake": stake}, story.language), say("risk"), ""))
    return found


def _bars(why: Reasons, say: partial[str], language: Language) -> list[dict[str, Any]]:
    """Give the contributions by dimension, context and calibration, as widths around the middle."""
    sums = why.rows.groupby("dimension")["contribution"].sum()
    titles = {CONTEXT: say("context"), CALIBRATION: phrase(language, CALIBRATION)}
    most = float(sums.abs().max()) or 1.0
    return [
        {
            "title": titles[str(name)] if name in titles else say("signs", name=phrase(language, str(name))),
            "start": 50.0 + min(0.0, 50.0 * value / most),
            "width": 50.0 * abs(value) / most,
            "raises": value > 0,
            "factor": phrase(language, "factor", factor=2.718281828459045**value),
        }
        for name, value in sums.sort_values(ascending=False, kind="stable").items()
        if value != 0.0
    ]


def _lists(why: Reasons, language: Language) -> list[dict[str, Any]]:
    return [
        {
            "title": phrase(language, key),
            "kind": key,
            "rows": [
                {"sentence": one["sentence"], "title": one["title"], "beside": list(why.beside(one)),
                 "records": ", ".join(one["records"]), "count": one["record_count"]}
                for one in records(table.head(SHOWN))
            ],
        }
        for key, table in (("raises", why.raising), ("lowers", why.lowering))
    ]  # fmt: skip


def _say(language: Language, key: str, /, **values: Any) -> str:
    return put(_WORDS[language][key], values, language)
