"""Check 11 by the circuit breakers in the health endpoint's answers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from checks.test_daily import test_circuit_breakers_are_closed as check_11
from fixtures.outcome import Status
from fixtures.settings.model import Names
from tests.breakers.health_server import breaker_list, breakers, health_server
from tests.breakers.test_events import CLOSED, NO_TABLE, QUICK, access
from tests.outcomes import assert_outcome

HEALTH_FAULTS = {
    "open": ([breakers(whatsapp_api="OPEN")], "breaker whatsapp-api is OPEN by the health endpoint, and did not"),
    "half open": ([breakers(whatsapp_api="HALF_OPEN")], "is HALF_OPEN by the health endpoint"),
    "in an object": ([breakers(momo={"state": "OPEN", "failures": 5})], "breaker momo is OPEN"),
    "one of two": ([breakers(a="CLOSED", b="open")], "breaker b is open by the health endpoint"),
    "in an object of an object": ([breakers(a={"state": {"state": "open"}})], "breaker a is open"),
    "in a list": ([breaker_list({"service": "a", "state": "OPEN"})], "breaker a is OPEN by the health endpoint"),
    "in a list, by other keys": (
        [breaker_list({"name": "a", "state": "closed"}, {"breaker": "b", "status": "half-open"})],
        "breaker b is half-open by the health endpoint",
    ),
    "in a list, without a name": ([breaker_list({"state": "OPEN"})], "breaker no. 1 is OPEN"),
    "in a list, twice": (
        [breaker_list({"service": "a", "state": "OPEN"}, {"service": "a", "state": "CLOSED"})],
        "breaker a is OPEN",
    ),
    "open, then half open": (
        [breakers(a="OPEN"), breakers(a="HALF_OPEN")],
        "breaker a is HALF_OPEN by the health endpoint (at first OPEN), and did not close within",
    ),
    "an unknown state": (
        [breakers(a="Broken")],
        "the health endpoint reports the state Broken for breaker a",
    ),
    "no state": ([breakers(a={"failures": 3})], "the health endpoint reports no state for breaker a"),
    "null": ([breakers(a=None)], "the health endpoint reports no state for breaker a"),
    "null in an object": ([breakers(a={"state": None})], "the health endpoint reports no state for breaker a"),
    "an object without a state": (
        [breakers(a={"state": {"A": 1}})],
        "the health endpoint reports no state for breaker a",
    ),
    "true": ([breakers(a=True)], "the health endpoint reports the state true for breaker a"),
    "a list": ([breakers(a=["OPEN"])], "the health endpoint reports the state (a list of 1) for breaker a"),
    "a long text": ([breakers(a="x" * 999)], "reports the state (a text of 999 characters) for breaker a"),
    "half a letter": ([(200, b'{"circuitBreakers": {"a": "\\ud800"}}')], "reports the state ? for breaker a"),
    "the last of many": (
        [breakers(**{f"a{n}": "CLOSED" for n in range(600)}, z="OPEN")],
        "breaker z is OPEN by the health endpoint",
    ),
    "503 and open": ([breakers(503, a="OPEN")], "breaker a is OPEN"),
    "open, then no answer": ([breakers(a="OPEN"), (502, b"<html>bad gateway</html>")], "breaker a is OPEN"),
    "open, then named no longer": ([breakers(a="OPEN"), breakers(b="CLOSED")], "breaker a is OPEN"),
}

HEALTHY = {
    "closed": [CLOSED],
    "in an object": [breakers(a={"state": "CLOSED"})],
    "in lower case": [breakers(a="closed")],
    "in a list": [breaker_list({"service": "a", "state": "CLOSED"}, {"name": "b", "status": "closed"})],
    "under another key": [(200, b'{"circuitBreakers": {}, "breakers": {"a": "CLOSED"}}')],
    "open, then closed": [breakers(a="OPEN"), breakers(a="HALF_OPEN"), breakers(a="CLOSED")],
    "half open, a failed request, then closed": [breakers(a="HALF_OPEN"), (502, b""), breakers(a="CLOSED")],
    "503, but closed": [breakers(503, a="CLOSED")],
}


@pytest.mark.parametrize("fault", HEALTH_FAULTS)
def test_fault_of_the_health_is_found(fault, any_deployment, judged, changed):
    """A breaker that the health endpoint never reports closed fails, after a wait."""
    changed(NO_TABLE)
    answers, part = HEALTH_FAULTS[fault]
    with health_server(*answers) as server:
        outcome = judged(check_11, QUICK, access(server.url, any_deployment.access))
        assert set(server.paths) == {"/functions/v1/wa-webhook-core/health"}
    assert_outcome(outcome, Status.FAILED, part)


@pytest.mark.parametrize("variant", HEALTHY)
def test_breaker_that_closes_passes(variant, any_deployment, judged, changed):
    """A breaker that is closed, or closes in time, passes; a wait is reported."""
    changed(NO_TABLE)
    with health_server(*HEALTHY[variant]) as server:
        outcome = judged(check_11, QUICK, access(server.url, any_deployment.access))
        asked = len(server.paths)
    assert_outcome(outcome, Status.PASSED)
    waits = len(HEALTHY[variant]) > 1
    assert (asked > 1) is waits
    assert any("closed within" in finding for finding in outcome.judge.findings) is waits


NO_BREAKERS = {
    "no breakers in the answer": [(200, json.dumps({"status": "healthy"}).encode())],
    "an empty object of breakers": [breakers()],
    "a list of breakers": [(200, b'{"circuitBreakers": ["a"]}')],
    "HTML": [(502, b"<html>bad gateway</html>")],
}


@pytest.mark.parametrize("answers", NO_BREAKERS.values(), ids=list(NO_BREAKERS))
def test_no_source_is_unproven(answers, any_deployment, judged, changed):
    """If neither source names a breaker, the check is unproven and says what would prove it."""
    changed(NO_TABLE)
    with health_server(*answers) as server:
        outcome = judged(check_11, QUICK, access(server.url, any_deployment.access))
    assert_outcome(
        outcome,
        Status.UNPROVEN,
        "the health endpoint of wa-webhook-core names no circuit breaker",
        "there is no table public.circuit_breaker_events",
        "a health answer with circuitBreakers, or a table",
    )


def test_breaker_function_is_a_setting(any_deployment, judged, changed):
    """names.breaker_function selects the function that reports the breakers."""
    changed(NO_TABLE)
    settings = replace(QUICK, names=Names(breaker_function="wa-webhook"))
    with health_server(CLOSED) as server:
        assert_outcome(judged(check_11, settings, access(server.url, any_deployment.access)), Status.PASSED)
        assert server.paths == ["/functions/v1/wa-webhook/health"]
