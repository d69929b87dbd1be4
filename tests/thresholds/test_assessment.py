"""Which thresholds fit a week, and which value is proposed in place of one that does not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.settings.model import Settings
from fixtures.thresholds.assessment import FEWEST_EVENTS, assess
from fixtures.thresholds.measures import ERROR_RATE, MEASURES, PENDING, SILENCE
from fixtures.thresholds.series import Series

SETTINGS = Settings()
A_DAY = 1440


def series(measure, values, events=FEWEST_EVENTS, unseen=0):
    """A series of these values."""
    return Series(measure, datetime(2026, 3, 2, tzinfo=UTC), tuple(values), 7 * A_DAY, events, unseen)


WEEK = 7 * A_DAY
SAWTOOTH = [60.0 * (minute % 60 + 1) for minute in range(WEEK)]
"""The silence of a processor that runs once an hour."""
BUSY = [float(8 <= minute // 60 % 24 < 18) * 40 for minute in range(WEEK)]
"""A backlog of 40 in working hours."""

PROPOSALS = {
    "an hourly processor": (SILENCE, SAWTOOTH, 900, 5400),
    "a backlog of working hours": (PENDING, BUSY, 10, 75),
    "a backlog of working hours, and a worse night": (PENDING, [*BUSY[:-60], *[900.0] * 60], 10, 75),
    "a loose threshold over a quiet backlog": (PENDING, [0.0, 1.0] * (WEEK // 2), 5000, 10),
    "a loose threshold, and one incident": (PENDING, [0.0, 9.0] * (WEEK // 2 - 4) + [60.0] * 8, 5000, 15),
    "a loose silence": (SILENCE, [300.0] * WEEK, 86400, 600),
    "a loose rate": (ERROR_RATE, [0.0, 0.4] * (WEEK // 2), 50, 1),
    "a rate that is too high every hour": (ERROR_RATE, ([30.0] * 20 + [1.0] * 40) * (WEEK // 60), 5, 50),
}


@pytest.mark.parametrize("case", PROPOSALS)
def test_proposal(case):
    """A round value well above what is usual, which an incident still reaches."""
    measure, values, threshold, proposed = PROPOSALS[case]
    found = assess(series(measure, values), threshold, SETTINGS)
    assert found.is_too_tight or found.is_too_loose
    assert found.proposal is not None
    assert found.proposal.value == proposed


def test_reason_of_a_proposal_is_in_figures():
    """What it is above, and what it is below."""
    found = assess(series(PENDING, PROPOSALS["a loose threshold, and one incident"][1]), 5000, SETTINGS)
    assert found.proposal is not None
    assert found.proposal.reason == (
        "above the 99.9th percentile, 9 entries, and below the highest value, 60 entries"
    )


def test_a_long_incident_gets_no_other_threshold():
    """A processor that stood still for a day: the alert did its work."""
    values = [*[300.0] * (WEEK - A_DAY), *(60.0 * minute for minute in range(A_DAY))]
    found = assess(series(SILENCE, values), 900, SETTINGS)
    assert found.is_too_tight
    assert found.fires_in_incidents_only
    assert found.proposal is None


def test_every_message_failing_leaves_no_value_to_propose():
    """No percentage lies above 100."""
    assert assess(series(ERROR_RATE, ([100.0] * 20 + [0.0] * 40) * (WEEK // 60)), 5, SETTINGS).proposal is None


@pytest.mark.parametrize(
    ("events", "unseen", "loose"),
    [(FEWEST_EVENTS, 0, True), (FEWEST_EVENTS - 1, 0, False), (FEWEST_EVENTS, 250, False)],
)
def test_too_loose_needs_enough_events(events, unseen, loose):
    """Few entries, or many that are not seen: the highest value may have been higher."""
    found = assess(series(PENDING, [4.0] * WEEK, events, unseen), 5000, SETTINGS)
    assert found.is_too_loose is loose


@pytest.mark.parametrize(("threshold", "loose"), [(80, False), (81, True)])
def test_twenty_times_the_highest_is_not_too_loose(threshold, loose):
    """More than that is."""
    assert assess(series(PENDING, [4.0] * WEEK), threshold, SETTINGS).is_too_loose is loose


@given(
    st.sampled_from(MEASURES),
    st.lists(st.floats(0, 100), min_size=1, max_size=8),
    st.integers(1, 200),
    st.floats(0.1, 10_000),
)
def test_a_proposal_fits(measure, levels, length, threshold):
    """Judged by the same rules it is not too loose, and not too tight outside of what may be incidents."""
    values = [level for level in levels for _ in range(length)] * 3
    found = assess(series(measure, values), threshold, SETTINGS)
    if found.proposal is None:
        return
    proposed = assess(series(measure, values), found.proposal.value, SETTINGS)
    possible = {minute for one in found.incidents for minute in range(one.over, one.last + 1)}
    minutes = {minute for one in proposed.fit.fired for minute in range(one.first, one.last + 1)}
    assert not proposed.is_too_loose
    assert 100 * len(minutes - possible) <= SETTINGS.weekly.too_tight_percent * len(values)
    assert (found.proposal.value > threshold) is found.is_too_tight
