"""Endpoints that are correct in an unusual way: they pass all cases of check 4."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.webhooks.http.raw import RawServer, close_each, http_10, in_chunks, with_endless_refusals
from tests.webhooks.outcomes import PIECES, access_to, not_passed, outcomes, read, settings_for
from tests.webhooks.server import UNAUTHORIZED, Arrival, Response, Server, answer, honest, sign

CHECK_04_PIECES = PIECES - {"function_health"}

Behaviour = Callable[[Arrival], Response]
ODD: dict[str, Callable[[], Behaviour]] = {}


def odd(change: Callable[[Arrival, Response], Response]) -> Callable[[Arrival, Response], Response]:
    """Register an endpoint that changes the answers of the honest one."""
    name = change.__name__.replace("_", "-")
    ODD[name] = lambda: lambda arrival: change(arrival, honest(arrival))
    return change


def refusals(response: Response) -> Callable[[Arrival, Response], Response]:
    """A change that replaces the refusal of forgeries."""
    return lambda arrival, right: response if right is UNAUTHORIZED else right


@odd
def accepts_upper_case(arrival: Arrival, right: Response) -> Response:
    given = arrival.signature or ""
    upper = arrival.is_delivery and given.startswith("sha256=") and given[7:].lower() == arrival.right[7:]
    return answer(200, {}) if upper else right


@odd
def accepts_the_legacy_header(arrival: Arrival, right: Response) -> Response:
    import hashlib
    import hmac

    from tests.webhooks.server import SECRET

    legacy = "sha1=" + hmac.new(SECRET.encode(), arrival.body, hashlib.sha1).hexdigest()
    return answer(200, {}) if arrival.is_delivery and arrival.header("x-hub-signature") == legacy else right


@odd
def answers_204(arrival: Arrival, right: Response) -> Response:
    return Response(204) if arrival.is_delivery and right.status == 200 else right


def accepting(document: object) -> Callable[[Arrival, Response], Response]:
    """A change of the body of accepted deliveries."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return lambda arrival, right: (
        replace(right, body=body) if arrival.is_delivery and right.status == 200 else right
    )


ACCEPTING = {
    "meta-s-own-words": b"EVENT_RECEIVED",
    "no-errors": b"ok, 0 errors",
    "empty-error-fields": {"ok": True, "error": None, "errors": [], "degraded": False, "fallback": "none"},
    "message-without-errors": {"message": "processed without any error, no fallback was needed"},
    "counts": {"success": True, "error_count": 0, "status": "accepted"},
    "a-list": [],
}


@pytest.mark.parametrize("body", ACCEPTING)
def test_unusual_body_of_an_accepted_request_passes(server: Server, body: str) -> None:
    """Words that deny trouble, and fields for trouble that are empty."""
    change = accepting(ACCEPTING[body])
    base_url = server.serve(lambda arrival: change(arrival, honest(arrival)))
    evidence = read(settings_for("wa-webhook"), access_to(base_url), CHECK_04_PIECES)
    assert not_passed(outcomes(evidence)) == {}


def test_quoted_words_are_redacted(server: Server) -> None:
    """A customer's number and words in the body of an accepted request are not in the evidence's quote."""
    change = accepting({"error": 'no route for +250788123456: "muraho neza"'})
    base_url = server.serve(lambda arrival: change(arrival, honest(arrival)))
    evidence = read(settings_for("wa-webhook"), access_to(base_url), CHECK_04_PIECES)
    reason = outcomes(evidence)["wa-webhook-ascii"].reason
    assert "not served: error: no route for" in reason
    assert "788123456" not in reason
    assert "muraho" not in reason


@odd
def adds_headers(arrival: Arrival, right: Response) -> Response:
    more = [("x-request-id", "7"), ("strict-transport-security", "max-age=1"), ("set-cookie", "a=b")]
    return replace(right, headers=[*right.headers, *more])


@odd
def refuses_in_html(arrival: Arrival, right: Response) -> Response:
    page = Response(401, b"<html><h1>401 Unauthorized</h1></html>", [("content-type", "text/html")])
    return refusals(page)(arrival, right)


@odd
def refuses_with_nothing(arrival: Arrival, right: Response) -> Response:
    return refusals(Response(401))(arrival, right)


@odd
def refuses_in_the_gateways_words(arrival: Arrival, right: Response) -> Response:
    own = answer(401, {"code": 401, "message": "Invalid JWT"}, x_deno_execution_id="7f")
    return refusals(own)(arrival, right)


@odd
def refuses_with_a_code(arrival: Arrival, right: Response) -> Response:
    return refusals(answer(401, {"code": 401, "message": "Invalid signature"}))(arrival, right)


@odd
def refuses_with_a_link(arrival: Arrival, right: Response) -> Response:
    return refusals(Response(401, b"", [("location", "http://127.0.0.1:9/login")]))(arrival, right)


@odd
def refuses_at_length(arrival: Arrival, right: Response) -> Response:
    return refusals(Response(401, b"no " * 400_000))(arrival, right)


@odd
def refuses_in_another_alphabet(arrival: Arrival, right: Response) -> Response:
    return refusals(Response(401, b"\xff\xfe\x1b[31m", [("content-type", "text/plain; charset=utf-16")]))(
        arrival, right
    )


@odd
def compresses_unasked(arrival: Arrival, right: Response) -> Response:
    return replace(right, body=gzip.compress(right.body), headers=[*right.headers, ("content-encoding", "gzip")])


@odd
def answers_the_challenge_as_json(arrival: Arrival, right: Response) -> Response:
    echo = arrival.is_handshake and right.status == 200
    return replace(right, headers=[("content-type", "application/json")]) if echo else right


@odd
def answers_slowly(arrival: Arrival, right: Response) -> Response:
    time.sleep(0.01)
    return right


@odd
def forbids_the_processor(arrival: Arrival, right: Response) -> Response:
    return answer(403, {}) if arrival.is_call else right


@odd
def guards_the_processor_with_the_gateway(arrival: Arrival, right: Response) -> Response:
    if not arrival.is_call:
        return right
    code = "UNAUTHORIZED_NO_AUTH_HEADER"
    return answer(401, {"code": code, "message": "Missing authorization header"}, sb_error_code=code)


def trusts_a_cookie() -> Behaviour:
    """Sets a cookie with each correctly answered request, and accepts requests with it; the suite sends none."""

    def handle(arrival: Arrival) -> Response:
        if arrival.is_delivery and arrival.header("cookie"):
            return answer(200, {})
        right = honest(arrival)
        return replace(right, headers=[*right.headers, ("set-cookie", "session=trusted; Path=/")])

    return handle


def starts_slowly() -> Behaviour:
    """Answers the first two requests to each function with the gateway's boot error."""
    seen: dict[str, int] = {}

    def handle(arrival: Arrival) -> Response:
        seen[arrival.function] = seen.get(arrival.function, 0) + 1
        if seen[arrival.function] > 2:
            return honest(arrival)
        return answer(
            503, {"code": "BOOT_ERROR", "message": "Function failed to start"}, sb_error_code="BOOT_ERROR"
        )

    return handle


ODD["trusts-a-cookie"] = trusts_a_cookie
ODD["starts-slowly"] = starts_slowly


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_odd_but_right_endpoint_passes(server: Server, make: Callable[[], Behaviour]) -> None:
    """An endpoint that is correct in an unusual way passes all cases of check 4."""
    evidence = read(settings_for("wa-webhook"), access_to(server.serve(make())), CHECK_04_PIECES)
    assert not_passed(outcomes(evidence)) == {}


@pytest.mark.parametrize("style", [http_10, in_chunks, close_each, with_endless_refusals])
def test_odd_but_right_http_passes(style: Callable[..., bytes]) -> None:
    """HTTP/1.0, chunks, a connection for each answer, and endless refusals pass."""
    with RawServer(style) as address:
        evidence = read(settings_for("wa-webhook"), access_to(address), CHECK_04_PIECES)
    assert not_passed(outcomes(evidence)) == {}


def test_other_spellings_are_not_judged(server: Server) -> None:
    """The answers to a right signature in other spellings are reported with the case without a signature."""
    evidence = read(settings_for("wa-webhook"), access_to(server.serve(honest)), CHECK_04_PIECES)
    judged = outcomes(evidence)["wa-webhook-no-signature"].judge
    assert judged is not None
    assert judged.findings == [
        "a right signature in another spelling (the digest in upper case): 401 (not judged)",
        "a right signature in another spelling (sha1 in the legacy header alone): 401 (not judged)",
    ]


def test_every_request_has_its_own_id(server: Server) -> None:
    """Each request has an id of the run in three headers, which says whether it is forged."""
    base_url = server.serve(honest)
    evidence = read(settings_for("wa-webhook"), access_to(base_url), PIECES)
    run = evidence.pieces["webhook_probes"].run_id
    ids: list[str | None] = []
    for arrival in server.arrivals(base_url):
        marks = {arrival.header(name) for name in ("user-agent", "x-request-id", "x-correlation-id")}
        assert len(marks) == 1
        ids += marks
        kind = "forged" if arrival.method == "POST" and arrival.signature != arrival.right else "(signed|probe)"
        spelled = arrival.is_delivery and (
            arrival.header("x-hub-signature") or (arrival.signature or "").isupper()
        )
        assert spelled or re.fullmatch(f"easymo-verification-({kind}|signed)-{run}-[0-9]+", str(marks.pop()))
    assert len(set(ids)) == len(ids)


def test_signed_payloads_have_no_messages(server: Server) -> None:
    """The three controls have no entries, and are signed over the bytes that arrive."""
    base_url = server.serve(honest)
    read(settings_for("wa-webhook"), access_to(base_url), CHECK_04_PIECES)
    accepted = [one for one in server.arrivals(base_url) if one.is_delivery and one.signature == sign(one.body)]
    assert len(accepted) == 3
    assert [json.loads(one.body)["entry"] for one in accepted] == [[], [], []]
    assert [one.body.isascii() for one in accepted] == [True, True, False]
    assert b"\\u00e9" in accepted[1].body
