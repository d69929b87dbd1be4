"""Rules of check 17 on PagerDuty: somebody acknowledged the incidents of the last days."""

from __future__ import annotations

from datetime import datetime, timedelta

from checks.judge import Cell, Judge
from fixtures.alert_history.model import AlertHistory, PagerIncident, PagerIncidents
from fixtures.outcome import CouldNotLook, Gap, NotApplicable, Status
from fixtures.wording import clock, counted, duration, listed

GRACE = timedelta(minutes=15)
"""Time that somebody has to acknowledge an incident."""
NAMED = 5

NOT_NAMED = "PagerDuty is not configured: PAGERDUTY_API_TOKEN and PAGERDUTY_SERVICE_ID are not set"


def were_acknowledged(judge: Judge, history: AlertHistory) -> None:
    """Require that no urgent incident waits unseen, and name those that nobody acknowledged.

    Raises:
        NotApplicable: PagerDuty is not configured.
        CouldNotLook: it is, and could not be read.
    """
    found = history.incidents
    if found is None:
        if not history.pagerduty_named:
            raise NotApplicable(NOT_NAMED)
        gap = history.incidents_gap or Gap(Status.ERROR, "no reader gave the incidents")
        if gap.status is Status.ERROR:
            raise CouldNotLook(gap.reason, gap.advice, gap.cause)
        judge.lacks(gap)
        return
    _how_many(judge, found, history.days)
    _none_waits(judge, found, found.read_at)
    _logs_were_read(judge, found)
    _criticals_paged(judge, history, found)


def as_rows(history: AlertHistory) -> list[dict[str, Cell]]:
    """The incidents, for a table of the report."""
    return [
        {
            "incident": one.number,
            "title": one.title,
            "urgency": one.urgency,
            "began": clock(one.created),
            "acknowledged": _acknowledged(one),
            "resolved": clock(one.resolved) if one.resolved else one.status,
        }
        for one in (history.incidents.incidents if history.incidents else ())
    ]


def _acknowledged(one: PagerIncident) -> str:
    if one.acknowledged:
        return clock(one.acknowledged)
    return "by nobody" if one.log_read else "not known"


def _how_many(judge: Judge, found: PagerIncidents, days: int) -> None:
    """Report the incidents, and name those that nobody acknowledged."""
    by = f"by {found.source}, service {found.service}"
    every = found.incidents
    if not every:
        judge.finds(f"no incident in the last {counted(days, 'day')}, and none is open, {by}")
        return
    judge.finds(
        f"{counted(len(every), 'incident')} in the last {counted(days, 'day')} or open"
        f"{' (and more, which were not read)' if found.more else ''}, {by}"
    )
    seen = [one for one in every if one.acknowledged]
    waited = [one.acknowledged - one.created for one in seen if one.created and one.acknowledged]
    if seen:
        slowest = f", after {duration(max(waited))} at most" if waited else ""
        judge.finds(f"{counted(len(seen), 'incident was', 'incidents were')} acknowledged{slowest}")
    unseen = [one for one in every if one.log_read and not one.acknowledged and one.status == "resolved"]
    if unseen:
        judge.finds(
            f"{counted(len(unseen), 'incident was', 'incidents were')} resolved without an acknowledgement: "
            + listed(map(_resolved, unseen), NAMED)
        )
    opened = [one for one in every if one.status != "resolved" and one.acknowledged]
    if opened:
        judge.finds(f"still open, and acknowledged: {listed(map(_named, opened), NAMED)}")


def _none_waits(judge: Judge, found: PagerIncidents, now: datetime) -> None:
    unseen = [one for one in found.incidents if one.status == "triggered"]
    waiting = [one for one in unseen if one.urgency != "low" and one.created and now - one.created > GRACE]
    judge.requires(
        not waiting,
        lambda: (
            f"{counted(len(waiting), 'incident is', 'incidents are')} open, and nobody acknowledged "
            f"{'it' if len(waiting) == 1 else 'them'}: {listed((_open(one, now) for one in waiting), NAMED)}"
        ),
        expected=f"each urgent incident is acknowledged within {duration(GRACE)}",
        why="PagerDuty told people of something that is broken, and nobody took it on",
        advice="acknowledge the incident in PagerDuty and see to its cause; look why the people on call did not "
        "(step 4.3)",
    )
    others = [one for one in unseen if one not in waiting]
    if others:
        judge.finds(f"open without an acknowledgement, new or not urgent: {listed(map(_named, others), NAMED)}")


def _logs_were_read(judge: Judge, found: PagerIncidents) -> None:
    """Report of how many resolved incidents it is not known whether somebody saw them."""
    if found.log_gap is not None:
        judge.cannot_tell(
            f"whether somebody acknowledged the incidents is not known: {found.log_gap.reason}",
            found.log_gap.advice,
            found.log_gap.cause,
        )
        return
    unknown = [one for one in found.incidents if not one.log_read and not one.acknowledged]
    if unknown:
        judge.finds(f"whether {counted(len(unknown), 'older incident')} were acknowledged was not looked up")


def _criticals_paged(judge: Judge, history: AlertHistory, found: PagerIncidents) -> None:
    """Report critical alerts that fired without any incident in the same time."""
    if found.incidents:
        return
    fired = [one.name for one in history.alerts if "critical" in map(str.lower, one.severities)]
    if fired:
        judge.finds(f"critical alerts fired and became no incident: {listed(fired, NAMED, ', ')} (see step 4.3)")


def _named(one: PagerIncident) -> str:
    return f"{one.number} “{one.title}” of {clock(one.created)}"


def _resolved(one: PagerIncident) -> str:
    lasted = f", open for {duration(one.resolved - one.created)}" if one.resolved and one.created else ""
    return f"{_named(one)}{lasted}"


def _open(one: PagerIncident, now: datetime) -> str:
    return f"{_named(one)}, open for {duration(now - one.created)}" if one.created else _named(one)
