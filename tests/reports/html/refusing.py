"""A proxy that refuses every request and records its host: what a page would have loaded."""

from __future__ import annotations

import re
import socketserver
import threading

REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

CHROMIUM_HOSTS = re.compile(
    r"(accounts|clients\d|update|safebrowsing|optimizationguide-pa|content-autofill|edgedl|redirector)"
    r"\.(me\.)?(google|googleapis|gvt1)\.com(:\d+)?"
)
"""Hosts that Chromium itself contacts for updates, accounts and lists."""


class RefusingProxy:
    """Listens on loopback while used as a context manager.

    Attributes:
        requested: host and port of every request, in order.
    """

    def __init__(self) -> None:
        self.requested: list[str] = []
        requested = self.requested

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                line = self.rfile.readline(4096).decode("latin-1").split()
                if len(line) >= 2:
                    host = line[1].partition("://")[2] if "://" in line[1] else line[1]
                    requested.append(host.partition("/")[0])
                self.wfile.write(REFUSAL)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.flags = (
            f"--proxy-server=http://127.0.0.1:{self._server.server_address[1]}",
            "--proxy-bypass-list=<-loopback>",
        )

    @property
    def requested_by_pages(self) -> list[str]:
        """The requested hosts, without those that Chromium itself contacts."""
        return [host for host in self.requested if not CHROMIUM_HOSTS.fullmatch(host)]

    def __enter__(self) -> RefusingProxy:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *details: object) -> None:
        self._server.shutdown()
        self._server.server_close()
