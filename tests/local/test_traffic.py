"""The seeded week is realistic and consistent: no lost messages, healthy rates, passes without a gap."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.deployments import Deployment

PAYLOAD_ID = "payload #>> '{entry,0,changes,0,value,messages,0,id}'"

FINDS_NOTHING = {
    "a message that is neither processed nor in the DLQ": """
        SELECT message_id FROM public.wa_events WHERE direction = 'inbound' AND NOT EXISTS (
            SELECT FROM public.processed_webhook_messages WHERE whatsapp_message_id = message_id AND processed)
        AND NOT EXISTS (SELECT FROM public.webhook_dlq WHERE status = 'pending' AND message_id = """
    + PAYLOAD_ID
    + ")",
    "an event without its message text": """
        SELECT message_id FROM public.wa_events
        FULL JOIN public.whatsapp_messages ON wa_message_id = message_id
        WHERE message_id IS NULL OR wa_message_id IS NULL""",
    "an inbound event without a processed row, or the reverse": """
        SELECT message_id FROM (SELECT * FROM public.wa_events WHERE direction = 'inbound') AS event
        FULL JOIN public.processed_webhook_messages ON whatsapp_message_id = message_id
        WHERE message_id IS NULL OR whatsapp_message_id IS NULL""",
    "a dead letter of the week with another correlation id than its message": f"""
        SELECT id FROM public.webhook_dlq AS letter WHERE created_at > now() - interval '7 days' AND NOT EXISTS (
            SELECT FROM public.processed_webhook_messages AS message
            WHERE message.correlation_id = letter.correlation_id
              AND message.whatsapp_message_id = letter.{PAYLOAD_ID})""",
    "a pending letter that is overdue, or whose next retry does not match its back-off": """
        SELECT id FROM public.webhook_dlq WHERE status = 'pending' AND (
            next_retry_at IS NULL OR next_retry_at < now() OR retry_count NOT BETWEEN 1 AND 5
            OR next_retry_at <> last_retry_at
                + (ARRAY['5 min', '15 min', '1 h', '4 h', '12 h'])[retry_count]::interval)""",
    "a finished letter that still has a next retry": """
        SELECT id FROM public.webhook_dlq WHERE status <> 'pending' AND next_retry_at IS NOT NULL""",
    "a lost letter of the last day": """
        SELECT id FROM public.webhook_dlq
        WHERE status IN ('failed', 'discarded', 'processing') AND created_at > now() - interval '1 day'""",
    "a finished letter older than the retention": """
        SELECT id FROM public.webhook_dlq WHERE created_at < now() - interval '30 days'""",
    "an hour of the week whose success rate is below 95 %": """
        SELECT date_trunc('hour', created_at) FROM public.processed_webhook_messages
        GROUP BY 1 HAVING count(*) > 20 AND avg(processed::int) < 0.95""",
    "a pause between passes of more than 5 minutes": """
        SELECT * FROM (SELECT processed_at - lag(processed_at) OVER (ORDER BY processed_at) AS pause
                       FROM public.dlq_processing_log WHERE status = 'completed') AS passes
        WHERE pause > interval '5 min 3 s'""",
    "a run of the job that did not succeed": """
        SELECT runid FROM cron.job_run_details WHERE status <> 'succeeded' OR end_time IS NULL""",
    "a run without a job, or with an id out of order": """
        SELECT runid FROM (SELECT *, lag(start_time) OVER (ORDER BY runid) AS before FROM cron.job_run_details)
            AS run LEFT JOIN cron.job USING (jobid) WHERE job.jobid IS NULL OR before > start_time""",
    "an HTTP response to the schedule other than 200": """
        SELECT id FROM net._http_response WHERE status_code IS DISTINCT FROM 200 OR timed_out""",
    "a time in the future": """
        SELECT created_at FROM public.wa_events WHERE created_at > now()
        UNION ALL SELECT processed_at FROM public.processed_webhook_messages WHERE processed_at > now()
        UNION ALL SELECT last_retry_at FROM public.webhook_dlq WHERE last_retry_at > now()
        UNION ALL SELECT processed_at FROM public.dlq_processing_log WHERE processed_at > now()
        UNION ALL SELECT start_time FROM cron.job_run_details WHERE start_time > now()""",
    "a breaker that is not closed": """
        SELECT service FROM (SELECT DISTINCT ON (service) service, state FROM public.circuit_breaker_events
                             ORDER BY service, created_at DESC) AS last WHERE state <> 'CLOSED'""",
}


@pytest.mark.parametrize("question", FINDS_NOTHING)
def test_seeded_week_has_no(any_deployment: Deployment, question: str) -> None:
    """Each query finds one kind of inconsistency."""
    assert any_deployment.superuser_execute(FINDS_NOTHING[question]) == []


def test_last_hour_has_messages_all_processed(deployment: Deployment) -> None:
    """At least 60 messages."""
    ((messages, processed),) = deployment.owner_execute(
        "SELECT count(*), count(*) FILTER (WHERE processed) FROM public.processed_webhook_messages"
        " WHERE created_at > now() - interval '1 hour'"
    )
    assert messages >= 60
    assert processed == messages


def test_every_day_has_300_to_2000_messages(deployment: Deployment) -> None:
    """The last six days."""
    rows = deployment.owner_execute(
        "SELECT count(*) FROM public.processed_webhook_messages WHERE created_at > now() - interval '6 days'"
        " GROUP BY floor(extract(epoch FROM now() - created_at) / 86400)"
    )
    assert len(rows) == 6
    assert all(300 <= count <= 2000 for (count,) in rows)


def test_dlq_has_4_pending_the_rest_reprocessed(deployment: Deployment) -> None:
    """About half a percent of the week's messages."""
    rows = deployment.owner_execute(
        "SELECT status, count(*) FROM public.webhook_dlq WHERE created_at > now() - interval '7 days' GROUP BY 1"
    )
    assert dict(rows)["pending"] == 4
    assert 10 <= dict(rows)["reprocessed"] <= 25
    assert set(dict(rows)) == {"pending", "reprocessed"}


def test_error_causes_are_those_of_the_week_before(any_deployment: Deployment) -> None:
    """Three causes, none three times as frequent as in the week before."""
    rows = any_deployment.owner_execute(
        "SELECT error_message, count(*) FILTER (WHERE created_at > now() - interval '7 days'),"
        " count(*) FILTER (WHERE created_at BETWEEN now() - interval '14 days' AND now() - interval '7 days')"
        " FROM public.webhook_dlq GROUP BY error_message"
    )
    assert len(rows) == 3
    assert all(this_week >= 2 and this_week < 3 * week_before for _, this_week, week_before in rows)


def test_passes_runs_and_events_end_now(deployment: Deployment) -> None:
    """The last of each is at most 5 min 5 s old."""
    for source in (
        "SELECT max(processed_at) FROM public.dlq_processing_log WHERE status = 'completed'",
        "SELECT max(start_time) FROM cron.job_run_details WHERE jobid = 1",
        "SELECT max(created) FROM net._http_response",
        "SELECT max(created_at) FROM public.wa_events",
    ):
        assert deployment.owner_execute(f"SELECT now() - ({source}) < interval '5 min 5 s'") == [(True,)], source


def test_monthly_job_ran_when_the_month_began(any_deployment: Deployment) -> None:
    """Within 1 s of the month's start in UTC."""
    rows = any_deployment.owner_execute(
        "SET timezone = 'UTC'; SELECT min(start_time) - date_trunc('month', now()) < interval '1 s'"
        " FROM cron.job_run_details WHERE jobid = 2"
    )
    assert rows == [(True,)]


def test_pass_counts_match_the_retries(any_deployment: Deployment) -> None:
    """The log counts every retry of the week's letters: all attempts, and the failed ones."""
    ((processed, failed),) = any_deployment.owner_execute(
        "SELECT sum(entries_processed), sum(entries_failed) FROM public.dlq_processing_log"
    )
    ((attempts, failures),) = any_deployment.owner_execute(
        "SELECT sum(retry_count + (status = 'reprocessed')::int), sum(retry_count)"
        " FROM public.webhook_dlq WHERE created_at > now() - interval '7 days'"
    )
    assert (processed, failed) == (attempts, failures)


def test_autovacuum_has_nothing_to_do(deployment: Deployment) -> None:
    """Statistics are up to date, and no rows count as dead, modified or inserted."""
    rows = deployment.superuser_execute(
        "SELECT pg_class.relname, n_live_tup, reltuples, n_dead_tup, n_mod_since_analyze, n_ins_since_vacuum"
        " FROM pg_stat_user_tables JOIN pg_class ON pg_class.oid = relid"
        " WHERE pg_class.relname IN ('processed_webhook_messages', 'whatsapp_messages')"
    )
    assert len(rows) == 2
    for _, live, estimated, dead, modified, inserted in rows:
        assert live == estimated > 2000
        assert (dead, modified, inserted) == (0, 0, 0)


def test_log_has_recent_lines_without_personal_data(deployment: Deployment) -> None:
    """Lines in order of time, without phone numbers and message ids."""
    assert deployment.access.log_file is not None
    text = Path(deployment.access.log_file).read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) > 300
    assert all({"timestamp", "level", "service", "event", "status"} <= line.keys() for line in lines)
    assert {line["level"] for line in lines} <= {"info", "warning"}
    assert [line["timestamp"] for line in lines[:-1]] == sorted(line["timestamp"] for line in lines[:-1])
    assert "5550" not in text
    assert "wamid" not in text
