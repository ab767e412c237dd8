"""The page on importance: which signs count, by which measure, and which reasons to be wary of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.models.explain import CONTEXT
from holdfast.serving.columns import records
from holdfast.serving.pages import environment
from holdfast.serving.plots import draw
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from holdfast.training.importance import Importance

SHOWN, CURVES, PAIRS = 30, 6, 12


def render(found: Importance, as_of: str) -> str:
    """Render the page as HTML; whatever a customer typed into a name stays text."""
    rows = found.rows
    drawn = found.curves()
    drawn = drawn[drawn["told"] != ""].head(CURVES)
    return (
        environment()
        .get_template("importance.html.j2")
        .render(
            as_of=as_of,
            refits=[f"{day:%Y-%m-%d}" for day in found.refits if day is not None],
            findings=[one.message for one in found.findings],
            horizons=sorted(int(name.removeprefix("auc_")) for name in map(str, rows) if name.startswith("auc_")),
            rows=json_rows(rows.head(SHOWN)),
            context=CONTEXT,
            dimensions=json_rows(found.dimensions()),
            marked=json_rows(rows[rows["mark"] != ""]),
            picture=draw("importance", found.plot, size=(7.4, 5.2)),
            curves=[_curve(found, row, place) for place, row in enumerate(records(drawn))],
            segments=_segments(found),
            pairs=json_rows(found.interactions.head(PAIRS)),
            titles=dict(zip(rows["group"], rows["title"], strict=True)),
        )
    )


def _curve(found: Importance, row: dict[str, Any], place: int) -> dict[str, Any]:
    name = row["indicator"]
    svg = draw(f"dependence{place}", lambda ax: found.plot_dependence(name, ax), size=(4.8, 3.2))
    return {"title": row["title"], "told": row["told"], "svg": svg}


def _segments(found: Importance) -> dict[str, list[dict[str, Any]]]:
    """Name the strongest signs of each segment, context apart."""
    signs = set(found.rows.loc[found.rows["dimension"] != CONTEXT, "group"])
    parts = found.segments()
    parts = parts[parts["group"].isin(signs)].sort_values(["part", "share"], ascending=[True, False], kind="stable")
    return {str(part): json_rows(table.head(5)) for part, table in parts.groupby("part", sort=True)}
