"""Rules of check 8: the state of an alert agrees with what was measured in the database at the same moment.

Only what is clear is judged: a threshold exceeded for longer than the rule waits, or a value well below it. What
lies between is reported.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from checks.judge import Judge
from checks.rules.alerts import can_be_compared
from checks.rules.alerts_definition import silence_seconds
from fixtures.alerting.expected import ERROR_RATE, PENDING, SILENCE
from fixtures.alerting.model import Alerting, AlertState, RuleFacts
from fixtures.database.alert_measurements import LATELY_SECONDS, MINUTES, AlertMeasurements
from fixtures.database.connection import DatabaseConnection
from fixtures.outcome import CouldNotLook, Gap, Status
from fixtures.settings.model import Settings
from fixtures.settings.monitoring import Alert
from fixtures.wording import ago, clock, duration

SCRAPE_SECONDS = 60.0
"""Longest usual time between two scrapes, which is not known."""

FEWEST_MESSAGES = 20
"""With fewer messages in a window, its error rate is not judged."""
CLEARLY = 2.0
"""An error rate is clearly over the limit from this multiple on, and clearly under it up to the same fraction:
the metric may count failures in another way."""

OVER, UNDER, BETWEEN, QUIET = "over", "under", "between", "quiet"
"""Whether a value clearly exceeds its threshold; ``quiet``: no message failed, and there are few."""


@dataclass(frozen=True)
class Moment:
    """When the state was read, and how much later it may be than what it is about."""

    rule: RuleFacts
    at: datetime
    """By the database's clock."""
    measured: AlertMeasurements
    settings: Settings

    @property
    def slack(self) -> float:
        """Seconds between a change in the database and an evaluation that knows it."""
        return 2 * (self.rule.interval_seconds or 60.0) + SCRAPE_SECONDS + self.rule.keep_firing_seconds

    @property
    def waits(self) -> float:
        """Seconds for which the condition must hold, and be seen to hold."""
        return (self.rule.for_seconds or 0.0) + self.slack

    @property
    def lag(self) -> float:
        """Seconds from the state to the measurement."""
        return max(0.0, (self.measured.read_at - self.at).total_seconds())

    def before(self, seconds: float) -> datetime:
        """The time so long before the state was read."""
        return self.at - timedelta(seconds=seconds)


def agrees(
    judge: Judge,
    alert: Alert,
    alerting: Alerting,
    measured: AlertMeasurements | Gap,
    connection: DatabaseConnection | Gap,
    *,
    settings: Settings,
) -> None:
    """Require that an alert fires if its threshold has clearly been exceeded, and does not if it clearly is not.

    Nothing is compared if the rule itself is wrong; that is said already.

    Raises:
        CouldNotLook: nothing is violated, and the database could not be read.
    """
    rule = can_be_compared(alert, alerting, settings)
    if rule is None or alerting.read_at is None:
        return
    if alert.measures is None:
        judge.finds("the settings do not say what it measures, so its state is compared with nothing")
        return
    if isinstance(measured, Gap) or isinstance(connection, Gap):
        _lacks(judge, measured if isinstance(measured, Gap) else connection)
        return
    if rule.state is AlertState.UNKNOWN:
        judge.cannot_tell(
            f"the state of {alert.rule} is not known", "run the check again after its next evaluation"
        )
        return
    at = alerting.read_at - timedelta(seconds=connection.clock_difference_seconds or 0.0)
    moment = Moment(rule, min(at, measured.read_at), measured, settings)
    verdict, facts = MEASURES[alert.measures](moment)
    if verdict is None:
        judge.cannot_tell(facts, "run the check again after the first completed pass")
        return
    _compare(judge, rule, verdict, facts)


def _lacks(judge: Judge, gap: AlertMeasurements | DatabaseConnection | Gap) -> None:
    assert isinstance(gap, Gap)
    reason = f"the state was not compared with the database: {gap.reason}"
    if gap.status is Status.ERROR and not judge.violations:
        raise CouldNotLook(reason, gap.advice, gap.cause)
    judge.cannot_tell(reason, gap.advice, gap.cause)


def _compare(judge: Judge, rule: RuleFacts, verdict: str, facts: str) -> None:
    fires = rule.state is AlertState.FIRING
    since = f" since {clock(rule.active_since)}" if rule.active_since else ""
    value = "" if rule.value is None else f" (the monitoring has {rule.value:g})"
    judge.finds(f"{rule.name} is {rule.state}; in the database {facts}")
    judge.requires(
        fires or verdict != OVER,
        f"{rule.name} is {rule.state}{value}, though {facts}",
        expected="a firing alert",
        why="the alert does not notice what it is for",
        advice="look whether the exporter reads this database, and its role sees the rows past row security",
    )
    judge.requires(
        not fires or verdict != UNDER,
        f"{rule.name} fires{since}{value}, though {facts}",
        expected="an alert that does not fire",
        why="people stop to look at an alert that is wrong",
        advice="look whether the exporter reads this database, and how old its values are",
    )
    if fires and verdict == OVER:
        judge.finds(f"{rule.name} fires rightly: see to its cause")
    if verdict == BETWEEN or (verdict == QUIET and fires):
        judge.finds("too close to the threshold, or too few messages, to say whether it should fire")


def _pending(moment: Moment) -> tuple[str | None, str]:
    measured, most = moment.measured, moment.settings.thresholds.dlq_pending
    since = measured.exceeded_since
    facts = f"{measured.pending} entries are pending (threshold {most})"
    if since is not None and measured.pending > most:
        facts = f"{measured.pending} entries are pending, more than {most} since {clock(since)}"
        return (OVER if since < moment.before(moment.waits) else BETWEEN), facts
    seen = moment.lag + moment.slack <= LATELY_SECONDS
    return (UNDER if seen and measured.pending + measured.left_lately <= most else BETWEEN), facts


def _silence(moment: Moment) -> tuple[str | None, str]:
    measured, now = moment.measured, moment.at
    longest = silence_seconds(moment.rule) or moment.settings.thresholds.dlq_silent_seconds
    passes = [one for one in measured.passes if one <= now]
    signs = [*passes[:1], *([min(measured.progressed_at, now)] if measured.progressed_at else [])]
    facts = f"the last pass completed {ago(now, passes[0])}" if passes else "no pass has completed"
    if any(moment.slack <= (now - one).total_seconds() <= longest - moment.slack for one in passes):
        return UNDER, facts
    since = max(signs, default=measured.log_since)
    if since is None:
        return None, "the log of the passes is empty"
    return (OVER if since < moment.before(longest + moment.slack) else BETWEEN), facts


def _error_rate(moment: Moment) -> tuple[str | None, str]:
    """Compare the windows of the rule's range that end at each minute in which its condition must have held."""
    limit = moment.settings.thresholds.error_rate_alert_percent / 100
    length = max(1, math.ceil(max(moment.rule.ranges_seconds, default=300.0) / 60))
    first = int(moment.lag // 60)
    last_over = first + math.ceil(moment.waits / 60)
    last_under = first + math.ceil(moment.slack / 60)

    def rates(last: int) -> list[float | None]:
        if last + length > MINUTES:
            return [None]
        windows = [moment.measured.messages(end, length) for end in range(first, last + 1)]
        return [failed / total if total >= FEWEST_MESSAGES else None for failed, total in windows]

    facts = "; ".join(_of_messages(moment.measured, minutes) for minutes in (5, 15, 60))
    if all(rate is not None and rate >= CLEARLY * limit for rate in rates(last_over)):
        return OVER, facts
    if all(rate is not None and rate <= limit / CLEARLY for rate in rates(last_under)):
        return UNDER, facts
    failed, _ = moment.measured.messages(first, min(MINUTES, last_over + length))
    return (BETWEEN if failed else QUIET), facts


def _of_messages(measured: AlertMeasurements, minutes: int) -> str:
    failed, total = measured.messages(0, minutes)
    share = f" ({failed / total:.1%})" if total else ""
    return f"{failed} of {total} messages of {duration(timedelta(minutes=minutes))} failed{share}"


MEASURES: dict[str, Callable[[Moment], tuple[str | None, str]]] = {
    PENDING: _pending,
    SILENCE: _silence,
    ERROR_RATE: _error_rate,
}
"""What an alert measures → whether it is over or under its threshold, and the facts in words."""
