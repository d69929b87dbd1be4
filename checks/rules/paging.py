"""Rules of steps 4.3 and 4.4: alerts reach PagerDuty and Slack, by what these say and by the alerts' routes."""

from __future__ import annotations

from checks.judge import Judge
from fixtures.alerting.model import Alerting, Deliveries
from fixtures.outcome import CouldNotLook, Gap, Status
from fixtures.paging.model import EVENTS_APIS, PagerDutyService, Paging, SlackHook, takes_events
from fixtures.wording import clock, counted, listed

PAGERDUTY, SLACK = "pagerduty", "slack"
NAMES = {PAGERDUTY: "PagerDuty", SLACK: "Slack"}

NOBODY = "an alert at night wakes nobody"

ALIVE = ("no_text", "invalid_payload")
"""What a living webhook answers to a message without content."""

DEAD = (403, 404, 410)

PROVE = "send a test alert: --send-test-alert --page"


def pagerduty_takes_alerts(judge: Judge, paging: Paging, alerting: Alerting | Gap) -> None:
    """Require a service that takes alerts and has somebody on call, or deliveries without a failure."""
    delivered = _deliveries(judge, alerting, PAGERDUTY)
    if paging.pagerduty is not None:
        _service_is_ready(judge, paging.pagerduty, delivered)
        _is_routed(judge, alerting, PAGERDUTY, delivered)
    elif paging.pagerduty_named:
        _look_failed(judge, paging.pagerduty_gap)
    else:
        _by_the_route(judge, paging.pagerduty_gap, alerting, PAGERDUTY, delivered)


def slack_takes_alerts(judge: Judge, paging: Paging, alerting: Alerting | Gap) -> None:
    """Require a webhook that lives, or deliveries without a failure."""
    delivered = _deliveries(judge, alerting, SLACK)
    if paging.slack is not None:
        _hook_lives(judge, paging.slack)
        _is_routed(judge, alerting, SLACK, delivered)
    elif paging.slack_named:
        _look_failed(judge, paging.slack_gap)
    else:
        _by_the_route(judge, paging.slack_gap, alerting, SLACK, delivered)


def _look_failed(judge: Judge, gap: Gap | None) -> None:
    """Record why a service that is named was not read.

    Raises:
        CouldNotLook: that is an error, and nothing else is wrong.
    """
    gap = gap or Gap(Status.ERROR, "no reader gave it")
    if gap.status is Status.FAILED:
        judge.fails(gap.reason, expected="a service that exists", why=NOBODY, advice=gap.advice)
    elif gap.status is Status.ERROR and not judge.violations:
        raise CouldNotLook(gap.reason, gap.advice, gap.cause)
    else:
        judge.lacks(gap)


def _service_is_ready(judge: Judge, service: PagerDutyService, delivered: bool) -> None:
    named = f"PagerDuty's service {service.id}{f' ({service.name})' if service.name else ''}"
    state = f", status {service.status}" if service.status else ""
    judge.finds(f"{named} exists{state}, by {service.source}")
    judge.requires(
        service.status != "disabled",
        f"{named} is disabled",
        expected="a service that is enabled",
        why="a disabled service makes no incidents",
        advice="enable the service in PagerDuty",
    )
    if service.status in ("warning", "critical"):
        judge.finds(f"it has open incidents: {'triggered' if service.status == 'critical' else 'acknowledged'}")
    if service.last_incident:
        judge.finds(f"its last incident was at {clock(service.last_incident)}")
    _no_maintenance(judge, service, named)
    _has_an_integration(judge, service, named, delivered)
    _somebody_is_on_call(judge, service, named)


def _no_maintenance(judge: Judge, service: PagerDutyService, named: str) -> None:
    windows = service.windows or ()
    ends = listed((f"window {one.id} until {clock(one.until)}" for one in windows), 5)
    if service.windows is None and service.status != "maintenance":
        judge.lacks(service.gaps["windows"])
        return
    judge.requires(
        not windows and service.status != "maintenance",
        f"{named} is in maintenance{f': {ends}' if ends else ''}",
        expected="no maintenance window",
        why="events create no incidents while it lasts",
        advice="end the maintenance window in PagerDuty, or run the check again after it",
    )


def _has_an_integration(judge: Judge, service: PagerDutyService, named: str, delivered: bool) -> None:
    usable = [one for one in service.integrations if takes_events(one)]
    kinds = sorted({one.vendor or EVENTS_APIS.get(one.kind) or one.kind for one in usable})
    if usable:
        judge.finds(f"{counted(len(usable), 'integration')} can take alerts: {listed(kinds, 5, ', ')}")
        judge.holds()
    elif delivered:
        judge.finds("it has no integration of its own that takes alerts; they arrive in another way")
    else:
        others = ", ".join(sorted({one.vendor or one.kind for one in service.integrations} - {""})[:5])
        judge.fails(
            f"{named} has no integration that Alertmanager or Grafana can send to"
            f"{f'; it has {others}' if others else ''}",
            expected="an integration for the Events API v2, Prometheus or Grafana",
            why="alerts cannot become incidents of this service",
            advice="add an integration for the Events API v2 to the service, and its key to the receiver; if "
            f"events arrive through an event orchestration, {PROVE}",
        )


def _somebody_is_on_call(judge: Judge, service: PagerDutyService, named: str) -> None:
    if service.on_call is None:
        judge.lacks(service.gaps["on_call"])
        return
    if not service.policy:
        found = f"{named} has no escalation policy"
    else:
        found = f"nobody is on call now by escalation policy {service.policy} of {named}"
    if judge.requires(
        service.on_call > 0,
        found,
        expected="at least one person on call",
        why=NOBODY,
        advice="fill the schedule of the escalation policy in PagerDuty",
    ):
        judge.finds(f"{counted(service.on_call, 'person is', 'people are')} on call by policy {service.policy}")


def _hook_lives(judge: Judge, hook: SlackHook) -> None:
    said = f"HTTP {hook.status}{f' {hook.code}' if hook.code else ''}"
    if hook.status == 400 and hook.code in ALIVE:
        judge.finds(f"the incoming webhook lives: {hook.source} refused a message without content with {said}")
        judge.holds()
    elif hook.status in DEAD:
        judge.fails(
            f"the incoming webhook of SLACK_WEBHOOK_URL is dead: {hook.source} answered with {said}",
            expected="a webhook of an app that is installed, for a channel that exists",
            why="nothing that is posted to it arrives",
            advice="create a new incoming webhook in Slack, and set its address wherever the old one stands",
        )
    else:
        judge.cannot_tell(
            f"{hook.source} answered a message without content with {said}, which a living webhook does not",
            "look whether SLACK_WEBHOOK_URL is the address of an incoming webhook of Slack",
        )


def _deliveries(judge: Judge, alerting: Alerting | Gap, kind: str) -> bool:
    """Report the notifications of one kind of integration; whether some were sent and all were delivered."""
    found = _tally(alerting, kind)
    if found is None or found.sent == 0:
        return False
    name = NAMES[kind]
    told = f"notifications to {name} failed since the alerting started: {found.failed} of {found.sent}"
    where = _where(alerting)
    if found.failed >= found.sent:
        judge.fails(
            f"all {told}{where}",
            expected="notifications that arrive",
            why=NOBODY if kind == PAGERDUTY else "nobody reads in Slack that something is wrong",
            advice=f"look into the log of Alertmanager or Grafana for why {name} refuses them: often a wrong key, "
            "or a variable in the configuration that was not replaced",
        )
    elif found.failed:
        judge.cannot_tell(f"some {told}{where}; whether the last ones arrived is not known", PROVE)
    else:
        judge.finds(
            f"{counted(found.sent, 'notification')} to {name} since the alerting started, none failed{where}"
        )
        judge.holds()
        return True
    return False


def _tally(alerting: Alerting | Gap, kind: str) -> Deliveries | None:
    if isinstance(alerting, Gap):
        return None
    return next((one for one in alerting.deliveries if one.integration == kind), None)


def _where(alerting: Alerting | Gap) -> str:
    sources = () if isinstance(alerting, Gap) else alerting.sources
    return f", by {listed(map(str, sources), 3, ' and ')}" if sources else ""


def _is_routed(judge: Judge, alerting: Alerting | Gap, kind: str, delivered: bool) -> None:
    """Report whether the way of an alert ends there; where the ways are known and none does, that is unproven."""
    if isinstance(alerting, Gap):
        judge.finds(f"whether alerts are routed to {NAMES[kind]} is not known: {alerting.reason}")
        return
    routed, others, unknown = _receivers(alerting, kind)
    if routed:
        judge.finds(f"alerts are routed to {NAMES[kind]} by receiver {listed(routed, 5, ', ')}")
    elif unknown:
        judge.finds(f"whether every alert is routed to {NAMES[kind]} is not known: {unknown[0].reason}")
    elif not delivered:
        judge.cannot_tell(
            f"no alert of the settings is routed to a receiver with a {NAMES[kind]} integration{others}",
            f"a receiver with a {NAMES[kind]} integration in the way of an alert",
        )


def _by_the_route(judge: Judge, gap: Gap | None, alerting: Alerting | Gap, kind: str, delivered: bool) -> None:
    """Judge by the way of the alerts alone, because the service itself is not named."""
    gap = gap or Gap(Status.UNPROVEN, f"{NAMES[kind]} was not asked")
    if delivered or judge.doubts or judge.violations:
        judge.finds(gap.reason)
        return
    if isinstance(alerting, Gap):
        judge.cannot_tell(f"{gap.reason}; {alerting.reason}", _either(gap, alerting))
        return
    routed, others, unknown = _receivers(alerting, kind)
    if routed:
        judge.cannot_tell(
            f"alerts are routed to {NAMES[kind]} by receiver {listed(routed, 5, ', ')}{_where(alerting)}, and no "
            "notification to it was counted yet",
            f"{gap.advice}; or {PROVE}",
        )
    elif unknown:
        judge.cannot_tell(f"{gap.reason}; {unknown[0].reason}", gap.advice)
    else:
        integration = f"a receiver with a {NAMES[kind]} integration"
        judge.cannot_tell(
            f"{gap.reason}; no alert of the settings is routed to {integration}{others}",
            f"{integration} in the way of an alert; then {PROVE}",
        )


def _either(gap: Gap, other: Gap) -> str:
    return f"{gap.advice}; or so that the way of the alerts can be read: {other.advice}"


def _receivers(alerting: Alerting, kind: str) -> tuple[list[str], str, list[Gap]]:
    """Receivers with that integration; the other ones, for a sentence; why ways are not known."""
    routes = [one.route for one in alerting.alerts.values() if one.route is not None]
    found = {receiver.name: receiver for route in routes for receiver in route.receivers}
    there = sorted(name for name, one in found.items() if kind in one.integrations)
    others = listed(
        (f"{name} ({', '.join(one.integrations) or 'notifies nobody'})" for name, one in sorted(found.items())),
        5,
        ", ",
    )
    gaps = [one.route_gap for one in alerting.alerts.values() if one.route is None and one.route_gap is not None]
    if not routes and not gaps:
        gaps = [Gap(Status.UNPROVEN, "the way of no alert is known")]
    return there, f"; the receivers are {others}" if others else "", gaps
