"""A real Prometheus on this machine, with an exporter of the metrics that the dashboards show."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

PROGRAM = shutil.which("prometheus")
START_SECONDS = 20.0

CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: easymo
  static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class _Exporter(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Give the metrics; the requests grow with each scrape."""
        self.server.scrapes += 1  # type: ignore[attr-defined]
        count = self.server.scrapes  # type: ignore[attr-defined]
        body = metrics(count).encode()
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no log."""


def metrics(scrapes: int) -> str:
    """The agreed metrics in Prometheus's text format."""
    return "\n".join(
        [
            "# TYPE dlq_pending gauge",
            "dlq_pending 3",
            "# TYPE dlq_entries gauge",
            'dlq_entries{status="pending"} 3',
            'dlq_entries{status="reprocessed"} 40',
            "# TYPE dlq_oldest_pending_age_seconds gauge",
            "dlq_oldest_pending_age_seconds 240",
            "# TYPE dlq_processor_last_success_timestamp_seconds gauge",
            f"dlq_processor_last_success_timestamp_seconds {time.time() - 60:.0f}",
            "# TYPE webhook_requests_total counter",
            f'webhook_requests_total{{outcome="success"}} {100 * scrapes}',
            "",
        ]
    )


@contextmanager
def prometheus(folder: Path) -> Iterator[str]:
    """Run Prometheus until it has some samples of each metric; yield its URL."""
    assert PROGRAM is not None
    exporter = ThreadingHTTPServer(("127.0.0.1", 0), _Exporter)
    exporter.scrapes = 0  # type: ignore[attr-defined]
    exporter.daemon_threads = True
    threading.Thread(target=exporter.serve_forever, daemon=True).start()
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(port=exporter.server_port))
    port = _free_port()
    arguments = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    arguments += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    running = subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for_samples(port, running)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(10)
        exporter.shutdown()
        exporter.server_close()


def query(url: str, endpoint: str, **parameters: Any) -> dict[str, Any]:
    """Ask Prometheus's API; return the answer whole."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", f"/api/v1/{endpoint}?{urlencode(parameters)}")
        document: dict[str, Any] = json.loads(connection.getresponse().read())
        return document
    finally:
        connection.close()


def _wait_for_samples(port: int, running: subprocess.Popen[bytes]) -> None:
    """A rate needs two samples."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and running.poll() is None:
        try:
            answer = query(
                f"http://127.0.0.1:{port}", "query", query="count_over_time(webhook_requests_total[1m]) >= 3"
            )
        except (OSError, ValueError, http.client.HTTPException):
            answer = {}
        if answer.get("data", {}).get("result"):
            return
        time.sleep(0.1)
    raise AssertionError(f"Prometheus has no samples after {START_SECONDS} s")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
