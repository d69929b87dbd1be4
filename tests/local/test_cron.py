"""The real pg_cron and the stand-in accept, refuse and run the same jobs."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from fixtures.local.ticker import is_due, tick
from tests.deployments import Deployment

SCHEDULED = [
    "*/5 * * * *",
    "0 0 1 * *",
    "@daily",
    "1-5,7 */2 1,15 jan-mar mon-fri",
    "* * * * 7",
    "5-1 * * * *",
    "0-30/10 * * * *",
]
REFUSED = [
    "10 seconds",
    "$ * * * *",
    "60 * * * *",
    "@bogus",
    "*/0 * * * *",
    "* * 0 * *",
    "* * * *",
    "5/15 * * * *",
    "* * * 13 *",
    "* * * * 8",
    "",
]

ERRORS = {
    "SELECT cron.schedule(NULL, '* * * * *', 'SELECT 1')": ("XX000", "job_name can not be NULL"),
    "SELECT cron.schedule('x', NULL, 'SELECT 1')": ("XX000", "schedule can not be NULL"),
    "SELECT cron.schedule('x', '* * * * *', NULL)": ("XX000", "command can not be NULL"),
    "SELECT cron.unschedule('nobody')": ("XX000", "could not find valid entry for job 'nobody'"),
    "SELECT cron.unschedule(999)": ("XX000", "could not find valid entry for job 999"),
    "SELECT cron.alter_job(NULL)": ("XX000", "job_id can not be NULL"),
    "SELECT cron.alter_job(999, active := false)": ("XX000", "Job 999 does not exist or you don't own it"),
    "SELECT cron.alter_job(1, schedule := 'bad')": ("22023", "invalid schedule: bad"),
    "SELECT cron.alter_job(1, username := 'anon')": ("XX000", "must be superuser to alter username"),
    "SELECT cron.schedule_in_database('x', '* * * * *', 'SELECT 1', 'nowhere')": (
        "3D000",
        'database "nowhere" does not exist',
    ),
    "SELECT cron.schedule_in_database('x', '* * * * *', 'SELECT 1', 'postgres', 'anon')": (
        "XX000",
        "must be superuser to create a job for another role",
    ),
    "UPDATE cron.job SET active = false": ("42501", "permission denied for table job"),
}


def test_valid_schedules_are_accepted(deployment: Deployment) -> None:
    """Also odd ones: ``5-1 * * * *`` is accepted, and never due."""
    for schedule in SCHEDULED:
        rows = deployment.owner_execute("SELECT cron.schedule(%s, 'SELECT 1')", [schedule])
        assert rows[0][0] > 2, schedule


def test_invalid_schedules_are_refused(deployment: Deployment) -> None:
    """With pg_cron's SQLSTATE and message."""
    for schedule in REFUSED:
        with pytest.raises(psycopg.Error) as refusal:
            deployment.owner_execute("SELECT cron.schedule(%s, 'SELECT 1')", [schedule])
        assert refusal.value.diag.sqlstate == "22023"
        assert refusal.value.diag.message_primary == f"invalid schedule: {schedule}"


def test_errors_are_those_of_pg_cron(deployment: Deployment) -> None:
    """SQLSTATE and message of each error; the real pg_cron is tested with the same table."""
    for statement, expected in ERRORS.items():
        with pytest.raises(psycopg.Error) as refusal:
            deployment.owner_execute(statement)
        assert (refusal.value.diag.sqlstate, refusal.value.diag.message_primary) == expected, statement


def test_job_name_is_unique_per_user(deployment: Deployment) -> None:
    """Scheduling a name again updates the user's job; another user gets a separate job."""
    first = deployment.owner_execute("SELECT cron.schedule('x', '* * * * *', 'SELECT 1')")
    again = deployment.owner_execute("SELECT cron.schedule('x', '*/2 * * * *', 'SELECT 2')")
    other = deployment.superuser_execute("SELECT cron.schedule('x', '* * * * *', 'SELECT 3')")
    assert first == again != other
    rows = deployment.superuser_execute(
        "SELECT schedule, command, username FROM cron.job WHERE jobname = 'x' ORDER BY jobid"
    )
    assert rows == [("*/2 * * * *", "SELECT 2", "postgres"), ("* * * * *", "SELECT 3", "supabase_admin")]
    assert deployment.owner_execute("SELECT cron.unschedule('x')") == [(True,)]


def test_row_security_shows_only_own_jobs(deployment: Deployment) -> None:
    """Without BYPASSRLS the verifier sees no jobs and gets no error, although jobs exist."""
    deployment.superuser_execute("ALTER ROLE easymo_verifier NOBYPASSRLS")
    assert deployment.access.database is not None
    with psycopg.connect(deployment.access.database.text.reveal(), connect_timeout=5) as connection:
        for table in ("job", "job_run_details"):
            assert connection.execute(f"SELECT count(*) FROM cron.{table}".encode()).fetchall() == [(0,)]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "minute", "due"),
    [
        ("*/5 * * * *", "2026-03-01T12:05", True),
        ("*/5 * * * *", "2026-03-01T12:06", False),
        ("0 0 1 * *", "2026-03-01T00:00", True),
        ("0 0 1 * *", "2026-03-02T00:00", False),
        ("@hourly", "2026-03-02T07:00", True),
        ("0 0 13 * 5", "2026-03-06T00:00", True),  # a Friday: one of the two day fields is enough
        ("0 0 13 * 5", "2026-03-13T00:00", True),
        ("0 0 13 * 5", "2026-03-12T00:00", False),
        ("* * * * * *", "2026-03-01T12:06", True),  # pg_cron ignores fields after the fifth
        ("5-1 * * * *", "2026-03-01T12:03", False),  # accepted, and never due
        ("nonsense", "2026-03-01T12:03", False),
    ],
)
def test_stand_in_decides_what_is_due(schedule: str, minute: str, due: bool) -> None:
    """``is_due`` for words, steps, both day fields and invalid schedules."""
    assert is_due(schedule, at(minute)) is due


def test_stand_in_runs_and_records_jobs(any_deployment: Deployment) -> None:
    """Each job runs as its user, and its run is recorded. The test passes the minute, so it need not wait."""
    any_deployment.superuser_execute("DELETE FROM cron.job; DELETE FROM cron.job_run_details")
    good, bad, later = (
        any_deployment.owner_execute("SELECT cron.schedule(%s, %s, %s)", job)[0][0]
        for job in (
            (
                "good",
                "7 3 * * *",
                "INSERT INTO public.circuit_breaker_events (service, state) VALUES (current_user, 'OPEN')",
            ),
            ("bad", "7 3 * * *", "SELECT 1/0"),
            ("later", "8 3 * * *", "SELECT 1"),
        )
    )
    url = any_deployment.superuser_url.reveal()
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        tick(connection, url, at("2026-03-01T03:07"))
    deadline = time.monotonic() + 10
    runs: list[tuple[object, ...]] = []
    while len(runs) < 2 and time.monotonic() < deadline:
        runs = any_deployment.superuser_execute(
            "SELECT jobid, username, status, return_message, end_time >= start_time FROM cron.job_run_details"
            " WHERE end_time IS NOT NULL ORDER BY jobid"
        )
    assert runs == [
        (good, "postgres", "succeeded", "INSERT 0 1", True),
        (bad, "postgres", "failed", "ERROR: division by zero", True),
    ]
    assert later not in [run[0] for run in runs]
    rows = any_deployment.owner_execute(
        "SELECT service FROM public.circuit_breaker_events ORDER BY id DESC LIMIT 1"
    )
    assert rows == [("postgres",)]


@pytest.mark.skipif(
    not os.environ.get("EASYMO_TEST_WAITS"), reason="waits up to a minute: set EASYMO_TEST_WAITS=1"
)
def test_scheduler_runs_a_job_at_the_full_minute(deployment: Deployment) -> None:
    """Within 2 s of the full minute, and as the user who scheduled it."""
    number = deployment.owner_execute(
        "SELECT cron.schedule('every-minute', '* * * * *', 'SELECT process_dlq_entries()')"
    )[0][0]
    deadline = time.monotonic() + 70
    runs: list[tuple[object, ...]] = []
    while not runs:
        assert time.monotonic() < deadline, "the scheduler ran nothing within a minute"
        time.sleep(0.1)
        runs = deployment.superuser_execute(
            "SELECT status, username, start_time - date_trunc('minute', start_time) FROM cron.job_run_details"
            " WHERE jobid = %s AND end_time IS NOT NULL",
            [number],
        )
    status, username, late = runs[0]
    assert (status, username) == ("succeeded", "postgres")
    assert isinstance(late, timedelta)
    assert late < timedelta(seconds=2)
