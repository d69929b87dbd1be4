"""Check 17 by Prometheus's history: faults, pasts that are odd and healthy, and what cannot be judged."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from fixtures.alert_history.read import read_alert_history
from fixtures.local.functions.http import Response
from fixtures.local.monitoring_stack import FILES
from fixtures.local.stand_ins.alert_history import PastFiring
from fixtures.local.stand_ins.prometheus import Prometheus
from fixtures.local.stand_ins.serving import start_stand_in
from fixtures.outcome import Status
from fixtures.settings.access import Access
from fixtures.settings.limits import Limits
from fixtures.settings.model import Settings
from fixtures.settings.monitoring import Alert
from fixtures.settings.weekly import Weekly
from tests.alert_history.past import (
    CASES,
    DAY,
    DOWN,
    HOUR,
    INCIDENTS,
    MINUTE,
    OTHERS,
    PENDING,
    RATE,
    SILENT,
    PastPrometheus,
    day,
    firing,
    flapping,
    hours_ago,
    judged,
    midnight,
    rule,
)
from tests.outcomes import expect

NOT_NAMED = {INCIDENTS: (Status.NOT_APPLICABLE, "PagerDuty is not configured")}


def past(*firings, **changes):
    """A Prometheus in which alerts fired."""
    return PastPrometheus([*firings], **changes)


def expect_only(found, expected):
    """All cases pass except these; PagerDuty is not configured."""
    expect(found, NOT_NAMED | expected)


def test_calm_week_passes():
    """It says what was looked at, and that each rule was there to fire."""
    found = judged(past())
    expect_only(found, {})
    [did_not, by, loaded] = found[CASES[PENDING]].judge.findings
    assert did_not == "HighDLQPendingCount did not fire"
    assert by.startswith("by a stand-in for Prometheus 3.1.0 at 127.0.0.1:")
    assert by.endswith(", which has 7 d of the last 7 days")
    assert loaded.startswith("its rule is loaded in Prometheus, and was last evaluated at 20")
    assert found[OTHERS].judge.findings[1] == "no other alert fired; 1 other rule is loaded in Prometheus"


def test_firings_are_reported():
    """Count, time in all, the longest, and that it is over; by alert and by day."""
    first, second = midnight(3) + 2 * HOUR, midnight(1) + 5 * HOUR
    found = judged(past(firing(PENDING, first, 90 * MINUTE), firing(PENDING, second, 30 * MINUTE)))
    expect_only(found, {})
    assert found[CASES[PENDING]].judge.findings[0] == (
        "HighDLQPendingCount fired 2 times, for 2 h in all, 1 h 30 min at longest from "
        f"{found_clock(found, day(3))}, and is resolved"
    )
    alerts, days = (table.rows for table in found[OTHERS].judge.tables)
    assert [(row["alert"], row["firings"], row["firing in all"], row["now"]) for row in alerts] == [
        (PENDING, 2, "2 h", "resolved")
    ]
    assert [(row["day (UTC)"], row["firings"], row["firing time"]) for row in days] == [
        (day(3), 1, "1 h 30 min"),
        (day(1), 1, "30 min"),
    ]
    assert found[OTHERS].judge.charts == ["alert_history"]


def found_clock(found, start):
    """The time in the first finding; its seconds depend on the grid of the samples."""
    text = found[CASES[PENDING]].judge.findings[0]
    at = text.partition(" at longest from ")[2][: len("2026-01-31 12:05:00 UTC")]
    assert at.startswith(f"{start} 02:00:")
    return at


FAULTS = {
    "an alert flaps": (
        lambda: past(*flapping(RATE, 8, midnight())),
        {CASES[RATE]: f"WebhookErrorRate flaps: it fired 8 times on {day()}, more than 5 times a day"},
    ),
    "on two days": (
        lambda: past(*flapping(RATE, 6, midnight(2)), *flapping(RATE, 9, midnight(1))),
        {CASES[RATE]: f"it fired 6 times on {day(2)}; 9 times on {day(1)}, more than 5 times a day"},
    ),
    "another alert flaps": (
        lambda: past(*flapping("DiskFull", 7, midnight(), severity="warning")),
        {OTHERS: f"DiskFull flaps: it fired 7 times on {day()}"},
    ),
    "one instance flaps while another fires": (
        lambda: past(firing(PENDING, midnight(), DAY, queue="a"), *flapping(PENDING, 7, midnight(), queue="b")),
        {CASES[PENDING]: f"it fired 7 times on {day()} with {{queue=b}}, more than 5"},
    ),
    "instances in turn": (
        lambda: past(
            *(
                firing("PodDown", midnight() + number * HOUR, 10 * MINUTE, pod=str(number), severity="warning")
                for number in range(9)
            )
        ),
        {OTHERS: f"PodDown flaps: it fired 9 times on {day()}, more than 5"},
    ),
    "a critical alert is not resolved": (
        lambda: past(firing(SILENT, hours_ago(27), 99 * HOUR)),
        {CASES[SILENT]: "DLQProcessingFailure (critical) is not resolved: fires since "},
    ),
    "for how long": (
        lambda: past(firing(SILENT, hours_ago(27), 99 * HOUR)),
        {CASES[SILENT]: " UTC, for 1 d 2 h"},
    ),
    "the whole week": (
        lambda: past(firing(SILENT, hours_ago(999), 2000 * HOUR)),
        {CASES[SILENT]: "DLQProcessingFailure (critical) is not resolved: fires at least since "},
    ),
    "with another severity than expected": (
        lambda: past(firing(SILENT, hours_ago(3), 99 * HOUR, severity="warning")),
        {CASES[SILENT]: "DLQProcessingFailure (critical) is not resolved"},
    ),
    "another critical alert": (
        lambda: past(firing(DOWN, hours_ago(5), 99 * HOUR, instance="db:9187")),
        {OTHERS: "EasyMOExporterDown (critical) is not resolved: {instance=db:9187} fires since "},
    ),
    "through a time without Prometheus": (
        lambda: past(firing(SILENT, hours_ago(30), 99 * HOUR), holes=[(hours_ago(20), hours_ago(10))]),
        {CASES[SILENT]: "is not resolved: fires since "},
    ),
    "it flaps and is not resolved": (
        lambda: past(*flapping(SILENT, 6, midnight()), firing(SILENT, hours_ago(0.5), 99 * HOUR)),
        {CASES[SILENT]: "more than 5 times a day; DLQProcessingFailure (critical) is not resolved"},
    ),
    "in a history of two days": (
        lambda: past(*flapping(RATE, 8, midnight()), begin=midnight() - HOUR),
        {CASES[RATE]: "WebhookErrorRate flaps: it fired 8 times"},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault):
    """In its own case, and in no other."""
    prometheus, expected = FAULTS[fault]
    found = judged(prometheus())
    expect_only(found, {case: (Status.FAILED, part) for case, part in expected.items()})


def test_fault_is_found_in_a_short_history():
    """Two hours prove no calm, and a fault in them is one."""
    found = judged(past(firing(SILENT, hours_ago(1), 99 * HOUR), begin=hours_ago(2)))
    assert found[CASES[SILENT]].status is Status.FAILED
    assert {found[case].status for case in (CASES[RATE], CASES[PENDING], OTHERS)} == {Status.UNPROVEN}


ODD_BUT_HEALTHY = {
    "five firings on a day": lambda: past(*flapping(RATE, 5, midnight())),
    "ten firings on two days": lambda: past(*flapping(RATE, 5, midnight(2)), *flapping(RATE, 5, midnight(1))),
    "ten instances at once": lambda: past(
        *(firing("HostDown", midnight() + HOUR, HOUR, severity="warning", host=str(one)) for one in range(10))
    ),
    "a warning that still fires": lambda: past(firing(PENDING, hours_ago(5), 99 * HOUR)),
    "an alert without a severity": lambda: past(firing("Odd", hours_ago(5), 99 * HOUR)),
    "a dead man's switch": lambda: past(firing("Watchdog", hours_ago(999), 2000 * HOUR, severity="critical")),
    "restarts while an alert fires": lambda: past(
        firing(PENDING, midnight(), 20 * HOUR),
        holes=[(midnight() + number * HOUR, midnight() + number * HOUR + 10 * MINUTE) for number in range(1, 19)],
    ),
    "evaluated every ten minutes": lambda: past(
        firing(PENDING, hours_ago(50), 20 * HOUR), interval=600.0, lasts=300.0
    ),
    "a critical alert that is resolved": lambda: past(firing(SILENT, hours_ago(30), 20 * HOUR)),
    "data of two days": lambda: past(begin=hours_ago(48.2)),
    "a day without Prometheus": lambda: past(holes=[(hours_ago(80), hours_ago(56))]),
    "a rule twice": lambda: past(
        rules=[*(rule(name) for name in (PENDING, SILENT, RATE, PENDING)), rule("Recorded", type="recording")]
    ),
    "evaluations that failed for ten minutes": lambda: past(
        failing={"rules.yml;easymo": [hours_ago(5), hours_ago(5) + 300]}
    ),
    "evaluations of another group failed": lambda: past(
        failing={"other.yml;x": [hours_ago(one / 12) for one in range(50)]}
    ),
}


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_past_passes(variant):
    """And says what is odd."""
    found = judged(ODD_BUT_HEALTHY[variant]())
    expect_only(found, {})
    said = " / ".join(line for outcome in found.values() for line in outcome.judge.findings)
    assert SAID.get(variant, "") in said


SAID = {
    "ten instances at once": "HostDown fired 10 times (10 instances), for 1 h in all, 1 h at longest",
    "a warning that still fires": "and still fires",
    "a dead man's switch": "Watchdog fires on purpose (weekly.constant_alerts)",
    "restarts while an alert fires": "HighDLQPendingCount fired once, for 20 h",
    "evaluated every ten minutes": "HighDLQPendingCount fired once, for 19 h",
    "data of two days": "which has 2 d of the last 7 days, its data begin at ",
    "a day without Prometheus": " of the last 7 days; without data once, for 1 d at longest from ",
}

NO_RANGE = Response(422, b'{"status":"error","errorType":"execution","error":"too many samples"}')
NO_RULES = Response(404, b"404 page not found\n", "text/plain")
ALL_ALERTS = (*CASES.values(), OTHERS)


def of_all(status, part):
    """The same for every case of an alert."""
    return dict.fromkeys(ALL_ALERTS, (status, part))


UNPROVEN = {
    "seconds old": (
        lambda: past(begin=hours_ago(0.02)),
        of_all(Status.UNPROVEN, " min of the last 7 days: too little to judge by"),
    ),
    "half a day old": (
        lambda: past(begin=hours_ago(12.1)),
        of_all(Status.UNPROVEN, "has data of only 12 h "),
    ),
    "without any data": (
        lambda: past(begin=hours_ago(-9)),
        of_all(Status.UNPROVEN, "has no data of the last 7 days"),
    ),
    "without a rule": (
        lambda: past(rules=[rule(SILENT), rule(RATE)]),
        {
            CASES[PENDING]: (
                Status.UNPROVEN,
                "HighDLQPendingCount did not fire, and Prometheus has no alert rule of that name; check 8 names",
            )
        },
    ),
    "never evaluated": (
        lambda: past(rules=[rule(PENDING, lastEvaluation="0001-01-01T00:00:00Z"), rule(SILENT), rule(RATE)]),
        {
            CASES[PENDING]: (
                Status.UNPROVEN,
                "alert rule HighDLQPendingCount is loaded in Prometheus, and is not evaluated without error: that "
                "it did not fire means nothing; check 8 names the cause",
            )
        },
    ),
    "evaluated with an error": (
        lambda: past(rules=[rule(PENDING, health="err"), rule(SILENT), rule(RATE)]),
        {CASES[PENDING]: (Status.UNPROVEN, "is not evaluated without error")},
    ),
    "another rule never evaluated": (
        lambda: past(
            rules=[rule(PENDING), rule(SILENT), rule(RATE), rule("Odd", lastEvaluation="0001-01-01T00:00:00Z")]
        ),
        {OTHERS: (Status.UNPROVEN, "no other alert fired, and rules in Prometheus were not evaluated: Odd")},
    ),
    "evaluations failed for hours": (
        lambda: past(failing={"rules.yml;easymo": [hours_ago(one / 12) for one in range(3, 51)]}),
        dict.fromkeys(
            CASES.values(),
            (Status.UNPROVEN, " failed for 4 h of the window: what would have fired then is not known"),
        ),
    ),
    "partial answers": (
        lambda: past(warnings=["one store did not answer"]),
        of_all(Status.UNPROVEN, "the history is not complete: Prometheus reports one store did not answer"),
    ),
    "rules that are not shown": (
        lambda: past(answers={"/api/v1/rules": NO_RULES}),
        {
            OTHERS: (Status.UNPROVEN, "no other alert fired, and whether there are others is not known"),
            **dict.fromkeys(CASES.values(), (Status.ERROR, "answered GET /api/v1/rules with HTTP 404")),
        },
    ),
    "queries that are refused": (
        lambda: past(answers={"/api/v1/query_range": NO_RANGE}),
        of_all(Status.ERROR, "answered GET /api/v1/query_range with HTTP 422"),
    ),
    "an answer of another form": (
        lambda: past(answers={"/api/v1/query_range": Response(200, b'{"status":"success","data":[1]}')}),
        of_all(Status.ERROR, "answered GET /api/v1/query_range with JSON of another form"),
    ),
}


@pytest.mark.parametrize("reason", UNPROVEN)
def test_past_that_cannot_be_judged(reason):
    """No firing proves nothing where none could have been seen."""
    prometheus, expected = UNPROVEN[reason]
    expect_only(judged(prometheus()), expected)


def test_nothing_is_configured():
    """Unproven, with the variables."""
    found = judged()
    expect_only(found, of_all(Status.UNPROVEN, "neither EASYMO_PROMETHEUS_URL nor EASYMO_GRAFANA_URL is set"))


def test_unreachable_prometheus_is_an_error():
    """With its address."""
    quick = Settings(limits=Limits(service_total_seconds=0.8))
    found = judged(settings=quick, prometheus_url="http://127.0.0.1:9")
    expect_only(found, of_all(Status.ERROR, "Prometheus (127.0.0.1:9) could not be read"))


def test_settings_decide():
    """The window, the number of firings a day, and the alerts with their names."""
    alert = Alert("mine", "DiskFull", "critical")
    settings = Settings(weekly=Weekly(days=3, flaps_per_day=1), alerts=(alert,))
    prometheus = past(
        *flapping("DiskFull", 2, midnight(), severity="critical"),
        *flapping("DiskFull", 9, midnight(5), severity="critical"),
        rules=[rule("DiskFull", "critical")],
    )
    found = judged(prometheus, settings)
    part = f"DiskFull flaps: it fired 2 times on {day()}, more than 1 time a day"
    expect_only(found, {"mine": (Status.FAILED, part)})
    assert "of the last 3 days" in found["mine"].judge.findings[1]


def test_requests_are_few_and_only_read():
    """Eight requests a query for seven days; a year takes no more than thirty."""
    prometheus = past()
    judged(prometheus)
    paths = [path for path, _ in prometheus.asked]
    assert (paths.count("/api/v1/query_range"), len(paths)) == (16, 19)
    year = past()
    judged(year, Settings(weekly=Weekly(days=366)))
    assert len([path for path, _ in year.asked]) <= 65


def test_personal_data_in_labels_are_masked():
    """A label may have a value from the database, such as a phone number."""
    label = {"customer": "+250788123456", "severity": "critical"}
    found = judged(past(PastFiring("Odd", hours_ago(5), hours_ago(-5), label)))
    assert found[OTHERS].status is Status.FAILED
    assert "788123456" not in found[OTHERS].reason
    assert "customer=" in found[OTHERS].reason


def test_many_alerts_are_cut():
    """Two hundred of them are looked at, those of the settings first."""
    start = hours_ago(30)
    many = [firing(f"Alert{number:03}", start, HOUR, severity="warning") for number in range(250)]
    found = judged(past(*many, *flapping(RATE, 8, midnight())))
    assert found[CASES[RATE]].status is Status.FAILED
    assert found[OTHERS].status is Status.UNPROVEN
    assert "251 alerts fired, of which 200 were looked at" in found[OTHERS].reason


def test_clock_of_prometheus_decides():
    """The window ends at its time, whatever the clock of this machine says."""
    access = Access(prometheus_url=start_stand_in("Prometheus", past()))
    ahead = datetime(2035, 1, 1, tzinfo=UTC)
    history = asyncio.run(read_alert_history(Settings(), access, ahead))
    assert abs(history.sources[0].until - datetime.now(UTC)) < timedelta(minutes=1)


def test_stand_in_of_a_local_deployment_has_no_past():
    """It answers for every moment with the present value, and for alerts only since it started."""
    stand_in = Prometheus(FILES / "rules.yml", lambda: {"dlq_pending": 1.0}, "http://127.0.0.1:9")
    expect_only(judged(stand_in), of_all(Status.UNPROVEN, "too little to judge by"))


def test_advice_names_the_check_that_shows_the_cause():
    found = judged(past(firing(SILENT, hours_ago(3), 99 * HOUR), firing(DOWN, hours_ago(3), 99 * HOUR)))
    assert "see to its cause, which check 3 shows; if nothing" in str(found[CASES[SILENT]].advice)
    assert "see to its cause; if nothing is wrong" in str(found[OTHERS].advice)


def test_window_of_a_day_needs_half_of_it():
    settings = Settings(weekly=Weekly(days=1))
    expect_only(judged(past(begin=hours_ago(20)), settings), {})
    expect_only(
        judged(past(begin=hours_ago(11)), settings), of_all(Status.UNPROVEN, "of the last 1 day: too little")
    )


def test_rule_of_the_settings_is_found_among_many():
    """Five hundred rules are kept, those of the settings first."""
    many = [rule(f"Rule{number}") for number in range(600)]
    expect_only(judged(past(rules=[*many, rule(PENDING), rule(SILENT), rule(RATE)])), {})
