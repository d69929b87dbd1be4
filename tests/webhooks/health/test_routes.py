"""Deployment steps 2.1 to 2.5 on healthy, unusual, ill and absent health endpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from checks import test_deploy
from fixtures.outcome import Status
from fixtures.settings.model import Health
from tests.following import mend
from tests.outcomes import Outcome
from tests.webhooks.outcomes import access_to, not_passed, outcomes, read, settings_for
from tests.webhooks.server import Arrival, Response, Server, answer, health_of, honest

STEPS = (
    test_deploy.test_wa_webhook_is_deployed,
    test_deploy.test_wa_webhook_unified_is_deployed,
    test_deploy.test_wa_webhook_core_is_deployed,
    test_deploy.test_dlq_processor_is_deployed,
)
HEALTH = test_deploy.test_health_endpoint_is_healthy
CORE, PROCESSOR = "wa-webhook-core", "dlq-processor"
STEP_OF = {CORE: "test_wa_webhook_core_is_deployed", PROCESSOR: "test_dlq_processor_is_deployed"}

Behaviour = Callable[[Arrival], Response | None]


def judge(server: Server, behaviour: Behaviour, **health: Any) -> dict[str, Outcome]:
    """Judge steps 2.1 to 2.5 on a server with this behaviour; elsewhere it answers as the honest one."""
    base_url = server.serve(lambda arrival: behaviour(arrival) or honest(arrival))
    settings = replace(settings_for(http_request_timeout_seconds=2.0), health=Health(**health))
    return outcomes(read(settings, access_to(base_url), frozenset({"function_health"})), (*STEPS, HEALTH))


def saying(function: str, **changes: Any) -> Behaviour:
    """A health endpoint with other values in its answer; None removes a key."""

    def handle(arrival: Arrival) -> Response | None:
        if not (arrival.is_health and arrival.function == function):
            return None
        body = {**health_of(function), **changes}
        return answer(200, {key: value for key, value in body.items() if value is not None})

    return handle


def test_step_without_function_heals_by_its_command(server: Server) -> None:
    """In a run without check 4 the step names the cause, and deploying the function is what to do."""
    missing = answer(404, {"code": "NOT_FOUND", "message": "x"}, sb_error_code="NOT_FOUND")
    deployed: set[str] = set()

    def absent(arrival: Arrival) -> Response | None:
        return missing if arrival.function == CORE and CORE not in deployed else None

    ran = mend(
        None, lambda: judge(server, absent)[STEP_OF[CORE]], shell=lambda command: deployed.add(command.split()[3])
    )
    assert ran == [f"supabase functions deploy {CORE} --no-verify-jwt"]


def stale(function: str) -> Behaviour:
    """A health endpoint whose timestamp stays two hours before the first GET."""

    @cache
    def since() -> str:
        return (datetime.now(UTC) - timedelta(hours=2)).isoformat()

    def handle(arrival: Arrival) -> Response | None:
        return saying(function, timestamp=since())(arrival)

    return handle


def answering(function: str, response: Response) -> Behaviour:
    """A health endpoint that gives this response."""
    return lambda arrival: response if arrival.is_health and arrival.function == function else None


def test_healthy_functions_pass(server: Server) -> None:
    """Three webhooks and the processor that are healthy pass all eight cases."""
    judged = judge(server, lambda arrival: None)
    assert not_passed(judged) == {}
    assert len(judged) == 8
    statement = judged["test_wa_webhook_core_is_deployed"].judge
    assert statement is not None
    assert statement.findings == ["wa-webhook-core answers, version 2.1.0"]


HTML = Response(200, b"<html>Welcome to nginx</html>", [("content-type", "text/html; charset=utf-8")])
BOOT_ERROR = answer(503, {"code": "BOOT_ERROR", "message": "Function failed to start"}, sb_error_code="BOOT_ERROR")
NOT_FOUND = answer(404, {"code": "NOT_FOUND", "message": "Requested function was not found"})
GATEWAY = answer(401, {"code": 401, "message": "Missing authorization header"})

ILL: Mapping[str, tuple[str, Behaviour, str]] = {
    "degraded": (CORE, saying(CORE, status="degraded"), "reports status degraded"),
    "unhealthy": (CORE, saying(CORE, status="unhealthy"), "reports status unhealthy"),
    "status in capitals": (CORE, saying(CORE, status="OK"), "reports status OK"),
    "no status": (CORE, saying(CORE, status=None), "reports no status"),
    "no service": (CORE, saying(CORE, service=None), "names no service"),
    "empty object": (CORE, answering(CORE, answer(200, {})), "reports no status"),
    "503 of its own": (
        CORE,
        answering(CORE, answer(503, {"status": "unhealthy", "service": CORE})),
        "GET wa-webhook-core/health answered 503: unhealthy",
    ),
    "database down": (
        CORE,
        saying(CORE, checks={"database": "disconnected", "latency": "9ms"}),
        "names a dependency as down: checks.database: disconnected",
    ),
    "check that is false": (CORE, saying(CORE, checks={"database": False}), "checks.database: false"),
    "check in an object": (CORE, saying(CORE, checks={"cache": {"status": "down"}}), "checks.cache: down"),
    "microservice down": (
        CORE,
        saying(CORE, microservices={"wa-webhook-jobs": False, "wa-webhook-mobility": True}),
        "microservices.wa-webhook-jobs: false",
    ),
    "error with its reason": (
        CORE,
        saying(CORE, checks={"database": "error: connection refused"}),
        "checks.database: error: connection refused",
    ),
    "phrase": (
        CORE,
        saying(CORE, checks={"database": "Connection refused"}),
        "checks.database: Connection refused",
    ),
    "down for a while": (
        CORE,
        saying(CORE, checks={"cache": "down since 10:00"}),
        "checks.cache: down since 10:00",
    ),
    "switch that is false": (
        CORE,
        saying(CORE, checks={"database": {"connected": False, "latency_ms": 3}}),
        "names a dependency as down: checks.database: connected is false",
    ),
    "list": (
        CORE,
        saying(CORE, checks=[{"name": "cache", "status": "ok"}, {"name": "database", "status": "down"}]),
        "names a dependency as down: checks.database: down",
    ),
    "list in an object": (
        CORE,
        saying(CORE, checks={"database:connections": [{"status": "pass"}, {"status": "fail"}]}),
        "checks.database:connections: fail",
    ),
    "list without names": (CORE, saying(CORE, services=[{"ok": False}]), "services.1: ok is false"),
    "stale in seconds": (CORE, saying(CORE, timestamp=1_700_000_000), "have the same timestamp, "),
    "stale in milliseconds": (CORE, saying(CORE, timestamp=1_700_000_000_000), "have the same timestamp, "),
    "stale in digits": (CORE, saying(CORE, timestamp="1700000000"), "have the same timestamp, "),
    "in the future": (CORE, saying(CORE, timestamp="2130-01-01T00:00:00Z"), " s in the future"),
    "in the future in milliseconds": (CORE, saying(CORE, timestamp=5_000_000_000_000), " s in the future"),
    "stale": (
        CORE,
        stale(CORE),
        "two health answers of wa-webhook-core have the same timestamp, 72",
    ),
}
"""Faults of step 2.5 only: function, behaviour, and words of the message."""


@pytest.mark.parametrize(("function", "behaviour", "words"), ILL.values(), ids=ILL)
def test_ill_function_fails_step_2_5_only(server: Server, function: str, behaviour: Behaviour, words: str) -> None:
    """A function that answers but is ill fails step 2.5; its deployment step passes or is unproven."""
    judged = judge(server, behaviour)
    found = not_passed(judged)
    assert found.pop(function) is Status.FAILED
    assert found in ({}, {STEP_OF[function]: Status.UNPROVEN})
    assert words in judged[function].reason


def now() -> float:
    """The time in seconds since 1970."""
    return datetime.now(UTC).timestamp()


ODD: Mapping[str, Callable[[], dict[str, Any]]] = {
    "words behind ok": lambda: {"checks": {"database": "ok (12 ms)"}},
    "figures beside a switch": lambda: {"checks": {"database": {"connected": True, "latency_ms": 3}}},
    "figure": lambda: {"checks": {"latency": 12, "queue": 0}},
    "figures of errors": lambda: {
        "checks": {"a": "error: 0", "b": "errors: 3", "c": "error rate 0.1 %", "d": "failed: 0"}
    },
    "a setting": lambda: {"checks": {"database": "timeout: 30 s", "cache": {"timeout": "timeout (5 s)"}}},
    "no error": lambda: {"checks": {"database": {"status": "ok", "error": None}, "cache": "error: none"}},
    "unknown words": lambda: {"checks": {"database": "warm", "cache": "not configured", "jobs": "disabled"}},
    "zero and nothing": lambda: {"checks": {"database": {"available": 0}, "cache": None, "jobs": ""}},
    "list of those that are up": lambda: {"checks": [{"name": "database", "status": "up"}, "cache", None, 3]},
    "no groups": lambda: {"checks": "all of them", "services": 3, "dependencies": None, "microservices": True},
    "seconds": lambda: {"timestamp": int(now())},
    "fractions of seconds": lambda: {"timestamp": now()},
    "milliseconds": lambda: {"timestamp": int(now() * 1000)},
    "a clock that is ahead by less than a minute": lambda: {"timestamp": int(now() + 30)},
    "a number that is no time": lambda: {"timestamp": 86400},
    "a number beyond all times": lambda: {"timestamp": 10**40},
    "no time at all": lambda: {"timestamp": True},
}
"""Changes to a health answer that is still healthy."""


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD)
def test_odd_but_healthy_function_passes(server: Server, changes: Callable[[], dict[str, Any]]) -> None:
    """Unusual values that report no trouble fail nothing."""
    assert not_passed(judge(server, saying(CORE, **changes()))) == {}


ABSENT: Mapping[str, tuple[Behaviour, str]] = {
    "html": (answering(CORE, HTML), "200 with text/html came from the address of wa-webhook-core"),
    "boot error": (answering(CORE, BOOT_ERROR), "Supabase's gateway answered in place of wa-webhook-core: 503"),
    "not found": (answering(CORE, NOT_FOUND), "Supabase's gateway answered in place of wa-webhook-core: 404"),
    "gateway's 401": (answering(CORE, GATEWAY), "(Missing authorization header)"),
    "other service": (
        saying(CORE, service="wa-webhook"),
        "the address of wa-webhook-core answered as service wa-webhook",
    ),
    "resource limit": (answering(CORE, Response(546, b"limit")), "546 with a body without a type"),
    "empty": (answering(CORE, Response(200)), "200 with a body without a type came from the address"),
    "array": (answering(CORE, answer(200, ["healthy"])), "200 with application/json came from the address"),
}
"""Faults of the deployment step too."""


@pytest.mark.parametrize(("behaviour", "words"), ABSENT.values(), ids=ABSENT)
def test_absent_function_fails_both_steps(server: Server, behaviour: Behaviour, words: str) -> None:
    """If something else answers, the deployment step and step 2.5 fail with the same words."""
    judged = judge(server, behaviour)
    assert not_passed(judged) == {CORE: Status.FAILED, STEP_OF[CORE]: Status.FAILED}
    assert words in judged[CORE].reason
    assert words in judged[STEP_OF[CORE]].reason


def test_health_route_that_runs_a_pass_fails(server: Server) -> None:
    """A GET of the health route that is answered with the report of a pass fails."""
    judged = judge(server, answering(PROCESSOR, answer(200, {"success": True, "processed": 4})))
    assert judged[PROCESSOR].status is Status.FAILED
    assert "answered with the report of a processing pass (processed: 4)" in judged[PROCESSOR].reason


def test_bare_success_is_a_pass_report(server: Server) -> None:
    """``success`` without ``status`` counts as the report of a pass."""
    judged = judge(server, answering(PROCESSOR, answer(200, {"success": True, "message": "nothing to do"})))
    assert "answered with the report of a processing pass (success: true)" in judged[PROCESSOR].reason


def counting(*stats: dict[str, int]) -> Behaviour:
    """A processor whose answers have these figures, one after the other."""
    left = list(stats)

    def handle(arrival: Arrival) -> Response | None:
        if not (arrival.is_health and arrival.function == PROCESSOR):
            return None
        return answer(200, {**health_of(PROCESSOR), "stats": left.pop(0)})

    return handle


def test_entries_processed_between_gets_fail(server: Server) -> None:
    """Entries that go from waiting to done between two healthy answers fail step 2.5."""
    behaviour = counting({"pending": 4, "reprocessed": 10}, {"pending": 0, "reprocessed": 14})
    judged = judge(server, behaviour)
    assert not_passed(judged) == {PROCESSOR: Status.FAILED}
    assert (
        "between two GETs of dlq-processor/health entries were processed: pending 4 → 0, reprocessed 10 → 14"
        in judged[PROCESSOR].reason
    )


@pytest.mark.parametrize(
    "stats",
    [
        ({"pending": 3}, {"pending": 4}),
        ({"pending": 4, "failed": 1}, {"pending": 3, "failed": 1}),
        ({"pending": 1, "reprocessed": 1}, {"pending": 2, "reprocessed": 2}),
    ],
    ids=["a message came in", "one was discarded", "both grew"],
)
def test_other_changes_of_figures_pass(server: Server, stats: tuple[dict[str, int], dict[str, int]]) -> None:
    """Figures that change without entries going from waiting to done fail nothing."""
    assert not_passed(judge(server, counting(*stats))) == {}


def test_second_get_must_get_the_same_status(server: Server) -> None:
    """A function that answers 200 and then 500 fails."""
    seen: list[int] = []

    def handle(arrival: Arrival) -> Response | None:
        if not (arrival.is_health and arrival.function == CORE):
            return None
        seen.append(1)
        return answer(500, {}) if len(seen) == 2 else None

    judged = judge(server, handle)
    assert not_passed(judged) == {CORE: Status.FAILED}
    assert "a second GET of wa-webhook-core/health got 500 instead of 200" in judged[CORE].reason


def starting(failures: int, response: Response) -> Behaviour:
    """A function whose first health answers, this many of them, are this response."""
    seen: list[int] = []

    def handle(arrival: Arrival) -> Response | None:
        if not (arrival.is_health and arrival.function == CORE):
            return None
        seen.append(1)
        return response if len(seen) <= failures else None

    return handle


def test_cold_start_is_retried_and_reported(server: Server) -> None:
    """Two boot errors are retried and reported; the third answer is judged."""
    judged = judge(server, starting(2, BOOT_ERROR))
    assert not_passed(judged) == {}
    statement = judged[CORE].judge
    assert statement is not None
    assert "wa-webhook-core was starting: retried after 503, then 503" in statement.findings


def test_endless_cold_start_fails(server: Server) -> None:
    """A third boot error fails: there are two retries."""
    assert not_passed(judge(server, starting(3, BOOT_ERROR)))[CORE] is Status.FAILED


@pytest.mark.parametrize(
    "wrong",
    [answer(500, {}), answer(503, {"status": "unhealthy", "service": CORE}), HTML],
    ids=["500", "own 503", "html"],
)
def test_wrong_answer_is_not_retried(server: Server, wrong: Response) -> None:
    """Only the gateway's answers are retried: one wrong answer from the function fails."""
    assert not_passed(judge(server, starting(1, wrong)))[CORE] is Status.FAILED


def test_excused_dependency_is_reported(server: Server) -> None:
    """A dependency in health.may_be_down fails nothing and is reported, with or without its group."""
    behaviour = saying(CORE, checks={"database": "connected", "cache": "down"})
    for name in ("cache", "checks.cache"):
        judged = judge(server, behaviour, may_be_down=(name,))
        assert not_passed(judged) == {}
        statement = judged[CORE].judge
        assert statement is not None
        assert f"{CORE} names checks.cache: down, which health.may_be_down excuses" in statement.findings


@pytest.mark.parametrize("breakers", [{"meta": "OPEN"}, {"meta": {"state": "half-open"}}])
def test_open_breaker_fails_only_if_set(server: Server, breakers: dict[str, Any]) -> None:
    """An open breaker is reported, and fails only with health.open_breakers_fail."""
    behaviour = saying(CORE, circuitBreakers=breakers)
    judged = judge(server, behaviour)
    assert not_passed(judged) == {}
    statement = judged[CORE].judge
    assert statement is not None
    assert any("circuit breaker meta is " in finding for finding in statement.findings)
    assert not_passed(judge(server, behaviour, open_breakers_fail=True)) == {CORE: Status.FAILED}


def test_missing_webhooks_are_not_applicable(server: Server) -> None:
    """With one webhook in the settings, two of the deployment steps do not apply."""
    evidence = read(settings_for("wa-webhook"), access_to(server.serve(honest)), frozenset({"function_health"}))
    found = not_passed(outcomes(evidence, STEPS))
    assert set(found.values()) == {Status.NOT_APPLICABLE}
    assert len(found) == 2


def test_plain_http_needs_no_certificate(server: Server) -> None:
    """The certificate check does not apply to a base URL without https."""
    evidence = read(settings_for("wa-webhook"), access_to(server.serve(honest)), frozenset({"function_health"}))
    judged = outcomes(evidence, (test_deploy.test_certificate_is_good,))
    assert not_passed(judged) == {"test_certificate_is_good": Status.NOT_APPLICABLE}
