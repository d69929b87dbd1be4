"""Check 18 proven both ways: the thresholds of the alerts fit the values of the last week, on a real database."""

from __future__ import annotations

import pytest

from checks.parameters import cases
from checks.test_weekly import test_threshold_fits as check_18
from fixtures.outcome import Status
from fixtures.settings.model import Settings, Thresholds
from tests.outcomes import assert_outcome, judge, read
from tests.thresholds.weeks import (
    DAILY,
    DAYS,
    DLQ,
    DONE,
    EMPTY,
    HOURLY,
    HOURS,
    LOG,
    NO_MESSAGES,
    SOME_HOURS,
    interval,
    messages,
    passes_away,
    pending,
    stayed,
)

PENDING, SILENCE, ERROR_RATE = "dlq_pending", "dlq_silence", "webhook_error_rate"
DEFAULT = Settings()
LOOK = "look at what happened from "
INCIDENT = "if these were incidents, repair their cause and leave the threshold as it is"
TOO_TIGHT = ": the threshold is too tight"
BY = "above the 99.9th percentile outside of what may be incidents, "


def thresholds(**figures: float) -> Settings:
    """Settings with other thresholds."""
    return Settings(thresholds=Thresholds(**figures))


FAULTS = {
    "three hours of each day over the threshold; a processor that runs once an hour": (
        stayed(150, DAILY, interval("3 hours"), DAYS)
        + f"DELETE FROM {LOG} WHERE extract(minute FROM processed_at) <> 0;",
        DEFAULT,
        {
            PENDING: (
                "with the threshold of 100 entries the alert would have fired 5 times, for 14 h 35 min, 8.68 % of "
                "the time; the longest from ",
                "set dlq_pending = 250 in [thresholds], and the same in alert rule HighDLQPendingCount: it is "
                f"{BY}15",
            ),
            SILENCE: (
                f" for 45 min{TOO_TIGHT}",
                "set dlq_silent_seconds = 5400 in [thresholds], and the same in alert rule DLQProcessingFailure: "
                f"it is {BY}59 min ",
            ),
        },
    ),
    "one long incident; a processor that stood still for a day": (
        stayed(150, interval("4 days"), interval("20 hours"))
        + passes_away(interval("3 days"), interval("2 days")),
        DEFAULT,
        {
            PENDING: (
                "fired 1 time, for 19 h 55 min, 11.855 % of the time; the longest from ",
                INCIDENT,
            ),
            SILENCE: (": the threshold is too tight, or this was an incident", INCIDENT),
        },
    ),
    "a backlog that is still there; a processor that is silent since half a day": (
        pending(101, interval("12 hours")) + passes_away(interval("12 hours")),
        DEFAULT,
        {PENDING: ("fired 1 time, for 11 h ", LOOK), SILENCE: ("fired 1 time, for 11 h ", LOOK)},
    ),
    "a backlog from before the week; passes that failed for a day": (
        pending(101, interval("9 days"))
        + f"UPDATE {LOG} SET status = 'failed' WHERE status = 'completed' AND processed_at "
        "BETWEEN now() - interval '3 days' AND now() - interval '2 days';",
        DEFAULT,
        {
            PENDING: ("fired 1 time, for 6 d 23 h, 99.95 % of the time", LOOK),
            SILENCE: ("fired 1 time, for 23 h ", LOOK),
        },
    ),
    "discarded a day after the last retry; a processor that is often silent for half an hour": (
        stayed(150, interval("2 days"), interval("1 day"))
        + f"UPDATE {DLQ} SET status = 'discarded', last_retry_at = created_at + interval '1 minute' "
        "WHERE reprocessed_at - created_at = interval '1 day';"
        f"DELETE FROM {LOG} WHERE extract(minute FROM processed_at) < 30;",
        DEFAULT,
        {
            PENDING: ("fired 1 time, for 23 h 55 min", LOOK),
            SILENCE: (": the threshold is too tight", "set dlq_silent_seconds = 3600 in [thresholds]"),
        },
    ),
    "failed for good after a day, and changed since": (
        stayed(150, interval("2 days"), interval("1 day"))
        + f"UPDATE {DLQ} SET status = 'failed', reprocessed_at = NULL, updated_at = now() "
        "WHERE reprocessed_at - created_at = interval '1 day';",
        DEFAULT,
        {PENDING: ("fired 1 time, for 23 h 55 min", LOOK)},
    ),
    "values far below their thresholds": (
        stayed(1, HOURLY, interval("3 minutes"), HOURS),
        thresholds(dlq_pending=5000, dlq_silent_seconds=86400),
        {
            PENDING: (
                "the threshold of 5000 entries is too loose: it is more than 20 times the highest backlog, ",
                "set dlq_pending = 10 in [thresholds], and the same in alert rule HighDLQPendingCount: it is "
                "above the 99.9th percentile, ",
            ),
            SILENCE: (
                "the threshold of 1 d is too loose: it is more than 20 times the highest silence, 4 min ",
                "set dlq_silent_seconds = 600 in [thresholds]",
            ),
        },
    ),
    "messages that fail all day": (
        NO_MESSAGES + messages(100, 10, HOURLY, HOURS),
        DEFAULT,
        {
            ERROR_RATE: (
                " for 9 min: the threshold is too tight",
                "set error_rate_alert_percent = 15 in [thresholds], and the same in alert rule WebhookErrorRate",
            )
        },
    ),
    "an error rate far below its threshold": (
        NO_MESSAGES + messages(400, 4, HOURLY, SOME_HOURS),
        thresholds(error_rate_alert_percent=90.0),
        {
            ERROR_RATE: (
                "the threshold of 90 % is too loose: it is more than 20 times the highest error rate, ",
                "set error_rate_alert_percent = ",
            )
        },
    ),
    "rows of the future": (
        pending(1, interval("-1 day"))
        + f"INSERT INTO {LOG} (processed_at, status) VALUES (now() + interval '1 hour', 'completed');"
        f"UPDATE {DONE} SET created_at = now() + interval '1 hour' WHERE id = (SELECT id FROM {DONE} LIMIT 1);",
        DEFAULT,
        {
            PENDING: (
                "1 entry of webhook_dlq dated in the future",
                "find what writes created_at by another clock",
            ),
            SILENCE: (
                "1 row of dlq_processing_log dated in the future",
                "find what writes processed_at by another",
            ),
            ERROR_RATE: (
                "1 row of processed_webhook_messages dated in the future",
                "find what writes created_at by another clock",
            ),
        },
    ),
}

ODD_BUT_HEALTHY = {
    "as many entries as the threshold; a pass each minute": (
        EMPTY
        + pending(100, interval("5 days"))
        + f"INSERT INTO {LOG} (processed_at, status) SELECT at, 'completed' "
        "FROM generate_series(now() - interval '7 days', now(), interval '1 minute') AS at;",
        DEFAULT,
        (PENDING, SILENCE),
    ),
    "over the threshold for four minutes each hour; silent for 20 minutes each day": (
        stayed(101, HOURLY, interval("4 minutes"), HOURS)
        + f"DELETE FROM {LOG} WHERE extract(hour FROM processed_at) = 3 "
        "AND extract(minute FROM processed_at) < 20;",
        DEFAULT,
        (PENDING, SILENCE),
    ),
    "over the threshold for eight hours; a log of three days": (
        stayed(101, interval("5 days"), interval("8 hours")) + passes_away(interval("9 days"), interval("3 days")),
        DEFAULT,
        (PENDING, SILENCE),
    ),
    "thousands of entries within seconds": (
        stayed(5000, interval("2 days"), interval("5 seconds")),
        DEFAULT,
        (PENDING,),
    ),
    "changed by hand long after they were reprocessed or given up": (
        stayed(250, interval("6 days"), interval("1 minute"))
        + f"UPDATE {DLQ} SET updated_at = now(), status = CASE WHEN id < gen_random_uuid() THEN 'failed' "
        "ELSE status END WHERE status = 'reprocessed';",
        DEFAULT,
        (PENDING,),
    ),
    "times without an end": (
        pending(3, interval("2 days"))
        + f"UPDATE {DLQ} SET created_at = '-infinity' WHERE last_retry_at IS NULL;"
        + stayed(3, interval("2 days"), interval("1 day"))
        + f"UPDATE {DLQ} SET reprocessed_at = 'infinity', updated_at = '-infinity' "
        "WHERE reprocessed_at - created_at = interval '1 day';"
        f"INSERT INTO {LOG} (processed_at, status) VALUES ('-infinity', 'completed');"
        f"UPDATE {DONE} SET created_at = '-infinity' WHERE id = (SELECT id FROM {DONE} LIMIT 1);",
        DEFAULT,
        (PENDING, SILENCE, ERROR_RATE),
    ),
    "many in processing": (
        pending(150, interval("2 days"))
        + f"UPDATE {DLQ} SET status = 'processing', updated_at = created_at + interval '1 minute' "
        "WHERE last_retry_at IS NULL;",
        DEFAULT,
        (PENDING,),
    ),
    "few entries and failures, far below a threshold": (
        "",
        thresholds(dlq_pending=5000, error_rate_alert_percent=95.0),
        (PENDING, ERROR_RATE),
    ),
    "a threshold of 0 that is seldom exceeded": (
        EMPTY + stayed(2, DAILY, interval("20 minutes"), DAYS),
        thresholds(dlq_pending=0),
        (PENDING,),
    ),
    "one failure now and then among few messages": (
        NO_MESSAGES + messages(10, 1, HOURLY, HOURS),
        DEFAULT,
        (ERROR_RATE,),
    ),
    "all messages failed for an hour; some are younger than the grace": (
        f"UPDATE {DONE} SET processed = false WHERE created_at BETWEEN now() - interval '2 hours' "
        f"AND now() - interval '1 hour'; INSERT INTO {DONE} (whatsapp_message_id, created_at) "
        "SELECT 'wamid.' || n, now() FROM generate_series(1, 500) AS n;",
        DEFAULT,
        (ERROR_RATE,),
    ),
    "no message ever failed": (
        NO_MESSAGES + messages(100, 0, HOURLY, HOURS),
        DEFAULT,
        (ERROR_RATE,),
    ),
}

UNPROVEN = {
    "nothing at all": (
        f"{NO_MESSAGES} DELETE FROM {LOG};",
        {
            PENDING: "webhook_dlq has no entry of the time since ",
            SILENCE: "dlq_processing_log has no row since ",
            ERROR_RATE: "no message came since ",
        },
    ),
    "data of a morning": (
        NO_MESSAGES
        + passes_away(interval("9 days"), interval("6 hours"))
        + pending(3, interval("5 hours"))
        + messages(100, 0, interval("5 hours")),
        {
            PENDING: "the backlog is known for ",
            SILENCE: "the silence is known for ",
            ERROR_RATE: "the error rate is known for ",
        },
    ),
    "rows of the schedule only; messages far apart": (
        f"{NO_MESSAGES} DELETE FROM {LOG} WHERE status <> 'triggered';" + messages(1, 0, HOURLY, HOURS),
        {SILENCE: " rows of the schedule, since ", ERROR_RATE: "160 messages came since "},
    ),
    "failed passes only": (
        f"UPDATE {LOG} SET status = 'failed';",
        {SILENCE: " failed passes, since "},
    ),
    "entries that are deleted at once": (
        EMPTY,
        {PENDING: " by their log: they were archived or deleted"},
    ),
}


def outcomes(deployment, settings, *wanted):
    """Judge some of the thresholds on the deployment as it is now."""
    evidence = read(deployment.access, [check_18], settings)
    return {case: judge(check_18, evidence, threshold=case) for case in wanted}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(any_deployment, fault):
    """With its figures, and what to do, which no command does."""
    sql, settings, expected = FAULTS[fault]
    any_deployment.superuser_execute(sql)
    for case, outcome in outcomes(any_deployment, settings, *expected).items():
        said, advice = expected[case]
        assert_outcome(outcome, Status.FAILED, said)
        assert advice in str(outcome.advice)
        assert outcome.commands == []
        assert outcome.judge.charts == ["thresholds"]


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_is_quiet(any_deployment, variant):
    """What is unusual, and fits, raises no alarm."""
    sql, settings, expected = ODD_BUT_HEALTHY[variant]
    if sql:
        any_deployment.superuser_execute(sql)
    for outcome in outcomes(any_deployment, settings, *expected).values():
        assert_outcome(outcome, Status.PASSED)


@pytest.mark.parametrize("absence", UNPROVEN)
def test_without_values_it_is_unproven(any_deployment, absence):
    """It says what is missing, and what would prove it."""
    sql, expected = UNPROVEN[absence]
    any_deployment.superuser_execute(sql)
    for case, outcome in outcomes(any_deployment, DEFAULT, *expected).items():
        assert_outcome(outcome, Status.UNPROVEN, expected[case])
        assert str(outcome.advice)


def test_seeded_week_fits(any_deployment):
    """Every threshold of the checklist, with its figures."""
    found = outcomes(any_deployment, DEFAULT, *cases(DEFAULT)["threshold"])
    assert set(found) == {PENDING, SILENCE, ERROR_RATE}
    for outcome in found.values():
        assert_outcome(outcome, Status.PASSED)
        assert any("the alert would have fired 0 times" in finding for finding in outcome.judge.findings)
