"""A proxy that refuses every request and records its host: what a page would have loaded."""

from __future__ import annotations

import re
import socketserver

from tests.reports.loopback import LoopbackServer

REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

CHROMIUM_HOSTS = re.compile(
    r"(accounts|clients\d|update|safebrowsing|optimizationguide-pa|content-autofill|edgedl|redirector)"
    r"\.(me\.)?(google|googleapis|gvt1)\.com(:\d+)?"
)
"""Hosts that Chromium itself contacts for updates, accounts and lists."""


class RefusingProxy(LoopbackServer):
    """Refuses and records requests while used as a context manager.

    Attributes:
        requested: host and port of every request, in order.
        flags: options of Chromium that send all its traffic to the proxy.
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

        super().__init__(Handler, socketserver.ThreadingTCPServer)
        self.flags = (f"--proxy-server=http://{self.address}", "--proxy-bypass-list=<-loopback>")

    @property
    def requested_by_pages(self) -> list[str]:
        """The requested hosts, without those that Chromium itself contacts."""
        return [host for host in self.requested if not CHROMIUM_HOSTS.fullmatch(host)]
