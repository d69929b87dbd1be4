"""Lines of a log to entries: the names and forms that loggers use."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.logs.entry import Entry, NotJsonError, WithoutTimeError, entry_of, moment, parse

TIME = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31t12:00:00z",
        "2026-01-31T13:00:00+01:00",
        "2026-01-31 12:00:00",
        "2026-01-31T12:00:00.000000000Z",
        pytest.param(1769860800, id="seconds"),
        1769860800.0,
        1769860800_000,
        1769860800_000_000,
        1769860800_000_000_000,
        "1769860800",
    ],
)
def test_a_time_is_read(value: object) -> None:
    assert moment(value) == TIME


@pytest.mark.parametrize(
    "value", [None, True, "", "soon", "12:00", [], {}, "0001-01-01T00:00:00+14:00", "nan", -(10**40)]
)
def test_invalid_time_is_none(value: object) -> None:
    assert moment(value) is None


def entry(**fields: Any) -> Entry:
    return entry_of(*parse(json.dumps({"timestamp": "2026-01-31T12:00:00Z"} | fields).encode()))


@pytest.mark.parametrize(
    "level", ["error", "ERROR", "Err", "fatal", "critical", "panic", "alert", "emerg", "severe", 50, "60", 55]
)
def test_an_error_level_is_a_fault(level: object) -> None:
    assert entry(level=level).is_fault


@pytest.mark.parametrize("level", ["info", "WARN", "warning", "debug", "log", "notice", 30, "40", 49])
def test_a_quiet_level_is_none(level: object) -> None:
    assert not entry(level=level).is_fault
    assert not entry(level=level).is_undecided


@pytest.mark.parametrize("level", ["oops", "", None, 3, True, "²"])
def test_unknown_level_without_status_is_undecided(level: object) -> None:
    assert entry(level=level).is_undecided
    assert not entry(level=level, status=200).is_undecided
    assert entry(level=level, status=503).is_fault


@pytest.mark.parametrize(
    ("status", "fault"), [(500, True), ("546", True), (599, True), (499, False), (600, False)]
)
def test_a_status_of_500_and_above_is_a_fault(status: object, fault: bool) -> None:
    assert entry(level="info", status=status).is_fault is fault


@pytest.mark.parametrize("status", ["ok", None, True, 5030, "5 3"])
def test_invalid_status_is_none(status: object) -> None:
    assert not entry(level="info", status=status).is_fault


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"event": "A", "message": "a user's words"}, "A"),
        ({"message": "lost connection\n    at file.ts:3"}, "lost connection"),
        ({"msg": "m"}, "m"),
        ({"event": "A", "error": "refused"}, "A, refused"),
        ({"event": "A", "error": {"message": "refused", "stack": "…"}}, "A, refused"),
        ({"event": "", "message": " "}, ""),
        ({"event": 3, "message": ["x"]}, ""),
    ],
)
def test_text_is_event_or_message_and_cause(fields: dict[str, Any], text: str) -> None:
    assert entry(**fields).text == text


@pytest.mark.parametrize(
    ("fields", "service"),
    [
        ({"service": "wa-webhook"}, "wa-webhook"),
        ({"service_name": "new-function"}, "new-function"),
        ({"function_slug": "new-function", "function_id": "6f1c"}, "new-function"),
        ({"function_id": "6f1c2b1e-1234-4234-8234-123456789012"}, "6f1c2b1e-1234-4234-8234-123456789012"),
        ({"metadata": {"function_id": "fn-1"}}, "fn-1"),
        ({"event_message": "[wa-webhook] booted"}, "wa-webhook"),
        ({"event_message": "[Error] booted"}, "unnamed"),
        ({"event_message": "booted", "context": {"other": 1}, "metadata": [1]}, "unnamed"),
    ],
)
def test_service_is_the_deployments_own_name(fields: dict[str, Any], service: str) -> None:
    assert entry(**fields).service == service


@pytest.mark.parametrize("line", [b"", b"plain", b"[1]", b"3", b'{"a":', b"\xff{}", b"[" * 100_000, b'{"a": NaN}'])
def test_line_without_object_is_not_json(line: bytes) -> None:
    with pytest.raises(NotJsonError):
        parse(line)


def test_an_object_without_a_time_says_so() -> None:
    with pytest.raises(WithoutTimeError):
        parse(b'{"timestamp": "soon", "level": "error"}')
    assert parse(b'{"timestamp": "soon", "time": 1769860800}')[0] == TIME


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(["level", "severity", "service", "event", "message", "error", "status", "timestamp"])


@settings(deadline=None, derandomize=True)
@given(st.dictionaries(FIELDS, JSON))
def test_any_object_gives_an_entry_or_no_time(fields: dict[str, Any]) -> None:
    try:
        found = entry_of(*parse(json.dumps(fields).encode()))
    except (WithoutTimeError, NotJsonError):
        return
    assert isinstance(found.text, str)
    assert isinstance(found.is_fault | found.is_undecided, bool)


def test_invalid_utf8_hides_no_error() -> None:
    """A name in another encoding, or cut in its middle, is replaced; what the line says counts."""
    for name in (b"caf\xe9", b"x\xe2\x82"):
        line = b'{"timestamp":"2026-01-31T12:00:00Z","level":"error","event":"' + name + b'"}'
        assert entry_of(*parse(line)).is_fault
    with pytest.raises(NotJsonError):
        parse(b"\xff\xfe{")


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"level": "info", "severity": "ERROR"}, True),
        ({"level": "", "severity": "fatal"}, True),
        ({"level": 50.0}, True),
        ({"level": 30.0}, False),
        ({"level": "info", "severity": "WARNING"}, False),
    ],
)
def test_of_two_levels_the_error_counts(fields: dict[str, Any], fault: bool) -> None:
    assert entry(**fields).is_fault is fault
