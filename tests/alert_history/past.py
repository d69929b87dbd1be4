"""A Prometheus with a past that a test gives, on a real socket: its answers have the form of the real ones.

``test_real.py`` reads the same past from the real program.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from checks.test_weekly import test_alert_was_calm as was_calm
from checks.test_weekly import test_incidents_were_acknowledged as acknowledged
from checks.test_weekly import test_other_alerts_were_calm as others_were_calm
from fixtures.local.functions.http import IncomingRequest, Response
from fixtures.local.stand_ins.alert_history import PastFiring
from fixtures.local.stand_ins.serving import start_stand_in
from fixtures.settings.access import Access
from fixtures.settings.model import Settings
from tests.outcomes import Outcome, judge_all, read

CHECK_17 = [was_calm, others_were_calm, acknowledged]
HOUR, MINUTE, DAY = 3600.0, 60.0, 86400.0
PENDING, SILENT, RATE, DOWN = (
    "HighDLQPendingCount",
    "DLQProcessingFailure",
    "WebhookErrorRate",
    "EasyMOExporterDown",
)
SEVERITIES = {PENDING: "warning", SILENT: "critical", RATE: "warning", DOWN: "critical"}


def midnight(days_ago: int = 1) -> float:
    """When a day in UTC began; yesterday is whole, and within the window."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (today - timedelta(days=days_ago)).timestamp()


def day(days_ago: int = 1) -> str:
    """That day, as messages write it."""
    return datetime.fromtimestamp(midnight(days_ago), UTC).date().isoformat()


def firing(alert: str, start: float, seconds: float, **labels: str) -> PastFiring:
    """A firing; its severity is the one of the rule, unless labels say something else."""
    severity = {"severity": SEVERITIES[alert]} if alert in SEVERITIES else {}
    return PastFiring(alert, start, start + seconds, severity | labels)


def flapping(alert: str, times: int, start: float, **labels: str) -> list[PastFiring]:
    """Firings of ten minutes, twice an hour."""
    return [firing(alert, start + number * 30 * MINUTE, 10 * MINUTE, **labels) for number in range(times)]


def rule(name: str, severity: str = "warning", **changes: Any) -> dict[str, Any]:
    """A rule as the API gives it: evaluated just now."""
    return {
        "type": "alerting",
        "name": name,
        "query": "up == 0",
        "labels": {"severity": severity},
        "alerts": [],
        "state": "inactive",
        "health": "ok",
        "lastEvaluation": datetime.now(UTC).isoformat(),
        **changes,
    }


@dataclass
class PastPrometheus:
    """Answers what the suite asks Prometheus about the past."""

    firings: list[PastFiring] = field(default_factory=list)
    begin: float = 0.0
    """When its data begin."""
    holes: list[tuple[float, float]] = field(default_factory=list)
    """Begins and ends of times in which it did not run."""
    rules: list[dict[str, Any]] = field(
        default_factory=lambda: [rule(name, severity) for name, severity in SEVERITIES.items()]
    )
    interval: float = 60
    failing: dict[str, list[float]] | None = None
    """Group → times at which its evaluations failed; None if it does not scrape itself."""
    warnings: list[str] = field(default_factory=list)
    lasts: float | None = None
    """A sample lasts so long after an evaluation; None if until the next one."""
    answers: dict[str, Response] = field(default_factory=dict)
    """Path → answer in the place of the usual one."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __call__(self, request: IncomingRequest) -> Response:
        """Answer a request."""
        given = dict(parse_qsl(request.query.decode()))
        self.asked.append((request.path, given))
        if request.path in self.answers:
            return self.answers[request.path]
        data: dict[str, Callable[[], Any]] = {
            "/api/v1/status/buildinfo": lambda: {"version": "3.1.0"},
            "/api/v1/rules": lambda: {
                "groups": [{"name": "easymo", "file": "rules.yml", "interval": self.interval, "rules": self.rules}]
            },
            "/api/v1/query": lambda: {
                "resultType": "vector",
                "result": [] if self.failing is None else [{"metric": {}, "value": [0, "1"]}],
            },
            "/api/v1/query_range": lambda: {"resultType": "matrix", "result": self._matrix(given)},
        }
        if request.path not in data:
            return Response(404, b"404 page not found\n", "text/plain")
        document = {"status": "success", "data": data[request.path](), "warnings": self.warnings}
        return Response(200, json.dumps(document).encode())

    def _matrix(self, given: dict[str, str]) -> list[dict[str, Any]]:
        start, end, step = (float(given[name]) for name in ("start", "end", "step"))
        points = round((end - start) / step) + 1
        assert points <= 11_000, "Prometheus refuses more"
        times = [start + number * step for number in range(points)]
        if given["query"].startswith("sum by (rule_group)"):
            found = {
                (("rule_group", group),): [at for at in times if any(at - step < one <= at for one in failed)]
                for group, failed in (self.failing or {}).items()
            }
        else:
            times = [at for at in times if self._ran(at)]
            found = {(): times} if given["query"].startswith("count(up)") else self._alerts(times)
        series = {labels: own for labels, own in found.items() if own}
        return [{"metric": dict(labels), "values": [[at, "1"] for at in own]} for labels, own in series.items()]

    def _ran(self, at: float) -> bool:
        return at >= self.begin and not any(start <= at < end for start, end in self.holes)

    def _alerts(self, times: list[float]) -> dict[tuple[tuple[str, str], ...], list[float]]:
        found: dict[tuple[tuple[str, str], ...], list[float]] = {}
        for one in self.firings:
            labels = {"__name__": "ALERTS", "alertname": one.alert, "alertstate": "firing", **one.labels}
            own = [
                at
                for at in times
                if one.start <= at < one.end
                and (self.lasts is None or (at - one.start) % self.interval < self.lasts)
            ]
            found.setdefault(tuple(sorted(labels.items())), []).extend(own)
        return found


def judged(
    prometheus: Any = None, settings: Settings | None = None, grafana: Any = None, **access: Any
) -> dict[str, Outcome]:
    """Read the history of stand-ins, and judge it: case → outcome."""
    known = dict(access)
    if prometheus is not None:
        known["prometheus_url"] = start_stand_in("Prometheus", prometheus)
    if grafana is not None:
        known["grafana_url"] = start_stand_in("Grafana", grafana)
    found = judge_all(CHECK_17, read(Access(**known), CHECK_17, settings))
    return {key.removeprefix("check-17[").removesuffix("]"): outcome for key, outcome in found.items()}


OTHERS, INCIDENTS = "other_alerts_were_calm", "incidents_were_acknowledged"
CASES = {PENDING: "dlq-pending", SILENT: "dlq-processor-silent", RATE: "webhook-error-rate"}


def hours_ago(hours: float) -> float:
    """A Unix time."""
    return time.time() - hours * HOUR
