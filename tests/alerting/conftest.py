"""A real monitoring of the tests' deployment: started once for each process, and put right between tests."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml

from fixtures.alerting import prometheus
from fixtures.local.monitoring_stack import MonitoringStack, missing_programs
from fixtures.settings.access import Access
from tests.alerting.variants import RULES, with_variants
from tests.deployments import Deployment

SECONDS = 20.0


class Inbox(ThreadingHTTPServer):
    """Takes notifications in the place of PagerDuty and Slack."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Notifications)
        self.documents: list[tuple[str, Any]] = []
        """Path and document of each notification."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def url(self, path: str) -> str:
        """An address of it."""
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Notifications(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Take a notification; PagerDuty's answer has another status than Slack's."""
        server = self.server
        assert isinstance(server, Inbox)
        document = json.loads(self.rfile.read(int(self.headers["content-length"])))
        server.documents.append((self.path, document))
        self.send_response(202 if self.path == "/pagerduty" else 200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Write no log."""


class Monitoring(MonitoringStack):
    """A stack with variants of the rules, whose parts tests change and put right again."""

    deployment: Deployment
    url: str
    """Of the database."""
    inbox: Inbox
    spoilt = False
    """Whether the next test needs a new one."""

    @property
    def access(self) -> Access:
        """Addresses of the deployment and of its monitoring."""
        urls = {"prometheus_url": self.prometheus_url, "alertmanager_url": self.alertmanager_url}
        return replace(self.deployment.access, **urls)

    def wait_until(self, condition: Callable[[], object], failure: str = "a condition did not come true") -> None:
        """Wait for a condition."""
        self.until(condition, time.monotonic() + SECONDS, failure)

    def route_by(self, text: str) -> None:
        """Load another configuration of Alertmanager."""
        before = self.ask("/api/v2/status", "alertmanager")
        self.alertmanager = text
        self.reload("alertmanager")
        self.wait_until(lambda: self.ask("/api/v2/status", "alertmanager")["config"] != before["config"])

    def answer(self, queries: str) -> None:
        """Let the exporter use other queries."""
        self.queries = queries
        self.configure()
        self.stop_part("exporter")
        self.start_part("exporter")

    def health(self, name: str) -> str:
        """The health of a rule."""
        groups = self.ask("/api/v1/rules?type=alert")["data"]["groups"]
        return str({rule["name"]: rule["health"] for group in groups for rule in group["rules"]}[name])

    def is_right(self) -> bool:
        """Whether it scraped the database, evaluated every rule, and knows where to send alerts."""
        names = [one["alert"] for one in yaml.safe_load(self.rules)["groups"][0]["rules"]]
        return bool(
            self.knows_alertmanager()
            and self.value("dlq_pending") is not None
            and self.states().keys() == set(names)
        )


@pytest.fixture
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the suite not wait for an Alertmanager: canned answers do not change."""
    monkeypatch.setattr(prometheus, "SETTLE_SECONDS", 0.0)


@pytest.fixture(scope="session")
def running_monitoring(running_deployments: dict[str, Deployment]) -> Iterator[dict[str, Monitoring]]:
    """The monitoring of this process, if a test needed one; it depends on the deployments, to stop before them."""
    running: dict[str, Monitoring] = {}
    yield running
    for monitoring in running.values():
        monitoring.stop()
        monitoring.inbox.shutdown()
        monitoring.inbox.server_close()


@pytest.fixture
def monitoring(
    any_deployment: Deployment,
    running_monitoring: dict[str, Monitoring],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Monitoring]:
    """A healthy monitoring of a healthy deployment, with intervals of a second."""
    if missing := missing_programs():
        pytest.skip(f"not installed: {', '.join(missing)} (Debian: prometheus and its packages)")
    # A reset of the deployment makes every other role anew, and the exporter keeps connections of the old one.
    url = any_deployment.superuser_url.reveal()
    found = running_monitoring.get("one")
    if found is None or found.url != url or found.spoilt:
        inbox = found.inbox if found else Inbox()
        if found is not None:
            found.stop()
        addresses = {"pagerduty_url": inbox.url("/pagerduty"), "slack_url": inbox.url("/slack")}
        folder = tmp_path_factory.mktemp("monitoring")
        found = running_monitoring["one"] = Monitoring(folder, url, rules=with_variants(RULES), **addresses)
        found.url, found.inbox = url, inbox
        found.start()
    found.deployment = any_deployment
    usual = found.alertmanager, found.queries
    found.wait_until(found.is_right, "it did not become healthy")
    yield found
    if found.alertmanager != usual[0]:
        found.route_by(usual[0])
    if found.queries != usual[1]:
        found.answer(usual[1])
