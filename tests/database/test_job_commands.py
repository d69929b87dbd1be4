"""What the command of a job calls, as it is read and as Postgres runs it."""

from __future__ import annotations

import psycopg
import pytest

from fixtures.database.job_calls import ALWAYS, BY_ROWS, NEVER, SOMETIMES
from fixtures.database.job_commands import calls_of, calls_of_body

PATH = "/functions/v1"
FUNCTION = "process_dlq_entries"
CALL = f"{FUNCTION}()"
FIRED = "SELECT count(*) FROM public.dlq_processing_log WHERE status = 'triggered'"
URL = "current_setting('app.settings.supabase_url') || '/functions/v1/dlq-processor'"


def block(body: str) -> str:
    """A DO block in PL/pgSQL."""
    return f"DO $$ BEGIN {body} END $$"


WHEN = {
    f"SELECT {CALL}": ALWAYS,
    f"select PUBLIC.{CALL.upper()};": ALWAYS,
    f'SELECT "public" . "{FUNCTION}"()': ALWAYS,
    f"SELECT * FROM {CALL}": ALWAYS,
    f"SELECT 1; SELECT {CALL}": ALWAYS,
    f"SELECT {CALL} WHERE 1 = 1 AND NOT false": ALWAYS,
    f"SELECT CASE WHEN 'a' = 'a' THEN {CALL} END": ALWAYS,
    f"SELECT (SELECT {CALL})::text": ALWAYS,
    f"SELECT 'it''s -- no comment', {CALL}": ALWAYS,
    f"SELECT E'a\\'b' /* a /* nested */ comment */, {CALL}": ALWAYS,
    f"WITH done AS MATERIALIZED (SELECT {CALL}) SELECT * FROM done": ALWAYS,
    f"INSERT INTO public.circuit_breaker_events (service, state) SELECT {CALL}::text, 'OPEN'": ALWAYS,
    f"EXPLAIN ANALYZE SELECT {CALL}": ALWAYS,
    block(f"PERFORM {CALL};"): ALWAYS,
    block(f"IF 1 = 0 THEN NULL; ELSE PERFORM {CALL}; END IF;"): ALWAYS,
    block(f"IF false THEN NULL; ELSIF true THEN PERFORM {CALL}; END IF;"): ALWAYS,
    block(f"FOR i IN 1..3 LOOP NULL; END LOOP; PERFORM {CALL};"): ALWAYS,
    block(f"EXECUTE 'SELECT {CALL}';"): ALWAYS,
    f"SELECT {CALL} WHERE false": NEVER,
    f"SELECT {CALL} WHERE 1 = 0": NEVER,
    f"SELECT {CALL} WHERE now() IS NULL AND (false)": NEVER,
    f"SELECT {CALL} WHERE NULL": NEVER,
    f"SELECT {CALL} LIMIT 0": NEVER,
    f"SELECT * FROM {CALL} WHERE false": NEVER,
    f"SELECT 1 -- {CALL}": NEVER,
    f"SELECT 1 /* SELECT {CALL}; */": NEVER,
    f"SELECT CASE WHEN false THEN {CALL} END": NEVER,
    f"EXPLAIN SELECT {CALL}": NEVER,
    f"WITH done AS (SELECT {CALL}) SELECT 1": NEVER,
    f"BEGIN; SELECT {CALL}; ROLLBACK": NEVER,
    f"GRANT EXECUTE ON FUNCTION {CALL} TO service_role": NEVER,
    f"PREPARE later AS SELECT {CALL}": NEVER,
    block(f"IF false THEN PERFORM {CALL}; END IF;"): NEVER,
    block(f"WHILE false LOOP PERFORM {CALL}; END LOOP;"): NEVER,
    block(f"RETURN; PERFORM {CALL};"): NEVER,
}

DEPENDS = {
    f"SELECT {CALL} WHERE now() > '2020-01-01'": BY_ROWS,
    f"SELECT {CALL} FROM public.webhook_dlq LIMIT 1": BY_ROWS,
    f"SELECT {CALL} WHERE now() > '2020-01-01'; SELECT 1": SOMETIMES,
    f"SELECT count({CALL}::text) FROM public.webhook_dlq": SOMETIMES,
    f"SELECT now() IS NULL AND {CALL} IS NULL": SOMETIMES,
    f"SELECT coalesce(now()::text, {CALL}::text)": SOMETIMES,
    f"SELECT CASE WHEN now() IS NULL THEN {CALL} END": SOMETIMES,
    block(f"IF now() IS NULL THEN PERFORM {CALL}; END IF;"): SOMETIMES,
    block(f"IF now() IS NULL THEN NULL; ELSE PERFORM {CALL}; END IF;"): SOMETIMES,
    block(f"IF now() IS NULL THEN RETURN; END IF; PERFORM {CALL};"): SOMETIMES,
    block(f"FOR i IN 1..0 LOOP PERFORM {CALL}; END LOOP;"): SOMETIMES,
    block(f"NULL; EXCEPTION WHEN others THEN PERFORM {CALL};"): SOMETIMES,
}


def call_in(command: str) -> str:
    """When the command calls the function, as it is read."""
    [call] = [call for call in calls_of(command, PATH) if call.function.rpartition(".")[2] == FUNCTION]
    assert bool(call.where) is (call.when != ALWAYS)
    return call.when


@pytest.mark.parametrize("command", WHEN)
def test_call_is_read_as_postgres_runs_it(command, any_deployment):
    """What is said to be called always is called by Postgres once, and what is said to be called never is not."""
    before = any_deployment.superuser_execute(FIRED)[0][0]
    with psycopg.connect(any_deployment.owner_url.reveal(), autocommit=True, connect_timeout=5) as connection:
        connection.execute(command.encode())
    fired = any_deployment.superuser_execute(FIRED)[0][0] - before
    assert (call_in(command), fired) == (WHEN[command], 1 if WHEN[command] == ALWAYS else 0)


@pytest.mark.parametrize("command", DEPENDS)
def test_call_under_a_condition_is_read(command, any_deployment):
    """Postgres takes the command; whether it calls the function depends on data."""
    any_deployment.owner_execute(command)
    assert call_in(command) == DEPENDS[command]


REACHED = {
    "SELECT net.http_post('https://abc.supabase.co/functions/v1/dlq-processor')": "dlq-processor",
    f"SELECT net.http_post(url := {URL}, headers := '{{}}'::jsonb) AS request_id;": "dlq-processor",
    f"SELECT net.http_post(headers => '{{}}', url => ({URL})::text)": "dlq-processor",
    "SELECT net.http_get(url := (SELECT decrypted_secret FROM vault.decrypted_secrets WHERE name = 'url')"
    " || '/functions/v1/dlq-processor?x=1')": "dlq-processor",
    "SELECT net.http_post((SELECT x || '/functions/v1/dlq-processor' FROM vault.secrets))": "dlq-processor",
    "SELECT extensions.http_post('https://a/functions/v1' || '/' || 'dlq-processor', '{}', 'text/plain')": (
        "dlq-processor"
    ),
    "SELECT http(('POST', 'https://a/functions/v1/dlq-processor/', NULL, '', '')::http_request)": "dlq-processor",
    "SELECT http_post(concat(current_setting('a'), '/functions/v1/', 'dlq-processor'))": "dlq-processor",
    "SELECT http_post(format('%s/functions/v1/%s', current_setting('a'), 'dlq-processor'))": "dlq-processor",
    "SELECT http_post('https://abc.functions.supabase.co/dlq-processor')": "dlq-processor",
    "SELECT http_get('https://a/functions/v1/dlq-processor/health')": "dlq-processor/health",
    f"DO $$ DECLARE url text := {URL}; BEGIN PERFORM net.http_post(url); END $$": "dlq-processor",
    "SELECT net.http_post('https://a/functions/v1/dlq-' || current_setting('a'))": "",
    "SELECT net.http_post('https://a/functions/v1/dlq' || current_setting('a'))": "",
    "SELECT net.http_post(current_setting('app.dlq_url'))": "",
    "SELECT net.http_post('https://hooks.example/functions/v2/dlq-processor')": "",
    "SELECT net.http_post('https://a/', body := '{\"to\": \"/functions/v1/\"}')": "",
}


@pytest.mark.parametrize("command", REACHED)
def test_url_names_the_edge_function(command):
    """By its path, however the URL is put together; a URL that is not in the command names none."""
    [request] = [call for call in calls_of(command, PATH) if call.is_request]
    assert request.edge_function == REACHED[command]


def test_body_in_standard_sql_is_read(any_deployment):
    """As Postgres stores and prints it (BEGIN ATOMIC)."""
    any_deployment.owner_execute(
        f"CREATE FUNCTION public.tick() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT net.http_post({URL}); END"
    )
    [(body,)] = any_deployment.owner_execute(
        "SELECT pg_get_function_sqlbody(oid) FROM pg_proc WHERE proname = 'tick'"
    )
    assert "dlq-processor" in [call.edge_function for call in calls_of_body(body, "sql", PATH)]


@pytest.mark.parametrize(
    "command",
    ["", ";", "(((", ")", "'never closed(", "$a$ never(", '"x(', "/* f(", "DO", "WITH", "SELECT CASE END", "--"],
)
def test_broken_command_calls_nothing(command):
    """What an open quote or comment holds is text."""
    assert [call for call in calls_of(command, PATH) if call.when != NEVER] == []
