"""Faults in the handling of bodies: parsed wrongly, or before the signature is verified."""

from __future__ import annotations

import json

from tests.webhooks.faults.registry import CRASH, OK, fault
from tests.webhooks.server import UNAUTHORIZED, Arrival, Response, answer, sign


@fault(
    {
        "byte-added": "answered 200 to a forged request (a right signature, a space added to the body)",
        "escaped-unicode": "answered 401 to a correctly signed request with non-ASCII letters escaped",
    }
)
def verifies_the_serialised_body(arrival: Arrival) -> Response | None:
    if not arrival.is_delivery:
        return None
    try:
        written = json.dumps(json.loads(arrival.body), separators=(",", ":"), ensure_ascii=False).encode()
    except ValueError:
        return UNAUTHORIZED
    return OK if arrival.signature == sign(written) else UNAUTHORIZED


@fault({"byte-added": "a space added to the body"})
def verifies_the_body_without_white_space(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.signature == sign(arrival.body.strip()) else None


@fault({"raw-utf8": "answered 401 to a correctly signed request with non-ASCII letters in raw UTF-8"})
def reads_the_body_as_ascii(arrival: Arrival) -> Response | None:
    if not arrival.is_delivery:
        return None
    read = arrival.body.decode("ascii", errors="replace").encode()
    return OK if arrival.signature == sign(read) else UNAUTHORIZED


@fault({"bad-json": "answered 500 to a forged request (truncated JSON", "no-json": "answered 500"})
def parses_before_it_verifies(arrival: Arrival) -> Response | None:
    if not arrival.is_delivery:
        return None
    try:
        json.loads(arrival.body)
    except ValueError:
        return CRASH
    return None


@fault({"no-json": "answered 400 to a forged request (not JSON, signed with its plain SHA-256)"})
def looks_for_an_object_first(arrival: Arrival) -> Response | None:
    if not arrival.is_delivery or arrival.body[:1] in (b"{", b"[", b"\n", b" ", b"\t", b"\r"):
        return None
    try:
        json.loads(arrival.body)
    except ValueError:
        return answer(400, {"error": "Bad Request"})
    return None


@fault({"generated": "a generated body (long"})
def accepts_large_bodies(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and len(arrival.body) > 4096 else None


@fault({"generated": "a generated body (spaced"})
def accepts_leading_white_space(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.body[:1].isspace() else None


@fault({"generated": "answered 500 to a forged request (a generated body (deep"})
def crashes_on_deep_bodies(arrival: Arrival) -> Response | None:
    return CRASH if arrival.is_delivery and arrival.body.startswith(b"[[") else None


@fault({"generated": "answered 200 to a forged request (a generated body (bare"})
def accepts_bare_bodies(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.body in (b"", b"{}", b"[]", b"null", b'""', b"0") else None
