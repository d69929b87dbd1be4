"""Faults of answers: no refusal, not the function's own, or with a secret in it."""

from __future__ import annotations

from functools import partial

from fixtures.webhooks.controls import CONTROLS as CONTROL_WORDS
from fixtures.webhooks.handshake import GREETINGS
from tests.webhooks.faults.registry import (
    CONTROLS,
    FAULTS,
    FORGERIES,
    OWN_REQUEST,
    TRUST,
    Fault,
    Handler,
    all_of,
    fault,
)
from tests.webhooks.server import SECRET, UNAUTHORIZED, Arrival, Response, answer, honest


@fault(all_of((*OWN_REQUEST, *CONTROLS), "answered 403"), "wrong-secret-sha1", "generated", *TRUST)
def forbids_instead(arrival: Arrival) -> Response | None:
    refused = honest(arrival) is UNAUTHORIZED
    return answer(403, {"error": "Forbidden"}) if refused else None


@fault(all_of(CONTROLS, "answered 401 to a correctly signed request"), *FORGERIES)
def refuses_everything(arrival: Arrival) -> Response | None:
    return UNAUTHORIZED if arrival.is_delivery else None


def unserved(document: object) -> Handler:
    """Takes rightly signed requests with 200, and says in the body that nothing came of them."""
    return lambda arrival: answer(200, document) if arrival.is_delivery and honest(arrival).status == 200 else None


UNSERVED = {
    "answers-success-false": ({"success": False}, "success: false"),
    "answers-ok-false": ({"ok": False, "data": None}, "ok: false"),
    "answers-degraded": ({"status": "degraded"}, "status: degraded"),
    "answers-by-a-fallback": ({"received": True, "fallback": True}, "fallback: true"),
    "answers-an-error": ({"error": {"code": "E1", "message": "no route"}}, "error: no route"),
    "answers-that-forwarding-failed": (
        {"message": "Forwarding to core failed"},
        "message: Forwarding to core failed",
    ),
    "answers-an-error-in-a-list": ({"results": [{"status": "error"}]}, "status: error"),
}
for name, (document, words) in UNSERVED.items():
    sentence = "answered 200 to a correctly signed request {}, but its body says that it was not served: " + words
    FAULTS[name] = Fault(
        name,
        partial(unserved, document),
        {control: sentence.format(CONTROL_WORDS[control].words) for control in CONTROLS},
        FORGERIES,
    )


@fault({"raw-utf8": "its body says that it was not served: fallback"})
def falls_back_for_raw_letters(arrival: Arrival) -> Response | None:
    served = arrival.is_delivery and honest(arrival).status == 200
    return Response(200, b"sent to the fallback queue") if served and not arrival.body.isascii() else None


EVERY = (*FORGERIES, *CONTROLS, *GREETINGS)
"""Every other case of the webhook, unproven where no function answers."""


@fault({"wa-webhook": "before wa-webhook runs: 401 (UNAUTHORIZED_NO_AUTH_HEADER)"}, *EVERY)
def gateway_refuses_everything(arrival: Arrival) -> Response | None:
    return answer(
        401,
        {"code": "UNAUTHORIZED_NO_AUTH_HEADER", "message": "Missing authorization header"},
        sb_error_code="UNAUTHORIZED_NO_AUTH_HEADER",
    )


@fault({"wa-webhook": "the gateway asks for a JWT before wa-webhook runs: 401 (Invalid JWT)"}, *EVERY)
def older_gateway_refuses_deliveries(arrival: Arrival) -> Response | None:
    return answer(401, {"code": 401, "message": "Invalid JWT"}) if arrival.is_delivery else None


@fault({"wa-webhook": "no function is deployed as wa-webhook: its address answers 404 (NOT_FOUND)"}, *EVERY)
def is_not_deployed(arrival: Arrival) -> Response | None:
    missing = {"code": "NOT_FOUND", "message": "Requested function was not found"}
    return answer(404, missing, sb_error_code="NOT_FOUND") if arrival.is_delivery else None


@fault({"extended": "contains the right signature for the body it was sent"})
def returns_the_expected_signature(arrival: Arrival) -> Response | None:
    if (
        not arrival.is_delivery
        or not (arrival.signature or "").endswith("00")
        or len(arrival.signature or "") != 73
    ):
        return None
    return answer(401, {"error": "Invalid signature", "expected": arrival.right})


@fault({"extended": "contains the right signature for the body it was sent"})
def returns_the_expected_signature_in_capitals(arrival: Arrival) -> Response | None:
    response = returns_the_expected_signature(arrival)
    return response and answer(401, {"error": "Invalid signature", "expected": arrival.right.upper()})


@fault({"no-json": "contains the app secret"})
def returns_the_secret(arrival: Arrival) -> Response | None:
    broken = arrival.is_delivery and arrival.body == b"this is not JSON"
    return answer(401, {"error": f"verified with {SECRET}"}) if broken else None
