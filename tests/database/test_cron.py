"""Check 2 proven both ways: the jobs are scheduled once, call what they should, and their runs happen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fixtures.outcome import Status
from fixtures.settings.model import Settings
from tests.database.conftest import DATABASE_CHECKS, deployed
from tests.outcomes import expect, judge_all, read

JOB = "check-02[process-dlq-entries]"
PARTITIONS = "check-02[create-wa-events-partitions]"
FIRST_PASS = "check-03[first_dlq_processing_ran]"

OF_THE_JOB = "jobname = 'process-dlq-entries'"
RUNS_OF_THE_JOB = f"jobid = (SELECT jobid FROM cron.job WHERE {OF_THE_JOB})"
LATEST_RUN = f"runid = (SELECT max(runid) FROM cron.job_run_details WHERE {RUNS_OF_THE_JOB})"
ANOTHER_JOB = (
    "INSERT INTO cron.job (schedule, command, nodename, nodeport, database, username, active, jobname) "
    "SELECT '{schedule}', '{command}', nodename, nodeport, database, '{user}', {active}, {name} "
    f"FROM cron.job WHERE {OF_THE_JOB}"
)


def another_job(
    name: str = "NULL",
    command: str = "SELECT process_dlq_entries()",
    user: str = "supabase_admin",
    active: str = "true",
    schedule: str = "59 23 31 12 *",
) -> str:
    """SQL that schedules one more job, due so seldom that it never runs in a test."""
    return ANOTHER_JOB.format(name=name, command=command, user=user, active=active, schedule=schedule)


UNFINISHED = (
    "UPDATE cron.job_run_details SET status = 'running', return_message = NULL, end_time = NULL, "
    "start_time = now() - interval '{since}' WHERE runid = "
    f"(SELECT runid FROM cron.job_run_details WHERE {RUNS_OF_THE_JOB} "
    "ORDER BY runid DESC OFFSET {behind} LIMIT 1)"
)
STUCK = {
    "the latest run": UNFINISHED.format(since="40 minutes", behind=0),
    "an old run, before many that succeeded": UNFINISHED.format(since="3 hours", behind=36),
}

FAULTS = {
    "inactive": (
        f"UPDATE cron.job SET active = false WHERE {OF_THE_JOB}",
        {JOB: (Status.FAILED, "job process-dlq-entries is inactive")},
    ),
    "not scheduled": (
        f"DELETE FROM cron.job WHERE {OF_THE_JOB}",
        {JOB: (Status.FAILED, "no job process-dlq-entries is scheduled")},
    ),
    "another name": (
        f"UPDATE cron.job SET jobname = 'process-dlq-entry' WHERE {OF_THE_JOB}",
        {JOB: (Status.FAILED, "no job process-dlq-entries is scheduled; the nearest is process-dlq-entry")},
    ),
    "a name with a space at its end": (
        f"UPDATE cron.job SET jobname = 'process-dlq-entries ' WHERE {OF_THE_JOB}",
        {JOB: (Status.FAILED, "is scheduled; the nearest is 'process-dlq-entries '")},
    ),
    "another schedule": (
        f"UPDATE cron.job SET schedule = '*/50 * * * *' WHERE {OF_THE_JOB}",
        {JOB: (Status.FAILED, "job process-dlq-entries runs on schedule */50 * * * *")},
    ),
    "the monthly job every minute of the first day": (
        "UPDATE cron.job SET schedule = '* 0 1 * *' WHERE jobname = 'create-wa-events-partitions'",
        {PARTITIONS: (Status.FAILED, "job create-wa-events-partitions runs on schedule * 0 1 * *")},
    ),
    "another database": (
        f"UPDATE cron.job SET database = 'template1' WHERE {OF_THE_JOB}",
        {JOB: (Status.FAILED, "job process-dlq-entries runs in database template1")},
    ),
    "two jobs of one name under two users": (
        another_job(name="'process-dlq-entries'"),
        {JOB: (Status.FAILED, "2 jobs are called process-dlq-entries, of users postgres, supabase_admin")},
    ),
    "a second job calls the function": (
        another_job(name="'dlq-again'"),
        {JOB: (Status.FAILED, "process_dlq_entries() is also called by dlq-again (job ")},
    ),
    "an unnamed job calls the function": (
        another_job(command="SELECT public.process_dlq_entries();"),
        {JOB: (Status.FAILED, "process_dlq_entries() is also called by an unnamed job (job ")},
    ),
    "the command calls something else": (
        f"UPDATE cron.job SET command = 'SELECT now()' WHERE {OF_THE_JOB}",
        {JOB: (Status.FAILED, "the command of job process-dlq-entries calls now")},
    ),
    "the call is commented out": (
        f"UPDATE cron.job SET command = 'SELECT 1 -- process_dlq_entries()' WHERE {OF_THE_JOB}",
        {JOB: (Status.FAILED, "the command of job process-dlq-entries calls no function")},
    ),
    "the command calls the function of another schema": (
        "CREATE SCHEMA old; CREATE FUNCTION old.process_dlq_entries() RETURNS void LANGUAGE sql AS '';"
        f"UPDATE cron.job SET command = 'SELECT old.process_dlq_entries()' WHERE {OF_THE_JOB}",
        {JOB: (Status.FAILED, "the command of job process-dlq-entries calls old.process_dlq_entries")},
    ),
    "the command calls the function by a name in other letters": (
        f"UPDATE cron.job SET command = 'SELECT \"Process_DLQ_Entries\"()' WHERE {OF_THE_JOB}",
        {JOB: (Status.FAILED, "the command of job process-dlq-entries calls Process_DLQ_Entries")},
    ),
    "the function is missing": (
        "DROP FUNCTION public.process_dlq_entries()",
        {JOB: (Status.FAILED, "function process_dlq_entries() does not exist")},
    ),
    "anybody may execute the function": (
        "GRANT EXECUTE ON FUNCTION public.process_dlq_entries() TO PUBLIC",
        {JOB: (Status.FAILED, "function process_dlq_entries() can be executed by anon, authenticated")},
    ),
    "never ran": (
        f"DELETE FROM cron.job_run_details WHERE {RUNS_OF_THE_JOB}",
        {JOB: (Status.FAILED, "job process-dlq-entries has never run")},
    ),
    "stopped running": (
        "UPDATE cron.job_run_details SET start_time = start_time - interval '20 minutes', "
        "end_time = end_time - interval '20 minutes'",
        {JOB: (Status.FAILED, "the latest run of process-dlq-entries started 2")},
    ),
    "runs dated in the future": (
        f"UPDATE cron.job_run_details SET start_time = now() + interval '1 hour' WHERE {LATEST_RUN}",
        {JOB: (Status.FAILED, "1 run of process-dlq-entries dated in the future, up to ")},
    ),
    "the last run failed": (
        f"UPDATE cron.job_run_details SET status = 'failed', return_message = 'ERROR:  no such thing' "
        f"WHERE {LATEST_RUN}",
        {JOB: (Status.FAILED, "failed: ERROR:  no such thing")},
    ),
    "the last run could not connect": (
        f"UPDATE cron.job_run_details SET status = 'failed', return_message = 'connection failed', "
        f"start_time = NULL, end_time = NULL, job_pid = NULL WHERE {LATEST_RUN}",
        {JOB: (Status.FAILED, "the latest run of process-dlq-entries failed: connection failed")},
    ),
    "pg_cron is missing": (
        "DROP EXTENSION pg_cron CASCADE",
        {
            JOB: (Status.FAILED, "pg_cron is not installed here: there is no table cron.job"),
            PARTITIONS: (Status.FAILED, "pg_cron is not installed here"),
        },
    ),
    "the suite's role may not use the schema": (
        "REVOKE USAGE ON SCHEMA cron FROM easymo_verifier; REVOKE pg_read_all_data FROM easymo_verifier",
        {
            JOB: (Status.UNPROVEN, "GRANT USAGE ON SCHEMA cron TO easymo_verifier"),
            PARTITIONS: (Status.UNPROVEN, "role easymo_verifier may not use schema cron"),
        },
    ),
}

ODD_BUT_HEALTHY = {
    "the same schedule in other words": f"UPDATE cron.job SET schedule = '0-59/5  * * * *' WHERE {OF_THE_JOB}",
    "the call with its schema and a semicolon": "UPDATE cron.job SET command = "
    f"'select public.process_dlq_entries();' WHERE {OF_THE_JOB}",
    "the call in quotes": "UPDATE cron.job SET command = "
    f'\'SELECT "public" . "process_dlq_entries"()\' WHERE {OF_THE_JOB}',
    "the call in upper case": f"UPDATE cron.job SET command = 'SELECT PROCESS_DLQ_ENTRIES()' WHERE {OF_THE_JOB}",
    "another job calls the function of another schema": another_job(command="SELECT old.process_dlq_entries()"),
    "other jobs": another_job(name="'vacuum'", command="VACUUM"),
    "an inactive twin": another_job(name="'old-dlq'", active="false"),
    "a restart cut the last run off": "UPDATE cron.job_run_details SET status = 'failed', "
    f"return_message = 'server restarted', end_time = NULL WHERE {LATEST_RUN}",
    "a run under way": f"UPDATE cron.job_run_details SET status = 'running', end_time = NULL WHERE {LATEST_RUN}",
    "an unfinished row of before a restart": "UPDATE cron.job_run_details SET status = 'connecting', "
    "start_time = NULL, end_time = NULL WHERE runid = "
    f"(SELECT max(runid) - 4 FROM cron.job_run_details WHERE {RUNS_OF_THE_JOB})",
    "history of unscheduled jobs": "INSERT INTO cron.job_run_details (jobid, status, start_time, end_time) "
    "VALUES (9999, 'failed', now() - interval '2 days', now())",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault, finds):
    """Each fault is found by check 2 for the job that has it."""
    finds(*FAULTS[fault])


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_is_quiet(variant, finds):
    """What is unusual and works raises no alarm."""
    finds(ODD_BUT_HEALTHY[variant], {})


def test_new_job_is_unproven_until_its_first_run(finds):
    """Before the first due run there is nothing to judge, and the reason names the time it is due."""
    finds(
        f"DELETE FROM cron.job_run_details WHERE {RUNS_OF_THE_JOB}",
        {
            JOB: (Status.UNPROVEN, "job process-dlq-entries has not run yet; first run due at"),
            FIRST_PASS: (Status.PASSED, ""),
        },
        deployed(timedelta(minutes=2)),
    )


def test_monthly_job_is_judged_since_the_deployment(outcomes, deployment):
    """A monthly job that missed its day since the deployment fails; one that has not been due is quiet."""
    deployment.superuser_execute(
        "DELETE FROM cron.job_run_details WHERE jobid = "
        "(SELECT jobid FROM cron.job WHERE jobname = 'create-wa-events-partitions');"
        "INSERT INTO cron.job_run_details (runid, jobid, status, start_time, end_time) "
        "VALUES (-1, 9999, 'succeeded', now() - interval '80 days', now() - interval '80 days')"
    )
    assert outcomes(Settings())[PARTITIONS].status is Status.PASSED
    missed = outcomes(deployed(timedelta(days=70)))[PARTITIONS]
    assert missed.status is Status.FAILED
    assert "job create-wa-events-partitions was due at" in missed.reason
    assert "and did not run" in missed.reason


def test_monthly_failure_before_deployment_is_reported(outcomes, deployment):
    """It would keep every deployment of a month from its go, though run by hand since; a later one counts."""
    deployment.superuser_execute(
        "UPDATE cron.job_run_details SET status = 'failed', return_message = 'ERROR:  gone' WHERE jobid = "
        "(SELECT jobid FROM cron.job WHERE jobname = 'create-wa-events-partitions')"
    )
    assert outcomes(Settings())[PARTITIONS].status is Status.FAILED
    outcome = outcomes(deployed(timedelta(minutes=30)))[PARTITIONS]
    assert outcome.status is Status.PASSED
    assert "before this deployment, failed; next due at" in str(outcome.judge.findings)


def test_monthly_run_before_the_history_is_unproven(outcomes, deployment):
    """Where old rows are removed, a run that is not recorded is no proof that it didn't happen."""
    deployment.superuser_execute(
        "DELETE FROM cron.job_run_details WHERE start_time < now() - interval '1 hour' OR jobid = "
        "(SELECT jobid FROM cron.job WHERE jobname = 'create-wa-events-partitions')"
    )
    outcome = outcomes(deployed(timedelta(days=70)))[PARTITIONS]
    assert outcome.status is Status.UNPROVEN
    assert "is not in the recorded history" in outcome.reason


@pytest.mark.parametrize("which", STUCK)
def test_run_that_is_stuck_is_found(which, deployment):
    """A run without an end fails where the server has been up all the while."""
    deployment.superuser_execute(STUCK[which])
    evidence = read(deployment.access, DATABASE_CHECKS)
    catalogue = evidence.piece("catalogue")
    evidence.pieces["catalogue"] = replace(catalogue, started_at=catalogue.read_at - timedelta(days=9))
    expected = {JOB: (Status.FAILED, "a run of process-dlq-entries has been running since")}
    expect(judge_all(DATABASE_CHECKS, evidence), expected)


def test_inactive_job_is_one_message(outcomes, deployment):
    """That it has not run since has no other cause, and needs no other advice."""
    deployment.superuser_execute(
        f"UPDATE cron.job SET active = false WHERE {OF_THE_JOB};"
        "DELETE FROM cron.job_run_details WHERE start_time > now() - interval '2 hours'"
    )
    assert outcomes()[JOB].reason == "job process-dlq-entries is inactive"


def test_run_cut_off_by_a_crash_is_only_reported(outcomes, deployment):
    """A run that a server restart ended is reported and fails nothing."""
    deployment.superuser_execute(UNFINISHED.format(since="30 hours", behind=36))
    outcome = outcomes()[JOB]
    assert outcome.status is Status.PASSED, outcome.reason
    assert any(
        "1 run of process-dlq-entries from before the server's start" in one for one in outcome.judge.findings
    )
