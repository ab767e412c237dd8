"""Whatever holds a frame shows itself in a notebook, inertly; every plot takes axes, and leaves pyplot as it was."""

import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import holdfast
import holdfast as hf
from holdfast.errors import UsageError
from holdfast.features.catalog.collection import Catalog
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.sentiment.evaluation import Evaluation
from holdfast.findings import Finding
from holdfast.models.explain import Explanation
from holdfast.models.points import health_points
from holdfast.models.template import Template
from holdfast.serving.mapped_told import Work
from holdfast.training.treatment import Treatments

HOSTILE = "<script>alert(1)</script>"


def modules() -> Iterator[object]:
    for one in pkgutil.walk_packages(holdfast.__path__, "holdfast."):
        if not one.name.endswith("__main__"):
            yield import_module(one.name)


def classes() -> set[type]:
    found = {member for one in modules() for member in vars(one).values() if isinstance(member, type)}
    ours = {one for one in found if one.__module__.startswith("holdfast.")}
    return {one for one in ours if not one.__name__.startswith("_")}  # what nobody is handed shows nothing


def test_whatever_gives_a_frame_shows_itself() -> None:
    framed = {one for one in classes() if inspect.isfunction(vars(one).get("frame"))}
    assert {Catalog, Template, Explanation} <= framed
    assert [one.__qualname__ for one in framed if not hasattr(one, "_repr_html_")] == []


def test_every_plot_takes_axes() -> None:
    holders = [*modules(), *classes()]
    plots = {
        member.__qualname__: member
        for one in holders
        for name, member in vars(one).items()
        if inspect.isfunction(member) and name.startswith("plot") and member.__module__.startswith("holdfast.")
    }
    assert len(plots) > 10
    assert [name for name, plot in plots.items() if "ax" not in inspect.signature(plot).parameters] == []


@pytest.fixture(scope="module")
def why() -> Explanation:
    history = hf.simulate(accounts=80, seed=3, months=16)
    cutoffs = hf.cutoffs(history, every="28d")
    X, y = hf.catalog.measure(history, cutoffs), hf.label(history, cutoffs)
    return hf.ChurnModel().fit(X, y).explain(X.at(cutoffs[-1]))


def test_a_plot_leaves_pyplot_as_it_was(why: Explanation) -> None:
    account = why.contributions.index[0][0]
    live = plt.isinteractive()
    figure, axes = plt.subplots(1, 3, figsize=(11, 3))
    other = plt.figure()
    try:
        plt.ion()
        drawn = [
            why.plot_waterfall(account, ax=axes[0]),
            why.plot_beeswarm(ax=axes[1]),
            why.plot_dependence("goal_progress", ax=axes[2]),
        ]
        assert plt.isinteractive()  # else a notebook shows no figure after this one
        assert plt.gcf() is other
        assert drawn == list(axes)
        assert figure.get_size_inches().tolist() == [11, 3]
        assert all(one.has_data() for one in axes)
        assert len(axes[2].get_xticks()) < 20  # and not one for each account
        alone = why.plot_waterfall(account).figure
        assert alone not in (figure, other)
        written = [label.get_text() for one in alone.axes for label in one.get_xticklabels()]
        assert any("start" in one for one in written)
        assert not any("E[" in one for one in written)
    finally:
        plt.interactive(live)
        plt.close("all")


def test_a_plot_of_nobody_is_refused(why: Explanation) -> None:
    nobody = why.rows(np.zeros(len(why.g), dtype=bool))
    for draw in (nobody.plot_beeswarm, lambda: nobody.plot_dependence("goal_progress")):
        with pytest.raises(UsageError, match="an account at least"):
            draw()


def test_what_is_shown_is_inert() -> None:
    sign = replace(hf.catalog["seat_penetration"], title=HOSTILE, unit=HOSTILE)
    log = Treatments.of(pd.DataFrame({"account_id": [HOSTILE], "at": ["2025-01-01"], "helped": [True]}))
    table = pd.DataFrame({HOSTILE: [HOSTILE]})
    work = Work(Path("plan.toml"), table, table, table, table, {}, (Finding("HF009", HOSTILE, 1, HOSTILE),))
    work = replace(work, findings=(*work.findings, Finding("HF042", HOSTILE, 1, HOSTILE)))
    template = Template.from_dict({"name": HOSTILE, "version": HOSTILE, "author": HOSTILE})
    for one in (sign, Catalog((sign,)), log, work, template):
        shown = one._repr_html_()
        assert "<script" not in shown
        assert "&lt;script" in shown


def test_an_indicator_shows_its_declaration() -> None:
    shown = hf.catalog["seat_penetration"]._repr_html_()
    for told in (
        "Active-user penetration",
        "running subscriptions",
        "30 days",
        "0.4: 49, 0.4: 50",
        "subscriptions, usage",
    ):
        assert told in shown
    bare: Indicator = replace(hf.catalog["days_since_usage"], curve=None)
    assert "from the beginning" in bare._repr_html_()
    assert "for the models alone" in bare._repr_html_()


def test_a_catalogue_counts_by_dimension_and_shows_the_first() -> None:
    shown = hf.catalog._repr_html_()
    assert f"{len(hf.catalog)} indicators: " in shown
    assert shown.count("<tr") < 20
    assert "0 indicators</p>" in Catalog(())._repr_html_()


def test_points_and_evaluations_are_shown() -> None:
    health = hf.HealthScore.template()
    history = hf.simulate(accounts=60, seed=0, months=18)
    cutoffs = hf.cutoffs(history, every="56d")
    X, y = hf.catalog.measure(history, cutoffs), hf.label(history, cutoffs)
    shown = health_points(health.fit(X, y), X)._repr_html_()
    assert ">health<" in shown
    rows = pd.DataFrame({"good": [True, False], "learned": [0.5, -0.2], "vader": [None, None]})
    assert "2025Q2" in Evaluation(rows.assign(quarter=pd.Timestamp("2025-04-01", tz="UTC")))._repr_html_()
