"""Deployment steps 2.1 to 2.5 where a router answers for functions, and where functions have no health route."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from checks.judge import Judge
from fixtures.breakers.health import watch_health
from fixtures.outcome import Gap, Status
from fixtures.webhooks.reading import read_endpoints
from tests.outcomes import Outcome
from tests.webhooks.health.test_routes import CORE, HEALTH, PROCESSOR, STEP_OF, STEPS
from tests.webhooks.outcomes import PIECES, access_to, not_passed, outcomes, read, settings_for
from tests.webhooks.server import Arrival, Response, Server, answer, health_of, honest

HEALTH_ALONE = frozenset({"function_health"})
ROUTED = {CORE: "wa-router"}
UNAUTHORIZED = {"error": "Invalid signature"}


@dataclass(frozen=True)
class Judged:
    """The outcomes of steps 2.1 to 2.5, and the requests that arrived."""

    outcomes: dict[str, Outcome]
    arrivals: list[Arrival]

    def __getitem__(self, case: str) -> Outcome:
        return self.outcomes[case]

    def arrived(self, function: str) -> set[tuple[str, str]]:
        """Method and route of the requests to a function."""
        return {(one.method, one.rest) for one in self.arrivals if one.function == function}

    def said(self, case: str) -> Judge:
        """What a case found and what it objects to."""
        statement = self.outcomes[case].judge
        assert statement is not None
        return statement


def judge(server: Server, behaviour: Any, needs: Any = HEALTH_ALONE, **names: Any) -> Judged:
    """Judge steps 2.1 to 2.5 on a server with this behaviour, and these names in the settings."""
    base_url = server.serve(lambda arrival: behaviour(arrival) or honest(arrival))
    settings = settings_for(http_request_timeout_seconds=2.0)
    settings = replace(settings, names=replace(settings.names, **names))
    judged = outcomes(read(settings, access_to(base_url), needs), (*STEPS, HEALTH))
    return Judged(judged, server.arrivals(base_url))


def routed(arrival: Arrival) -> Response | None:
    """A router that answers for the core function."""
    if arrival.function != CORE or not arrival.is_health:
        return None
    return answer(200, {**health_of(CORE), "service": "wa-router"})


def test_router_passes_under_its_name(server: Server) -> None:
    """The finding says under which name the function answers."""
    judged = judge(server, routed, answers_as=ROUTED)
    assert not_passed(judged.outcomes) == {}
    assert "wa-webhook-core answers as wa-router, version 2.1.0" in judged.said(STEP_OF[CORE]).findings


def test_router_without_its_setting_fails(server: Server) -> None:
    """The advice names the setting."""
    judged = judge(server, routed)
    assert not_passed(judged.outcomes) == {STEP_OF[CORE]: Status.FAILED, CORE: Status.FAILED}
    assert "the address of wa-webhook-core answered as service wa-router" in judged[CORE].reason
    advice = str(judged.said(CORE).violations[0].advice)
    assert advice == (
        "deploy the code of wa-webhook-core under its name, or set names.answers_as, if wa-router answers for "
        "wa-webhook-core on purpose"
    )


def test_function_in_place_of_its_router_fails(server: Server) -> None:
    """The settings say that the router answers, so the function's own name is the wrong one."""
    judged = judge(server, lambda arrival: None, answers_as=ROUTED)
    assert not_passed(judged.outcomes) == {STEP_OF[CORE]: Status.FAILED, CORE: Status.FAILED}
    assert "answered as service wa-webhook-core" in judged[CORE].reason
    assert judged.said(CORE).violations[0].expected == "service wa-router, by names.answers_as"
    assert judged.said(CORE).violations[0].advice == (
        "deploy the code that answers as wa-router, or take wa-webhook-core out of names.answers_as"
    )


def without_health(response: Response, function: str = CORE) -> Any:
    """A function that gives this response to each request, also to a GET of its health."""
    return lambda arrival: response if arrival.function == function else None


OWN = answer(401, UNAUTHORIZED, x_deno_execution_id="7f")
BOOT = answer(503, {"code": "BOOT_ERROR", "message": "x"}, sb_error_code="BOOT_ERROR")
GATEWAY = answer(401, {"code": "UNAUTHORIZED_X", "message": "x"}, sb_error_code="UNAUTHORIZED_X")
STEP_2_3 = {
    "its own refusal": (OWN, Status.PASSED, ""),
    "a crash of its own": (answer(500, {}, x_deno_execution_id="7f"), Status.PASSED, ""),
    "a refusal without an execution id": (
        answer(401, UNAUTHORIZED),
        Status.UNPROVEN,
        "wa-webhook-core answered 401 to a POST (no signature), without an execution id: that does not show",
    ),
    "the gateway's refusal": (GATEWAY, Status.UNPROVEN, "from Supabase's gateway (UNAUTHORIZED_X)"),
    "a page": (Response(200, b"<html>"), Status.UNPROVEN, "without an execution id"),
    "not deployed": (
        answer(404, {"code": "NOT_FOUND", "message": "x"}, sb_error_code="NOT_FOUND"),
        Status.FAILED,
        "the address of wa-webhook-core answered 404 to a POST (no signature): NOT_FOUND",
    ),
    "does not start": (BOOT, Status.FAILED, "answered 503 to a POST (no signature): BOOT_ERROR"),
}

SAID_BY_CHECK_4 = ("the gateway's refusal", "not deployed", "does not start")


@pytest.mark.parametrize("shape", STEP_2_3)
@pytest.mark.parametrize("needs", [HEALTH_ALONE, PIECES], ids=["step alone", "with check 4"])
def test_webhook_without_health_is_judged_by_a_post(server: Server, shape: str, needs: frozenset[str]) -> None:
    """It gets no GET of the health route; step 2.5 does not apply to it, and says so."""
    response, status, words = STEP_2_3[shape]
    if needs is PIECES and shape in SAID_BY_CHECK_4:
        status, words = Status.UNPROVEN, "wa-webhook-core did not answer; check 4 names the cause"
    judged = judge(server, without_health(response), needs, without_health=(CORE,))
    assert ("GET", "/health") not in judged.arrived(CORE)
    assert judged[CORE].status is Status.NOT_APPLICABLE
    assert judged[CORE].reason == "wa-webhook-core has no health route, by names.without_health"
    assert (judged[STEP_OF[CORE]].status, words in judged[STEP_OF[CORE]].reason) == (status, True)
    assert not_passed(judged.outcomes).keys() <= {CORE, STEP_OF[CORE]}
    if needs is HEALTH_ALONE:
        assert judged.arrived(CORE) == {("POST", "")}


@pytest.mark.parametrize("needs", [HEALTH_ALONE, HEALTH_ALONE | {"dlq_processor_probes"}])
def test_processor_without_health_gets_no_get(server: Server, needs: frozenset[str]) -> None:
    """A GET could run a pass; the refused POST has the function's own execution id."""
    judged = judge(server, without_health(OWN, PROCESSOR), needs, without_health=(PROCESSOR,))
    assert {method for method, _ in judged.arrived(PROCESSOR)} == {"POST"}
    assert not_passed(judged.outcomes) == {PROCESSOR: Status.NOT_APPLICABLE}
    findings = judged.said(STEP_OF[PROCESSOR]).findings
    assert findings == [
        "dlq-processor answered 401 to a POST (a call without a bearer), with an execution id of its own"
    ]


def test_held_processor_without_health_gets_nothing(server: Server) -> None:
    """While an entry is due, step 2.4 is unproven for that reason."""
    base_url = server.serve(honest)
    settings = settings_for()
    settings = replace(settings, names=replace(settings.names, without_health=(PROCESSOR,)))
    held = Gap(Status.UNPROVEN, "an entry is due")
    pieces, _ = read_endpoints(settings, access_to(base_url), HEALTH_ALONE, lambda line: None, held)
    assert [one for one in server.arrivals(base_url) if one.function == PROCESSOR] == []
    assert pieces["function_health"].not_asked == {PROCESSOR: held}


def test_all_without_health_prove_no_certificate(server: Server) -> None:
    """No GET of a health route is sent to any function, nor for the circuit breakers."""
    names = settings_for().names
    everything = (*names.webhooks, names.dlq_processor)
    judged = judge(server, lambda arrival: None, without_health=everything)
    assert all(("GET", "/health") not in judged.arrived(name) for name in everything)
    base_url = server.serve(honest)
    settings = replace(settings_for(), names=replace(names, without_health=everything))
    seen = watch_health(settings, access_to(base_url), lambda line: None)
    assert seen.reported_gap is not None
    assert seen.reported_gap.reason == "wa-webhook-core has no health route, by names.without_health"
    assert server.arrivals(base_url) == []
