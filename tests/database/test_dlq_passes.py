"""Check 3 proven both ways: a pass of the DLQ processor was completed, lately, and since the deployment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fixtures.outcome import Status
from tests.database.conftest import deployed

PASS = "check-03[first_dlq_processing_ran]"

NO_ROWS = "DELETE FROM public.dlq_processing_log WHERE processed_at > now() - interval '20 minutes'"
NO_ANSWERS = "DELETE FROM net._http_response"
SET = "UPDATE public.dlq_processing_log SET"
LATEST = (
    "WHERE id = (SELECT id FROM public.dlq_processing_log WHERE status = 'completed' "
    "ORDER BY processed_at DESC LIMIT 1)"
)
ROW = (
    "INSERT INTO public.dlq_processing_log (processed_at, status, entries_processed, entries_failed) "
    "VALUES (now() - interval '{minutes} minutes', '{status}', 0, 0)"
)
ANSWER = (
    "INSERT INTO net._http_response (id, status_code, timed_out, error_msg, created) VALUES "
    "(-1, {status}, {timed_out}, {error}, now() - interval '{minutes} minutes' + interval '{seconds} seconds')"
)


def triggered(minutes: int) -> str:
    """SQL that records that the schedule fired, so many minutes ago."""
    return ROW.format(minutes=minutes, status="triggered")


def completed(minutes: int) -> str:
    """SQL that records a pass that came to a good end, so many minutes ago."""
    return ROW.format(minutes=minutes, status="completed")


def answer(
    status: str = "NULL", timed_out: str = "false", error: str = "NULL", minutes: int = 2, seconds: int = 3
) -> str:
    """SQL that records one answer, shortly after the row that was triggered so many minutes ago."""
    return ANSWER.format(status=status, timed_out=timed_out, error=error, minutes=minutes, seconds=seconds)


def only_triggered(*more: str) -> str:
    """SQL that leaves triggered rows only, one of them two minutes ago, and what else is given."""
    return "; ".join([NO_ROWS, NO_ANSWERS, triggered(2), *more])


FAULTS = {
    "the processor refuses the schedule": (
        only_triggered(answer("401")),
        (Status.FAILED, "but the processor answered HTTP 401"),
    ),
    "the processor answers too late": (
        only_triggered(answer(timed_out="true", error="'Timeout of 5000 ms reached'")),
        (Status.FAILED, "but the processor answered no answer in time"),
    ),
    "the processor is not reached": (
        only_triggered(answer(error="'Could not resolve host'")),
        (Status.FAILED, "but the processor answered Could not resolve host"),
    ),
    "triggered rows go on, and no pass ends any more": (
        only_triggered(),
        (Status.FAILED, "no pass of the DLQ processor completed within 15 min: the last one ended"),
    ),
    "only triggered rows, ever, and no answers": (
        f"{only_triggered()}; DELETE FROM public.dlq_processing_log WHERE status <> 'triggered'",
        (Status.UNPROVEN, "but no completed pass is recorded"),
    ),
    "the latest answers are errors": (
        only_triggered(triggered(7), answer("200", minutes=7), answer("500")),
        (
            Status.FAILED,
            "but the processor answered HTTP 500, at last 1 min 5",
        ),
    ),
    "the calls after the last completed pass are refused": (
        "DELETE FROM public.dlq_processing_log WHERE processed_at > now() - interval '10 minutes';"
        f"{NO_ANSWERS};{triggered(8)};{answer('401', minutes=8)};{triggered(4)};{answer('401', minutes=4)};"
        + completed(9),
        (Status.FAILED, "the schedule fired 2 times, but the processor answered HTTP 401, at last 3 min 5"),
    ),
    "refused, while calls of others are answered well": (
        only_triggered(answer("401"), answer("200", seconds=30)),
        (Status.UNPROVEN, "contradict each other (HTTP 200, HTTP 401), and pg_net keeps no address"),
    ),
    "another's good answer came first, as errors came with the call before": (
        only_triggered(
            "DELETE FROM public.dlq_processing_log WHERE processed_at > now() - interval '4 minutes'",
            triggered(7),
            answer("401", minutes=7),
            answer("200", minutes=7, seconds=30),
            triggered(1),
            answer("200", minutes=1),
        ),
        (Status.UNPROVEN, "contradict each other (HTTP 200, HTTP 401), and pg_net keeps no address"),
    ),
    "the last pass failed": (
        f"{SET} status = 'failed', error_message = 'no database' {LATEST}",
        (Status.FAILED, "has status failed: no database"),
    ),
    "the last success is older than the last failure": (
        "INSERT INTO public.dlq_processing_log (processed_at, status, entries_processed, entries_failed, "
        "error_message) VALUES (now(), 'failed', 0, 0, 'out of memory')",
        (Status.FAILED, "has status failed: out of memory"),
    ),
    "an error on a completed row": (
        f"{SET} error_message = 'partly broken' {LATEST}",
        (Status.FAILED, "is called completed but carries the error: partly broken"),
    ),
    "all entries of the pass failed": (
        f"{SET} entries_processed = 0, entries_failed = 7 {LATEST}",
        (Status.FAILED, "all 7 entries of the pass at"),
    ),
    "all entries of the pass failed, counted as processed too": (
        f"{SET} entries_processed = 7, entries_failed = 7 {LATEST}",
        (Status.FAILED, "all 7 entries of the pass at"),
    ),
    "a null is not a zero: nothing counted as processed": (
        "ALTER TABLE public.dlq_processing_log ALTER COLUMN entries_processed DROP NOT NULL;"
        f"{SET} entries_processed = NULL, entries_failed = 3 {LATEST}",
        (Status.FAILED, "none is counted as processed, and 3 entries of the pass at"),
    ),
    "counts below zero": (
        f"{SET} entries_processed = -4, entries_failed = 1 {LATEST}",
        (Status.FAILED, "counts -4 processed and 1 failed entries"),
    ),
    "rows dated in the future": (
        "INSERT INTO public.dlq_processing_log (processed_at, status, entries_processed, entries_failed) "
        "VALUES (now() + interval '1 day', 'completed', 1, 0)",
        (Status.FAILED, "1 row of dlq_processing_log dated in the future, up to"),
    ),
    "silent for twenty minutes": (
        "DELETE FROM public.dlq_processing_log WHERE processed_at > now() - interval '20 minutes'",
        (Status.FAILED, "no pass of the DLQ processor completed within 15 min: the last one ended 2"),
    ),
    "an empty log, while the schedule has been there for days": (
        "TRUNCATE public.dlq_processing_log",
        (Status.FAILED, "no pass of the DLQ processor completed within 15 min: there was none"),
    ),
    "an empty log, and nothing tells since when": (
        "TRUNCATE public.dlq_processing_log; DELETE FROM cron.job_run_details "
        "WHERE jobid <> (SELECT jobid FROM cron.job WHERE jobname = 'process-dlq-entries') "
        "OR start_time < now() - interval '12 minutes'",
        (Status.UNPROVEN, "EASYMO_DEPLOYED_AT, or --wait 6m"),
    ),
    "a status that is no end": (
        f"{NO_ANSWERS}; {SET} status = 'started' WHERE status = 'completed'",
        (Status.UNPROVEN, "but no completed pass is recorded"),
    ),
}

ODD_BUT_HEALTHY = {
    "the next pass was just triggered": "INSERT INTO public.dlq_processing_log "
    "(processed_at, status, entries_processed, entries_failed) VALUES (now(), 'triggered', 0, 0)",
    "a pass with some failures": f"{SET} entries_processed = 3, entries_failed = 2 {LATEST}",
    "a pass without work": f"{SET} entries_processed = 0, entries_failed = 0 {LATEST}",
    "an empty error message": f"{SET} error_message = '' {LATEST}",
    "an older failure": "INSERT INTO public.dlq_processing_log (processed_at, status, error_message) "
    "VALUES (now() - interval '4 hours', 'failed', 'old')",
    "rows without a time": "ALTER TABLE public.dlq_processing_log ALTER COLUMN processed_at DROP NOT NULL;"
    "INSERT INTO public.dlq_processing_log (processed_at, status) VALUES (NULL, 'failed')",
    "the processor's clock is seconds ahead": f"{SET} processed_at = now() + interval '20 s' {LATEST}",
    "only triggered rows, and the processor answered well": only_triggered(answer("200")),
    "calls of others failed at other times": only_triggered(answer("200"), answer("500", minutes=10)),
    "a stray error before good answers": only_triggered(triggered(7), answer("500", minutes=7), answer("200")),
    "a call of others failed while a pass is under way": f"{NO_ANSWERS}; DELETE FROM public.dlq_processing_log "
    f"WHERE processed_at > now() - interval '8 minutes'; {completed(6)}; {triggered(1)}; "
    + answer("500", minutes=1),
    "answers contradict each other after a completed pass": f"{NO_ANSWERS}; DELETE FROM "
    f"public.dlq_processing_log WHERE processed_at > now() - interval '10 minutes'; {completed(9)}; "
    f"{triggered(4)}; {answer('200', minutes=4)}; {answer('401', minutes=4)}",
    "no pg_net to be seen": "DROP SCHEMA net CASCADE",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault, finds):
    """Each fault is found by check 3, and only by it."""
    sql, expected = FAULTS[fault]
    finds(sql, {PASS: expected})


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_is_quiet(variant, outcomes, deployment):
    """What is unusual and works raises no alarm."""
    deployment.superuser_execute(ODD_BUT_HEALTHY[variant])
    outcome = outcomes()[PASS]
    assert outcome.status is Status.PASSED, outcome.reason


def test_before_the_first_due_run_it_is_unproven(outcomes, deployment):
    """A pass of before the deployment proves nothing of it; the reason says when the first run is due."""
    deployment.superuser_execute(
        "DELETE FROM public.dlq_processing_log WHERE processed_at > now() - interval '10 minutes'"
    )
    outcome = outcomes(deployed(timedelta(minutes=4)))[PASS]
    assert outcome.status is Status.UNPROVEN
    assert "no pass since the deployment at" in outcome.reason
    assert "first run due at" in outcome.reason
    assert "--wait 6m" in outcome.reason


def test_deployment_without_a_pass_for_long_fails(outcomes, deployment):
    """Once it has been silent for longer than allowed, waiting is no excuse."""
    deployment.superuser_execute(
        "DELETE FROM public.dlq_processing_log WHERE processed_at > now() - interval '40 minutes'"
    )
    outcome = outcomes(deployed(timedelta(minutes=30)))[PASS]
    assert outcome.status is Status.FAILED
    assert "no pass of the DLQ processor completed within 15 min" in outcome.reason


def test_triggered_rows_of_a_young_deployment_are_unproven(outcomes, deployment):
    """Before it has been there for as long as silence is allowed, an old pass is no proof of silence."""
    deployment.superuser_execute(only_triggered())
    outcome = outcomes(deployed(timedelta(minutes=9)))[PASS]
    assert outcome.status is Status.UNPROVEN
    assert "no pass since the deployment at" in outcome.reason


def test_counts_that_are_not_there_are_not_told_as_zero(outcomes, deployment):
    """A pass without counts is reported as such."""
    deployment.superuser_execute(
        "ALTER TABLE public.dlq_processing_log ALTER COLUMN entries_processed DROP NOT NULL, "
        "ALTER COLUMN entries_failed DROP NOT NULL;"
        f"{SET} entries_processed = NULL, entries_failed = NULL {LATEST}"
    )
    outcome = outcomes()[PASS]
    assert outcome.status is Status.PASSED, outcome.reason
    assert "an unknown number processed, an unknown number failed" in outcome.judge.findings[0]


SILENT = "DELETE FROM public.dlq_processing_log WHERE status <> 'triggered'; DELETE FROM net._http_response;"
RETRIED = (
    "UPDATE public.webhook_dlq SET last_retry_at = now() - interval '4 minutes' "
    "WHERE id = (SELECT id FROM public.webhook_dlq WHERE status = 'pending' ORDER BY created_at DESC LIMIT 1)"
)


def test_passes_that_write_no_rows_are_not_waited_for(outcomes, deployment):
    """Only the schedule ever wrote rows: progress or an answer is the proof, not a row that never comes."""
    deployment.superuser_execute(SILENT)
    outcome = outcomes()[PASS]
    assert outcome.status is Status.UNPROVEN
    (doubt,) = outcome.judge.doubts
    assert "passes of this processor write no completed rows" in doubt.proof
    assert "--wait" not in outcome.reason


def test_retried_entry_proves_a_pass(outcomes, deployment):
    """An entry that was retried 4 minutes ago stands for the completed row that the processor does not write."""
    deployment.superuser_execute(SILENT + RETRIED)
    outcome = outcomes()[PASS]
    assert outcome.status is Status.PASSED
    assert any("no completed row, but an entry was retried" in said for said in outcome.judge.findings)


def test_retried_entry_excuses_no_failed_pass(outcomes, deployment):
    """Where passes write rows, the latest of them decides."""
    deployment.superuser_execute(f"{SET} status = 'failed' {LATEST}; {RETRIED}")
    assert outcomes()[PASS].status is Status.FAILED
