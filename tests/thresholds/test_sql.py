"""The database's counts by the minute, against a simulation of each entry, and on deployments of other shapes."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.test_weekly import test_threshold_fits as check_18
from fixtures.database.client import Database
from fixtures.database.threshold_replay import BacklogReader, SilenceReader
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from fixtures.settings.weekly import Weekly
from fixtures.thresholds.series import of
from tests.outcomes import assert_outcome, judge_all, read
from tests.shapes import grow, settings_of
from tests.thresholds.weeks import DLQ, LOG

A_DAY = 86400
ONE_DAY = Settings(weekly=Weekly(days=1))

LEFT = {
    "reprocessed": ("reprocessed_at", "last_retry_at", "updated_at"),
    "failed": ("last_retry_at", "updated_at"),
    "discarded": ("updated_at", "last_retry_at"),
    "processing": ("updated_at", "last_retry_at"),
}
"""Status → the columns that may say when an entry left the backlog, the first one that is set counts."""

entries = st.lists(
    st.tuples(
        st.sampled_from(["pending", *LEFT]),
        st.integers(-3600, A_DAY),
        st.integers(1, A_DAY),
        st.integers(0, 2),
    ),
    max_size=20,
)
"""Status, the second of the day that the entry came at, how long it stayed, and which column says so."""


def row_of(entry, now):
    """Return the columns of an entry."""
    status, came, stayed, which = entry
    created = now - timedelta(seconds=A_DAY - came)
    row = dict.fromkeys(("reprocessed_at", "last_retry_at", "updated_at"))
    if status != "pending":
        row[LEFT[status][which % len(LEFT[status])]] = min(created + timedelta(seconds=stayed), now)
    return {"status": status, "created_at": created} | row


def pending_at(rows, moment):
    """Return how many of the entries were pending at a moment."""
    return sum(
        row["created_at"] <= moment
        and (row["status"] == "pending" or max(filter(None, list(row.values())[2:])) > moment)
        for row in rows
        if row["status"] == "pending" or max(filter(None, list(row.values())[2:])) > row["created_at"]
    )


def test_backlog_and_silence_equal_a_simulation(any_deployment):
    """For any entries and passes, at the end of each minute of a day."""
    any_deployment.superuser_execute(f"ALTER TABLE {DLQ} ALTER updated_at DROP NOT NULL")
    connection = psycopg.connect(any_deployment.superuser_url.reveal(), autocommit=True)
    database = Database(any_deployment.access.database, Settings().limits)

    @given(entries, st.lists(st.integers(-3600, A_DAY), min_size=1, max_size=12))
    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    def holds(found, passes):
        with connection.transaction():
            now = connection.execute(f"TRUNCATE {DLQ}, {LOG}; SELECT now()").nextset()
            now = connection.execute("SELECT now()").fetchone()[0]
            rows = [row_of(entry, now) for entry in found]
            times = [now - timedelta(seconds=A_DAY - second) for second in passes]
            with connection.cursor() as cursor:
                cursor.executemany(
                    f"INSERT INTO {DLQ} (service, payload, status, created_at, reprocessed_at, last_retry_at, "
                    "updated_at) VALUES ('wa-webhook', '{}', %(status)s, %(created_at)s, %(reprocessed_at)s, "
                    "%(last_retry_at)s, %(updated_at)s)",
                    rows,
                )
                cursor.executemany(
                    f"INSERT INTO {LOG} (processed_at, status) VALUES (%s, 'completed')", [(at,) for at in times]
                )
        _, pieces, gaps = database.read([BacklogReader(), SilenceReader()], ONE_DAY)
        assert gaps == {}
        backlog, silence = of(pieces["backlog_of_the_week"]), of(pieces["silence_of_the_week"])
        for minute, value in enumerate(backlog.values):
            assert value == pending_at(rows, backlog.at(minute))
        for minute, value in enumerate(silence.values):
            last = max((at for at in times if at <= silence.at(minute)), default=min(times))
            assert 0 <= value - (silence.at(minute) - last).total_seconds() < 1

    with connection:
        try:
            holds()
        finally:
            database.close()


SHAPES = ("hand_grown", "renamed", "two_queues", "rows_mean_done", "drained_in_sql", "outside_worker")


@pytest.mark.parametrize("shape", SHAPES)
def test_other_shapes_fit(any_deployment, shape):
    """Other names, columns, words, queues: the values of the seeded week are found under them."""
    own = settings_of(shape)
    grow(any_deployment, shape, own)
    evidence = read(any_deployment.access, [check_18], own)
    for outcome in judge_all([check_18], evidence).values():
        assert_outcome(outcome, Status.PASSED)
    backlog, rates = evidence.pieces["backlog_of_the_week"], evidence.pieces["error_rate_of_the_week"]
    assert backlog.arrived > 15
    assert sum(rates.messages) > 3000
    assert of(backlog).highest >= 4
