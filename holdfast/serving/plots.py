"""Plots as SVG that can stand inside a page: the same figure gives the same text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#5a6675",
    "axes.labelcolor": "#1c2430",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": "#5a6675",
    "ytick.color": "#5a6675",
    "grid.color": "#e6eaee",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
_DRAWN = re.compile(
    r'\s+id="((?:figure|axes|patch|text|line2d|matplotlib\.axis|xtick|ytick|legend|\w+Collection)_\d+)"'
)


@dataclass(frozen=True)
class Plot:
    """A drawing and what it shows, in a sentence."""

    svg: Markup
    caption: str


def draw(name: str, paint: Callable[[Axes], object], size: tuple[float, float] = (4.6, 3.4)) -> Markup:
    """Let a function paint on axes, and return the drawing as SVG without anything that varies from run to run.

    Parameters
    ----------
    name
        Salt of the identifiers inside, so that several drawings fit on one page.
    """
    import matplotlib as mpl
    from markupsafe import Markup
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE | {"svg.hashsalt": name}):
        figure = Figure(figsize=size)
        FigureCanvasSVG(figure)
        paint(figure.subplots())
        out = StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return Markup(inline(out.getvalue(), name))  # noqa: S704 # drawn here; holds no text of a customer


def inline(svg: str, label: str) -> str:
    """Cut a drawing down to its ``svg`` element, named for readers of the page; identifiers that nothing uses go."""
    body = _DRAWN.sub("", svg[svg.index("<svg") :])
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    return body.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
