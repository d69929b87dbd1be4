"""The seeded week is whole whenever it is seeded: on a mark of the schedule, at midnight, as a month turns."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from fixtures.local import database
from tests.deployments import Deployment
from tests.local.test_traffic import FINDS_NOTHING

SCRIPTS = Path(database.__file__).parent

MOMENTS = [
    "2026-05-06 12:00:00+00",  # on a mark
    "2026-05-06 12:04:59.999999+00",  # just before one
    "2026-12-01 00:00:00+00",  # both jobs are due at this moment
    "2027-01-01 00:00:01+00",
    "2028-02-29 23:59:59.5+00",
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_week_seeded_at(any_deployment: Deployment, moment: str) -> None:
    """Seeds in a transaction that is rolled back, with the moment in place of the present time."""
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
