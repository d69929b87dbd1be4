"""Postgres merges the sub-selects that rename columns into the statements, so that indexes serve as before."""

from __future__ import annotations

import pytest

from fixtures.database.sources import source
from fixtures.settings.model import Settings
from fixtures.settings.naming import dead_letters
from tests.shapes import grow, settings_of

COLUMNS = ("id", "status", "next_retry_at", "created_at")


@pytest.fixture
def plan(any_deployment):
    """The plan of a statement, without sequential scans where an index can serve."""

    def planned(statement):
        rows = any_deployment.superuser_execute(f"SET enable_seqscan = off; EXPLAIN (VERBOSE) {statement}")
        return "\n".join(row[0] for row in rows)

    return planned


def test_index_on_a_renamed_column_is_used(any_deployment, plan):
    """A condition on ``next_retry_at`` is answered by the index on ``retry_at``."""
    settings = settings_of("renamed")
    grow(any_deployment, "renamed", settings)
    dlq = source(settings, "webhook_dlq", *COLUMNS)
    assert dlq.named.startswith("(select letter_id as id, state as status, retry_at as next_retry_at")
    text = plan(f"select count(*) from {dlq.named} where next_retry_at < now()")
    assert "dead_letters_due" in text
    assert "Subquery Scan" not in text


def test_lookup_of_a_message_uses_the_unique_index(any_deployment, plan):
    """Each lookup by message id, with ``offset 0`` as in checks 5 and 10, is one by index."""
    settings = settings_of("renamed")
    grow(any_deployment, "renamed", settings)
    done = source(settings, "processed_webhook_messages", "whatsapp_message_id", "processed")
    text = plan(
        "select from unnest(array['a', 'b']) as wanted (message) where not exists "
        f"(select from {done.named} where whatsapp_message_id = wanted.message and processed offset 0)"
    )
    assert "inbound_messages_wamid_key" in text


def test_each_table_of_a_union_uses_its_index(any_deployment, plan):
    """The condition goes into both halves of the UNION ALL, each with its own index."""
    settings = settings_of("two_queues")
    grow(any_deployment, "two_queues", settings)
    dlq = source(settings, "webhook_dlq", *COLUMNS)
    text = plan(
        f"select source, count(*) from {dlq.named} where created_at >= now() - interval '1 hour' group by 1"
    )
    assert "webhook_dlq_created_at_idx" in text
    assert "template_retries_inserted" in text
    assert "Subquery Scan" not in text


def test_defaults_are_the_plain_table():
    """Without settings of names a statement is what it always was."""
    dlq = source(Settings(), "webhook_dlq", *COLUMNS)
    assert (dlq.named, dlq.rows, dlq.group, dlq.retry_limit) == (
        "public.webhook_dlq",
        "public.webhook_dlq",
        "",
        "%(retries)s",
    )
    assert [one.table for one in dead_letters(Settings())] == ["webhook_dlq"]
