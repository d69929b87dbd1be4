"""Growth per day, and what it leads to: properties that hold for any sizes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fixtures.history.series import GONE, NEW, SMALLER, in_evidence, levelled, spaced, steps, table_series
from fixtures.history.trend import days_until, quantile, size_a_week_ago, trend_of, what_is_missing
from fixtures.wording import in_bytes
from tests.history.past import NOON, point

SIZES = st.lists(st.integers(0, 10**12), min_size=3, max_size=20)
SLOPES = st.integers(-(10**9), 10**9)
QUICK = settings(max_examples=60, deadline=None)


def daily(sizes):
    """A size a day."""
    return [(NOON + timedelta(days=day), float(size)) for day, size in enumerate(sizes)]


@QUICK
@given(SIZES, st.integers(0, 400))
@example([10**12, 0, 0], 400)
def test_projected_sizes_are_never_negative(sizes, days):
    """However fast it shrinks; and the band surrounds the projection."""
    trend = trend_of(daily(sizes))
    low, middle, high = (trend.after(days, sizes[-1], slope) for slope in (trend.low, trend.per_day, trend.high))
    assert 0 <= low <= middle <= high


@QUICK
@given(SIZES, SLOPES, SLOPES)
def test_trend_is_monotone_in_the_slope(sizes, slope, other):
    """A series that grows faster by so much a day has a trend that is higher by as much, and is full no later."""
    low, high = sorted((slope, other))
    slower, faster = (
        trend_of([(at, size + more * day) for day, (at, size) in enumerate(daily(sizes))]) for more in (low, high)
    )
    assert slower.per_day <= faster.per_day + 1
    assert faster.per_day - slower.per_day == pytest.approx(high - low, rel=1e-6, abs=10)
    sooner, later = (days_until(sizes[-1], 10**13, trend.per_day) for trend in (faster, slower))
    assert later is None or (sooner is not None and sooner <= later * (1 + 1e-6))


@QUICK
@given(SIZES, st.randoms())
def test_order_does_not_matter(sizes, random):
    """The points may come in any order."""
    points = daily(sizes)
    shuffled = list(points)
    random.shuffle(shuffled)
    assert trend_of(shuffled) == trend_of(points)


@QUICK
@given(SLOPES, st.integers(5, 20), st.data())
def test_one_outlier_does_not_matter(slope, count, data):
    """A temporary table or a half-done restore that one run saw changes nothing."""
    sizes = [10**11 + slope * day for day in range(count)]
    sizes[data.draw(st.integers(0, count - 1))] = data.draw(st.integers(0, 10**15))
    assert trend_of(daily(sizes)).per_day == pytest.approx(slope, abs=0.1)


@QUICK
@given(st.lists(st.integers(-(10**9), 10**9), min_size=1).map(sorted), st.floats(0, 1))
def test_quantile_is_between_its_values(values, share):
    """The ends are the ends."""
    assert values[0] <= quantile(values, share) <= values[-1]
    assert (quantile(values, 0), quantile(values, 1)) == (values[0], values[-1])


TOO_FEW = {
    "one": [0],
    "two": [0, 9],
    "three within less than two days": [0, 1, 1.99],
    "none": [],
}


@pytest.mark.parametrize("name", TOO_FEW)
def test_few_points_have_no_trend(name):
    """Two points, or a day, show no trend."""
    assert trend_of((NOON + timedelta(days=day), 1.0) for day in TOO_FEW[name]) is None


MISSING = {
    "this run only": (
        [0],
        "a run from 2026-05-03 12:00:00 UTC on, and one between 2026-05-02 00:00:00 UTC and 12 h",
    ),
    "two within an hour": (
        [0, 1 / 24],
        "a run from 2026-05-03 12:00:00 UTC on, and one between 2026-05-02 00:00:00 UTC and 12 h",
    ),
    "two days": ([0, 1], "a run from 2026-05-03 12:00:00 UTC on"),
    "two, long ago": ([0, 9], "a run from 2026-05-11 00:00:00 UTC on"),
    "many within a day": ([0, 0.5, 1], "a run from 2026-05-03 12:00:00 UTC on"),
}


@pytest.mark.parametrize("name", MISSING)
def test_missing_runs_are_named(name):
    """Exactly when growth will be known; the promise holds, and one second before it does not."""
    days, text = MISSING[name]
    points = [point(day, 1) for day in days]
    assert what_is_missing(points).startswith(text)
    between = [point(0.5, 1)] if " and one between" in text else []
    at = datetime.fromisoformat(text.removeprefix("a run from ")[:19]).replace(tzinfo=UTC)
    last = (at - NOON) / timedelta(days=1)
    assert trend_of((one.read_at, 1.0) for one in spaced([*points, *between, point(last, 1)])) is not None
    early_run = point(last - 1 / 86_400, 1)
    assert trend_of((one.read_at, 1.0) for one in spaced([*points, *between, early_run])) is None


def test_spaced_points_keep_both_ends():
    """Repeated runs of one hour are one point; the oldest and the newest stay."""
    points = [point(day, day) for day in (0, 0.1, 1, 1.2, 1.3, 3, 3.1)]
    assert [one.database for one in spaced(points[::-1])] == [0, 1, 3.1]
    assert spaced([]) == []


DROPPED = [
    point(day, 1000 + 10 * day - (500 if day >= 5 else 0), {1: 500} if day < 5 else {}) for day in range(10)
]
NEW_TABLE = [
    point(day, 1000 + 10 * day + (500 if day >= 5 else 0), {1: 500} if day >= 5 else {}) for day in range(10)
]
REBUILT = [
    point(day, 1000 + 10 * day - (500 if day >= 5 else 0), {1: 900 - (500 if day >= 5 else 0)})
    for day in range(10)
]
RESTORED = [
    point(day, 1000 + 10 * day - (300 if day >= 5 else 0), {1: 800} if day < 5 else {2: 500}) for day in range(10)
]
STEPS = {
    "a dropped table": (DROPPED, [GONE]),
    "a new table": (NEW_TABLE, [NEW]),
    "VACUUM FULL": (REBUILT, [SMALLER]),
    "every table restored": (RESTORED, [GONE, NEW]),
}


@pytest.mark.parametrize("name", STEPS)
def test_step_is_no_growth_and_hides_none(name):
    """The series grows by 10 a day, whatever happened in its middle."""
    points, kinds = STEPS[name]
    found = steps(points)
    assert [step.kind for step in found] == kinds
    assert {step.at for step in found} == {NOON + timedelta(days=5)}
    trend = trend_of(levelled(points, found))
    assert (trend.low, trend.per_day, trend.high) == pytest.approx((10, 10, 10))


def test_routine_is_growth():
    """A table that is created every day is how this database grows."""
    points = [point(day, 1000 + 100 * day, dict.fromkeys(range(day + 1), 100)) for day in range(10)]
    assert steps(points) == []
    assert trend_of(levelled(points, [])).per_day == 100


def test_emptied_again_and_again_is_no_step():
    """A queue that is emptied every other day neither grows nor shrinks."""
    points = [point(day, 1000 + 300 * (day % 2), {1: 300 * (day % 2) + 1}) for day in range(10)]
    assert steps(points) == []
    assert abs(trend_of(levelled(points, [])).per_day) <= 34


def test_partitioned_table_loses_partitions():
    """Retention that drops partitions is a part of its growth."""
    assert steps(REBUILT, partitioned={1}) == []


def test_small_tables_make_no_steps():
    """Less than one per cent of the database is no step."""
    points = [point(day, 100_000, {1: 900} if day % 4 else {}) for day in range(5)]
    assert steps(points) == []


def test_locked_table_keeps_its_size():
    """A run that could not measure a table saw neither its end nor its beginning."""
    points = [point(day, 1000, {} if day == 2 else {1: 500 + day}) for day in range(5)]
    assert table_series(points, 1) == [500, 501, 501, 503, 504]
    assert table_series(points, 2) == [None] * 5
    assert steps(points) == []


def test_evidence_has_the_tables_that_matter():
    """Those that are there now, and those that were large enough to matter when they were dropped."""
    points = [point(day, 1000, {1: 1, 2: 1, 3: 10}) for day in range(3)]
    assert {tuple(one.tables) for one in in_evidence(points, {1})} == {(1, 3)}


WEEK_AGO = {
    "a point at that time": ([(-8, 1), (-7, 2), (-1, 3)], -7, 2),
    "between two points": ([(-9, 1), (-5, 5)], -7, 3),
    "a shorter history": ([(-3, 4), (-1, 5)], -3, 4),
    "only long ago": ([(-20, 4)], -7, 4),
    "it was larger before": ([(-20, 9), (-7, 1), (-1, 2)], -7, 9),
}


@pytest.mark.parametrize("name", WEEK_AGO)
def test_size_a_week_ago(name):
    """By straight line; a table that was as large before was filled again."""
    points, day, size = WEEK_AGO[name]
    found = size_a_week_ago([(NOON + timedelta(days=at), float(one)) for at, one in points], NOON)
    assert found == (NOON + timedelta(days=day), size)


def test_size_a_week_ago_of_nothing():
    """A table that was never seen has none."""
    assert size_a_week_ago([], NOON) is None


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 bytes"), (-0.4, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (-2e6, "-2 MB"), (8e9, "8 GB")],
)
def test_sizes_in_words(number, text):
    """In the largest unit that fits."""
    assert in_bytes(number) == text


def test_days_until_a_limit():
    """Now, some day, never."""
    assert [days_until(5, 5, -1), days_until(5, 10, 2), days_until(5, 10, 0), days_until(5, 10, -3)] == [
        0.0,
        2.5,
        None,
        None,
    ]
