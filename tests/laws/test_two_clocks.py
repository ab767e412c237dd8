"""Laws of the two clocks: what became known later changes nothing of what was known."""

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from holdfast.errors import DataError
from holdfast.features.history import History

START = pd.Timestamp("2025-01-01", tz="UTC")
ACCOUNTS = ["a", "b", "c", "d"]
LAW = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

hours = st.integers(0, 40).map(lambda n: START + pd.Timedelta(hours=6 * n))
later = st.one_of(st.none(), hours)
account = st.sampled_from([*ACCOUNTS, "unknown"])
cell = {
    "known_at": later,
    "paid_at": later,
    "solved_at": later,
    "valid_to": later,
    "cancel_requested_at": later,
    "ends_at": later,
    "amount_paid": st.one_of(st.none(), st.integers(0, 9).map(float)),
    "satisfaction": st.sampled_from([None, 0.0, 0.5, 1.0]),
    "priority": st.sampled_from([None, "low", "high"]),
    "event": st.sampled_from(["login", "export"]),
    "count": st.sampled_from([None, 1.0, 2.5, float("inf")]),
    "deleted": st.sampled_from([None, None, False, True]),
    "seats": st.sampled_from([None, 3.0, 5.0]),
    "status": st.sampled_from([None, "active", "canceled"]),
    "segment": st.sampled_from([None, "S", "L"]),
    "notice_at": later,
    "ended_at": hours,
}


def table(columns: str, key: tuple[str, ...] = (), **own):
    """Draw a frame; rows that would claim the same key at the same time are left out."""
    strategies = {"account_id": account, **{name: cell[name] for name in columns.split()}, **own}
    rows = st.lists(st.fixed_dictionaries(strategies), min_size=1, max_size=12)

    def frame(drawn):
        whole = pd.DataFrame(drawn, columns=list(strategies))
        return whole.drop_duplicates(list(key)).reset_index(drop=True) if key else whole

    return rows.map(frame)


tables = st.fixed_dictionaries(
    {
        "accounts": table("segment known_at", ("account_id", "known_at"), account_id=st.sampled_from(ACCOUNTS)),
        "usage": table("event count known_at", occurred_at=hours),
    },
    optional={
        "tickets": table(
            "solved_at satisfaction priority deleted",
            ("ticket_id", "known_at"),
            ticket_id=st.sampled_from("tuv"),
            opened_at=hours,
            known_at=hours,
        ),
        "invoices": table("paid_at amount_paid known_at", issued_at=hours, amount=st.sampled_from([5.0, 7.0])),
        "subscriptions": table(
            "valid_to status seats cancel_requested_at ends_at deleted",
            ("subscription_id", "known_at"),
            subscription_id=st.sampled_from("rs"),
            valid_from=hours,
            known_at=hours,
        ),
        "churn": table("notice_at ended_at known_at"),
    },
)


def read(frames) -> History:
    try:
        return History.from_frames(frames)
    except DataError:
        assume(False)
        raise


def until(history: History, instant) -> History:
    try:
        return history.until(instant)
    except DataError:
        assume(False)
        raise


EVENT = {
    "usage": ["occurred_at"],
    "tickets": ["opened_at"],
    "invoices": ["issued_at"],
    "churn": ["notice_at", "ended_at"],
}


def known(frames) -> dict[str, pd.Series]:
    """When each row could be known, by the documented defaults, worked out a second time."""
    times = {}
    for name, frame in frames.items():
        times[name] = pd.to_datetime(frame["known_at"], utc=True)
        for event in EVENT.get(name, []):
            times[name] = times[name].fillna(pd.to_datetime(frame[event], utc=True))
        if name in ("usage", "tickets"):  # a receipt at midnight of the day of the event has lost its hour
            happened = pd.to_datetime(frame[EVENT[name][0]], utc=True)
            bare = (times[name] < happened) & (times[name] == happened.dt.floor("D"))
            times[name] = times[name].mask(bare, happened)
    pairs = [pd.DataFrame({"id": frames[n]["account_id"], "at": times[n]}) for n in frames]
    first = pd.concat(pairs).groupby("id")["at"].min()
    times["accounts"] = times["accounts"].fillna(frames["accounts"]["account_id"].map(first))
    return times


def without_later_rows(frames, instant):
    times = known(frames)
    kept = {name: frame[(times[name] <= instant).to_numpy()] for name, frame in frames.items()}
    return {name: frame for name, frame in kept.items() if len(frame)}


def content(history: History, instant) -> dict[str, pd.DataFrame]:
    view = history.as_of(instant)
    return {name: view[name].dropna(axis=1, how="all") for name in view if len(view[name])}


def assert_same(one: dict[str, pd.DataFrame], two: dict[str, pd.DataFrame]) -> None:
    assert set(one) == set(two)
    for name, frame in one.items():
        pd.testing.assert_frame_equal(frame, two[name])


@LAW
@given(frames=tables, instant=hours)
def test_until_is_what_would_have_been_read(frames, instant):
    cut = until(read(frames), instant)
    fresh = until(read(without_later_rows(frames, instant)), instant)
    assert cut.fingerprint() == fresh.fingerprint()
    assert cut.tables == fresh.tables
    assert list(cut.accounts) == list(fresh.accounts)
    assert (cut.start, cut.end, cut.now) == (fresh.start, fresh.end, fresh.now)
    assert {t: cut.supplied(t) for t in cut.tables} == {t: fresh.supplied(t) for t in cut.tables}
    assert [f for f in cut.findings if f.code != "HF005"] == [f for f in fresh.findings if f.code != "HF005"]


@LAW
@given(frames=tables, instant=hours)
def test_a_view_does_not_see_what_until_removes(frames, instant):
    history = read(frames)
    assert_same(content(history, instant), content(until(history, instant), instant))


@LAW
@given(frames=tables, instant=hours, sooner=hours)
def test_a_view_of_an_earlier_day_is_the_same_from_any_later_one(frames, instant, sooner):
    assume(sooner <= instant)
    history = read(frames)
    assert_same(content(until(history, instant), sooner), content(history, sooner))


@LAW
@given(frames=tables, instant=hours, seed=st.integers(0, 9))
def test_the_order_of_rows_does_not_matter(frames, instant, seed):
    shuffled = {name: frame.sample(frac=1, random_state=seed) for name, frame in frames.items()}
    one, two = read(frames), read(dict(reversed(shuffled.items())))
    assert one.fingerprint() == two.fingerprint()
    assert one.findings == two.findings
    assert_same(content(one, instant), content(two, instant))


@LAW
@given(frames=tables, instant=hours)
def test_dates_that_came_later_are_as_if_never_written(frames, instant):
    """An export overwritten after the cutoff (a bill paid, a ticket solved) tells nothing new of the cutoff."""
    early = {name: frame.copy() for name, frame in frames.items()}
    for name, column in (("invoices", "paid_at"), ("tickets", "solved_at"), ("subscriptions", "valid_to")):
        if name in early:
            times = pd.to_datetime(early[name][column], utc=True)
            early[name][column] = times.mask(times > instant)
    for value, date in (("amount_paid", "paid_at"), ("satisfaction", "solved_at")):
        for frame in early.values():
            if value in frame:
                frame[value] = frame[value].mask(frame[date].isna())
    sometimes = {name: frame.copy() for name, frame in frames.items()}
    for value, date in (("amount_paid", "paid_at"), ("satisfaction", "solved_at")):
        for frame in sometimes.values():
            if value in frame:
                frame[value] = frame[value].mask(frame[date].isna())
    assert until(read(sometimes), instant).fingerprint() == until(read(early), instant).fingerprint()


@settings(LAW, max_examples=8)
@given(frames=tables)
def test_what_is_written_is_read_again(frames, tmp_path_factory):
    history, folder = read(frames), tmp_path_factory.mktemp("written")
    history.write(folder / "one")
    again = History.read(folder / "one")
    assert again.fingerprint() == history.fingerprint()
    assert {t: again.supplied(t) for t in again.tables} == {t: history.supplied(t) for t in history.tables}
    again.write(folder / "two")
    for name in history.tables:
        one, two = ((folder / which / f"{name}.parquet").read_bytes() for which in ("one", "two"))
        assert one == two


def test_rows_that_are_alike_are_two_events_each_with_its_own_name():
    usage = pd.DataFrame({"account_id": ["a", "a", "a"], "occurred_at": ["2025-01-01"] * 3, "count": [1, 1, 2]})
    history = History.from_frames({"accounts": pd.DataFrame({"account_id": ["a"]}), "usage": usage})
    assert len(history.records("usage")) == 3


@pytest.mark.parametrize("tail", [1, 50])
def test_an_isolated_tail_is_set_aside_and_stays_aside(tail):
    usage = pd.DataFrame({"account_id": "a", "occurred_at": pd.date_range("2020-01-01", periods=60_000, freq="h")})
    far = pd.DataFrame({"account_id": "a", "occurred_at": pd.date_range("2099-01-01", periods=tail, freq="D")})
    accounts = pd.DataFrame({"account_id": ["a"]})
    clean = History.from_frames({"accounts": accounts, "usage": usage})
    spoilt = History.from_frames({"accounts": accounts, "usage": pd.concat([usage, far])})
    assert spoilt.end == clean.end
    assert spoilt.fingerprint() == clean.fingerprint()
    assert spoilt.until("2022-01-01").fingerprint() == clean.until("2022-01-01").fingerprint()
    assert [f.count for f in spoilt.findings if f.code == "HF006"] == [tail]


def test_what_is_known_after_the_clock_is_set_aside():
    frames = {
        "accounts": pd.DataFrame({"account_id": ["a"]}),
        "usage": pd.DataFrame({"account_id": ["a", "a"], "occurred_at": ["2025-01-01", "2025-02-01"]}),
    }
    history = History.from_frames(frames, clock="2025-01-15")
    assert history.end == pd.Timestamp("2025-01-01", tz="UTC")
    assert [(f.code, f.count) for f in history.findings if f.code == "HF006"] == [("HF006", 1)]
