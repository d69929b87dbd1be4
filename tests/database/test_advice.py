"""The commands in the suite's advice run as they are printed, and the check passes after them.

The names are such as Postgres takes only in quotes: a role ``easymo-verifier``, a schema ``order``, tables and
columns with capitals, a job with an apostrophe.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from checks import test_daily, test_immediate
from checks.rules import dlq_queue, message_fates
from checks.rules.partitions import month
from fixtures.database.identifiers import literal, quoted
from fixtures.database.role_sql import role_sql
from fixtures.outcome import Status
from fixtures.settings.address import DatabaseAddress
from fixtures.settings.model import Job, Names, Settings
from tests.database.conftest import DATABASE_CHECKS, deployed
from tests.database.test_forgery_trace import trace
from tests.database.trouble import session
from tests.following import follow, mend
from tests.outcomes import judge_all, read

PASSWORD = "verifier-of-the-tests-4712"
IN_ORDER = Settings(names=Names(schema="order"))
RENAMED = 'ALTER SCHEMA public RENAME TO "order";'


@pytest.fixture
def access(any_deployment):
    """The deployment through a role ``easymo-verifier``, made by the SQL of the page; a reset drops it."""
    made = role_sql(Settings(), "easymo-verifier")
    any_deployment.superuser_execute(f"{made}; ALTER ROLE \"easymo-verifier\" PASSWORD '{PASSWORD}'")
    server = any_deployment.access.database.text.reveal().partition("@")[2]
    address = DatabaseAddress.parse(f"postgresql://easymo-verifier:{PASSWORD}@{server}")
    return replace(any_deployment.access, database=address)


CHECK_01 = (test_immediate.test_dlq_table_exists_and_is_accessible, {"dlq_table": "webhook_dlq"})
CHECK_02 = (test_immediate.test_cron_job_is_active, {"cron_job": "process-dlq-entries"})
CHECK_03 = (test_immediate.test_first_dlq_processing_ran, {})
CHECK_10 = (test_daily.test_no_message_is_lost, {})
CHECK_12 = (test_daily.test_database_is_not_overloaded, {"database_aspect": "long-queries"})

RIGHTS = {
    "a schema": (CHECK_02, "REVOKE USAGE ON SCHEMA cron FROM {}", "GRANT USAGE ON SCHEMA cron TO {}"),
    "runs": (
        CHECK_02,
        "REVOKE SELECT ON cron.job_run_details FROM {}, PUBLIC",
        "GRANT SELECT ON cron.job_run_details TO {}",
    ),
    "rows": (CHECK_01, "ALTER ROLE {} NOBYPASSRLS", "ALTER ROLE {} BYPASSRLS"),
    "rows of pg_cron": (CHECK_02, "ALTER ROLE {} NOBYPASSRLS", "ALTER ROLE {} BYPASSRLS"),
    "a table": (
        CHECK_03,
        "REVOKE SELECT ON public.dlq_processing_log FROM {}",
        "GRANT SELECT ON public.dlq_processing_log TO {}",
    ),
    "columns": (
        CHECK_10,
        "REVOKE SELECT (status, payload) ON public.webhook_dlq FROM {}",
        "GRANT SELECT (payload, status) ON public.webhook_dlq TO {}",
    ),
    "sessions": (CHECK_12, "REVOKE pg_monitor FROM {}", "GRANT pg_read_all_stats TO {}"),
}


@pytest.mark.parametrize("right", RIGHTS)
def test_grants_to_a_role_in_quotes_run(right, access, any_deployment, judged, changed):
    """Each right of a role with a hyphen that is taken away comes back by the advice alone."""
    (check, case), taken, grant = RIGHTS[right]
    changed(taken.format('"easymo-verifier"'))
    with session(any_deployment.superuser_url) as other:
        other.execute("BEGIN; SELECT 1")
        ran = mend(any_deployment, lambda: judged(check, access=access, **case))
    assert ran == [grant.format('"easymo-verifier"')]


def test_grant_of_a_column_in_quotes_runs(any_deployment, changed):
    """A text column that the role may not read is named as SQL takes it."""
    changed('ALTER TABLE public.webhook_dlq ADD COLUMN "Next" text')
    ran = mend(any_deployment, lambda: trace(any_deployment, lambda run: ""))
    assert ran == ['GRANT SELECT ("Next") ON public.webhook_dlq TO easymo_verifier']


OPENED = {
    "row security off": "ALTER TABLE {} DISABLE ROW LEVEL SECURITY; GRANT SELECT ON {} TO anon",
    "open to PUBLIC": "ALTER TABLE {} DISABLE ROW LEVEL SECURITY; GRANT SELECT ON {} TO PUBLIC",
    "a policy for everybody": "GRANT SELECT ON {} TO anon; CREATE POLICY everybody ON {} USING (true)",
    "anon bypasses row security": "GRANT SELECT ON {} TO anon; ALTER ROLE anon BYPASSRLS",
    "anon is a superuser": "ALTER ROLE anon SUPERUSER",
    "no role authenticated": "GRANT SELECT ON {} TO anon; ALTER TABLE {} DISABLE ROW LEVEL SECURITY;"
    "DROP OWNED BY authenticated; DROP ROLE authenticated",
    "service_role may not insert": "REVOKE INSERT ON {} FROM service_role",
    "service_role may not use the schema": 'REVOKE USAGE ON SCHEMA "order" FROM service_role, PUBLIC',
    "row security shuts out service_role": "ALTER ROLE service_role NOBYPASSRLS",
    "row security hides rows": "ALTER ROLE easymo_verifier NOBYPASSRLS",
}
LETTERS = "Dead-Letters"


@pytest.mark.parametrize("fault", OPENED)
def test_advice_of_check_1_runs(fault, any_deployment, judged, changed):
    """A table in quotes in a schema in quotes is closed to the public, and opened to who needs it."""
    name = f'"order"."{LETTERS}"'
    changed(
        f'{RENAMED} ALTER TABLE "order".webhook_dlq RENAME TO "{LETTERS}"; {OPENED[fault].replace("{}", name)}'
    )
    settings = Settings(names=Names(schema="order", dlq_tables=(LETTERS,)))
    assert mend(any_deployment, lambda: judged(CHECK_01[0], settings, dlq_table=LETTERS))


JOB = "a customer's \\ retries"
JOBS = {
    "not scheduled": "DELETE FROM cron.job WHERE jobname = {}",
    "inactive": "UPDATE cron.job SET active = false WHERE jobname = {}",
    "another schedule": "UPDATE cron.job SET schedule = '*/50 * * * *' WHERE jobname = {}",
    "another database": "UPDATE cron.job SET database = 'template1' WHERE jobname = {}",
    "another command": "UPDATE cron.job SET command = 'SELECT now()' WHERE jobname = {}",
    "a twin": "INSERT INTO cron.job (schedule, command, nodename, nodeport, database, username, jobname) "
    "SELECT '59 23 31 12 *', command, nodename, nodeport, database, username, 'twin' FROM cron.job "
    "WHERE jobname = {}",
    "open to everybody": 'GRANT EXECUTE ON FUNCTION "order".process_dlq_entries() TO PUBLIC',
}


@pytest.mark.parametrize("fault", JOBS)
def test_advice_of_check_2_runs(fault, any_deployment, judged, changed):
    """A job with an apostrophe and a backslash in its name is scheduled and altered by its owner."""
    name = literal(JOB)
    changed(f"{RENAMED} UPDATE cron.job SET jobname = {name} WHERE jobname = 'process-dlq-entries'")
    changed(JOBS[fault].format(name))
    jobs = (Job(JOB, "*/5 * * * *", "process_dlq_entries"),)
    settings = replace(deployed(timedelta(minutes=2)), names=IN_ORDER.names, jobs=jobs)
    # A job that was scheduled anew has not run yet.
    left = "has not run yet; first run due"
    assert mend(any_deployment, lambda: judged(CHECK_02[0], settings, cron_job=JOB), left=left)


def test_one_of_two_jobs_can_be_unscheduled(judged, changed):
    """The advice names both jobs of one name; without the second the check passes."""
    changed(
        "INSERT INTO cron.job (schedule, command, nodename, nodeport, database, username, jobname) "
        "SELECT schedule, command, nodename, nodeport, database, 'supabase_admin', jobname FROM cron.job "
        "WHERE jobname = 'process-dlq-entries'"
    )
    first, second = judged(CHECK_02[0], **CHECK_02[1]).commands
    assert first != second
    changed(second)
    assert judged(CHECK_02[0], **CHECK_02[1]).status is Status.PASSED


HOT = replace(IN_ORDER, names=Names(schema="order", hot_tables=("wa_events", "Texts")))
TEXTS = f'{RENAMED} ALTER TABLE "order".whatsapp_messages RENAME TO "Texts";'
FORGET = """SELECT pg_stat_reset_single_table_counters('"order"."Texts"'::regclass);"""
VACUUMED = {
    "setting": f'{TEXTS} ALTER TABLE "order"."Texts" RESET (autovacuum_vacuum_scale_factor)',
    "disabled": f'{TEXTS} ALTER TABLE "order"."Texts" SET (toast.autovacuum_enabled = false)',
    "late": f'{TEXTS} ALTER TABLE "order"."Texts" SET (autovacuum_enabled = false); {FORGET}'
    'UPDATE "order"."Texts" SET direction = direction',
}


@pytest.mark.parametrize("fault", VACUUMED)
def test_advice_of_check_14_runs(fault, any_deployment, judged, changed):
    """A hot table in quotes is set and vacuumed."""
    changed(VACUUMED[fault])
    assert mend(any_deployment, lambda: judged(test_daily.test_auto_vacuum_runs, HOT, vacuumed="Texts"))


def test_advice_of_check_12_runs(any_deployment, judged, changed):
    """A bloated table in quotes is vacuumed."""
    changed(
        f'{TEXTS} ALTER TABLE "order"."Texts" SET (autovacuum_enabled = false); {FORGET}'
        """INSERT INTO "order"."Texts" (direction) SELECT 'inbound' FROM generate_series(1, 2000);"""
        'DELETE FROM "order"."Texts"'
    )
    ran = mend(any_deployment, lambda: judged(test_daily.test_table_is_not_bloated, HOT, measured_table="Texts"))
    assert ran == ['VACUUM (ANALYZE) "order"."Texts"']


def test_advice_of_check_13_runs(any_deployment, judged, changed):
    """A month's partition is created in a schema in quotes."""
    partition = f"wa_events_{month(datetime.now(UTC), 1, UTC)[0]:%Y_%m}"
    changed(f'{RENAMED} DROP TABLE "order".{partition}')
    assert mend(any_deployment, lambda: judged(test_daily.test_partitions_are_created, IN_ORDER))


def test_schema_in_quotes_is_read(access, any_deployment, changed):
    """Every statement of the readers quotes the settings' schema, so that ``order`` is judged like any other."""
    changed(RENAMED)
    checks = [*DATABASE_CHECKS, CHECK_10[0], CHECK_12[0], *OTHERS]
    outcomes = judge_all(checks, read(access, checks, IN_ORDER))
    assert {case: one.reason for case, one in outcomes.items() if one.status is not Status.PASSED} == {}


OTHERS = [
    test_daily.test_dlq_is_processing,
    test_daily.test_circuit_breakers_are_closed,
    test_daily.test_table_is_not_bloated,
    test_daily.test_partitions_are_created,
    test_daily.test_auto_vacuum_runs,
]


def test_commands_for_queue_and_messages_run(any_deployment, changed):
    """What is advised about DLQ entries and lost messages runs as the owner, whatever the search path."""
    changed(RENAMED)
    advice = [dlq_queue.advice_on(kind, IN_ORDER) for kind in dlq_queue.ADVICE]
    advice += [message_fates.advice_on(outcome, IN_ORDER) for outcome in (*message_fates.ADVICE, "given up: ?")]
    assert sum(len(follow(any_deployment, one)) for one in advice) >= 9


NAMES = ("plain", "order", "Next", "with space", 'a "quote"', "100%", "é", "1st", "", "a.b", "select")


@pytest.mark.parametrize("name", [name for name in NAMES if name])
def test_quoted_name_is_the_name(name, any_deployment):
    """Postgres reads a quoted identifier as the name itself; a plain one stays bare."""
    with session(any_deployment.superuser_url) as connection:
        cursor = connection.execute(f"SELECT 1 AS {quoted(name)}".encode())
        connection.execute(f"CREATE TEMP TABLE {quoted(name)} ({quoted(name)} int)".encode())
        connection.execute(f"SELECT {quoted(name)} FROM {quoted('pg_temp', name)}".encode())
    assert cursor.description[0].name == name
    assert (quoted(name) == name) is (name == "plain")


@pytest.mark.parametrize("text", [*NAMES, "it's", "a\\b", "\\'", "two\nlines", "*/5 * * * *", "$$"])
def test_quoted_literal_is_the_text(text, any_deployment):
    """Postgres reads a quoted literal as the text itself."""
    assert any_deployment.superuser_execute(f"SELECT {literal(text)}") == [(text,)]
