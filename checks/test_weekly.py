"""Weekly checks, a week after a deployment (checklist: checks 15 to 19)."""

from __future__ import annotations

import pytest

from checks.checklist import check
from checks.judge import Judge
from checks.rules import alert_history as alert_history_rules
from checks.rules import archive, growth, incidents, threshold_fit
from checks.rules import failure_patterns as failure_patterns_rules
from fixtures.alert_history.model import AlertHistory
from fixtures.database.archive_state import ArchiveState
from fixtures.database.connection import DatabaseConnection
from fixtures.database.failure_patterns import FailurePatterns
from fixtures.database.sizes import DatabaseSizes
from fixtures.database.threshold_replay import BacklogOfTheWeek, ErrorRateOfTheWeek, SilenceOfTheWeek
from fixtures.history.model import SizeHistory
from fixtures.history.projection import growth_of
from fixtures.outcome import Gap
from fixtures.settings.model import Settings
from fixtures.thresholds.measures import ERROR_RATE, PENDING, SILENCE

pytestmark = pytest.mark.weekly


@check(15, "Review DLQ failure patterns", criterion="should", area="reliability")
def test_no_failure_pattern_is_new(failure_patterns: FailurePatterns, settings: Settings, judge: Judge) -> None:
    judge.expects("No new kind of failure holds much of the DLQ, and none became much more frequent in a week.")
    judge.shows("Failures by pattern", failure_patterns_rules.by_pattern(failure_patterns))
    judge.shows("Entries by status", failure_patterns_rules.by_status(failure_patterns))
    failure_patterns_rules.entries_have_a_time(judge, failure_patterns, settings)
    failure_patterns_rules.something_is_shown(judge, failure_patterns, settings)
    failure_patterns_rules.patterns_are_known(judge, failure_patterns, settings)
    judge.draws("failure-patterns")


growth_monitored = check(16, "Database growth monitoring", criterion="should", area="database")


@growth_monitored
def test_database_stays_below_its_limit(
    database_sizes: DatabaseSizes, size_history: SizeHistory, settings: Settings, judge: Judge
) -> None:
    judge.expects("The database is below its size limit, and its growth does not reach it soon.")
    found = growth_of(database_sizes, size_history, settings)
    judge.shows("Largest tables", growth.by_table(found))
    growth.everything_is_counted(judge, found)
    if growth.is_below_the_limit(judge, found):
        growth.stays_below_the_limit(judge, found, size_history)
    judge.draws("growth")


@growth_monitored
def test_no_table_grows_too_fast(
    database_sizes: DatabaseSizes, size_history: SizeHistory, settings: Settings, judge: Judge
) -> None:
    judge.expects("No large table multiplies within a week.")
    growth.tables_grow_slowly(judge, growth_of(database_sizes, size_history, settings), size_history)


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


@check(18, "Tune alert thresholds if needed", criterion="should", area="observability")
def test_threshold_fits(
    threshold: str,
    database_connection: DatabaseConnection,
    backlog_of_the_week_or_gap: BacklogOfTheWeek | Gap,
    silence_of_the_week_or_gap: SilenceOfTheWeek | Gap,
    error_rate_of_the_week_or_gap: ErrorRateOfTheWeek | Gap,
    *,
    settings: Settings,
    judge: Judge,
) -> None:
    judge.expects(f"The threshold {threshold_fit.in_words(threshold, settings)} fits the values of the week.")
    judge.finds(f"values from {database_connection.in_words}")
    weeks = {
        PENDING: backlog_of_the_week_or_gap,
        SILENCE: silence_of_the_week_or_gap,
        ERROR_RATE: error_rate_of_the_week_or_gap,
    }
    threshold_fit.fits(judge, threshold, weeks, settings)


@check(19, "Review and archive old DLQ entries", criterion="should", area="database")
def test_old_dlq_entries_are_archived(archive_state: ArchiveState, settings: Settings, judge: Judge) -> None:
    days = settings.weekly.retention_days
    judge.expects(f"No entry of the DLQ has been reprocessed, failed or discarded for more than {days} days.")
    judge.shows("Settled entries by age", archive.by_age(archive_state))
    archive.old_entries_are_archived(judge, archive_state, settings)
    judge.draws("settled-entries")
