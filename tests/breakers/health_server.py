"""A health endpoint on a real socket, which gives a test's answers one after the other."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class HealthServer(ThreadingHTTPServer):
    """Gives the answers in turn, then repeats the last one."""

    daemon_threads = True

    def __init__(self, answers: Sequence[tuple[int, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = list(answers)
        self.paths: list[str] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Give the next answer."""
        server = self.server
        assert isinstance(server, HealthServer)
        with server.lock:
            server.paths.append(self.path)
            status, body = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no log."""


def breakers(status: int = 200, **states: Any) -> tuple[int, bytes]:
    """A health answer with these circuit breakers."""
    named = {name.replace("_", "-"): state for name, state in states.items()}
    return status, json.dumps({"status": "healthy", "circuitBreakers": named}).encode()


def breaker_list(*entries: Any) -> tuple[int, bytes]:
    """A health answer with a list of circuit breakers."""
    return 200, json.dumps({"status": "healthy", "circuitBreakers": entries}).encode()


@contextmanager
def health_server(*answers: tuple[int, bytes]) -> Iterator[HealthServer]:
    """A running server with these answers."""
    with HealthServer(answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
