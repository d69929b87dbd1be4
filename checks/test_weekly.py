"""Weekly checks, a week after a deployment (checklist: checks 15 to 19)."""

from __future__ import annotations

import pytest

from checks.checklist import check
from checks.judge import Judge
from checks.rules import threshold_fit
from fixtures.database.connection import DatabaseConnection
from fixtures.database.threshold_replay import BacklogOfTheWeek, ErrorRateOfTheWeek, SilenceOfTheWeek
from fixtures.outcome import Gap
from fixtures.settings.model import Settings
from fixtures.thresholds.measures import ERROR_RATE, PENDING, SILENCE

pytestmark = pytest.mark.weekly


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
