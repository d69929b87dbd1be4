"""Rules of check 8: a firing alert reaches somebody."""

from __future__ import annotations

from checks.judge import Judge
from fixtures.alerting.model import AlertEvidence, Alerting, Obstacle, Receiver, RouteFacts
from fixtures.outcome import Gap, Status
from fixtures.settings.monitoring import Alert
from fixtures.wording import clock, listed

UNHEARD = "the alert fires, and nobody is told"


def reaches_somebody(judge: Judge, alert: Alert, evidence: AlertEvidence, alerting: Alerting) -> Gap | None:
    """Require the whole way of an alert: sent, routed to a receiver that notifies, not held back, delivered.

    Returns:
        Why a part of the way is not known.
    """
    own = evidence.source in ("", alerting.sources[0].name if alerting.sources else "")
    if own and alerting.notified is not None and not _is_sent(judge, alerting):
        return None
    if evidence.route is None:
        return evidence.route_gap or Gap(Status.UNPROVEN, "the way to a receiver was not read")
    if evidence.route.receivers_known and _can_notify(judge, alert, evidence.route):
        _ends_at_a_receiver(judge, alert, evidence.route)
    _is_not_held_back(judge, alert, evidence.route)
    if own:
        _is_delivered(judge, evidence.route, alerting)
    return evidence.route_gap or (alerting.gaps.get("alertmanagers") if own else None)


def _is_sent(judge: Judge, alerting: Alerting) -> bool:
    return judge.requires(
        bool(alerting.notified),
        "Prometheus sends its alerts to no Alertmanager",
        expected="an active Alertmanager (alerting.alertmanagers in its configuration)",
        why=UNHEARD,
        advice="set alerting.alertmanagers in Prometheus's configuration, and look at its log if it is set",
    )


def _can_notify(judge: Judge, alert: Alert, route: RouteFacts) -> bool:
    """Require that every receiver of the route exists, with settings that are complete."""
    faulty = [f"{one.name}: {one.fault}" for one in route.receivers if one.fault]
    return judge.requires(
        not faulty,
        lambda: f"the route of {alert.rule} ends at a receiver that cannot notify: {listed(faulty, most=3)}",
        expected="a receiver with complete settings",
        why=UNHEARD,
        advice="correct the settings of the receiver, or the name of it in the routes",
    )


def _ends_at_a_receiver(judge: Judge, alert: Alert, route: RouteFacts) -> None:
    names = _named(route.receivers)
    if not alert.receivers:
        judge.requires(
            any(one.integrations for one in route.receivers),
            f"the route of {alert.rule} ends at {names or 'no receiver'}: nothing there notifies anybody",
            expected="a receiver with at least one integration",
            why=UNHEARD,
            advice=f"add an integration to the receiver, or a route for severity {alert.severity}",
        )
        return
    reached = {one.name: one for one in route.receivers}
    for name in alert.receivers:
        receiver = reached.get(name)
        said = f"the receiver {name} of {alert.rule} has no integration"
        judge.requires(
            receiver is not None and bool(receiver.integrations),
            said if receiver else f"the route of {alert.rule} ends at {names or 'no receiver'}, not at {name}",
            expected=f"receiver {name}, by the settings",
            why=UNHEARD if not names else "the alert reaches other people than it should",
            advice=f"correct the routes for severity {alert.severity}, or receivers of the alert {alert.name} in "
            "deployment.toml",
        )


def _is_not_held_back(judge: Judge, alert: Alert, route: RouteFacts) -> None:
    timings = [one for one in route.obstacles if one.kind == "mute timing"]
    held = [one for one in route.obstacles if one.kind != "mute timing"]
    judge.requires(
        not held,
        lambda: f"{alert.rule} is held back by {listed(map(_in_words, held), most=5)}",
        expected="neither a silence nor an inhibition in force",
        why=UNHEARD,
        advice="expire the silence if it is no longer wanted; look at the alert that inhibits",
    )
    if timings:
        judge.finds(f"not evaluated: the time intervals {listed((one.name for one in timings), separator=', ')}")


def _is_delivered(judge: Judge, route: RouteFacts, alerting: Alerting) -> None:
    kinds = {kind for one in route.receivers for kind in one.integrations}
    for one in alerting.deliveries:
        if one.integration in kinds:
            judge.requires(
                not one.sent or one.failed < one.sent,
                f"all {one.sent} notifications by {one.integration} failed since Alertmanager started",
                expected="notifications that arrive",
                why=UNHEARD,
                advice=f"look at Alertmanager's log: the key or the address of {one.integration} may be wrong",
            )
            if one.sent and 0 < one.failed < one.sent:
                judge.finds(f"{one.failed} of {one.sent} notifications by {one.integration} failed")


def in_words(route: RouteFacts | None) -> str:
    """The receivers of a route, for the report."""
    return "unknown" if route is None or not route.receivers_known else _named(route.receivers) or "none"


def _named(receivers: tuple[Receiver, ...]) -> str:
    return listed(
        (f"{one.name} ({', '.join(one.integrations) or 'no integration'})" for one in receivers), separator=", "
    )


def _in_words(obstacle: Obstacle) -> str:
    by = f" of {obstacle.by}" if obstacle.by else ""
    until = f" until {clock(obstacle.until)}" if obstacle.until else ""
    if obstacle.kind == "inhibition":
        return f"the firing alert {obstacle.name} (inhibition){until}"
    return f"{obstacle.kind} {obstacle.name}{by}{until}"
