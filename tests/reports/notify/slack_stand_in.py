"""A stand-in for Slack's incoming webhooks on loopback: records messages and answers with the given replies."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.reports.loopback import LoopbackServer

PATH = "/services/T00000000/B00000000/hidden99hidden99hidden99"


@dataclass(frozen=True)
class Reply:
    """One answer; by default Slack's ``ok``."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0


class Slack(LoopbackServer):
    """Listens while used as a context manager.

    Attributes:
        posted: the messages, in order, including refused ones.
        at: arrival of each message, by the monotonic clock.
        url: the address to post to, with a secret in its path.
    """

    def __init__(self, *replies: Reply) -> None:
        self.posted: list[dict[str, Any]] = []
        self.at: list[float] = []
        left = list(replies) or [Reply()]
        posted, at = self.posted, self.at

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                reply = left.pop(0) if len(left) > 1 else left[0]
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == PATH and self.headers["Content-Type"] == "application/json":
                    posted.append(json.loads(body))
                    at.append(time.monotonic())
                time.sleep(reply.delay_seconds)
                self.send_response(reply.status)
                for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *args: object) -> None:
                """Nothing."""

        super().__init__(Handler, ThreadingHTTPServer)
        self.url = f"http://{self.address}{PATH}"
