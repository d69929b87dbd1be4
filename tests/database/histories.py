"""Histories of messages for the reconciliation: what became of each is decided first, then what the tables say."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from hypothesis import strategies as st

LOST = {
    "missing": "missing",
    "left unprocessed": "left unprocessed",
    "failed": "given up: failed",
    "discarded": "given up: discarded",
}
"""Fate → what the reconciliation calls it."""

SAFE = ("processed", "waiting", "reprocessed", "superseded", "young", "old", "report")
STATUS = {"waiting": "pending", "reprocessed": "reprocessed", "failed": "failed", "discarded": "discarded"}


@dataclass(frozen=True)
class Message:
    """One message: its fate, and how the tables happen to tell it."""

    fate: str
    minute: int
    """Minutes ago that it arrived; read anew for a fate that is about the window."""
    deliveries: int
    in_events: bool
    in_texts: bool
    recorded: bool
    """Whether a row says that it is not processed, where the fate leaves that open."""
    by_correlation: bool
    """Whether the DLQ knows it by the request's correlation id, and not by its own."""
    shares_letter: bool
    """Whether it stands in one DLQ entry with others of its fate."""


def messages() -> st.SearchStrategy[list[Message]]:
    """Histories of up to 25 messages."""
    one = st.builds(
        Message,
        fate=st.sampled_from([*LOST, *SAFE]),
        minute=st.integers(20, 23 * 60),
        deliveries=st.integers(1, 3),
        in_events=st.booleans(),
        in_texts=st.booleans(),
        recorded=st.booleans(),
        by_correlation=st.booleans(),
        shares_letter=st.booleans(),
    )
    return st.lists(one, max_size=25)


def planted(history: list[Message]) -> tuple[Counter[str], set[str]]:
    """The lost messages: how many of each outcome, and the ends of the listed ids."""
    lost = [(number, message) for number, message in enumerate(history) if message.fate in LOST]
    return Counter(LOST[message.fate] for _, message in lost), {f"…{id_of(number)[-6:]}" for number, _ in lost}


def id_of(number: int) -> str:
    """The id of a history's message."""
    return f"wamid.{number:06}"


def write(connection: psycopg.Connection[Any], history: list[Message], now: datetime) -> None:
    """Replace the content of the tables by a history."""
    connection.execute(
        "TRUNCATE public.wa_events, public.whatsapp_messages, public.processed_webhook_messages, "
        "public.webhook_dlq"
    )
    letters: dict[tuple[str, str], list[str]] = {}
    for number, message in enumerate(history):
        _write_message(connection, number, message, now)
        if message.fate in STATUS or message.fate == "superseded":
            fates = ["failed", "reprocessed"] if message.fate == "superseded" else [message.fate]
            for fate in fates:
                alone = message.by_correlation or message.fate == "superseded" or not message.shares_letter
                letters.setdefault((fate, f"c-{number}" if alone else "shared"), []).append(
                    "" if message.by_correlation and message.fate != "superseded" else id_of(number)
                )
    for (fate, correlation), ids in letters.items():
        _write_letter(connection, STATUS[fate], correlation, [one for one in ids if one], now)


def _write_message(connection: psycopg.Connection[Any], number: int, message: Message, now: datetime) -> None:
    minutes = {"young": 5, "old": 26 * 60}.get(message.fate, message.minute)
    at = now - timedelta(minutes=minutes)
    recorded = (
        message.fate in ("processed", "left unprocessed")
        or (message.by_correlation and message.fate in STATUS)
        or (message.recorded and message.fate not in ("missing", "report"))
    )
    in_events = message.in_events or not (message.in_texts or recorded)
    for delivery in range(message.deliveries if in_events or message.fate == "report" else 0):
        connection.execute(
            "INSERT INTO public.wa_events (event_type, message_id, direction, status, created_at) "
            "VALUES (%s, %s, 'inbound', 'received', %s)",
            (
                "receipt" if message.fate == "report" else "message",
                id_of(number),
                at + timedelta(seconds=delivery),
            ),
        )
    if message.in_texts or message.fate == "report":
        connection.execute(
            "INSERT INTO public.whatsapp_messages (wa_message_id, direction, created_at) VALUES (%s, %s, %s)",
            (id_of(number), "outbound" if message.fate == "report" else "inbound", at),
        )
    if recorded:
        connection.execute(
            "INSERT INTO public.processed_webhook_messages "
            "(whatsapp_message_id, correlation_id, processed, created_at) VALUES (%s, %s, %s, %s)",
            (id_of(number), f"c-{number}", message.fate == "processed", at),
        )


def _write_letter(
    connection: psycopg.Connection[Any], status: str, correlation: str, ids: list[str], now: datetime
) -> None:
    payload = {"entry": [{"changes": [{"value": {"messages": [{"id": one} for one in ids]}}]}]}
    at = now - timedelta(minutes=18)
    connection.execute(
        "INSERT INTO public.webhook_dlq (service, correlation_id, payload, status, created_at, updated_at) "
        "VALUES ('wa-webhook', %s, %s, %s, %s, %s)",
        (correlation, json.dumps(payload), status, at, at),
    )
