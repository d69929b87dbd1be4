"""A dead letter on the real chain: queued, retried with the contract's back-off, then reprocessed or failed."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from tests.deployments import Deployment
from tests.local.requests import call, deliver, message, run_pass

BACK_OFF = [
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
]
CHAIN_SECONDS = 10.0

LETTER = """
    SELECT status, retry_count, next_retry_at - last_retry_at, error_type, status_code FROM public.webhook_dlq
    WHERE payload #>> '{entry,0,changes,0,value,messages,0,id}' = %s
"""
NEWEST_COMPLETED = """
    SELECT id, entries_processed, entries_failed FROM public.dlq_processing_log WHERE status = 'completed'
    ORDER BY id DESC LIMIT 1
"""


def letter_of(deployment: Deployment, sent: dict[str, Any]) -> tuple[Any, ...]:
    """Return status, retries, back-off, error type and status code of a message's dead letter."""
    (row,) = deployment.owner_execute(LETTER, [sent["id"]])
    return row


def make_due(deployment: Deployment) -> None:
    """Set every pending letter to be due now."""
    deployment.owner_execute("UPDATE public.webhook_dlq SET next_retry_at = now() WHERE status = 'pending'")


def set_breaker(deployment: Deployment, state: str) -> None:
    """Set the state of the breaker ``whatsapp-api``."""
    deployment.owner_execute(
        "INSERT INTO public.circuit_breaker_events (service, state) VALUES ('whatsapp-api', %s)", [state]
    )


def test_schedule_reaches_processor_and_log(deployment: Deployment) -> None:
    """process_dlq_entries() → net.http_post → dlq-processor → row ``completed`` and HTTP response."""
    before = deployment.owner_execute(NEWEST_COMPLETED)[0][0]
    deployment.owner_execute("SELECT public.process_dlq_entries()")
    deadline = time.monotonic() + CHAIN_SECONDS
    while deployment.owner_execute(NEWEST_COMPLETED)[0][0] == before:
        assert time.monotonic() < deadline, "process_dlq_entries() led to no completed pass"
        time.sleep(0.02)
    rows = deployment.owner_execute(
        "SELECT status FROM public.dlq_processing_log WHERE id > %s ORDER BY id", [before]
    )
    assert rows == [("triggered",), ("completed",)]
    while not deployment.owner_execute(
        "SELECT 1 FROM net._http_response WHERE created > now() - interval '10 s' AND status_code = 200"
        " AND content::jsonb ->> 'success' = 'true'"
    ):
        assert time.monotonic() < deadline, "the response of the pass was not recorded"
        time.sleep(0.02)


def test_rolled_back_schedule_sends_nothing(any_deployment: Deployment) -> None:
    """Requests are sent after commit only, as with pg_net."""
    before = any_deployment.owner_execute(NEWEST_COMPLETED)
    any_deployment.owner_execute("BEGIN; SELECT public.process_dlq_entries(); ROLLBACK")
    assert any_deployment.superuser_execute("SELECT count(*) FROM net.http_request_queue") == [(0,)]
    assert any_deployment.owner_execute(NEWEST_COMPLETED) == before


def test_failed_message_is_queued_and_due_at_once(deployment: Deployment) -> None:
    """Its row is marked as not processed, and its event as failed."""
    sent = message("unsupported")
    assert deliver(deployment, sent).status_code == 200
    assert letter_of(deployment, sent) == ("pending", 0, None, "UnsupportedMessage", 422)
    rows = deployment.owner_execute(
        "SELECT next_retry_at <= now(), letter.service, processed, event.status"
        " FROM public.webhook_dlq AS letter"
        " JOIN public.processed_webhook_messages AS done USING (correlation_id)"
        " JOIN public.wa_events AS event ON message_id = whatsapp_message_id WHERE whatsapp_message_id = %s",
        [sent["id"]],
    )
    assert rows == [(True, "wa-webhook-core", False, "failed")]


def test_retries_back_off_and_then_fail(deployment: Deployment) -> None:
    """Five back-offs: 5 min, 15 min, 1 h, 4 h, 12 h; after the sixth failure the letter is ``failed``."""
    deployment.owner_execute("DELETE FROM public.webhook_dlq")
    sent = message("unsupported")
    deliver(deployment, sent)
    for retry, wait in enumerate(BACK_OFF, start=1):
        make_due(deployment)
        assert run_pass(deployment).json() == {"success": True, "processed": 1, "failed": 1}
        assert letter_of(deployment, sent)[:3] == ("pending", retry, wait)
        assert run_pass(deployment).json()["processed"] == 0, "it was retried before it was due"
    make_due(deployment)
    run_pass(deployment)
    assert letter_of(deployment, sent)[:3] == ("failed", 5, None)


def test_letter_is_reprocessed_after_the_breaker_closes(deployment: Deployment) -> None:
    """Its message and its event become processed too."""
    set_breaker(deployment, "OPEN")
    sent = message()
    deliver(deployment, sent)
    assert letter_of(deployment, sent) == ("pending", 0, None, "CircuitBreakerOpen", 503)
    run_pass(deployment)
    assert letter_of(deployment, sent)[:3] == ("pending", 1, BACK_OFF[0])
    set_breaker(deployment, "CLOSED")
    make_due(deployment)
    run_pass(deployment)
    assert letter_of(deployment, sent)[:3] == ("reprocessed", 1, None)
    rows = deployment.owner_execute(
        "SELECT processed, event.status FROM public.processed_webhook_messages"
        " JOIN public.wa_events AS event ON message_id = whatsapp_message_id WHERE whatsapp_message_id = %s",
        [sent["id"]],
    )
    assert rows == [(True, "processed")]


def test_failed_pass_is_logged(any_deployment: Deployment) -> None:
    """A pass without the privilege to read its letters adds a row ``failed`` with the error's type."""
    any_deployment.owner_execute("REVOKE ALL ON public.webhook_dlq FROM service_role")
    assert run_pass(any_deployment).status_code == 500
    rows = any_deployment.owner_execute(
        "SELECT status, error_message FROM public.dlq_processing_log ORDER BY id DESC LIMIT 1"
    )
    assert rows == [("failed", "InsufficientPrivilege")]


@pytest.mark.parametrize("path", ["dlq-processor", "dlq-processor/health"])
def test_get_starts_no_pass(any_deployment: Deployment, path: str) -> None:
    """Neither a GET of the processor nor one of its health route."""
    make_due(any_deployment)
    before = any_deployment.owner_execute(NEWEST_COMPLETED)
    call(any_deployment, "GET", path)
    assert any_deployment.owner_execute(NEWEST_COMPLETED) == before
