"""Vices about bodies: looked at in the wrong way, or too early."""

from __future__ import annotations

import json

from tests.webhooks.server import UNAUTHORIZED, Arrival, Response, answer, sign
from tests.webhooks.vices.registry import CRASH, OK, vice


@vice(
    {
        "byte-added": "answered 200 to a forged request (a right signature, a space added to the body)",
        "escaped-unicode": "answered 401 to a rightly signed request with letters that are not ASCII escaped",
    }
)
def verifies_what_it_has_written_again(arrival: Arrival) -> Response | None:
    if not arrival.is_delivery:
        return None
    try:
        written = json.dumps(json.loads(arrival.body), separators=(",", ":"), ensure_ascii=False).encode()
    except ValueError:
        return UNAUTHORIZED
    return OK if arrival.signature == sign(written) else UNAUTHORIZED


@vice({"byte-added": "a space added to the body"})
def verifies_the_body_without_white_space(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.signature == sign(arrival.body.strip()) else None


@vice({"raw-utf8": "answered 401 to a rightly signed request with letters that are not ASCII in raw UTF-8"})
def reads_the_body_as_ascii(arrival: Arrival) -> Response | None:
    if not arrival.is_delivery:
        return None
    read = arrival.body.decode("ascii", errors="replace").encode()
    return OK if arrival.signature == sign(read) else UNAUTHORIZED


@vice({"bad-json": "answered 500 to a forged request (JSON that breaks off", "no-json": "answered 500"})
def parses_before_it_verifies(arrival: Arrival) -> Response | None:
    if not arrival.is_delivery:
        return None
    try:
        json.loads(arrival.body)
    except ValueError:
        return CRASH
    return None


@vice({"no-json": "answered 400 to a forged request (no JSON, with a hash of it that takes no secret)"})
def looks_for_an_object_first(arrival: Arrival) -> Response | None:
    if not arrival.is_delivery or arrival.body[:1] in (b"{", b"[", b"\n", b" ", b"\t", b"\r"):
        return None
    try:
        json.loads(arrival.body)
    except ValueError:
        return answer(400, {"error": "Bad Request"})
    return None


@vice({"generated": "a generated body (long"})
def lets_large_bodies_in(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and len(arrival.body) > 4096 else None


@vice({"generated": "a generated body (spaced"})
def lets_leading_white_space_in(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.body[:1].isspace() else None


@vice({"generated": "answered 500 to a forged request (a generated body (deep"})
def crashes_on_deep_bodies(arrival: Arrival) -> Response | None:
    return CRASH if arrival.is_delivery and arrival.body.startswith(b"[[") else None


@vice({"generated": "answered 200 to a forged request (a generated body (bare"})
def lets_bare_bodies_in(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.body in (b"", b"{}", b"[]", b"null", b'""', b"0") else None
