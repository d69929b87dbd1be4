"""The role of ``docs/operations.md`` has the privileges that a ``go`` needs, and no more."""

from __future__ import annotations

import socket
from dataclasses import replace

import psycopg
import pytest

from fixtures.database.role_sql import role_sql
from fixtures.outcome import Status
from fixtures.settings.address import DatabaseAddress
from fixtures.settings.model import Columns, DeadLetters, Names, Settings
from tests.database.test_reading import OF_DATABASE
from tests.docs.pages import snippet
from tests.outcomes import judge_all, read
from tests.running import environment, run_suite

TABLES = (
    *("public.webhook_dlq", "public.dlq_processing_log", "public.processed_webhook_messages", "public.wa_events"),
    *("public.whatsapp_messages", "public.circuit_breaker_events", "cron.job", "net._http_response"),
)
PASSWORD = "verifier-of-the-tests-4711"
WITHOUT = "DROP OWNED BY easymo_verifier; DROP ROLE easymo_verifier"
JOBS = {"check-02[process-dlq-entries]", "check-02[create-wa-events-partitions]", "check-06[cron-runs]"}


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What ``pytest --role-sql`` prints for the default settings."""
    run = run_suite(tmp_path_factory.mktemp("role"), "--role-sql")
    assert run.status == 0, run.output
    assert not run.folder.joinpath("verdict.json").exists()
    return run.output


def address_with_password(deployment):
    """Set the role's password as a person would, and return the role's address."""
    deployment.superuser_execute(f"ALTER ROLE easymo_verifier PASSWORD '{PASSWORD}'")
    url = deployment.access.database.text.reveal()
    before, _, server = url.partition("@")
    return DatabaseAddress.parse(f"{before.rpartition(':')[0]}:{PASSWORD}@{server}")


@pytest.fixture
def verifier(any_deployment, printed):
    """Recreates the role with the printed SQL as a superuser; returns its address."""
    any_deployment.superuser_execute(WITHOUT)
    any_deployment.superuser_execute(printed)
    return address_with_password(any_deployment)


@pytest.fixture
def as_owner(any_deployment, printed):
    """Recreates the role with the printed SQL as ``postgres``, and judges the checks of the database by it."""

    def judging(fault="SELECT 1", settings=None):
        any_deployment.superuser_execute(f"{WITHOUT}; {fault}")
        any_deployment.owner_execute(printed if settings is None else role_sql(settings))
        access = replace(any_deployment.access, database=address_with_password(any_deployment))
        outcomes = judge_all(OF_DATABASE, read(access, OF_DATABASE, settings))
        return {case: outcome for case, outcome in outcomes.items() if outcome.status is not Status.PASSED}

    return judging


def test_page_shows_what_is_printed(printed):
    """The page's SQL equals the output for the default settings, so the tests apply to both."""
    assert snippet("operations.md", "--role-sql") == printed


def test_printing_asks_nothing_of_a_deployment(printed, tmp_path):
    """Nobody connects to the address, and the settings' file decides."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"postgresql://v:word@127.0.0.1:{server.getsockname()[1]}/postgres"
        run = run_suite(tmp_path, "--role-sql", environ=environment(EASYMO_DATABASE_URL=url))
        with pytest.raises(TimeoutError):
            server.accept()
    assert (run.status, run.output) == (0, printed)


def test_other_paths_are_refused(tmp_path):
    """Only the folder of the checks has settings."""
    run = run_suite(tmp_path, "--role-sql", "tests/docs")
    assert run.status == 4
    assert "--role-sql takes the settings of the folder checks" in run.output


def test_password_is_left_to_a_person(printed):
    """No password is printed or set."""
    assert "PASSWORD" not in printed
    assert "\\password easymo_verifier" in printed


def test_role_is_enough_for_a_go(any_deployment, verifier, tmp_path):
    """With all immediate and daily checks and all deployment steps."""
    access = replace(any_deployment.access, database=verifier)
    run = run_suite(tmp_path, "-m", "immediate or daily or deploy", environ=environment(access))
    assert (run.status, run.verdict["verdict"]) == (0, "go"), run.output
    of_services = {"check-07", "check-08", "step-4.1", "step-4.2", "step-4.3", "step-4.4", "step-4.5", "step-4.6"}
    assert {name for name, status in run.statuses.items() if status != "passed"} <= of_services
    assert PASSWORD not in run.output


def may_grant_bypass(deployment):
    """Whether ``postgres``, which is no superuser, may grant BYPASSRLS on this server."""
    return deployment.superuser_execute("SELECT current_setting('server_version_num')::int >= 160000") == [(True,)]


def test_owner_may_grant_what_the_tables_need(any_deployment, as_owner):
    """As the owner everything is proven but the jobs, whose rows only BYPASSRLS shows."""
    unproven = as_owner()
    expected = set() if may_grant_bypass(any_deployment) else JOBS
    assert unproven.keys() == expected, {case: outcome.reason for case, outcome in unproven.items()}
    assert {outcome.status for outcome in unproven.values()} <= {Status.UNPROVEN}


def test_owner_with_bypassrls_has_all_proven(any_deployment, as_owner):
    """A superuser grants BYPASSRLS once; then nothing is unproven."""
    assert as_owner(f"CREATE ROLE easymo_verifier LOGIN BYPASSRLS; {MANAGED}") == {}


MANAGED = (
    "DO $$ BEGIN IF current_setting('server_version_num')::int >= 160000 THEN "
    "GRANT easymo_verifier TO postgres WITH ADMIN OPTION; END IF; END $$"
)


@pytest.mark.parametrize(
    ("fault", "costs"),
    [
        ("DROP EXTENSION pg_cron CASCADE; DROP SCHEMA IF EXISTS cron CASCADE", {"check-02", "check-03"}),
        ("DROP SCHEMA net CASCADE", set()),
        ("DROP SCHEMA supabase_migrations CASCADE", set()),
        ("DROP TABLE public.circuit_breaker_events", set()),
        (
            "DROP TABLE public.processed_webhook_messages",
            {"check-01", "check-02", "check-05", "check-10", "check-12"},
        ),
    ],
)
def test_what_is_missing_costs_its_own_checks(as_owner, fault, costs):
    """The rest is granted: the SQL runs to its end, and the other checks are proven."""
    lost = as_owner(f"CREATE ROLE easymo_verifier LOGIN BYPASSRLS; {MANAGED}; {fault}")
    assert {case.partition("[")[0] for case in lost} <= costs | {"check-06"}, {
        case: outcome.reason for case, outcome in lost.items()
    }
    assert not [outcome.reason for outcome in lost.values() if "may not" in outcome.reason]


def test_settings_decide_what_is_granted(any_deployment, as_owner):
    """Tables and columns have the names of the settings; successors are among them."""
    settings = Settings(
        names=Names(tables={"wa_events": "Events"}, personal_tables=("customers",)),
        columns=Columns(webhook_dlq={"next_retry_at": "due at", "service": ""}),
        dead_letters=(DeadLetters("webhook_dlq"), DeadLetters("second dlq")),
    )
    renamed = (
        'CREATE TABLE public."second dlq" (LIKE public.webhook_dlq);'
        'ALTER TABLE public."second dlq" RENAME next_retry_at TO "due at";'
        'ALTER TABLE public.webhook_dlq RENAME next_retry_at TO "due at";'
        'ALTER TABLE public.wa_events RENAME TO "Events";'
        'CREATE TABLE public."Events_new" (LIKE public."Events"); CREATE TABLE public.customers (phone text);'
        'ALTER TABLE public."second dlq" OWNER TO postgres; ALTER TABLE public."Events_new" OWNER TO postgres'
    )
    as_owner(renamed, settings)
    rights = any_deployment.superuser_execute(
        "SELECT table_name::text, array_agg(column_name::text ORDER BY column_name) "
        "FROM information_schema.column_privileges WHERE grantee = 'easymo_verifier' AND table_schema = 'public' "
        "GROUP BY 1"
    )
    granted = {table: set(columns) for table, columns in rights}
    assert {"due at", "payload", "status"} <= granted["second dlq"] == granted["webhook_dlq"]
    assert not {"phone_number", "service"} & granted["webhook_dlq"]
    assert granted["Events_new"] == granted["Events"]
    assert not {"phone_number", "payload"} & granted["Events"]
    assert "customers" not in granted
    assert "public.customers (names.personal_tables)" in role_sql(settings)


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
    """A session of the role."""
    url = any_deployment.access.database.text.reveal()
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        yield connection


@pytest.mark.parametrize("statement", STATEMENTS)
def test_role_may_do_nothing_else(session, statement):
    """The privilege is missing, also in a read-write session."""
    session.execute("SET default_transaction_read_only = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    ["SELECT cron.schedule('x', '* * * * *', 'SELECT 1')", "DELETE FROM cron.job_run_details"],
)
def test_read_only_session_refuses_pg_cron_writes(session, statement):
    """Sessions of the role are read-only by default, also when it is used by hand."""
    assert session.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        session.execute(statement.encode())
