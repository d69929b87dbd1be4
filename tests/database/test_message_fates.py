"""Check 10: each inbound message is processed, or on its way through the DLQ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.test_daily import test_no_message_is_lost as check_10
from fixtures.evidence.document import plain, to_text
from fixtures.outcome import Status
from fixtures.settings.limits import Limits
from fixtures.settings.model import Names, Settings
from tests.database.rows import DLQ, DONE, EVENTS, TEXTS, event, letter, record, text
from tests.outcomes import assert_outcome, judge, read

UNCHECKED = f"ALTER TABLE {DLQ} DROP CONSTRAINT webhook_dlq_status_check;"
FAULTS = {
    "in neither": (event(), "1 message neither processed nor in the DLQ: unknown 1, "),
    "an hour of messages that nothing processed": (
        f"DELETE FROM {DONE} WHERE created_at BETWEEN now() - interval '2 hours' AND now() - interval '1 hour'",
        "messages neither processed nor in the DLQ: unknown 7",
    ),
    "recorded as a text only": (text("wamid.LOST02"), "1 message neither processed nor in the DLQ"),
    "left unprocessed": (
        event() + record("wamid.LOST01", "false"),
        "1 message recorded as not processed, and not in the DLQ: unknown 1",
    ),
    "left unprocessed, and no event of it": (
        record("wamid.LOST03", "false"),
        "1 message recorded as not processed, and not in the DLQ",
    ),
    "whether it was processed is not said": (
        f"ALTER TABLE {DONE} ALTER processed DROP NOT NULL;" + event() + record("wamid.LOST01", "NULL"),
        "1 message recorded as not processed, and not in the DLQ",
    ),
    "failed": (
        event() + letter("failed", "wamid.LOST01"),
        "1 message failed in the DLQ after the last retry: wa-webhook-core 1",
    ),
    "failed, by its correlation": (
        event() + record("wamid.LOST01", "false") + letter("failed", correlation="'c-1'"),
        "1 message failed in the DLQ after the last retry",
    ),
    "discarded": (
        event() + letter("discarded", "wamid.LOST01"),
        "1 message discarded in the DLQ: wa-webhook-core 1",
    ),
    "all messages of one request": (
        letter("failed", "wamid.LOST01", "wamid.LOST02", "wamid.LOST03"),
        "3 messages failed in the DLQ after the last retry",
    ),
    "failed today after a day of retries": (
        letter("failed", "wamid.LOST01", at="now() - interval '30 hours'")
        + f"UPDATE {DLQ} SET last_retry_at = now() - interval '2 hours' WHERE status = 'failed' "
        "AND created_at > now() - interval '2 days'",
        "1 message failed in the DLQ after the last retry",
    ),
    "a request that nobody can read": (
        letter("failed", payload={"body": "garbled"}),
        "1 message failed in the DLQ after the last retry",
    ),
    "an unknown status in the DLQ": (
        UNCHECKED + event() + letter("parked", "wamid.LOST01"),
        "1 message in the DLQ with status parked, which the contract does not know",
    ),
    "only quoted by a message in the DLQ": (
        event()
        + letter(
            "pending",
            payload={
                "entry": [{"changes": [{"value": {"messages": [{"id": "b", "context": {"id": "wamid.LOST01"}}]}}]}]
            },
        ),
        "1 message neither processed nor in the DLQ",
    ),
    "another message of the same request is in the DLQ": (
        event() + event("'wamid.LOST02'") + letter("pending", "wamid.LOST02"),
        "1 message neither processed nor in the DLQ",
    ),
    "empty correlation ids match nothing": (
        event() + record("wamid.LOST01", "false", "''") + letter("pending", correlation="''"),
        "1 message recorded as not processed",
    ),
    "from the future": (
        event(at="now() + interval '2 days'"),
        "1 row of wa_events dated in the future",
    ),
    "read by us, and lost": (
        event() + event(kind="read", way="outbound"),
        "1 message neither processed nor in the DLQ",
    ),
    "a record of processing from the future": (
        record("wamid.LOST04", "false", at="now() + interval '2 hours'"),
        "1 row of processed_webhook_messages dated in the future",
    ),
    "a text from the end of time": (
        text("wamid.LOST05", at="'infinity'"),
        "1 row of whatsapp_messages dated in the future",
    ),
    "a record of processing at no time": (
        f"ALTER TABLE {DONE} ALTER created_at DROP NOT NULL;" + record("wamid.LOST06", "false", at="NULL"),
        "1 row of processed_webhook_messages without created_at",
    ),
    "a text at no time": (
        f"ALTER TABLE {TEXTS} ALTER created_at DROP NOT NULL;" + text("wamid.LOST07", at="NULL"),
        "1 row of whatsapp_messages without created_at",
    ),
    "failed, in an entry without an id": (
        f"ALTER TABLE {DLQ} DROP CONSTRAINT webhook_dlq_pkey, ALTER id DROP NOT NULL;"
        + letter("failed", payload={"body": "garbled"})
        + f"UPDATE {DLQ} SET id = NULL WHERE status = 'failed'",
        "1 message failed in the DLQ after the last retry",
    ),
    "failed, at another service each": (
        f"INSERT INTO {DLQ} (service, payload, status, created_at) SELECT 'svc-' || n, '[]', 'failed', "
        "now() - interval '1 hour' FROM generate_series(1, 300) AS n",
        "; 290 other services 290, ",
    ),
}

ODD_BUT_HEALTHY = {
    "delivered twice": event("'wamid.TWICE'") * 2 + record("wamid.TWICE", "true"),
    "processed without an event": record("wamid.EXTRA", "true"),
    "processed before it was recorded": event("'wamid.EARLY'", "now() - interval '23 hours 59 minutes'")
    + record("wamid.EARLY", "true", at="now() - interval '24 hours 1 minute'"),
    "waiting, by its id": event() + letter("pending", "wamid.LOST01"),
    "waiting, by its correlation": event()
    + record("wamid.LOST01", "false")
    + letter("pending", correlation="'c-1'"),
    "being processed by a pass": event() + letter("processing", "wamid.LOST01"),
    "one request with many messages": "".join(event(f"'wamid.MANY{n}'") for n in range(5))
    + letter("pending", *(f"wamid.MANY{n}" for n in range(5))),
    "failed at first, reprocessed later": event()
    + letter("failed", "wamid.LOST01", at="now() - interval '2 hours'")
    + letter("reprocessed", "wamid.LOST01"),
    "failed in the DLQ, processed when it was delivered again": event()
    + letter("failed", "wamid.LOST01")
    + record("wamid.LOST01", "true"),
    "a payload in a wrapper": event()
    + letter("pending", payload={"body": {"value": [{"messages": [{"id": "wamid.LOST01"}]}]}}),
    "delivered again, and waiting since days": event()
    + letter("pending", "wamid.LOST01", at="now() - interval '3 days'"),
    "waiting since nobody knows when": f"ALTER TABLE {DLQ} ALTER created_at DROP NOT NULL;"
    + event()
    + letter("pending", "wamid.LOST01")
    + f"UPDATE {DLQ} SET created_at = NULL WHERE correlation_id = 'c-2'",
    "delivered again, reprocessed today after days": event()
    + letter("reprocessed", "wamid.LOST01", at="now() - interval '3 days'")
    + f"UPDATE {DLQ} SET last_retry_at = now() - interval '1 hour' WHERE correlation_id = 'c-2'",
    "delivery reports in capitals": event("'wamid.REPORT'", kind="Status") + event("NULL", kind="DELIVERED"),
    "younger than the grace": event(at="now() - interval '14 minutes'"),
    "older than a day": event(at="now() - interval '25 hours'"),
    "given up before the day began": letter("failed", "wamid.OLD", at="now() - interval '2 days'"),
    "a delivery report of a message of ours": event("'wamid.OURS'", way="outbound")
    + event("'wamid.OURS'", kind="message_status"),
    "a reply that only the texts know": text("wamid.OURS2", "outbound")
    + event("'wamid.OURS2'", kind="read_receipt"),
    "delivery reports by their type": event("'wamid.REPORT'", kind="status") + event("NULL", kind="delivered"),
    "outbound without an id": event("NULL", way="outbound"),
    "a message in the DLQ that nothing else knows": letter("pending", "wamid.NEW"),
    "payloads that are no objects": letter("reprocessed", payload="not an envelope")
    + letter("pending", payload=[1]),
    "no index on the time": "DROP INDEX public.wa_events_created_at_idx, "
    "public.processed_webhook_messages_created_at_idx",
    "no index at all": f"ALTER TABLE {DONE} DROP CONSTRAINT processed_webhook_messages_whatsapp_message_id_key;"
    "DROP INDEX public.wa_events_message_id_idx, public.whatsapp_messages_wa_message_id_idx",
    "the same message processed in two rows": f"ALTER TABLE {DONE} DROP CONSTRAINT "
    "processed_webhook_messages_whatsapp_message_id_key;"
    + event()
    + record("wamid.LOST01", "false")
    + record("wamid.LOST01", "true"),
    "a plain table of events": f"CREATE TABLE public.plain AS SELECT * FROM {EVENTS}; DROP TABLE {EVENTS};"
    f"ALTER TABLE public.plain RENAME TO wa_events; GRANT SELECT ON {EVENTS} TO easymo_verifier",
    "a successor that has the same events": "CREATE TABLE public.wa_events_new (LIKE public.wa_events "
    "INCLUDING DEFAULTS) "
    "PARTITION BY RANGE (created_at); CREATE TABLE public.wa_events_new_all PARTITION OF public.wa_events_new "
    f"DEFAULT; INSERT INTO public.wa_events_new SELECT * FROM {EVENTS};"
    "GRANT SELECT ON public.wa_events_new TO easymo_verifier",
}


def test_healthy_deployment_passes(deployment):
    """Nothing is lost in the traffic of any kind of deployment; the log's figures agree with the records."""
    evidence = read(deployment.access, [check_10])
    outcome = judge(check_10, evidence)
    assert_outcome(outcome, Status.PASSED)
    findings = "\n".join(outcome.judge.findings)
    assert ", 0 lost, 4 waiting in the DLQ" in findings
    assert "accepted by the functions' log from" in findings
    fates = evidence.piece("message_fates")
    assert fates.received == sum(fates.minutes) == sum(hour.received for hour in fates.hours) > 500


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault, judged, changed):
    """Each loss is counted by reason and service, and each gap of the records is named."""
    sql, part = FAULTS[fault]
    changed(sql)
    assert_outcome(judged(check_10), Status.FAILED, part)


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_is_quiet(variant, judged, changed):
    """What is unusual and served raises no alarm."""
    changed(ODD_BUT_HEALTHY[variant])
    assert_outcome(judged(check_10), Status.PASSED)


def test_undated_events_fail(judged, changed):
    """Events without a time are in no window, so that their loss would never be seen."""
    changed(ODD_BUT_HEALTHY["a plain table of events"])
    changed(event(at="NULL"))
    assert_outcome(judged(check_10), Status.FAILED, "1 row of wa_events without created_at")


def test_loss_in_the_successor_is_found(judged, changed):
    """Until the two are swapped, events of the successor count too."""
    changed(ODD_BUT_HEALTHY["a successor that has the same events"])
    changed(event().replace(EVENTS, "public.wa_events_new"))
    assert_outcome(judged(check_10), Status.FAILED, "1 message neither processed nor in the DLQ")


def test_loss_is_told_with_times_and_masked_ids(judged, changed):
    """First and last time and the end of the ids: whole ids hold phone numbers."""
    changed(
        "".join(
            event(f"'wamid.HBgLMjUwNzg4MTIzNDU2FQIAEhg{n:02}ABCD'", f"now() - interval '{n} hours'")
            for n in (2, 5)
        )
    )
    outcome = judged(check_10)
    assert_outcome(outcome, Status.FAILED, "2 messages neither", " to ", "ids …05ABCD, …02ABCD")
    assert "HBgL" not in str(outcome)


def test_at_most_twenty_ids_are_told(judged, changed):
    """A great loss is counted whole and told by twenty ids."""
    changed("".join(event(f"'wamid.{n:06}'") for n in range(50)))
    outcome = judged(check_10)
    assert_outcome(outcome, Status.FAILED, "50 messages neither")
    assert outcome.reason.count("…") == 20


def test_no_traffic_is_unproven(any_deployment, judged, changed):
    """Where nothing was recorded, nothing can be said of loss."""
    changed(f"TRUNCATE {EVENTS}, {TEXTS}, {DONE}, {DLQ}")
    access = replace(any_deployment.access, log_file=None)
    assert_outcome(judged(check_10, access=access), Status.UNPROVEN, "no inbound message is recorded between")


def test_records_that_nobody_writes_are_unproven(any_deployment, judged, changed):
    """Messages that were processed but never recorded as received leave nothing to measure the loss against."""
    changed(f"TRUNCATE {EVENTS}, {TEXTS}; DELETE FROM {DONE} WHERE NOT processed")
    access = replace(any_deployment.access, log_file=None)
    assert_outcome(judged(check_10, access=access), Status.UNPROVEN, ", though ", "messages were processed")


@pytest.mark.parametrize(
    ("sql", "part"),
    [
        (event("NULL"), "1 event of wa_events cannot be followed: inbound without a message id, or"),
        (event("''"), "1 event of wa_events cannot be followed: inbound without a message id, or"),
        (
            f"ALTER TABLE {DONE} ALTER whatsapp_message_id DROP NOT NULL;"
            + record("x", "false")
            + f"UPDATE {DONE} SET whatsapp_message_id = NULL WHERE whatsapp_message_id = 'x'",
            "1 row of processed_webhook_messages not processed and without whatsapp_message_id",
        ),
        (record("", "false"), "1 row of processed_webhook_messages not processed and without"),
        (
            f"ALTER TABLE {EVENTS} DROP CONSTRAINT wa_events_direction_check;" + event(way="in"),
            "1 event of wa_events cannot be followed",
        ),
    ],
)
def test_events_that_cannot_be_followed_are_unproven(sql, part, judged, changed):
    """What cannot be matched with anything is neither lost nor safe."""
    changed(sql)
    assert_outcome(judged(check_10), Status.UNPROVEN, part)


def test_hidden_rows_are_unproven(judged, changed):
    """A role to which row security shows nothing has not seen that nothing is lost."""
    changed("ALTER ROLE easymo_verifier NOBYPASSRLS")
    assert_outcome(judged(check_10), Status.UNPROVEN, "row security hides rows of public.wa_events")


def test_hidden_successor_is_unproven(judged, changed):
    """Messages may be recorded in the successor only, so that nobody knows of them until the role may read it."""
    changed(ODD_BUT_HEALTHY["a successor that has the same events"])
    changed("REVOKE SELECT ON public.wa_events_new FROM easymo_verifier")
    assert_outcome(judged(check_10), Status.UNPROVEN, "wa_events_new was not searched", "GRANT SELECT (")
    changed(event())
    assert_outcome(judged(check_10), Status.FAILED, "1 message neither processed nor in the DLQ")


def test_successor_of_another_form_is_named(judged, changed):
    """A successor that cannot be searched for messages is a fault with a name."""
    changed(ODD_BUT_HEALTHY["a successor that has the same events"])
    changed("ALTER TABLE public.wa_events_new RENAME message_id TO wamid")
    assert_outcome(judged(check_10), Status.FAILED, "public.wa_events_new has no column message_id")


def test_texts_that_are_too_many_to_read_are_left_out_aloud(judged, changed):
    """Without an index on the time, a large table of texts is not searched; the report says so."""
    changed(f"UPDATE pg_class SET reltuples = 9e6 WHERE oid = '{TEXTS}'::regclass")
    outcome = judged(check_10)
    assert_outcome(outcome, Status.PASSED)
    assert any("whatsapp_messages was not searched by time" in finding for finding in outcome.judge.findings)


def test_other_events_are_a_setting(judged, changed):
    """The settings name an application's own types of events that are not messages."""
    changed(event("'wamid.TPL'", kind="template_update"))
    assert_outcome(judged(check_10), Status.FAILED)
    settings = Settings(names=Names(other_events=("template_update",)))
    assert_outcome(judged(check_10, settings), Status.PASSED)


def test_no_personal_data_is_in_the_evidence(any_deployment, changed):
    """Neither phone numbers nor message ids nor texts leave the database."""
    changed(event() + letter("failed", "wamid.LOST09"))
    text_of = to_text(plain(read(any_deployment.access, [check_10])))
    assert "wamid" not in text_of
    assert "5550" not in text_of
    assert "hello" not in text_of


def test_a_flood_of_losses_stays_cheap_and_says_at_least(judged, changed):
    """Of a day on which everything is lost the latest records are looked up, and the rest is counted."""
    changed(
        f"INSERT INTO {EVENTS} (event_type, message_id, direction, status, created_at) "
        "SELECT 'message', 'wamid.' || n, 'inbound', 'x', now() - interval '1 hour' - n * interval '1 second' "
        "FROM generate_series(1, 12000) n"
    )
    outcome = judged(check_10)
    assert_outcome(outcome, Status.FAILED, "at least ", " messages neither processed nor in the DLQ: unknown ")
    assert "records of messages have no processed row; the latest 10000 were looked up" in str(
        outcome.judge.findings
    )


def test_a_flood_that_the_dlq_has_is_unproven(judged, changed):
    """Where the latest records are safe, the ones before them were still not looked at."""
    changed(
        f"INSERT INTO {DONE} (whatsapp_message_id, correlation_id, processed, created_at) "
        "SELECT 'wamid.' || n, 'flood', false, now() - interval '1 hour' FROM generate_series(1, 12000) n;"
        + letter("pending", correlation="'flood'")
    )
    assert_outcome(judged(check_10), Status.UNPROVEN, "of which the latest 10000 were looked up")


def test_missing_index_is_named_where_it_is_missed(judged, changed):
    """What takes longer than the statement timeout is unproven, with the index that would help and no other."""
    changed(
        f"INSERT INTO {EVENTS} (event_type, message_id, direction, status, created_at) "
        "SELECT 'message', 'wamid.' || n, 'inbound', 'x', now() - interval '1 hour' "
        "FROM generate_series(1, 4000) n; DROP INDEX public.wa_events_message_id_idx"
    )
    settings = Settings(limits=Limits(statement_timeout_seconds=0.5))
    outcome = judged(check_10, settings)
    assert_outcome(outcome, Status.UNPROVEN, "messages without a processed row: too large to read within 0.5 s")
    assert "(an index on (message_id) of public.wa_events would help)" in outcome.reason
