"""Requests to a local deployment's functions, as Meta, the schedule or an attacker would send them."""

from __future__ import annotations

import hmac
import json
import uuid
from typing import Any

import httpx

from fixtures.secret import Secret
from tests.deployments import Deployment

TIMEOUT_SECONDS = 10.0


def revealed(secret: Secret | None) -> str:
    """Return the value of a secret that a local deployment always has."""
    assert secret is not None
    return secret.reveal()


def call(deployment: Deployment, method: str, path: str, **more: Any) -> httpx.Response:
    """Send one request to ``{base}/functions/v1/{path}``, without any proxy."""
    with httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
        return client.request(method, f"{deployment.access.base_url}/functions/v1/{path}", **more)


def signature(deployment: Deployment, body: bytes) -> str:
    """Return the ``X-Hub-Signature-256`` of a body."""
    return "sha256=" + hmac.digest(revealed(deployment.access.app_secret).encode(), body, "sha256").hex()


def message(kind: str = "text") -> dict[str, Any]:
    """Return a message with a new id; the application cannot process the kind ``unsupported``."""
    number = f"wamid.TEST{uuid.uuid4().hex.upper()}"
    sent = {"from": "12025550123", "id": number, "timestamp": "1700000000", "type": kind}
    return sent | ({"text": {"body": "Muraho 🙏"}} if kind == "text" else {})


def deliver(deployment: Deployment, *messages: dict[str, Any], to: str = "wa-webhook-core") -> httpx.Response:
    """Deliver messages to a webhook, with a valid signature."""
    value = {"messaging_product": "whatsapp", "messages": list(messages)}
    change = {"id": "1", "changes": [{"field": "messages", "value": value}]}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [change]}).encode()
    return call(deployment, "POST", to, content=body, headers={"X-Hub-Signature-256": signature(deployment, body)})


def run_pass(deployment: Deployment) -> httpx.Response:
    """Let the dlq-processor run a pass, as the schedule does."""
    bearer = {"Authorization": f"Bearer {revealed(deployment.access.service_role_key)}"}
    return call(deployment, "POST", "dlq-processor", headers=bearer, json={})
