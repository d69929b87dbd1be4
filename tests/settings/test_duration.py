"""Durations on the command line."""

import argparse
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.settings.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("6m", 360),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("7d", 604800),
        ("0s", 0),
        ("1d1h1m1s", 90061),
    ],
)
def test_duration_in_seconds(text: str, seconds: float) -> None:
    """Each unit, fractions, and several units."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "6", "m", "-6m", "6 m", "6min", "30m1h", "1m1m", "1e3s", "nan", "٣m"])
def test_other_text_is_not_a_duration(text: str) -> None:
    """The error has the text and what was expected."""
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        parse_duration(text)
    assert str(caught.value) == (
        f"{text!r} is not a duration; "
        "expected numbers with units (d, h, m, s), at most a year, such as 90s, 6m or 1h30m"
    )


def test_more_than_a_year_is_refused() -> None:
    """The error has the text."""
    with pytest.raises(argparse.ArgumentTypeError, match="'400d' is longer than a year"):
        parse_duration("400d")


@settings(deadline=None, derandomize=True)
@given(st.text(alphabet="0123456789.dhms", max_size=400))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """No other exception, and no duration beyond a year."""
    with contextlib.suppress(argparse.ArgumentTypeError):
        assert 0 <= parse_duration(text) <= 366 * 86400
