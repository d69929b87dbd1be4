"""Check 5 proven both ways: more than 99 % of the last hour's messages were served, each counted once."""

from __future__ import annotations

import pytest

from fixtures.outcome import Status

RATE = "check-05[success_rate]"

EMPTY = "DELETE FROM public.processed_webhook_messages; DELETE FROM public.webhook_dlq"
RECORDED = (
    "INSERT INTO public.processed_webhook_messages (whatsapp_message_id, correlation_id, processed, created_at) "
    "SELECT 'wamid.test' || i, 'test-' || i, i > {failed}, now() - interval '20 minutes' "
    "FROM generate_series(1, {total}) AS i"
)
QUEUED = (
    "INSERT INTO public.webhook_dlq (service, correlation_id, payload, status, created_at) "
    "VALUES ('{service}', {correlation}, '{payload}', '{status}', now() - interval '20 minutes')"
)


def recorded(total: int, failed: int = 0) -> str:
    """SQL that leaves just these messages, the first ``failed`` of them not processed."""
    return f"{EMPTY}; {RECORDED.format(total=total, failed=failed)}"


def queued(
    *ids: str, status: str = "pending", service: str = "wa-webhook-core", correlation: str | None = None
) -> str:
    """SQL that adds one DLQ entry with these message ids in its payload."""
    messages = ", ".join(f'{{"id": "{name}"}}' for name in ids)
    payload = f'{{"entry": [{{"changes": [{{"value": {{"messages": [{messages}]}}}}]}}]}}'
    quoted = "NULL" if correlation is None else f"'{correlation}'"
    return QUEUED.format(service=service, correlation=quoted, payload=payload, status=status)


FAULTS = {
    "one in fifty failed": (
        recorded(200, failed=4),
        "196 of 200 messages succeeded, 98 % (95 % interval 94.97 to 99.22 %)",
    ),
    "exactly 99 %": (recorded(100, failed=1), "99 of 100 messages succeeded, 99 %"),
    "not rounded up to the threshold": (recorded(300, failed=4), "296 of 300 messages succeeded, 98.666 %"),
    "alert-worthy": (recorded(100, failed=6), "this error rate is worth an alert"),
    "only in the DLQ": (
        f"{recorded(98)}; {queued('lost1', 'lost2')}",
        "98 of 100 messages succeeded, 98 % (95 % interval 93.00 to 99.45 %); worst: wa-webhook-core, 2 messages",
    ),
    "only in the DLQ, without any id": (
        f"{recorded(50)}; {queued(correlation='unknown')}",
        "50 of 51 messages succeeded",
    ),
    "only in the DLQ, with empty correlation ids": (
        f"{recorded(50)}; UPDATE public.processed_webhook_messages SET correlation_id = '';"
        + ";".join([queued(correlation="")] * 50),
        "50 of 100 messages succeeded",
    ),
    "given up in the DLQ": (f"{recorded(50)}; {queued('lost1', status='failed')}", "50 of 51 messages succeeded"),
    "processed is null": (
        f"{recorded(50)}; ALTER TABLE public.processed_webhook_messages ALTER COLUMN processed DROP NOT NULL;"
        "UPDATE public.processed_webhook_messages SET processed = NULL WHERE whatsapp_message_id = 'wamid.test1'",
        "49 of 50 messages succeeded",
    ),
    "the service of a failure is known from the DLQ": (
        f"{recorded(50, failed=1)}; {queued('other', service='wa-webhook-unified', correlation='test-1')}",
        "worst: wa-webhook-unified, 2 messages",
    ),
    "dated in the future": (
        f"{recorded(50)}; INSERT INTO public.processed_webhook_messages "
        "(whatsapp_message_id, processed, created_at) VALUES ('wamid.future', true, now() + interval '1 hour')",
        "1 row of processed_webhook_messages dated in the future",
    ),
}

ODD_BUT_HEALTHY = {
    "all succeeded": recorded(10),
    "one of two hundred failed": recorded(200, failed=1),
    "in flight": f"{recorded(50)}; INSERT INTO public.processed_webhook_messages "
    "(whatsapp_message_id, processed, created_at) VALUES ('wamid.now', false, now())",
    "in the DLQ and served from there": f"{recorded(50)}; {queued('wamid.test1', status='reprocessed')}",
    "served from the DLQ, recorded nowhere else": f"{recorded(50)}; {queued('late', status='reprocessed')}",
    "failed before the window": f"{recorded(50)}; INSERT INTO public.processed_webhook_messages "
    "(whatsapp_message_id, processed, created_at) VALUES ('wamid.old', false, now() - interval '2 hours')",
    "queued although it was recorded, by its correlation": (f"{recorded(50)}; {queued(correlation='test-1')}"),
    "two messages in one request, both served": f"{recorded(50)}; {queued('wamid.test1', 'wamid.test2')}",
    "delivered twice": f"{recorded(50)}; {queued('wamid.test3', status='discarded')}; {queued('wamid.test3')}",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault, finds):
    """Each fault is found by check 5, with its figures."""
    sql, words = FAULTS[fault]
    finds(sql, {RATE: (Status.FAILED, words)})


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_is_quiet(variant, finds):
    """What is unusual and works raises no alarm."""
    finds(ODD_BUT_HEALTHY[variant], {})


def test_without_traffic_it_is_unproven(finds):
    """No message is no evidence, neither of success nor of failure."""
    finds(EMPTY, {RATE: (Status.UNPROVEN, "no message between")})
