"""Deployments under names of their own, judged with the defaults: check 1 names the nearest thing there is."""

from __future__ import annotations

import pytest

from checks import test_daily, test_immediate
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from tests.outcomes import assert_outcome, judge, judge_all, read
from tests.shapes import grow

TABLES = [test_immediate.test_dlq_table_exists_and_is_accessible, test_immediate.test_customer_table_is_protected]
READERS = [
    test_immediate.test_first_dlq_processing_ran,
    test_immediate.test_success_rate,
    test_daily.test_dlq_is_processing,
    test_daily.test_no_message_is_lost,
]

NEAREST = {
    "webhook_dlq": "dead_letters has 16 of its 16 columns under similar names",
    "dlq_processing_log": "queue_runs has 6 of its 7 columns under similar names",
    "processed_webhook_messages": "inbound_messages has 8 of its 8 columns under similar names",
    "wa_events": "happenings has 10 of its 10 columns under similar names",
    "whatsapp_messages": "chat_texts has 6 of its 6 columns under similar names",
}


def test_nearest_tables_are_named(any_deployment):
    """Every table and column has another name: each table is found by its columns, and the setting is said."""
    grow(any_deployment, "renamed", Settings())
    outcomes = judge_all(TABLES, read(any_deployment.access, TABLES))
    assert outcomes.keys() == {f"check-01[{table}]" for table in NEAREST}
    for table, found in NEAREST.items():
        outcome = outcomes[f"check-01[{table}]"]
        assert_outcome(outcome, Status.FAILED, f"table public.{table} does not exist", f"; public.{found}")
        setting = f'set {table} = "{found.split()[0]}" in [names.tables] (`pytest --propose-settings` prints'
        assert setting in str(outcome.advice)


def test_other_checks_point_to_check_1(any_deployment):
    """What cannot be read is unproven; no other check calls the renamed deployment faulty."""
    grow(any_deployment, "renamed", Settings())
    evidence = read(any_deployment.access, READERS)
    for check in READERS:
        assert_outcome(judge(check, evidence), Status.UNPROVEN, "check 1 names the cause")


@pytest.mark.parametrize(
    ("column", "other", "said"),
    [
        ("next_retry_at", "retry_at", 'set next_retry_at = "retry_at" in [columns.webhook_dlq]'),
        ("status", "state", 'set status = "state" in [columns.webhook_dlq]'),
        ("retry_count", "Attempts", 'set retry_count = "Attempts" in [columns.webhook_dlq]'),
    ],
)
def test_nearest_column_is_named(any_deployment, column, other, said):
    """A missing column comes with the column that is most like it by name and type."""
    any_deployment.superuser_execute(f'ALTER TABLE webhook_dlq RENAME COLUMN {column} TO "{other}"')
    evidence = read(any_deployment.access, TABLES)
    outcome = judge(TABLES[0], evidence, dlq_table="webhook_dlq")
    assert_outcome(outcome, Status.FAILED, f"public.webhook_dlq has no column {column}; the nearest is {other}")
    assert said in str(outcome.advice)


def test_nothing_alike_is_not_named(any_deployment):
    """A dropped table and a dropped column are missing, and nothing else is taken for them."""
    any_deployment.superuser_execute(
        "DROP TABLE dlq_processing_log; ALTER TABLE webhook_dlq DROP COLUMN updated_at; "
        "ALTER TABLE processed_webhook_messages DROP COLUMN processed"
    )
    outcomes = judge_all(TABLES, read(any_deployment.access, TABLES))
    assert outcomes["check-01[dlq_processing_log]"].reason == "table public.dlq_processing_log does not exist"
    assert outcomes["check-01[webhook_dlq]"].reason == "public.webhook_dlq has no column updated_at"
    messages = outcomes["check-01[processed_webhook_messages]"]
    assert messages.reason == "public.processed_webhook_messages has no column processed"
    assert 'if each row means that its message was processed, set processed = ""' in str(messages.advice)
