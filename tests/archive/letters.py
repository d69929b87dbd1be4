"""The dead letters of a test, and what of them stands in which table."""

from __future__ import annotations

from dataclasses import dataclass

from tests.deployments import Deployment

DLQ = "public.webhook_dlq"
ARCHIVE = "public.webhook_dlq_archive"


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
    table: str = DLQ
    archive: str = ARCHIVE

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Run SQL as the superuser."""
        return self.deployment.superuser_execute(statement)

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
