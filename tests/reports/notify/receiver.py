"""A dead-man's switch for the tests: records requests and answers with the given statuses."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET_PATH = "/ping/c0ffee-5ecret-uuid"


class Receiver:
    """Listens on loopback while used as a context manager.

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

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{SECRET_PATH}"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *details: object) -> None:
        self._server.shutdown()
        self._server.server_close()
