"""A dead-man's switch for the tests: records requests and answers with the given statuses."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.reports.loopback import LoopbackServer

SECRET_PATH = "/ping/c0ffee-5ecret-uuid"


class Receiver(LoopbackServer):
    """Listens while used as a context manager.

    Attributes:
        paths: the paths that were requested, in order.
        url: the address to request, with a secret in its path.
    """

    def __init__(self, *statuses: int, delay_seconds: float = 0.0) -> None:
        self.paths: list[str] = []
        answers = list(statuses) or [200]
        paths = self.paths

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                paths.append(self.path)
                time.sleep(delay_seconds)
                self.send_response(answers.pop(0) if len(answers) > 1 else answers[0])
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *args: object) -> None:
                """Nothing."""

        super().__init__(Handler, ThreadingHTTPServer)
        self.url = f"http://{self.address}{SECRET_PATH}"
