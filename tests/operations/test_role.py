"""The least-privilege role of ``docs/operations.md``: its SQL is enough for a ``go``, and for nothing else."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from fixtures.settings.address import DatabaseAddress
from tests.docs.pages import snippet
from tests.running import ROOT, environment, run_suite

FILE = "fixtures/local/verifier_role.sql"
TABLES = (
    *("public.webhook_dlq", "public.dlq_processing_log", "public.processed_webhook_messages", "public.wa_events"),
    *("public.whatsapp_messages", "public.circuit_breaker_events", "cron.job", "net._http_response"),
)
PASSWORD = "verifier-of-the-tests-4711"


@pytest.fixture
def verifier(any_deployment):
    """The role, made anew by the page's SQL; returns how it connects."""
    any_deployment.superuser_execute("DROP OWNED BY easymo_verifier; DROP ROLE easymo_verifier")
    any_deployment.superuser_execute(snippet("operations.md", FILE))
    any_deployment.superuser_execute(f"ALTER ROLE easymo_verifier PASSWORD '{PASSWORD}'")
    url = any_deployment.access.database.text.reveal()
    before, _, server = url.partition("@")
    return DatabaseAddress.parse(f"{before.rpartition(':')[0]}:{PASSWORD}@{server}")


def test_page_shows_the_file_that_tests_use():
    """One text, so that what is proved of the one holds for the other."""
    assert snippet("operations.md", FILE) == (ROOT / FILE).read_text()


def test_the_role_is_enough_for_a_go(any_deployment, verifier, tmp_path):
    """Every must of the first hour, the next day and the deployment steps."""
    access = replace(any_deployment.access, database=verifier)
    run = run_suite(tmp_path, "-m", "immediate or daily or deploy", environ=environment(access))
    assert (run.status, run.verdict["verdict"]) == (0, "go"), run.output
    assert {name for name, status in run.statuses.items() if status != "passed"} <= {"check-07", "check-08"}
    assert PASSWORD not in run.output


STATEMENTS = [
    *(f"INSERT INTO {table} DEFAULT VALUES" for table in TABLES),
    *(f"DELETE FROM {table}" for table in TABLES),
    *(f"TRUNCATE {table}" for table in TABLES),
    "UPDATE public.webhook_dlq SET status = 'discarded'",
    "SELECT public.process_dlq_entries()",
    "SELECT cron.alter_job(1, active := false)",
    "CREATE TABLE public.x (y int)",
    "SELECT phone_number FROM public.webhook_dlq",
    "SELECT body FROM public.whatsapp_messages",
    "SELECT payload FROM public.wa_events",
    "SELECT * FROM vault.decrypted_secrets",
    "SET ROLE service_role",
    "SET ROLE postgres",
]


@pytest.fixture
def session(any_deployment):
    """A session of the role, as somebody who has its password gets it."""
    url = any_deployment.access.database.text.reveal()
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        yield connection


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_role_can_do_nothing_else(session, statement):
    """Not even in a transaction that may write: what it lacks is the privilege."""
    session.execute("SET default_transaction_read_only = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    ["SELECT cron.schedule('x', '* * * * *', 'SELECT 1')", "DELETE FROM cron.job_run_details"],
)
def test_read_only_session_refuses_pg_cron_writes(session, statement):
    """The role's sessions are read-only by themselves, also where somebody uses it by hand."""
    assert session.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        session.execute(statement.encode())
