"""One cause, one message: what is missing fails check 1 by name, and every other check points to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks import test_immediate as checks
from checks.checklist import item_of
from fixtures.database.catalogue import MIGRATE
from fixtures.outcome import Status
from fixtures.settings.address import DatabaseAddress
from tests.database.test_reading import OF_DATABASE
from tests.outcomes import judge_all, read

POINTER = "; check 1 names the cause"
REPAIR = "repair what check 1 names, then run the checks again"
REASONS = {
    "webhook_dlq": ("check-05", "check-09", "check-10", "check-12"),
    "dlq_processing_log": ("check-03", "check-09", "check-12"),
    "processed_webhook_messages": ("check-05", "check-10", "check-12"),
    "wa_events": ("check-10", "check-12", "check-13", "check-14"),
    "whatsapp_messages": ("check-10", "check-12", "check-14"),
}
"""Table → checks that read it."""

FAULTS = {
    "absent": ("DROP TABLE public.{} CASCADE", "table public.{} does not exist"),
    "in another schema": (
        "CREATE SCHEMA app; ALTER TABLE public.{} SET SCHEMA app",
        "table public.{0} does not exist; found app.{0} instead",
    ),
    "a view": (
        "ALTER TABLE public.{0} RENAME TO other; CREATE VIEW public.{0} WITH (security_invoker) AS "
        "SELECT * FROM public.other",
        "public.{} is a view, not a table",
    ),
}
COLUMNS = {
    "absent": (
        "ALTER TABLE public.webhook_dlq DROP COLUMN retry_count CASCADE",
        "public.webhook_dlq has no column retry_count",
        {"check-09"},
    ),
    "of another type": (
        "ALTER TABLE public.processed_webhook_messages ALTER created_at TYPE timestamp",
        "public.processed_webhook_messages.created_at is of type timestamp without time zone, which cannot serve "
        "as timestamp with time zone",
        {"check-05", "check-10"},
    ),
}


def outcomes_of(deployment, settings=None):
    """All checks of the database, as the deployment is now."""
    return judge_all(OF_DATABASE, read(deployment.access, OF_DATABASE, settings))


def by_status(outcomes, status):
    """Case → reason, for one status."""
    return {case: outcome.reason for case, outcome in outcomes.items() if outcome.status is status}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("table", REASONS)
def test_missing_table_fails_check_1_alone(any_deployment, table, fault):
    """Every other check that needs it is unproven, with the same sentence and a pointer."""
    change, reason = (text.format(table) for text in FAULTS[fault])
    any_deployment.superuser_execute(change)
    outcomes = outcomes_of(any_deployment)
    failed, unproven = (by_status(outcomes, status) for status in (Status.FAILED, Status.UNPROVEN))
    assert failed.keys() == {f"check-01[{table}]"}
    assert reason in failed[f"check-01[{table}]"]
    assert {case.partition("[")[0] for case in unproven} == {*REASONS[table]}
    assert set(unproven.values()) == {f"{reason}{POINTER} ({REPAIR})"}
    assert by_status(outcomes, Status.ERROR) == {}


@pytest.mark.parametrize("fault", COLUMNS)
def test_missing_column_fails_check_1_alone(any_deployment, fault):
    """A column of a type that cannot serve counts as missing."""
    change, reason, pointing = COLUMNS[fault]
    any_deployment.superuser_execute(change)
    outcomes = outcomes_of(any_deployment)
    failed, unproven = (by_status(outcomes, status) for status in (Status.FAILED, Status.UNPROVEN))
    assert list(failed.values()) == [reason]
    assert {case.partition("[")[0] for case in failed} == {"check-01"}
    assert {case.partition("[")[0] for case in unproven} == pointing
    assert set(unproven.values()) == {f"{reason}{POINTER} ({REPAIR})"}


DROP = "DROP TABLE public.processed_webhook_messages;"
HISTORY = "UPDATE supabase_migrations.schema_migrations SET statements = "
READABLE = "GRANT SELECT (version, statements) ON supabase_migrations.schema_migrations TO easymo_verifier;"
CREATING = '{"create table if not exists \\"processed_webhook_messages\\" (id uuid)"}'
HISTORIES = {
    "not readable": (f"{HISTORY} '{{select 1}}';", "does not exist", MIGRATE),
    "nothing creates it": (
        f"{READABLE} {HISTORY} '{{create table public.processed_webhook_messages_old ()}}';",
        "does not exist, and no applied migration creates it",
        MIGRATE,
    ),
    "one creates it": (
        f"{READABLE} {HISTORY} '{{select 1}}'; {HISTORY} '{CREATING}' WHERE version = '20251126093000';",
        "does not exist, although the applied migration 20251126093000 creates it",
        "find out what dropped, renamed or moved the table after migration 20251126093000",
    ),
    "some without their text": (f"{READABLE} {HISTORY} '{{}}';", "does not exist", MIGRATE),
}


@pytest.mark.parametrize("history", HISTORIES)
def test_history_of_migrations_is_quoted_if_read(any_deployment, history):
    """Only what was looked up is said of the migrations, and the advice fits it."""
    change, words, advice = HISTORIES[history]
    any_deployment.superuser_execute(f"REVOKE pg_read_all_data FROM easymo_verifier; {change} {DROP}")
    outcome = outcomes_of(any_deployment)["check-01[processed_webhook_messages]"]
    (violation,) = outcome.judge.violations
    assert violation.found == f"table public.processed_webhook_messages {words}"
    assert violation.advice == advice


def test_database_away_has_one_message(any_deployment):
    """Check 1 has the cause; every other case has one and the same text."""
    away = DatabaseAddress.parse("host=127.0.0.1 port=9 user=nobody password=hidden99")
    outcomes = outcomes_of(replace_access(any_deployment, away))
    reached = outcomes.pop("check-01[database_is_reached]")
    assert reached.status is Status.ERROR
    assert reached.reason.startswith("the database at 127.0.0.1:9 could not be reached: nothing listens on port 9")
    others = {outcome.reason for case, outcome in outcomes.items() if not case.startswith("check-11")}
    assert others == {"the database could not be reached; check 1 names the cause"}
    assert {item_of(test).id for test in OF_DATABASE} >= {"check-03", "check-09", "check-13"}
    assert checks.test_database_is_reached in OF_DATABASE


def replace_access(deployment, address):
    """A stand-in for the deployment whose database has another address."""

    class Away:
        access = replace(deployment.access, database=address)

    return Away
