"""Check 11: no circuit breaker is stuck, according to its events and to the health endpoint."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.test_daily import test_circuit_breakers_are_closed as check_11
from fixtures.evidence.document import plain, to_text
from fixtures.evidence.reading import Reading
from fixtures.outcome import Status
from fixtures.settings.access import Access
from fixtures.settings.address import DatabaseAddress
from fixtures.settings.limits import Limits
from fixtures.settings.model import Settings, Windows
from tests.breakers.health_server import breakers, health_server
from tests.database.trouble import session
from tests.outcomes import assert_outcome, judge, read

TABLE = "public.circuit_breaker_events"
NO_TABLE = f"DROP TABLE {TABLE}"
QUICK = Settings(windows=Windows(breaker_open_seconds=0.6, breaker_poll_seconds=0.1))
CLOSED = breakers(whatsapp_api="CLOSED")


def event(state: str, ago: str, service: str = "'whatsapp-api'") -> str:
    """SQL that records a state at a time in the past."""
    values = f"{service}, '{state}', now() - interval '{ago}'"
    return f"INSERT INTO {TABLE} (service, state, created_at) VALUES ({values});"


UNCHECKED = f"ALTER TABLE {TABLE} DROP CONSTRAINT circuit_breaker_events_state_check;"
NO_STATE = f"INSERT INTO {TABLE} (service, state, created_at) VALUES ('whatsapp-api', NULL, now());"
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
    "half open 20 times, never closed": (CYCLES, "has not been closed since"),
    "another breaker": (
        event("OPEN", "6 min", "'openai'"),
        "breaker openai is OPEN and has not been closed since",
    ),
    "open and closed in the same moment": (
        event("CLOSED", "10 min") + event("OPEN", "10 min"),
        "breaker whatsapp-api is OPEN",
    ),
    "an unknown state": (
        UNCHECKED + event("TRIPPED", "1 min"),
        "the latest event of breaker whatsapp-api has the state TRIPPED",
    ),
    "closed in the future": (
        event("OPEN", "10 min") + event("CLOSED", "-1 day"),
        "1 row of circuit_breaker_events dated in the future",
    ),
    "closed without a time": (
        f"ALTER TABLE {TABLE} ALTER created_at DROP NOT NULL;"
        + event("OPEN", "10 min")
        + f"INSERT INTO {TABLE} (service, state, created_at) VALUES ('whatsapp-api', 'CLOSED', NULL)",
        "1 row of circuit_breaker_events without a time",
    ),
    "closed at minus infinity": (
        event("OPEN", "10 min") + f"INSERT INTO {TABLE} (service, state, created_at) "
        "VALUES ('whatsapp-api', 'CLOSED', '-infinity')",
        "1 row of circuit_breaker_events without a time, or dated long before the deployment",
    ),
    "no state": (
        UNCHECKED + f"ALTER TABLE {TABLE} ALTER state DROP NOT NULL;" + NO_STATE,
        "the latest event of breaker whatsapp-api has no state",
    ),
    "open, in lower case": (UNCHECKED + event("open", "10 min"), "breaker whatsapp-api is open and has not been"),
    "a text instead of a state": (
        UNCHECKED + event("x" * 5000, "1 min"),
        "the latest event of breaker whatsapp-api has the state (a text of 5000 characters)",
    ),
    "a column is missing": (f"ALTER TABLE {TABLE} DROP state", f"{TABLE} has no column state"),
    "a column has another name": (f"ALTER TABLE {TABLE} RENAME state TO status", f"{TABLE} has no column state"),
    "a time that is a text": (
        f"ALTER TABLE {TABLE} ALTER created_at DROP DEFAULT, ALTER created_at TYPE text",
        f"{TABLE}.created_at is of type text, which cannot serve as timestamp with time zone",
    ),
    "a view": (
        f"ALTER TABLE {TABLE} RENAME TO events; CREATE VIEW {TABLE} AS SELECT * FROM public.events",
        f"{TABLE} is a view, not a table",
    ),
}

ODD_BUT_HEALTHY = {
    "was open and closed again": event("OPEN", "20 min") + event("CLOSED", "19 min"),
    "in lower case": UNCHECKED + event("open", "20 min") + event("closed", "10 min"),
    "no event at all": f"TRUNCATE {TABLE}",
    "no table": NO_TABLE,
    "a service without a name": f"ALTER TABLE {TABLE} ALTER service DROP NOT NULL;"
    + event("CLOSED", "1 min", "NULL"),
    "closed twice": event("CLOSED", "10 min") * 2,
    "with columns of its own, and a type for the state": UNCHECKED
    + "CREATE TYPE public.breaker AS ENUM ('CLOSED', 'OPEN', 'HALF_OPEN');"
    + f"ALTER TABLE {TABLE} ALTER state TYPE public.breaker USING state::public.breaker, ADD COLUMN detail jsonb",
}

HIDDEN = {
    "the table": (
        f"REVOKE SELECT ON {TABLE} FROM easymo_verifier",
        "role easymo_verifier may not read public.circuit_breaker_events",
        "GRANT SELECT ON public.circuit_breaker_events TO easymo_verifier",
    ),
    "a column": (
        f"REVOKE SELECT ON {TABLE} FROM easymo_verifier;"
        f"GRANT SELECT (service, created_at) ON {TABLE} TO easymo_verifier",
        "role easymo_verifier may not read public.circuit_breaker_events (state)",
        "GRANT SELECT (state) ON public.circuit_breaker_events TO easymo_verifier",
    ),
    "the rows": (
        "ALTER ROLE easymo_verifier NOBYPASSRLS",
        "row security hides rows of public.circuit_breaker_events from role easymo_verifier",
        "ALTER ROLE easymo_verifier BYPASSRLS",
    ),
}


def access(url: str | None, base: Access) -> Access:
    """Access to the same deployment with another base URL."""
    return replace(base, base_url=url)


def test_healthy_deployment_passes_at_once(deployment):
    """Closed breakers are read once, without a progress line."""
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
    """A fault in the events fails, although the health endpoint reports CLOSED."""
    sql, part = FAULTS[fault]
    changed(sql)
    with health_server(CLOSED) as server:
        outcome = judged(check_11, access=access(server.url, any_deployment.access))
    assert_outcome(outcome, Status.FAILED, part)


def test_contradiction_is_named(any_deployment, judged, changed):
    """If the events say OPEN and the health endpoint says CLOSED, the violation names both."""
    changed(event("OPEN", "10 min"))
    with health_server(CLOSED) as server:
        outcome = judged(check_11, access=access(server.url, any_deployment.access))
    assert_outcome(outcome, Status.FAILED, "though its health says CLOSED")


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_events_pass(variant, judged, changed):
    """Unusual events without an open breaker pass, beside a healthy endpoint."""
    changed(ODD_BUT_HEALTHY[variant])
    assert_outcome(judged(check_11), Status.PASSED)


@pytest.mark.parametrize("kind", HIDDEN)
def test_hidden_events_are_unproven(kind, judged, changed):
    """Events that the role may not read could say OPEN; the reason contains the missing grant."""
    sql, reason, grant = HIDDEN[kind]
    changed(sql)
    outcome = judged(check_11)
    assert_outcome(
        outcome, Status.UNPROVEN, reason, "so the breakers' events in circuit_breaker_events were not seen", grant
    )
    changed(
        "GRANT SELECT ON public.circuit_breaker_events TO easymo_verifier; ALTER ROLE easymo_verifier BYPASSRLS"
    )
    assert_outcome(judged(check_11), Status.PASSED)


def test_locked_events_are_an_error(any_deployment, judged):
    """A table that another session locks cannot be read within the lock timeout."""
    with session(any_deployment.owner_url) as connection:
        connection.execute(f"BEGIN; LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
        outcome = judged(check_11, Settings(limits=replace(Limits(), lock_timeout_seconds=0.2)))
    assert_outcome(outcome, Status.ERROR, "circuit breaker events: locked by another session")


def test_recorded_breaker_is_waited_for(any_deployment, judged, changed):
    """A breaker with a new OPEN event is stuck if it does not close within the allowed time."""
    changed(event("OPEN", "0 s"))
    settings = Settings(windows=Windows(breaker_open_seconds=1.0, breaker_poll_seconds=0.2))
    outcome = judged(check_11, settings, access(None, any_deployment.access))
    assert_outcome(outcome, Status.FAILED, "breaker whatsapp-api is OPEN and has not been closed since")


def test_recorded_breaker_that_closes_passes(any_deployment, changed):
    """The events are read again until the breaker closes; each wait writes a progress line."""
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
    """A closed breaker that opened twelve times within an hour is reported, and passes."""
    changed("".join(event("OPEN", f"{n} min") + event("CLOSED", f"{n} min -20 s") for n in range(60, 4, -5)))
    outcome = judged(check_11)
    assert_outcome(outcome, Status.PASSED)
    assert any("whatsapp-api flaps: it opened 12 times within an hour" in said for said in outcome.judge.findings)


def test_many_open_breakers_are_one_sentence(any_deployment, judged, changed):
    """A violation names the first ten breakers, and counts the rest."""
    changed(
        f"INSERT INTO {TABLE} (service, state, created_at) "
        "SELECT 'service-' || g, 'OPEN', now() - interval '10 min' - g * interval '1 s' "
        "FROM generate_series(1, 200) g"
    )
    answer = breakers(**{f"b{n}": "OPEN" for n in range(30)})
    with health_server(answer) as server:
        outcome = judged(check_11, QUICK, access(server.url, any_deployment.access))
    assert_outcome(
        outcome, Status.FAILED, "breaker service-200 is OPEN and has not", "; and 190 more", "; and 20 more"
    )
    assert len(outcome.judge.violations) == 2
    assert len(outcome.reason) < 3000


def test_state_is_redacted_as_it_came(any_deployment, changed):
    """A secret in a state is masked, because the state is stored without a change of case."""
    secret = "eyJhbGciOiJIUzI1NiJ9.Zm9vYmFyYmF6"
    changed(UNCHECKED + event(f"Broken {secret}", "1 min"))
    with health_server(breakers(a=f"Broken {secret}")) as server:
        text = to_text(plain(read(access(server.url, any_deployment.access), [check_11])))
    assert text.count('"Broken [secret]"') == 3
    assert secret.upper() not in text.upper()


def test_repeated_events_are_no_flapping(judged, changed):
    """Repeated OPEN events without a CLOSED event between them count as one opening."""
    changed("".join(event("OPEN", f"{n} min") for n in range(60, 30, -1)) + event("CLOSED", "20 min"))
    outcome = judged(check_11)
    assert_outcome(outcome, Status.PASSED)
    assert not any("flaps" in said for said in outcome.judge.findings)


def test_empty_table_alone_proves_nothing(any_deployment, judged, changed):
    """Without events and without a base URL the check is unproven."""
    changed(f"TRUNCATE {TABLE}")
    outcome = judged(check_11, access=access(None, any_deployment.access))
    assert_outcome(outcome, Status.UNPROVEN, "EASYMO_BASE_URL is not set", "no circuit breaker event is recorded")


def test_hidden_table_alone_names_its_grant(any_deployment, judged, changed):
    """Without a base URL, a hidden table leaves the check unproven, with the missing grant."""
    changed(HIDDEN["the table"][0])
    outcome = judged(check_11, access=access(None, any_deployment.access))
    assert_outcome(outcome, Status.UNPROVEN, "GRANT SELECT ON public.circuit_breaker_events TO easymo_verifier")


def test_unreachable_endpoint_alone_is_an_error(any_deployment, judged, changed):
    """Without the table, an endpoint that cannot be reached is an error."""
    changed(NO_TABLE)
    with health_server(CLOSED) as server:
        gone = server.url
    outcome = judged(check_11, access=access(gone, any_deployment.access))
    assert_outcome(
        outcome, Status.ERROR, "the health endpoint of wa-webhook-core could not be asked: no connection"
    )


def test_unreachable_endpoint_beside_events_passes(any_deployment, judged):
    """Closed breakers in the events pass; the finding says why there is no health answer."""
    with health_server(CLOSED) as server:
        gone = server.url
    outcome = judged(check_11, access=access(gone, any_deployment.access))
    assert_outcome(outcome, Status.PASSED)
    assert "judged by the events alone: the health endpoint of wa-webhook-core could not be asked" in findings(
        outcome
    )


def test_events_without_a_base_url_pass(any_deployment, judged):
    """The finding says that EASYMO_BASE_URL is not set."""
    outcome = judged(check_11, access=access(None, any_deployment.access))
    assert_outcome(outcome, Status.PASSED)
    assert "alone: the health endpoint was not asked: EASYMO_BASE_URL is not set" in findings(outcome)


def test_without_a_database_the_health_decides(any_deployment, judged):
    """Without EASYMO_DATABASE_URL the health answer decides, and the finding says so."""
    outcome = judged(check_11, access=Access(base_url=any_deployment.access.base_url))
    assert_outcome(outcome, Status.PASSED)
    assert "judged by the health endpoint alone: the database was not looked at" in findings(outcome)


def findings(outcome):
    """The findings of a check, in lines."""
    return "\n".join(outcome.judge.findings)


NOWHERE = DatabaseAddress.parse("postgresql://x:y@127.0.0.1:9/x")


def test_unreachable_database_is_an_error(judged):
    """A database that was named may have OPEN events, so a closed breaker in the answer is not enough."""
    with health_server(CLOSED) as server:
        settings = replace(QUICK, limits=Limits(connect_timeout_seconds=2))
        outcome = judged(check_11, settings, Access(database=NOWHERE, base_url=server.url))
    assert_outcome(outcome, Status.ERROR, "the database at 127.0.0.1:9 could not be reached")


def test_unreachable_database_and_open_breaker_fail(judged):
    """An open breaker in the health answer fails, although the database cannot be reached."""
    with health_server(breakers(a="OPEN")) as server:
        access_ = Access(database=NOWHERE, base_url=server.url)
        settings = replace(QUICK, limits=Limits(connect_timeout_seconds=2))
        assert_outcome(judged(check_11, settings, access_), Status.FAILED, "breaker a is OPEN")


def test_wrong_table_is_named(any_deployment, judged, changed):
    """A table without its columns fails with its name, without a health answer."""
    changed(f"ALTER TABLE {TABLE} DROP COLUMN state")
    outcome = judged(check_11, access=access(None, any_deployment.access))
    assert_outcome(outcome, Status.FAILED, "public.circuit_breaker_events has no column state")
