"""SQL that puts messages, their records and their letters into a deployment's tables."""

from __future__ import annotations

import json

EVENTS = "public.wa_events"
TEXTS = "public.whatsapp_messages"
DONE = "public.processed_webhook_messages"
DLQ = "public.webhook_dlq"
AN_HOUR_AGO = "now() - interval '1 hour'"


def event(
    message: str = "'wamid.LOST01'", at: str = AN_HOUR_AGO, kind: str = "message", way: str = "inbound"
) -> str:
    """SQL that records one event."""
    return (
        f"INSERT INTO {EVENTS} (event_type, message_id, direction, status, created_at) "
        f"VALUES ('{kind}', {message}, '{way}', 'received', {at});"
    )


def text(message: str, way: str = "inbound", at: str = AN_HOUR_AGO) -> str:
    """SQL that records one text."""
    return f"INSERT INTO {TEXTS} (wa_message_id, direction, created_at) VALUES ('{message}', '{way}', {at});"


def record(message: str, done: str, correlation: str = "'c-1'", at: str = AN_HOUR_AGO) -> str:
    """SQL that records whether a message was processed."""
    return (
        f"INSERT INTO {DONE} (whatsapp_message_id, correlation_id, processed, created_at) "
        f"VALUES ('{message}', {correlation}, {done}, {at});"
    )


def letter(
    status: str, *messages: str, correlation: str = "'c-2'", at: str = AN_HOUR_AGO, payload: object = None
) -> str:
    """SQL that puts a request with these messages into the DLQ."""
    found = [{"id": message, "from": "12025550147", "text": {"body": "hello"}} for message in messages]
    envelope = {"entry": [{"changes": [{"value": {"messages": found}}]}]} if payload is None else payload
    return (
        f"INSERT INTO {DLQ} (service, correlation_id, payload, status, next_retry_at, created_at, updated_at) "
        f"VALUES ('wa-webhook-core', {correlation}, '{json.dumps(envelope)}', '{status}', "
        f"now() + interval '1 hour', {at}, {at});"
    )
