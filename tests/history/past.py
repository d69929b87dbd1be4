"""Earlier runs for the tests: records, and history files whose snapshots were taken days ago."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fixtures.history.model import Number, RunNumbers, SizePoint

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY_IN_MICROSECONDS = 86_400_000_000


def record(days: float = 0, server: int = 1, **numbers: Number) -> RunNumbers:
    """What a run kept, so many days after noon."""
    return RunNumbers(NOON + timedelta(days=days), server, 5, dict(numbers or {"size": 7}))


def point(days: float, database: int, tables: Mapping[int, int] | None = None) -> SizePoint:
    """Sizes, so many days after noon."""
    return SizePoint(NOON + timedelta(days=days), database, tuple((tables or {}).items()))


def put_back(file: Path, days: float) -> None:
    """Put every snapshot of a history file back by some days, as if so much time had gone by since."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE snapshot SET read_at = read_at - ?", (round(days * DAY_IN_MICROSECONDS),))


def repeat(file: Path, days: float) -> None:
    """Add the first snapshot of a history file once more, as if a run so many days later had seen the same."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "INSERT INTO snapshot SELECT max(id) + 1, min(read_at) + ?, server_id, database_id FROM snapshot",
            (round(days * DAY_IN_MICROSECONDS),),
        )
        connection.execute(
            "INSERT INTO number SELECT (SELECT max(id) FROM snapshot), key, value FROM number "
            "WHERE snapshot = (SELECT id FROM snapshot ORDER BY read_at LIMIT 1)"
        )


def numbers_in(file: Path) -> list[tuple[str, Number]]:
    """Every key with its numbers, in order of time."""
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(
            "SELECT name, value FROM number JOIN key ON key.id = key JOIN snapshot ON snapshot.id = snapshot "
            "ORDER BY read_at, name"
        ).fetchall()
