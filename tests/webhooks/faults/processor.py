"""Faults of the dlq-processor."""

from __future__ import annotations

from tests.webhooks.faults.registry import CRASH, all_of, fault
from tests.webhooks.server import ANON_KEY, Arrival, Response, answer

PASS = answer(200, {"success": True, "processed": 3})
NOT_SENT = "not sent: the processor was open"


def opens_to(arrival: Arrival, *bearers: str | None) -> Response | None:
    return PASS if arrival.is_call and arrival.header("authorization") in bearers else None


@fault(
    {"no-bearer": "dlq-processor answered 200 to a call without a bearer, with processed: 3"},
    "wrong-bearer",
    "undefined-bearer",
    "forged-token",
    "anon-key",
)
def processor_is_open(arrival: Arrival) -> Response | None:
    return opens_to(arrival, None)


@fault({"wrong-bearer": "answered 200"}, "undefined-bearer", "forged-token", "anon-key")
def processor_wants_any_bearer(arrival: Arrival) -> Response | None:
    return PASS if arrival.is_call and arrival.header("authorization") else None


@fault({"undefined-bearer": "answered 200"}, "forged-token", "anon-key")
def processor_has_no_key(arrival: Arrival) -> Response | None:
    return opens_to(arrival, "Bearer undefined")


@fault({"forged-token": "answered 200"}, "anon-key")
def processor_believes_tokens(arrival: Arrival) -> Response | None:
    return PASS if arrival.is_call and (arrival.header("authorization") or "").count(".") == 2 else None


@fault({"anon-key": "answered 200 to a call with the public anon key"})
def processor_takes_the_anon_key(arrival: Arrival) -> Response | None:
    return opens_to(arrival, f"Bearer {ANON_KEY}")


@fault(
    all_of(
        ("no-bearer", "wrong-bearer", "undefined-bearer", "forged-token", "anon-key"),
        "but its answer reports a pass",
    )
)
def processor_refuses_too_late(arrival: Arrival) -> Response | None:
    return answer(401, {"processed": 3, "error": "Unauthorized"}) if arrival.is_call else None


@fault({"no-bearer": "answered 500"}, "wrong-bearer", "undefined-bearer", "forged-token", "anon-key")
def processor_crashes_without_a_bearer(arrival: Arrival) -> Response | None:
    return CRASH if arrival.is_call and arrival.header("authorization") is None else None
