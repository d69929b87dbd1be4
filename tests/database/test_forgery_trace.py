"""Check 4 on a real database: rows with ids of refused requests, and passes that the schedule did not start."""

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
"""Makes SQL from the id of the run; it is executed after the probes, before the database is read."""


def look(deployment: Deployment, meddle: Meddle, settings: Settings | None = None) -> Evidence:
    """Read as a run does, and execute SQL after the probes, before the database is read."""
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
    """Judge the traces of forged requests."""
    return judge(TRACE, look(deployment, meddle, settings))


def test_healthy_deployment_keeps_no_trace(deployment: Deployment) -> None:
    """All tables are searched in their readable columns, and none has a row of a forged request."""
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
    """A row is found in each table, in a column or inside a payload."""

    def leave(run: str) -> str:
        return LEFT_BEHIND[place].format(id=f"easymo-verification-forged-{run}-12")

    found = trace(any_deployment, leave)
    table = place.partition(" ")[0]
    assert found.status is Status.FAILED
    assert found.reason == f"1 row of public.{table} contains ids of forged requests"


def test_rows_of_other_requests_are_no_trace(any_deployment: Deployment) -> None:
    """Rows of signed requests pass, and so do those of other runs, which are reported."""

    def leave(run: str) -> str:
        other, signed = "easymo-verification-forged-ffffffffffff-1", f"easymo-verification-signed-{run}-1"
        statement = LEFT_BEHIND["webhook_dlq"]
        return f"{statement.format(id=other)}; {statement.format(id=signed)}"

    found = trace(any_deployment, leave)
    assert found.status is Status.PASSED
    assert found.judge is not None
    assert "ids of other runs' forged requests: 1 row of public.webhook_dlq" in found.judge.findings


def test_old_row_is_not_searched(any_deployment: Deployment) -> None:
    """A row that was created an hour ago is not searched."""

    def leave(run: str) -> str:
        return (
            "insert into webhook_dlq (service, request_id, payload, created_at) values "
            f"('wa-webhook', 'easymo-verification-forged-{run}-1', '{{}}', now() - interval '1 hour')"
        )

    assert trace(any_deployment, leave).status is Status.PASSED


def test_new_row_with_hidden_payload_is_unproven(any_deployment: Deployment) -> None:
    """A new row without a message id, whose payload the role may not read, may be a trace."""
    found = trace(any_deployment, lambda run: UNNAMED_EVENT)
    assert found.status is Status.UNPROVEN
    assert found.reason == (
        f"public.wa_events was not searched in payload, which role {VERIFIER} may not read, and 1 new row "
        f"had no message id (GRANT SELECT (payload) ON public.wa_events TO {VERIFIER})"
    )


def test_readable_payload_is_searched(any_deployment: Deployment) -> None:
    """With a grant on the payload, an id inside it is found."""

    def leave(run: str) -> str:
        return f"grant select (payload) on wa_events to {VERIFIER}; " + UNNAMED_EVENT.replace(
            "{}", f'{{"verification": "easymo-verification-forged-{run}-3"}}'
        )

    assert trace(any_deployment, leave).reason == "1 row of public.wa_events contains ids of forged requests"


def test_hidden_table_is_unproven(any_deployment: Deployment) -> None:
    """The reason names the table, the role and the missing grant."""
    found = trace(any_deployment, lambda run: f"revoke select on webhook_dlq from {VERIFIER}")
    assert found.status is Status.UNPROVEN
    assert (
        "public.webhook_dlq was not searched: role easymo_verifier may not read public.webhook_dlq" in found.reason
    )
    assert "GRANT SELECT (created_at) ON public.webhook_dlq TO easymo_verifier" in found.reason


def test_missing_table_points_to_check_1(any_deployment: Deployment) -> None:
    """A table of the contract that does not exist leaves the look for traces unproven."""
    found = trace(any_deployment, lambda run: "alter table wa_events rename to wa_happenings")
    assert found.status is Status.UNPROVEN
    assert "table public.wa_events does not exist; check 1 names the cause" in found.reason


def test_successor_table_is_searched(any_deployment: Deployment) -> None:
    """Rows of ``<table>_new`` are searched too."""

    def leave(run: str) -> str:
        return (
            "create table wa_events_new (like wa_events including all); "
            f"grant select on wa_events_new to {VERIFIER}; "
            + LEFT_BEHIND["wa_events"]
            .format(id=f"easymo-verification-forged-{run}-4")
            .replace("wa_events", "wa_events_new")
        )

    assert "1 row of public.wa_events_new contains" in trace(any_deployment, leave).reason


def test_column_with_a_strange_name_is_searched(any_deployment: Deployment) -> None:
    """A column whose name has quotes and a percent sign is searched."""

    def leave(run: str) -> str:
        return (
            'alter table webhook_dlq add column "100% ""raw""" text; '
            f"grant select on webhook_dlq to {VERIFIER}; "
            'insert into webhook_dlq (service, payload, "100% ""raw""") '
            f"values ('wa-webhook', '{{}}', 'easymo-verification-forged-{run}-5')"
        )

    assert trace(any_deployment, leave).reason == "1 row of public.webhook_dlq contains ids of forged requests"


def test_large_unindexed_table_is_searched_in_part(any_deployment: Deployment) -> None:
    """Without an index on created_at only rows without a message id are searched, and the finding says so."""

    def leave(run: str) -> str:
        return (
            "update pg_class set reltuples = 5000000 where oid = 'public.whatsapp_messages'::regclass; "
            f"grant select (payload) on whatsapp_messages to {VERIFIER}; "
            "insert into whatsapp_messages (direction, payload) "
            f"values ('inbound', '{{\"verification\": \"easymo-verification-forged-{run}-6\"}}')"
        )

    found = trace(any_deployment, leave)
    assert found.reason == "1 row of public.whatsapp_messages contains ids of forged requests"
    assert found.judge is not None
    assert any("only rows without a message id were searched" in finding for finding in found.judge.findings)


def test_large_table_is_searched_by_its_index(any_deployment: Deployment) -> None:
    """The plan of the search uses the index on the message ids."""
    relation = Relation("public", "whatsapp_messages", "r", False, False, 5e6, COLUMNS, {}, ())
    sql = search(relation, ["id", "wa_message_id"], Settings())
    rows = any_deployment.superuser_execute(
        "insert into whatsapp_messages (wa_message_id, direction) select 'm' || n, 'inbound' "
        "from generate_series(1, 20000) as n; analyze whatsapp_messages; explain "
        + sql.sql.replace("%(run)s", "'x'").replace("%(pattern)s", "'x'").replace("%(seconds)s", "60")
    )
    assert any("whatsapp_messages_wa_message_id_idx" in row[0] for row in rows), rows


def passes(*rows: str) -> Meddle:
    """SQL for rows of the processor's log: status and time."""
    values = ", ".join(f"('{status}', {at})" for status, _, at in (row.partition(" ") for row in rows))
    return lambda run: f"insert into dlq_processing_log (status, processed_at) values {values}"


def processed(deployment: Deployment, meddle: Meddle) -> Outcome:
    """Judge the passes that ended during the calls."""
    return judge(PROCESSED, look(deployment, meddle))


def test_unscheduled_pass_fails(any_deployment: Deployment) -> None:
    """A pass that ends without a trigger fails, with the answers of the calls."""
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
def test_other_passes_do_not_fail(any_deployment: Deployment, rows: tuple[str, ...]) -> None:
    """A scheduled pass, an earlier one, and a trigger without a pass fail nothing."""
    assert processed(any_deployment, passes(*rows)).status is Status.PASSED


def test_one_trigger_explains_one_pass(any_deployment: Deployment) -> None:
    """Of two passes after one trigger, the second fails."""
    meddle = passes("triggered now() - interval '1 second'", "completed now()", "completed now()")
    assert processed(any_deployment, meddle).status is Status.FAILED


def test_log_without_triggers_is_unproven(any_deployment: Deployment) -> None:
    """If the log has no triggers, a scheduled pass cannot be told from another one."""

    def meddle(run: str) -> str:
        return "delete from dlq_processing_log where status = 'triggered'; " + passes("completed now()")(run)

    found = processed(any_deployment, meddle)
    assert found.status is Status.UNPROVEN
    assert "no triggered rows to tell which were scheduled" in found.reason


def test_probes_have_a_run_id_and_a_time(any_deployment: Deployment) -> None:
    """The run id has 12 characters, and the probes began in the past."""
    evidence = look(any_deployment, lambda run: "")
    run = evidence.pieces["webhook_probes"].run_id
    assert len(run) == 12
    assert evidence.pieces["webhook_probes"].began <= datetime.now(UTC)
