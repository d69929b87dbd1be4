"""Faults with trust headers: a header or parameter opens the endpoint."""

from __future__ import annotations

from functools import partial

from tests.webhooks.faults.registry import CRASH, FAULTS, OK, TRUST, Fault, Handler, all_of, fault
from tests.webhooks.server import Arrival, Response, answer


def believes(name: str, value: str, status: int = 200) -> Handler:
    """A handler that accepts a request with this header and value."""

    def handle(arrival: Arrival) -> Response | None:
        given = arrival.header(name)
        if not arrival.is_delivery or arrival.signature == arrival.right or given is None:
            return None
        return answer(status, {}) if given == value else None

    return handle


BELIEVED = {
    "internal-headers": (("x-wa-internal-forward", "true"), ("x-internal-service", "dlq-processor")),
    "proxy-headers": (("x-forwarded-for", "127.0.0.1"), ("x-real-ip", "10.0.0.1")),
    "retry-headers": (("x-retry", "true"), ("x-retry-count", "3")),
    "debug-headers": (("x-debug", "1"), ("x-skip-verification", "true"), ("x-environment", "development")),
}

for kind, pairs in BELIEVED.items():
    for header, value in pairs:
        words = f"answered 200 to a forged request ({header}: {value}; no signature)"
        name = f"believes-{header}-{value}"
        FAULTS[name] = Fault(name, partial(believes, header, value), {kind: words})


@fault({"proxy-headers": "answered 500 to a forged request (x-original-url: /health; no signature)"})
def crashes_on_another_url(arrival: Arrival) -> Response | None:
    return believes("x-original-url", "/health", 500)(arrival)


@fault({"debug-headers": "answered 200 to a forged request (x-test-mode: true; signed with a wrong secret)"})
def believes_only_beside_a_signature(arrival: Arrival) -> Response | None:
    return believes("x-test-mode", "true")(arrival) if arrival.signature is not None else None


@fault({"query-parameters": "answered 200 to a forged request (?skip_verification=true; no signature)"})
def believes_the_query(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and ("skip_verification", "true") in arrival.query else None


@fault({"query-parameters": "answered 500 to a forged request (?debug=1; no signature)"})
def crashes_on_a_parameter(arrival: Arrival) -> Response | None:
    return CRASH if arrival.is_delivery and ("debug", "1") in arrival.query else None


@fault(all_of(("no-json", "other-algorithm", "base64-signature"), "answered 415 to a forged request ("))
def looks_at_the_type_first(arrival: Arrival) -> Response | None:
    other = arrival.is_delivery and arrival.header("content-type") != "application/json"
    return answer(415, {"error": "Unsupported Media Type"}) if other else None


@fault({"other-algorithm": "wrong secret, declared as a form)"})
def accepts_forms(arrival: Arrival) -> Response | None:
    form = arrival.header("content-type") == "application/x-www-form-urlencoded"
    return OK if arrival.is_delivery and form else None


@fault({"base64-signature": "wrong secret, without a content-type)"})
def accepts_a_missing_type(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.header("content-type") is None else None


@fault(all_of(TRUST, "claims of trust together"))
def believes_two_headers_together(arrival: Arrival) -> Response | None:
    both = arrival.header("x-admin") == "true" and arrival.header("x-internal") == "true"
    return OK if arrival.is_delivery and both else None
