"""The weekly report in Slack: ten lines at most, whatever was found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.outcome import Status
from reports.notify.slack_message import message as message_of
from tests.reports.notify.test_slack import FAILED, KNOWN, of, texts

FOUND = (
    "12 entries since 2026-01-24 12:00:00 UTC, 10 in the 7 days before",
    "upstream timed out after <n> ms: 6 entries, 4 before",
    "WhatsApp API answered <n>: 4 entries, 4 before",
    "circuit breaker is OPEN: 2 entries, 2 before",
    "a fourth sentence",
)
PATTERNS = replace(KNOWN, check="check-15", title="Review DLQ failure patterns", findings=FOUND)


def lines(message: dict) -> list[str]:
    return [line for text in texts(message) for line in text.splitlines()]


def test_message_begins_with_the_week() -> None:
    """Figures and patterns are escaped, as everything that comes from the deployment."""
    assert lines(message_of(of(PATTERNS)))[2:-1] == [
        "*Dead-letter queue:* 12 entries since 2026-01-24 12:00:00 UTC, 10 in the 7 days before",
        "• upstream timed out after &lt;n&gt; ms: 6 entries, 4 before",
        "• WhatsApp API answered &lt;n&gt;: 4 entries, 4 before",
        "• circuit breaker is OPEN: 2 entries, 2 before",
    ]


@pytest.mark.parametrize("faults", range(6))
def test_message_has_ten_lines_at_most(faults: int) -> None:
    """With many failed checks, too; the further ones are counted."""
    failed = [replace(FAILED, check=f"check-{16 + number}", status=Status.FAILED) for number in range(faults)]
    found = lines(message_of(of(PATTERNS, *failed)))
    assert len(found) <= 10
    assert sum("failed" in line for line in found[2:]) == min(faults, 2)
    assert (f"and {faults - 2} more in the report" in found) is (faults > 2)


def test_message_without_patterns_is_as_usual() -> None:
    assert "Dead-letter queue" not in str(message_of(of(replace(PATTERNS, findings=()))))
