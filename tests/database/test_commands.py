"""Commands that other tests only read: followed by the operator on the fault that they are for.

A statement that looks runs in a read-only transaction of role ``postgres``, and shows rows where there are some.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from checks import test_daily, test_immediate
from checks.test_daily import test_database_is_not_overloaded as load
from fixtures.advice import Kind
from fixtures.database.performance import PREPARED, Session
from fixtures.outcome import Status
from fixtures.settings.model import Settings, Thresholds
from tests.database.test_cron import STUCK
from tests.database.test_dlq_queue import FAULTS as QUEUE_FAULTS
from tests.database.test_forgery_trace import LEFT_BEHIND, trace
from tests.database.test_message_fates import FAULTS as FATES
from tests.database.trouble import running, session, until
from tests.following import follow, mend
from tests.outcomes import judge, read

CHECK_02 = test_immediate.test_cron_job_is_active
CHECK_09 = test_daily.test_dlq_is_processing
CHECK_10 = test_daily.test_no_message_is_lost


def thresholds(**values: float) -> Settings:
    """Settings with other thresholds."""
    return Settings(thresholds=replace(Thresholds(), **values))


LOOKED_AT = {
    "more pending than allowed": (CHECK_09, QUEUE_FAULTS["more pending than allowed"][0], Settings(), {}),
    "never tried": (CHECK_09, QUEUE_FAULTS["pushed on for days, and never tried"][0], Settings(), {}),
    "at no time": (CHECK_09, QUEUE_FAULTS["created at no time"][0], Settings(), {}),
    "beyond the retries": (CHECK_09, QUEUE_FAULTS["pending beyond the retries"][0], Settings(), {}),
    "parked": (CHECK_09, QUEUE_FAULTS["parked for ever"][0], Settings(), {}),
    "unknown status": (CHECK_09, QUEUE_FAULTS["unknown status"][0], Settings(), {}),
    "retries in vain": (CHECK_09, QUEUE_FAULTS["retried, without success"][0], Settings(), {}),
    "the latest passes failed": (CHECK_09, QUEUE_FAULTS["the latest passes failed"][0], Settings(), {}),
    "left unprocessed": (CHECK_10, FATES["left unprocessed"][0], Settings(), {}),
    "an unknown status": (CHECK_10, FATES["an unknown status in the DLQ"][0], Settings(), {}),
    "connections": (load, "", thresholds(connections_percent=0.1), {"database_aspect": "connections"}),
    "cache": (load, "", thresholds(cache_hit_percent=99.99999), {"database_aspect": "cache-hit-ratio"}),
    "old ids": (load, "", thresholds(wraparound_percent=0.000001), {"database_aspect": "wraparound"}),
}


@pytest.mark.parametrize("fault", LOOKED_AT)
def test_statement_that_looks_runs(fault, any_deployment, judged, changed):
    """The operator may read what the advice shows."""
    check, sql, settings, case = LOOKED_AT[fault]
    if sql:
        changed(sql)
    outcome = judged(check, settings, **case)
    assert outcome.status is Status.FAILED
    assert any(step.kind is Kind.LOOK for step in follow(any_deployment, outcome.advice)), outcome.advice


def test_run_that_is_stuck_is_looked_at(any_deployment, changed):
    """The statement shows the run, and its session if that is still there."""
    changed(STUCK["the latest run"])
    evidence = read(any_deployment.access, [CHECK_02])
    catalogue = evidence.piece("catalogue")
    evidence.pieces["catalogue"] = replace(catalogue, started_at=catalogue.read_at - timedelta(days=9))
    outcome = judge(CHECK_02, evidence, cron_job="process-dlq-entries")
    (step,) = follow(any_deployment, outcome.advice)
    assert len(any_deployment.owner_execute(step.command)) >= 1


def test_prepared_transactions_are_looked_at(any_deployment):
    """The statement names them with their owner and database; here the server takes none, so there is no row."""
    evidence = read(any_deployment.access, [load])
    found = evidence.piece("database_load")
    forgotten = Session(PREPARED, None, "postgres", "prepared", 4000.0)
    evidence.pieces["database_load"] = replace(found, sessions=(forgotten,))
    outcome = judge(load, evidence, database_aspect="idle-transactions")
    assert outcome.status is Status.FAILED
    assert len(follow(any_deployment, outcome.advice)) == 1


def test_rows_of_forgeries_are_looked_at(any_deployment):
    """The statement finds the row by the id of the run."""
    found = trace(
        any_deployment,
        lambda run: LEFT_BEHIND["whatsapp_messages"].format(id=f"easymo-verification-forged-{run}-12"),
    )
    (step,) = follow(any_deployment, found.advice)
    assert len(any_deployment.owner_execute(step.command)) == 1


HEALED = {
    "pending without a time": (CHECK_09, QUEUE_FAULTS["pending without a time"][0], "overdue"),
    "without a count": (CHECK_09, QUEUE_FAULTS["retries that nobody counts"][0], ""),
    "stuck in processing": (CHECK_09, QUEUE_FAULTS["stuck in processing"][0], "overdue"),
    "failed in the DLQ": (CHECK_10, FATES["failed, by its correlation"][0], ""),
}


@pytest.mark.parametrize("fault", HEALED)
def test_update_heals(fault, any_deployment, judged, changed):
    """The owner's update makes the check pass."""
    check, sql, left = HEALED[fault]
    changed(sql)
    assert mend(any_deployment, lambda: judged(check), left=left)


def test_nameless_messages_are_looked_at(any_deployment, judged, changed):
    """Rows that are not processed and name no message: unproven, with a statement that shows them."""
    changed(
        "ALTER TABLE processed_webhook_messages ALTER whatsapp_message_id DROP NOT NULL;"
        "INSERT INTO processed_webhook_messages (correlation_id, processed, created_at) "
        "VALUES ('c-9', false, now() - interval '1 hour')"
    )
    outcome = judged(CHECK_10)
    assert outcome.status is Status.UNPROVEN
    assert len(follow(any_deployment, outcome.advice)) == 1


def test_long_query_is_cancelled(any_deployment, judged):
    """The session goes on, and its query has ended."""
    url = any_deployment.owner_url
    with running(url, "SELECT pg_sleep(60)") as pid:
        until(url, f"SELECT state = 'active' FROM pg_stat_activity WHERE pid = {pid}")
        settings = thresholds(query_seconds=0.01)
        ran = mend(any_deployment, lambda: judged(load, settings, database_aspect="long-queries"))
    assert ran == [f"SELECT pg_cancel_backend({pid})"]


def test_idle_transaction_is_ended(any_deployment, judged):
    """The session is ended, and its transaction with it."""
    with session(any_deployment.owner_url) as connection:
        connection.execute("BEGIN")
        settings, pid = thresholds(idle_transaction_seconds=0.01), connection.info.backend_pid
        ran = mend(any_deployment, lambda: judged(load, settings, database_aspect="idle-transactions"))
    assert ran == [f"SELECT pg_terminate_backend({pid})"]


def test_holder_of_a_lock_is_shown(any_deployment, judged):
    """The statement gives the sessions that hold the lock."""
    url = any_deployment.owner_url
    with session(url) as holder:
        holder.execute("BEGIN; SELECT pg_advisory_xact_lock(7)")
        with running(url, "SELECT pg_advisory_xact_lock(7)") as pid:
            until(url, f"SELECT waitstart IS NOT NULL FROM pg_locks WHERE pid = {pid} AND NOT granted")
            outcome = judged(load, thresholds(lock_wait_seconds=0.01), database_aspect="lock-waits")
            (step,) = follow(any_deployment, outcome.advice)
            assert any_deployment.owner_execute(step.command) == [([holder.info.backend_pid],)]
