"""Plots of an explanation, drawn by shap; each takes and returns Axes."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import shap
    from matplotlib.axes import Axes

    from holdfast.models.explain import Explanation

SHOWN = 12
_ADDS = "adds to the log-hazard of churn"


def as_shap(why: Explanation, *, grouped: bool) -> shap.Explanation:
    """Hand contributions over, of each sign or summed by group; the value shown is that of a group's first sign."""
    parts = why.groups() if grouped else why.contributions
    names = [str(name) for name in parts]
    with quiet_shap() as module:
        return module.Explanation(
            display_data=np.column_stack([_shown(why, name) for name in names]) if names else None,
            values=parts.to_numpy(float),
            base_values=np.full(len(why.g), why.base),
            data=why.values()[names].to_numpy(float),
            feature_names=[_plain(str(title)) for title in why.sources.loc[names, "title"]],
        )


def plot_waterfall(why: Explanation, account_id: str, ax: Axes | None = None, shown: int = SHOWN) -> Axes:
    """Draw how the signs of one account add up, from what an account has before anything is known of it.

    Axes of one's own keep the size of their figure, which must be one of pyplot.
    """
    row, axes = why.place_of(account_id), ax or _fresh()
    with quiet_shap() as module, _current(axes, keep_size=ax is not None):
        module.plots.waterfall(as_shap(why, grouped=True)[row], max_display=shown, show=False)
        _name_start(axes)
    axes.set_title(f"What adds up to the risk of {_plain(account_id)}", loc="left", fontsize=11)
    return axes


def plot_beeswarm(why: Explanation, ax: Axes | None = None, shown: int = SHOWN) -> Axes:
    """Draw what each sign adds for every account, coloured by its value.

    Raises
    ------
    UsageError
        When no account was explained.
    """
    _refuse_empty(why, "plot_beeswarm")
    axes = ax or _fresh()
    with quiet_shap() as module:
        module.plots.beeswarm(
            as_shap(why, grouped=True), max_display=shown, ax=axes, show=False, plot_size=None,
            group_remaining_features=False,
        )  # fmt: skip
    axes.set_xlabel(_ADDS)
    return axes


def plot_dependence(why: Explanation, name: str, ax: Axes | None = None) -> Axes:
    """Draw what one sign adds against its value, a dot for each account.

    Raises
    ------
    UsageError
        When nothing of that name was explained, or no account.
    """
    _refuse_empty(why, "plot_dependence")
    names = [str(one) for one in why.contributions]
    if name not in names:
        raise UsageError("plot_dependence", "what was explained", repr(name), did_you_mean(name, names))
    axes = ax or _fresh()
    shown = as_shap(why, grouped=False)
    if why.values()[name].notna().any():
        shown.display_data = None  # numbers as texts, of which shap would write one under each dot
    with quiet_shap() as module, _current(axes, keep_size=ax is not None):
        module.plots.scatter(shown[:, names.index(name)], ax=axes, show=False)
    axes.set_ylabel(_ADDS)
    return axes


def _refuse_empty(why: Explanation, where: str) -> None:
    if not len(why.g):
        raise UsageError(where, "an account at least", "none", "explain rows that hold one")


def _name_start(axes: Axes) -> None:
    """Call the start of a waterfall what it is: shap takes it for the mean of all accounts."""
    for one in axes.figure.axes:
        labels = [label.get_text().replace("$E[f(X)]$", "start") for label in one.get_xticklabels()]
        if any("start" in label for label in labels):
            one.set_xticks(one.get_xticks(), labels)


@contextmanager
def quiet_shap() -> Iterator[ModuleType]:
    """Load shap, and let it work: without the warnings that its use of other libraries raises, and always alike."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it sets up colours, and counts layers, in ways that its libraries are leaving
        import shap

        before = np.random.get_state()  # noqa: NPY002 # shap shuffles its dots by this generator, and takes no other
        np.random.seed(0)  # noqa: NPY002 # so that the same figure is drawn twice
        try:
            yield shap
        finally:
            np.random.set_state(before)  # noqa: NPY002 # what others draw by it is as if nothing had been


@contextmanager
def _current(axes: Axes, *, keep_size: bool) -> Iterator[None]:
    """Let shap draw where it always draws, on the current axes, and leave pyplot as it was found.

    It turns interactive plotting off for good, after which a notebook shows no figure any more.
    """
    import matplotlib.pyplot as plt

    live, before = plt.isinteractive(), plt.gcf() if plt.get_fignums() else None
    figure = axes.get_figure(root=True)
    size = figure.get_size_inches() if keep_size and figure is not None else None
    plt.sca(axes)
    try:
        yield
    finally:
        if figure is not None and size is not None:
            figure.set_size_inches(*size)
        if before is not None:
            plt.figure(before)
        if live:
            plt.ion()


def _fresh() -> Axes:
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(7.0, 5.0))[1]


def _shown(why: Explanation, name: str) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """Write values as they stand beside a title: numbers to four digits, texts as they are."""
    frame = why.X.indicators if name in why.X.indicators else why.X.context
    told = [
        _plain(value) if isinstance(value, str) else "none" if value != value else f"{value:,.4g}"
        for value in frame[name].astype(object)
    ]
    return np.array(told, dtype=object)


def _plain(text: str) -> str:
    """Keep what a customer typed from being read as mathematics."""
    return text.replace("$", r"\$")
