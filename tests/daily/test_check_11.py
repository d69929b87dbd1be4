"""Check 11: no circuit breaker is stuck, by its events and by what the health endpoint says."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from checks.test_daily import test_circuit_breakers_are_closed as check_11
from fixtures.reading import Reading
from fixtures.settings.model import Access, Limits, Names, Settings, Windows
from reports.outcome import Status
from tests.daily.conftest import assert_outcome
from tests.daily.health_server import breakers, health_server
from tests.judging import judge, read

TABLE = "public.circuit_breaker_events"
NO_TABLE = f"DROP TABLE {TABLE}"
QUICK = Settings(windows=Windows(breaker_open_seconds=0.6, breaker_poll_seconds=0.1))
CLOSED = breakers(whatsapp_api="CLOSED")


def event(state: str, ago: str, service: str = "'whatsapp-api'") -> str:
    """SQL that records a state, so long ago."""
    values = f"{service}, '{state}', now() - interval '{ago}'"
    return f"INSERT INTO {TABLE} (service, state, created_at) VALUES ({values});"


UNCHECKED = f"ALTER TABLE {TABLE} DROP CONSTRAINT circuit_breaker_events_state_check;"
CYCLES = "".join(event("OPEN", f"{n + 1} min") + event("HALF_OPEN", f"{n} min 30 s") for n in range(20, 0, -1))

FAULTS = {
    "open for ten minutes": (
        event("OPEN", "10 min"),
        "breaker whatsapp-api is OPEN and has not been closed since",
    ),
    "half open for ten minutes": (
        event("HALF_OPEN", "10 min"),
        "breaker whatsapp-api is HALF_OPEN and has not been",
    ),
    "tried again and again, never closed": (CYCLES, "has not been closed since"),
    "another breaker": (
        event("OPEN", "6 min", "'openai'"),
        "breaker openai is OPEN and has not been closed since",
    ),
    "open and closed in the same moment": (
        event("CLOSED", "10 min") + event("OPEN", "10 min"),
        "breaker whatsapp-api is OPEN",
    ),
    "a state that nobody knows": (
        UNCHECKED + event("TRIPPED", "1 min"),
        "the latest event of breaker whatsapp-api has state TRIPPED",
    ),
    "closed in the future": (
        event("OPEN", "10 min") + event("CLOSED", "-1 day"),
        "1 row of circuit_breaker_events dated in the future",
    ),
    "closed at no time": (
        f"ALTER TABLE {TABLE} ALTER created_at DROP NOT NULL;"
        + event("OPEN", "10 min")
        + f"INSERT INTO {TABLE} (service, state, created_at) VALUES ('whatsapp-api', 'CLOSED', NULL)",
        "1 row of circuit_breaker_events without created_at",
    ),
}

ODD_BUT_HEALTHY = {
    "was open and closed again": event("OPEN", "20 min") + event("CLOSED", "19 min"),
    "spelled otherwise": UNCHECKED + event("open", "20 min") + event("closed", "10 min"),
    "no event at all": f"TRUNCATE {TABLE}",
    "no table": NO_TABLE,
    "a service without a name": f"ALTER TABLE {TABLE} ALTER service DROP NOT NULL;"
    + event("CLOSED", "1 min", "NULL"),
    "closed twice": event("CLOSED", "10 min") * 2,
    "the table is hidden from the role": f"REVOKE SELECT ON {TABLE} FROM easymo_verifier",
}


def access(url: str | None, base: Access) -> Access:
    """The same deployment with another address of the functions."""
    return replace(base, base_url=url)


def test_healthy_deployment_passes_at_once(deployment):
    """Closed breakers are looked at once, and nothing is said on the terminal."""
    said: list[str] = []
    reading = Reading(Settings(), deployment.access, frozenset({"circuit_breakers"}), lambda _: None)
    reading.progress = said.append
    reading.open_database()
    reading.probe_endpoints()
    reading.read_database()
    reading.close()
    piece = reading.evidence().piece("circuit_breakers")
    assert said == []
    assert piece.waited_seconds == 0
    assert {breaker.last for breaker in piece.reported} == {"CLOSED"}
    assert_outcome(judge(check_11, read(deployment.access, [check_11])), Status.PASSED)


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_of_the_events_is_found(fault, any_deployment, judged, changed):
    """Events decide by themselves, whatever the health endpoint says of this moment."""
    sql, part = FAULTS[fault]
    changed(sql)
    with health_server(CLOSED) as server:
        outcome = judged(check_11, access=access(server.url, any_deployment.access))
    assert_outcome(outcome, Status.FAILED, part)


def test_contradiction_is_named(any_deployment, judged, changed):
    """Where the two sources disagree, both are named."""
    changed(event("OPEN", "10 min"))
    with health_server(CLOSED) as server:
        outcome = judged(check_11, access=access(server.url, any_deployment.access))
    assert_outcome(outcome, Status.FAILED, "though its health says CLOSED")


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_is_quiet(variant, judged, changed):
    """Where the events say nothing, the health endpoint does."""
    changed(ODD_BUT_HEALTHY[variant])
    assert_outcome(judged(check_11), Status.PASSED)


HEALTH_FAULTS = {
    "open": ([breakers(whatsapp_api="OPEN")], "breaker whatsapp-api is OPEN by the health endpoint, and did not"),
    "half open": ([breakers(whatsapp_api="HALF_OPEN")], "is HALF_OPEN by the health endpoint"),
    "in an object": ([breakers(momo={"state": "OPEN", "failures": 5})], "breaker momo is OPEN"),
    "one of two": ([breakers(a="CLOSED", b="open")], "breaker b is OPEN"),
    "open, then half open": (
        [breakers(a="OPEN"), breakers(a="HALF_OPEN")],
        "breaker a is HALF_OPEN by the health endpoint (at first OPEN), and did not close within",
    ),
    "a state that nobody knows": ([breakers(a="BROKEN")], "the health endpoint gives breaker a the state BROKEN"),
    "no state": ([breakers(a={"failures": 3})], "the health endpoint gives breaker a the state ?"),
    "null": ([breakers(a=None)], "the health endpoint gives breaker a the state NONE"),
    "unwell and open": ([breakers(503, a="OPEN")], "breaker a is OPEN"),
    "open, then no answer": ([breakers(a="OPEN"), (502, b"<html>bad gateway</html>")], "breaker a is OPEN"),
    "open, then named no longer": ([breakers(a="OPEN"), breakers(b="CLOSED")], "breaker a is OPEN"),
}

HEALTHY = {
    "closed": [CLOSED],
    "in an object": [breakers(a={"state": "CLOSED"})],
    "in lower case": [breakers(a="closed")],
    "open, then closed": [breakers(a="OPEN"), breakers(a="HALF_OPEN"), breakers(a="CLOSED")],
    "half open, a failed look, then closed": [breakers(a="HALF_OPEN"), (502, b""), breakers(a="CLOSED")],
    "degraded, but closed": [breakers(503, a="CLOSED")],
}


@pytest.mark.parametrize("fault", HEALTH_FAULTS)
def test_fault_of_the_health_is_found(fault, any_deployment, judged, changed):
    """A breaker that the health endpoint never calls closed fails, after a wait."""
    changed(NO_TABLE)
    answers, part = HEALTH_FAULTS[fault]
    with health_server(*answers) as server:
        outcome = judged(check_11, QUICK, access(server.url, any_deployment.access))
        assert set(server.paths) == {"/functions/v1/wa-webhook-core/health"}
    assert_outcome(outcome, Status.FAILED, part)


@pytest.mark.parametrize("variant", HEALTHY)
def test_breaker_that_closes_passes(variant, any_deployment, judged, changed):
    """A breaker that is closed, or closes in time, passes; a wait is told."""
    changed(NO_TABLE)
    with health_server(*HEALTHY[variant]) as server:
        outcome = judged(check_11, QUICK, access(server.url, any_deployment.access))
        asked = len(server.paths)
    assert_outcome(outcome, Status.PASSED)
    waits = len(HEALTHY[variant]) > 1
    assert (asked > 1) is waits
    assert any("closed within" in finding for finding in outcome.judge.findings) is waits


def test_recorded_breaker_is_waited_for(any_deployment, judged, changed):
    """An event that says OPEN is given the rest of its five minutes; then it is stuck."""
    changed(event("OPEN", "0 s"))
    settings = Settings(windows=Windows(breaker_open_seconds=1.0, breaker_poll_seconds=0.2))
    outcome = judged(check_11, settings, access(None, any_deployment.access))
    assert_outcome(outcome, Status.FAILED, "breaker whatsapp-api is OPEN and has not been closed since")


def test_recorded_breaker_that_closes_meanwhile_passes(any_deployment, changed):
    """The events are read again while a breaker may still close; the wait is told on the terminal."""
    changed(event("OPEN", "0 s"))
    said: list[str] = []
    settings = Settings(windows=Windows(breaker_open_seconds=30.0, breaker_poll_seconds=0.1))
    wanted = frozenset({"circuit_breakers"})
    reading = Reading(settings, access(None, any_deployment.access), wanted, lambda _: None)

    def close(line: str) -> None:
        said.append(line)
        if len(said) == 2:
            changed(event("CLOSED", "0 s"))

    reading.progress = close
    reading.open_database()
    reading.probe_endpoints()
    reading.read_database()
    reading.close()
    assert_outcome(judge(check_11, reading.evidence()), Status.PASSED)
    assert said[0].startswith("a circuit breaker is not closed; looking again for 30 s")


def test_flapping_is_reported(judged, changed):
    """A breaker that opens eleven times in an hour is named, though it is closed now."""
    changed("".join(event("OPEN", f"{n} min") + event("CLOSED", f"{n} min -20 s") for n in range(60, 4, -5)))
    outcome = judged(check_11)
    assert_outcome(outcome, Status.PASSED)
    assert any("whatsapp-api flaps: it opened 12 times within an hour" in said for said in outcome.judge.findings)


def test_repeated_events_are_no_flapping(judged, changed):
    """Each failing call may record OPEN anew; that is one opening."""
    changed("".join(event("OPEN", f"{n} min") for n in range(60, 30, -1)) + event("CLOSED", "20 min"))
    outcome = judged(check_11)
    assert_outcome(outcome, Status.PASSED)
    assert not any("flaps" in said for said in outcome.judge.findings)


UNTOLD = {
    "no breakers in the answer": [(200, json.dumps({"status": "healthy"}).encode())],
    "an empty object of breakers": [breakers()],
    "a list of breakers": [(200, b'{"circuitBreakers": ["a"]}')],
    "HTML": [(502, b"<html>bad gateway</html>")],
}


@pytest.mark.parametrize("answers", UNTOLD.values(), ids=list(UNTOLD))
def test_no_source_is_unproven(answers, any_deployment, judged, changed):
    """Where neither source names a breaker, the check says what would prove it."""
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


def test_empty_table_alone_proves_nothing(any_deployment, judged, changed):
    """A breaker that nobody names is not a closed one."""
    changed(f"TRUNCATE {TABLE}")
    outcome = judged(check_11, access=access(None, any_deployment.access))
    assert_outcome(outcome, Status.UNPROVEN, "EASYMO_BASE_URL is not set", "no circuit breaker event is recorded")


def test_hidden_table_alone_names_its_grant(any_deployment, judged, changed):
    """What the role may not read would be shown by a grant."""
    changed(ODD_BUT_HEALTHY["the table is hidden from the role"])
    outcome = judged(check_11, access=access(None, any_deployment.access))
    assert_outcome(outcome, Status.UNPROVEN, "GRANT SELECT ON public.circuit_breaker_events TO easymo_verifier")


def test_unreachable_endpoint_alone_is_an_error(any_deployment, judged, changed):
    """Where the only source cannot be reached, the suite could not look."""
    changed(NO_TABLE)
    with health_server(CLOSED) as server:
        gone = server.url
    outcome = judged(check_11, access=access(gone, any_deployment.access))
    assert_outcome(
        outcome, Status.ERROR, "the health endpoint of wa-webhook-core could not be asked: no connection"
    )


def test_unreachable_endpoint_beside_events_passes(any_deployment, judged):
    """Events that say CLOSED stand by themselves."""
    with health_server(CLOSED) as server:
        gone = server.url
    assert_outcome(judged(check_11, access=access(gone, any_deployment.access)), Status.PASSED)


def test_without_a_database_the_health_decides(any_deployment, judged):
    """With the endpoints alone, what they say counts."""
    only = Access(base_url=any_deployment.access.base_url)
    assert_outcome(judged(check_11, access=only), Status.PASSED)


def test_unreachable_database_and_open_breaker_fail(judged):
    """What the endpoint says of an open breaker is not lost by a database that cannot be reached."""
    from fixtures.secret import Secret

    with health_server(breakers(a="OPEN")) as server:
        access_ = Access(database_url=Secret("postgresql://x:y@127.0.0.1:9/x"), base_url=server.url)
        settings = replace(QUICK, limits=Limits(connect_timeout_seconds=2))
        assert_outcome(judged(check_11, settings, access_), Status.FAILED, "breaker a is OPEN")


def test_wrong_table_is_named(any_deployment, judged, changed):
    """A table without its columns fails by name where nothing else tells."""
    changed(f"ALTER TABLE {TABLE} DROP COLUMN state")
    outcome = judged(check_11, access=access(None, any_deployment.access))
    assert_outcome(outcome, Status.FAILED, "public.circuit_breaker_events has no column state")


def test_function_that_tells_is_a_setting(any_deployment, judged, changed):
    """Another function may hold the breakers."""
    changed(NO_TABLE)
    settings = replace(QUICK, names=Names(breaker_function="wa-webhook"))
    with health_server(CLOSED) as server:
        assert_outcome(judged(check_11, settings, access(server.url, any_deployment.access)), Status.PASSED)
        assert server.paths == ["/functions/v1/wa-webhook/health"]
