"""Firings from samples and from changes of state: properties that hold for every past."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.alert_history.prometheus import MOST_POINTS, bridge_for, chunks_of, step_for
from fixtures.alert_history.spans import (
    FiringSpan,
    StateChange,
    sampling_of,
    spans_of_changes,
    spans_of_samples,
    union,
)
from fixtures.alert_history.summary import record_of

SINCE, STEP = 1_700_000_000.0, 60.0
POINTS = 300
UNTIL = SINCE + (POINTS - 1) * STEP
GRID = [SINCE + number * STEP for number in range(POINTS)]
SETTLE = 180.0

PLACES = st.sets(st.integers(0, POINTS - 1))
RUNS = st.lists(st.tuples(st.integers(0, POINTS - 1), st.integers(1, 80)), max_size=4)
quick = settings(max_examples=60, deadline=None, derandomize=True)


def times(places):
    """Places on the grid as times."""
    return [GRID[place] for place in sorted(places)]


def without(runs):
    """The grid without some runs of it."""
    missing = {place for start, length in runs for place in range(start, start + length)}
    return [at for place, at in enumerate(GRID) if place not in missing]


def sampling(runs=()):
    """A sampling with holes."""
    return sampling_of(SINCE, UNTIL, STEP, without(runs), SETTLE)


def spans(samples, runs=(), bridge=0.0):
    """The firings of samples; where Prometheus has nothing, there are no samples."""
    present = set(without(runs))
    return spans_of_samples([at for at in samples if at in present], sampling(runs), bridge)


@quick
@given(PLACES, RUNS, st.randoms())
def test_order_and_repetition_do_not_matter(places, runs, random):
    samples = times(places)
    shuffled = [*samples, *samples[:5]]
    random.shuffle(shuffled)
    assert spans(shuffled, runs) == spans(samples, runs)


@quick
@given(PLACES, RUNS)
def test_firings_are_in_order_and_within_the_window(places, runs):
    found = spans(times(places), runs)
    assert found == sorted(found)
    assert all(SINCE <= one.start < one.end <= UNTIL or one.start == UNTIL for one in found)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
    assert sum(one.end - one.start for one in found) <= UNTIL - SINCE
    assert [one.is_open for one in found[:-1]] == [False] * max(0, len(found) - 1)


@quick
@given(PLACES, RUNS, st.integers(0, 10**9), st.floats(0, 1))
def test_sample_inside_a_firing_changes_nothing(places, runs, which, where):
    present = set(without(runs))
    samples = [at for at in times(places) if at in present]
    found = spans(samples, runs)
    if not found:
        return
    span = found[which % len(found)]
    last = max(at for at in samples if span.start <= at <= span.end)
    between = span.start + where * (last - span.start)
    assert spans_of_samples([*samples, between], sampling(runs)) == found


@quick
@given(PLACES)
def test_without_holes_every_sample_counts_its_step(places):
    """A gap of one step or more ends a firing."""
    found = spans(times(places))
    runs = sum(1 for place in places if place - 1 not in places)
    assert len(found) == runs
    length = sum(one.end - one.start for one in found)
    assert length == pytest.approx(STEP * len(places - {POINTS - 1}))


@quick
@given(PLACES, RUNS)
def test_holes_never_add_a_firing(places, runs):
    """What is missing may join two firings or hide one, and never splits one."""
    assert len(spans(times(places), runs)) <= len(spans(times(places)))


@quick
@given(st.lists(PLACES, max_size=5))
def test_union_is_what_any_instance_fired(groups):
    merged = union([spans(times(places)) for places in groups])
    every = set().union(*groups)
    assert sum(one.end - one.start for one in merged) == pytest.approx(STEP * len(every - {POINTS - 1}))
    assert all(one.end < other.start for one, other in itertools.pairwise(merged))


@quick
@given(st.lists(PLACES, min_size=1, max_size=4), RUNS)
def test_days_add_up(groups, runs):
    """Firings and seconds of the days are those of the whole; each day has at most its length."""
    instances = {(("pod", str(number)),): spans(times(places), runs) for number, places in enumerate(groups)}
    record = record_of("A", "Prometheus", instances)
    assert record.firings == sum(len(found) for found in instances.values())
    assert sum(one.seconds for one in record.days) == pytest.approx(record.seconds)
    assert all(0 < one.seconds <= 86400 for one in record.days)
    assert all(one.most <= one.firings for one in record.days)
    assert record.longest_seconds <= record.seconds <= UNTIL - SINCE
    assert record.now_total == sum(found[-1].is_open for found in instances.values() if found)


def test_hole_is_not_the_end_of_a_firing():
    """An alert that fires before and soon after a hole fired through; one that comes later fired anew."""
    runs = [(100, 20)]
    [one] = spans(times({*range(90, 100), *range(122, 130)}), runs)
    assert (one.start, one.end) == (GRID[90], GRID[130])
    assert len(spans(times({*range(90, 100), *range(124, 130)}), runs)) == 2
    assert len(spans(times({*range(90, 96), *range(120, 130)}), runs)) == 2


def test_gap_beside_a_hole_is_an_end():
    """Prometheus was there, and the alert was not."""
    assert len(spans(times({*range(10, 20), *range(40, 50)}), [(60, 30)])) == 2


def test_firing_at_the_edges():
    """One that was there at the begin is cut, one that is there at the end is open."""
    cut, late = spans(times({*range(5), *range(POINTS - 3, POINTS)}))
    assert cut == FiringSpan(SINCE, GRID[5], is_cut=True)
    assert late == FiringSpan(GRID[-3], UNTIL, is_open=True)
    [ended] = spans(times({POINTS - 3, POINTS - 2}))
    assert not ended.is_open


def test_hole_at_the_end_leaves_a_firing_open():
    [one] = spans(times(range(100, 200)), [(200, 100)])
    assert one == FiringSpan(GRID[100], UNTIL, is_open=True)


def test_rule_that_is_evaluated_rarely_fires_on():
    """Of an evaluation every ten minutes, the samples of five are seen."""
    seen = {place for place in range(100, 200) if place % 10 < 5}
    assert len(spans(times(seen))) == 10
    [one] = spans(times(seen), bridge=bridge_for(600, STEP))
    assert (one.start, one.end) == (GRID[100], GRID[195])
    missed = seen - set(range(150, 160))
    assert len(spans(times(missed), bridge=bridge_for(600, STEP))) == 2


CHANGES = st.lists(
    st.builds(StateChange, st.floats(0, 1000, allow_nan=False), st.booleans(), st.booleans()), max_size=12
)


@quick
@given(CHANGES, st.randoms())
def test_changes_in_any_order(changes, random):
    shuffled = [*changes]
    random.shuffle(shuffled)
    found = spans_of_changes(shuffled, 0, 1000)
    assert found == spans_of_changes(changes, 0, 1000)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
    assert sum(one.end - one.start for one in found) <= 1000


def test_changes_with_missing_begin_and_end():
    changes = [StateChange(100, True, False), StateChange(300, False, True)]
    assert spans_of_changes(changes, 0, 1000) == [
        FiringSpan(0, 100, is_cut=True),
        FiringSpan(300, 1000, is_open=True),
    ]


@quick
@given(st.floats(3600, 366 * 86400), st.lists(st.floats(1, 1200), max_size=4))
def test_requests_cover_the_window(seconds, intervals):
    """Each has few enough points, they follow each other in steps, and there are few of them."""
    step = step_for(intervals, seconds)
    parts = chunks_of(SINCE, SINCE + seconds, step)
    assert parts[-1][1] == pytest.approx(SINCE + seconds, abs=0.01)
    assert 0 <= parts[0][0] - SINCE < step
    assert all(other[0] - one[1] == pytest.approx(step) for one, other in itertools.pairwise(parts))
    assert all(round((end - start) / step) + 1 <= MOST_POINTS for start, end in parts)
    assert len(parts) <= 31


def test_day_of_a_firing_over_midnight():
    """It began on one day and fired on two."""
    start = datetime(2026, 1, 5, 23, 0, tzinfo=UTC).timestamp()
    first, second = record_of("A", "Prometheus", {(): [FiringSpan(start, start + 7200)]}).days
    assert (first.day.day, first.firings, first.seconds) == (5, 1, 3600)
    assert (second.day.day, second.firings, second.seconds, second.most) == (6, 0, 3600, 0)


def test_instance_that_flaps_beside_one_that_fires_on():
    """As a whole the alert fired once; the instance is named."""
    steady = [FiringSpan(SINCE, UNTIL)]
    flaps = [FiringSpan(SINCE + 600 * number, SINCE + 600 * number + 60) for number in range(9)]
    record = record_of("A", "Prometheus", {(("pod", "a"),): steady, (("pod", "b"),): flaps})
    assert max((one.most, one.instance) for one in record.days) == (9, "pod=b")
