"""The local functions follow the contract: health, handshake, signature, recording, and who may start a pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.deployments import Deployment
from tests.local.requests import call, deliver, message, revealed, run_pass, signature

WEBHOOKS = ("wa-webhook", "wa-webhook-unified", "wa-webhook-core")
TRACES = """
    SELECT (SELECT count(*) FROM public.processed_webhook_messages), (SELECT count(*) FROM public.wa_events),
        (SELECT count(*) FROM public.whatsapp_messages), (SELECT count(*) FROM public.webhook_dlq),
        (SELECT count(*) FROM public.dlq_processing_log)
"""


@pytest.mark.parametrize("name", [*WEBHOOKS, "dlq-processor"])
def test_health_reports_and_writes_nothing(deployment: Deployment, name: str) -> None:
    """Each function reports itself; wa-webhook-core adds its breakers, dlq-processor its counts."""
    traces = deployment.owner_execute(TRACES)
    response = call(deployment, "GET", f"{name}/health")
    assert response.status_code == 200
    report = response.json()
    assert (report["status"], report["service"]) == ("healthy", name)
    assert report["checks"]["database"] == "connected"
    assert ("circuitBreakers" in report) == (name == "wa-webhook-core")
    assert ("stats" in report) == (name == "dlq-processor")
    assert deployment.owner_execute(TRACES) == traces


def test_health_reports_the_state_of_each_breaker(any_deployment: Deployment) -> None:
    """The last recorded state of each service."""
    any_deployment.owner_execute(
        "INSERT INTO public.circuit_breaker_events (service, state) VALUES ('whatsapp-api', 'OPEN')"
    )
    report = call(any_deployment, "GET", "wa-webhook-core/health").json()
    assert report["circuitBreakers"] == {"mobile-money": {"state": "CLOSED"}, "whatsapp-api": {"state": "OPEN"}}


def test_health_without_the_breaker_table(any_deployment: Deployment) -> None:
    """The table is optional; without it the breaker counts as closed."""
    any_deployment.owner_execute("DROP TABLE public.circuit_breaker_events")
    report = call(any_deployment, "GET", "wa-webhook-core/health").json()
    assert report["circuitBreakers"] == {"whatsapp-api": {"state": "CLOSED"}}


def test_health_is_503_without_the_database(any_deployment: Deployment) -> None:
    """When the functions' role cannot log in; the log has an error too."""
    any_deployment.superuser_execute("ALTER ROLE authenticator NOLOGIN")
    response = call(any_deployment, "GET", "dlq-processor/health")
    assert response.status_code == 503
    assert response.json()["status"] == "unhealthy"
    assert last_line(any_deployment)["level"] == "error"


@pytest.mark.parametrize("name", WEBHOOKS)
def test_handshake_echoes_the_challenge(any_deployment: Deployment, name: str) -> None:
    """Unchanged, with characters that HTML and URLs escape."""
    token = revealed(any_deployment.access.verify_token)
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "a<b> 1"}
    response = call(any_deployment, "GET", name, params=query)
    assert (response.status_code, response.text) == (200, "a<b> 1")


@pytest.mark.parametrize(
    "query",
    [
        {"hub.mode": "subscribe", "hub.verify_token": "wrong", "hub.challenge": "1"},
        {"hub.mode": "subscribe", "hub.challenge": "1"},
        {"hub.mode": "subscribe", "hub.verify_token": "", "hub.challenge": "1"},
        {},
    ],
)
def test_handshake_refuses_wrong_or_missing_token(any_deployment: Deployment, query: dict[str, str]) -> None:
    """With 403, for an empty query too."""
    assert call(any_deployment, "GET", "wa-webhook", params=query).status_code == 403


BODY = b'{"object":"whatsapp_business_account","entry":[]}'


def forgeries(deployment: Deployment) -> dict[str, tuple[bytes, list[tuple[str, str]]]]:
    """Requests that can be made without the app secret: name → body and headers."""
    valid = signature(deployment, BODY)
    name = "X-Hub-Signature-256"
    return {
        "none": (BODY, []),
        "empty": (BODY, [(name, "")]),
        "garbage": (BODY, [(name, "sha256=zz")]),
        "without its algorithm": (BODY, [(name, valid.removeprefix("sha256="))]),
        "truncated": (BODY, [(name, valid[:-1])]),
        "of another body": (BODY + b" ", [(name, valid)]),
        "twice": (BODY, [(name, valid), (name, "sha256=00")]),
        "on a body that is not JSON": (b"{", [(name, "sha256=00")]),
        "claiming to be internal": (BODY, [("x-wa-internal-forward", "true")]),
    }


@pytest.mark.parametrize("name", WEBHOOKS)
def test_forgeries_get_401_and_leave_no_trace(any_deployment: Deployment, name: str) -> None:
    """The function itself refuses them, not the gateway; no table gets a row."""
    traces = any_deployment.owner_execute(TRACES)
    for forgery, (body, headers) in forgeries(any_deployment).items():
        response = call(any_deployment, "POST", name, content=body, headers=headers)
        assert response.status_code == 401, forgery
        assert response.json() == {"error": "Invalid signature"}
        assert "x-deno-execution-id" in response.headers
    assert any_deployment.owner_execute(TRACES) == traces


@pytest.mark.parametrize("name", WEBHOOKS)
@pytest.mark.parametrize(
    "body", [BODY, b'{"entry":[],"note":"\\u00e4\\ud83d\\ude4f"}', '{ "entry" : [], "note":"ä🙏"}'.encode()]
)
def test_signature_of_the_raw_body_is_accepted(any_deployment: Deployment, name: str, body: bytes) -> None:
    """Also with escapes or spaces that a JSON serializer would change."""
    headers = {"X-Hub-Signature-256": signature(any_deployment, body)}
    assert call(any_deployment, "POST", name, content=body, headers=headers).status_code == 200


@pytest.mark.parametrize("body", [b"{", b"", b"\xff", b"[" * 100_000], ids=["cut", "empty", "no text", "deep"])
def test_signed_body_that_is_not_json_gets_400(any_deployment: Deployment, body: bytes) -> None:
    """Cut off, empty, not UTF-8, or nested too deeply."""
    headers = {"X-Hub-Signature-256": signature(any_deployment, body)}
    assert call(any_deployment, "POST", "wa-webhook", content=body, headers=headers).status_code == 400


@pytest.mark.parametrize("body", [b"1", b"[]", b'{"entry":1}', b'{"entry":[1,{"changes":[{"value":null}]}]}'])
def test_signed_json_of_another_structure_is_accepted(any_deployment: Deployment, body: bytes) -> None:
    """It contains no messages."""
    headers = {"X-Hub-Signature-256": signature(any_deployment, body)}
    response = call(any_deployment, "POST", "wa-webhook", content=body, headers=headers)
    assert response.json() == {"success": True, "messages": 0}


def test_message_delivered_twice_is_recorded_once(deployment: Deployment) -> None:
    """One row in each table."""
    sent = message()
    for _ in range(2):
        assert deliver(deployment, sent).status_code == 200
    rows = deployment.owner_execute(
        "SELECT processed, done.processed_at IS NOT NULL, event.status, event.direction, body"
        " FROM public.processed_webhook_messages AS done"
        " JOIN public.wa_events AS event ON message_id = whatsapp_message_id"
        " JOIN public.whatsapp_messages ON wa_message_id = whatsapp_message_id WHERE whatsapp_message_id = %s",
        [sent["id"]],
    )
    assert rows == [(True, True, "processed", "inbound", "Muraho 🙏")]


def test_message_that_cannot_be_recorded_gets_500(any_deployment: Deployment) -> None:
    """The log has an error with the exception's type."""
    any_deployment.owner_execute("DROP TABLE public.whatsapp_messages")
    assert deliver(any_deployment, message()).status_code == 500
    line = last_line(any_deployment)
    assert (line["level"], line["event"], line["error"]) == ("error", "uncaught_error", "UndefinedTable")


@pytest.mark.parametrize("bearer", [None, "", "Bearer wrong", "Basic x"])
def test_pass_is_refused_without_the_service_key(any_deployment: Deployment, bearer: str | None) -> None:
    """With 401, and nothing is written."""
    traces = any_deployment.owner_execute(TRACES)
    headers = {} if bearer is None else {"Authorization": bearer}
    assert call(any_deployment, "POST", "dlq-processor", headers=headers).status_code == 401
    assert any_deployment.owner_execute(TRACES) == traces


def test_pass_runs_with_the_service_key(deployment: Deployment) -> None:
    """The seeded letters are not due, so it processes 0 entries."""
    response = run_pass(deployment)
    assert (response.status_code, response.json()) == (200, {"success": True, "processed": 0, "failed": 0})


@pytest.mark.parametrize(("method", "path"), [("POST", "nobody"), ("GET", "nobody/health"), ("GET", "../../x")])
def test_unknown_function_gets_the_gateways_404(any_deployment: Deployment, method: str, path: str) -> None:
    """Without the header that shows that a function ran."""
    response = call(any_deployment, method, path)
    assert response.status_code == 404
    assert "x-deno-execution-id" not in response.headers


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_other_methods_get_405(any_deployment: Deployment, method: str) -> None:
    """Webhooks accept GET and POST only."""
    assert call(any_deployment, method, "wa-webhook").status_code == 405


def test_payload_over_3_mib_gets_413(any_deployment: Deployment) -> None:
    """Meta sends at most 3 MiB."""
    assert call(any_deployment, "POST", "wa-webhook", content=b" " * (3 * 1024 * 1024 + 1)).status_code == 413


def last_line(deployment: Deployment) -> dict[str, object]:
    """Return the last line of the functions' log."""
    assert deployment.access.log_file is not None
    line: dict[str, object] = json.loads(Path(deployment.access.log_file).read_text().splitlines()[-1])
    return line
