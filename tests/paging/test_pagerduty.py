"""Step 4.3: PagerDuty's service takes alerts, and somebody is on call for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.test_deploy import test_pagerduty_is_configured as step_4_3
from fixtures.alerting.model import Receiver
from fixtures.evidence.document import plain, to_text
from fixtures.evidence.pieces import needs_of
from fixtures.local.functions.http import Response
from fixtures.local.stand_ins.pagerduty import KEY, USER, PagerDuty
from fixtures.local.stand_ins.serving import start_stand_in
from fixtures.outcome import Gap, Status
from fixtures.secret import Secret
from fixtures.settings.access import Access
from fixtures.settings.limits import Limits
from fixtures.settings.model import Settings
from tests.outcomes import assert_outcome, judge, read
from tests.paging.alerts import NOT_CONFIGURED, alerting, unknown_route

TOKEN = "u+planted99-token"
PAGER = Receiver("on-call", ("pagerduty",))
CHAT = Receiver("chat", ("slack",))
GRAFANA = {"id": "PVENDOR", "summary": "Grafana"}
EMAIL = {
    "id": "PMAIL",
    "type": "generic_email_inbound_integration",
    "integration_email": "easymo@example.pagerduty",
}


def service(**changes):
    """A stand-in of PagerDuty with one service."""
    return PagerDuty(TOKEN, "PSERVICE", **changes)


def judged(pager, ways=NOT_CONFIGURED, settings=None, **access):
    """Read the service of a stand-in, and judge it together with the way of the alerts."""
    url = start_stand_in("PagerDuty", pager)
    known = {"pagerduty_token": Secret(TOKEN), "pagerduty_service": "PSERVICE", "pagerduty_api_url": url}
    return with_ways(read(Access(**known | access), [step_4_3], settings), ways)


def with_ways(evidence, ways):
    """Judge evidence with other evidence on the way of the alerts."""
    gaps = {name: gap for name, gap in evidence.gaps.items() if name != "alerting"}
    if isinstance(ways, Gap):
        evidence = replace(evidence, gaps=gaps | {"alerting": ways})
    else:
        evidence = replace(evidence, gaps=gaps, pieces=evidence.pieces | {"alerting": ways})
    return judge(step_4_3, evidence)


def test_healthy_service_passes():
    """It says what was found; only GETs were sent, and neither key nor people are in the evidence."""
    pager = service()
    access = Access(
        pagerduty_token=Secret(TOKEN),
        pagerduty_service="PSERVICE",
        pagerduty_api_url=start_stand_in("PagerDuty", pager),
    )
    evidence = read(access, [step_4_3])
    outcome = with_ways(evidence, alerting(PAGER))
    assert_outcome(outcome, Status.PASSED)
    assert outcome.judge.findings[0].startswith(
        "PagerDuty's service PSERVICE (EasyMO) exists, status active, by a stand-in for PagerDuty at 127.0.0.1:"
    )
    assert outcome.judge.findings[1:] == [
        "1 integration can take alerts: Prometheus",
        "1 person is on call by policy PPOLICY",
        "alerts are routed to PagerDuty by receiver on-call",
    ]
    assert pager.asked[0] == "GET /services/PSERVICE"
    assert sorted(pager.asked[1:]) == ["GET /maintenance_windows", "GET /oncalls"]
    text = to_text(plain(evidence))
    assert [word for word in (KEY, TOKEN, USER["summary"], USER["id"]) if word in text] == []


ODD_BUT_HEALTHY = {
    "open incidents": service(status="critical"),
    "acknowledged incidents": service(status="warning"),
    "references for integrations": service(
        integrations=[{"id": "P1", "type": "events_api_v2_inbound_integration_reference"}]
    ),
    "a bare Events API v2": service(
        integrations=[{"id": "P1", "type": "events_api_v2_inbound_integration"}, EMAIL]
    ),
    "the older Events API": service(integrations=[{"id": "P1", "type": "generic_events_api_inbound_integration"}]),
    "an integration for Grafana": service(
        integrations=[{"id": "P1", "type": "event_transformer_api_inbound_integration", "vendor": GRAFANA}]
    ),
    "one person on call twice": service(on_call=[USER, USER, {**USER, "id": "POTHER"}]),
    "a busy API": service(busy=1),
}


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_service_passes(variant):
    """Open incidents are reported, and are no fault of the integration."""
    outcome = judged(ODD_BUT_HEALTHY[variant], unknown_route())
    assert_outcome(outcome, Status.PASSED)
    if variant == "open incidents":
        assert "it has open incidents: triggered" in outcome.judge.findings
    if variant == "one person on call twice":
        assert "2 people are on call by policy PPOLICY" in outcome.judge.findings


WINDOW = {"id": "PWINDOW", "end_time": "2026-11-25T18:00:00-05:00", "description": "planted99"}

FAULTS = {
    "disabled": (service(status="disabled"), "PagerDuty's service PSERVICE (EasyMO) is disabled"),
    "in maintenance": (
        service(status="maintenance", windows=[WINDOW]),
        "service PSERVICE (EasyMO) is in maintenance: window PWINDOW until 2026-11-25 23:00:00 UTC",
    ),
    "in maintenance by its status alone": (
        service(status="maintenance"),
        "service PSERVICE (EasyMO) is in maintenance",
    ),
    "nobody on call": (
        service(on_call=[]),
        "nobody is on call now by escalation policy PPOLICY of PagerDuty's service PSERVICE (EasyMO)",
    ),
    "on call without a person": (service(on_call=[{}]), "nobody is on call now by escalation policy PPOLICY"),
    "no escalation policy": (service(policy=None), "service PSERVICE (EasyMO) has no escalation policy"),
    "no integration": (
        service(integrations=[]),
        "service PSERVICE (EasyMO) has no integration that Alertmanager or Grafana can send to",
    ),
    "an integration for mail": (
        service(integrations=[EMAIL]),
        "no integration that Alertmanager or Grafana can send to; it has generic_email_inbound_integration",
    ),
    "another id": (
        PagerDuty(TOKEN, "POTHER"),
        "PagerDuty has no service PSERVICE, or the key of PAGERDUTY_API_TOKEN belongs to another account",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_of_the_service_is_found(fault):
    """Each is one violation."""
    pager, found = FAULTS[fault]
    outcome = judged(pager)
    assert_outcome(outcome, Status.FAILED, found)
    assert len(outcome.judge.violations) == 1
    assert "planted99" not in outcome.reason


UNREADABLE = {
    "a wrong token": (
        PagerDuty("another", "PSERVICE"),
        Status.ERROR,
        "PagerDuty refused the key of PAGERDUTY_API_TOKEN (HTTP 401)",
    ),
    "no right to the service": (
        service(forbidden=("/services",)),
        Status.UNPROVEN,
        "PagerDuty does not permit GET /services/PSERVICE with the key of PAGERDUTY_API_TOKEN (HTTP 403)",
    ),
    "no right to the schedules": (
        service(forbidden=("/oncalls",)),
        Status.UNPROVEN,
        "PagerDuty does not permit GET /oncalls with the key of PAGERDUTY_API_TOKEN (HTTP 403)",
    ),
    "no right to the windows": (
        service(forbidden=("/maintenance_windows",)),
        Status.UNPROVEN,
        "PagerDuty does not permit GET /maintenance_windows",
    ),
}


@pytest.mark.parametrize("reason", UNREADABLE)
def test_service_that_cannot_be_read(reason):
    """A wrong key is an error, a missing right unproven with what it takes; the key is in no message."""
    pager, status, part = UNREADABLE[reason]
    outcome = judged(pager)
    assert_outcome(outcome, status, part)
    assert TOKEN not in f"{outcome.reason} {outcome.advice}"
    if status is Status.UNPROVEN:
        assert "use a read-only API key of the account" in str(outcome.advice)


def test_answer_of_another_form_is_not_shown():
    """It may have keys or people in it."""
    for body in (b'[{"integration_key": "planted99"}]', b'{"service": "planted99"}', b"planted99 <html>"):
        outcome = judged(lambda request, body=body: Response(200, body))
        assert_outcome(
            outcome, Status.ERROR, "PagerDuty answered GET /services/PSERVICE without the object service"
        )
        assert "planted99" not in f"{outcome.reason} {outcome.advice}"


def test_alerting_is_read_and_not_needed():
    """``--checks`` lists the step as ready without the alerting's addresses."""
    assert needs_of([step_4_3]) == {"paging", "alerting"}
    assert needs_of([step_4_3], optional=False) == {"paging"}


def test_busy_api_is_an_error_in_the_end():
    """After three refusals, in PagerDuty's own words."""
    settings = Settings(limits=Limits(service_total_seconds=0.9))
    outcome = judged(service(busy=99), settings=settings)
    assert_outcome(outcome, Status.ERROR, "answered GET /services/PSERVICE with HTTP 429")


def test_unreachable_api_is_an_error():
    """The message names the variable of the address."""
    settings = Settings(limits=Limits(service_total_seconds=0.4))
    outcome = judged(service(), settings=settings, pagerduty_api_url="http://127.0.0.1:9")
    assert_outcome(outcome, Status.ERROR, "PagerDuty (127.0.0.1:9) could not be read: no connection to")


@pytest.mark.parametrize(
    ("access", "sentence"),
    [
        ({"pagerduty_token": Secret(TOKEN)}, "PAGERDUTY_API_TOKEN is set, and PAGERDUTY_SERVICE_ID is not"),
        ({"pagerduty_service": "PSERVICE"}, "PAGERDUTY_SERVICE_ID is set, and PAGERDUTY_API_TOKEN is not"),
    ],
    ids=["token", "service"],
)
def test_half_a_configuration_is_one_sentence(access, sentence):
    """Also where the way of the alerts would prove it: somebody meant to set both."""
    evidence = read(Access(**access), [step_4_3])
    outcome = with_ways(evidence, NOT_CONFIGURED)
    assert_outcome(outcome, Status.UNPROVEN, f"PagerDuty was not asked: {sentence}")
    assert str(outcome.advice) == f"set {sentence.split()[-3]} too"


def by_the_ways(ways):
    """The outcome where PagerDuty itself is not named."""
    return with_ways(read(Access(), [step_4_3]), ways)


def test_nothing_configured_says_what_to_set():
    """Both ways to prove the step."""
    outcome = by_the_ways(NOT_CONFIGURED)
    assert_outcome(
        outcome,
        Status.UNPROVEN,
        "PAGERDUTY_API_TOKEN and PAGERDUTY_SERVICE_ID are not set; the alerting was not read",
        "set EASYMO_PROMETHEUS_URL",
    )


def test_deliveries_prove_it():
    """Notifications that PagerDuty accepted."""
    outcome = by_the_ways(alerting(PAGER, sent={"pagerduty": (7, 0), "slack": (3, 3)}))
    assert_outcome(outcome, Status.PASSED)
    assert (
        "7 notifications to PagerDuty since the alerting started, none failed, by Alertmanager 0.27.0 at "
        "alerts.example" in outcome.judge.findings
    )


WAYS = {
    "all failed": (
        alerting(PAGER, sent={"pagerduty": (4, 4)}),
        Status.FAILED,
        "all notifications to PagerDuty failed since the alerting started: 4 of 4, by Alertmanager 0.27.0",
    ),
    "some failed": (
        alerting(PAGER, sent={"pagerduty": (40, 1)}),
        Status.UNPROVEN,
        "some notifications to PagerDuty failed since the alerting started: 1 of 40",
    ),
    "a receiver alone": (
        alerting(PAGER, sent={"pagerduty": (0, 0)}),
        Status.UNPROVEN,
        "alerts are routed to PagerDuty by receiver on-call, by Alertmanager 0.27.0 at alerts.example, and no",
    ),
    "no receiver": (
        alerting(CHAT),
        Status.UNPROVEN,
        "no alert of the settings is routed to a receiver with a PagerDuty integration; the receivers are chat (",
    ),
    "ways that cannot be read": (
        unknown_route(),
        Status.UNPROVEN,
        "are not set; the token may not read the notification policies",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_without_pagerduty_the_ways_decide(way):
    """A receiver alone proves nothing: its key may be wrong."""
    ways, status, part = WAYS[way]
    assert_outcome(by_the_ways(ways), status, part)


def test_service_that_no_alert_is_routed_to_is_unproven():
    """A healthy service is of no use if alerts end elsewhere."""
    outcome = judged(service(), alerting(CHAT))
    found = "no alert of the settings is routed to a receiver with a PagerDuty integration; the receivers are chat"
    assert_outcome(outcome, Status.UNPROVEN, found)


def test_service_whose_notifications_fail_is_found():
    """The service is ready, and the key in Alertmanager is wrong."""
    outcome = judged(service(), alerting(PAGER, sent={"pagerduty": (2, 2)}))
    assert_outcome(outcome, Status.FAILED, "all notifications to PagerDuty failed")


def test_events_may_arrive_without_an_integration():
    """An event orchestration sends to a service that has no integration of its own."""
    outcome = judged(service(integrations=[]), alerting(PAGER, sent={"pagerduty": (2, 0)}))
    assert_outcome(outcome, Status.PASSED)
    found = "it has no integration of its own that takes alerts; they arrive in another way"
    assert found in outcome.judge.findings
