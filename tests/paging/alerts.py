"""Evidence on the way of the alerts, for tests of what is judged by it."""

from __future__ import annotations

from fixtures.alerting.model import AlertEvidence, Alerting, Deliveries, Receiver, RouteFacts
from fixtures.outcome import Gap, Status
from fixtures.services.source import ServiceSource

NOT_CONFIGURED = Gap(Status.UNPROVEN, "the alerting was not read", "set EASYMO_PROMETHEUS_URL")
SOURCE = ServiceSource("Alertmanager", "alerts.example", "0.27.0")


def alerting(*receivers: Receiver, sent: dict[str, tuple[int, int]] | None = None) -> Alerting:
    """An alert that is routed to these receivers, and deliveries: kind → sent, failed."""
    counted = tuple(Deliveries(kind, *figures) for kind, figures in (sent or {}).items())
    alerts = {"dlq-pending": AlertEvidence(route=RouteFacts(receivers))} if receivers else {}
    return Alerting(sources=(SOURCE,), alerts=alerts, deliveries=counted)


def unknown_route() -> Alerting:
    """An alert whose way could not be read."""
    gap = Gap(Status.UNPROVEN, "the token may not read the notification policies", "a token with the role Admin")
    return Alerting(sources=(SOURCE,), alerts={"dlq-pending": AlertEvidence(route_gap=gap)})
