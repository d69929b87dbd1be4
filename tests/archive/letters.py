"""The dead letters of a test, and what of them stands in which table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from fixtures import local
from fixtures.database.role_sql import role_sql
from fixtures.settings.model import Settings
from tests.deployments import Deployment

DLQ = "public.webhook_dlq"
ARCHIVE = "public.webhook_dlq_archive"


MAKES_IT = "\n".join(
    statement + ";"
    for statement in (Path(local.__file__).parent / "schema.sql").read_text(encoding="utf-8").split(";\n")
    if "public.webhook_dlq" in statement and "FUNCTION" not in statement
)
"""The statements of the application's migrations that make the table."""

RESTORE = f"""
DROP VIEW IF EXISTS {{views}}; DROP TABLE IF EXISTS {{tables}} CASCADE;
DROP FUNCTION IF EXISTS public.keeps;
DROP TYPE IF EXISTS public.kind, public.dlq_status; DROP DOMAIN IF EXISTS public.locale;
SET ROLE postgres; {MAKES_IT} INSERT INTO {DLQ} SELECT * FROM kept.letters; RESET ROLE;
"""


def restore(connection: psycopg.Connection[Any]) -> None:
    """Make the dead letters anew as they were seeded, without anything that a test made of them."""
    names: dict[str, list[str]] = {"r": [], "v": []}
    for name, kind in connection.execute(
        "SELECT format('public.%I', relname), CASE relkind WHEN 'v' THEN 'v' ELSE 'r' END FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition "
        "AND relname NOT IN (SELECT name FROM kept.others)"
    ).fetchall():
        names[kind].append(name)
    made = {"views": ", ".join([*names["v"], "public.none"]), "tables": ", ".join([*names["r"], "public.none"])}
    connection.execute(RESTORE.format(**made).encode())
    connection.execute(role_sql(Settings()).encode())


def keep(connection: psycopg.Connection[Any]) -> None:
    """Remember the dead letters of a healthy deployment, and which other tables there are."""
    connection.execute(
        f"CREATE SCHEMA kept; CREATE TABLE kept.letters AS TABLE {DLQ};"
        "CREATE TABLE kept.others AS SELECT relname AS name FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relname <> 'webhook_dlq';"
        "GRANT USAGE ON SCHEMA kept TO postgres; GRANT SELECT ON kept.letters TO postgres".encode()
    )


def old(count: int, status: str = "'reprocessed'", days: int = 40, table: str = DLQ) -> str:
    """SQL that adds entries that were settled so many days ago; ``n`` counts them."""
    at = f"now() - interval '{days} days'"
    return (
        f"INSERT INTO {table} (service, payload, error_message, status, retry_count, created_at, updated_at) "
        f"""SELECT 'wa-webhook', '{{"n": 1.50, "text": "caf\u00e9"}}', 'failed ' || n, {status}, 1, {at}, {at} """
        f"FROM generate_series(1, {count}) AS n;"
    )


@dataclass
class Letters:
    """The two tables of a deployment."""

    deployment: Deployment
    connection: psycopg.Connection[Any]
    table: str = DLQ
    archive: str = ARCHIVE

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Run SQL as the superuser; return the rows of the last statement."""
        cursor = self.connection.execute(statement.encode())
        while cursor.nextset():
            pass
        return cursor.fetchall() if cursor.description else []

    def snapshot(self) -> set[str]:
        """Every row of both tables, whole, each of which must be in one of them."""
        both = [*self.rows(self.table), *self.rows(self.archive)]
        assert len(both) == len({*both}), "a row stands twice"
        return {*both}

    def rows(self, table: str) -> list[str]:
        """The rows of a table; none if there is no such table."""
        if self.execute(f"SELECT to_regclass('{table}') IS NULL") == [(True,)]:
            return []
        return [str(row[0]) for row in self.execute(f"SELECT letter::text FROM {table} AS letter")]

    def counts(self) -> tuple[int, int]:
        """Rows of the dead letters, and of the archive."""
        return len(self.rows(self.table)), len(self.rows(self.archive))
