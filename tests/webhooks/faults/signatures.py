"""Faults with signatures: missing ones, wrong ones, or parts of them are accepted."""

from __future__ import annotations

import hashlib
import hmac
import re

from tests.webhooks.faults.registry import CONTROLS, CRASH, OK, TRUST, Handler, all_of, fault, remembering
from tests.webhooks.server import Arrival, Response, answer, sign


@fault({"no-signature": "wa-webhook answered 200 to a forged request (no signature)"}, "wrong-secret-sha1", *TRUST)
def open_without_header(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.signature is None else None


@fault({"no-signature": "answered 302"}, "wrong-secret-sha1", *TRUST)
def redirects_without_header(arrival: Arrival) -> Response | None:
    if arrival.is_delivery and arrival.signature is None:
        return Response(302, b"", [("location", "/login")])
    return None


@fault({"no-signature": "answered 500"}, "wrong-secret-sha1", *TRUST)
def crashes_without_header(arrival: Arrival) -> Response | None:
    return CRASH if arrival.is_delivery and arrival.signature is None else None


@fault({"no-signature": "answered 400"}, "wrong-secret-sha1", *TRUST)
def bad_request_without_header(arrival: Arrival) -> Response | None:
    return answer(400, {"error": "Bad Request"}) if arrival.is_delivery and arrival.signature is None else None


@fault({"blank-signature": "answered 200 to a forged request (a signature header without a value)"})
def open_to_a_header_without_a_value(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.signature == "" else None


@fault({"wrong-secret": "answered 200 to a forged request (signed with the wrong secret 'undefined')"}, *TRUST)
def verifies_with_the_word_undefined(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.signature == sign(arrival.body, "undefined") else None


@fault({"no-json": "answered 200 to a forged request (not JSON, signed with its plain SHA-256)"})
def verifies_without_any_key(arrival: Arrival) -> Response | None:
    unkeyed = "sha256=" + hashlib.sha256(arrival.body).hexdigest()
    return OK if arrival.is_delivery and arrival.signature == unkeyed else None


@fault({"wrong-secret-sha1": "answered 200 to a forged request (the legacy header, signed with an empty secret)"})
def verifies_the_legacy_header_with_an_empty_secret(arrival: Arrival) -> Response | None:
    unkeyed = "sha1=" + hmac.new(b"", arrival.body, hashlib.sha1).hexdigest()
    return OK if arrival.is_delivery and arrival.header("x-hub-signature") == unkeyed else None


@fault({"empty-signature": "answered 200 to a forged request (an empty signature)"})
def open_to_an_empty_digest(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.signature == "sha256=" else None


@fault({"garbage-signature": "answered 200", "other-algorithm": "answered 200"})
def open_without_the_prefix(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and not (arrival.signature or "sha256=").startswith("sha256=") else None


@fault({"garbage-signature": "answered 500 to a forged request (a value that is not a signature)"})
def crashes_without_an_equals_sign(arrival: Arrival) -> Response | None:
    return CRASH if arrival.is_delivery and "=" not in (arrival.signature or "=") else None


@fault(
    all_of(
        (
            "wrong-secret",
            "guessed-secret",
            "other-body",
            "bit-flipped",
            "byte-added",
            "bad-json",
            "no-json",
            "replayed",
            *CONTROLS,
        ),
        "answered 200 to a forged request",
    ),
    *TRUST,
)
def compares_nothing(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and re.fullmatch("sha256=[0-9a-f]{64}", arrival.signature or "") else None


@fault({"wrong-secret-sha1": "answered 200 to a forged request (the legacy header, signed with an empty secret)"})
def trusts_the_legacy_header(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.header("x-hub-signature") and not arrival.signature else None


@fault({"guessed-secret": "answered 200 to a forged request (signed with an empty secret)"})
def verifies_with_an_empty_secret(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.signature == sign(arrival.body, "") else None


@fault({"other-body": "answered 200 to a forged request (the right signature of another body)"})
def verifies_without_the_id(arrival: Arrival) -> Response | None:
    numbered = (re.sub(rb"-\d+\"}$", b'-%d"}' % number, arrival.body) for number in range(1, 300))
    others = {sign(body) for body in numbered if body != arrival.body}
    return OK if arrival.is_delivery and arrival.signature in others else None


@remembering({"replayed": "answered 200 to a forged request (the signature of an earlier delivery)"})
def remembers_signatures() -> Handler:
    seen: set[str] = set()

    def handle(arrival: Arrival) -> Response | None:
        if not arrival.is_delivery or arrival.signature is None:
            return None
        if arrival.signature == arrival.right:
            seen.add(arrival.signature)
        return OK if arrival.signature in seen else None

    return handle


@remembering(all_of(CONTROLS, "one byte changed after signing"))
def trusts_a_connection() -> Handler:
    trusted: set[object] = set()

    def handle(arrival: Arrival) -> Response | None:
        if not arrival.is_delivery:
            return None
        if arrival.signature == arrival.right:
            trusted.add(arrival.client)
        return OK if arrival.client in trusted else None

    return handle


@fault({"bit-flipped": "answered 200 to a forged request (a right signature, its last bit flipped)"})
def compares_all_but_the_last_digit(arrival: Arrival) -> Response | None:
    given = arrival.signature or ""
    return OK if arrival.is_delivery and len(given) == 71 and given[:70] == arrival.right[:70] else None


@fault({"truncated": "answered 200 to a forged request (the first half of a right signature)"})
def compares_the_shorter_length(arrival: Arrival) -> Response | None:
    given = arrival.signature or ""
    return OK if arrival.is_delivery and len(given) > 7 and arrival.right.startswith(given) else None


@fault({"extended": "answered 200 to a forged request (a right signature with two more digits)"})
def compares_the_expected_length(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and (arrival.signature or "").startswith(arrival.right) else None


@fault(all_of(("bit-flipped", "truncated", "extended"), "answered 200"))
def compares_eight_digits(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and (arrival.signature or "")[:15] == arrival.right[:15] else None


@fault({"other-algorithm": "200 to a forged request (another algorithm named, wrong secret, declared as a form)"})
def knows_one_algorithm_only(arrival: Arrival) -> Response | None:
    name, found, _ = (arrival.signature or "").partition("=")
    return OK if arrival.is_delivery and found and name.isalnum() and name != "sha256" and len(name) > 3 else None


@fault({"other-algorithm": "answered 500"})
def crashes_on_another_algorithm(arrival: Arrival) -> Response | None:
    name, found, _ = (arrival.signature or "").partition("=")
    return CRASH if arrival.is_delivery and found and name != "sha256" else None


@fault({"base64-signature": "200 to a forged request (a digest in base64, wrong secret, without a content-type)"})
def decodes_base64_to_nothing(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and re.fullmatch("sha256=.{43}=", arrival.signature or "") else None


@fault({"two-signatures": "answered 200 to a forged request (two signature headers, both wrong)"})
def accepts_two_signatures(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and ", " in (arrival.signature or "") else None
