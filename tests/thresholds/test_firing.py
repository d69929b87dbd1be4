"""When an alert would have fired, against a simulation of its evaluations."""

from __future__ import annotations

import statistics

from hypothesis import given
from hypothesis import strategies as st

from fixtures.thresholds.firing import Fit, firings, percentile

values = st.lists(st.none() | st.integers(0, 5).map(float), max_size=60).map(tuple)


@given(values, st.integers(0, 5), st.integers(0, 6))
def test_firing_equals_simulation(values, threshold, waits):
    """As Prometheus does: pending from the first value over the threshold, firing once it waited for so long."""
    firing, since, times = [], None, 0
    for minute, value in enumerate(values):
        if value is None or value <= threshold:
            since = None
        elif since is None:
            since = minute
        fires = since is not None and minute - since >= waits
        times += fires and not (firing and firing[-1])
        firing.append(fires)
    found = firings(values, threshold, waits)
    assert len(found) == times
    assert [any(one.first <= minute <= one.last for one in found) for minute in range(len(values))] == firing
    assert Fit(values, threshold, waits).minutes == sum(firing)
    for one in found:
        assert one.worst == max(value for value in values[one.over : one.last + 1] if value is not None)


@given(values.filter(len))
def test_a_higher_threshold_fires_for_less_long(values):
    """And at none above the highest value."""
    lengths = [Fit(values, threshold, 2).minutes for threshold in range(7)]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] == 0


@given(st.lists(st.integers(0, 99).map(float), min_size=1).map(sorted))
def test_percentile_is_the_nearest_rank(ordered):
    """At least that share of the values is not above it, and it is one of them."""
    for permille in (500, 990, 999, 1000):
        found = percentile(ordered, permille)
        assert found in ordered
        assert 1000 * sum(value <= found for value in ordered) >= permille * len(ordered)
        assert 1000 * sum(value < found for value in ordered) < permille * len(ordered)
    assert percentile(ordered, 500) == statistics.median_low(ordered)
    assert percentile(ordered, 1000) == ordered[-1]


def test_share_is_compared_without_rounding():
    """Exactly the allowed share is allowed."""
    fit = Fit((*[9.0] * 5, *[0.0] * 95), 1.0, 0)
    assert not fit.exceeds(5.0)
    assert fit.exceeds(4.999)
