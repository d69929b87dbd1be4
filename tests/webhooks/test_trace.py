"""What refused requests leave behind on a real database: rows with their ids, and passes nobody scheduled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from checks import test_immediate as checks
from fixtures.database.catalogue import Column, Relation
from fixtures.database.forgery_trace import search
from fixtures.evidence.document import Evidence, decode, plain, to_text
from fixtures.evidence.pieces import needs_of
from fixtures.evidence.reading import Reading
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from tests.deployments import Deployment
from tests.outcomes import Outcome, judge

TRACE = checks.test_forgeries_left_no_trace
PROCESSED = checks.test_closed_dlq_processor_processed_nothing
VERIFIER = "easymo_verifier"

COLUMNS = (Column("id", "uuid", True), Column("wa_message_id", "text", True), Column("payload", "jsonb", False))

Meddle = Callable[[str], str]
"""Makes the statements that are run between the probes and the database, from the id of the run."""


def look(deployment: Deployment, meddle: Meddle, settings: Settings | None = None) -> Evidence:
    """Read as a run does, and do something to the database after the probes and before it is read."""
    needs = needs_of([TRACE, PROCESSED])
    reading = Reading(settings or Settings(), deployment.access, needs, lambda line: None)
    try:
        reading.open_database()
        reading.probe_endpoints()
        if statements := meddle(reading.pieces["webhook_probes"].run_id):
            deployment.superuser_execute(statements)
        reading.read_database()
    finally:
        reading.close()
    return decode(to_text(plain(reading.evidence())))


def trace(deployment: Deployment, meddle: Meddle, settings: Settings | None = None) -> Outcome:
    return judge(TRACE, look(deployment, meddle, settings))


def test_healthy_deployment_keeps_no_trace(deployment: Deployment) -> None:
    evidence = look(deployment, lambda run: "")
    assert judge(TRACE, evidence).status is Status.PASSED
    assert judge(PROCESSED, evidence).status is Status.PASSED
    found = evidence.pieces["forgery_trace"].tables
    assert set(found) >= {"webhook_dlq", "processed_webhook_messages", "wa_events", "whatsapp_messages"}
    assert "payload" in found["webhook_dlq"].columns
    assert not any({"phone_number", "body"} & {*table.columns, *table.hidden} for table in found.values())


LEFT_BEHIND = {
    "webhook_dlq": "insert into webhook_dlq (service, request_id, payload) values ('wa-webhook', '{id}', '{{}}')",
    "webhook_dlq in the payload": "insert into webhook_dlq (service, payload) "
    "values ('wa-webhook', '{{\"verification\": \"{id}\"}}')",
    "dlq_processing_log": "insert into dlq_processing_log (status, error_message) values ('triggered', '{id}')",
    "processed_webhook_messages": "insert into processed_webhook_messages (whatsapp_message_id, correlation_id) "
    "values ('m1', '{id}')",
    "wa_events": "insert into wa_events (event_type, message_id, direction, status, error_message) "
    "values ('message', 'm1', 'inbound', 'failed', '{id}')",
    "whatsapp_messages": "insert into whatsapp_messages (wa_message_id, direction) values ('{id}', 'inbound')",
}
UNNAMED_EVENT = (
    "insert into wa_events (event_type, direction, status, payload) values ('raw', 'inbound', 'new', '{}')"
)


@pytest.mark.parametrize("place", LEFT_BEHIND)
def test_row_with_the_id_of_a_forgery_is_found(any_deployment: Deployment, place: str) -> None:
    def leave(run: str) -> str:
        return LEFT_BEHIND[place].format(id=f"easymo-verification-forged-{run}-12")

    found = trace(any_deployment, leave)
    table = place.partition(" ")[0]
    assert found.status is Status.FAILED
    assert found.reason == f"1 row of public.{table} carries ids of forged requests"


def test_rows_of_signed_requests_and_of_other_runs_are_no_trace(any_deployment: Deployment) -> None:
    def leave(run: str) -> str:
        other, signed = "easymo-verification-forged-ffffffffffff-1", f"easymo-verification-signed-{run}-1"
        statement = LEFT_BEHIND["webhook_dlq"]
        return f"{statement.format(id=other)}; {statement.format(id=signed)}"

    found = trace(any_deployment, leave)
    assert found.status is Status.PASSED
    assert found.judge is not None
    assert "1 row of public.webhook_dlq are traces of another run's forged requests" in found.judge.findings


def test_old_row_is_not_searched(any_deployment: Deployment) -> None:
    def leave(run: str) -> str:
        return (
            "insert into webhook_dlq (service, request_id, payload, created_at) values "
            f"('wa-webhook', 'easymo-verification-forged-{run}-1', '{{}}', now() - interval '1 hour')"
        )

    assert trace(any_deployment, leave).status is Status.PASSED


def test_row_without_a_message_where_payloads_are_hidden_leaves_it_unproven(any_deployment: Deployment) -> None:
    found = trace(any_deployment, lambda run: UNNAMED_EVENT)
    assert found.status is Status.UNPROVEN
    assert found.reason == (
        f"public.wa_events was not searched in payload, which role {VERIFIER} may not read, and 1 row without a "
        f"message id came meanwhile (GRANT SELECT (payload) ON public.wa_events TO {VERIFIER})"
    )


def test_payload_that_the_role_may_read_is_searched(any_deployment: Deployment) -> None:
    def leave(run: str) -> str:
        return f"grant select (payload) on wa_events to {VERIFIER}; " + UNNAMED_EVENT.replace(
            "{}", f'{{"verification": "easymo-verification-forged-{run}-3"}}'
        )

    assert trace(any_deployment, leave).reason == "1 row of public.wa_events carries ids of forged requests"


def test_table_that_is_hidden_is_unproven_with_its_grant(any_deployment: Deployment) -> None:
    found = trace(any_deployment, lambda run: f"revoke select on webhook_dlq from {VERIFIER}")
    assert found.status is Status.UNPROVEN
    assert (
        "public.webhook_dlq was not searched: role easymo_verifier may not read public.webhook_dlq" in found.reason
    )
    assert "GRANT SELECT (created_at) ON public.webhook_dlq TO easymo_verifier" in found.reason


def test_table_that_is_missing_fails_by_name(any_deployment: Deployment) -> None:
    found = trace(any_deployment, lambda run: "alter table wa_events rename to wa_happenings")
    assert found.status is Status.FAILED
    assert "table public.wa_events does not exist" in found.reason


def test_successor_of_a_table_is_searched_too(any_deployment: Deployment) -> None:
    def leave(run: str) -> str:
        return (
            "create table wa_events_new (like wa_events including all); "
            f"grant select on wa_events_new to {VERIFIER}; "
            + LEFT_BEHIND["wa_events"]
            .format(id=f"easymo-verification-forged-{run}-4")
            .replace("wa_events", "wa_events_new")
        )

    assert "1 row of public.wa_events_new carries" in trace(any_deployment, leave).reason


def test_column_with_a_strange_name_is_searched(any_deployment: Deployment) -> None:
    def leave(run: str) -> str:
        return (
            'alter table webhook_dlq add column "100% ""raw""" text; '
            f"grant select on webhook_dlq to {VERIFIER}; "
            'insert into webhook_dlq (service, payload, "100% ""raw""") '
            f"values ('wa-webhook', '{{}}', 'easymo-verification-forged-{run}-5')"
        )

    assert trace(any_deployment, leave).reason == "1 row of public.webhook_dlq carries ids of forged requests"


def test_large_table_without_index_is_searched_for_rows_without_a_message(any_deployment: Deployment) -> None:
    def leave(run: str) -> str:
        return (
            "update pg_class set reltuples = 5000000 where oid = 'public.whatsapp_messages'::regclass; "
            f"grant select (payload) on whatsapp_messages to {VERIFIER}; "
            "insert into whatsapp_messages (direction, payload) "
            f"values ('inbound', '{{\"verification\": \"easymo-verification-forged-{run}-6\"}}')"
        )

    found = trace(any_deployment, leave)
    assert found.reason == "1 row of public.whatsapp_messages carries ids of forged requests"
    assert found.judge is not None
    assert any("only rows without a message id were searched" in finding for finding in found.judge.findings)


def test_large_table_is_searched_by_the_index_of_its_message_ids(any_deployment: Deployment) -> None:
    relation = Relation("public", "whatsapp_messages", "r", False, False, 5e6, COLUMNS, {}, ())
    sql = search(relation, ["id", "wa_message_id"], Settings())
    rows = any_deployment.superuser_execute(
        "insert into whatsapp_messages (wa_message_id, direction) select 'm' || n, 'inbound' "
        "from generate_series(1, 20000) as n; analyze whatsapp_messages; explain "
        + sql.sql.replace("%(run)s", "'x'").replace("%(pattern)s", "'x'").replace("%(seconds)s", "60")
    )
    assert any("whatsapp_messages_wa_message_id_idx" in row[0] for row in rows), rows


def passes(*rows: str) -> Meddle:
    """Rows of the processor's log: status, and when it was written."""
    values = ", ".join(f"('{status}', {at})" for status, _, at in (row.partition(" ") for row in rows))
    return lambda run: f"insert into dlq_processing_log (status, processed_at) values {values}"


def processed(deployment: Deployment, meddle: Meddle) -> Outcome:
    return judge(PROCESSED, look(deployment, meddle))


def test_pass_that_the_schedule_did_not_trigger_fails(any_deployment: Deployment) -> None:
    found = processed(any_deployment, passes("completed now()"))
    assert found.status is Status.FAILED
    assert found.reason == (
        "1 pass ended while dlq-processor was called without its key, not triggered by the schedule, although the "
        "calls got 401, 401, 401, 401"
    )


@pytest.mark.parametrize(
    "rows",
    [
        ("triggered now() - interval '1 second'", "completed now()"),
        ("completed now() - interval '1 minute'",),
        ("triggered now()",),
    ],
    ids=["scheduled", "earlier", "only triggered"],
)
def test_other_passes_are_no_sign_of_it(any_deployment: Deployment, rows: tuple[str, ...]) -> None:
    assert processed(any_deployment, passes(*rows)).status is Status.PASSED


def test_one_schedule_explains_one_pass_only(any_deployment: Deployment) -> None:
    meddle = passes("triggered now() - interval '1 second'", "completed now()", "completed now()")
    assert processed(any_deployment, meddle).status is Status.FAILED


def test_log_that_never_says_what_is_scheduled_leaves_it_unproven(any_deployment: Deployment) -> None:
    def meddle(run: str) -> str:
        return "delete from dlq_processing_log where status = 'triggered'; " + passes("completed now()")(run)

    found = processed(any_deployment, meddle)
    assert found.status is Status.UNPROVEN
    assert "no row that says what the schedule triggers" in found.reason


def test_requests_are_recognised_by_their_prefix(any_deployment: Deployment) -> None:
    evidence = look(any_deployment, lambda run: "")
    run = evidence.pieces["webhook_probes"].run_id
    assert len(run) == 12
    assert evidence.pieces["webhook_probes"].began <= datetime.now(UTC)
