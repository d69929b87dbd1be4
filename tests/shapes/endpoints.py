"""Endpoints of the shapes, as behaviours of the tests' server: functions of other names, and a router."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.webhooks.server import (
    SERVICE_KEY,
    Arrival,
    Behaviour,
    Response,
    answer,
    health_of,
    honest,
    honest_handshake,
)

NOT_DEPLOYED = answer(
    404, {"code": "NOT_FOUND", "message": "Requested function was not found"}, sb_error_code="NOT_FOUND"
)
"""The answer of Supabase's gateway where no function is deployed."""


def functions(*webhooks: str, processor: str = "") -> Behaviour:
    """Return a deployment with these functions and no others; each answers correctly under its own name."""

    def behaving(arrival: Arrival) -> Response:
        if processor and arrival.function == processor and not arrival.is_health:
            allowed = arrival.header("authorization") == f"Bearer {SERVICE_KEY}"
            return answer(200, {"success": True}) if allowed else answer(401, {"error": "Unauthorized"})
        if arrival.function not in (*webhooks, processor):
            return NOT_DEPLOYED
        if arrival.is_health:
            return answer(200, health_of(arrival.function) | _breakers(arrival.function in webhooks))
        return honest(arrival)

    return behaving


def _breakers(reported: bool) -> dict[str, Any]:
    return {"circuitBreakers": {"graph-api": "CLOSED"}} if reported else {}


BEHIND = functions("inbox", processor="redeliver")
"""The functions behind the router."""


def routed(arrival: Arrival) -> Response:
    """Answer as a router does that forwards to ``inbox`` and returns its answer."""
    return BEHIND(replace(arrival, function="inbox") if arrival.function == "gateway" else arrival)


def swallowing(arrival: Arrival) -> Response:
    """Answer as a router does whose forwarding fails: it tells its caller that all is well."""
    if arrival.function == "gateway":
        if arrival.is_handshake:
            return honest_handshake(arrival)
        if arrival.is_health:
            return answer(200, health_of("gateway"))
        return answer(200, {"received": True, "message": "forwarding failed"})
    return BEHIND(arrival)


def half_swallowing(arrival: Arrival) -> Response:
    """Answer as a router does that checks signatures itself, and then cannot forward."""
    answered = routed(arrival)
    if arrival.function == "gateway" and arrival.is_delivery and answered.status == 200:
        return answer(200, {"received": True, "error": "forwarding to inbox failed: 503"})
    return answered


def not_deployed(function: str, others: Behaviour) -> Behaviour:
    """Return endpoints of which one function is not deployed."""
    return lambda arrival: NOT_DEPLOYED if arrival.function == function else others(arrival)
