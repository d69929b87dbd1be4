"""Two queues with different words for the statuses: faults in the second one are found, and hold the calls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.test_daily import test_dlq_is_processing as check_09
from checks.test_daily import test_no_message_is_lost as check_10
from checks.test_immediate import test_dlq_processor_is_closed as closed
from checks.test_immediate import test_dlq_table_exists_and_is_accessible as check_01
from checks.test_immediate import test_success_rate as check_05
from fixtures.outcome import Status
from tests.following import follow, mend
from tests.outcomes import assert_outcome, judge, read
from tests.shapes import grow, settings_of
from tests.webhooks.server import honest

QUEUE = "public.template_retries"
ONE = f"(SELECT ticket FROM {QUEUE} WHERE state = 'queued')"
LOST = "wamid.HBgLMTU1NTAxMDAVAgARGBI0000001"

FAULTS = {
    "overdue": (
        f"UPDATE {QUEUE} SET due = now() - interval '11 minutes' WHERE ticket = {ONE}",
        "1 entry of template_retries overdue: template-sender 1",
        "",
    ),
    "without a time": (
        f"UPDATE {QUEUE} SET due = NULL WHERE ticket = {ONE}",
        "1 entry of template_retries pending without due: template-sender 1",
        f"UPDATE {QUEUE} SET due = now() WHERE state IN ('queued', 'retrying') AND due IS NULL",
    ),
    "stuck": (
        f"UPDATE {QUEUE} SET state = 'sending', changed_at = now() - interval '16 minutes' WHERE ticket = {ONE}",
        "1 entry of template_retries stuck in processing: template-sender 1",
        f"UPDATE {QUEUE} SET state = 'queued', due = now() WHERE state = 'sending' AND changed_at < now()",
    ),
    "beyond its own last retry": (
        f"UPDATE {QUEUE} SET tries = 9 WHERE ticket = {ONE}",
        "1 entry of template_retries pending beyond the last retry: template-sender 1",
        f"SELECT ticket, worker, tries, due FROM {QUEUE} WHERE state IN ('queued', 'retrying') AND tries > 8",
    ),
}


@pytest.fixture
def queues(any_deployment):
    """A deployment with two queues, and its settings."""
    settings = settings_of("two_queues")
    grow(any_deployment, "two_queues", settings)
    return any_deployment, settings


def calls_of(server, address):
    """The calls of the dlq-processor that arrived."""
    return [one for one in server.arrivals(address) if one.function == "dlq-processor"]


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_in_second_queue_is_found(queues, fault):
    """Check 9 names the table, its columns and its own words in the message and in the command."""
    deployment, settings = queues
    statement, said, advice = FAULTS[fault]
    deployment.superuser_execute(statement)
    outcome = judge(check_09, read(deployment.access, [check_09], settings))
    assert_outcome(outcome, Status.FAILED, said)
    assert advice in str(outcome.advice)


@pytest.mark.parametrize("fault", ["without a time", "stuck"])
def test_advice_heals_the_second_queue(queues, fault):
    """The command, run as the owner, leaves only that the entries are due now, which a pass ends."""
    deployment, settings = queues
    deployment.superuser_execute(FAULTS[fault][0])
    assert mend(deployment, lambda: judge(check_09, read(deployment.access, [check_09], settings)), left="overdue")
    deployment.owner_execute(f"UPDATE {QUEUE} SET due = now() + interval '5 minutes' WHERE due <= now()")
    assert_outcome(judge(check_09, read(deployment.access, [check_09], settings)), Status.PASSED)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if FAULTS[fault][2].startswith("SELECT")])
def test_statement_about_the_second_queue_runs(queues, fault):
    """The owner sees the entries that the message counts."""
    deployment, settings = queues
    deployment.superuser_execute(FAULTS[fault][0])
    outcome = judge(check_09, read(deployment.access, [check_09], settings))
    [step] = follow(deployment, outcome.advice)
    assert len(deployment.owner_execute(step.command)) == 1


def test_limit_of_retries_is_each_tables_own(queues):
    """7 retries are within the limit of the second queue, and beyond that of the first."""
    deployment, settings = queues
    deployment.superuser_execute(
        "UPDATE webhook_dlq SET retry_count = 7 "
        "WHERE id = (SELECT id FROM webhook_dlq WHERE status = 'pending' LIMIT 1)"
    )
    outcome = judge(check_09, read(deployment.access, [check_09], settings))
    assert_outcome(outcome, Status.FAILED, "1 entry of webhook_dlq pending beyond the last retry")
    assert "template_retries" not in outcome.reason


def test_backlog_counts_both_queues(queues):
    """The limit holds for the entries of both tables together."""
    deployment, settings = queues
    deployment.superuser_execute(
        f"INSERT INTO {QUEUE} (worker, message, state, due, inserted_at) "
        "SELECT 'template-sender', '{}', 'retrying', now() + interval '1 hour', now() - interval '2 hours' "
        "FROM generate_series(1, 99)"
    )
    outcome = judge(check_09, read(deployment.access, [check_09], settings))
    assert_outcome(outcome, Status.FAILED, "105 entries pending")
    assert len(follow(deployment, outcome.advice)) == 2


@pytest.mark.parametrize(
    ("state", "status", "said"),
    [
        ("retrying", Status.PASSED, ""),
        ("dead", Status.FAILED, "1 message failed in the DLQ after the last retry: template-sender 1"),
        ("dropped", Status.FAILED, "1 message discarded in the DLQ: template-sender 1"),
    ],
)
def test_message_in_second_queue_is_followed(queues, state, status, said):
    """Check 10 finds the message of an event by the id in the second queue's payload."""
    deployment, settings = queues
    deployment.superuser_execute(
        "INSERT INTO wa_events (event_type, message_id, direction, status, created_at) "
        f"VALUES ('message', '{LOST}', 'inbound', 'received', now() - interval '2 hours');"
        f"INSERT INTO {QUEUE} (worker, message, tries, state, due, tried_at, inserted_at) "
        f'VALUES (\'template-sender\', \'{{"messages": [{{"id": "{LOST}"}}]}}\', 1, '
        f"'{state}', now() + interval '1 hour', "
        "now() - interval '1 hour', now() - interval '2 hours')"
    )
    assert_outcome(judge(check_10, read(deployment.access, [check_10], settings)), status, *filter(None, [said]))


def test_message_only_in_second_queue_counts(queues):
    """Check 5 counts a message that is only in the second queue as not served."""
    deployment, settings = queues
    deployment.superuser_execute(
        f"INSERT INTO {QUEUE} (worker, message, due, inserted_at) SELECT 'template-sender', '{{}}', "
        "now() + interval '1 hour', now() - interval '10 minutes' FROM generate_series(1, 20)"
    )
    outcome = judge(check_05, read(deployment.access, [check_05], settings))
    assert_outcome(outcome, Status.FAILED, "worst: template-sender, 20 messages")


def test_second_queue_is_a_case_of_check_1(queues):
    """A missing column of the second queue fails check 1 under the table's name; its absent columns do not."""
    deployment, settings = queues
    deployment.superuser_execute(f"ALTER TABLE {QUEUE} RENAME COLUMN due TO due_at")
    outcome = judge(check_01, read(deployment.access, [check_01], settings), dlq_table="template_retries")
    assert_outcome(outcome, Status.FAILED, f"{QUEUE} has no column due; the nearest is due_at")
    assert outcome.reason.count("has no column") == 1


@pytest.mark.parametrize(
    ("state", "due", "called"),
    [
        ("queued", "now() + interval '1 hour'", True),
        ("retrying", "now() - interval '1 minute'", False),
        ("queued", "NULL", False),
        ("dead", "now() - interval '1 day'", True),
    ],
)
def test_due_entry_of_second_queue_holds_calls(queues, server, state, due, called):
    """The dlq-processor is called only while nothing is due in either queue."""
    deployment, settings = queues
    deployment.superuser_execute(
        "UPDATE webhook_dlq SET next_retry_at = now() + interval '1 hour' WHERE status = 'pending';"
        f"UPDATE {QUEUE} SET due = now() + interval '1 hour';"
        f"UPDATE {QUEUE} SET state = '{state}', due = {due} WHERE ticket = {ONE}"
    )
    address = server.serve(honest)
    evidence = read(replace(deployment.access, base_url=address), [closed], settings)
    outcome = judge(closed, evidence, bearer="no-bearer")
    assert bool(calls_of(server, address)) is called
    if not called:
        assert_outcome(outcome, Status.UNPROVEN, "1 entry of template_retries is due now or within a minute")


def test_unexplained_status_holds_calls(queues, server):
    """Without the words of the second queue nobody knows what is due in it."""
    deployment, settings = queues
    deployment.superuser_execute(
        "UPDATE webhook_dlq SET next_retry_at = now() + interval '1 hour' WHERE status = 'pending';"
        f"UPDATE {QUEUE} SET due = now() - interval '1 hour' WHERE state = 'queued'"
    )
    first, second = settings.dead_letters
    without = replace(settings, dead_letters=(first, replace(second, statuses={})))
    address = server.serve(honest)
    outcome = judge(
        closed, read(replace(deployment.access, base_url=address), [closed], without), bearer="no-bearer"
    )
    assert calls_of(server, address) == []
    assert_outcome(outcome, Status.UNPROVEN, "does not know the status", "in template_retries", "[[dead_letters]]")
