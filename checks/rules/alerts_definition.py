"""Rules of step 4.6 and check 8: threshold, waiting time and severity of an alert rule."""

from __future__ import annotations

import math
from datetime import timedelta

from checks.judge import Judge
from fixtures.alerting.expected import ERROR_RATE, PENDING, SILENCE
from fixtures.alerting.model import RuleFacts
from fixtures.settings.model import Settings
from fixtures.settings.monitoring import Alert
from fixtures.wording import duration

ABOVE = (">", ">=")
BELOW = ("<", "<=")

SILENCE_TOLERANCE_SECONDS = 60.0
"""A rule may notice silence this much earlier or later."""

UNITS = (("minutes", 60.0), ("_ms", 0.001), ("milliseconds", 0.001), ("* 1000", 0.001), ("*1000", 0.001))
"""Word in an expression → seconds of the unit in which it measures time; the first one counts."""


def has_its_severity(judge: Judge, alert: Alert, rule: RuleFacts) -> bool:
    """Require the severity by which the routes choose the receiver."""
    said = f"has severity {rule.severity}" if rule.severity else "has no label severity"
    return judge.requires(
        rule.severity == alert.severity,
        f"alert rule {rule.name} {said}",
        expected=f"severity {alert.severity}",
        why="the routes choose the receivers by it, so that the alert reaches the wrong people, or nobody",
        advice=f"set the label severity of {rule.name} to {alert.severity}",
    )


def has_its_threshold(judge: Judge, alert: Alert, rule: RuleFacts, settings: Settings) -> bool:
    """Require the threshold of the settings, compared in the right direction, and a waiting time within its limit.

    Returns:
        False if a violation was recorded.
    """
    before = len(judge.violations)
    if alert.measures != SILENCE:
        _waits_briefly(judge, alert, rule)
    if alert.measures is None:
        return len(judge.violations) == before
    if rule.comparison.endswith(" bool"):
        judge.fails(
            f"alert rule {rule.name} compares with `bool`, so that it fires whatever the value is",
            expected="a comparison without `bool`",
            why="an alert that always fires tells nobody anything",
            advice=f"take `bool` out of the query of {rule.name}",
        )
    elif rule.blind_spot:
        judge.fails(
            f"alert rule {rule.name} does not fire when it should: {rule.blind_spot}",
            expected="a query without a comparison, and an expression that compares its value",
            why="what it should notice is noticed by nobody",
            advice=f"take the comparison out of the query of {rule.name}, and compare in a threshold expression",
        )
    elif _is_understood(judge, alert, rule):
        {PENDING: _counts_pending, SILENCE: _notices_silence, ERROR_RATE: _compares_a_rate}[alert.measures](
            judge, rule, settings
        )
    return len(judge.violations) == before


def _waits_briefly(judge: Judge, alert: Alert, rule: RuleFacts) -> None:
    if rule.for_seconds is None:
        return
    longest = alert.longest_for_seconds
    judge.requires(
        rule.for_seconds <= longest,
        f"alert rule {rule.name} waits {_seconds(rule.for_seconds)} before it fires (`for`)",
        expected=f"at most {_seconds(longest)}",
        why="until then nobody is told",
        advice=f"shorten `for` of {rule.name}, or raise longest_for_seconds of {alert.name} in deployment.toml",
    )


def _is_understood(judge: Judge, alert: Alert, rule: RuleFacts) -> bool:
    absent = alert.measures == SILENCE and rule.comparison == "absent"
    if rule.threshold is not None or absent:
        return True
    if rule.gap is not None:
        judge.lacks(rule.gap)
    else:
        judge.cannot_tell(
            f"the threshold of alert rule {rule.name} could not be read from its query {rule.expression}",
            "a query that compares its value with a number",
        )
    return False


def _counts_pending(judge: Judge, rule: RuleFacts, settings: Settings) -> None:
    most = settings.thresholds.dlq_pending
    exact = {">": float(most), ">=": most + 1.0}
    _require(
        judge,
        rule,
        _close(rule.threshold, exact.get(rule.comparison)),
        f"more than {most} pending entries (> {most})",
    )


def _notices_silence(judge: Judge, rule: RuleFacts, settings: Settings) -> None:
    wanted = settings.thresholds.dlq_silent_seconds
    found = silence_seconds(rule)
    expected = f"{_seconds(wanted)} without a completed pass"
    if found is None:
        _require(judge, rule, holds=False, expected=expected)
        return
    waits = f", of which it waits {_seconds(rule.for_seconds)} (`for`)" if rule.for_seconds else ""
    judge.requires(
        abs(found - wanted) <= SILENCE_TOLERANCE_SECONDS,
        f"alert rule {rule.name} fires after {_seconds(found)} without a completed pass{waits}",
        expected=f"after {_seconds(wanted)}, threshold and `for` together",
        why="the alert comes too late, or for a pass that is not yet missing",
        advice=f"let threshold and `for` of {rule.name} together make {_seconds(wanted)}",
    )


def silence_seconds(rule: RuleFacts) -> float | None:
    """Return after how many seconds without a pass a rule fires; None if it does not look at that.

    It compares an age with a number, or counts no pass in a range; ``for`` adds to both.
    """
    waits = rule.for_seconds or 0.0
    if rule.comparison in ABOVE and rule.threshold is not None:
        unit = next((seconds for word, seconds in UNITS if word in rule.expression), 1.0)
        return rule.threshold * unit + waits
    none_counted = (
        rule.comparison == "absent"
        or (rule.comparison in ("==", "<=") and rule.threshold == 0)
        or (rule.comparison == "<" and rule.threshold is not None and 0 < rule.threshold <= 1)
    )
    return max(rule.ranges_seconds, default=0.0) + waits if none_counted else None


def _compares_a_rate(judge: Judge, rule: RuleFacts, settings: Settings) -> None:
    percent = settings.thresholds.error_rate_alert_percent
    limit = percent if rule.in_percent else percent / 100
    whole = 100.0 if rule.in_percent else 1.0
    holds = (rule.comparison in ABOVE and _close(rule.threshold, limit)) or (
        rule.comparison in BELOW and _close(rule.threshold, whole - limit)
    )
    assert rule.threshold is not None
    above_one = not holds and not rule.in_percent and rule.comparison in ABOVE and rule.threshold >= 1
    if above_one and "/" in rule.expression:
        _fails_as_share(judge, rule, percent)
    elif above_one and _close(rule.threshold, percent):
        judge.cannot_tell(
            f"alert rule {rule.name} compares with {rule.threshold:g}, and it is not known whether its metric is "
            "a share or a percentage",
            "a metric with percent in its name, or a comparison of two metrics",
        )
    else:
        _require(judge, rule, holds, f"an error rate of more than {percent:g} % (> {limit:g})")


def _fails_as_share(judge: Judge, rule: RuleFacts, percent: float) -> None:
    judge.fails(
        f"alert rule {rule.name} compares a share with {rule.threshold:g}: it is at most 1, so this never fires",
        expected=f"{percent / 100:g}, or the share multiplied by 100 and {percent:g}",
        why="however many messages fail, nobody is told",
        advice=f"compare with {percent / 100:g} in {rule.name}",
    )


def _require(judge: Judge, rule: RuleFacts, holds: bool, expected: str) -> None:
    number = "" if rule.threshold is None else f" {rule.threshold:g}"
    unit = " %" if rule.in_percent else ""
    judge.requires(
        holds,
        f"alert rule {rule.name} fires at {rule.comparison}{number}{unit}, by its query {rule.expression}",
        expected=expected,
        why="the alert fires too late, too early, or never",
        advice=f"correct the query of {rule.name}, or the threshold in deployment.toml",
    )


def _close(found: float | None, wanted: float | None) -> bool:
    return found is not None and wanted is not None and math.isclose(found, wanted, rel_tol=1e-6)


def _seconds(seconds: float) -> str:
    return duration(timedelta(seconds=seconds))
