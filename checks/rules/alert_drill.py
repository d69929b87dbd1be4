"""Rules of step 4.5: a test alert reached its receivers and was resolved; or real notifications arrived."""

from __future__ import annotations

from checks.judge import Judge
from fixtures.alerting.model import Alerting, Deliveries
from fixtures.drill.model import RUN_LABEL, AlertDrill, DrilledAlert, Notices
from fixtures.outcome import CouldNotLook, Gap, Status
from fixtures.settings.model import Settings
from fixtures.wording import clock, counted, listed

NOT_TOLD = "a real alert of this severity takes the same way, and would not reach them"


def notifications_work(judge: Judge, drill: AlertDrill, alerting: Alerting | Gap, settings: Settings) -> None:
    """Judge the test alert; without one, the deliveries that the alerting counted."""
    if not drill.asked:
        _deliveries_prove_it(judge, drill, alerting)
        return
    if drill.posted:
        _alerts_took_their_way(judge, drill, alerting, settings)
        _receivers_were_notified(judge, drill, settings)
    _everything_was_undone(judge, drill)
    _change_event_arrived(judge, drill)
    if drill.gap is not None:
        if drill.gap.status is Status.ERROR and not judge.violations:
            raise CouldNotLook(drill.gap.reason, drill.gap.advice)
        judge.lacks(drill.gap)


def _alerts_took_their_way(judge: Judge, drill: AlertDrill, alerting: Alerting | Gap, settings: Settings) -> None:
    if drill.gap is not None and not any(alert.seen for alert in drill.alerts):
        return
    posted = f"{counted(len(drill.alerts), 'test alert')} with {RUN_LABEL}={drill.run}"
    judge.finds(f"{posted} posted to {drill.source}")
    for alert in drill.alerts:
        named = f"the test alert with severity {alert.severity}"
        if not judge.requires(
            alert.seen,
            f"{named} was accepted by {drill.source}, and is not among its alerts",
            expected="to be listed within seconds",
            why="alerts that are posted there get lost",
            advice="look whether EASYMO_ALERTMANAGER_URL is one Alertmanager, and into its log",
        ):
            continue
        _reaches_its_receivers(judge, alert, named, _integrations(alerting) | drill.integrations, settings)
        _is_as_quiet_as_meant(judge, drill, alert, named)


def _reaches_its_receivers(
    judge: Judge, alert: DrilledAlert, named: str, kinds: dict[str, tuple[str, ...]], settings: Settings
) -> None:
    expected = {name for one in settings.alerts if one.severity == alert.severity for name in one.receivers}
    missing = sorted(expected - set(alert.receivers))
    reached = listed(alert.receivers, 5, ", ") or "no receiver"
    lacking = f", and not to {listed(missing, 5, ', ')}" if missing else ""
    judge.requires(
        not missing and bool(alert.receivers),
        f"{named} is routed to {reached}{lacking}",
        expected=f"receiver {listed(sorted(expected), 5, ', ')}" if expected else "at least one receiver",
        why=NOT_TOLD,
        advice="correct the routes of Alertmanager, or the receivers under [[alerts]] in deployment.toml",
    )
    silent = [name for name in alert.receivers if kinds.get(name) == ()]
    if alert.receivers and len(silent) == len(alert.receivers):
        judge.fails(
            f"{named} is routed to {reached}, which notifies nobody: it has no integration",
            expected="a receiver with an integration",
            why=NOT_TOLD,
            advice="route this severity to a receiver with an integration",
        )
    elif not missing and alert.receivers:
        shown = [f"{name} ({', '.join(kinds[name])})" if kinds.get(name) else name for name in alert.receivers]
        judge.finds(f"severity {alert.severity} is routed to {listed(shown, 5, ', ')}, state {alert.state}")


def _integrations(alerting: Alerting | Gap) -> dict[str, tuple[str, ...]]:
    """Receiver → kinds of its integrations, as far as the alerting was read."""
    if isinstance(alerting, Gap):
        return {}
    routes = (one.route for one in alerting.alerts.values())
    return {receiver.name: receiver.integrations for route in routes if route for receiver in route.receivers}


def _is_as_quiet_as_meant(judge: Judge, drill: AlertDrill, alert: DrilledAlert, named: str) -> None:
    """Without ``--page`` the run's silence must hold it back; with it, nothing may."""
    own = {one.severity for one in drill.alerts}
    by = [f"silence {name}" for name in alert.silenced_by]
    by += [f"inhibiting alert {name}" for name in alert.inhibited_by if name not in own]
    if not drill.page:
        judge.requires(
            alert.state == "suppressed" and alert.own_silence,
            f"{named} was {alert.state or 'in no state'} though silence {drill.silence} is for it, so its "
            "receivers may have been notified",
            expected="to be suppressed by that silence",
            why="silences do not work here",
            advice="tell the receivers that it was a test; look into Alertmanager's log",
        )
        if by:
            judge.finds(f"severity {alert.severity} is suppressed by {listed(by, 5, ', ')} as well")
    elif by:
        judge.fails(
            f"{named} is suppressed by {listed(by, 5, ', ')}",
            expected="to be active, so that its receivers are notified",
            why="a real alert of this severity may be held back as well",
            advice="expire the silence if it is no longer needed, or resolve the alert that inhibits",
        )
    elif alert.inhibited_by:
        judge.finds(
            f"severity {alert.severity} is inhibited while an alert of severity "
            f"{listed(alert.inhibited_by, 5, ', ')} fires, so it notified nobody here"
        )


def _receivers_were_notified(judge: Judge, drill: AlertDrill, settings: Settings) -> None:
    """With ``--page``: require a notification by each integration of the receivers, and none that failed."""
    receivers = [name for name in drill.to_notify if drill.integrations.get(name) != ()]
    if not drill.page or not receivers or drill.gap is not None:
        return
    if drill.notices is None:
        judge.cannot_tell(
            f"{drill.source} shows no counters at /metrics, so whether the receivers were notified is not known",
            "ask the receivers, or make /metrics readable for the suite",
        )
        return
    expected = drill.expected_notices()
    failed = [one for one in drill.notices if _did_not_arrive(one, expected)]
    if failed:
        judge.fails(
            f"notifications failed after the test alert was posted: {_requests(failed)}",
            expected="notifications that arrive",
            why="alerts do not reach these receivers",
            advice="look into Alertmanager's log for the reason, such as a wrong key or address",
        )
    arrived = [one for one in drill.notices if one.delivered > 0]
    if arrived:
        judge.finds(f"notified within {drill.waited_seconds:g} s of the test alert: {_requests(arrived)}")
        judge.holds()
    missing = sorted(expected.keys() - {one.integration for one in drill.notices})
    if missing or not drill.notices:
        by = f" by {listed(missing, 5, ', ')}" if missing else ""
        judge.fails(
            f"receiver {listed(receivers, 5, ', ')} was not notified{by} within {drill.waited_seconds:g} s after "
            "the test alert was posted",
            expected="a notification by each integration",
            why="alerts do not reach their receivers",
            advice="look into Alertmanager's log; if the route's group_wait is longer, raise limits.page_seconds "
            f"({settings.limits.page_seconds:g}) in deployment.toml",
        )


def _did_not_arrive(notices: Notices, expected: dict[str, int]) -> bool:
    """Whether a notification of this kind is known not to have arrived; a repeated request may have succeeded."""
    return notices.given_up > 0 or (
        notices.failed > 0 and notices.delivered < max(1, expected.get(notices.integration, 0))
    )


def _requests(notices: list[Notices]) -> str:
    """Such as ``slack (1), webhook (1, 2 failed)``."""
    shown = (
        f"{one.integration} ({one.delivered}{f', {one.failed} failed' if one.failed else ''})" for one in notices
    )
    return listed(shown, 5, ", ")


def _everything_was_undone(judge: Judge, drill: AlertDrill) -> None:
    for sentence in drill.left_behind:
        judge.fails(
            sentence,
            expected="nothing to be left behind",
            why="it stands in Alertmanager until then",
            advice="wait until then, or remove it in Alertmanager by hand",
        )
    if drill.resolved:
        judge.holds()
        judge.finds("it was resolved again" + (", and its silence deleted" if drill.silence_removed else ""))
    if drill.silence_kept:
        judge.finds(
            f"silence {drill.silence} is left to expire at {clock(drill.silence_ends)}: {drill.silence_kept}"
        )


def _change_event_arrived(judge: Judge, drill: AlertDrill) -> None:
    if drill.change_event:
        judge.finds(f"PagerDuty accepted a change event, which notifies nobody ({drill.change_event})")
        judge.holds()
    gap = drill.change_event_gap
    if gap is None:
        return
    if gap.status is Status.FAILED:
        judge.fails(gap.reason, expected="HTTP 202", why="events with this key are lost", advice=gap.advice)
    else:
        judge.lacks(gap)


def _deliveries_prove_it(judge: Judge, drill: AlertDrill, alerting: Alerting | Gap) -> None:
    """Judge by what the alerting sent since it started."""
    gap = drill.gap or Gap(Status.UNPROVEN, "no test alert was sent")
    if isinstance(alerting, Gap):
        judge.cannot_tell(f"{gap.reason}, and deliveries were not counted: {alerting.reason}", gap.advice)
        return
    by = f", by {listed(map(str, alerting.sources), 3, ' and ')}" if alerting.sources else ""
    used = [one for one in alerting.deliveries if one.sent > 0]
    broken = [one for one in used if one.failed >= one.sent]
    judge.requires(
        not broken,
        lambda: f"every notification failed since the alerting started: {_shown(broken)}{by}",
        expected="notifications that arrive",
        why="alerts do not reach these receivers",
        advice="look into the log of Alertmanager or Grafana for the reason, such as a wrong key or address",
    )
    doubtful = [one for one in used if 0 < one.failed < one.sent]
    if doubtful:
        judge.cannot_tell(
            f"some notifications failed since the alerting started: {_shown(doubtful)}{by}", gap.advice
        )
    needed = {kind for kinds in _integrations(alerting).values() for kind in kinds}
    unused = sorted(needed - {one.integration for one in used})
    if not used:
        judge.cannot_tell(f"{gap.reason}, and the alerting has counted no notification yet{by}", gap.advice)
    elif unused:
        judge.cannot_tell(f"no notification to {listed(unused, 5, ', ')} was counted yet{by}", gap.advice)
    if used and not broken:
        judge.finds(f"notifications since the alerting started: {_shown(used)}{by}")


def _shown(deliveries: list[Deliveries]) -> str:
    return listed((f"{one.integration} {one.sent}, {one.failed} failed" for one in deliveries), 5)
