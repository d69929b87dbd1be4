"""SQL that writes a week into a deployment's tables: a backlog, passes, messages."""

from __future__ import annotations

DLQ = "public.webhook_dlq"
LOG = "public.dlq_processing_log"
DONE = "public.processed_webhook_messages"
EMPTY = f"DELETE FROM {DLQ};"
NO_MESSAGES = f"DELETE FROM {DONE}; DELETE FROM {DLQ};"

ONCE = "generate_series(1, 1) AS once"
DAYS = "generate_series(1, 5) AS day"
HOURS = "generate_series(1, 160) AS hour"
SOME_HOURS = "generate_series(1, 25) AS hour"
DAILY = "day * interval '1 day'"
HOURLY = "hour * interval '1 hour'"


def interval(text: str) -> str:
    """SQL of an interval."""
    return f"interval '{text}'"


def stayed(count: int, ago: str, lasted: str, each: str = ONCE) -> str:
    """SQL that adds entries that were pending for a time, at each of several times."""
    return (
        f"INSERT INTO {DLQ} (service, payload, status, created_at, last_retry_at, reprocessed_at, updated_at) "
        f"SELECT 'wa-webhook', '{{}}', 'reprocessed', at, at + {lasted}, at + {lasted}, at + {lasted} "
        f"FROM {each}, LATERAL (SELECT now() - {ago} AS at) AS began, generate_series(1, {count});"
    )


def pending(count: int, since: str) -> str:
    """SQL that adds entries that are still pending."""
    return (
        f"INSERT INTO {DLQ} (service, payload, created_at) "
        f"SELECT 'wa-webhook', '{{}}', now() - {since} FROM generate_series(1, {count});"
    )


def messages(count: int, failed: int, ago: str, each: str = ONCE) -> str:
    """SQL that records messages over ten minutes; the last ones of every so many are not processed."""
    every = count // failed if failed else count + 1
    return (
        f"INSERT INTO {DONE} (whatsapp_message_id, processed, created_at) "
        f"SELECT gen_random_uuid()::text, n % {every} <> 0, "
        f"now() - {ago} + n * interval '10 minutes' / {count} FROM {each}, generate_series(1, {count}) AS n;"
    )


def passes_away(since: str, until: str = interval("0")) -> str:
    """SQL that deletes the passes of a time."""
    return f"DELETE FROM {LOG} WHERE processed_at BETWEEN now() - {since} AND now() - {until};"
