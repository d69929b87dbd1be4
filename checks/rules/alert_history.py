"""Rules of check 17: no alert flapped in the last days, no critical one is unresolved, and incidents were seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from checks.judge import Cell, Judge
from fixtures.alert_history.model import (
    CRITICAL,
    AlertHistory,
    AlertRecord,
    FiringDay,
    FiringNow,
    HistoryRule,
    HistorySource,
)
from fixtures.outcome import CouldNotLook, Gap, Status
from fixtures.settings.model import Settings
from fixtures.settings.monitoring import Alert
from fixtures.wording import clock, counted, duration, listed

ENOUGH_SECONDS = 86_400.0
"""Data of less than a day show nothing of a week; of a window of a day, half of it is enough."""
MISSING_SECONDS = 3600.0
"""Data that begin so much later than the window, or holes of that length, are said."""
FAILING_SECONDS = 900.0
"""Evaluations that failed for longer leave it open what fired meanwhile."""

SHOWN_BY = {"dlq_pending": "check 9", "dlq_silence": "check 3", "webhook_error_rate": "check 5"}
"""What an alert watches → the check that looks at the same."""

CHECK_8 = "check-08"
REPAIR = "repair what check 8 names, then run the checks again"

NOT_CONFIGURED = Gap(
    Status.UNPROVEN,
    "the history of the alerts was not looked at: neither EASYMO_PROMETHEUS_URL nor EASYMO_GRAFANA_URL is set",
    "set EASYMO_PROMETHEUS_URL to the address of Prometheus, or EASYMO_GRAFANA_URL and EASYMO_GRAFANA_TOKEN if "
    "Grafana manages the alerts",
)


def expected_alert_was_calm(judge: Judge, alert: Alert, history: AlertHistory, settings: Settings) -> None:
    """Require that an alert of the settings did not flap, and is resolved if it is critical.

    Raises:
        CouldNotLook: no violation was found, and the service that would have the history could not be read.
    """
    _a_source_gave(history)
    records = [record for record in history.alerts if record.name == alert.rule]
    for record in records:
        _is_calm(judge, record, _end_of(history, record), settings, alert)
    has_records = {record.source for record in records}
    own = [one for one in history.sources if alert.rule in one.rules or one.source.name in has_records]
    for source in own:
        if source.source.name not in has_records:
            judge.finds(f"{alert.rule} did not fire")
        _covers_enough(judge, source, history.days)
        if source.source.name not in has_records:
            _was_evaluated(judge, source, source.rules[alert.rule])
    if not own:
        _rule_is_missing(judge, alert, history)


def other_alerts_were_calm(judge: Judge, history: AlertHistory, settings: Settings) -> None:
    """Require the same of all other alerts.

    Raises:
        CouldNotLook: no violation was found, and a service that may have their history could not be read.
    """
    _a_source_gave(history)
    expected = {alert.rule for alert in settings.alerts}
    constant = settings.weekly.constant_alerts
    others = [one for one in history.alerts if one.name not in {*expected, *constant}]
    for record in others:
        _is_calm(judge, record, _end_of(history, record), settings)
    for record in (one for one in history.alerts if one.name in constant and one.name not in expected):
        judge.finds(f"{record.name} fires on purpose (weekly.constant_alerts)")
    if history.alerts_total > len(history.alerts):
        judge.cannot_tell(
            f"{history.alerts_total} alerts fired, of which {len(history.alerts)} were looked at",
            "look at the others in the history of Prometheus or Grafana",
        )
    for source in history.sources:
        has_records = any(one.source == source.source.name for one in others)
        if source.manages_none and not has_records:
            judge.finds(f"{source.source} has no alert rules of its own")
            judge.holds()
            continue
        _covers_enough(judge, source, history.days)
        if not has_records:
            _others_were_evaluated(judge, source, expected)
    for gap in history.gaps.values():
        _lacks(judge, gap)


def as_rows(history: AlertHistory) -> list[dict[str, Cell]]:
    """The alerts that fired, for a table of the report."""
    return [
        {
            "alert": one.name,
            "severity": ", ".join(one.severities),
            "firings": one.firings,
            "instances": one.instances,
            "firing in all": _length(one.seconds),
            "longest": _length(one.longest_seconds),
            "now": f"firing since {clock(one.now[0].since)}" if one.now else "resolved",
        }
        for one in history.alerts
    ]


def by_day(history: AlertHistory) -> list[dict[str, Cell]]:
    """The days on which alerts fired, for a table of the report."""
    return [
        {
            "alert": one.name,
            "day (UTC)": day.day.isoformat(),
            "firings": day.firings,
            "firing time": _length(day.seconds),
        }
        for one in history.alerts
        for day in one.days
    ]


def _a_source_gave(history: AlertHistory) -> None:
    """End the case if no service gave a history.

    Raises:
        Unproven, CouldNotLook: why none did.
    """
    if not history.sources:
        gaps = list(history.gaps.values()) or [NOT_CONFIGURED]
        worst = next((gap for gap in gaps if gap.status is Status.ERROR), gaps[0])
        worst.raise_as_outcome()


def _is_calm(
    judge: Judge, record: AlertRecord, until: datetime | None, settings: Settings, alert: Alert | None = None
) -> None:
    """Require that an alert did not flap, and that none of its critical instances still fires.

    Args:
        until: end of the window.
        alert: the one of the settings, which may be critical whatever its labels say.
    """
    judge.finds(f"{record.name} {fired(record)}")
    most = settings.weekly.flaps_per_day
    flapping = [day for day in record.days if day.most > most]
    judge.requires(
        not flapping,
        lambda: f"{record.name} flaps: it fired {_often(flapping)}, more than {counted(most, 'time')} a day",
        expected=f"at most {counted(most, 'firing')} of an alert on one day",
        why="an alert that comes and goes is soon ignored, also when it matters",
        advice="look at what comes and goes; if nothing is wrong, give the rule a longer `for`, a "
        "`keep_firing_for` or another threshold (check 18)",
    )
    expected = alert.severity.lower() if alert else ""
    critical = [one for one in record.now if CRITICAL in (expected, one.severity.lower())]
    shows = SHOWN_BY.get(alert.measures or "") if alert else None
    shown = f", which {shows} shows" if shows else ""
    judge.requires(
        not critical,
        lambda: f"{record.name} (critical) is not resolved: {listed((_still(one, until) for one in critical), 5)}",
        expected="no critical alert that still fires",
        why="a critical alert says that something does not work now",
        advice=f"see to its cause{shown}; if nothing is wrong, correct the rule, so that the alert counts",
    )


def fired(record: AlertRecord) -> str:
    """What an alert did, after its name: ``fired 3 times, for 2 h in all, …``."""
    instances = f" ({record.instances} instances)" if record.instances > 1 else ""
    times = "once" if record.firings == 1 else f"{record.firings} times"
    length = f"for {_length(record.seconds)}"
    if record.firings > 1:
        length += f" in all, {_length(record.longest_seconds)} at longest from {clock(record.longest_since)}"
    elif record.longest_since:
        length += f" from {clock(record.longest_since)}"
    state = "still fires" if record.now else "is resolved"
    return f"fired {times}{instances}, {length}, and {state}"


def _still(one: FiringNow, until: datetime | None) -> str:
    named = f"{{{one.labels}}} " if one.labels else ""
    since = "fires at least since" if one.from_the_start else "fires since"
    lasts = f", for {duration(until - one.since)}" if until else ""
    return f"{named}{since} {clock(one.since)}{lasts}"


def _often(days: Sequence[FiringDay]) -> str:
    """On which days an alert fired how often: ``8 times on 2026-01-31``."""
    return listed(
        (
            f"{day.most} times on {day.day.isoformat()}{f' with {{{day.instance}}}' if day.instance else ''}"
            for day in days
        ),
        7,
    )


def _covers_enough(judge: Judge, source: HistorySource, days: int) -> None:
    """Report which part of the window a service has; less than a day proves nothing."""
    length = f"the last {counted(days, 'day')}"
    enough = min(ENOUGH_SECONDS, days * ENOUGH_SECONDS / 2)
    if source.first is None:
        judge.cannot_tell(
            f"{source.source} has no data of {length}",
            "let Prometheus scrape the database's exporter; run the check again after a day",
        )
        return
    if source.covered_seconds < enough:
        judge.cannot_tell(
            f"{source.source} has data of only {_roughly(source.covered_seconds) or 'some seconds'} of {length}: "
            "too little to judge by",
            "run the check again when Prometheus has run for a day, and keep its data from one start to the next",
        )
        return
    late = (source.first - source.since).total_seconds() > MISSING_SECONDS
    seen = f"by {source.source}, which has {_roughly(source.covered_seconds)} of {length}"
    if late:
        seen += f", its data begin at {clock(source.first)}"
    if source.holes:
        hole = source.holes[0]
        seen += f"; without data {_times(source.holes_total)}, for {duration(hole.until - hole.since)} at longest"
        seen += f" from {clock(hole.since)}"
    judge.finds(seen)
    for note in source.notes:
        judge.finds(note)
    if source.partial:
        judge.cannot_tell(
            f"the history is not complete: {source.source.name} reports {source.partial}",
            f"look at the log of {source.source.name}",
        )


def _was_evaluated(judge: Judge, source: HistorySource, rule: HistoryRule) -> None:
    """Require that a rule that never fired could have fired: it was evaluated, and the history is kept."""
    where = source.source.name
    if rule.last_evaluation is None or rule.last_evaluation < source.since or rule.health in ("err", "error"):
        judge.cannot_tell(
            f"alert rule {rule.name} is loaded in {where}, and is not evaluated without error: that it did not "
            "fire means nothing; check 8 names the cause",
            REPAIR,
            CHECK_8,
        )
    elif (rule.failing_seconds or 0) > FAILING_SECONDS:
        failing = _length(rule.failing_seconds or 0)
        judge.cannot_tell(
            f"evaluations of the group of {rule.name} failed for {failing} of the window: what would have fired "
            "then is not known",
            "look into the log of Prometheus for the reason, and run the check again after a week without it",
        )
    elif source.kept is not None:
        judge.lacks(source.kept)
    else:
        judge.finds(f"its rule is loaded in {where}, and was last evaluated at {clock(rule.last_evaluation)}")
        judge.holds()


def _others_were_evaluated(judge: Judge, source: HistorySource, expected: set[str]) -> None:
    """Require that the rules were evaluated of which none fired, except for those of the settings."""
    where = source.source.name
    if source.rules_gap is not None:
        judge.cannot_tell(
            f"no other alert fired, and whether there are others is not known: {source.rules_gap.reason}",
            source.rules_gap.advice,
        )
        return
    others = [rule for name, rule in source.rules.items() if name not in expected]
    never = [one.name for one in others if not one.last_evaluation or one.last_evaluation < source.since]
    if never:
        judge.cannot_tell(
            f"no other alert fired, and rules in {where} were not evaluated: {listed(never, 5, ', ')}",
            "look whether these rules are still wanted, and why they are not evaluated",
        )
    elif source.kept is not None:
        judge.lacks(source.kept)
    else:
        loaded = counted(len(others), "other rule is", "other rules are") if others else "no other rule is"
        judge.finds(f"no other alert fired; {loaded} loaded in {where}")
        judge.holds()


def _rule_is_missing(judge: Judge, alert: Alert, history: AlertHistory) -> None:
    """Record that no service has the rule of an alert, or why that is not known.

    Raises:
        CouldNotLook: no violation was found, and a service that may have it could not be read.
    """
    unknown = [*history.gaps.values(), *(one.rules_gap for one in history.sources if one.rules_gap)]
    if unknown:
        _lacks(judge, unknown[0])
        return
    asked = listed((one.source.name for one in history.sources), 3, " and ")
    judge.cannot_tell(
        f"{alert.rule} did not fire, and {asked} has no alert rule of that name; check 8 names the cause",
        REPAIR,
        CHECK_8,
    )


def _lacks(judge: Judge, gap: Gap) -> None:
    """Record why a service gave nothing.

    Raises:
        CouldNotLook: it is an error, and no violation was found.
    """
    if gap.status is Status.ERROR and not judge.violations:
        raise CouldNotLook(gap.reason, gap.advice, gap.cause)
    judge.lacks(gap)


def _end_of(history: AlertHistory, record: AlertRecord) -> datetime | None:
    return next((one.until for one in history.sources if one.source.name == record.source), None)


def _length(seconds: float) -> str:
    return duration(timedelta(seconds=seconds))


def _roughly(seconds: float) -> str:
    """A long time without its minutes; empty for none."""
    if not seconds:
        return ""
    return _length(3600 * round(seconds / 3600) if seconds > ENOUGH_SECONDS else seconds)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
