"""The values of the week, rebuilt from what happened in each minute, equal those of a simulation."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from fixtures.thresholds.values import backlog, error_rate, silence

MINUTES = 40
END = MINUTES * 60

entries = st.lists(
    st.tuples(st.integers(-600, END), st.none() | st.integers(1, END)).map(
        lambda entry: (entry[0], None if entry[1] is None else entry[0] + entry[1])
    ),
    max_size=30,
)
"""Seconds at which an entry came and left, since the window began; None for one that is still pending."""


def minute_of(second: int) -> int:
    """Return the minute that something at this second belongs to; at its end, the minute that ends."""
    return -(-second // 60) - 1


@given(entries)
def test_backlog_equals_simulation(entries):
    """An entry counts at the end of each minute from its creation until it left."""
    changes = Counter()
    for came, left in entries:
        changes[max(minute_of(came), -1)] += 1
        if left is not None and left <= END:
            changes[max(minute_of(left), -1)] -= 1
    initial = changes.pop(-1, 0)
    simulated = [
        sum(came <= end and (left is None or left > end) for came, left in entries)
        for end in range(60, END + 1, 60)
    ]
    assert list(backlog(initial, changes.items(), MINUTES)) == simulated


@given(st.lists(st.integers(1, END)), st.none() | st.integers(-9999, 0))
def test_silence_equals_simulation(passes, before):
    """The time since the last pass, also one before the window; no value before any pass."""
    last_of = {}
    for second in sorted(passes):
        last_of[minute_of(second)] = second
    every = [*passes, *([] if before is None else [before])]
    simulated = [
        min((end - second for second in every if second <= end), default=None) for end in range(60, END + 1, 60)
    ]
    assert list(silence(before, last_of.items(), MINUTES)) == simulated


@given(st.lists(st.tuples(st.integers(0, MINUTES - 1), st.integers(0, 9), st.integers(0, 9))), st.integers(1, 20))
def test_error_rate_equals_simulation(rows, fewest):
    """Failed of all messages in the five minutes before; none of fewer messages than the minimum."""
    counts = [(minute, good + bad, bad) for minute, good, bad in rows]
    simulated = []
    for end in range(MINUTES):
        within = [(some, bad) for minute, some, bad in counts if end - 5 < minute <= end]
        some, bad = sum(one[0] for one in within), sum(one[1] for one in within)
        simulated.append(100 * bad / some if some >= fewest else None)
    assert list(error_rate(counts, MINUTES, fewest)) == simulated


def test_a_rate_at_the_threshold_is_exact():
    """1 of 20 is 5 %, and not a little more."""
    assert error_rate([(0, 20, 1)], 1) == (5.0,)
