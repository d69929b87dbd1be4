"""Check 8: whether an alert fires, compared with what was measured in the database."""

from __future__ import annotations

import pytest

from checks.test_immediate import test_alert_triggers as check_8
from fixtures.outcome import Gap, Status
from fixtures.settings.model import Settings
from fixtures.settings.monitoring import Alert
from tests.alerting.canned import Canned, serving
from tests.alerting.faults import PENDING, RATE, RULE_OF, SILENT
from tests.alerting.measured import ago, healthy, messages, with_measured
from tests.outcomes import assert_outcome, judge, read

pytestmark = pytest.mark.usefixtures("no_settling")

SINCE_LONG = {"pending": 150, "exceeded_since": lambda: ago(30)}
SINCE_SHORT = {"pending": 150, "exceeded_since": lambda: ago(3)}
NO_PASS = {"passes": lambda: (ago(40), ago(45)), "progressed_at": lambda: ago(41)}
MANY_FAIL = {"minutes": messages(10, 3)}
TOO_CLOSE = "too close to the threshold, or too few messages, to say whether it should fire"

CONTRADICTIONS = {
    "quiet, and pending for long": (
        (PENDING, "inactive", SINCE_LONG),
        "is inactive (the monitoring has 4), though 150 entries are pending, more than 100 since",
    ),
    "about to fire, and pending for long": (
        (PENDING, "pending", SINCE_LONG),
        "HighDLQPendingCount is pending (the monitoring has 4), though 150 entries are pending",
    ),
    "fires, and few are pending": (
        (PENDING, "firing", {}),
        "(the monitoring has 4), though 4 entries are pending (threshold 100)",
    ),
    "quiet, and no pass": (
        (SILENT, "inactive", NO_PASS),
        "DLQProcessingFailure is inactive (the monitoring has 1.7e+09), though the last pass completed 40 min",
    ),
    "quiet, and never a pass": (
        (SILENT, "inactive", {"passes": (), "progressed_at": None}),
        "though no pass has completed",
    ),
    "fires, and passes complete": ((SILENT, "firing", {}), "though the last pass completed 2 min"),
    "quiet, and many fail": (
        (RATE, "inactive", MANY_FAIL),
        "WebhookErrorRate is inactive (the monitoring has 10), though 15 of 65 messages of 5 min failed (23.1%); "
        "45 of 195 messages of 15 min failed (23.1%); 180 of 780 messages of 1 h failed (23.1%)",
    ),
    "fires, and none fail": ((RATE, "firing", {}), "though 0 of 50 messages of 5 min failed (0.0%)"),
}

AGREEMENTS = {
    "quiet, and few are pending": (
        (PENDING, "inactive", {}),
        "in the database 4 entries are pending (threshold 100)",
    ),
    "fires rightly": ((PENDING, "firing", SINCE_LONG), "HighDLQPendingCount fires rightly: see to its cause"),
    "quiet, and pending since lately": ((PENDING, "inactive", SINCE_SHORT), TOO_CLOSE),
    "fires, and pending since lately": ((PENDING, "firing", SINCE_SHORT), TOO_CLOSE),
    "fires, and many were pending lately": ((PENDING, "firing", {"left_lately": 120}), TOO_CLOSE),
    "quiet, and passes complete": ((SILENT, "inactive", {}), "in the database the last pass completed 2 min"),
    "no pass, and it fires": ((SILENT, "firing", NO_PASS), "DLQProcessingFailure fires rightly: see to its cause"),
    "the last pass 15 minutes ago": (
        (SILENT, "inactive", {"passes": lambda: (ago(15.5),), "progressed_at": None}),
        TOO_CLOSE,
    ),
    "fires, and the first pass just now": (
        (SILENT, "firing", {"passes": lambda: (ago(0.5), ago(40)), "progressed_at": None}),
        TOO_CLOSE,
    ),
    "passes write no rows, and entries move": (
        (SILENT, "inactive", {"passes": (), "progressed_at": lambda: ago(3)}),
        TOO_CLOSE,
    ),
    "a pass between state and measurement": (
        (SILENT, "inactive", {"passes": lambda: (ago(-60), ago(5.1)), "progressed_at": None}),
        "in the database the last pass completed 5 min",
    ),
    "many fail, and it fires": ((RATE, "firing", MANY_FAIL), "WebhookErrorRate fires rightly: see to its cause"),
    "quiet, and none fail": ((RATE, "inactive", {}), "in the database 0 of 50 messages of 5 min failed (0.0%)"),
    "quiet, and some fail": ((RATE, "inactive", {"minutes": messages(19, 1)}), TOO_CLOSE),
    "quiet, and many fail since lately": (
        (RATE, "inactive", {"minutes": (*messages(10, 3, range(4)), *messages(10, 0, range(4, 90)))}),
        TOO_CLOSE,
    ),
    "quiet, and no message": (
        (RATE, "inactive", {"minutes": ()}),
        "in the database 0 of 0 messages of 5 min failed;",
    ),
    "fires, and few messages": ((RATE, "firing", {"minutes": messages(1, 0)}), TOO_CLOSE),
    "few messages, all of them failed": ((RATE, "inactive", {"minutes": messages(0, 1)}), TOO_CLOSE),
}


def now(changes):
    """The changes, with times before now."""
    return {name: change() if callable(change) else change for name, change in changes.items()}


def compared(case, measured=None, change=None, settings=None):
    """Judge an alert in a state, with a measurement."""
    alert, state, changes = case
    canned = Canned()
    if state == "firing":
        canned.fires(RULE_OF[alert])
    canned.rule(RULE_OF[alert])["state"] = state
    if change:
        change(canned.rule(RULE_OF[alert]))
    with serving(canned) as access:
        evidence = read(access, [check_8], settings)
    return judge(check_8, with_measured(evidence, measured or healthy(**now(changes))), alert=alert)


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_contradiction_fails(name):
    """Once, with figures of both sides."""
    case, part = CONTRADICTIONS[name]
    outcome = compared(case)
    assert_outcome(outcome, Status.FAILED, part)
    assert len(outcome.judge.violations) == 1


@pytest.mark.parametrize("name", AGREEMENTS)
def test_agreement_passes(name):
    """It says what was compared; what is not clear is said to be so."""
    case, part = AGREEMENTS[name]
    outcome = compared(case)
    assert_outcome(outcome, Status.PASSED)
    found = outcome.judge.findings
    assert part in "; ".join(found), found
    assert (TOO_CLOSE in found) is (part == TOO_CLOSE)


def test_empty_log_is_unproven():
    """Neither a pass nor a row of the schedule: a deployment of this minute."""
    empty = healthy(passes=(), progressed_at=None, log_since=None)
    assert_outcome(compared((SILENT, "inactive", {}), empty), Status.UNPROVEN, "the log of the passes is empty")


def test_unknown_state_is_unproven():
    """As Prometheus 3 has it after its start."""
    assert_outcome(
        compared((PENDING, "unknown", {})), Status.UNPROVEN, "the state of HighDLQPendingCount is not known"
    )


def test_rule_that_goes_on_firing_gets_its_time():
    """With ``keep_firing_for`` a rule fires after its cause is gone."""
    case = (PENDING, "firing", {})
    outcome = compared(case, change=lambda rule: rule.update(keepFiringFor=1800))
    assert_outcome(outcome, Status.PASSED)
    assert TOO_CLOSE in outcome.judge.findings


def test_clock_of_the_runner_is_taken_into_account():
    """An hour ahead of the database's clock."""
    canned = Canned()
    with serving(canned) as access:
        evidence = with_measured(read(access, [check_8]), healthy(read_at=ago(60), **now(SINCE_LONG)))
    evidence.pieces["database_connection"] = type(evidence.pieces["database_connection"])("", "", "", 3600.0)
    assert_outcome(judge(check_8, evidence, alert=PENDING), Status.PASSED)


def test_wrong_rule_is_not_compared():
    """One cause, one message."""
    outcome = compared(
        (PENDING, "inactive", SINCE_LONG), change=lambda rule: rule.update(query="dlq_pending > 500")
    )
    assert_outcome(outcome, Status.FAILED, "fires at > 500")
    assert len(outcome.judge.violations) == 1


def test_database_that_failed_is_an_error():
    """Unless the monitoring is at fault: that is said first."""
    canned = Canned()
    with serving(canned) as access:
        evidence = read(access, [check_8])
    evidence.gaps["alert_measurements"] = Gap(Status.ERROR, "the database is away")
    part = "the state was not compared with the database: the database is away"
    assert_outcome(judge(check_8, evidence, alert=PENDING), Status.ERROR, part)
    canned.alertmanagers.clear()
    with serving(canned) as access:
        evidence = read(access, [check_8], Settings())
    evidence.gaps["alert_measurements"] = Gap(Status.ERROR, "the database is away")
    assert_outcome(judge(check_8, evidence, alert=PENDING), Status.FAILED, "to no Alertmanager")


def test_alert_that_measures_nothing_known_is_not_compared():
    """And that is said."""
    settings = Settings(alerts=(Alert(PENDING, "HighDLQPendingCount", "warning"),))
    outcome = compared((PENDING, "firing", {}), settings=settings)
    assert_outcome(outcome, Status.PASSED)
    assert "its state is compared with nothing" in outcome.judge.findings[-1]
