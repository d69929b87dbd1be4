"""The test alert where Alertmanager refuses, forgets or keeps something; and what is left behind is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from checks.test_deploy import test_alert_notifications_work as step_4_5
from fixtures.drill import drilling
from fixtures.evidence.document import Evidence
from fixtures.evidence.reading import Reading
from fixtures.local.stand_ins.alertmanager import Alertmanager
from fixtures.local.stand_ins.pagerduty import KEY, PagerDuty
from fixtures.local.stand_ins.serving import start_stand_in
from fixtures.outcome import Status
from fixtures.secret import Secret
from fixtures.settings.access import Access
from fixtures.settings.limits import Limits
from fixtures.settings.model import Settings
from fixtures.settings.monitoring import Drill
from tests.alerting.drill.servers import eventually
from tests.outcomes import assert_outcome, judge, read

QUIET = Settings(drill=Drill(send=True))
LOUD = Settings(drill=Drill(send=True, page=True), limits=Limits(page_seconds=1.0))
TOKEN = "u+planted99-token"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Wait less for what does not come."""
    monkeypatch.setattr(drilling, "SEEN_SECONDS", 0.2)
    monkeypatch.setattr(drilling, "SETTLE_SECONDS", 0.05)
    monkeypatch.setattr(drilling, "METRICS_SECONDS", 0.05)


def drilled(server, settings=QUIET, **more):
    """Send the test alert to a stand-in; return its evidence and the outcome of the step."""
    access = Access(alertmanager_url=start_stand_in("Alertmanager", server), **more)
    evidence = read(access, [step_4_5], settings)
    return evidence.piece("test_alert"), judge(step_4_5, evidence)


def said(outcome):
    """What the step found."""
    return "; ".join(outcome.judge.findings)


def test_stand_in_is_a_healthy_alertmanager():
    """It is named as a stand-in; the silence comes first, and everything is undone."""
    server = Alertmanager()
    drill, outcome = drilled(server)
    assert_outcome(outcome, Status.PASSED)
    source = "a stand-in for Alertmanager 0.27.0 at 127.0.0.1:"
    assert f"2 test alerts with verification_run={drill.run} posted to {source}" in said(outcome)
    assert (server.notified, drill.resolved, drill.silence_removed) == (0, True, True)
    writes = [what for what in server.requests if not what.startswith("GET ")]
    assert writes == [
        "POST /api/v2/silences",
        "POST /api/v2/alerts",
        "POST /api/v2/alerts",
        f"DELETE /api/v2/silence/{drill.silence}",
    ]


FAULTS = {
    "the silence is refused": (
        Alertmanager(refuses={"POST /api/v2/silences": 403}),
        Status.UNPROVEN,
        "Alertmanager refused the silence that would keep it quiet with HTTP 403, so no test alert was sent",
    ),
    "the silence fails": (
        Alertmanager(refuses={"POST /api/v2/silences": 500}),
        Status.ERROR,
        "answered POST /api/v2/silences with HTTP 500: refused",
    ),
    "the alert is refused": (
        Alertmanager(refuses={"POST /api/v2/alerts": 405}),
        Status.UNPROVEN,
        "Alertmanager refused the test alert with HTTP 405",
    ),
    "the alert is not taken": (
        Alertmanager(refuses={"POST /api/v2/alerts": 400}),
        Status.ERROR,
        "answered POST /api/v2/alerts with HTTP 400: refused",
    ),
    "another service answers": (
        Alertmanager(refuses={"GET /api/v2/status": 404}),
        Status.ERROR,
        "answered GET /api/v2/status with HTTP 404",
    ),
    "alerts get lost": (
        Alertmanager(forgets_alerts=True),
        Status.FAILED,
        "the test alert with severity warning was accepted by a stand-in for Alertmanager",
    ),
    "silences do nothing": (
        Alertmanager(ignores_silences=True),
        Status.FAILED,
        "the test alert with severity critical was active though silence ",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named_and_nothing_is_left(fault):
    """Whatever was accepted before the fault is undone."""
    server, status, part = FAULTS[fault]
    drill, outcome = drilled(server)
    assert_outcome(outcome, status, part)
    assert drill.left_behind == ()
    assert left_in(server) == ([], [])


def left_in(server):
    """The alerts that still fire, and the silences that are not expired."""
    now = datetime.now(UTC)
    return tuple(
        [one for one in entries.values() if datetime.fromisoformat(one["endsAt"]) > now]
        for entries in (server.alerts, server.silences)
    )


def test_silence_that_stays_is_said_with_its_end():
    """The step fails with the silence's id, and when it expires."""
    server = Alertmanager(refuses={"DELETE ": 403})
    drill, outcome = drilled(server)
    [silence] = server.silences.values()
    ends = datetime.fromisoformat(silence["endsAt"])
    assert_outcome(
        outcome,
        Status.FAILED,
        f"the silence {silence['id']} on 127.0.0.1:",
        "could not be deleted (Alertmanager (127.0.0.1:",
        f"with HTTP 403: refused): it expires by itself at {ends:%Y-%m-%d %H:%M:%S} UTC",
    )
    assert drill.resolved is True


def test_alert_that_stays_keeps_its_silence():
    """An alert that could not be resolved would notify somebody if its silence were deleted."""
    server = Alertmanager(never_resolves=True)
    drill, outcome = drilled(server)
    assert_outcome(
        outcome,
        Status.FAILED,
        f"the test alert with verification_run={drill.run} on 127.0.0.1:",
        "could not be resolved (Alertmanager (127.0.0.1:",
        "but still lists it as firing): it ends by itself at ",
    )
    assert f"silence {drill.silence} is left to expire at " in said(outcome)
    assert [what for what in server.requests if what.startswith("DELETE")] == []
    assert drill.ends < drill.silence_ends < datetime.now(UTC) + timedelta(minutes=4)


def test_what_is_left_is_said_on_the_terminal():
    """Also in a run that ends before the step is judged."""
    server = Alertmanager(refuses={"DELETE ": 403})
    lines: list[str] = []
    access = Access(alertmanager_url=start_stand_in("Alertmanager", server))
    reading = Reading(QUIET, access, frozenset({"test_alert"}), lines.append)
    reading.begin_services()
    assert reading.services is not None
    assert eventually(lambda: server.silences)
    reading.close()
    assert [line for line in lines if "could not be deleted" in line] == lines != []


def test_cluster_keeps_the_silence():
    """The member that was asked may not be the one that has the alert: the silence expires after it."""
    server = Alertmanager(peers=2)
    drill, outcome = drilled(server)
    assert_outcome(outcome, Status.PASSED)
    assert "Alertmanager is a cluster of 2 members, and the alert may still be active on another one" in said(
        outcome
    )
    assert (drill.resolved, drill.silence_removed, len(left_in(server)[1])) == (True, False, 1)


def test_page_without_counters_is_unproven():
    """It waits as long as it would, so that the receivers are notified, and cannot see whether they were."""
    server = Alertmanager(metrics=False)
    drill, outcome = drilled(server, LOUD)
    assert_outcome(
        outcome, Status.UNPROVEN, "shows no counters at /metrics, so whether the receivers were notified"
    )
    assert drill.waited_seconds >= 1
    assert (server.notified, server.silences) == (2, {})


def test_page_sends_a_change_event():
    """PagerDuty gets it by the service's own key, which nothing keeps."""
    pager = PagerDuty(TOKEN, "PSERVICE")
    outcome, evidence = paged(pager)
    assert_outcome(outcome, Status.PASSED)
    assert "PagerDuty accepted a change event, which notifies nobody (HTTP 202)" in said(outcome)
    [event] = pager.posted
    assert event["routing_key"] == KEY
    assert event["payload"]["custom_details"] == {"verification_run": evidence.piece("test_alert").run}
    assert KEY not in str(evidence)
    assert TOKEN not in str(evidence)


PAGERS = {
    "the key of an event orchestration": (
        PagerDuty(TOKEN, "PSERVICE", integrations=[{"id": "P1", "type": "events_api_v2_inbound_integration",
                                                    "integration_key": "R0123456789"}]),
        Status.UNPROVEN,
        "PagerDuty got no change event: service PSERVICE shows no integration key that takes one",
    ),
    "a token that is wrong": (
        PagerDuty("another", "PSERVICE"),
        Status.ERROR,
        "PagerDuty refused the key of PAGERDUTY_API_TOKEN (HTTP 401)",
    ),
    "a key that is refused": (
        PagerDuty(TOKEN, "PSERVICE", refuses_events=True),
        Status.FAILED,
        "PagerDuty answered the change event with HTTP 400",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", PAGERS)
def test_change_event_that_did_not_arrive(fault):
    """The test alert itself went its way."""
    pager, status, part = PAGERS[fault]
    outcome, evidence = paged(pager)
    assert_outcome(outcome, Status.UNPROVEN if status is Status.ERROR else status, part)
    assert pager.posted == []
    assert evidence.piece("test_alert").resolved is True


def paged(pager) -> tuple[object, Evidence]:
    """The outcome of the step with ``--page``, and its evidence."""
    access = Access(
        alertmanager_url=start_stand_in("Alertmanager", Alertmanager()),
        pagerduty_token=Secret(TOKEN),
        pagerduty_service="PSERVICE",
        pagerduty_api_url=start_stand_in("PagerDuty", pager),
    )
    evidence = read(access, [step_4_5], LOUD)
    return judge(step_4_5, evidence), evidence


@pytest.mark.parametrize(
    ("access", "sentence"),
    [
        (Access(), "no test alert was sent: EASYMO_ALERTMANAGER_URL is not set"),
        (
            Access(grafana_url="http://127.0.0.1:9"),
            "no test alert was sent: only Grafana is set, and Grafana's own Alertmanager takes no alerts over its",
        ),
    ],
    ids=["nothing", "grafana"],
)
def test_without_alertmanager_it_is_unproven(access, sentence):
    """Grafana has no endpoint for it: the sentence says what proves it there."""
    assert_outcome(judge(step_4_5, read(access, [step_4_5], QUIET)), Status.UNPROVEN, sentence)


def test_clock_of_this_machine_does_not_matter(monkeypatch):
    """Where it is an hour ahead, times are still Alertmanager's own."""

    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=1)

    monkeypatch.setattr("fixtures.drill.alertmanager.datetime", Ahead)
    server = Alertmanager()
    drill, outcome = drilled(server)
    assert_outcome(outcome, Status.PASSED)
    assert abs(drill.ends - datetime.now(UTC)) < timedelta(minutes=3)


def test_one_severity_is_posted_once():
    """Alerts of one severity share a test alert."""
    server = Alertmanager()
    settings = replace(QUIET, alerts=tuple(replace(one, severity="page") for one in QUIET.alerts))
    drill, outcome = drilled(server, settings)
    assert_outcome(outcome, Status.PASSED)
    assert [one.severity for one in drill.alerts] == ["page"]
