"""The seeded week is consistent at any moment: at a scheduled pass, at midnight, at the end of a month."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from fixtures.local import database
from tests.deployments import Deployment
from tests.local.test_traffic import FINDS_NOTHING

SCRIPTS = Path(database.__file__).parent

MOMENTS = [
    "2026-05-06 12:00:00+00",  # a scheduled pass starts
    "2026-05-06 12:04:59.999999+00",  # just before a pass
    "2026-12-01 00:00:00+00",  # both jobs are due
    "2027-01-01 00:00:01+00",
    "2028-02-29 23:59:59.5+00",
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_week_is_consistent_when_seeded_at(any_deployment: Deployment, moment: str) -> None:
    """Seed with the moment instead of now(), in a transaction that is rolled back."""
    present = f"timestamptz '{moment}'"
    with psycopg.connect(any_deployment.superuser_url.reveal(), connect_timeout=5) as connection:
        connection.execute("SET LOCAL client_min_messages = warning")
        for script in ("blank", "roles", "cron", "vault", "net"):
            connection.execute((SCRIPTS / f"{script}.sql").read_bytes())
        connection.execute("SET LOCAL ROLE postgres")
        schema = (SCRIPTS / "schema.sql").read_text().replace("now()", present)
        connection.execute(schema.encode())
        connection.execute("RESET ROLE")
        connection.execute((SCRIPTS / "seed.sql").read_text().replace("now()", present).encode())
        for question, sql in FINDS_NOTHING.items():
            assert connection.execute(sql.replace("now()", present).encode()).fetchall() == [], question
        connection.rollback()
