"""A real Alertmanager on loopback ports, and a receiver of its notifications."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fixtures.local.functions.http import IncomingRequest, Response
from fixtures.local.stand_ins.serving import start_stand_in

PROGRAM = "prometheus-alertmanager"
START_SECONDS = 20.0


def needs_alertmanager() -> None:
    """Skip the test on a machine without the program."""
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"{PROGRAM} is not installed")


class Pager(ThreadingHTTPServer):
    """Receives notifications as Alertmanager's webhook integration posts them."""

    daemon_threads = True

    def __init__(self, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _PagerHandler)
        self.status = status
        self.received: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        """Address for ``webhook_configs``."""
        return f"http://127.0.0.1:{self.server_port}/notify"

    def recover_after_the_first(self) -> None:
        """Wait for a notification, and take those that follow."""
        if eventually(lambda: self.received):
            self.status = 200

    def alerts(self, status: str) -> list[dict[str, Any]]:
        """The alerts that were notified with a status, ``firing`` or ``resolved``."""
        return [alert for one in list(self.received) for alert in one["alerts"] if alert["status"] == status]

    def handle_error(self, *_: object) -> None:
        """Write nothing when Alertmanager is stopped in the middle of a request."""


class _PagerHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Keep the notification."""
        server = self.server
        assert isinstance(server, Pager)
        body = self.rfile.read(int(self.headers["content-length"]))
        server.received.append(json.loads(body))
        self.send_response(server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write no log."""


@contextmanager
def pager(status: int = 200) -> Iterator[Pager]:
    """A running receiver."""
    with Pager(status) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@dataclass
class RunningAlertmanager:
    """A running Alertmanager."""

    url: str
    process: subprocess.Popen[bytes] = field(repr=False)

    def get(self, path: str, **query: str) -> Any:
        """The JSON of an answer."""
        url = f"{self.url}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)

    def post(self, path: str, document: object) -> None:
        """Post JSON."""
        request = urllib.request.Request(
            f"{self.url}{path}", json.dumps(document).encode(), {"content-type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=5).close()

    def firing(self) -> list[dict[str, Any]]:
        """Every alert that is not resolved."""
        found: list[dict[str, Any]] = self.get("/api/v2/alerts")
        return found

    def silences(self) -> list[dict[str, Any]]:
        """Every silence that is not expired."""
        return [one for one in self.get("/api/v2/silences") if one["status"]["state"] != "expired"]


@contextmanager
def alertmanager(folder: Path, config: str) -> Iterator[RunningAlertmanager]:
    """A real Alertmanager with this configuration; it stops at the end."""
    needs_alertmanager()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "alertmanager.yml"
    file.write_text(config, encoding="utf-8")
    port = _free_port()
    log = (folder / "alertmanager.log").open("wb")
    process = subprocess.Popen(
        [
            PROGRAM,
            f"--config.file={file}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    running = RunningAlertmanager(f"http://127.0.0.1:{port}", process)
    try:
        _await_ready(running, folder)
        yield running
    finally:
        process.kill()
        process.wait()
        log.close()


def _await_ready(running: RunningAlertmanager, folder: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            running.get("/api/v2/status")
        except (urllib.error.URLError, OSError):
            if running.process.poll() is not None or time.monotonic() > until:
                pytest.fail((folder / "alertmanager.log").read_text()[-2000:])
            time.sleep(0.02)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def config_of(url: str, *, more: str = "", also: str = "", routes: str = "") -> str:
    """A configuration with a receiver that posts to an address at once.

    Args:
        url: the address.
        more: added at the end.
        also: another integration of the receiver.
        routes: of some alerts to other receivers.
    """
    return f"""
route:
  receiver: pager
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
{routes}
receivers:
- name: nobody
- name: pager
  webhook_configs: [{{url: "{url}", send_resolved: true}}]
  {also}
{more}
"""


def eventually(condition: Any, seconds: float = 10.0) -> bool:
    """Whether a condition becomes true in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


class Gate:
    """Forwards requests to a server; can hide the alerts, so that whoever posted one waits for it."""

    def __init__(self, target: str, *, hidden: bool = False, refused: str = "") -> None:
        self.target = target
        self.hidden = hidden
        self.refused = refused
        """Method and beginning of the path of requests that are answered with 403."""
        self.asked: list[str] = []
        self.url = start_stand_in("a gate", self)

    def __call__(self, request: IncomingRequest) -> Response:
        """Forward one request."""
        what = f"{request.method} {request.path}"
        self.asked.append(what)
        if self.refused and what.startswith(self.refused):
            return Response(403, b"forbidden", "text/plain")
        if self.hidden and what == "GET /api/v2/alerts":
            return Response(200, b"[]")
        forwarded = urllib.request.Request(
            f"{self.target}{request.path}?{request.query.decode()}",
            request.body or None,
            {"content-type": "application/json"},
            method=request.method,
        )
        try:
            with urllib.request.urlopen(forwarded, timeout=5) as answer:
                return Response(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            return Response(error.code, error.read())
