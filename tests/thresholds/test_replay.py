"""Check 18 on a real database: what is not known, how messages count, other settings, missing tables."""

from __future__ import annotations

from datetime import timedelta

import pytest

from checks.parameters import cases
from checks.test_weekly import test_threshold_fits as check_18
from fixtures.database.client import Database
from fixtures.database.threshold_replay import MESSAGES, ErrorRateReader
from fixtures.outcome import Status
from fixtures.settings.model import Settings, Thresholds, Weekly
from fixtures.settings.monitoring import Alert, WhatIf
from tests.following import follow
from tests.outcomes import assert_outcome, judge, read
from tests.thresholds.weeks import (
    DLQ,
    DONE,
    EMPTY,
    HOURLY,
    HOURS,
    LOG,
    NO_MESSAGES,
    interval,
    messages,
    passes_away,
    pending,
    stayed,
)

PENDING, SILENCE, ERROR_RATE = "dlq_pending", "dlq_silence", "webhook_error_rate"

SAID = {
    "fewer than seven days of passes; the distance from the 99th percentile": (
        EMPTY + pending(40, interval("8 days")) + passes_away(interval("9 days"), interval("3 days")),
        {
            SILENCE: " of 7 d, since ",
            PENDING: "backlog by the minute over 7 d: highest 40 entries, 99th percentile 40 entries, the "
            "threshold 60 entries above it",
        },
    ),
    "deleted entries; failures among few messages": (
        f"DELETE FROM {DONE};"
        + messages(100, 0, interval("3 days"))
        + messages(3, 3, interval("2 days"))
        + messages(3, 3, interval("1 day"))
        + f"DELETE FROM {DLQ} WHERE status = 'reprocessed';",
        {
            PENDING: " that passes reprocessed by their log, archived or deleted since",
            ERROR_RATE: "a rule without such a minimum would have fired 2 times, for ",
        },
    ),
    "entries without a time": (
        f"UPDATE {DLQ} SET last_retry_at = NULL, reprocessed_at = NULL, updated_at = created_at "
        "WHERE status <> 'pending' AND created_at > now() - interval '6 days';",
        {PENDING: " without a time at which they can have left the backlog"},
    ),
    "pending without created_at": (
        f"ALTER TABLE {DLQ} ALTER created_at DROP NOT NULL; UPDATE {DLQ} SET created_at = NULL WHERE id = "
        f"(SELECT id FROM {DLQ} WHERE status = 'pending' LIMIT 1);",
        {PENDING: "not in the values: 1 entry pending without created_at"},
    ),
}


LARGE = f"UPDATE pg_class SET reltuples = 1000000 WHERE oid = '{DONE}'::regclass"


def judged(deployment, case, settings=None):
    """Judge one threshold on the deployment as it is now."""
    return judge(check_18, read(deployment.access, [check_18], settings), threshold=case)


@pytest.mark.parametrize("fact", SAID)
def test_what_is_not_known_is_said(any_deployment, fact):
    """In a finding of a check that passes."""
    sql, expected = SAID[fact]
    any_deployment.superuser_execute(sql)
    evidence = read(any_deployment.access, [check_18])
    for case, said in expected.items():
        outcome = judge(check_18, evidence, threshold=case)
        assert_outcome(outcome, Status.PASSED)
        assert any(said in finding for finding in outcome.judge.findings), outcome.judge.findings


def test_deleted_entries_forbid_too_loose(any_deployment):
    """The passes reprocessed more entries than are left: the backlog may have been higher."""
    settings = Settings(thresholds=Thresholds(dlq_pending=900))
    any_deployment.superuser_execute(
        stayed(200, interval("2 days 40 seconds"), interval("10 seconds"))
        + f"UPDATE {LOG} SET entries_processed = 40 WHERE status = 'completed' AND processed_at > now() - "
        "interval '5 days';"
    )
    assert_outcome(judged(any_deployment, PENDING, settings), Status.PASSED)
    any_deployment.superuser_execute(f"UPDATE {LOG} SET entries_processed = 0;")
    outcome = judged(any_deployment, PENDING, settings)
    assert_outcome(outcome, Status.FAILED, "is too loose: it is more than 20 times the highest backlog, ")


def recorded(hour: int, done: bool = True) -> str:
    """SQL that records the message of an hour."""
    return (
        f"INSERT INTO {DONE} (whatsapp_message_id, correlation_id, processed, created_at) VALUES "
        f"('wamid.{hour}', 'c-{hour}', {done}, now() - interval '{hour} hours' + interval '20 seconds');"
    )


def queued(hour: int, *ids: str, status: str = "failed", correlation: str = "NULL") -> str:
    """SQL that puts a request of an hour into the DLQ."""
    found = ", ".join(f'{{"id": "{one}"}}' for one in ids)
    return (
        f"INSERT INTO {DLQ} (service, correlation_id, payload, status, created_at) VALUES ('wa-webhook', "
        f"{correlation}, '{{\"messages\": [{found}]}}', '{status}', "
        f"now() - interval '{hour} hours' + interval '30 seconds');"
    )


COUNTED = [
    ("processed at once", recorded(1), (1, 0)),
    ("not processed", recorded(2, False), (1, 1)),
    ("retried with success", recorded(3) + queued(3, "wamid.3", status="reprocessed"), (1, 1)),
    ("retried, by its correlation", recorded(4) + queued(4, status="reprocessed", correlation="'c-4'"), (1, 1)),
    ("not processed, and in the DLQ", recorded(5, False) + queued(5, "wamid.5"), (1, 1)),
    ("only in the DLQ", queued(6, "wamid.6"), (1, 1)),
    ("only in the DLQ, without an id", queued(7), (1, 1)),
    ("only in the DLQ, twice", queued(8, "wamid.8") + queued(8, "wamid.8", status="reprocessed"), (1, 1)),
    ("one request in the DLQ twice", queued(9, correlation="'c-9'") * 2, (1, 1)),
    ("two messages of one request", queued(10, "wamid.10", "wamid.10b"), (2, 2)),
    ("two without anything in common", queued(11) * 2, (2, 2)),
    ("empty correlation ids", queued(12, correlation="''") * 2 + recorded(12).replace("'c-12'", "''"), (3, 2)),
]
"""What happened to a message in its hour, and how many messages and failures that is."""


def test_each_message_counts_once(any_deployment):
    """As in check 5; but one that was put into the DLQ counts as failed, as it did when the alert watched."""
    any_deployment.superuser_execute(NO_MESSAGES + "".join(sql for _, sql, _ in COUNTED))
    week = read(any_deployment.access, [check_18]).pieces["error_rate_of_the_week"]
    found = dict(zip(week.minute, zip(week.messages, week.failed, strict=True), strict=True))
    hours = {(week.minutes - minute - 1) // 60 + 1: counts for minute, counts in found.items()}
    assert {COUNTED[hour - 1][0]: counts for hour, counts in hours.items()} == {
        name: counts for name, _, counts in COUNTED
    }


def test_large_table_is_read_in_parts(any_deployment):
    """With the same counts; without an index that finds a part it is read at once."""
    week = read(any_deployment.access, [check_18]).pieces["error_rate_of_the_week"]
    for change, parts in ((LARGE, 3), (f"DROP INDEX {DONE}_created_at_idx", 1)):
        any_deployment.superuser_execute(change)
        database = Database(any_deployment.access.database, Settings().limits)
        try:
            catalogue, pieces, gaps = database.read([ErrorRateReader()], Settings())
        finally:
            database.close()
        asked = ErrorRateReader().statements(catalogue, Settings())
        assert len([name for name in asked if name.startswith(MESSAGES)]) == parts
        assert gaps == {}
        again = pieces["error_rate_of_the_week"]
        moved = again.since - week.since
        assert abs(sum(again.messages) - sum(week.messages)) <= moved.total_seconds() + 2
        assert abs(sum(again.failed) - sum(week.failed)) <= 1


def test_shorter_wait_of_the_alert_is_replayed(any_deployment):
    """Where the settings allow only a shorter ``for`` than five minutes, that one counts."""
    any_deployment.superuser_execute(stayed(101, HOURLY, interval("4 minutes"), HOURS))
    alert = Alert("dlq", "Backlog", "warning", PENDING, longest_for_seconds=0)
    outcome = judged(any_deployment, PENDING, Settings(alerts=(alert,)))
    assert_outcome(outcome, Status.FAILED, "fired 160 times, for 10 h 4")
    assert "in alert rule Backlog" in str(outcome.advice)


def test_cases_are_what_the_alerts_measure():
    """Each once; an alert that measures nothing of these has none."""
    alerts = (
        Alert("one", "One", "warning", PENDING),
        Alert("two", "Two", "critical", PENDING),
        Alert("three", "Three", "warning"),
    )
    assert cases(Settings(alerts=alerts))["threshold"] == (PENDING,)
    assert cases(Settings())["threshold"] == (PENDING, SILENCE, ERROR_RATE)


def test_own_values_are_shown_and_not_judged(any_deployment):
    """Each with its figures in the table, also one that would be too tight."""
    settings = Settings(what_if=(WhatIf(PENDING, 0), WhatIf(PENDING, 250), WhatIf(SILENCE, 120)))
    evidence = read(any_deployment.access, [check_18], settings)
    outcome = judge(check_18, evidence, threshold=PENDING)
    assert_outcome(outcome, Status.PASSED)
    [table] = outcome.judge.tables
    assert [(row["which"], row["threshold"]) for row in table.rows] == [
        ("in the settings", "100 entries"),
        ("what if", "0 entries"),
        ("what if", "250 entries"),
    ]
    assert any(one.startswith("with 0 entries it would have fired ") for one in outcome.judge.findings)
    silence = judge(check_18, evidence, threshold=SILENCE)
    assert_outcome(silence, Status.PASSED)
    [own] = [one for one in silence.judge.findings if one.startswith("with 2 min it would have fired 20")]
    assert own.endswith("; too tight")


def test_other_days_are_replayed(any_deployment):
    """``weekly.days`` is how far back it looks, and what is older is not judged."""
    any_deployment.superuser_execute(stayed(150, interval("5 days"), interval("1 day")))
    assert_outcome(judged(any_deployment, PENDING), Status.FAILED)
    outcome = judged(any_deployment, PENDING, Settings(weekly=Weekly(days=3)))
    assert_outcome(outcome, Status.PASSED)
    assert "over 3 d:" in outcome.judge.findings[1]
    evidence = read(any_deployment.access, [check_18], Settings(weekly=Weekly(days=366)))
    week = evidence.pieces["backlog_of_the_week"]
    assert week.read_at - week.since == timedelta(days=31)


MISSING = {
    "table": (f"DROP TABLE {DLQ}", {PENDING, ERROR_RATE}, "table public.webhook_dlq does not exist"),
    "log": (f"DROP TABLE {LOG}", {SILENCE}, "table public.dlq_processing_log does not exist"),
    "column": (
        f"ALTER TABLE {DLQ} DROP COLUMN reprocessed_at",
        {PENDING},
        "public.webhook_dlq has no column reprocessed_at",
    ),
}


@pytest.mark.parametrize("what", MISSING)
def test_missing_columns_point_to_check_1(any_deployment, what):
    """Only the thresholds whose values cannot be read are unproven."""
    sql, without, said = MISSING[what]
    any_deployment.superuser_execute(sql)
    evidence = read(any_deployment.access, [check_18])
    for case in (PENDING, SILENCE, ERROR_RATE):
        outcome = judge(check_18, evidence, threshold=case)
        if case in without:
            assert_outcome(outcome, Status.UNPROVEN, said, "check 1 names the cause")
        else:
            assert_outcome(outcome, Status.PASSED)


def test_missing_right_is_named(any_deployment):
    """With the grant that shows the values, which heals it."""
    any_deployment.superuser_execute(f"REVOKE SELECT ON {LOG} FROM easymo_verifier")
    outcome = judged(any_deployment, SILENCE)
    assert_outcome(outcome, Status.UNPROVEN, "dlq_processing_log")
    follow(any_deployment, outcome.advice)
    assert_outcome(judged(any_deployment, SILENCE), Status.PASSED)
