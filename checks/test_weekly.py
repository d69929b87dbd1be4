"""Weekly checks, a week after a deployment (checklist: checks 15 to 19)."""

from __future__ import annotations

import pytest

from checks.checklist import check
from checks.judge import Judge
from checks.rules import alert_history as alert_history_rules
from checks.rules import incidents
from fixtures.alert_history.model import AlertHistory
from fixtures.settings.model import Settings

pytestmark = pytest.mark.weekly

alert_history_reviewed = check(17, "Review alert history", criterion="should", area="observability")


@alert_history_reviewed
def test_alert_was_calm(alert: str, alert_history: AlertHistory, settings: Settings, judge: Judge) -> None:
    expected = settings.alert(alert)
    judge.expects(f"{expected.rule} did not flap in the last days, and is resolved if it is critical.")
    alert_history_rules.expected_alert_was_calm(judge, expected, alert_history, settings)


@alert_history_reviewed
def test_other_alerts_were_calm(alert_history: AlertHistory, settings: Settings, judge: Judge) -> None:
    judge.expects("No other alert flapped in the last days, and no other critical one still fires.")
    judge.shows("Alerts that fired", alert_history_rules.as_rows(alert_history))
    judge.shows("Firings by day", alert_history_rules.by_day(alert_history), limit=60)
    alert_history_rules.other_alerts_were_calm(judge, alert_history, settings)
    judge.draws("alert_history")


@alert_history_reviewed
def test_incidents_were_acknowledged(alert_history: AlertHistory, judge: Judge) -> None:
    judge.expects("Somebody acknowledged the urgent incidents in PagerDuty.")
    judge.shows("Incidents in PagerDuty", incidents.as_rows(alert_history))
    incidents.were_acknowledged(judge, alert_history)
