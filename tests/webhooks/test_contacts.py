"""The case that says whether a function answers at all: one cause for each endpoint, at most three requests."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import trustme

from checks import test_daily
from fixtures.evidence.document import decode, plain, to_text
from fixtures.outcome import Gap, Status, Unproven
from fixtures.webhooks.model import Met
from tests.following import mend
from tests.outcomes import judge as judge_case
from tests.outcomes import read as read_all
from tests.webhooks.http.raw import RawServer, written
from tests.webhooks.outcomes import ANSWERS, CHECK_04, PIECES, access_to, not_passed, outcomes, read, settings_for
from tests.webhooks.server import Arrival, Response, Server, answer, honest

CHECK_04_PIECES = PIECES - {"function_health"}
CORE = "wa-webhook-core"
POINTER = f"{CORE} did not answer; check 4 names the cause"
PAGE = Response(200, b"<!DOCTYPE html><title>Sign in</title>", [("content-type", "text/html")])


def gateway(status: int, code: str) -> Response:
    """An answer of Supabase's gateway."""
    return answer(status, {"code": code, "message": "x"}, sb_error_code=code)


ABSENT: dict[str, tuple[Response, str, int]] = {
    "not deployed": (
        gateway(404, "NOT_FOUND"),
        f"no function is deployed as {CORE}: its address answers 404 (NOT_FOUND)",
        1,
    ),
    "not deployed, and no gateway of Supabase": (
        Response(404, b"404 page not found", [("content-type", "text/plain")]),
        f"no function is deployed as {CORE}: its address answers 404",
        1,
    ),
    "does not boot": (
        gateway(503, "BOOT_ERROR"),
        f"{CORE} does not start: the gateway answers 503 (BOOT_ERROR), 3 times",
        3,
    ),
    "stopped at a limit": (
        gateway(546, "WORKER_LIMIT"),
        f"{CORE} is stopped at a limit before it answers: 546 (WORKER_LIMIT), 3 times",
        3,
    ),
    "a gateway that asks for a JWT": (
        gateway(401, "UNAUTHORIZED_NO_AUTH_HEADER"),
        f"the gateway asks for a JWT before {CORE} runs: 401 (UNAUTHORIZED_NO_AUTH_HEADER)",
        1,
    ),
    "a proxy that reaches nothing": (
        Response(502, b"<html>Bad Gateway</html>", [("content-type", "text/html")]),
        f"no answer of {CORE} comes through: what stands before it answers 502, 3 times",
        3,
    ),
    "a login page": (
        PAGE,
        f"a page or a redirect comes from the address of {CORE}: 200 (text/html), 2 times",
        2,
    ),
    "a redirect to a login": (
        Response(302, b"", [("location", "https://login.example.org/")]),
        f"a page or a redirect comes from the address of {CORE}: 302 to https://login.example.org/, 2 times",
        2,
    ),
}


@pytest.mark.parametrize("cause", ABSENT)
@pytest.mark.parametrize("needs", [CHECK_04_PIECES, PIECES], ids=["check 4", "with the steps"])
def test_what_is_no_function_is_found_once(server: Server, cause: str, needs: frozenset[str]) -> None:
    """One case fails; the endpoint's others point to it; the other endpoints are judged as ever."""
    response, reason, requests = ABSENT[cause]
    base_url = server.serve(lambda arrival: response if arrival.function == CORE else honest(arrival))
    judged = outcomes(read(settings_for(), access_to(base_url), needs))
    assert (judged[CORE].status, judged[CORE].reason) == (Status.FAILED, reason)
    others = {name: one for name, one in judged.items() if name.startswith(f"{CORE}-")}
    assert {one.reason.partition(" (")[0] for one in others.values()} == {POINTER}
    assert {doubt for one in others.values() for doubt in [one.status]} == {Status.UNPROVEN}
    assert not_passed(judged).keys() == others.keys() | {CORE}
    arrived = [one for one in server.arrivals(base_url) if one.function == CORE]
    assert len(arrived) <= 3
    if needs is CHECK_04_PIECES:
        assert len(arrived) == requests


@pytest.mark.parametrize("cause", ["not deployed", "a gateway that asks for a JWT"])
def test_deploying_heals(server: Server, cause: str) -> None:
    """The command of the advice, as a program of that name would carry it out."""
    response = ABSENT[cause][0]
    deployed: set[str] = set()

    def behaviour(arrival: Arrival) -> Response:
        return response if arrival.function == CORE and CORE not in deployed else honest(arrival)

    def supabase(command: str) -> None:
        program, functions, deploy, name, flag = command.split()
        assert (program, functions, deploy, flag) == ("supabase", "functions", "deploy", "--no-verify-jwt")
        deployed.add(name)

    base_url = server.serve(behaviour)

    def look():
        evidence = read(settings_for(), access_to(base_url), frozenset({"endpoint_contacts"}))
        return judge_case(ANSWERS, evidence, edge_function=CORE)

    named = "or correct names.webhooks and names.dlq_processor, if it has another name"
    assert (named in str(look().advice)) is (cause == "not deployed")
    assert mend(None, look, shell=supabase) == [f"supabase functions deploy {CORE} --no-verify-jwt"]


OWN = {
    "400 in JSON": answer(400, {"error": "no signature"}),
    "403 in JSON": answer(403, {"error": "forbidden"}),
    "404 in JSON": answer(404, {"error": "no such route"}),
    "404 with an execution id": Response(404, b"Not Found", [("x-deno-execution-id", "7f")]),
    "500 as text": Response(500, b"Internal Server Error", [("content-type", "text/plain")]),
    "503 of its own": answer(503, {"status": "starting", "service": CORE}),
    "302 to one kind of request": Response(302, b"", [("location", "/login")]),
}


@pytest.mark.parametrize("response", OWN)
def test_functions_own_answer_is_an_answer(server: Server, response: str) -> None:
    """To a request without a signature; the forgery's case judges it."""

    def behaviour(arrival: Arrival) -> Response:
        own = arrival.function == CORE and arrival.is_delivery and arrival.signature is None
        return OWN[response] if own else honest(arrival)

    judged = outcomes(read(settings_for(), access_to(server.serve(behaviour)), CHECK_04_PIECES))
    assert judged[CORE].status is Status.PASSED
    assert judged[f"{CORE}-no-signature"].status is Status.FAILED


def test_functions_that_start_slowly_are_quiet(server: Server) -> None:
    """The third request is answered by the function: nothing is said but that it was starting."""
    seen: dict[str, int] = {}

    def starting(arrival: Arrival) -> Response:
        seen[arrival.function] = seen.get(arrival.function, 0) + 1
        return gateway(503, "BOOT_ERROR") if seen[arrival.function] < 3 else honest(arrival)

    judged = outcomes(read(settings_for(), access_to(server.serve(starting)), CHECK_04_PIECES))
    assert not_passed(judged) == {}


def test_gateway_may_close_the_processor(server: Server) -> None:
    """The dlq-processor may be deployed with the gateway's check; the webhooks may not."""
    closed = gateway(401, "UNAUTHORIZED_NO_AUTH_HEADER")
    base_url = server.serve(lambda arrival: closed if arrival.is_call else honest(arrival))
    assert not_passed(outcomes(read(settings_for(), access_to(base_url), CHECK_04_PIECES))) == {}


@contextmanager
def refused() -> Iterator[str]:
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextmanager
def unknown() -> Iterator[str]:
    """A host that has no address."""
    yield "http://no-such-host.invalid"


@contextmanager
def untrusted() -> Iterator[str]:
    """A certificate of an authority that nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with RawServer(lambda arrival, right: written(right), context) as address:
        yield address


UNREACHED: dict[str, tuple[Callable[[], object], str, str]] = {
    "nothing listens": (refused, "no connection to 127.0.0.1:", "look whether anything listens at 127.0.0.1:"),
    "an unknown host": (unknown, "no connection to no-such-host.invalid: ", "correct the host in EASYMO_BASE_URL"),
    "an untrusted certificate": (
        untrusted,
        "the TLS certificate of localhost:",
        "renew the certificate",
    ),
}


@pytest.mark.parametrize("cause", UNREACHED)
def test_host_that_cannot_be_reached_has_one_text(cause: str) -> None:
    """The same for all four functions, so that the report tells it once."""
    serving, reason, advice = UNREACHED[cause]
    with serving() as address:
        judged = outcomes(read(settings_for(), access_to(address), CHECK_04_PIECES))
    answers = [judged.pop(name) for name in (*settings_for().names.webhooks, "dlq-processor")]
    assert {one.status for one in answers} == {Status.ERROR}
    (text,) = {one.reason for one in answers}
    assert text.startswith(reason)
    assert str(answers[0].advice).startswith(advice)
    assert {one.status for one in judged.values()} == {Status.UNPROVEN}
    assert not any("forger" in one.reason or "open" in one.reason for one in judged.values())


def test_pointers_name_the_check(server: Server) -> None:
    """The reports put them under its finding."""
    base_url = server.serve(lambda arrival: PAGE)
    evidence = read(settings_for("wa-webhook"), access_to(base_url), CHECK_04_PIECES)
    contacts = evidence.piece("endpoint_contacts")
    assert {one.met for one in contacts.contacts.values()} == {Met.PAGE}
    case = judge_case(CHECK_04[1], evidence, webhook="wa-webhook", forgery="no-signature")
    assert case.status is Status.UNPROVEN
    with pytest.raises(Unproven, match="did not answer") as raised:
        contacts.need("wa-webhook")
    assert raised.value.cause == "check-04"


def test_endpoint_that_breaks_later_has_one_reason() -> None:
    """What got no answer after the first contact is an error, in words without the forgery's name."""
    seen: set[str] = set()

    def breaking(arrival: Arrival, right: Response) -> bytes:
        first = arrival.function not in seen
        seen.add(arrival.function)
        return written(right) if first else b"nonsense\r\n\r\n"

    with RawServer(breaking) as address:
        evidence = read(settings_for("wa-webhook"), access_to(address), CHECK_04_PIECES)
    judged = outcomes(evidence)
    errors = [one.reason for one in judged.values() if one.status is Status.ERROR]
    errors = [reason for reason in errors if reason.startswith("wa-webhook: ")]
    assert len(errors) > 30
    assert len(set(errors)) == 1


def test_breakers_of_a_function_that_is_away_point_to_its_case(any_deployment, server: Server) -> None:
    """Their GET counts among the three requests, and their own case tells nothing twice."""
    missing = gateway(503, "BOOT_ERROR")
    base_url = server.serve(lambda arrival: missing if arrival.function == CORE else honest(arrival))
    access = replace(access_to(base_url), database=any_deployment.access.database)
    evidence = read_all(access, [ANSWERS, test_daily.test_circuit_breakers_are_closed], settings_for())
    assert sum(one.function == CORE for one in server.arrivals(base_url)) == 3
    assert judge_case(ANSWERS, evidence, edge_function=CORE).status is Status.FAILED
    breakers = evidence.piece("circuit_breakers")
    assert breakers.reported_gap.reason == POINTER
    assert breakers.reported_gap.cause == "check-04"


def test_processor_that_was_not_called_has_its_own_name_in_old_evidence(server: Server) -> None:
    """Evidence of an earlier version, which kept no contacts: its case has the reason, as the others have."""
    settings = settings_for("wa-webhook")
    settings = replace(settings, names=replace(settings.names, dlq_processor="redeliver"))
    evidence = read(settings, access_to(server.serve(honest)), CHECK_04_PIECES)
    held = Gap(Status.UNPROVEN, "an entry is due")
    kept = {name: one for name, one in evidence.pieces.items() if name == "webhook_probes"}
    old = decode(to_text(plain(replace(evidence, pieces=kept, gaps={"dlq_processor_probes": held}))))
    assert judge_case(ANSWERS, old, edge_function="wa-webhook").status is Status.PASSED
    outcome = judge_case(ANSWERS, old, edge_function="redeliver")
    assert (outcome.status, outcome.reason) == (Status.UNPROVEN, "an entry is due")
