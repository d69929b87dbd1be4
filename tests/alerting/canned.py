"""Prometheus and Alertmanager with answers that a test gives, on a real socket.

For what the real programs do not show within seconds, such as a rule that was not evaluated for an hour. The
answers have the form of the real ones, which ``test_real.py`` reads.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from fixtures.alerting.promql import Expression, parse
from fixtures.local.monitoring_stack import FILES
from fixtures.settings.access import Access

RULES = yaml.safe_load((FILES / "rules.yml").read_text())["groups"][0]["rules"]
PLACE = {"job": "easymo", "instance": "db:9187"}
DURATIONS = {"s": 1, "m": 60, "h": 3600}


def seconds_ago(seconds: float) -> str:
    """A time as the services write it."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def alert_rule(entry: dict[str, Any]) -> dict[str, Any]:
    """A rule of a rule file, as Prometheus's API gives it: evaluated just now, and quiet."""
    length = entry.get("for", "0s")
    return {
        "type": "alerting",
        "name": entry["alert"],
        "query": entry["expr"],
        "duration": int(length[:-1]) * DURATIONS[length[-1]],
        "labels": dict(entry["labels"]),
        "annotations": {},
        "alerts": [],
        "state": "inactive",
        "health": "ok",
        "evaluationTime": 0.001,
        "lastEvaluation": seconds_ago(1),
    }


class Canned:
    """The answers; by default those of a healthy monitoring. A test changes what it likes."""

    def __init__(self) -> None:
        self.rules = {entry["alert"]: alert_rule(entry) for entry in deepcopy(RULES)}
        self.more_rules: list[dict[str, Any]] = []
        self.interval = 15
        self.metrics: dict[str, list[tuple[dict[str, str], float]]] = {
            "dlq_pending": [(PLACE, 4)],
            "dlq_processor_last_success_timestamp_seconds": [(PLACE, 1.7e9)],
            "webhook_requests_total": [(PLACE | {"outcome": one}, 10) for one in ("success", "error")],
        }
        self.before: dict[str, list[tuple[dict[str, str], float]]] = deepcopy(self.metrics)
        """The metrics of the last hour."""
        self.targets = [self.target()]
        self.alertmanagers = [{"url": "http://alertmanager:9093/api/v2/alerts"}]
        self.configuration: dict[str, Any] = {"global": {}}
        self.prometheus_metrics = "# TYPE x gauge\nprometheus_config_last_reload_successful 1\n"
        self.routes: dict[str, Any] = yaml.safe_load((FILES / "alertmanager.yml").read_text())
        self.silences: list[dict[str, Any]] = []
        self.alerts: list[dict[str, Any]] = []
        self.alertmanager_metrics = "alertmanager_config_last_reload_successful 1\n"
        self.answers: dict[str, tuple[int, bytes]] = {}
        """Path, without parameters → status and body in the place of the usual answer."""
        self.paths: list[str] = []
        """The requests, as they came."""

    @staticmethod
    def target(health: str = "up", error: str = "", **labels: str) -> dict[str, Any]:
        """A target as the API gives it."""
        own = PLACE | labels
        url = f"http://{own['instance']}/metrics"
        return {"labels": own, "scrapeUrl": url, "health": health, "lastError": error}

    def rule(self, name: str) -> dict[str, Any]:
        """A rule, to be changed."""
        return self.rules[name]

    def fires(self, name: str, seconds: float = 600) -> None:
        """Let a rule fire."""
        rule = self.rules[name]
        labels = {"alertname": name, **rule["labels"]}
        rule["state"] = "firing"
        rule["alerts"] = [
            {"labels": labels, "state": "firing", "activeAt": seconds_ago(seconds), "value": "1e+00"}
        ]

    def answer(self, path: str, parameters: dict[str, list[str]]) -> tuple[int, bytes]:
        """The answer to a GET."""
        if path in self.answers:
            return self.answers[path]
        texts = {"/prom/metrics": self.prometheus_metrics, "/am/metrics": self.alertmanager_metrics}
        if path in texts:
            return 200, texts[path].encode()
        documents = {
            "/am/api/v2/status": lambda: {
                "config": {"original": yaml.safe_dump(self.routes)},
                "versionInfo": {"version": "0.28.0"},
            },
            "/am/api/v2/silences": lambda: self.silences,
            "/am/api/v2/alerts": lambda: self.alerts,
        }
        if path in documents:
            return 200, json.dumps(documents[path]()).encode()
        data = {
            "/prom/api/v1/rules": self._rules,
            "/prom/api/v1/status/buildinfo": lambda: {"version": "3.1.0"},
            "/prom/api/v1/status/config": lambda: {"yaml": yaml.safe_dump(self.configuration)},
            "/prom/api/v1/alertmanagers": lambda: {"activeAlertmanagers": self.alertmanagers},
            "/prom/api/v1/targets": lambda: {"activeTargets": self.targets},
            "/prom/api/v1/label/__name__/values": lambda: [name for name, found in self.metrics.items() if found],
            "/prom/api/v1/query": lambda: self._query(parameters["query"][0]),
        }
        if path not in data:
            return 404, b"404 page not found\n"
        return 200, json.dumps({"status": "success", "data": data[path]()}).encode()

    def _rules(self) -> dict[str, Any]:
        rules = [*self.rules.values(), *self.more_rules]
        return {"groups": [{"name": "easymo", "file": "rules.yml", "interval": self.interval, "rules": rules}]}

    def _query(self, query: str) -> dict[str, Any]:
        tree = parse(query)
        selector = next((part for part in tree.walk() if part.kind == "selector"), None)
        metrics = self.before if "last_over_time" in query else self.metrics
        found = self._selected(selector, metrics) if selector else []
        if tree.name == "count":
            found = [({}, float(len(found)))] if found else []
        elif tree.name == "group":
            found = [({"job": job}, 1.0) for job in {labels["job"] for labels, _ in found if "job" in labels}]
        elif tree.kind != "selector":
            found = [({}, value) for _, value in found[:1]]
        result = [{"metric": labels, "value": [0, f"{value:g}"]} for labels, value in found]
        return {"resultType": "vector", "result": result}

    @staticmethod
    def _selected(
        selector: Expression, metrics: dict[str, list[tuple[dict[str, str], float]]]
    ) -> list[tuple[dict[str, str], float]]:
        def meets(labels: dict[str, str]) -> bool:
            return all(
                (labels.get(one.label, "") == one.value) is (one.sign in ("=", "=~")) for one in selector.matchers
            )

        return [(labels, value) for labels, value in metrics.get(selector.name, []) if meets(labels)]


class CannedServer(ThreadingHTTPServer):
    """Serves the answers: Prometheus below ``/prom``, Alertmanager below ``/am``."""

    daemon_threads = True

    def __init__(self, canned: Canned) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.canned = canned

    def access(self) -> Access:
        """The addresses of both."""
        base = f"http://127.0.0.1:{self.server_port}"
        return Access(prometheus_url=f"{base}/prom", alertmanager_url=f"{base}/am")


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    """One packet for an answer: a second one would wait for the acknowledgement of the first."""

    def do_GET(self) -> None:
        """Give the answer."""
        server = self.server
        assert isinstance(server, CannedServer)
        server.canned.paths.append(self.path)
        parts = urlsplit(self.path)
        status, body = server.canned.answer(parts.path, parse_qs(parts.query))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no log."""


@contextmanager
def serving(canned: Canned) -> Iterator[Access]:
    """Serve the answers; give the addresses."""
    with CannedServer(canned) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.access()
        finally:
            server.shutdown()
            thread.join()
