"""Measurements of the database for judgements without one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fixtures.database.alert_measurements import AlertMeasurements, MinuteCount
from fixtures.database.connection import DatabaseConnection
from fixtures.evidence.document import Evidence


def ago(minutes: float) -> datetime:
    """So many minutes before now."""
    return datetime.now(UTC) - timedelta(minutes=minutes)


def healthy(**changes: Any) -> AlertMeasurements:
    """A few pending entries, a pass every five minutes, ten messages a minute and none of them failed."""
    usual = AlertMeasurements(
        read_at=ago(0),
        pending=4,
        exceeded_since=None,
        left_lately=2,
        passes=tuple(ago(2 + 5 * number) for number in range(12)),
        progressed_at=ago(12),
        log_since=ago(10_000),
        minutes=messages(10, 0),
    )
    return replace(usual, **changes)


def messages(succeeded: int, failed: int, minutes: range = range(90)) -> tuple[MinuteCount, ...]:
    """The same numbers in every minute."""
    return tuple(MinuteCount(one, succeeded, failed) for one in minutes)


def with_measured(evidence: Evidence, measured: AlertMeasurements) -> Evidence:
    """The evidence, as if it had this measurement."""
    pieces = {
        "alert_measurements": measured,
        "database_connection": DatabaseConnection("postgres", "easymo_verifier", "15", 0.0),
    }
    gaps = {name: gap for name, gap in evidence.gaps.items() if name not in pieces}
    return replace(evidence, pieces=evidence.pieces | pieces, gaps=gaps)
