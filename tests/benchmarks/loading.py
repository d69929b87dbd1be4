"""Loads a week of traffic of any size into a local deployment, and drops the contract's indexes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

TABLES = ["wa_events", "whatsapp_messages", "processed_webhook_messages", "webhook_dlq"]
ROWS_PER_EVENT = 2.8
"""Rows per event in the three message tables: an event, a text, and for 4 of 5 events a processed row."""

LOAD = Path(__file__).with_name("load.sql")


def load(connection: psycopg.Connection[Any], rows: int) -> None:
    """Replace the seeded rows with this many rows of messages; indexes are rebuilt after loading."""
    connection.execute("SET maintenance_work_mem = '256MB'; SET timezone = 'UTC'; SET jit = off")
    indexes, constraints = _indexes(connection), _constraints(connection)
    drop_indexes(connection)
    text = psycopg.ClientCursor(connection).mogrify(LOAD.read_text(), {"events": round(rows / ROWS_PER_EVENT)})
    for statement in text.split(";\n"):
        connection.execute(statement.encode())
    for statement in (*constraints, *indexes):
        connection.execute(statement.encode())
    for table in TABLES:
        connection.execute(f"VACUUM ANALYZE public.{table}".encode())
    connection.execute("CHECKPOINT")


def drop_indexes(connection: psycopg.Connection[Any]) -> None:
    """Drop every index of the message tables, including primary keys."""
    rows = connection.execute(
        "SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname) FROM pg_constraint "
        "WHERE contype IN ('p', 'u') AND conrelid::regclass::text = ANY(%s)",
        (TABLES,),
    ).fetchall()
    for (statement,) in rows:
        connection.execute(statement.encode())
    names = connection.execute(
        "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY(%s)", (TABLES,)
    ).fetchall()
    for (name,) in names:
        connection.execute(f"DROP INDEX public.{name}".encode())


def size(connection: psycopg.Connection[Any]) -> str:
    """Return the size of the database as text."""
    row = connection.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").fetchone()
    assert row is not None
    return str(row[0])


def _constraints(connection: psycopg.Connection[Any]) -> list[str]:
    rows = connection.execute(
        "SELECT format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, "
        "pg_get_constraintdef(oid)) FROM pg_constraint "
        "WHERE contype IN ('p', 'u') AND conrelid::regclass::text = ANY(%s)",
        (TABLES,),
    ).fetchall()
    return [statement for (statement,) in rows]


def _indexes(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the definitions of indexes without a constraint; those of partitioned tables cover the partitions."""
    rows = connection.execute(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY(%s) "
        "AND indexname NOT IN (SELECT conname FROM pg_constraint)",
        (TABLES,),
    ).fetchall()
    return [definition.replace(" ON ONLY ", " ON ") for (definition,) in rows]
