"""Faults of the GET handshake."""

from __future__ import annotations

from tests.webhooks.faults.registry import CRASH, all_of, fault
from tests.webhooks.server import TOKEN, Arrival, Response, answer, honest


def challenge_of(arrival: Arrival) -> bytes:
    return dict(arrival.query).get("hub.challenge", "").encode()


@fault(all_of(("wrong-token", "no-token", "empty-token"), "answered 200 and echoed the challenge to a handshake"))
def echoes_to_anybody(arrival: Arrival) -> Response | None:
    return Response(200, challenge_of(arrival)) if arrival.is_handshake else None


@fault({"no-token": "answered 200 and echoed the challenge to a handshake without a token"})
def echoes_without_a_token(arrival: Arrival) -> Response | None:
    missing = arrival.is_handshake and "hub.verify_token" not in dict(arrival.query)
    return Response(200, challenge_of(arrival)) if missing else None


@fault({"empty-token": "answered 200 and echoed the challenge to a handshake with an empty token"})
def echoes_to_an_empty_token(arrival: Arrival) -> Response | None:
    empty = arrival.is_handshake and dict(arrival.query).get("hub.verify_token") == ""
    return Response(200, challenge_of(arrival)) if empty else None


@fault({"wrong-token": "answered 200 and echoed the challenge to a handshake with a wrong token"})
def compares_the_beginning_of_the_token(arrival: Arrival) -> Response | None:
    given = dict(arrival.query).get("hub.verify_token", "")
    begins = arrival.is_handshake and given and TOKEN.startswith(given)
    return Response(200, challenge_of(arrival)) if begins else None


@fault(all_of(("wrong-token", "no-token", "empty-token"), "answered 200 to a handshake"))
def refuses_the_handshake_with_200(arrival: Arrival) -> Response | None:
    refused = arrival.is_handshake and honest(arrival).status == 403
    return answer(200, {"error": "Forbidden"}) if refused else None


@fault({"no-token": "answered 500 to a handshake without a token"})
def crashes_without_a_token(arrival: Arrival) -> Response | None:
    return CRASH if arrival.is_handshake and "hub.verify_token" not in dict(arrival.query) else None


@fault(all_of(("right-token", "extra-parameters"), " contains more than the challenge"))
def wraps_the_challenge_in_json(arrival: Arrival) -> Response | None:
    right = arrival.is_handshake and honest(arrival).status == 200
    return answer(200, {"challenge": challenge_of(arrival).decode()}) if right else None


@fault(all_of(("right-token", "extra-parameters"), " is empty"))
def answers_the_handshake_with_nothing(arrival: Arrival) -> Response | None:
    return Response(200) if arrival.is_handshake and honest(arrival).status == 200 else None


@fault({"extra-parameters": "answered 400"})
def knows_its_parameters_only(arrival: Arrival) -> Response | None:
    return answer(400, {}) if arrival.is_handshake and "utm_source" in dict(arrival.query) else None


@fault({"other-mode": "answered 500"})
def crashes_on_another_mode(arrival: Arrival) -> Response | None:
    return CRASH if arrival.is_handshake and dict(arrival.query).get("hub.mode") != "subscribe" else None


@fault(all_of(("wrong-token", "no-token", "empty-token"), "contains the verify token"))
def returns_the_expected_token(arrival: Arrival) -> Response | None:
    refused = arrival.is_handshake and ("hub.mode", "subscribe") in arrival.query and honest(arrival).status == 403
    wrong = refused and len([name for name, _ in arrival.query if name == "hub.verify_token"]) < 2
    return Response(403, f"expected {TOKEN}".encode()) if wrong else None
