"""Check 9: entries of the DLQ are retried when they are due, none is stuck, and the processor runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from checks.test_daily import test_dlq_is_processing as check_09
from fixtures.outcome import Status
from fixtures.settings.model import Settings, Thresholds
from tests.outcomes import assert_outcome, judge, read

DLQ = "public.webhook_dlq"
LOG = "public.dlq_processing_log"
WAITING = f"(SELECT id FROM {DLQ} WHERE status = 'pending' ORDER BY id LIMIT 1)"
PENDING = f"UPDATE {DLQ} SET status = 'pending', reprocessed_at = NULL"


def entries(count: int, **columns: str) -> str:
    """SQL that adds entries, pending and due in an hour unless told otherwise."""
    row = {
        "service": "'wa-webhook'",
        "payload": "'{}'",
        "status": "'pending'",
        "next_retry_at": "now() + interval '1 hour'",
    } | columns
    return (
        f"INSERT INTO {DLQ} ({', '.join(row)}) SELECT {', '.join(row.values())} FROM generate_series(1, {count})"
    )


FAULTS = {
    "overdue": (
        f"UPDATE {DLQ} SET next_retry_at = now() - interval '11 minutes' WHERE id = {WAITING}",
        ("1 entry overdue: wa-webhook", ", since ", ", ids …"),
    ),
    "overdue for days": (
        entries(3, created_at="now() - interval '9 days'", next_retry_at="now() - interval '8 days'"),
        ("3 entries overdue: wa-webhook 3, since ",),
    ),
    "came due, and none was taken": (
        f"UPDATE {DLQ} SET last_retry_at = NULL, reprocessed_at = NULL, updated_at = created_at;"
        f"UPDATE {DLQ} SET next_retry_at = now() - interval '2 hours' WHERE status = 'pending'",
        ("4 entries overdue", "4 entries came due, and none was taken since"),
    ),
    "passes that process nothing while entries are due": (
        f"UPDATE {DLQ} SET next_retry_at = now() - interval '1 hour' WHERE id = {WAITING};"
        f"UPDATE {LOG} SET entries_processed = 0, entries_failed = 0 "
        "WHERE processed_at > now() - interval '1 hour'",
        ("passes completed with 0 entries processed while 1 entry was due",),
    ),
    "pending without a time": (
        f"UPDATE {DLQ} SET next_retry_at = NULL WHERE id = {WAITING}",
        ("1 entry pending without next_retry_at",),
    ),
    "parked for ever": (
        f"UPDATE {DLQ} SET next_retry_at = 'infinity' WHERE id = {WAITING}",
        ("1 entry pending with a retry later than any back-off",),
    ),
    "stuck in processing": (
        f"UPDATE {DLQ} SET status = 'processing', updated_at = now() - interval '16 minutes', "
        f"last_retry_at = now() - interval '16 minutes' WHERE id = {WAITING}",
        ("1 entry stuck in processing: wa-webhook",),
    ),
    "stuck in processing for a month": (
        entries(
            1,
            status="'processing'",
            created_at="now() - interval '30 days'",
            updated_at="now() - interval '30 days'",
        ),
        ("1 entry stuck in processing",),
    ),
    "in processing, by a clock that is ahead": (
        entries(1, status="'processing'", updated_at="now() + interval '1 day'"),
        ("1 entry dated in the future",),
    ),
    "more pending than allowed": (entries(97), ("101 entries pending",)),
    "pending beyond the retries": (
        f"UPDATE {DLQ} SET retry_count = 6 WHERE id = {WAITING}",
        ("1 entry pending beyond the last retry",),
    ),
    "unknown status": (
        f"ALTER TABLE {DLQ} DROP CONSTRAINT webhook_dlq_status_check;"
        f"UPDATE {DLQ} SET status = 'retrying' WHERE id = {WAITING}",
        ("1 entry of a status that the contract does not know: wa-webhook", "1 (retrying)"),
    ),
    "no status": (
        f"ALTER TABLE {DLQ} ALTER status DROP NOT NULL; UPDATE {DLQ} SET status = NULL WHERE id = {WAITING}",
        ("1 (null)",),
    ),
    "created in the future": (
        entries(1, created_at="now() + interval '1 day'"),
        ("1 entry dated in the future: wa-webhook 1, in ",),
    ),
    "created at no time": (
        f"ALTER TABLE {DLQ} ALTER created_at DROP NOT NULL;" + entries(1, created_at="NULL"),
        ("1 entry without created_at",),
    ),
    "retried, without success": (
        f"DELETE FROM {DLQ} WHERE status = 'reprocessed';"
        + entries(10, last_retry_at="now() - interval '1 hour'", retry_count="1"),
        ("entries were retried and none was reprocessed",),
    ),
    "all passes failed": (
        f"UPDATE {LOG} SET status = 'failed' "
        "WHERE status = 'completed' AND processed_at > now() - interval '1 day'",
        ("passes since ", " failed"),
    ),
    "the latest passes failed": (
        f"UPDATE {LOG} SET status = 'failed', error_message = 'timeout' "
        "WHERE status = 'completed' AND processed_at > now() - interval '1 hour'",
        ("the latest 1", " passes failed, since ", "; the last completed pass was at "),
    ),
    "a pass at no time": (
        f"ALTER TABLE {LOG} ALTER processed_at DROP NOT NULL;"
        f"INSERT INTO {LOG} (processed_at, status) VALUES (NULL, 'completed')",
        ("1 row of dlq_processing_log without processed_at",),
    ),
    "retries that nobody counts": (
        f"ALTER TABLE {DLQ} ALTER retry_count DROP NOT NULL;"
        f"UPDATE {DLQ} SET retry_count = NULL WHERE id = {WAITING}",
        ("1 entry without retry_count",),
    ),
    "pushed on for days, and never tried": (
        entries(1, created_at="now() - interval '3 days'", next_retry_at="now() + interval '5 minutes'")
        + f"; UPDATE {DLQ} SET updated_at = now() WHERE status = 'pending'",
        ("1 entry never tried in the day since they were created: wa-webhook 1, since ",),
    ),
    "in processing for days, and touched each minute": (
        entries(1, status="'processing'", created_at="now() - interval '3 days'", updated_at="now()"),
        ("1 entry never tried in the day since they were created",),
    ),
    "reprocessed in the future": (
        f"UPDATE {DLQ} SET reprocessed_at = now() + interval '3 hours' "
        f"WHERE id = (SELECT id FROM {DLQ} WHERE status = 'reprocessed' LIMIT 1)",
        ("1 entry dated in the future",),
    ),
    "created at no end of time": (
        entries(1, created_at="'infinity'"),
        ("1 entry dated in the future: wa-webhook 1, in ",),
    ),
    "created in the year 20000": (entries(1, created_at="'20000-01-01'"), ("1 entry dated in the future",)),
    "due since ever": (entries(1, next_retry_at="'-infinity'"), ("1 entry overdue: wa-webhook 1",)),
    "no id": (
        f"ALTER TABLE {DLQ} DROP CONSTRAINT webhook_dlq_pkey, ALTER id DROP NOT NULL;"
        + entries(1, id="NULL", next_retry_at="now() - interval '1 hour'"),
        ("1 entry overdue: wa-webhook 1", "ids …none"),
    ),
    "a service that steers terminals": (
        entries(1, service=r"E'x\n\x1b[31mred'", next_retry_at="now() - interval '1 hour'"),
        (r"1 entry overdue: x \x1b[31mred 1",),
    ),
    "another service in each of thousands": (
        f"INSERT INTO {DLQ} (service, payload, status, next_retry_at) SELECT 'svc-' || n, '{{}}', 'pending', "
        "now() - interval '1 hour' FROM generate_series(1, 3000) AS n",
        ("3000 entries overdue: svc-1 1, since ", "; 2990 other services 2990, since "),
    ),
    "silent, with an empty DLQ": (
        f"TRUNCATE {DLQ}; DELETE FROM {LOG} WHERE processed_at > now() - interval '20 minutes'",
        ("the processor has been silent for 2", "its last completed pass was at"),
    ),
    "triggered only": (
        f"DELETE FROM {LOG} WHERE processed_at > now() - interval '2 hours' AND status = 'completed'",
        ("the processor has been silent for 2 h", "though the schedule fired at"),
    ),
    "a pass from the future": (
        f"INSERT INTO {LOG} (processed_at, status) VALUES (now() + interval '1 day', 'completed')",
        ("1 row of dlq_processing_log dated in the future",),
    ),
    "only passes from the future": (
        f"DELETE FROM {LOG} WHERE processed_at > now() - interval '1 hour';"
        f"INSERT INTO {LOG} (processed_at, status) VALUES (now() + interval '1 day', 'completed')",
        ("the processor has been silent for 1 h",),
    ),
}

ODD_BUT_HEALTHY = {
    "a time before the common era": f"UPDATE {LOG} SET created_at = '0044-03-15 BC', processed_at = '-infinity' "
    "WHERE processed_at < now() - interval '3 days'",
    "an empty DLQ, and passes that completed": f"TRUNCATE {DLQ}",
    "due just now": f"UPDATE {DLQ} SET next_retry_at = now() - interval '4 minutes' WHERE id = {WAITING}",
    "the last retry is still to come": f"UPDATE {DLQ} SET retry_count = 5 WHERE id = {WAITING}",
    "in processing right now": f"UPDATE {DLQ} SET status = 'processing', last_retry_at = now() "
    f"WHERE id = {WAITING}",
    "as many pending as allowed": entries(96),
    "the longest back-off": f"UPDATE {DLQ} SET next_retry_at = now() + interval '12 hours' WHERE id = {WAITING}",
    "a new entry without a time": entries(1, next_retry_at="NULL"),
    "given up by a person": f"UPDATE {DLQ} SET status = 'discarded', next_retry_at = NULL WHERE id = {WAITING}",
    "never retried yet": entries(2, last_retry_at="NULL", updated_at="now()"),
    "a functions' clock some seconds ahead": entries(1, created_at="now() + interval '20 s'"),
    "a service without a name": f"ALTER TABLE {DLQ} ALTER service DROP NOT NULL;" + entries(1, service="NULL"),
    "some passes failed": f"UPDATE {LOG} SET status = 'failed' WHERE id % 5 = 0 AND status = 'completed' "
    "AND processed_at < now() - interval '1 hour'",
    "another status in the log": f"INSERT INTO {LOG} (status, processed_at) VALUES ('skipped', now())",
    "status is an enumerated type": f"ALTER TABLE {DLQ} DROP CONSTRAINT webhook_dlq_status_check, "
    "ALTER status DROP DEFAULT; DROP INDEX public.webhook_dlq_next_retry_at_idx, public.webhook_dlq_status_idx;"
    "CREATE TYPE public.dlq_status AS ENUM ('pending', 'processing', 'reprocessed', 'failed', 'discarded');"
    f"ALTER TABLE {DLQ} ALTER status TYPE public.dlq_status USING status::public.dlq_status",
}


def test_healthy_deployment_passes(deployment):
    """The daily evidence of every kind of deployment is quiet, and tells the goal of the first week."""
    evidence = read(deployment.access, [check_09])
    outcome = judge(check_09, evidence)
    assert_outcome(outcome, Status.PASSED)
    assert any("(goal of the first week: 10 or more)" in finding for finding in outcome.judge.findings)
    assert outcome.judge.charts == ["dlq-entries"]


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault, judged, changed):
    """Each fault fails the check, in figures and names."""
    sql, parts = FAULTS[fault]
    changed(sql)
    assert_outcome(judged(check_09), Status.FAILED, *parts)


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_is_quiet(variant, judged, changed):
    """What is unusual and works raises no alarm."""
    changed(ODD_BUT_HEALTHY[variant])
    assert_outcome(judged(check_09), Status.PASSED)


def test_quiet_dlq_without_a_pass_proves_nothing(judged, changed):
    """An empty DLQ passes on completed passes only."""
    changed(f"TRUNCATE {DLQ}; TRUNCATE {LOG}")
    assert_outcome(judged(check_09), Status.UNPROVEN, "so that a quiet DLQ proves nothing", "--wait 6m")


def test_retried_entries_stand_for_passes_that_nobody_logged(judged, changed):
    """Where no completed pass was ever recorded, an entry that advanced just now proves a processor."""
    changed(f"DELETE FROM {LOG} WHERE status <> 'triggered'; DELETE FROM net._http_response")
    outcome = judged(check_09)
    assert_outcome(
        outcome, Status.UNPROVEN, "no completed pass of the processor is recorded", "write no completed rows"
    )
    assert "--wait" not in outcome.reason
    changed(f"UPDATE {DLQ} SET last_retry_at = now() - interval '4 minutes' WHERE id = {WAITING}")
    assert_outcome(judged(check_09), Status.PASSED)


def test_answer_to_the_schedule_proves_a_pass(judged, changed):
    """A processor that writes no rows answered the schedule; an answer that another contradicts proves nothing."""
    changed(f"DELETE FROM {LOG} WHERE status <> 'triggered'")
    outcome = judged(check_09)
    assert_outcome(outcome, Status.PASSED)
    assert any("a call of the schedule got HTTP 2xx" in said for said in outcome.judge.findings)
    changed(
        "INSERT INTO net._http_response (id, status_code, created) SELECT id, 500, created FROM net._http_response"
    )
    assert_outcome(judged(check_09), Status.UNPROVEN, "no completed pass of the processor is recorded")


def test_entries_that_are_not_settled_for_long_are_told(judged, changed):
    """An entry that was put back by hand is old and no fault."""
    changed(entries(2, created_at="now() - interval '3 days'", last_retry_at="now() - interval '2 days'"))
    outcome = judged(check_09)
    assert_outcome(outcome, Status.PASSED)
    assert any(said.startswith("2 entries not settled a day after") for said in outcome.judge.findings)


def test_answers_have_an_end(judged, changed):
    """However many services there are, a person reads of ten, and of how many more."""
    changed(FAULTS["another service in each of thousands"][0])
    assert len(judged(check_09).reason) < 3000


def test_new_deployment_without_a_pass_is_unproven(judged, changed):
    """Shortly after the deployment, silence is no fault yet."""
    changed(f"DELETE FROM {LOG} WHERE processed_at > now() - interval '20 minutes'")
    settings = Settings(deployed_at=datetime.now(UTC) - timedelta(minutes=4))
    assert_outcome(
        judged(check_09, settings), Status.UNPROVEN, "no completed pass of the processor is recorded since"
    )


def test_hidden_entries_are_unproven(judged, changed):
    """A role to which row security shows nothing has not seen an empty DLQ."""
    changed("ALTER ROLE easymo_verifier NOBYPASSRLS")
    assert_outcome(judged(check_09), Status.UNPROVEN, "row security hides rows of public.webhook_dlq", "BYPASSRLS")


def test_missing_privilege_names_its_grant(judged, changed):
    """A column that the role may not read is named with its grant."""
    changed(f"REVOKE SELECT (retry_count) ON {DLQ} FROM easymo_verifier")
    assert_outcome(judged(check_09), Status.UNPROVEN, "GRANT SELECT (retry_count) ON public.webhook_dlq")


def test_thresholds_come_from_the_settings(judged):
    """The number of pending entries that is allowed is a setting."""
    settings = replace(Settings(), thresholds=Thresholds(dlq_pending=3))
    assert_outcome(judged(check_09, settings), Status.FAILED, "4 entries pending")
