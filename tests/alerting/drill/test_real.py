"""The test alert against a real Alertmanager: it takes a real alert's way, notifies nobody, and leaves nothing."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from checks.test_deploy import test_alert_notifications_work as step_4_5
from fixtures.outcome import Status
from fixtures.settings.access import Access
from fixtures.settings.limits import Limits
from fixtures.settings.model import Settings
from fixtures.settings.monitoring import Drill
from tests.alerting.drill.servers import alertmanager, config_of, eventually, pager
from tests.outcomes import assert_outcome, judge, read

QUIET = Settings(drill=Drill(send=True))
LOUD = Settings(drill=Drill(send=True, page=True), limits=Limits(page_seconds=5.0))
NAMED = replace(QUIET, alerts=tuple(replace(alert, receivers=("team",)) for alert in QUIET.alerts))

BY_SEVERITY = """
  routes:
  - matchers: ['severity="critical"']
    receiver: nobody
"""

INHIBITING = """
inhibit_rules:
- source_matchers: ['severity="critical"']
  target_matchers: ['severity="warning"']
  equal: [alertname]
"""


@pytest.fixture(scope="module")
def hook():
    """A receiver of notifications for the tests of this module."""
    with pager() as server:
        yield server


@pytest.fixture(scope="module")
def usual(hook, tmp_path_factory):
    """An Alertmanager that notifies the receiver at once."""
    with alertmanager(tmp_path_factory.mktemp("usual"), config_of(hook.url)) as running:
        yield running


def drilled(url, settings=QUIET):
    """Send the test alert; return its evidence and the outcome of the step."""
    evidence = read(Access(alertmanager_url=url), [step_4_5], settings)
    return evidence.piece("test_alert"), judge(step_4_5, evidence)


def test_silenced_alert_reaches_its_receiver_quietly(usual, hook):
    """Each severity is seen with its receiver; nobody is notified, and neither alert nor silence is left."""
    before = len(hook.received)
    drill, outcome = drilled(usual.url)
    assert_outcome(outcome, Status.PASSED)
    said = "; ".join(outcome.judge.findings)
    assert f"2 test alerts with verification_run={drill.run} posted to Alertmanager 0." in said
    assert "severity warning is routed to pager (webhook), state suppressed" in said
    assert "severity critical is routed to pager (webhook), state suppressed" in said
    assert "it was resolved again, and its silence deleted" in said
    assert usual.firing() == []
    assert usual.silences() == []
    # A notification would come at once, and another one at the latest after group_interval.
    assert not eventually(lambda: len(hook.received) > before, 1.3)


def test_page_notifies_and_resolves(usual, hook):
    """With ``--page`` there is no silence: the receiver gets the alert, and then that it is resolved."""
    drill, outcome = drilled(usual.url, LOUD)
    assert_outcome(outcome, Status.PASSED)
    assert (drill.silence, drill.silence_removed) == ("", None)
    assert any("s of the test alert: webhook (1)" in said for said in outcome.judge.findings)
    mine = [one for one in hook.alerts("firing") if one["labels"]["verification_run"] == drill.run]
    assert {one["labels"]["severity"] for one in mine} == {"warning", "critical"}
    assert mine[0]["labels"]["alertname"] == "EasyMOVerificationTest"
    assert mine[0]["annotations"]["summary"].endswith("Nothing is wrong, and nothing needs to be done.")
    assert eventually(
        lambda: [one for one in hook.alerts("resolved") if one["labels"]["verification_run"] == drill.run]
    )
    assert usual.firing() == []
    assert usual.get("/api/v2/silences", filter=f'verification_run="{drill.run}"') == []


def test_expected_receiver_is_missing(usual):
    """A route to another receiver than the settings have."""
    _, outcome = drilled(usual.url, NAMED)
    assert_outcome(
        outcome,
        Status.FAILED,
        "the test alert with severity warning is routed to pager, and not to team",
        "the test alert with severity critical is routed to pager, and not to team",
    )
    assert usual.silences() == []


def test_page_names_a_receiver_that_fails(tmp_path):
    """A receiver that refuses notifications fails the step, and nothing is left behind."""
    with pager(status=400) as broken, alertmanager(tmp_path, config_of(broken.url)) as running:
        _, outcome = drilled(running.url, LOUD)
        assert_outcome(outcome, Status.FAILED, "notifications failed after the test alert was posted: webhook (")
        assert running.firing() == []


def test_receiver_without_integration_is_found(hook, tmp_path):
    """The label severity decides the way, as it does for a real alert; and one way ends at nobody."""
    with alertmanager(tmp_path, config_of(hook.url, routes=BY_SEVERITY)) as running:
        drill, outcome = drilled(running.url)
    reached = {one.severity: one.receivers for one in drill.alerts}
    assert reached == {"warning": ("pager",), "critical": ("nobody",)}
    found = (
        "the test alert with severity critical is routed to nobody, which notifies nobody: it has no integration"
    )
    assert_outcome(outcome, Status.FAILED, found)
    assert len(outcome.judge.violations) == 1


def test_page_with_two_integrations_names_the_broken_one(hook, tmp_path):
    """Both are waited for; of the broken one it is said how many requests failed."""
    broken = 'slack_configs: [{api_url: "http://127.0.0.1:9/", channel: "#alerts"}]'
    with alertmanager(tmp_path, config_of(hook.url, also=broken)) as running:
        _, outcome = drilled(running.url, replace(LOUD, limits=replace(LOUD.limits, page_seconds=1.5)))
        assert_outcome(outcome, Status.FAILED, "notifications failed after the test alert was posted: slack (0, ")
        assert any(" s of the test alert: webhook (1)" in said for said in outcome.judge.findings)
        assert running.firing() == []


def test_page_that_arrives_at_the_second_try_passes(tmp_path):
    """Alertmanager repeats a request that a receiver could not take."""
    with pager(500) as flaky, alertmanager(tmp_path, config_of(flaky.url)) as running:
        threading.Thread(target=flaky.recover_after_the_first, daemon=True).start()
        _, outcome = drilled(running.url, LOUD)
    assert_outcome(outcome, Status.PASSED)
    assert any("s of the test alert: webhook (1, " in said for said in outcome.judge.findings)


def test_page_that_comes_too_late_is_found(hook, tmp_path):
    """A group_wait that is longer than the run waits; the advice names the setting."""
    config = config_of(hook.url).replace("group_wait: 0s", "group_wait: 5m")
    with alertmanager(tmp_path, config) as running:
        quick = replace(LOUD, limits=replace(LOUD.limits, page_seconds=0.5))
        _, outcome = drilled(running.url, quick)
        assert running.firing() == []
    assert_outcome(outcome, Status.FAILED, "receiver pager was not notified by webhook within 0.")
    assert "raise limits.page_seconds (0.5) in deployment.toml" in str(outcome.advice)


def test_inhibited_severity_is_reported(hook, tmp_path):
    """While critical fires, warning is inhibited, as a real one would be; that is no fault."""
    with alertmanager(tmp_path, config_of(hook.url, more=INHIBITING)) as running:
        drill, outcome = drilled(running.url, LOUD)
    assert_outcome(outcome, Status.PASSED)
    assert [one.inhibited_by for one in drill.alerts] == [("critical",), ()]
    assert any(
        "severity warning is inhibited while an alert of severity critical" in f for f in outcome.judge.findings
    )


def test_foreign_silence_fails_the_page(hook, tmp_path):
    """A silence over everything, forgotten after a maintenance, keeps real alerts away too."""
    with alertmanager(tmp_path, config_of(hook.url)) as running:
        forever = {
            "matchers": [{"name": "alertname", "value": ".+", "isRegex": True, "isEqual": True}],
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "2099-01-01T00:00:00Z",
            "createdBy": "somebody",
            "comment": "maintenance",
        }
        running.post("/api/v2/silences", forever)
        _, outcome = drilled(running.url, LOUD)
        [left] = running.silences()
    assert_outcome(
        outcome, Status.FAILED, f"the test alert with severity warning is suppressed by silence {left['id']}"
    )


def test_alertmanager_that_is_away_is_an_error():
    """Nothing was posted, so nothing is to be undone."""
    drill, outcome = drilled("http://127.0.0.1:9")
    assert_outcome(outcome, Status.ERROR, "Alertmanager (127.0.0.1:9) could not be read: no connection to")
    assert (drill.posted, drill.resolved, drill.silence_removed) == (False, None, None)
