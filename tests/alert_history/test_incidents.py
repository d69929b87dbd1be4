"""Check 17 by the incidents in PagerDuty: who acknowledged them, and which wait."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from fixtures.evidence.document import plain, to_text
from fixtures.local.functions.http import IncomingRequest, Response, answer
from fixtures.local.stand_ins.serving import start_stand_in
from fixtures.outcome import Status
from fixtures.secret import Secret
from fixtures.settings.access import Access
from fixtures.settings.limits import Limits
from fixtures.settings.model import Settings
from tests.alert_history.past import CHECK_17, INCIDENTS, SILENT, PastPrometheus, firing, hours_ago, judged
from tests.outcomes import assert_outcome, judge, read

TOKEN, SERVICE = "u+planted99-token", "PSERVICE"
PERSON = {"id": "PUSER01", "type": "user_reference", "summary": "Jane Planted"}


def ago(hours: float) -> str:
    """A time as PagerDuty writes it."""
    return (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def incident(number: int, hours: float, status: str = "resolved", **changes: Any) -> dict[str, Any]:
    """An incident that began some hours ago, and was resolved half an hour later."""
    own = {"resolved_at": ago(hours - 0.5)} if status == "resolved" else {}
    return {
        "id": f"Q{number}",
        "incident_number": number,
        "title": f"[FIRING:1] Alert {number}",
        "created_at": ago(hours),
        "status": status,
        "urgency": "high",
        "service": {"id": SERVICE},
        "assignments": [{"assignee": PERSON}],
        **own,
        **changes,
    }


@dataclass
class PastPagerDuty:
    """One service with incidents."""

    incidents: list[dict[str, Any]] = field(default_factory=list)
    acknowledged: dict[str, str] = field(default_factory=dict)
    """Id → when somebody acknowledged it."""
    service: str = SERVICE
    forbidden: tuple[str, ...] = ()
    answers: dict[str, Response] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)

    def __call__(self, request: IncomingRequest) -> Response:
        """Answer a request."""
        query = parse_qs(request.query.decode())
        self.asked.append((request.path, query))
        if request.header(b"authorization") != [f"Token token={TOKEN}".encode()]:
            return answer(401, error={"message": "Unauthorized"})
        if request.path.startswith(self.forbidden):
            return answer(403, error={"message": "Forbidden"})
        if request.path in self.answers:
            return self.answers[request.path]
        if request.path == f"/services/{self.service}":
            return answer(200, service={"id": self.service})
        if request.path == "/incidents":
            return self._list(query)
        if request.path.endswith("/log_entries"):
            return self._log(request.path.split("/")[2])
        return answer(404, error={"message": "Not Found"})

    def _list(self, query: dict[str, list[str]]) -> Response:
        assert query["service_ids[]"] == [SERVICE]
        if query.get("date_range") == ["all"]:
            found = [one for one in self.incidents if one["status"] in query["statuses[]"]]
        else:
            [since], [until] = query["since"], query["until"]
            assert since.endswith("Z")
            found = [one for one in self.incidents if since <= one["created_at"] <= until]
        limit, offset = int(query["limit"][0]), int(query["offset"][0])
        more = len(found) > offset + limit
        return answer(200, incidents=found[offset : offset + limit], more=more, limit=limit, offset=offset)

    def _log(self, id_: str) -> Response:
        entries = [{"type": "trigger_log_entry", "created_at": ago(99)}]
        if id_ in self.acknowledged:
            at = self.acknowledged[id_]
            entries.append({"type": "acknowledge_log_entry", "created_at": at, "agent": PERSON})
        return answer(200, log_entries=entries, more=False)


def seen(pager, prometheus=None, **access):
    """Judge the incidents of a PagerDuty."""
    known = {
        "pagerduty_token": Secret(TOKEN),
        "pagerduty_service": SERVICE,
        "pagerduty_api_url": start_stand_in("PagerDuty", pager),
    }
    return judged(prometheus, **known | access)[INCIDENTS]


def test_no_incident_passes():
    """The service exists, and none is open."""
    outcome = seen(PastPagerDuty())
    assert_outcome(outcome, Status.PASSED)
    [said] = outcome.judge.findings
    assert said.startswith("no incident in the last 7 days, and none is open, by a stand-in for PagerDuty at ")
    assert said.endswith(", service PSERVICE")


def test_acknowledged_incidents_pass():
    """By when is said, as far as the log has it; those without an acknowledgement are named."""
    pager = PastPagerDuty(
        [
            incident(1, 50),
            incident(2, 30),
            incident(3, 20, "acknowledged", acknowledgements=[{"at": ago(19.9), "acknowledger": PERSON}]),
        ],
        {"Q1": ago(49.9)},
    )
    outcome = seen(pager)
    assert_outcome(outcome, Status.PASSED)
    every, known, unseen, opened = outcome.judge.findings
    assert every.startswith("3 incidents in the last 7 days or open, by a stand-in for PagerDuty")
    assert known == "2 incidents were acknowledged, after 6 min at most"
    assert unseen.startswith("1 incident was resolved without an acknowledgement: 2 “[FIRING:1] Alert 2” of 20")
    assert unseen.endswith(" UTC, open for 30 min")
    assert opened.startswith("still open, and acknowledged: 3 “[FIRING:1] Alert 3” of 20")
    [table] = outcome.judge.tables
    assert [(row["incident"], row["acknowledged"] == "by nobody") for row in table.rows] == [
        (3, False),
        (2, True),
        (1, False),
    ]
    assert [path for path, _ in pager.asked if "log" in path] == [
        "/incidents/Q2/log_entries",
        "/incidents/Q1/log_entries",
    ]


ODD_BUT_HEALTHY = {
    "a new incident": ([incident(1, 0.1, "triggered")], "open without an acknowledgement, new or not urgent: 1 "),
    "an incident of low urgency": ([incident(1, 50, "triggered", urgency="low")], "new or not urgent: 1 "),
    "an old incident that is acknowledged": (
        [incident(1, 900, "acknowledged", acknowledgements=[{"at": ago(899)}])],
        "1 incident was acknowledged, after 1 h at most",
    ),
    "an incident without the time of its end": (
        [incident(1, 5, resolved_at=None)],
        "1 incident was resolved without an acknowledgement",
    ),
}


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_incident_passes(variant):
    incidents, part = ODD_BUT_HEALTHY[variant]
    outcome = seen(PastPagerDuty(incidents))
    assert_outcome(outcome, Status.PASSED)
    assert part in " / ".join(outcome.judge.findings)


FAULTS = {
    "nobody acknowledged it": (
        [incident(42, 3, "triggered")],
        ("1 incident is open, and nobody acknowledged it: 42 “[FIRING:1] Alert 42” of 20", " UTC, open for 3 h"),
    ),
    "since before the window": ([incident(42, 24 * 20, "triggered")], ("open for 20 d",)),
    "several": (
        [incident(number, number, "triggered") for number in range(1, 9)],
        ("8 incidents are open, and nobody acknowledged them: ", "; and 3 more"),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_incident_that_waits_is_found(fault):
    incidents, parts = FAULTS[fault]
    outcome = seen(PastPagerDuty(incidents))
    assert_outcome(outcome, Status.FAILED, *parts)
    assert len(outcome.judge.violations) == 1


def test_titles_are_masked_and_cut():
    """People and their numbers stand in no evidence."""
    title = "customer +250788123456 jane@example.com waits for a very long time " * 9
    pager = PastPagerDuty([incident(7, 3, "triggered", title=title)])
    url = start_stand_in("PagerDuty", pager)
    access = Access(pagerduty_token=Secret(TOKEN), pagerduty_service=SERVICE, pagerduty_api_url=url)
    evidence = read(access, CHECK_17)
    text = to_text(plain(evidence))
    assert [word for word in ("788123456", "jane@", "Jane Planted", TOKEN) if word in text] == []
    outcome = judge(CHECK_17[2], evidence)
    assert_outcome(outcome, Status.FAILED, "customer ")
    assert len(evidence.pieces["alert_history"].incidents.incidents[0].title) == 80


UNREADABLE = {
    "a wrong key": (
        PastPagerDuty(),
        {"pagerduty_token": Secret("u+another99-token")},
        Status.ERROR,
        "PagerDuty refused the key of PAGERDUTY_API_TOKEN (HTTP 401)",
    ),
    "no right to the incidents": (
        PastPagerDuty(forbidden=("/incidents",)),
        {},
        Status.UNPROVEN,
        "PagerDuty does not permit GET /incidents with the key of PAGERDUTY_API_TOKEN (HTTP 403)",
    ),
    "no right to the logs": (
        PastPagerDuty([incident(1, 5)], forbidden=("/incidents/",)),
        {},
        Status.UNPROVEN,
        "whether somebody acknowledged the incidents is not known: PagerDuty does not permit GET /incidents/…/log",
    ),
    "an unknown service": (
        PastPagerDuty(service="POTHER"),
        {},
        Status.UNPROVEN,
        "PagerDuty has no service PSERVICE whose incidents could be read; step 4.3 names the cause",
    ),
    "half a configuration": (
        PastPagerDuty(),
        {"pagerduty_service": None},
        Status.UNPROVEN,
        "PagerDuty was not asked: PAGERDUTY_API_TOKEN is set, and PAGERDUTY_SERVICE_ID is not",
    ),
    "an answer of another form": (
        PastPagerDuty(answers={"/incidents": Response(200, b'{"incidents": "Jane Planted"}')}),
        {},
        Status.ERROR,
        "PagerDuty answered GET /incidents without the list incidents",
    ),
    "a fault": (
        PastPagerDuty(answers={"/incidents": Response(400, b'{"error": "Jane Planted"}')}),
        {},
        Status.ERROR,
        "PagerDuty answered GET /incidents with HTTP 400",
    ),
}


@pytest.mark.parametrize("reason", UNREADABLE)
def test_incidents_that_cannot_be_read(reason):
    pager, access, status, part = UNREADABLE[reason]
    outcome = seen(pager, **access)
    assert_outcome(outcome, status, part)
    assert "Planted" not in f"{outcome.reason} {outcome.advice}"
    assert "planted99" not in f"{outcome.reason} {outcome.advice}"


def test_not_configured_does_not_apply():
    outcome = judged(PastPrometheus())[INCIDENTS]
    assert_outcome(
        outcome, Status.NOT_APPLICABLE, "PagerDuty is not configured: PAGERDUTY_API_TOKEN and PAGERDUTY_S"
    )


def test_many_incidents_take_few_requests():
    """Of 350, 300 are read, and the logs of 40; it is said that there are more."""
    pager = PastPagerDuty([incident(number, 1 + number / 10) for number in range(350)])
    outcome = seen(pager)
    assert_outcome(outcome, Status.PASSED)
    said = " / ".join(outcome.judge.findings)
    assert "300 incidents in the last 7 days or open (and more, which were not read)" in said
    assert "40 incidents were resolved without an acknowledgement" in said
    assert "whether 260 older incidents were acknowledged was not looked up" in said
    assert len(pager.asked) == 1 + 3 + 1 + 40


def test_critical_alert_without_an_incident_is_reported():
    """It fails nothing here: step 4.3 looks at the way to PagerDuty."""
    outcome = seen(PastPagerDuty(), PastPrometheus([firing(SILENT, hours_ago(30), 3600)]))
    assert_outcome(outcome, Status.PASSED)
    part = "critical alerts fired and became no incident: DLQProcessingFailure (see step 4.3)"
    assert part in outcome.judge.findings


def test_slow_pagerduty_takes_nothing_from_the_alerts():
    """Each service has its own time."""

    def slow(request: IncomingRequest) -> Response:
        time.sleep(3)
        return Response(200, json.dumps({}).encode())

    access = {
        "pagerduty_token": Secret(TOKEN),
        "pagerduty_service": SERVICE,
        "pagerduty_api_url": start_stand_in("PagerDuty", slow),
    }
    settings = Settings(limits=Limits(service_total_seconds=2.5))
    found = judged(PastPrometheus(), settings, **access)
    assert found[INCIDENTS].status is Status.ERROR
    assert found["dlq-pending"].status is Status.PASSED
