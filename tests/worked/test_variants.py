"""Variants: one declaration gives a sign against its own past, its trend, and its place among peers, each by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from holdfast.errors import UsageError
from holdfast.features.catalog import catalog
from holdfast.features.catalog.collection import Catalog
from holdfast.features.catalog.peers import FEWEST
from holdfast.features.history import History, to_tables
from holdfast.features.history.view import View
from holdfast.features.indicators.conditions import column
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.expression import Expression
from holdfast.features.indicators.indicator import Indicator, indicator
from holdfast.features.indicators.sources import people, subscriptions, tickets, usage
from holdfast.features.indicators.variants import Variant, change, move, peers, trend
from tests.tiny import Rows, T, ago, history, rows

EDGE = 1 / 86_400  # one second, in days


def sign(expression: Expression, *variants: Variant, healthy: str = "high", unit: str = "events") -> Indicator:
    return Indicator(
        expression.named("events"),
        name="use",
        dimension="product",
        healthy=healthy,  # type: ignore[arg-type]
        unit=unit,
        title="Use",
        curve=bands((0, 0), (10, 100)),
        evidence="{events:.0f} events",
        seeds=("S023",),
        variants=variants,
    )


def used(*days: float, account: str = "a", **columns: object) -> Rows:
    return rows("usage", days, account, **columns)


def measure(one: Indicator, of: History, name: str, at: pd.Timestamp = T) -> dict[str, float]:
    found = Catalog(()).adding(one).measure(of, [at]).indicators[name].droplevel("cutoff")
    return {str(account): float(value) for account, value in found.items()}


def test_one_declaration_gives_a_family_under_its_own_names() -> None:
    one = sign(usage.sum("count", days=30), change(30), trend(30), peers())
    family = {member.name: member for member in one.family}
    assert list(family) == ["use", "use_change", "use_trend", "use_peers"]
    assert [member.title for member in one.family] == [
        "Use",
        "Use against 30 days earlier",
        "Use, trend",
        "Use among peers",
    ]
    assert [member.variant_of for member in one.family] == ["", "use", "use", "use"]
    assert [member.unit for member in one.family] == ["events", "times", "share per 30 days", "share"]
    assert {member.dimension for member in one.family} == {"product"}
    assert {member.seeds for member in one.family} == {("S023",)}
    assert all(member.variants == () for member in one.family)
    assert len({member.fingerprint for member in one.family}) == 4
    assert [member.lookback_days for member in one.family] == [30, 60, 90, 30]
    assert family["use_peers"].curve is None  # a second figure, never scored


def test_a_move_is_a_change_in_the_unit_of_the_sign() -> None:
    moved = sign(usage.sum("count", days=30), move(90, reach=4), unit="share").family[1]
    assert (moved.name, moved.unit, moved.title) == ("use_change", "share", "Use against 90 days earlier")
    assert moved.curve is not None
    assert moved.curve([-5, -4, 0, 4]).tolist() == [0, 0, 0.75, 1]


def test_the_catalogue_holds_every_variant_of_what_it_declares() -> None:
    told = [one for one in catalog if one.variant_of]
    assert len(told) > 20
    assert all(one.variant_of in catalog.names and one.name.startswith(f"{one.variant_of}_") for one in told)
    assert all(one.seeds == catalog[one.variant_of].seeds for one in told)
    assert all(one.applies == catalog[one.variant_of].applies for one in told)


def test_change_is_now_over_before_between_0_stopped_and_10() -> None:
    ratio = {(0, 0): 1, (3, 0): 10, (0, 3): 0, (3, 3): 1, (3, 2): 1.5, (1, 4): 0.25, (20, 2): 10, (21, 2): 10}
    of = history(usage=[used(*[1.0] * now, *[31.0] * old, 400.0, account=f"{now} {old}") for now, old in ratio])
    expected = {f"{now} {old}": one for (now, old), one in ratio.items()}
    assert measure(sign(usage.sum("count", days=30), change(30)), of, "use_change") == expected


def test_change_compares_windows_that_touch_and_do_not_overlap() -> None:
    days = {"now": 30 - EDGE, "before": 30.0, "just before": 60 - EDGE, "long ago": 60.0}
    of = history(usage=[used(day, 400, account=name) for name, day in days.items()])
    ratio = measure(sign(usage.count(days=30), change(30)), of, "use_change")
    assert ratio == {"now": 10, "before": 0, "just before": 0, "long ago": 1}


def test_change_of_a_state_reads_what_held_then() -> None:
    seats = sign(subscriptions.active().sum("seats"), change(90), move(90, reach=10), unit="seats")
    of = history(
        subscriptions=[
            rows("subscriptions", [400, 40, -5], subscription_id="s", seats=[10, 15, 99]),
            rows("subscriptions", [30], "new", subscription_id="n", seats=4),
            rows("subscriptions", [400], "ended", subscription_id="e", seats=4, valid_to=ago(20)),
        ]
    )
    ratio, difference = (member.called(f"by_{n}") for n, member in enumerate(seats.family[1:]))
    found = Catalog((ratio, difference)).measure(of, [T]).indicators.droplevel("cutoff")
    assert found["by_0"].to_dict() == pytest.approx({"a": 1.5, "ended": 0, "new": np.nan}, nan_ok=True)
    assert found["by_1"].to_dict() == {"a": 5, "ended": -4, "new": 4}  # what did not hold had no seats


def test_change_is_missing_where_one_side_has_nothing_to_measure() -> None:
    mood = sign(tickets.mean("sentiment", days=30), change(30), move(30, 1), unit="-1 to 1")
    of = history(
        tickets=[
            rows("tickets", [10, 40], "both", ticket_id=["1", "2"], sentiment=[0.5, 0.25]),
            rows("tickets", [10], "now", ticket_id=["3"], sentiment=0.5),
            rows("tickets", [40], "before", ticket_id=["4"], sentiment=0.5),
        ]
    )
    for name, both in zip(("ratio", "difference"), (2.0, 0.25), strict=True):
        member = mood.family[1 + (name == "difference")].called(name)
        found = measure(member, of, name)
        assert found["both"] == both
        assert np.isnan([found["now"], found["before"]]).all()


def test_move_is_the_difference() -> None:
    of = history(used(1, 2, 3, 31, account="more"), used(1, 31, 32, account="less"), used(400, account="none"))
    assert measure(sign(usage.count(days=30), move(30, 5)), of, "use_change") == {"less": -1, "more": 2, "none": 0}


def test_trend_is_the_slope_of_three_readings_over_their_mean() -> None:
    rising = used(15, 45, 75, account="rising", count=[30, 20, 10])
    bent = used(15, 45, 75, account="bent", count=[10, 40, 10])
    stopped = used(75, account="stopped", count=12)
    of = history(rising, bent, stopped, used(400, account="none"))
    found = measure(sign(usage.sum("count", days=30), trend(30)), of, "use_trend")
    fitted = np.polyfit([-1, 0, 1], [10, 20, 30], 1)[0] / 20
    assert found["rising"] == pytest.approx(fitted) == 0.5
    assert found["bent"] == 0
    assert found["stopped"] == -1.5
    assert np.isnan(found["none"])  # a line through nothing has no slope


def test_variants_speak_in_sentences_with_their_numbers() -> None:
    members = ["usage_30_change", "usage_30_trend", "seat_penetration_change", "usage_30_peers"]
    of = history(
        usage=[
            used(15, 45, 75, count=[65, 85, 90], person_id="p"),
            *(used(15, account=f"b{n}", count=10.0 * n + 5, person_id="p") for n in range(10)),
        ],
        subscriptions=[rows("subscriptions", [400], subscription_id="s", seats=4)],
    )
    said = catalog.select(members).evidence(of, ["a", "b0"], T)
    assert said.loc["a"].to_dict() == {
        "usage_30_change": "Usage in a month: now 65, 30 days earlier 85",
        "usage_30_trend": "Usage in a month, 30 days apart: 90, 85, 65",
        "seat_penetration_change": "Active-user penetration: now 25%, 90 days earlier 0%",
        "usage_30_peers": "Usage in a month: 65, rank 65% in its segment (0% the lowest)",
    }
    assert str(said.loc["b0", "seat_penetration_change"]).endswith("earlier: not applicable here")
    assert said.loc["b0", "usage_30_change"] == "Usage in a month: now 5, 30 days earlier 0"


def ranked(*groups: tuple[str, int], start: int = 0) -> list[Rows]:
    """Let each account of a segment be used once more than the one before."""
    return [
        used(*np.linspace(1, 29, start + n + 1).tolist(), account=f"{segment}{n:02d}")
        for segment, size in groups
        for n in range(size)
    ]


def members(*groups: tuple[str, int], since: float = 400) -> list[Rows]:
    return [rows("accounts", [since], f"{name}{n:02d}", segment=name) for name, size in groups for n in range(size)]


@pytest.fixture(scope="module")
def segments() -> History:
    """Eleven large accounts, ten small ones and nine of the middle; those without a segment are one as well."""
    groups = (("large", 11), ("small", 10), ("middle", 9))
    none = [rows("accounts", [400], f"none{n:02d}", segment=None) for n in range(10)]
    return history(usage=[*ranked(*groups), *ranked(("none", 10))], accounts=[*members(*groups), *none])


PLACED = sign(usage.count(days=30), peers())


def test_peers_are_those_of_the_segment_and_at_least_ten(segments: History) -> None:
    place = measure(PLACED, segments, "use_peers")
    assert FEWEST == 10
    assert [place[f"large{n:02d}"] for n in range(11)] == pytest.approx([n / 10 for n in range(11)])
    assert [place[f"small{n:02d}"] for n in range(10)] == pytest.approx([n / 9 for n in range(10)])
    assert [place[f"none{n:02d}"] for n in range(10)] == pytest.approx([n / 9 for n in range(10)])
    assert np.isnan([place[f"middle{n:02d}"] for n in range(9)]).all()


def test_peers_that_are_level_share_their_place() -> None:
    of = history(
        usage=[used(1, account=f"large{n:02d}") for n in range(10)] + [used(1, 2, account="large10")],
        accounts=members(("large", 11)),
    )
    place = measure(PLACED, of, "use_peers")
    assert place["large10"] == 1
    assert {place[f"large{n:02d}"] for n in range(10)} == {0.45}  # nine level, one above, of ten peers


def test_who_has_no_figure_is_nobody_s_peer() -> None:
    share = sign(usage.distinct("person_id", days=30) / subscriptions.active().sum("seats"), peers(), unit="share")
    names = [f"large{n:02d}" for n in range(11)]
    bought = [
        rows("subscriptions", [400], name, subscription_id=name, seats=0 if name == "large10" else 10) for name in names
    ]
    parts = [used(1, account=name, person_id=f"p{who}") for n, name in enumerate(names) for who in range(n + 1)]
    place = measure(share, history(usage=parts, subscriptions=bought, accounts=members(("large", 11))), "use_peers")
    assert np.isnan(place["large10"])
    assert [place[f"large{n:02d}"] for n in range(10)] == pytest.approx([n / 9 for n in range(10)])
    one_less = history(usage=parts, subscriptions=bought[1:], accounts=members(("large", 11)))
    assert np.isnan(list(measure(share, one_less, "use_peers").values())).all()  # nine have a figure


def test_later_cutoffs_change_no_place(segments: History) -> None:
    one = Catalog(()).adding(PLACED)
    alone = one.measure(segments, [ago(5)])
    among = one.measure(segments, [ago(300), ago(5), T, ago(-100)]).at(ago(5))
    assert alone.indicators.to_numpy().tobytes() == among.indicators.to_numpy().tobytes()
    assert alone.indicators["use_peers"].notna().sum() == 31


def test_later_accounts_change_no_place(segments: History) -> None:
    groups = (("large", 11), ("small", 10), ("middle", 9))
    later = [rows("accounts", [-1], f"late{n}", segment="middle") for n in range(20)]
    arrived = [used(-2, account=f"late{n}") for n in range(20)]
    none = [rows("accounts", [400], f"none{n:02d}", segment=None) for n in range(10)]
    more = history(
        usage=[*ranked(*groups), *ranked(("none", 10)), *arrived], accounts=[*members(*groups), *none, *later]
    )
    one = Catalog(()).adding(PLACED)
    pd.testing.assert_frame_equal(one.measure(more, [T]).indicators, one.measure(segments, [T]).indicators)
    place = one.measure(more, [ago(-10)]).indicators["use_peers"].droplevel("cutoff")
    assert place.loc["middle00":"middle08"].notna().all()  # twenty have joined them by then


def test_a_segment_is_the_one_known_at_the_cutoff() -> None:
    groups = (("large", 10),)
    moved = rows("accounts", [400, -5], "mover", segment=["small", "large"])
    of = history(usage=[*ranked(*groups, start=1), used(1, 2, account="mover")], accounts=[*members(*groups), moved])
    assert np.isnan(measure(PLACED, of, "use_peers")["mover"])
    assert measure(PLACED, of, "use_peers")["large09"] == 1
    assert not np.isnan(measure(PLACED, of, "use_peers", at=ago(-5))["mover"])


def test_buckets_measured_apart_and_compared_together_give_the_whole(segments: History, tmp_path: Path) -> None:
    cutoffs = pd.DatetimeIndex([ago(10), T])
    fitted = Catalog(()).adding(sign(usage.count(days=30), change(30), peers()))
    segments.write(tmp_path / "tables")
    stored = History.build(tmp_path / "tables", tmp_path / "store", buckets=3, end=segments.end)
    parts = [fitted.measure_batch(to_tables(bucket), cutoffs) for bucket in stored.buckets()]
    together = pa.concat_tables(parts, promote_options="permissive")
    assert len(parts) > 1
    assert np.array_equal(together["use_peers"].to_numpy(), together["use"].to_numpy())  # the own figure until then
    whole = fitted.measure(segments, cutoffs).frame().reset_index()
    compared = fitted.with_peers(together).to_pandas().sort_values(["account_id", "cutoff"], ignore_index=True)
    pd.testing.assert_frame_equal(compared, whole, check_exact=True, check_dtype=False)
    assert whole["use_peers"].notna().sum() == 62


@indicator(
    needs=("usage",), dimension="product", healthy="high", unit="events", title="Events", evidence="{value:.0f} events"
)
def events(view: View) -> pd.Series:
    return view["usage"].groupby("account_id").size()


@pytest.mark.parametrize(
    ("shift", "message"),
    [
        (lambda: usage.decayed(half_life=30).shifted(30), "a decayed sum"),
        (lambda: (usage.count(days=30) / usage.decayed("count")).shifted(30), "a decayed sum"),
        (lambda: events.expression.shifted(30), "a function, which is not read 30 days earlier"),
        (lambda: (events.expression + usage.count(days=7)).shifted(7), "a function, which is not read 7 days earlier"),
        (lambda: sign(usage.decayed(half_life=30), change(30)).family, "a decayed sum"),
        (lambda: Catalog(()).adding(sign(events.expression, trend(30))), "a function"),
    ],
)
def test_what_cannot_be_read_earlier_is_refused(shift: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        shift()


def test_shifting_moves_windows_and_states_and_leaves_numbers() -> None:
    both = (1 + usage.count(days=30, where=column("advanced") >= 1)) / people.active(ago=10).count()
    earlier = both.shifted(30)
    assert str(earlier) == str(
        (1 + usage.count(days=30, where=column("advanced") >= 1).shifted(30)) / people.active(ago=40).count()
    )
    assert both.shifted(10).shifted(20) == earlier
    assert earlier.lookback_days == 60


@pytest.mark.parametrize(
    ("healthy", "kind", "unchanged", "more_is_better"),
    [
        ("high", change(30), 1, True),
        ("low", change(30), 1, False),
        ("high", trend(30), 0, True),
        ("low", trend(30), 0, False),
    ],
)
def test_curves_follow_the_direction(healthy: str, kind: Variant, unchanged: float, more_is_better: bool) -> None:
    curve = sign(usage.count(days=30), kind, healthy=healthy).family[1].curve
    assert curve is not None
    assert curve.rises == more_is_better
    assert curve.falls != more_is_better
    assert 0.6 < curve([unchanged])[0] < 1  # no change is fair, and not the best


def test_what_has_no_direction_gets_none_from_a_variant_unless_told() -> None:
    unclear = sign(usage.count(days=30), change(30), trend(30), move(30, 5), healthy="unclear")
    assert [member.curve for member in unclear.family[1:]] == [None, None, None]
    told = sign(usage.count(days=30), change(30, healthy="high"), healthy="unclear").family[1]
    assert told.healthy == "high"
    assert told.curve is not None
