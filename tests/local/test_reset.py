"""A reset restores the healthy state, whatever was changed in the deployment."""

from __future__ import annotations

import time

import psycopg
import pytest

from tests.deployments import Deployment
from tests.local.requests import call, deliver, message

DESTRUCTION = {
    "a table is gone": "DROP TABLE public.webhook_dlq CASCADE",
    "a column is gone": "ALTER TABLE public.processed_webhook_messages DROP COLUMN processed",
    "a table has moved": "CREATE SCHEMA elsewhere; ALTER TABLE public.dlq_processing_log SET SCHEMA elsewhere",
    "a table became a view": "ALTER TABLE public.wa_events RENAME TO old;"
    " CREATE VIEW public.wa_events AS SELECT 1 AS one",
    "privileges are revoked": "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM easymo_verifier, service_role;"
    " REVOKE USAGE ON SCHEMA cron FROM easymo_verifier",
    "a membership is revoked": "REVOKE pg_monitor FROM easymo_verifier",
    "the verifier sees no rows": "ALTER ROLE easymo_verifier NOBYPASSRLS",
    "row security is off": "ALTER TABLE public.webhook_dlq DISABLE ROW LEVEL SECURITY",
    "anon can read": "CREATE POLICY all_rows ON public.webhook_dlq TO anon USING (true)",
    "the jobs are gone": "DELETE FROM cron.job",
    "a job is scheduled twice": "SELECT cron.schedule('process-dlq-entries', '* * * * *', 'SELECT 1')",
    "the runs are gone": "TRUNCATE cron.job_run_details",
    "the runs lost a column": "ALTER TABLE cron.job_run_details DROP COLUMN status",
    "pg_cron is gone": "DROP EXTENSION pg_cron CASCADE",
    "the function is gone": "DROP FUNCTION public.process_dlq_entries() CASCADE",
    "the functions cannot log in": "ALTER ROLE authenticator NOLOGIN",
    "the base url is wrong": "ALTER DATABASE postgres SET app.settings.supabase_url = 'http://127.0.0.1:1'",
    "the service role key is gone": "DELETE FROM vault.secrets",
    "a server setting is changed": "ALTER SYSTEM SET autovacuum = off",
    "there is another role": "CREATE ROLE somebody LOGIN; GRANT ALL ON public.webhook_dlq TO somebody",
    "there is another schema": "CREATE SCHEMA mess CREATE TABLE t (); GRANT ALL ON SCHEMA mess TO anon",
}

STATE = {
    "columns": "SELECT table_schema, table_name, ordinal_position, column_name, data_type, column_default"
    " FROM information_schema.columns WHERE table_schema !~ '^(pg_|information_schema)'",
    "relations": "SELECT relnamespace::regnamespace::text, relname, relkind, relowner::regrole::text,"
    " relrowsecurity, relacl::text, reloptions::text FROM pg_class"
    " WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)'",
    "column privileges": "SELECT attrelid::regclass::text, attname, attacl::text FROM pg_attribute"
    " WHERE attacl IS NOT NULL AND attrelid::regclass::text !~ '^pg_'",
    "functions": "SELECT oid::regprocedure::text, proowner::regrole::text, proacl::text, md5(prosrc)"
    " FROM pg_proc WHERE pronamespace::regnamespace::text !~ '^(pg_|information_schema)'",
    "schemas": "SELECT nspname, nspowner::regrole::text, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_t'",
    "roles": "SELECT rolname, rolsuper, rolcanlogin, rolbypassrls, rolconfig::text FROM pg_roles",
    "members": "SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members",
    "policies": "SELECT polrelid::regclass::text, polname, pg_get_expr(polqual, polrelid) FROM pg_policy",
    "extensions": "SELECT extname, extversion FROM pg_extension",
    "jobs": "SELECT jobid, jobname, schedule, command, username, active FROM cron.job",
    "settings": "SELECT setconfig::text FROM pg_db_role_setting WHERE setdatabase <> 0",
    "secrets": "SELECT name FROM vault.secrets",
    "autovacuum": "SHOW autovacuum",
    "letters": "SELECT status, count(*) FROM public.webhook_dlq GROUP BY status",
    "passes": "SELECT status, count(*) / 100 FROM public.dlq_processing_log GROUP BY status",
    # A run that started right before the reset may be recorded after it, with the id of a deleted job.
    "runs": "SELECT jobid, status, count(*) / 100 FROM cron.job_run_details"
    " WHERE jobid IN (SELECT jobid FROM cron.job) GROUP BY 1, 2",
}


def state(deployment: Deployment) -> dict[str, list[tuple[object, ...]]]:
    """Return everything that a reset must restore, sorted."""
    with psycopg.connect(deployment.superuser_url.reveal(), connect_timeout=5) as connection:
        rows = {part: connection.execute(sql.encode()).fetchall() for part, sql in STATE.items()}
    return {part: sorted(found, key=repr) for part, found in rows.items()}


@pytest.mark.parametrize("destruction", DESTRUCTION)
def test_reset_restores(any_deployment: Deployment, destruction: str) -> None:
    """Tables, columns, privileges, roles, policies, jobs, settings and row counts are as before the change."""
    healthy = state(any_deployment)
    any_deployment.superuser_execute(DESTRUCTION[destruction])
    any_deployment.reset()
    assert state(any_deployment) == healthy


def test_reset_restores_after_several_faults(deployment: Deployment) -> None:
    """Five faults at once, on every kind of deployment."""
    healthy = state(deployment)
    for fault in ("the jobs are gone", "privileges are revoked", "a server setting is changed", "a table is gone"):
        deployment.superuser_execute(DESTRUCTION[fault])
    deployment.superuser_execute(DESTRUCTION["pg_cron is gone"])
    deployment.reset()
    assert state(deployment) == healthy


def test_reset_does_not_wait_for_locks(deployment: Deployment) -> None:
    """Reset ends the session that holds a table lock."""
    with psycopg.connect(deployment.owner_url.reveal(), connect_timeout=5) as holder:
        holder.execute("LOCK TABLE public.webhook_dlq")
        began = time.monotonic()
        deployment.reset()
        assert time.monotonic() - began < 5
        with pytest.raises(psycopg.OperationalError):
            holder.execute("SELECT 1")


def test_reset_renews_traffic_and_log(any_deployment: Deployment) -> None:
    """The seeded traffic ends now, and messages and log lines from before are gone."""
    sent = message()
    deliver(any_deployment, sent)
    call(any_deployment, "POST", "wa-webhook")
    any_deployment.reset()
    rows = any_deployment.owner_execute(
        "SELECT max(created_at) > now() - interval '90 s', count(*) FILTER (WHERE message_id = %s)"
        " FROM public.wa_events",
        [sent["id"]],
    )
    assert rows == [(True, 0)]
    assert any_deployment.access.log_file is not None
    with open(any_deployment.access.log_file) as log:
        assert "signature_refused" not in log.read()


def test_pass_completes_after_pg_cron_was_dropped(deployment: Deployment) -> None:
    """Dropping and resetting leaves a working scheduler and a completed pass."""
    deployment.superuser_execute("DROP EXTENSION pg_cron CASCADE")
    deployment.reset()
    rows = deployment.owner_execute(
        "SELECT status FROM public.dlq_processing_log WHERE processed_at > now() - interval '5 s' ORDER BY id"
    )
    assert rows[-2:] == [("triggered",), ("completed",)]
