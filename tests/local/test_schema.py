"""The local database has what the suite assumes of a deployment: tables, roles, privileges, jobs."""

from __future__ import annotations

import psycopg
import pytest

from tests.deployments import Deployment

TIMES = "timestamp with time zone"

COLUMNS = {
    "webhook_dlq": {
        "id": "uuid",
        "phone_number": "text",
        "service": "text",
        "correlation_id": "text",
        "request_id": "text",
        "payload": "jsonb",
        "error_message": "text",
        "error_type": "text",
        "status_code": "integer",
        "retry_count": "integer",
        "status": "text",
        "next_retry_at": TIMES,
        "last_retry_at": TIMES,
        "reprocessed_at": TIMES,
        "created_at": TIMES,
        "updated_at": TIMES,
    },
    "dlq_processing_log": {
        "id": "bigint",
        "processed_at": TIMES,
        "status": "text",
        "entries_processed": "integer",
        "entries_failed": "integer",
        "error_message": "text",
        "created_at": TIMES,
    },
    "processed_webhook_messages": {
        "id": "uuid",
        "whatsapp_message_id": "text",
        "correlation_id": "text",
        "processed": "boolean",
        "processing_time_ms": "integer",
        "payload": "jsonb",
        "processed_at": TIMES,
        "created_at": TIMES,
    },
    "wa_events": {
        "id": "uuid",
        "event_type": "text",
        "message_id": "text",
        "phone_number": "text",
        "direction": "text",
        "status": "text",
        "error_message": "text",
        "payload": "jsonb",
        "processed_at": TIMES,
        "created_at": TIMES,
    },
    "whatsapp_messages": {
        "id": "uuid",
        "wa_message_id": "text",
        "direction": "text",
        "body": "text",
        "payload": "jsonb",
        "created_at": TIMES,
    },
    "circuit_breaker_events": {"id": "bigint", "service": "text", "state": "text", "created_at": TIMES},
}

PERSONAL = [("webhook_dlq", "phone_number"), ("wa_events", "phone_number"), ("whatsapp_messages", "body")]


@pytest.mark.parametrize("table", COLUMNS)
def test_table_has_the_columns_of_the_contract(deployment: Deployment, table: str) -> None:
    """Names and types."""
    rows = deployment.owner_execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = %s",
        [table],
    )
    assert dict(rows) == COLUMNS[table]


def test_every_table_has_row_security_and_no_policy(deployment: Deployment) -> None:
    """Partitions too."""
    rows = deployment.superuser_execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND (NOT relrowsecurity OR EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid))"
    )
    assert rows == []


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_public_roles_see_no_rows(any_deployment: Deployment, role: str) -> None:
    """They may select from every table, but row security hides all rows."""
    for table in COLUMNS:
        assert any_deployment.owner_execute(f"SET ROLE {role}; SELECT count(*) FROM public.{table}") == [(0,)]


def test_indexes_of_the_contract_exist(any_deployment: Deployment) -> None:
    """Compared by definition, not by name."""
    rows = any_deployment.owner_execute(
        "SELECT substring(indexdef FROM 'ON (?:ONLY )?public\\.(.*)$') FROM pg_indexes WHERE schemaname = 'public'"
    )
    assert {
        "webhook_dlq USING btree (created_at DESC)",
        "webhook_dlq USING btree (next_retry_at) WHERE (status = 'pending'::text)",
        "webhook_dlq USING btree (status) WHERE (status = 'pending'::text)",
        "webhook_dlq USING btree (service)",
        "dlq_processing_log USING btree (processed_at DESC)",
        "processed_webhook_messages USING btree (whatsapp_message_id)",
        "processed_webhook_messages USING btree (created_at DESC)",
        "wa_events USING btree (created_at DESC)",
        "wa_events USING btree (message_id)",
        "whatsapp_messages USING btree (wa_message_id)",
    } <= {definition for (definition,) in rows}


def test_partitions_cover_last_month_to_3_months_ahead(deployment: Deployment) -> None:
    """One attached partition per month, with the month's bounds in UTC."""
    expected = deployment.owner_execute(
        "SET timezone = 'UTC'; SELECT 'wa_events_' || to_char(m, 'YYYY_MM'),"
        " format('FOR VALUES FROM (%L) TO (%L)', m, m + interval '1 month')"
        " FROM (SELECT date_trunc('month', now()) + ahead * interval '1 month' AS m"
        "       FROM generate_series(-1, 3) AS ahead) AS months"
    )
    found = deployment.owner_execute(
        "SET timezone = 'UTC'; SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_class"
        " WHERE relispartition AND relkind = 'r' ORDER BY relname"
    )
    assert found == expected


def test_partition_function_can_run_twice(deployment: Deployment) -> None:
    """It creates the missing month, with row security and autovacuum settings; a second call changes nothing."""
    ahead = "'public.wa_events_' || to_char(now() AT TIME ZONE 'UTC' + interval '3 months', 'YYYY_MM')"
    deployment.owner_execute(f"DO $$ BEGIN EXECUTE 'DROP TABLE ' || {ahead}; END $$")
    for _ in range(2):
        deployment.owner_execute("SELECT public.create_wa_events_partition()")
    rows = deployment.owner_execute(
        f"SELECT relrowsecurity, array_to_string(reloptions, ' ') FROM pg_class WHERE oid = to_regclass({ahead})"
    )
    assert rows == [(True, HOT_TABLE_OPTIONS)]


HOT_TABLE_OPTIONS = (
    "autovacuum_vacuum_scale_factor=0.05 autovacuum_analyze_scale_factor=0.02 autovacuum_vacuum_cost_delay=5"
)


def test_hot_tables_have_the_autovacuum_settings(any_deployment: Deployment) -> None:
    """whatsapp_messages and every partition of wa_events."""
    rows = any_deployment.owner_execute(
        "SELECT DISTINCT array_to_string(reloptions, ' ') FROM pg_class"
        " WHERE relkind = 'r' AND (relispartition OR oid = 'public.whatsapp_messages'::regclass)"
    )
    assert rows == [(HOT_TABLE_OPTIONS,)]


def test_both_jobs_run_as_postgres(deployment: Deployment) -> None:
    """Name, schedule, command, database, user and state of both jobs."""
    rows = deployment.superuser_execute(
        "SELECT jobid, jobname, schedule, command, database, username, active FROM cron.job ORDER BY jobid"
    )
    process, create = "SELECT process_dlq_entries()", "SELECT create_wa_events_partition()"
    assert rows == [
        (1, "process-dlq-entries", "*/5 * * * *", process, "postgres", "postgres", True),
        (2, "create-wa-events-partitions", "0 0 1 * *", create, "postgres", "postgres", True),
    ]


@pytest.mark.parametrize("function", ["process_dlq_entries()", "create_wa_events_partition()"])
def test_public_roles_may_not_call_job_functions(any_deployment: Deployment, function: str) -> None:
    """Neither anon nor authenticated."""
    for role in ("anon", "authenticated"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            any_deployment.owner_execute(f"SET ROLE {role}; SELECT public.{function}")


def test_roles_are_those_of_a_supabase_project(deployment: Deployment) -> None:
    """Plus ``easymo_verifier``; with their attributes."""
    rows = deployment.superuser_execute(
        "SELECT rolname, rolsuper, rolcanlogin, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname !~ '^pg_'"
    )
    assert sorted(rows) == [
        ("anon", False, False, False, False),
        ("authenticated", False, False, False, False),
        ("authenticator", False, True, False, False),
        ("easymo_verifier", False, True, True, False),
        ("postgres", False, True, True, True),
        ("service_role", False, False, True, False),
        ("supabase_admin", True, True, True, True),
    ]


def test_owner_changes_jobs_by_functions_only(deployment: Deployment) -> None:
    """As on Supabase, ``postgres`` cannot update cron.job."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for table job"):
        deployment.owner_execute("UPDATE cron.job SET active = false")
    deployment.owner_execute("SELECT cron.alter_job(1, active := false)")
    assert deployment.owner_execute("SELECT active FROM cron.job WHERE jobid = 1") == [(False,)]


def test_base_url_is_a_database_setting(any_deployment: Deployment) -> None:
    """process_dlq_entries() reads it there."""
    rows = any_deployment.owner_execute("SELECT current_setting('app.settings.supabase_url')")
    assert rows == [(any_deployment.access.base_url,)]


def verifier(deployment: Deployment, statement: str) -> list[tuple[object, ...]]:
    """Run a statement as ``easymo_verifier``."""
    assert deployment.access.database is not None
    with psycopg.connect(deployment.access.database.text.reveal(), connect_timeout=5) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_verifier_sees_jobs_rows_and_activity(deployment: Deployment) -> None:
    """Rows of every table, and the queries of other roles."""
    assert verifier(deployment, "SELECT count(*) FROM cron.job") == [(2,)]
    for table in ("cron.job_run_details", "net._http_response", *(f"public.{name}" for name in COLUMNS)):
        rows = verifier(deployment, f"SELECT count(*) > 0 FROM {table}")
        assert rows == [(True,)], table
    hidden = verifier(deployment, "SELECT count(*) FROM pg_stat_activity WHERE query = '<insufficient privilege>'")
    assert hidden == [(0,)]


@pytest.mark.parametrize(("table", "column"), PERSONAL)
def test_verifier_may_not_read_personal_columns(any_deployment: Deployment, table: str, column: str) -> None:
    """Phone numbers and message texts."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        verifier(any_deployment, f"SELECT {column} FROM public.{table}")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT headers FROM net.http_request_queue",
        "SELECT content FROM net._http_response",
        "SELECT decrypted_secret FROM vault.decrypted_secrets",
        "SELECT public.process_dlq_entries()",
        "SELECT net.http_post('http://127.0.0.1/')",
        "SELECT cron.alter_job(1, active := false)",
    ],
)
def test_verifier_may_not_read_secrets_or_act(any_deployment: Deployment, statement: str) -> None:
    """No request headers, response bodies or vault; no pass, request or change of a job."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        verifier(any_deployment, statement)


def test_verifier_has_no_privilege_to_write(any_deployment: Deployment) -> None:
    """Not even in a read-write transaction."""
    for statement in (
        "UPDATE public.webhook_dlq SET status = status",
        "DELETE FROM public.dlq_processing_log",
        "INSERT INTO public.wa_events (event_type, direction, status) VALUES ('message', 'inbound', 'processed')",
        "CREATE TABLE public.left_behind ()",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            verifier(any_deployment, f"SET TRANSACTION READ WRITE; {statement}")


def test_scheduler_is_in_pg_stat_activity(deployment: Deployment) -> None:
    """With pg_cron's application name; the checks look for it."""
    rows = deployment.owner_execute(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_cron scheduler'"
    )
    assert rows == [(1,)]


def test_stand_in_is_named_in_version_and_description(deployment: Deployment) -> None:
    """And the real pg_cron is not called a stand-in."""
    version = deployment.owner_execute("SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'")[0][0]
    assert version.endswith("-standin") == deployment.stand_in == ("stand-in" in deployment.description)
