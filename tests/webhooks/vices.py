"""Endpoints with one vice each, and which cases of check 4 have to find it; everything else they do right.

A vice is a function that answers a request, or gives None where the honest endpoint answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fixtures.settings.model import Settings
from fixtures.webhooks import cases
from tests.webhooks.server import (
    ANON_KEY,
    SECRET,
    TOKEN,
    UNAUTHORIZED,
    Arrival,
    Response,
    answer,
    honest,
    sign,
)

Vicious = Callable[[Arrival], Response | None]

OK = answer(200, {"received": True})
CRASH = answer(500, {"error": "Internal Server Error"})

FORGERIES = tuple(cases(Settings())["forgery"])
TRUST = tuple(kind for kind in FORGERIES if kind.endswith("-headers"))
OWN_REQUEST = tuple(kind for kind in FORGERIES if kind not in (*TRUST, "generated", "wrong-secret-sha1"))
"""Forgeries that are no variants of others."""
CONTROLS = tuple(cases(Settings())["control"])


@dataclass(frozen=True)
class Vice:
    """A vice and how check 4 has to judge the endpoint."""

    name: str
    make: Callable[[], Vicious]
    """Makes the handler anew, for those that remember something."""
    failed: Mapping[str, str]
    """Case → what a person has to read there."""
    unproven: tuple[str, ...] = ()
    """Cases that show nothing because of the vice."""


VICES: dict[str, Vice] = {}


def vice(failed: Mapping[str, str], *unproven: str) -> Callable[[Vicious], Vicious]:
    """Register a vice by its function's name."""

    def register(handler: Vicious) -> Vicious:
        name = handler.__name__.replace("_", "-")
        VICES[name] = Vice(name, lambda: handler, failed, unproven)
        return handler

    return register


def remembering(
    failed: Mapping[str, str], *unproven: str
) -> Callable[[Callable[[], Vicious]], Callable[[], Vicious]]:
    """Register a vice that remembers earlier requests: its function makes a new handler."""

    def register(make: Callable[[], Vicious]) -> Callable[[], Vicious]:
        name = make.__name__.replace("_", "-")
        VICES[name] = Vice(name, make, failed, unproven)
        return make

    return register


def all_of(kinds: tuple[str, ...], words: str) -> dict[str, str]:
    """The same words for several cases."""
    return dict.fromkeys(kinds, words)


# Signatures that are missing or not even one.


@vice({"no-signature": "wa-webhook answered 200 to a forged request (no signature)"}, "wrong-secret-sha1", *TRUST)
def open_without_header(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.signature is None else None


@vice({"no-signature": "answered 302"}, "wrong-secret-sha1", *TRUST)
def redirects_without_header(arrival: Arrival) -> Response | None:
    if arrival.is_delivery and arrival.signature is None:
        return Response(302, b"", [("location", "/login")])
    return None


@vice({"no-signature": "answered 500"}, "wrong-secret-sha1", *TRUST)
def crashes_without_header(arrival: Arrival) -> Response | None:
    return CRASH if arrival.is_delivery and arrival.signature is None else None


@vice({"no-signature": "answered 400"}, "wrong-secret-sha1", *TRUST)
def bad_request_without_header(arrival: Arrival) -> Response | None:
    return answer(400, {"error": "Bad Request"}) if arrival.is_delivery and arrival.signature is None else None


@vice({"empty-signature": "answered 200 to a forged request (an empty signature)"})
def open_to_an_empty_digest(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.signature == "sha256=" else None


@vice({"garbage-signature": "answered 200", "other-algorithm": "answered 200"})
def open_without_the_prefix(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and not (arrival.signature or "sha256=").startswith("sha256=") else None


@vice({"garbage-signature": "answered 500 to a forged request (a signature that is none)"})
def crashes_without_an_equals_sign(arrival: Arrival) -> Response | None:
    return CRASH if arrival.is_delivery and "=" not in (arrival.signature or "=") else None


# Signatures that somebody else made.


@vice(
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


@vice({"wrong-secret-sha1": "answered 200 to a forged request (the legacy header, signed with a wrong secret)"})
def trusts_the_legacy_header(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.header("x-hub-signature") and not arrival.signature else None


@vice({"guessed-secret": "answered 200 to a forged request (signed with an empty secret)"})
def verifies_with_an_empty_secret(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and arrival.signature == sign(arrival.body, "") else None


@vice({"other-body": "answered 200 to a forged request (the right signature of another body)"})
def verifies_without_the_id(arrival: Arrival) -> Response | None:
    numbered = (re.sub(rb"-\d+\"}$", b'-%d"}' % number, arrival.body) for number in range(1, 300))
    others = {sign(body) for body in numbered if body != arrival.body}
    return OK if arrival.is_delivery and arrival.signature in others else None


@remembering({"replayed": "answered 200 to a forged request (the signature of an earlier delivery)"})
def remembers_signatures() -> Vicious:
    seen: set[str] = set()

    def handle(arrival: Arrival) -> Response | None:
        if not arrival.is_delivery or arrival.signature is None:
            return None
        if arrival.signature == arrival.right:
            seen.add(arrival.signature)
        return OK if arrival.signature in seen else None

    return handle


@remembering(all_of(CONTROLS, "one byte changed after signing"))
def trusts_a_connection() -> Vicious:
    trusted: set[object] = set()

    def handle(arrival: Arrival) -> Response | None:
        if not arrival.is_delivery:
            return None
        if arrival.signature == arrival.right:
            trusted.add(arrival.client)
        return OK if arrival.client in trusted else None

    return handle


# Comparisons that look at a part only.


@vice({"bit-flipped": "answered 200 to a forged request (a right signature, its last bit flipped)"})
def compares_all_but_the_last_digit(arrival: Arrival) -> Response | None:
    given = arrival.signature or ""
    return OK if arrival.is_delivery and len(given) == 71 and given[:70] == arrival.right[:70] else None


@vice({"truncated": "answered 200 to a forged request (the first half of a right signature)"})
def compares_the_shorter_length(arrival: Arrival) -> Response | None:
    given = arrival.signature or ""
    return OK if arrival.is_delivery and len(given) > 7 and arrival.right.startswith(given) else None


@vice({"extended": "answered 200 to a forged request (a right signature with two more digits)"})
def compares_the_expected_length(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and (arrival.signature or "").startswith(arrival.right) else None


@vice(all_of(("bit-flipped", "truncated", "extended"), "answered 200"))
def compares_eight_digits(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and (arrival.signature or "")[:15] == arrival.right[:15] else None


@vice({"other-algorithm": "answered 200 to a forged request (another algorithm named, wrong secret)"})
def knows_one_algorithm_only(arrival: Arrival) -> Response | None:
    name, found, _ = (arrival.signature or "").partition("=")
    return OK if arrival.is_delivery and found and name.isalnum() and name != "sha256" and len(name) > 3 else None


@vice({"other-algorithm": "answered 500"})
def crashes_on_another_algorithm(arrival: Arrival) -> Response | None:
    name, found, _ = (arrival.signature or "").partition("=")
    return CRASH if arrival.is_delivery and found and name != "sha256" else None


@vice({"base64-signature": "answered 200 to a forged request (a digest in base64, wrong secret)"})
def decodes_base64_to_nothing(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and re.fullmatch("sha256=.{43}=", arrival.signature or "") else None


@vice({"two-signatures": "answered 200 to a forged request (two signature headers, both wrong)"})
def gives_up_on_two_signatures(arrival: Arrival) -> Response | None:
    return OK if arrival.is_delivery and ", " in (arrival.signature or "") else None


# Bodies that are looked at in the wrong way, or too early.


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


@vice({"no-json": "answered 400 to a forged request (no JSON, wrong secret)"})
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


# Headers that are believed.


def believes(name: str, value: str, status: int = 200) -> Vicious:
    """A handler that lets in whoever sends this header with this value."""

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
        told = f"answered 200 to a forged request ({header}: {value}; no signature)"
        name = f"believes-{header}-{value}"
        VICES[name] = Vice(name, lambda h=header, v=value: believes(h, v), {kind: told})  # type: ignore[misc]


@vice({"proxy-headers": "answered 500 to a forged request (x-original-url: /health; no signature)"})
def crashes_on_another_url(arrival: Arrival) -> Response | None:
    return believes("x-original-url", "/health", 500)(arrival)


@vice({"debug-headers": "answered 200 to a forged request (x-test-mode: true; signed with a wrong secret)"})
def believes_only_beside_a_signature(arrival: Arrival) -> Response | None:
    return believes("x-test-mode", "true")(arrival) if arrival.signature is not None else None


@vice(all_of(TRUST, "trust headers together"))
def believes_two_headers_together(arrival: Arrival) -> Response | None:
    both = arrival.header("x-admin") == "true" and arrival.header("x-internal") == "true"
    return OK if arrival.is_delivery and both else None


# Answers that are no refusals, or no answers of the function.


@vice(all_of((*OWN_REQUEST, *CONTROLS), "answered 403"), "wrong-secret-sha1", "generated", *TRUST)
def forbids_instead(arrival: Arrival) -> Response | None:
    refused = honest(arrival) is UNAUTHORIZED
    return answer(403, {"error": "Forbidden"}) if refused else None


@vice(all_of(CONTROLS, "answered 401 to a rightly signed request"))
def refuses_everything(arrival: Arrival) -> Response | None:
    return UNAUTHORIZED if arrival.is_delivery else None


GATEWAY_WORDS = "the 401 comes from Supabase's gateway"


@vice(
    {
        **all_of((*FORGERIES, *CONTROLS), GATEWAY_WORDS),
        "right-token": "Supabase's gateway: UNAUTHORIZED_NO_AUTH_HEADER",
        "extra-parameters": "answered 401",
        "wrong-token": "Supabase's gateway refused",
        "no-token": "Supabase's gateway refused",
    }
)
def gateway_refuses_everything(arrival: Arrival) -> Response | None:
    return answer(
        401,
        {"code": "UNAUTHORIZED_NO_AUTH_HEADER", "message": "Missing authorization header"},
        sb_error_code="UNAUTHORIZED_NO_AUTH_HEADER",
    )


@vice(all_of((*FORGERIES, *CONTROLS), f"{GATEWAY_WORDS} (Invalid JWT)"))
def older_gateway_refuses_deliveries(arrival: Arrival) -> Response | None:
    return answer(401, {"code": 401, "message": "Invalid JWT"}) if arrival.is_delivery else None


@vice(all_of((*OWN_REQUEST, *CONTROLS), "answered 404 (NOT_FOUND)"), "wrong-secret-sha1", "generated", *TRUST)
def is_not_deployed(arrival: Arrival) -> Response | None:
    missing = {"code": "NOT_FOUND", "message": "Requested function was not found"}
    return answer(404, missing, sb_error_code="NOT_FOUND") if arrival.is_delivery else None


@vice({"extended": "gives away the right signature for the body it was sent"})
def tells_the_expected_signature(arrival: Arrival) -> Response | None:
    if (
        not arrival.is_delivery
        or not (arrival.signature or "").endswith("00")
        or len(arrival.signature or "") != 73
    ):
        return None
    return answer(401, {"error": "Invalid signature", "expected": arrival.right})


@vice({"no-json": "gives away the app secret"})
def tells_the_secret(arrival: Arrival) -> Response | None:
    broken = arrival.is_delivery and arrival.body == b"this is not JSON"
    return answer(401, {"error": f"verified with {SECRET}"}) if broken else None


# The handshake.


def challenge_of(arrival: Arrival) -> bytes:
    return dict(arrival.query).get("hub.challenge", "").encode()


@vice(all_of(("wrong-token", "no-token"), "answered 200 and echoed the challenge to a handshake"))
def echoes_to_anybody(arrival: Arrival) -> Response | None:
    return Response(200, challenge_of(arrival)) if arrival.is_handshake else None


@vice({"no-token": "answered 200 and echoed the challenge to a handshake without a token"})
def echoes_without_a_token(arrival: Arrival) -> Response | None:
    missing = arrival.is_handshake and "hub.verify_token" not in dict(arrival.query)
    return Response(200, challenge_of(arrival)) if missing else None


@vice({"wrong-token": "answered 200 and echoed the challenge to a handshake with a wrong token"})
def compares_the_beginning_of_the_token(arrival: Arrival) -> Response | None:
    given = dict(arrival.query).get("hub.verify_token", "")
    begins = arrival.is_handshake and given and TOKEN.startswith(given)
    return Response(200, challenge_of(arrival)) if begins else None


@vice(all_of(("wrong-token", "no-token"), "answered 200 to a handshake"))
def refuses_the_handshake_with_200(arrival: Arrival) -> Response | None:
    refused = arrival.is_handshake and honest(arrival).status == 403
    return answer(200, {"error": "Forbidden"}) if refused else None


@vice({"no-token": "answered 500 to a handshake without a token"})
def crashes_without_a_token(arrival: Arrival) -> Response | None:
    return CRASH if arrival.is_handshake and "hub.verify_token" not in dict(arrival.query) else None


@vice(all_of(("right-token", "extra-parameters"), "exactly the challenge with something around it"))
def wraps_the_challenge_in_json(arrival: Arrival) -> Response | None:
    right = arrival.is_handshake and honest(arrival).status == 200
    return answer(200, {"challenge": challenge_of(arrival).decode()}) if right else None


@vice(all_of(("right-token", "extra-parameters"), "its answer is empty"))
def answers_the_handshake_with_nothing(arrival: Arrival) -> Response | None:
    return Response(200) if arrival.is_handshake and honest(arrival).status == 200 else None


@vice({"extra-parameters": "answered 400"})
def knows_its_parameters_only(arrival: Arrival) -> Response | None:
    return answer(400, {}) if arrival.is_handshake and "utm_source" in dict(arrival.query) else None


@vice({"other-mode": "answered 500"})
def crashes_on_another_mode(arrival: Arrival) -> Response | None:
    return CRASH if arrival.is_handshake and dict(arrival.query).get("hub.mode") != "subscribe" else None


@vice(all_of(("wrong-token", "no-token"), "gives away the verify token"))
def tells_the_expected_token(arrival: Arrival) -> Response | None:
    refused = arrival.is_handshake and ("hub.mode", "subscribe") in arrival.query and honest(arrival).status == 403
    wrong = refused and len([name for name, _ in arrival.query if name == "hub.verify_token"]) < 2
    return Response(403, f"expected {TOKEN}".encode()) if wrong else None


# The processor of the dead letter queue.

PASS = answer(200, {"success": True, "processed": 3})
NOT_SENT = "not sent: the processor was open"


def opens_to(arrival: Arrival, *bearers: str | None) -> Response | None:
    return PASS if arrival.is_call and arrival.header("authorization") in bearers else None


@vice(
    {"no-bearer": "dlq-processor answered 200 to a call without a bearer, with processed: 3"},
    "wrong-bearer",
    "undefined-bearer",
    "forged-token",
    "anon-key",
)
def processor_is_open(arrival: Arrival) -> Response | None:
    return opens_to(arrival, None)


@vice({"wrong-bearer": "answered 200"}, "undefined-bearer", "forged-token", "anon-key")
def processor_wants_any_bearer(arrival: Arrival) -> Response | None:
    return PASS if arrival.is_call and arrival.header("authorization") else None


@vice({"undefined-bearer": "answered 200"}, "forged-token", "anon-key")
def processor_was_given_no_key(arrival: Arrival) -> Response | None:
    return opens_to(arrival, "Bearer undefined")


@vice({"forged-token": "answered 200"}, "anon-key")
def processor_believes_tokens(arrival: Arrival) -> Response | None:
    return PASS if arrival.is_call and (arrival.header("authorization") or "").count(".") == 2 else None


@vice({"anon-key": "answered 200 to a call with the public anon key"})
def processor_takes_the_anon_key(arrival: Arrival) -> Response | None:
    return opens_to(arrival, f"Bearer {ANON_KEY}")


@vice(
    all_of(
        ("no-bearer", "wrong-bearer", "undefined-bearer", "forged-token", "anon-key"),
        "reports a pass all the same",
    )
)
def processor_refuses_too_late(arrival: Arrival) -> Response | None:
    return answer(401, {"processed": 3, "error": "Unauthorized"}) if arrival.is_call else None


@vice({"no-bearer": "answered 500"}, "wrong-bearer", "undefined-bearer", "forged-token", "anon-key")
def processor_crashes_without_a_bearer(arrival: Arrival) -> Response | None:
    return CRASH if arrival.is_call and arrival.header("authorization") is None else None
